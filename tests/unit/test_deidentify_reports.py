"""What the scrubber is told of a study, and what it says of a report."""

from __future__ import annotations

from datetime import date

import pytest

from dicom_export.deidentify import Identifiers, ScrubbedByRules
from dicom_export.model import EligibleReport, OrganizationNames
from tests.support.deidentified import KEY, SUBJECT, a_study

NAMES = OrganizationNames(
    doctors={
        "signer": "Lucía Berrondo Paz",
        "other": "Ramiro Etcheverry",
        "twin": "Ana Etcheverry",
    },
    technicians=("Zoilo Quintanilla",),
    places=("Sanatorio Los Tilos",),
)
STUDY = a_study(reports=(EligibleReport("r", 2, "", None, None, "signer"),))


def scrub(text: str, known: Identifiers | None = None) -> str:
    scrubber = ScrubbedByRules(KEY, lambda organization_id: NAMES)
    return scrubber.scrub(text, STUDY, known or Identifiers(), SUBJECT).text


def doctor(practitioner_id: str) -> str:
    return f"[DOCTOR-{KEY.doctor(practitioner_id)}]"


@pytest.mark.parametrize(
    ("spelling", "shown"),
    [
        ("BERRONDO PAZ LUCIA", doctor("signer")),
        ("BERRONDO LUCIA", doctor("signer")),
        ("ETCHEVERRY RAMIRO", doctor("other")),
        # Whose it is, one word does not tell; it goes all the same.
        ("ETCHEVERRY", "[DOCTOR]"),
        ("ETCHEVERRY JULIAN", "[DOCTOR]"),
    ],
)
def test_a_doctor_has_one_pseudonym_however_the_files_spell_the_name(
    spelling: str, shown: str
) -> None:
    text = scrub(f"Comentado con {spelling}.", Identifiers(staff={spelling}))
    assert text == f"Comentado con {shown}."


def test_everything_that_files_and_rows_know_is_taken_out() -> None:
    known = Identifiers(
        patients={"SALDIVIA TELMA"},
        codes={"HC-889912"},
        places={"CALLE IBIRAPITA 1200"},
        birth_dates={date(1950, 1, 2)},
        dates={date(2024, 1, 5)},
        uids={"1.2.840.99999.77"},
    )
    moved = SUBJECT.moved(date(2024, 1, 5))
    assert scrub(
        "Telma Saldivia (HC 889912), 2/1/1950, Calle Ibirapitá 1200. Estudio del 5/1/2024, "
        "1.2.840.99999.77, Sanatorio Los Tilos. Opacidad de 12 mm. Técnico: Quintanilla.",
        known,
    ) == (
        f"[PATIENT] ([ID]), [DATE], [ADDRESS]. Estudio del [DATE {moved}], [ID], [PLACE]. "
        "Opacidad de 12 mm. Técnico: [DOCTOR]."
    )


def test_marks_are_those_that_the_scrubber_made() -> None:
    scrubber = ScrubbedByRules(KEY, lambda organization_id: NAMES)
    known = Identifiers(patients={"SALDIVIA TELMA"})
    scrubbed = scrubber.scrub("Telma Saldivia refiere [DOLOR].", STUDY, known, SUBJECT)
    assert scrubbed.text == "[PATIENT] refiere [DOLOR]."
    assert scrubbed.marks == {"[PATIENT]"}


def test_an_organization_is_read_once() -> None:
    read: list[str] = []

    def names_of(organization_id: str) -> OrganizationNames:
        read.append(organization_id)
        return NAMES

    scrubber = ScrubbedByRules(KEY, names_of)
    other = a_study(organization_id="other")
    for study in (STUDY, STUDY, other, STUDY):
        scrubber.scrub("Normal.", study, Identifiers(), SUBJECT)
    assert read == [STUDY.organization_id, "other"]


def test_no_repr_shows_a_name() -> None:
    scrubber = ScrubbedByRules(KEY, lambda organization_id: NAMES)
    scrubbed = scrubber.scrub("Telma Saldivia", STUDY, Identifiers(), SUBJECT)
    assert "Saldivia" not in repr(scrubbed)
    assert "Berrondo" not in repr(NAMES)

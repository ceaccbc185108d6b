"""Studies reach the bucket de-identified, or not at all."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

import dicom_export
from dicom_export import deidentify
from dicom_export.deidentify import Basic, Identifiers, Key, ScrubbedReport, Subject
from dicom_export.deidentify.files import header
from dicom_export.model import EligibleStudy
from eden.errors import ConfigurationError
from eden.settings import DestinationDatabase, Export, load
from tests.support.exporting import PLANTED, Hospital, Image, Study, an_id, dicom
from tests.support.exporting import hospital as hospital  # noqa: PLC0414  # fixture
from tests.support.exporting import requests as requests  # noqa: PLC0414  # fixture
from tests.support.marts import insert

SECRET = "a secret of this test, long enough to be one"

Switch = Callable[..., None]


class Forgetful:
    """Forgets to scrub."""

    version = "test"

    def scrub(
        self, text: str, study: EligibleStudy, known: Identifiers, subject: Subject
    ) -> ScrubbedReport:
        return ScrubbedReport(text)


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch, hospital: Hospital) -> Switch:
    """De-identify from now on."""

    def to(policy: str = "exclude", secret: str = SECRET, scrubber: Any = None) -> None:
        monkeypatch.setenv("DEIDENTIFICATION", "basic")
        monkeypatch.setenv("DEIDENTIFICATION_KEY", secret)
        monkeypatch.setenv("BURNED_IN_POLICY", policy)
        if scrubber:
            monkeypatch.setattr(
                deidentify,
                "choose",
                lambda export, names_of: Basic(Key.of(export), export.burned_in_policy, scrubber),
            )

    to()
    return to


def set_study(hospital: Hospital, study: Study, **changes: Any) -> None:
    for column, value in changes.items():
        hospital.database.execute(
            f"UPDATE analytics.eligible_studies SET {column} = %s WHERE study_id = %s",
            (value, study.study_id),
        )


def metadata_of(hospital: Hospital, study: Study) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(hospital.objects()[study.metadata_key])
    return found


def replace_file(study: Study, image: Image, **changes: Any) -> None:
    image.path.write_bytes(dicom(study, image.sop_instance_uid, **changes))


def test_nothing_of_a_patient_is_in_the_bucket_and_keys_are_the_warehouses(
    hospital: Hospital, switch: Switch
) -> None:
    study = hospital.add_study()
    for image in study.images:
        replace_file(
            study,
            image,
            StudyDate="20240105",
            StudyDescription=f"RX TORAX {PLANTED}",
            SeriesDescription="TORAX PA",
            ManufacturerModelName=f"{PLANTED} X",
        )
    set_study(
        hospital, study, performed_at="2024-01-05 13:14:15+00",
        dicom_description=f"RX TÓRAX {PLANTED}", body_part_name="Tórax",
        body_part_identifier=f"TORAX {PLANTED}",
    )  # fmt: skip
    patient_id, doctor = (
        hospital.one(f"SELECT {column} FROM analytics.{table}")
        for column, table in (
            ("patient_id", "eligible_studies"),
            ("practitioner_id", "eligible_reports"),
        )
    )

    assert hospital.discover().counts == {"exported": 1}

    objects = hospital.objects()
    assert set(objects) == {
        study.metadata_key, study.report_key, *(study.image_key(image) for image in study.images),
    }  # fmt: skip
    originals = [study.uid, study.series_uid, *(image.sop_instance_uid for image in study.images)]
    for content in objects.values():
        for value in (PLANTED, "19500102", "20240105", "2024-01-05", str(patient_id), str(doctor)):
            assert value.lower().encode() not in content.lower()
        assert not [uid for uid in originals if uid.encode() in content]
    metadata = metadata_of(hospital, study)
    file = dcmread(BytesIO(objects[study.image_key(study.images[0])]))
    assert metadata["study"]["study_instance_uid"] == file.StudyInstanceUID
    assert metadata["series"][0]["series_instance_uid"] == file.SeriesInstanceUID
    uids = {entry["sop_instance_uid"] for entry in metadata["images"]}
    assert file.SOPInstanceUID in uids
    assert len(uids) == 2
    assert metadata["study"]["description"] is None
    assert metadata["study"]["body_part"] == {"identifier": None, "name": "TORAX"}
    assert metadata["series"][0]["description"] == "PA"
    moved = date.fromisoformat(metadata["study"]["performed_at"])
    assert f"{moved:%Y%m%d}" == file.StudyDate
    assert (date(2024, 1, 5) - moved) % timedelta(weeks=1) == timedelta(0)
    signed = date.fromisoformat(metadata["reports"][0]["signed_at"])
    assert signed - moved == date(2024, 1, 2) - date(2024, 1, 5)
    assert metadata["reports"][0]["doctor_id"].startswith("D")
    statement = metadata["deidentification"]
    assert statement["subject_id"] == file.PatientID
    assert (statement["mode"], statement["burned_in_policy"]) == ("basic", "exclude")
    assert statement["key_id"] == Key(SECRET.encode()).key_id
    dicom_attributes = metadata["images"][0]["dicom"]
    assert dicom_attributes["manufacturer_model_name"] == file.ManufacturerModelName
    assert dicom_attributes["view_position"] == "PA"
    assert objects[study.report_key] == b"Sin hallazgos. [PATIENT]"


def test_a_report_loses_the_names_that_the_warehouse_knows(
    hospital: Hospital, switch: Switch
) -> None:
    study = hospital.add_study()
    signer, colleague, stranger = an_id(), an_id(), an_id()
    elsewhere = an_id()
    hospital.database.execute(
        "UPDATE analytics.eligible_reports SET practitioner_id = %s WHERE report_id = %s",
        (signer, study.report_id),
    )
    for practitioner, organization, first_name, last_name in (
        # Who signs may belong to another organization.
        (signer, elsewhere, "Lucía", "Berrondo"),
        (colleague, study.organization_id, "Ramiro", "Etcheverry"),
        (stranger, elsewhere, "Opacidad", "Basal"),
    ):
        insert(
            hospital.database,
            "dim_practitioners",
            practitioner_id=practitioner,
            organization_id=organization,
            first_name=first_name,
            last_name=last_name,
        )
    insert(
        hospital.database,
        "dim_technicians",
        organization_id=study.organization_id,
        first_name="Zoilo",
        last_name="Quintanilla",
    )
    insert(
        hospital.database,
        "dim_facilities",
        organization_id=study.organization_id,
        facility_name="Sede Tarapuy",
        address='{"street": {"name": "Ibirapitá", "number": 1200}}',
        city="Guaviyú",
    )
    hospital.set_report(
        study,
        f"RX TÓRAX en Sede Tarapuy, Guaviyú (Ibirapitá). {PLANTED}, nacida el 02/01/1950. "
        "Opacidad basal de 12 mm en D8. Técnico Quintanilla. Comentado con "
        "Dr. Etcheverry el 05/01/2024.\nBERRONDO, LUCIA",
    )
    set_study(hospital, study, performed_at="2024-01-05 13:14:15+00")
    hospital.touch(study)
    assert hospital.discover().counts == {"exported": 1}
    text = hospital.objects()[study.report_key].decode()
    key = Key(SECRET.encode())
    metadata = metadata_of(hospital, study)
    assert text == (
        "RX TÓRAX en [PLACE], [PLACE] ([PLACE]). [PATIENT], nacida el [DATE]. "
        "Opacidad basal de 12 mm en D8. Técnico [DOCTOR]. Comentado con "
        f"Dr. [DOCTOR-{key.doctor(colleague)}] el [DATE {metadata['study']['performed_at']}].\n"
        f"[DOCTOR-{key.doctor(signer)}]"
    )
    assert metadata["reports"][0]["doctor_id"] == key.doctor(signer)


def test_a_second_discovery_sends_nothing(
    hospital: Hospital, switch: Switch, requests: list[tuple[str, str]]
) -> None:
    study = hospital.add_study()
    hospital.discover()
    first = hospital.objects()
    requests.clear()
    assert hospital.discover().counts == {}
    assert requests == []
    # Made anew, everything but the time of the export is the same.
    hospital.touch(study)
    hospital.discover()
    assert {key for method, key in requests if method == "PUT"} == {study.metadata_key}
    second = hospital.objects()
    assert {key: second[key] for key in first if key != study.metadata_key} == {
        key: first[key] for key in first if key != study.metadata_key
    }


def test_a_patient_is_one_subject_within_an_organization_and_a_study_without_one_is_its_own(
    hospital: Hospital, switch: Switch
) -> None:
    studies = [hospital.add_study(images=1) for _ in range(5)]
    patient, organization = an_id(), an_id()
    for study in studies[:2]:
        set_study(hospital, study, patient_id=patient, organization_id=organization)
        study.organization_id = organization
    set_study(hospital, studies[2], patient_id=patient)
    for study in studies[3:]:
        set_study(hospital, study, patient_id=None)
    assert hospital.discover().counts == {"exported": 5}
    subjects = [metadata_of(hospital, study)["deidentification"]["subject_id"] for study in studies]
    assert subjects[0] == subjects[1]
    assert len(set(subjects)) == 4


def test_switching_over_replaces_everything_that_was_sent_before(
    hospital: Hospital, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = hospital.add_study()
    monkeypatch.setenv("DEIDENTIFICATION", "off")
    hospital.discover()
    assert PLANTED.encode() in hospital.objects()[study.image_key(study.images[0])]
    switch()
    assert hospital.discover().counts == {"exported": 1}
    assert not [key for key, content in hospital.objects().items() if PLANTED.encode() in content]


# What is left over --------------------------------------------------------------------------------


def assert_quarantined(
    hospital: Hospital, study: Study, summary: Any, logged: str, where: str
) -> None:
    assert summary.counts == {"quarantined": 1}
    assert hospital.objects() == {}
    assert hospital.status(study) == "quarantined"
    assert any(error.startswith("RESIDUAL_PHI: ") for error in summary.results[0].errors)
    assert f"RESIDUAL_PHI: {where}" in " ".join(summary.results[0].errors)
    ledger = "".join(
        hospital.one(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM ops.{table} t")
        for table in ("study_exports", "image_exports", "exported_objects")
    )
    for shown in (logged, ledger, json.dumps(summary.to_dict()), repr(summary)):
        text = shown.replace(str(hospital.archive), "")
        assert PLANTED not in text
        assert "19500102" not in text


@pytest.mark.parametrize("state", ["missing", "truncated", "no image", "nameless"])
def test_no_report_leaves_before_a_file_says_whose_name_to_take_out(
    hospital: Hospital, switch: Switch, state: str
) -> None:
    """The warehouse does not know the patient's name; a report may say it without a cue."""
    study = hospital.add_study(images=1, content="Se compara con el estudio de Quiroga Elvira.")
    image = study.images[0]
    whole = dicom(study, image.sop_instance_uid, PatientName="QUIROGA^ELVIRA")
    image.path.write_bytes(whole)
    assert hospital.discover().counts == {"exported": 1}
    if state in ("missing", "nameless"):
        image.path.unlink()
    elif state == "truncated":
        image.path.write_bytes(whole[:-100])
    else:
        replace_file(study, image, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    if state == "nameless":
        hospital.add_image(study, instance_number=2, PatientName="")
    hospital.set_report(study, "Estudio de Quiroga Elvira, sin cambios.")
    hospital.touch(study)

    (result,) = hospital.discover().results

    assert (result.reports_uploaded, result.metadata_uploaded) == (0, False)
    assert not any("EMPTY_REPORT" in error for error in result.errors)
    assert study.report_key not in hospital.objects()
    image.path.write_bytes(whole)
    hospital.touch(study)
    assert hospital.discover().counts == {"exported": 1}
    assert hospital.objects()[study.report_key] == b"Estudio de [PATIENT], sin cambios."


def test_what_was_sent_as_it_was_does_not_outlive_the_switch_for_want_of_its_file(
    hospital: Hospital, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEIDENTIFICATION", "off")
    study = hospital.add_study()
    gone, kept = study.images
    assert hospital.discover().counts == {"exported": 1}
    content = gone.path.read_bytes()
    gone.path.unlink()
    switch()

    assert hospital.discover().counts == {"incomplete": 1}

    assert study.image_key(gone) not in hospital.objects()
    assert not [key for key, found in hospital.objects().items() if PLANTED.encode() in found]
    # What was sent under the same rules stays: it need not be sent again.
    gone.path.write_bytes(content)
    hospital.make_due()
    assert hospital.discover().counts == {"exported": 1}
    kept.path.unlink()
    hospital.touch(study)
    assert hospital.discover().counts == {"incomplete": 1}
    assert study.image_key(kept) in hospital.objects()


@pytest.mark.parametrize(
    "left", [PLANTED, "02/01/1950", "2 de enero de 1950", PLANTED.capitalize()]
)
def test_a_leak_in_a_report_empties_the_study(
    hospital: Hospital, switch: Switch, caplog: pytest.LogCaptureFixture, left: str
) -> None:
    caplog.set_level(logging.DEBUG)
    study = hospital.add_study()
    assert hospital.discover().counts == {"exported": 1}
    switch(scrubber=Forgetful())
    hospital.set_report(study, f"Paciente {left}. Sin hallazgos.")
    hospital.touch(study)
    summary = hospital.discover()
    assert_quarantined(hospital, study, summary, caplog.text, f"report {study.report_id}")
    assert {hospital.image_row(image) for image in study.images} == {
        ("quarantined", "STUDY_QUARANTINED")
    }


def test_a_leak_in_a_file_empties_the_study(
    hospital: Hospital,
    switch: Switch,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    study = hospital.add_study()
    leaking = study.images[0]
    replace_file(study, leaking, StudyDescription=f"RX de {PLANTED}")
    monkeypatch.setattr(header._Cleaner, "_words", lambda self, rule, value: str(value))
    summary = hospital.discover()
    assert_quarantined(hospital, study, summary, caplog.text, f"image {leaking.image_id}")
    assert hospital.image_row(leaking) == ("quarantined", "RESIDUAL_PHI")
    assert hospital.image_row(study.images[1]) == ("quarantined", "STUDY_QUARANTINED")


def test_a_name_that_only_another_file_knows_is_looked_for_in_all(
    hospital: Hospital, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = hospital.add_study()
    first, second = study.images
    replace_file(study, first, StudyDescription="RX DE SALDIVIA")
    replace_file(study, second, OperatorsName="SALDIVIA^TELMA")
    monkeypatch.setattr(header._Cleaner, "_words", lambda self, rule, value: str(value))
    assert hospital.discover().counts == {"quarantined": 1}
    assert hospital.image_row(first) == ("quarantined", "RESIDUAL_PHI")


def test_a_leak_in_metadata_empties_the_study(
    hospital: Hospital, switch: Switch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    study = hospital.add_study()
    set_study(hospital, study, modality_code=f"CR {PLANTED}")
    summary = hospital.discover()
    assert_quarantined(hospital, study, summary, caplog.text, "metadata.json")


# Burned-in text and pixels ------------------------------------------------------------------------


def test_files_at_risk_of_burned_in_text_follow_the_policy(
    hospital: Hospital, switch: Switch
) -> None:
    study = hospital.add_study()
    risky = study.images[1]
    replace_file(study, risky, BurnedInAnnotation="YES")
    alone = hospital.add_study(images=1)
    replace_file(alone, alone.images[0], BurnedInAnnotation="YES")
    summary = hospital.discover()
    assert summary.counts == {"exported": 1, "incomplete": 1}
    assert hospital.image_row(risky) == ("skipped", "BURNED_IN")
    assert study.image_key(risky) not in hospital.objects()
    assert metadata_of(hospital, study)["left_out"] == [{"id": risky.image_id, "code": "BURNED_IN"}]
    assert hospital.image_row(alone.images[0]) == ("skipped", "BURNED_IN")
    switch("flag")
    assert hospital.discover().counts == {"exported": 2}
    flagged = metadata_of(hospital, alone)["images"][0]
    assert "BURNED_IN_SAYS_SO" in flagged["warnings"]
    assert flagged["dicom"]["burned_in_annotation"] == "YES"
    assert metadata_of(hospital, alone)["deidentification"]["burned_in_policy"] == "flag"


def test_off_knows_no_burned_in_text(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    study = hospital.add_study(images=1)
    replace_file(study, study.images[0], BurnedInAnnotation="YES")
    assert hospital.discover().counts == {"exported": 1}


def test_a_file_that_cannot_be_cleaned_is_left_out(hospital: Hospital, switch: Switch) -> None:
    study = hospital.add_study()
    image = study.images[0]
    content = image.path.read_bytes()
    # Encapsulated pixels that are no JPEG.
    at = content.index(b"\xe0\x7f\x10\x00")
    fragment = b"\xfe\xff\x00\xe0" + (8).to_bytes(4, "little") + b"ZZPLANTD"
    empty = b"\xfe\xff\x00\xe0\0\0\0\0"
    pixels = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + empty + fragment
    syntax = b"1.2.840.10008.1.2.1\0"
    assert content.count(syntax) == 1
    head = content[:at].replace(b"UI\x14\x00" + syntax, b"UI\x16\x00" + b"1.2.840.10008.1.2.4.50")
    length = int.from_bytes(head[140:144], "little") + 2
    head = head[:140] + length.to_bytes(4, "little") + head[144:]
    image.path.write_bytes(head + pixels + b"\xfe\xff\xdd\xe0\0\0\0\0")
    assert hospital.discover().counts == {"exported": 1}
    assert hospital.image_row(image) == ("skipped", "UNSUPPORTED_PIXELS")


# The key ------------------------------------------------------------------------------------------


def test_another_key_is_refused_before_anything_is_claimed(
    hospital: Hospital, switch: Switch, caplog: pytest.LogCaptureFixture
) -> None:
    hospital.add_study()
    hospital.discover()
    before = hospital.objects()
    hospital.add_study()
    switch(secret=SECRET + "!")
    for attempt in (
        hospital.discover,
        lambda: dicom_export.count_pending(load(DestinationDatabase), load(Export)),
    ):
        with pytest.raises(ConfigurationError, match="DEIDENTIFICATION_KEY has changed") as caught:
            attempt()
        assert SECRET not in str(caught.value)
        assert Key(SECRET.encode()).key_id in str(caught.value)
    assert hospital.objects() == before
    assert hospital.one("SELECT count(*) FROM ops.study_exports WHERE attempts > 0") == 1
    recorded = hospital.one("SELECT key_id FROM ops.deidentification_key")
    assert re.fullmatch("[0-9a-f]{16}", recorded)
    assert SECRET not in caplog.text
    # On purpose, as the documentation says: all is made anew.
    hospital.database.execute("DELETE FROM ops.deidentification_key")
    assert hospital.discover().counts == {"exported": 2}
    assert hospital.one("SELECT key_id FROM ops.deidentification_key") != recorded


def test_another_study_in_the_file_is_still_found_first(hospital: Hospital, switch: Switch) -> None:
    study = hospital.add_study()
    replace_file(study, study.images[0], StudyInstanceUID=generate_uid())
    assert hospital.discover().counts == {"quarantined": 1}
    assert hospital.image_row(study.images[0]) == ("quarantined", "STUDY_MISMATCH")

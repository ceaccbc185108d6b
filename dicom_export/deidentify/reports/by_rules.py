"""Connects the scrubber with the export: makes the known identifiers of a study.

``docs/report-scrubbing.md`` says what the scrubber does and what it may miss.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from dicom_export.deidentify.api import ScrubbedReport
from dicom_export.deidentify.folding import words
from dicom_export.deidentify.identifiers import Identifiers
from dicom_export.deidentify.key import Key, Subject
from dicom_export.deidentify.reports import (
    RULES_VERSION,
    Directory,
    KnownIdentifiers,
    Person,
    ScrubbedText,
    Scrubber,
)
from dicom_export.model import EligibleStudy, OrganizationNames

ORGANIZATIONS_KEPT = 64
"""Organizations whose names stay in memory: a discovery takes studies of many by turns."""

FEWEST_WORDS_IN_COMMON = 2

NamesOf = Callable[[str], OrganizationNames]
"""Reads the names of an organization, given its id."""

_MARK = re.compile(r"\[[A-Z][A-Z0-9 +-]*\]")


@dataclass(frozen=True, slots=True)
class _Organization:
    """The names of an organization, prepared once for all its reports."""

    names: OrganizationNames
    doctors: tuple[tuple[str, frozenset[str]], ...] = field(repr=False)
    """Ids, each with the words of the name."""
    directory: Directory = field(repr=False)


class ScrubbedByRules:
    """Scrubs with the identifiers of a study's files and rows and its organization's staff list.

    An organization's names are read for its first report and kept as long as this object lives.
    """

    version = RULES_VERSION

    def __init__(self, key: Key, names_of: NamesOf) -> None:
        self._key = key
        self._names_of = names_of
        self._lock = threading.Lock()
        self._organization = lru_cache(ORGANIZATIONS_KEPT)(self._read)

    def scrub(
        self, text: str, study: EligibleStudy, known: Identifiers, subject: Subject
    ) -> ScrubbedReport:
        """Scrub one report; doctors stand in it as ``[DOCTOR-...]`` with the id of the metadata.

        Raises:
            DatabaseUnavailable: the organization's names can't be read.
        """
        with self._lock:
            # Several threads may need the names at once; the first reads them.
            organization = self._organization(study.organization_id)
        signers = {report.practitioner_id for report in study.reports}
        doctors = organization.names.doctors.items()
        own = ((one, name) for one, name in doctors if one in signers)
        in_files = (
            Person(name, self._pseudonym_of(name, organization)) for name in sorted(known.staff)
        )
        identifiers = KnownIdentifiers(
            patient_names=tuple(sorted(known.patients)),
            birth_dates=tuple(sorted(known.birth_dates)),
            study_dates=tuple(sorted(known.dates)),
            ids=tuple(sorted(known.codes | known.uids)),
            phrases=tuple(sorted(known.places)),
            doctors=(*self._doctors(own), *in_files),
        )
        scrubbed = Scrubber(
            identifiers, organization.directory, shift_days=subject.shift.days
        ).scrub(text)
        return ScrubbedReport(scrubbed.text, _marks(text, scrubbed))

    def _read(self, organization_id: str) -> _Organization:
        names = self._names_of(organization_id)
        staff = [*self._doctors(names.doctors.items()), *map(Person, names.technicians)]
        folded = tuple((one, frozenset(words(name))) for one, name in names.doctors.items())
        return _Organization(names, folded, Directory(staff, names.places))

    def _doctors(self, doctors: Iterable[tuple[str, str]]) -> list[Person]:
        return [Person(name, self._pseudonym(one)) for one, name in doctors]

    def _pseudonym(self, practitioner_id: str) -> str:
        return f"DOCTOR-{self._key.doctor(practitioner_id)}"

    def _pseudonym_of(self, name: str, organization: _Organization) -> str | None:
        """Return the pseudonym of a name as the files spell it; None unless one doctor matches."""
        spelt = frozenset(words(name))
        meant = [one for one, listed in organization.doctors if _is_same_person(spelt, listed)]
        return self._pseudonym(meant[0]) if len(meant) == 1 else None


def _is_same_person(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two names share two words, and the shorter has no other word."""
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= FEWEST_WORDS_IN_COMMON and shorter <= longer


def _marks(before: str, scrubbed: ScrubbedText) -> frozenset[str]:
    """Return the marks that the scrubber wrote, without texts of the input that look like marks."""
    return frozenset(_MARK.findall(scrubbed.text)) - frozenset(_MARK.findall(before))

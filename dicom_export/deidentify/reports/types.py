"""What the scrubber knows of a study, and what it answers. No ``repr`` shows a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class Kind(StrEnum):
    """What was removed; the value is the word within the brackets that take its place."""

    PATIENT = "PATIENT"
    DOCTOR = "DOCTOR"
    """Anyone of the staff: doctors, technicians, typists."""
    PERSON = "PERSON"
    """KnownPerson else, or nobody knows who: relatives, names behind 'Sr.'."""
    ID = "ID"
    LICENCE = "LICENCE"
    DATE = "DATE"
    PHONE = "PHONE"
    EMAIL = "EMAIL"
    URL = "URL"
    ADDRESS = "ADDRESS"
    PLACE = "PLACE"
    """A facility or an organization."""
    AGE = "AGE"
    """An age over 89."""


_PSEUDONYM = re.compile(r"DOCTOR-[A-Z0-9]{4,32}")


@dataclass(frozen=True, slots=True)
class Person:
    """One of the staff.

    Raises:
        ValueError: The pseudonym is not of the form 'DOCTOR-' and 4 to 32 capitals or digits, by
            which a second run knows it again.
    """

    name: str = field(repr=False)
    """As it is written anywhere: 'Lucía Berrondo', 'BERRONDO^LUCIA', 'Berrondo, Lucía'."""
    pseudonym: str | None = None
    """What stands for the name; None: '[DOCTOR]'."""

    def __post_init__(self) -> None:
        if self.pseudonym is not None and not _PSEUDONYM.fullmatch(self.pseudonym):
            raise ValueError("a pseudonym is 'DOCTOR-' and 4 to 32 capitals or digits")


@dataclass(frozen=True, slots=True)
class KnownIdentifiers:
    """What the study's own files and the warehouse say about who is in the report."""

    patient_names: tuple[str, ...] = field(default=(), repr=False)
    """DICOM person names (PN) or plain ones: the patient's, other names, the mother's."""
    birth_dates: tuple[date, ...] = field(default=(), repr=False)
    study_dates: tuple[date, ...] = field(default=(), repr=False)
    """Days that the de-identified files show shifted: study, series, acquisition."""
    ids: tuple[str, ...] = field(default=(), repr=False)
    """Patient ids, documents, accession numbers, UIDs, phone numbers."""
    phrases: tuple[str, ...] = field(default=(), repr=False)
    """Anything else that must not stay as it is written, such as the patient's address."""
    doctors: tuple[Person, ...] = field(default=(), repr=False)
    """Those who have to do with the study: signer, referring, performing, technician."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the report as it was: where, and what, never the value."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class ScrubbedText:
    """A report that may leave."""

    text: str = field(repr=False)
    counts: Mapping[Kind, int]
    """How many of each kind were replaced; fit to be logged."""
    spans: tuple[Span, ...] = field(repr=False)
    """What was replaced, by offset in the text that was given."""
    review: int = 0
    """Words that are a known name and were left, since they read like ordinary words here."""

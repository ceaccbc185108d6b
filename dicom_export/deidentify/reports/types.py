"""The input and the result of the scrubber. No ``repr`` shows a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class Kind(StrEnum):
    """The kind of a removed text; its value stands within the brackets that replace the text."""

    PATIENT = "PATIENT"
    DOCTOR = "DOCTOR"
    """Anyone of the staff: doctors, technicians, typists."""
    PERSON = "PERSON"
    """Relatives, and names behind 'Sr.' that belong to no known person."""
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
    """A member of the staff: a doctor, a technician.

    Raises:
        ValueError: The pseudonym is not 'DOCTOR-' and 4 to 32 capitals or digits; by this form a
            second run recognizes it.
    """

    name: str = field(repr=False)
    """In any order and case: 'Lucía Berrondo', 'BERRONDO^LUCIA', 'Berrondo, Lucía'."""
    pseudonym: str | None = None
    """Replaces the name; None: '[DOCTOR]' does."""

    def __post_init__(self) -> None:
        if self.pseudonym is not None and not _PSEUDONYM.fullmatch(self.pseudonym):
            raise ValueError("a pseudonym is 'DOCTOR-' and 4 to 32 capitals or digits")


@dataclass(frozen=True, slots=True)
class KnownIdentifiers:
    """The identifiers of a study that its files and the warehouse hold."""

    patient_names: tuple[str, ...] = field(default=(), repr=False)
    """DICOM person names (PN) or plain ones: the patient's, other names, the mother's."""
    birth_dates: tuple[date, ...] = field(default=(), repr=False)
    study_dates: tuple[date, ...] = field(default=(), repr=False)
    """Days that the de-identified files show shifted: study, series, acquisition."""
    ids: tuple[str, ...] = field(default=(), repr=False)
    """Patient ids, documents, accession numbers, UIDs, phone numbers."""
    phrases: tuple[str, ...] = field(default=(), repr=False)
    """Other texts that must go, such as the patient's address."""
    doctors: tuple[Person, ...] = field(default=(), repr=False)
    """The doctors and technicians of the study: signer, referring, performing."""


@dataclass(frozen=True, slots=True)
class Span:
    """The place and kind of a removed text, never its value."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class ScrubbedText:
    """A report without identifiers."""

    text: str = field(repr=False)
    counts: Mapping[Kind, int]
    """Replaced texts per kind; safe to log."""
    spans: tuple[Span, ...] = field(repr=False)
    """The replaced texts, as offsets (code points) in the input."""
    review: int = 0
    """Words that are a known name and stayed because they read like ordinary words there."""

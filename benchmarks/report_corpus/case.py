"""The people and numbers of one generated report, and what the export would know of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random
from unicodedata import combining, normalize

from benchmarks.report_corpus.sets import Language, Region, Shapes
from benchmarks.report_corpus.shapes import bare, fill


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name, with every accent in place."""

    given: tuple[str, ...]
    family: tuple[str, ...]
    """Each with its particles: 'de la Cruz'."""
    sex: str

    @property
    def first_name(self) -> str:
        """All given names."""
        return " ".join(self.given)

    @property
    def last_name(self) -> str:
        """All family names."""
        return " ".join(self.family)


@dataclass(frozen=True, slots=True)
class Practitioner:
    """A doctor or technician; ``is_known`` where the warehouse has them."""

    name: Name
    is_known: bool


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody and everything that identifies in one case."""

    language: Language
    patient: Name
    dicom_name: str
    """As the modality wrote it: PN, often without accents, sometimes without the second name."""
    birth_date: date
    study_date: date
    record_number: str
    accession: str
    document: str
    document_is_known: bool
    signer: Practitioner
    referring: Practitioner
    technician: Practitioner
    other: Practitioner
    relative: Name
    staff: tuple[Name, ...]
    """Colleagues of the same organization, who have nothing to do with the case."""
    organization: str
    facility: str

    @property
    def age(self) -> int:
        """In whole years on the day of the study."""
        born, day = self.birth_date, self.study_date
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


@dataclass(frozen=True, slots=True)
class Labelled:
    """A number with its label; what in it identifies nobody stands in braces."""

    label: str
    braced: str

    @property
    def number(self) -> str:
        """The number as it is printed."""
        return bare(self.braced)


@dataclass(frozen=True, slots=True)
class Case:
    """A cast, and the numbers as the report writes them."""

    region: Region
    cast: Cast
    paper: Labelled
    record: Labelled
    order: Labelled
    resident: Name


def labelled(rng: Random, pool: Shapes) -> Labelled:
    """Draw a number."""
    label, shape = rng.choice(pool)
    return Labelled(label, fill(rng, shape))


def without_accents(text: str) -> str:
    """Drop every combining mark."""
    return "".join(letter for letter in normalize("NFD", text) if not combining(letter))

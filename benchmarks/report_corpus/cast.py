"""Who a generated report speaks of, and what the export would know of them.

Names, phones, addresses and documents come from Faker, so that nobody who writes rules chose them;
a good part of the cast is then given names that are words of radiology.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Literal
from unicodedata import combining, normalize

from faker import Faker

Language = Literal["es", "pt", "en"]

_LOCALES: dict[Language, tuple[str, ...]] = {
    "es": ("es_ES", "es_AR", "es_CL", "es_MX", "es_CO"),
    "pt": ("pt_BR", "pt_BR", "pt_PT"),
    "en": ("en_US", "en_US", "en_GB"),
}
_AMBIGUOUS_FAMILIES: dict[Language, tuple[str, ...]] = {
    "es": (
        "Costa", "Campos", "Blanco", "Cruz", "Paz", "Vértiz", "Calvo", "Delgado", "Moreno",
        "Torres",
        "Cabeza", "Cuello", "Luna", "Prado", "Leal", "Lobo", "Franco", "Seco", "Bravo", "Rojas",
        "Claro", "Grande", "Seguro", "Valle", "Reyes", "Fuentes", "Cadena", "Corona", "Ventura",
        "Peña", "Cuesta", "García", "Chagas",
    ),
    "pt": (
        "Costa", "Campos", "Branco", "Cruz", "Paz", "Leite", "Rocha", "Lobo", "Castelo", "Ramos",
        "Neves", "Ventura", "Silva", "Leal", "Serra", "Ribeiro", "Coroa", "Franco", "Seco", "Claro",
        "Vale", "Chagas", "Prado", "Pinheiro", "Domingos", "Porto", "Costas",
    ),
    "en": (
        "Long", "Young", "White", "Black", "Brown", "Green", "Small", "Little", "Strong", "Fields",
        "Marks", "Hand", "Head", "Hart", "Waters", "Law", "Case", "Day", "May", "Frank", "Grant",
        "Rich", "Sharp", "Stone", "Cross", "Good", "Weeks", "Major", "Bone", "Barrett", "Baker",
        "Paget", "Price", "Page", "Wood", "Miller", "Swan", "Chambers", "Fisher", "Wall", "Base",
        "Cook", "English", "Hall", "Webb",
    ),
}  # fmt: skip
_AMBIGUOUS_GIVEN: dict[Language, dict[str, tuple[str, ...]]] = {
    "es": {
        "F": ("Dolores", "Pilar", "Rosa", "Luz", "Paz", "Rosario", "Ángeles", "Concepción", "Clara",
              "Blanca", "Serena", "Nieves", "Mercedes"),
        "M": ("Salvador", "Franco", "Reyes", "Ventura"),
    },
    "pt": {
        "F": ("Dores", "Pilar", "Rosa", "Luz", "Clara", "Branca", "Conceição"),
        "M": ("Salvador", "Franco", "Domingos"),
    },
    "en": {"F": ("May", "Grace", "Rose", "Hope"), "M": ("Mark", "Frank", "Grant", "Rich")},
}  # fmt: skip
_PARTICLES: dict[Language, tuple[str, ...]] = {
    "es": ("de la", "del", "de los", "de", "De la", "Del"),
    "pt": ("da", "dos", "de", "do", "das", "e"),
    "en": ("van der", "de", "St.", "von"),
}
_ORGANIZATIONS: dict[Language, tuple[str, ...]] = {
    "es": (
        "Clínica del Valle", "Hospital San Roque", "Sanatorio Los Tilos",
        "Centro Médico Costa Azul",
        "Imágenes del Litoral", "Diagnóstico Pereyra", "Hospital Regional de Tarapuy",
    ),
    "pt": (
        "Clínica D'Or", "Hospital Santa Luzia", "Instituto Radiológico Bonfim",
        "Casa de Saúde Aurora",
        "Imagem Campos Gerais", "Hospital Municipal de Itaperoá",
    ),
    "en": (
        "Northside Imaging", "St. Brendan Hospital", "Lakeview Radiology Associates",
        "Marlow County Medical Center", "Whitfield Clinic",
    ),
}  # fmt: skip
_FACILITIES: dict[Language, tuple[str, ...]] = {
    "es": ("Sede Central", "Policlínica Este", "Sucursal Pocitos", "Anexo Quilmes", "Sede Norte"),
    "pt": ("Unidade Jardins", "Unidade Praia", "Posto Bela Vista", "Filial Moema"),
    "en": ("Main Street", "Riverside Campus", "Harbor Annex", "Eastgate"),
}


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


@cache
def faker(locale: str) -> Faker:
    """Give the one generator of a locale; making one takes a while."""
    return Faker(locale)


def seeded(rng: Random, language: Language) -> Faker:
    """Give a generator of one of the language's locales, which follows ``rng``."""
    made = faker(rng.choice(_LOCALES[language]))
    made.seed_instance(rng.getrandbits(64))
    return made


def without_accents(text: str) -> str:
    """Drop every combining mark."""
    return "".join(letter for letter in normalize("NFD", text) if not combining(letter))


def make_name(rng: Random, language: Language, *, ambiguous: float = 0.15) -> Name:
    """Invent a person; with the chance ``ambiguous`` each part of the name is a common word."""
    made = seeded(rng, language)
    sex = rng.choice("FM")
    first = made.first_name_female if sex == "F" else made.first_name_male
    given = [first() for _ in range(rng.choice((1, 1, 2)))]
    if rng.random() < ambiguous / 2:
        given[-1] = rng.choice(_AMBIGUOUS_GIVEN[language][sex])
    wanted = 1 if language == "en" else rng.choice((1, 2, 2))
    family = [made.last_name() for _ in range(wanted)]
    if rng.random() < ambiguous:
        family[rng.randrange(wanted)] = rng.choice(_AMBIGUOUS_FAMILIES[language])
    if rng.random() < (0.25 if language == "pt" else 0.08):
        family[-1] = f"{rng.choice(_PARTICLES[language])} {family[-1]}"
    elif rng.random() < 0.06:
        family[-1] = f"{family[-1]}-{made.last_name()}"
    return Name(tuple(given), tuple(family), sex)


def make_cast(rng: Random, language: Language, numbers: Numbers) -> Cast:
    """Invent a case."""
    patient = make_name(rng, language, ambiguous=0.5)
    study_date = date(2015, 1, 1) + timedelta(days=rng.randrange(3900))
    age_in_days = (
        rng.randrange(33_000, 37_500) if rng.random() < 0.1 else rng.randrange(500, 32_000)
    )
    signer = Practitioner(make_name(rng, language, ambiguous=0.3), rng.random() < 0.95)
    referring = Practitioner(make_name(rng, language, ambiguous=0.3), rng.random() < 0.7)
    technician = Practitioner(make_name(rng, language), rng.random() < 0.8)
    other = Practitioner(make_name(rng, language, ambiguous=0.3), rng.random() < 0.3)
    return Cast(
        language=language,
        patient=patient,
        dicom_name=_dicom_name(rng, patient),
        birth_date=study_date - timedelta(days=age_in_days),
        study_date=study_date,
        record_number=numbers.record_number,
        accession=numbers.accession,
        document=numbers.document,
        document_is_known=rng.random() < 0.5,
        signer=signer,
        referring=referring,
        technician=technician,
        other=other,
        relative=make_name(rng, language),
        staff=tuple(make_name(rng, language, ambiguous=0.4) for _ in range(12)),
        organization=rng.choice(_ORGANIZATIONS[language]),
        facility=rng.choice(_FACILITIES[language]),
    )


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a case, in the forms of one hand."""

    record_number: str
    accession: str
    document: str


def _dicom_name(rng: Random, name: Name) -> str:
    given = name.given[:1] if rng.random() < 0.1 else name.given
    written = f"{name.last_name}^{' '.join(given)}"
    if rng.random() < 0.7:
        written = without_accents(written)
    return written.upper() if rng.random() < 0.8 else written

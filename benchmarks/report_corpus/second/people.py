"""Who a report of the second author speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from string import ascii_uppercase

from benchmarks.report_corpus.cast import Cast, Name, Practitioner, without_accents
from benchmarks.report_corpus.second.countries import Country


@dataclass(frozen=True, slots=True)
class Labelled:
    """A number with what stands before and behind it."""

    label: str
    number: str
    behind: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A cast, and the numbers as this country writes them."""

    country: Country
    cast: Cast
    paper: Labelled
    record: Labelled
    order: Labelled
    resident: Name


def shaped(rng: Random, shape: str) -> str:
    """Fill a shape."""
    drawn = {"#": "0123456789", "%": "123456789", "@": ascii_uppercase, "~": "#"}
    return "".join(rng.choice(drawn[letter]) if letter in drawn else letter for letter in shape)


def labelled(rng: Random, pool: tuple[tuple[str, str], ...]) -> Labelled:
    """Draw a number."""
    label, shape = rng.choice(pool)
    return Labelled(label, shaped(rng, shape))


def make_case(rng: Random, country: Country) -> Case:
    """Invent a case."""
    day = date(2014, 1, 6) + timedelta(days=rng.randrange(4000))
    paper, record, order = (
        labelled(rng, pool) for pool in (country.papers, country.records, country.orders)
    )
    patient = make_name(rng, country)
    cast = Cast(
        language=country.language,
        patient=patient,
        dicom_name=_dicom_name(rng, patient),
        birth_date=day - timedelta(days=_age_in_days(rng)),
        study_date=day,
        record_number=_stored(rng, record.number),
        accession=_stored(rng, order.number),
        document=_stored(rng, paper.number),
        document_is_known=rng.random() < 0.5,
        signer=Practitioner(make_name(rng, country), rng.random() < 0.95),
        referring=Practitioner(make_name(rng, country), rng.random() < 0.7),
        technician=Practitioner(make_name(rng, country), rng.random() < 0.8),
        other=Practitioner(make_name(rng, country), rng.random() < 0.3),
        relative=make_name(rng, country),
        staff=tuple(make_name(rng, country) for _ in range(10)),
        organization=rng.choice(country.organizations),
        facility=rng.choice(country.facilities),
    )
    return Case(country, cast, paper, record, order, make_name(rng, country))


def make_name(rng: Random, country: Country) -> Name:
    """Invent a person of this country."""
    sex = rng.choice("FM")
    given = rng.choice(country.women if sex == "F" else country.men)
    first, second = rng.sample(country.families, 2)
    families = (first, second) if country.two_families else (first,)
    if country.code == "ES" and rng.random() < 0.08:
        families = (first, f"y {second}")
    if country.language == "pt" and sex == "M" and rng.random() < 0.15:
        families = (*families, rng.choice(("Júnior", "Filho", "Neto", "Jr.")))
    if country.language == "en" and sex == "M" and rng.random() < 0.06:
        families = (*families, rng.choice(("Jr.", "III", "Sr.")))
    return Name(tuple(given.split(" ")), families, sex)


def _age_in_days(rng: Random) -> int:
    drawn = rng.random()
    if drawn < 0.06:
        return rng.randrange(32_950, 37_000)
    if drawn < 0.16:
        return rng.randrange(20, 5_000)
    return rng.randrange(6_600, 32_000)


def _dicom_name(rng: Random, name: Name) -> str:
    families = name.family[:1] if rng.random() < 0.08 else name.family
    given = name.given[:1] if rng.random() < 0.08 else name.given
    written = f"{' '.join(families)}^{rng.choice(' ^').join(given)}"
    return without_accents(written).upper() if rng.random() < 0.85 else written


def _stored(rng: Random, number: str) -> str:
    """Write a number as a database may hold it: often without what parts it."""
    if rng.random() < 0.6:
        return "".join(letter for letter in number if letter.isalnum()).upper()
    return number

"""The first author's habits: people from Faker, so that nobody who writes rules chose them.

A good part of the people then gets names that are words of radiology.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from random import Random

from faker import Faker

from benchmarks.report_corpus.case import (
    Case,
    Cast,
    Name,
    Practitioner,
    labelled,
    without_accents,
)
from benchmarks.report_corpus.marks import Gold, mark
from benchmarks.report_corpus.sets import Region, Wording
from benchmarks.report_corpus.writer import Field, Writer


def invent(rng: Random, region: Region) -> Case:
    """Invent a case."""
    record, order, paper = (
        labelled(rng, pool) for pool in (region.records, region.orders, region.papers)
    )
    patient = _name(rng, region, ambiguous=0.5)
    study_date = date(2015, 1, 1) + timedelta(days=rng.randrange(3900))
    age_in_days = (
        rng.randrange(33_000, 37_500) if rng.random() < 0.1 else rng.randrange(500, 32_000)
    )
    signer = Practitioner(_name(rng, region, ambiguous=0.3), rng.random() < 0.95)
    referring = Practitioner(_name(rng, region, ambiguous=0.3), rng.random() < 0.7)
    technician = Practitioner(_name(rng, region), rng.random() < 0.8)
    other = Practitioner(_name(rng, region, ambiguous=0.3), rng.random() < 0.3)
    cast = Cast(
        language=region.language,
        patient=patient,
        dicom_name=_dicom_name(rng, patient),
        birth_date=study_date - timedelta(days=age_in_days),
        study_date=study_date,
        record_number=record.number,
        accession=order.number,
        document=paper.number,
        document_is_known=rng.random() < 0.5,
        signer=signer,
        referring=referring,
        technician=technician,
        other=other,
        relative=_name(rng, region),
        staff=tuple(_name(rng, region, ambiguous=0.4) for _ in range(12)),
        organization=rng.choice(region.organizations),
        facility=rng.choice(region.facilities),
    )
    return Case(region, cast, paper, record, order, resident=cast.staff[0])


def _name(rng: Random, region: Region, *, ambiguous: float = 0.15) -> Name:
    """Invent a person; with the chance ``ambiguous`` each part of the name is a common word."""
    made = _seeded(rng, region)
    sex = rng.choice("FM")
    first = made.first_name_female if sex == "F" else made.first_name_male
    given = [first() for _ in range(rng.choice((1, 1, 2)))]
    if rng.random() < ambiguous / 2:
        given[-1] = rng.choice(region.ambiguous_women if sex == "F" else region.ambiguous_men)
    wanted = rng.choice((1, 2, 2)) if region.two_families else 1
    family = [made.last_name() for _ in range(wanted)]
    if rng.random() < ambiguous:
        family[rng.randrange(wanted)] = rng.choice(region.ambiguous_families)
    if rng.random() < region.particle_chance:
        family[-1] = f"{rng.choice(region.particles)} {family[-1]}"
    elif rng.random() < 0.06:
        family[-1] = f"{family[-1]}-{made.last_name()}"
    return Name(tuple(given), tuple(family), sex)


def _dicom_name(rng: Random, name: Name) -> str:
    given = name.given[:1] if rng.random() < 0.1 else name.given
    written = f"{name.last_name}^{' '.join(given)}"
    if rng.random() < 0.7:
        written = without_accents(written)
    return written.upper() if rng.random() < 0.8 else written


def _seeded(rng: Random, region: Region) -> Faker:
    """Give a generator of one of the region's locales, which follows ``rng``."""
    made = _faker(rng.choice(region.locales))
    made.seed_instance(rng.getrandbits(64))
    return made


@cache
def _faker(locale: str) -> Faker:
    """Give the one generator of a locale; making one takes a while."""
    return Faker(locale)


class WriterA(Writer):
    """Writes as the first author does."""

    days_before = (5, 900)

    def own_fields(self) -> dict[str, Field]:
        """Give the fields that only this author uses."""
        cast = self._cast
        return {
            "patient_comma": lambda: self.patient(self._comma(cast.patient)),
            "patient_family": lambda: self.patient(self._family(cast.patient)),
            "patient_given": lambda: self.patient(cast.patient.first_name),
            "signer_comma": lambda: mark(Gold.DOCTOR, self._comma(cast.signer.name)),
            "signer_upper": lambda: self.titled(cast.signer.name).upper(),
            "other_family_t": lambda: self._titled_family(cast.other.name),
            "age_no": lambda: mark(Gold.AGE, str(cast.age)) if cast.age > 89 else str(cast.age),
            "time_hs": lambda: mark(Gold.EITHER, f"{mark(Gold.EITHER, self.clock())} hs"),
            "exam": lambda: self._rng.choice(self._region.exams),
        }

    def header_name(self, name: Name) -> str:
        """Write the patient's name in a heading."""
        plain, turned = self.prose_name, self._turned
        forms = (plain, plain, plain, self._comma, turned, self._initialled)
        return self._rng.choice(forms)(name)

    def prose_name(self, name: Name) -> str:
        """Write a name, now and then without its second parts or in capitals."""
        given = name.given if self._rng.random() < 0.7 else name.given[:1]
        family = name.family if self._rng.random() < 0.8 else name.family[:1]
        written = f"{' '.join(given)} {' '.join(family)}"
        return written.upper() if self._rng.random() < 0.12 else written

    def doctor_name(self, name: Name) -> str:
        """Write a doctor's name without a title."""
        return self.prose_name(name)

    def titled_name(self, name: Name) -> str:
        """Write a doctor's name as it stands behind a title."""
        forms = (self.prose_name, self.prose_name, self._family, self._initialled)
        return self._rng.choice(forms)(name)

    def mister(self, name: Name) -> str:
        """Write the patient's family name behind a title."""
        region = self._region
        misters = region.misters_of_women if name.sex == "F" else region.misters_of_men
        return f"{misters[0]} {self.patient(self._family(name))}"

    def clock(self) -> str:
        """Write a time of day, now and then with seconds."""
        hour, minute, second = (self._rng.randrange(limit) for limit in (24, 60, 60))
        form = self._rng.choice(("{:02d}:{:02d}", "{:02d}:{:02d}", "{:02d}:{:02d}:{:02d}"))
        return form.format(hour, minute, second)

    def mail(self) -> str:
        """Write an e-mail address."""
        return _seeded(self._rng, self._region).company_email()

    def url(self) -> str:
        """Write a link."""
        return f"https://www.{_seeded(self._rng, self._region).domain_name()}/img"

    def street(self) -> str:
        """Write an address."""
        if self._rng.random() < 0.4:
            return " ".join(_seeded(self._rng, self._region).street_address().split())
        name = _seeded(self._rng, self._region).last_name()
        number = self._rng.randrange(10, 5000)
        return self._rng.choice(self._region.streets).format(name=name, number=number)

    def mobile(self) -> str:
        """Write a phone number."""
        share = self._region.faker_phones
        if share and self._rng.random() < share:
            return _seeded(self._rng, self._region).phone_number()
        return self.drawn(self._region.mobiles)

    def _titled_family(self, name: Name) -> str:
        return f"{self.title(name)} {mark(Gold.DOCTOR, self._family(name))}"

    def _comma(self, name: Name) -> str:
        family = name.last_name
        if self._rng.random() < 0.5:
            family = family.upper()
        return f"{family}, {name.first_name}"

    def _turned(self, name: Name) -> str:
        return f"{name.last_name.upper()} {name.first_name.upper()}"

    def _initialled(self, name: Name) -> str:
        first = f"{name.given[0][0]}."
        if len(name.given) > 1:
            first = self._rng.choice(
                (f"{name.given[0]} {name.given[1][0]}.", f"{first} {name.given[1][0]}.")
            )
        return f"{first} {name.family[0]}"

    def _family(self, name: Name) -> str:
        return self._rng.choice((name.family[0], name.last_name))


def compose(rng: Random, case: Case, writer: Writer) -> str:
    """Put a report together."""
    wording = case.region.wording
    history, technique, findings, impression = (rng.choice(pool) for pool in wording.labels)
    impressions = rng.sample(wording.impressions, rng.choice((1, 1, 2)))
    parts = [
        rng.choice(wording.titles),
        rng.choice(wording.headings) if rng.random() < 0.75 else "",
        f"{history}: {' '.join(rng.sample(wording.history, rng.choice((1, 1, 2))))}",
        f"{technique}: {rng.choice(wording.technique)} {rng.choice(wording.comparison)}".rstrip(),
        _findings(rng, wording, case.cast, findings),
        f"{impression}: {' '.join(impressions)}",
        rng.choice(wording.remarks),
        rng.choice(wording.closings),
    ]
    return "\n\n".join(writer.write(part) for part in parts if part)


def _findings(rng: Random, wording: Wording, cast: Cast, label: str) -> str:
    sentences = [
        *rng.sample(wording.findings, rng.choice((3, 4, 5))),
        *(mark(Gold.NUMBER, text) for text in rng.sample(wording.measured, rng.choice((1, 2, 3)))),
        *(mark(Gold.TRAP, text) for text in _traps(rng, wording, cast)),
    ]
    rng.shuffle(sentences)
    shape = rng.choice(("prose", "prose", "lines", "list"))
    if shape == "prose":
        return f"{label}: {' '.join(sentences)}"
    bullet = "- " if shape == "list" else ""
    return "\n".join((f"{label}:", *(f"{bullet}{sentence}" for sentence in sentences)))


def _traps(rng: Random, wording: Wording, cast: Cast) -> list[str]:
    """Draw sentences with words that are names of people of the case, and one more."""
    traps = wording.traps_by_word
    people = (cast.patient, cast.signer.name, cast.referring.name, *cast.staff)
    words = [word for person in people for word in _words(person) if word in traps]
    chosen = [*list(dict.fromkeys(words))[:3], rng.choice(tuple(traps))]
    return [rng.choice(traps[word]) for word in chosen]


def _words(name: Name) -> list[str]:
    return without_accents(f"{name.first_name} {name.last_name}").lower().replace("-", " ").split()

"""The second author's habits: people, papers and phones from the lists of each country."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from benchmarks.report_corpus.case import (
    Case,
    Cast,
    Name,
    Practitioner,
    labelled,
    without_accents,
)
from benchmarks.report_corpus.marks import Gold, mark
from benchmarks.report_corpus.sets import Region
from benchmarks.report_corpus.writer import Field, Writer


def invent(rng: Random, region: Region) -> Case:
    """Invent a case."""
    day = date(2014, 1, 6) + timedelta(days=rng.randrange(4000))
    paper, record, order = (
        labelled(rng, pool) for pool in (region.papers, region.records, region.orders)
    )
    patient = _name(rng, region)
    cast = Cast(
        language=region.language,
        patient=patient,
        dicom_name=_dicom_name(rng, patient),
        birth_date=day - timedelta(days=_age_in_days(rng)),
        study_date=day,
        record_number=_stored(rng, record.number),
        accession=_stored(rng, order.number),
        document=_stored(rng, paper.number),
        document_is_known=rng.random() < 0.5,
        signer=Practitioner(_name(rng, region), rng.random() < 0.95),
        referring=Practitioner(_name(rng, region), rng.random() < 0.7),
        technician=Practitioner(_name(rng, region), rng.random() < 0.8),
        other=Practitioner(_name(rng, region), rng.random() < 0.3),
        relative=_name(rng, region),
        staff=tuple(_name(rng, region) for _ in range(10)),
        organization=rng.choice(region.organizations),
        facility=rng.choice(region.facilities),
    )
    return Case(region, cast, paper, record, order, _name(rng, region))


def _name(rng: Random, region: Region) -> Name:
    """Invent a person of this country."""
    sex = rng.choice("FM")
    given = rng.choice(region.women if sex == "F" else region.men)
    first, second = rng.sample(region.families, 2)
    families = (first, second) if region.two_families else (first,)
    if region.family_and_chance and rng.random() < region.family_and_chance:
        families = (first, f"y {second}")
    if region.suffixes and sex == "M" and rng.random() < region.suffix_chance:
        families = (*families, rng.choice(region.suffixes))
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
    """Write a number as a database may hold it: often without separators."""
    if rng.random() < 0.6:
        return "".join(letter for letter in number if letter.isalnum()).upper()
    return number


class WriterB(Writer):
    """Writes as the second author does."""

    def own_fields(self) -> dict[str, Field]:
        """Give the fields that only this author uses: none."""
        return {}

    def header_name(self, name: Name) -> str:
        """Write the patient's name in a heading."""
        given, families = name.first_name, name.last_name
        short = f"{name.given[0]} {name.family[0]}"
        forms = (
            f"{given} {families}", f"{given} {families}", f"{families}, {given}",
            f"{families}, {given}", f"{families} {given}", f"{families},{given}",
            f"{given} {families}".upper(), f"{families} {given}".upper(), short,
            without_accents(f"{families}, {given}").upper(), self._abbreviated(name),
            f"{families.upper()}, {given}", f"{given} {families.upper()}",
            f"{families}^{given}".upper(),
        )  # fmt: skip
        return self._rng.choice(forms)

    def prose_name(self, name: Name) -> str:
        """Write a name within a sentence."""
        return self._rng.choice(
            (
                f"{name.first_name} {name.last_name}",
                f"{name.first_name} {name.family[0]}",
                f"{name.given[0]} {name.last_name}",
                f"{name.given[0]} {name.family[0]}",
                self._abbreviated(name),
            )
        )

    def doctor_name(self, name: Name) -> str:
        """Write a doctor's name without a title."""
        return self._doctor_form(name, turned=0.2)

    def titled_name(self, name: Name) -> str:
        """Write a doctor's name as it stands behind a title."""
        if self._rng.random() < 0.35:
            return name.family[0]
        return self._doctor_form(name, turned=0.05)

    def mister(self, name: Name) -> str:
        """Write the patient's name behind a title."""
        region = self._region
        title = self._rng.choice(
            region.misters_of_women if name.sex == "F" else region.misters_of_men
        )
        forms = [name.family[0], f"{name.given[0]} {name.family[0]}"]
        if title in region.given_name_misters:
            forms = [name.first_name, f"{name.first_name} {name.family[0]}", name.given[0]]
        return f"{mark(Gold.EITHER, title)} {self.patient(self._rng.choice(forms))}"

    def clock(self) -> str:
        """Write a time of day."""
        return f"{self._rng.randrange(0, 24):02}:{self._rng.randrange(0, 60):02}"

    def mail(self) -> str:
        """Write the e-mail address of the referring physician."""
        name = self._cast.referring.name
        user = without_accents(f"{name.given[0][0]}{name.family[0]}".lower())
        return f"{user.replace(' ', '').replace(chr(39), '')}@radiologia-ejemplo.org"

    def url(self) -> str:
        """Write a link."""
        return "www.resultados-ejemplo.com"

    def street(self) -> str:
        """Write an address."""
        return self.drawn(self._region.streets)

    def mobile(self) -> str:
        """Write a phone number."""
        return self.drawn(self._region.mobiles)

    def _abbreviated(self, name: Name) -> str:
        """Abbreviate as forms with little room do: 'Ma. del Carmen', 'Fco.', 'J. Pérez G.'."""
        first = name.given[0]
        short = self._region.abbreviations.get(first)
        if short and len(name.given) > 1:
            return " ".join((self._rng.choice(short), *name.given[1:], name.last_name))
        if len(name.given) > 1 and self._rng.random() < 0.5:
            return f"{first} {name.given[-1][0]}. {name.last_name}"
        if len(name.family) > 1 and self._rng.random() < 0.5:
            return f"{first} {name.family[0]} {name.family[1][0].upper()}."
        return f"{first[0]}. {name.last_name}"

    def _doctor_form(self, name: Name, *, turned: float) -> str:
        given, families = name.first_name, name.last_name
        if self._rng.random() < turned:
            return self._rng.choice((f"{families}, {given}", f"{name.family[0]}, {name.given[0]}"))
        return self._rng.choice(
            (
                f"{given} {families}",
                f"{given} {name.family[0]}",
                f"{name.given[0]} {name.family[0]}",
                f"{name.given[0][0]}. {name.family[0]}",
                f"{given} {families}".upper(),
                f"{name.given[0][0]}. {families}",
                " ".join(f"{part[0]}." for part in name.given) + f" {name.family[0]}",
            )
        )


def compose(rng: Random, case: Case, writer: Writer) -> str:
    """Put a report together."""
    wording = case.region.wording
    history, technique, findings, impression = (rng.choice(pool) for pool in wording.labels)
    body = [
        *rng.sample(wording.findings, rng.choice((3, 4, 5, 6))),
        *(mark(Gold.NUMBER, text) for text in rng.sample(wording.measured, 2)),
        mark(Gold.TRAP, rng.choice(wording.traps)),
    ]
    rng.shuffle(body)
    between = rng.choice((" ", " ", "\n", "\n- "))
    label = rng.choice((": ", ":\n", ":\n", "\n"))
    comparison = rng.choice(wording.comparison)
    parts = [
        rng.choice(wording.headings) if rng.random() < 0.8 else "",
        rng.choice(wording.titles),
        f"{history}{label}{' '.join(rng.sample(wording.history, rng.choice((1, 1, 2))))}",
        f"{technique}{label}{rng.choice(wording.technique)} {comparison}".rstrip(),
        f"{findings}{label}{between.join(body)}",
        f"{impression}{label}{' '.join(rng.sample(wording.impressions, rng.choice((1, 2))))}",
        rng.choice(wording.remarks),
        rng.choice(wording.closings),
    ]
    blank = rng.choice(("\n\n", "\n\n", "\n"))
    return blank.join(writer.write(part) for part in parts if part)

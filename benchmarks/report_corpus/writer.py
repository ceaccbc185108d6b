"""Fills the fields of the sentences of a set."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from benchmarks.report_corpus.case import Case, Labelled, Name, labelled
from benchmarks.report_corpus.marks import Gold, mark
from benchmarks.report_corpus.sets import Pool, Region
from benchmarks.report_corpus.shapes import (
    bare,
    choose,
    fill,
    mark_number,
    ordinal,
    write_date,
)

Field = Callable[[], str]

_FIELD = re.compile(r"\{(\w+)\}")


class Writer(ABC):
    """Writes sentences about one case; every field is a fresh draw.

    An author's own habits, such as the forms of names, are in the subclasses.
    """

    days_before = (3, 1800)
    """How long before the study an earlier one was made, at least and below."""

    def __init__(self, rng: Random, case: Case) -> None:
        self._rng = rng
        self._case = case
        self._cast = case.cast
        self._region: Region = case.region
        self._fields = {
            **self._people(),
            **self._numbers(),
            **self._places(),
            **self._dates(),
            **self.own_fields(),
        }

    def write(self, text: str) -> str:
        """Take one of each set of alternatives, then fill the fields."""
        return _FIELD.sub(lambda found: self._fields[found[1]](), choose(self._rng, text))

    # An author's habits

    @abstractmethod
    def own_fields(self) -> dict[str, Field]:
        """Give the fields that only this author uses."""

    @abstractmethod
    def header_name(self, name: Name) -> str:
        """Write the patient's name in a heading."""

    @abstractmethod
    def prose_name(self, name: Name) -> str:
        """Write a name within a sentence."""

    @abstractmethod
    def doctor_name(self, name: Name) -> str:
        """Write a doctor's name without a title."""

    @abstractmethod
    def titled_name(self, name: Name) -> str:
        """Write a doctor's name as it stands behind a title."""

    @abstractmethod
    def mister(self, name: Name) -> str:
        """Write the patient's name with a title, marked."""

    @abstractmethod
    def clock(self) -> str:
        """Write a time of day."""

    @abstractmethod
    def mail(self) -> str:
        """Write an e-mail address."""

    @abstractmethod
    def url(self) -> str:
        """Write a link."""

    @abstractmethod
    def street(self) -> str:
        """Write an address."""

    @abstractmethod
    def mobile(self) -> str:
        """Write a phone number."""

    # Fields

    def _people(self) -> dict[str, Field]:
        cast, rng = self._cast, self._rng
        return {
            "patient": lambda: self.patient(self.header_name(cast.patient)),
            "patient_prose": lambda: self.patient(self.prose_name(cast.patient)),
            "first": lambda: self.patient(cast.patient.given[0]),
            "mister": lambda: self.mister(cast.patient),
            "caret": lambda: self.patient(cast.dicom_name),
            "nickname": lambda: self.patient(rng.choice(self._region.nicknames)),
            "relative": lambda: mark(Gold.PERSON, self.prose_name(cast.relative)),
            "signer": lambda: self._doctor(cast.signer.name),
            "signer_t": lambda: self.titled(cast.signer.name),
            "referring": lambda: self._doctor(cast.referring.name),
            "referring_t": lambda: self.titled(cast.referring.name),
            "other": lambda: self._doctor(cast.other.name),
            "other_t": lambda: self.titled(cast.other.name),
            "colleague": lambda: self._doctor(rng.choice(cast.staff)),
            "colleague_t": lambda: self.titled(rng.choice(cast.staff)),
            "resident": lambda: self._doctor(self._case.resident),
            "resident_t": lambda: self.titled(self._case.resident),
            "technician": lambda: self._doctor(cast.technician.name),
            "typist": lambda: mark(Gold.EITHER, _initials(rng.choice(cast.staff)).lower()),
            "initials": lambda: mark(Gold.EITHER, _initials(cast.signer.name)),
            "age": self._age,
            "sex": lambda: cast.patient.sex,
        }

    def _numbers(self) -> dict[str, Field]:
        case, region, rng = self._case, self._region, self._rng
        return {
            "paper": lambda: _numbered(case.paper),
            "record": lambda: _numbered(case.record),
            "order": lambda: _numbered(case.order),
            "other_id": lambda: _numbered(labelled(rng, region.others)),
            "paper_no": lambda: mark_number(Gold.ID, case.paper.braced),
            "record_no": lambda: mark(Gold.ID, case.record.number),
            "order_no": lambda: mark(Gold.ID, case.order.number),
            "other_no": lambda: mark_number(Gold.ID, labelled(rng, region.others).braced),
            "other_paper_no": lambda: mark_number(Gold.ID, labelled(rng, region.papers).braced),
            "request_no": lambda: mark_number(Gold.ID, labelled(rng, region.requests).braced),
            "licence": lambda: self.shaped(Gold.LICENCE, region.licences),
            "licence_no": lambda: self.shaped(Gold.LICENCE, region.licence_numbers),
            "mobile": lambda: mark(Gold.PHONE, self.mobile()),
            "desk": lambda: self.shaped(Gold.PHONE, region.desks),
            "mail": lambda: mark(Gold.CONTACT, self.mail()),
            "url": lambda: mark(Gold.CONTACT, self.url()),
        }

    def _places(self) -> dict[str, Field]:
        return {
            "street": lambda: mark(Gold.ADDRESS, self.street()),
            "city": lambda: mark(Gold.EITHER, self._rng.choice(self._region.cities)),
            "elsewhere": lambda: mark(Gold.EITHER, self._rng.choice(self._region.elsewhere)),
            "organization": lambda: mark(Gold.PLACE, self._cast.organization),
            "facility": lambda: mark(Gold.PLACE, self._cast.facility),
        }

    def _dates(self) -> dict[str, Field]:
        cast, region, rng = self._cast, self._region, self._rng
        return {
            "study": lambda: self.dated(region.dates, cast.study_date),
            "birth": lambda: self.dated(region.dates, cast.birth_date),
            "prior": lambda: self.dated(region.prior_dates, self.earlier()),
            "prior_words": lambda: self._in_words(self.earlier()),
            "later": lambda: self.dated(
                region.dates, cast.study_date + timedelta(days=rng.randrange(7, 200))
            ),
            "signed": lambda: self._stamp(cast.study_date + timedelta(days=rng.choice((0, 0, 1)))),
            "compact": lambda: mark(Gold.DATE, f"{cast.study_date:%Y%m%d}"),
            "month_year": lambda: self.dated(region.months_of_years, self.earlier()),
            "day_month": lambda: self.dated(region.days_of_months, self.earlier()),
            "time": lambda: mark(Gold.EITHER, self.clock()),
        }

    # Parts of fields

    def patient(self, text: str) -> str:
        """Mark a name of the patient."""
        return mark(Gold.PATIENT, text)

    def titled(self, name: Name) -> str:
        """Write a doctor with a title, both marked."""
        return f"{self.title(name)} {mark(Gold.DOCTOR, self.titled_name(name))}"

    def title(self, name: Name) -> str:
        """Draw a doctor's title, marked."""
        women, men = self._region.doctor_titles_of_women, self._region.doctor_titles_of_men
        return mark(Gold.EITHER, self._rng.choice(women if name.sex == "F" else men))

    def _doctor(self, name: Name) -> str:
        return mark(Gold.DOCTOR, self.doctor_name(name))

    def shaped(self, kind: Gold, pool: Pool) -> str:
        """Draw a number, marked."""
        return mark_number(kind, fill(self._rng, self._rng.choice(pool)))

    def drawn(self, pool: Pool) -> str:
        """Draw a number, not marked."""
        return bare(fill(self._rng, self._rng.choice(pool)))

    def earlier(self) -> date:
        """Draw the day of an earlier study."""
        return self._cast.study_date - timedelta(days=self._rng.randrange(*self.days_before))

    def dated(self, forms: Pool, day: date) -> str:
        """Write a day in one of the forms, marked."""
        return mark(Gold.DATE, write_date(self._rng.choice(forms), day, self._region))

    def _in_words(self, day: date) -> str:
        month = self._region.months[day.month - 1]
        if self._region.language == "en":
            year = self._rng.choice(("", f" {day.year}"))
            return f"the {mark(Gold.DATE, f'{day.day}{ordinal(day.day)} of {month}{year}')}"
        words = self._region.numbers
        number = words[min(day.day, len(words)) - 1]
        year = f"{self._region.two_thousand} {words[day.year - 2001]}"
        behind = self._rng.choice(("", f" de {year}", f" de {day.year}"))
        return mark(Gold.DATE, f"{number} de {month}{behind}")

    def _stamp(self, day: date) -> str:
        form = self._rng.randrange(5)
        if form == 0:
            return mark(Gold.DATE, f"{day:%Y-%m-%d}T{self.clock()}:{self._rng.randrange(10, 60)}")
        if form == 1:
            return f"{mark(Gold.DATE, f'{day:%Y-%m-%d}')} {mark(Gold.EITHER, self.clock())}"
        if form == 2:
            return mark(Gold.DATE, f"{day:%Y%m%d}{self.clock().replace(':', '')}")
        between = self._rng.choice((" ", " - ", ", ", " "))
        clock = self._rng.choice((self.clock(), f"{self.clock()}:{self._rng.randrange(10, 60)}"))
        behind = self._rng.choice(("", " hrs", " h", " a. m.", ""))
        return f"{self.dated(self._region.dates, day)}{between}{mark(Gold.EITHER, clock + behind)}"

    def _age(self) -> str:
        age = self._cast.age
        if age > 89:
            return f"{mark(Gold.AGE, str(age))} {mark(Gold.EITHER, self._region.years)}"
        return f"{age} {self._region.years}" if age >= 1 else self._region.infant


def _numbered(number: Labelled) -> str:
    return f"{number.label} {mark_number(Gold.ID, number.braced)}"


def _initials(name: Name) -> str:
    return "".join(part[0] for part in (*name.given, *name.family)).upper()

"""Fills the fields of the second author's sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from random import Random

from benchmarks.report_corpus.cast import Language, Name, without_accents
from benchmarks.report_corpus.marks import Gold, mark
from benchmarks.report_corpus.second.people import Case, Labelled, labelled, shaped

Forms = Mapping[Language, tuple[str, ...]]

_FIELD = re.compile(r"\{(\w+)\}")
_CHOICE = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)

_MONTHS: dict[Language, tuple[str, ...]] = {
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
           "octubre", "noviembre", "diciembre"),
    "pt": ("janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro",
           "outubro", "novembro", "dezembro"),
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December"),
}  # fmt: skip
_ONES = {
    "es": [
        "uno",
        "dos",
        "tres",
        "cuatro",
        "cinco",
        "seis",
        "siete",
        "ocho",
        "nueve",
        "diez",
        "once",
        "doce",
        "trece",
        "catorce",
        "quince",
        "dieciséis",
        "diecisiete",
        "dieciocho",
        "diecinueve",
        "veinte",
        "veintiuno",
        "veintidós",
        "veintitrés",
        "veinticuatro",
        "veinticinco",
        "veintiséis",
        "veintisiete",
        "veintiocho",
        "veintinueve",
        "treinta",
    ],
    "pt": [
        "um",
        "dois",
        "três",
        "quatro",
        "cinco",
        "seis",
        "sete",
        "oito",
        "nove",
        "dez",
        "onze",
        "doze",
        "treze",
        "catorze",
        "quinze",
        "dezesseis",
        "dezessete",
        "dezoito",
        "dezenove",
        "vinte",
        "vinte_e_um",
        "vinte_e_dois",
        "vinte_e_três",
        "vinte_e_quatro",
        "vinte_e_cinco",
        "vinte_e_seis",
        "vinte_e_sete",
        "vinte_e_oito",
        "vinte_e_nove",
        "trinta",
    ],
}

# d, D: day; m, M: month in digits; Y, y: year; N: month; n: three letters; U, T: the same in
# capitals, with one capital; W: the day in words. Everything else stands for itself.
_FULL_DATES: Forms = {
    "es": (
        "D/M/Y", "D/M/Y", "D-M-Y", "D/M/y", "D-M-y", "D.M.Y", "d/m/Y", "Y-M-D", "D-n-Y", "D-U-y",
        "d de N de Y", "d de N del Y", "D de N de Y", "N d de Y", "D n Y", "D/T/Y", "d/n/y",
        "T D Y", "DUY", "Y/M/D", "D de N, Y", "d N Y",
    ),
    "pt": (
        "D/M/Y", "D/M/Y", "D/M/Y", "D/M/y", "D-M-Y", "D.M.y", "d/m/Y", "Y-M-D", "D/n/Y",
        "d de N de Y", "D de N de Y", "d.n.Y", "dº de N de Y", "D/U/y",
    ),
    "en": (
        "M/D/Y", "M/D/y", "m/d/Y", "m/d/y", "N d, Y", "N d Y", "D-U-Y", "D T Y", "T d, Y", "Y-M-D",
        "D-T-y", "M-D-Y", "T. d, Y", "d N Y", "M.D.y", "T/D/Y",
    ),
}  # fmt: skip
_PRIOR_DATES: Forms = {
    "es": (
        "D-M-y", "D/M/Y", "d/m/y", "D.M.y", "N de Y", "N/Y", "T/y", "M/Y", "n-Y", "d de N de Y",
        "D de N", "D/M", "N del Y", "d de N del Y", "n Y", "m/y", "T-y", "D-T-Y", "d-m-Y", "U/Y",
    ),
    "pt": (
        "D/M/y", "D/M/Y", "d/m/y", "N de Y", "N/Y", "M/Y", "n/y", "n/Y", "T/Y", "D/M", "d de N",
        "d de N de Y", "D.M.Y", "m/Y", "N de Y",
    ),
    "en": (
        "M/D/Y", "m/d/y", "N d, Y", "N Y", "M/Y", "T Y", "N of Y", "M/D", "N d", "D T y", "T 'y",
        "M-y", "d N Y", "Y-M-D", "M-D-y", "Nth",
    ),
}  # fmt: skip

_TITLES: dict[Language, dict[str, tuple[str, ...]]] = {
    "es": {"M": ("Dr.", "Dr.", "DR.", "Dr", "Prof. Dr."),
           "F": ("Dra.", "Dra.", "DRA.", "Dra", "Dr(a).", "Prof. Dra.")},
    "pt": {"M": ("Dr.", "Dr.", "Dr", "Prof. Dr."), "F": ("Dra.", "Dra.", "Dra", "Dr(a).")},
    "en": {"M": ("Dr.", "Dr", "Dr.", "Prof."), "F": ("Dr.", "Dr", "Dr.", "Prof.")},
}  # fmt: skip
_MISTER: dict[Language, dict[str, tuple[str, ...]]] = {
    "es": {"M": ("Sr.", "Don", "señor", "D.", "el Sr."),
           "F": ("Sra.", "Doña", "señora", "Dña.", "la Sra.")},
    "pt": {"M": ("Sr.", "o Sr.", "Seu"), "F": ("Sra.", "a Sra.", "Dona", "D.")},
    "en": {"M": ("Mr.", "Mr"), "F": ("Mrs.", "Ms.", "Ms", "Mrs")},
}  # fmt: skip
_NICKNAMES: dict[Language, tuple[str, ...]] = {
    "es": ("Lupita", "Pepe", "Chela", "Nacho", "Tita", "Pancho", "Charo"),
    "pt": ("Zezé", "Chico", "Cida", "Tião", "Nana"),
    "en": ("Bobby", "Peggy", "Skip", "Bill", "Jojo"),
}
_ELSEWHERE: dict[Language, tuple[str, ...]] = {
    "es": ("Hospital San Vicente", "Clínica Reina Sofía", "Hospital Nacional", "centro externo"),
    "pt": ("Hospital das Clínicas", "Hospital Sírio", "serviço externo", "UBS Vila Nova"),
    "en": ("St. Jude's", "Memorial Hospital", "an outside hospital", "Urgent Care"),
}
_EXTENSION = re.compile(r"([ (]*[A-Za-z][A-Za-z.:]*[ ~#]*)")
_KIND_OF_NUMBER = re.compile(r"( [/-] [^\d]+| [A-Z]{3}: | SSP/MG|^CC ?|^DNI |XXX-XX-)")
"""What in a number says only of what kind it is."""


def _parted(kind: Gold, number: str) -> str:
    pieces = _KIND_OF_NUMBER.split(number)
    return "".join(mark(Gold.EITHER if at % 2 else kind, piece) for at, piece in enumerate(pieces))


class Writer:
    """Writes sentences about one case."""

    def __init__(self, rng: Random, case: Case, full: Forms | None, prior: Forms | None) -> None:
        cast = case.cast
        self._rng = rng
        self._case = case
        self._full = full or _FULL_DATES
        prior_forms = prior or _PRIOR_DATES
        self._language = cast.language
        both = Gold.EITHER
        self._fields: dict[str, Callable[[], str]] = {
            "patient": lambda: self._patient(self._header_name(cast.patient)),
            "patient_prose": lambda: self._patient(self._prose_name(cast.patient)),
            "first": lambda: self._patient(cast.patient.given[0]),
            "mister": lambda: self._mister(cast.patient),
            "caret": lambda: self._patient(cast.dicom_name),
            "nickname": lambda: self._patient(rng.choice(_NICKNAMES[self._language])),
            "relative": lambda: mark(Gold.PERSON, self._prose_name(cast.relative)),
            "signer": lambda: self._doctor(cast.signer.name),
            "signer_t": lambda: self._titled(cast.signer.name),
            "referring": lambda: self._doctor(cast.referring.name),
            "referring_t": lambda: self._titled(cast.referring.name),
            "other": lambda: self._doctor(cast.other.name),
            "other_t": lambda: self._titled(cast.other.name),
            "colleague_t": lambda: self._titled(rng.choice(cast.staff)),
            "colleague": lambda: self._doctor(rng.choice(cast.staff)),
            "resident": lambda: self._doctor(case.resident),
            "resident_t": lambda: self._titled(case.resident),
            "technician": lambda: self._doctor(cast.technician.name),
            "typist": lambda: mark(both, self._initials(rng.choice(cast.staff)).lower()),
            "initials": lambda: mark(both, self._initials(cast.signer.name)),
            "paper": lambda: self._numbered(case.paper),
            "record": lambda: self._numbered(case.record),
            "order": lambda: self._numbered(case.order),
            "paper_no": lambda: _parted(Gold.ID, case.paper.number),
            "record_no": lambda: mark(Gold.ID, case.record.number),
            "order_no": lambda: mark(Gold.ID, case.order.number),
            "other_id": lambda: self._numbered(labelled(rng, case.country.others)),
            "licence": self._licence,
            "mobile": lambda: mark(Gold.PHONE, shaped(rng, rng.choice(case.country.mobiles))),
            "desk": self._desk,
            "street": lambda: mark(Gold.ADDRESS, shaped(rng, rng.choice(case.country.streets))),
            "mail": self._mail,
            "url": lambda: mark(Gold.CONTACT, "www.resultados-ejemplo.com"),
            "city": lambda: mark(both, rng.choice(case.country.cities)),
            "elsewhere": lambda: mark(both, rng.choice(_ELSEWHERE[self._language])),
            "organization": lambda: mark(Gold.PLACE, cast.organization),
            "facility": lambda: mark(Gold.PLACE, cast.facility),
            "study": lambda: self._day(cast.study_date),
            "birth": lambda: self._day(cast.birth_date),
            "signed": lambda: self._stamp(cast.study_date + timedelta(days=rng.choice((0, 0, 1)))),
            "prior": lambda: self._written(prior_forms, self._earlier()),
            "prior_words": lambda: self._in_words(self._earlier()),
            "later": lambda: self._day(cast.study_date + timedelta(days=rng.randrange(7, 200))),
            "compact": lambda: mark(Gold.DATE, f"{cast.study_date:%Y%m%d}"),
            "time": lambda: mark(both, self._time()),
            "age": self._age,
            "sex": lambda: cast.patient.sex,
        }

    def write(self, text: str) -> str:
        """Draw of what may be chosen, and fill the fields."""
        drawn = _CHOICE.sub(lambda found: self._rng.choice(found[1].split("|")), text)
        return _FIELD.sub(lambda found: self._fields[found[1]](), drawn)

    def _patient(self, text: str) -> str:
        return mark(Gold.PATIENT, text)

    def _doctor(self, name: Name) -> str:
        return mark(Gold.DOCTOR, self._doctor_form(name))

    def _titled(self, name: Name) -> str:
        title = self._rng.choice(_TITLES[self._language][name.sex])
        if self._rng.random() < 0.35:
            written = name.family[0]
        else:
            written = self._doctor_form(name, turned=0.05)
        return f"{mark(Gold.EITHER, title)} {mark(Gold.DOCTOR, written)}"

    def _mister(self, name: Name) -> str:
        title = self._rng.choice(_MISTER[self._language][name.sex])
        forms = [name.family[0], f"{name.given[0]} {name.family[0]}"]
        if title in {"Don", "Doña", "D.", "Dña.", "Seu", "Dona"}:
            forms = [name.first_name, f"{name.first_name} {name.family[0]}", name.given[0]]
        return f"{mark(Gold.EITHER, title)} {self._patient(self._rng.choice(forms))}"

    def _header_name(self, name: Name) -> str:
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

    def _prose_name(self, name: Name) -> str:
        return self._rng.choice(
            (
                f"{name.first_name} {name.last_name}",
                f"{name.first_name} {name.family[0]}",
                f"{name.given[0]} {name.last_name}",
                f"{name.given[0]} {name.family[0]}",
                self._abbreviated(name),
            )
        )

    def _abbreviated(self, name: Name) -> str:
        """Abbreviate as forms with little room do: 'Ma. del Carmen', 'Fco.', 'J. Pérez G.'."""
        short = {"María": ("Ma.", "Mª", "M.ª", "Ma"), "Francisco": ("Fco.", "Fco"),
                 "Maria": ("Mª", "Ma.", "M."), "José": ("J.",), "Juan": ("J.", "Jn.")}  # fmt: skip
        first = name.given[0]
        if first in short and len(name.given) > 1:
            return " ".join((self._rng.choice(short[first]), *name.given[1:], name.last_name))
        if len(name.given) > 1 and self._rng.random() < 0.5:
            return f"{first} {name.given[-1][0]}. {name.last_name}"
        if len(name.family) > 1 and self._rng.random() < 0.5:
            return f"{first} {name.family[0]} {name.family[1][0].upper()}."
        return f"{first[0]}. {name.last_name}"

    def _doctor_form(self, name: Name, turned: float = 0.2) -> str:
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

    @staticmethod
    def _initials(name: Name) -> str:
        return "".join(part[0] for part in (*name.given, *name.family)).upper()

    def _numbered(self, number: Labelled) -> str:
        return f"{number.label} {_parted(Gold.ID, number.number)}"

    def _licence(self) -> str:
        label, shape, behind = self._rng.choice(self._case.country.licences)
        number = _parted(Gold.LICENCE, shaped(self._rng, shape))
        return f"{mark(Gold.EITHER, label)} {number}{mark(Gold.EITHER, behind)}"

    def _desk(self) -> str:
        written = shaped(self._rng, self._rng.choice(self._case.country.desks))
        pieces = _EXTENSION.split(written)
        return "".join(
            mark(Gold.EITHER if at % 2 else Gold.PHONE, piece) for at, piece in enumerate(pieces)
        )

    def _mail(self) -> str:
        name = self._case.cast.referring.name
        user = without_accents(f"{name.given[0][0]}{name.family[0]}".lower()).replace(" ", "")
        return mark(Gold.CONTACT, f"{user.replace(chr(39), '')}@radiologia-ejemplo.org")

    def _earlier(self) -> date:
        return self._case.cast.study_date - timedelta(days=self._rng.randrange(3, 1800))

    def _day(self, day: date) -> str:
        return self._written(self._full, day)

    def _written(self, forms: Forms, day: date) -> str:
        form = self._rng.choice(forms[self._language])
        if form == "Nth":
            written = f"{_MONTHS['en'][day.month - 1]} {day.day}{_ordinal(day.day)}"
            return mark(Gold.DATE, written)
        month = _MONTHS[self._language][day.month - 1]
        if self._language == "en" and form.startswith(("M/D", "m/d")):
            british = self._case.country.code == "GB"
            form = form.replace("M/D", "D/M").replace("m/d", "d/m") if british else form
        parts = {
            "d": str(day.day), "D": f"{day.day:02}", "m": str(day.month), "M": f"{day.month:02}",
            "t": _ordinal(day.day)[0], "h": _ordinal(day.day)[1],
            "Y": str(day.year), "y": f"{day.year % 100:02}", "N": month, "n": month[:3].lower(),
            "U": month[:3].upper(), "T": month[:3].capitalize(),
        }  # fmt: skip
        written = "".join(
            word if word in {"de", "del", "of"} else "".join(parts.get(c, c) for c in word)
            for word in re.split(r"(\s)", form)
        )
        return mark(Gold.DATE, written)

    def _in_words(self, day: date) -> str:
        if self._language == "en":
            day_written = f"the {day.day}{_ordinal(day.day)} of {_MONTHS['en'][day.month - 1]}"
            return (
                f"the {mark(Gold.DATE, day_written[4:] + self._rng.choice(('', f' {day.year}')))}"
            )
        words = _ONES[self._language]
        number = words[min(day.day, len(words)) - 1].replace("_", " ")
        month = _MONTHS[self._language][day.month - 1]
        thousand = "dos mil" if self._language == "es" else "dois mil e"
        year = f"{thousand} {words[day.year - 2001].replace('_', ' ')}"
        behind = self._rng.choice(("", f" de {year}", f" de {day.year}"))
        return mark(Gold.DATE, f"{number} de {month}{behind}")

    def _stamp(self, day: date) -> str:
        form = self._rng.randrange(5)
        if form == 0:
            return mark(Gold.DATE, f"{day:%Y-%m-%d}T{self._time()}:{self._rng.randrange(10, 60)}")
        if form == 1:
            return f"{mark(Gold.DATE, f'{day:%Y-%m-%d}')} {mark(Gold.EITHER, self._time())}"
        if form == 2:
            return mark(Gold.DATE, f"{day:%Y%m%d}{self._time().replace(':', '')}")
        between = self._rng.choice((" ", " - ", ", ", " "))
        clock = self._rng.choice((self._time(), f"{self._time()}:{self._rng.randrange(10, 60)}"))
        behind = self._rng.choice(("", " hrs", " h", " a. m.", ""))
        return f"{self._day(day)}{between}{mark(Gold.EITHER, clock + behind)}"

    def _time(self) -> str:
        return f"{self._rng.randrange(0, 24):02}:{self._rng.randrange(0, 60):02}"

    def _age(self) -> str:
        age = self._case.cast.age
        unit = {"es": "años", "pt": "anos", "en": "years"}[self._language]
        if age > 89:
            return f"{mark(Gold.AGE, str(age))} {mark(Gold.EITHER, unit)}"
        if age < 1:
            return {"es": "lactante", "pt": "lactente", "en": "infant"}[self._language]
        return f"{age} {unit}"


def _ordinal(day: int) -> str:
    if 10 < day < 20:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")

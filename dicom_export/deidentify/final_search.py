"""The final search: does an outgoing object still hold a known identifier of the study?

It does not depend on how the object was made. It searches, in every outgoing object:

- *text*, meaning reports, ``metadata.json`` and the part of a DICOM file before its pixels: as
  UTF-8 and as Latin-1, without accents and case; for names and places that are not ASCII also
  the source's raw bytes, in any character set.
- *pixels*: only runs of eight or more printable ASCII characters, and in them only identifiers of
  eight or more characters that are no mere repetition. Shorter ones occur in pictures by chance.

Hits are:

- a UID, anywhere;
- a date, in the forms of ``_DATES``, in one of three languages;
- a number of six or more digits, or of five in a report, that is not part of a longer one; dots,
  hyphens, slashes and spaces between its digits do not hide it; a number with letters of six or
  more characters anywhere, of four or five as a word of its own;
- a word of a name of four or more letters (two in other scripts than Latin) that is no ordinary
  word; and any two words of one name side by side, in any order, ordinary or not;
- an institution or an address of two or more words as a phrase.

Pseudonyms and ids of the warehouse are removed before, since a hash may hold any digits. So are
texts of listed words, and UIDs that the standard registers ('1.2.840.10008.1.2.4.90' ends like a
date of 1990). A header is not searched for the codes of options, which are in every file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cache
from typing import IO

import numpy as np

from dicom_export.deidentify.dates import make_date
from dicom_export.deidentify.files.rules import RuleKind, rules, vocabulary
from dicom_export.deidentify.files.uids import is_registered
from dicom_export.deidentify.files.write_file import METHOD_CODES
from dicom_export.deidentify.folding import fold_text, words
from dicom_export.deidentify.identifiers import Identifiers
from dicom_export.deidentify.reports import has_meaning, is_administrative


class Residue(StrEnum):
    """The kind of an identifier that was found. Nothing else of a hit is ever shown."""

    NAME = "name"
    NUMBER = "number"
    PLACE = "place"
    DATE = "date"
    UID = "uid"


SHORTEST_NAME = 4
SHORTEST_FOREIGN_NAME = 2
SHORTEST_NAME_WITHIN = 6
"""Letters of a name that is also found inside a longer word, except in reports."""
SHORTEST_PAIR = 6
SHORTEST_NUMBER = 6
SHORTEST_NUMBER_IN_REPORT = 5
SHORTEST_MIXED_WORD = 4
SHORTEST_PLACE = 6
SHORTEST_IN_PIXELS = 8
FEWEST_DIFFERENT_IN_PIXELS = 4
PARTICLES = frozenset(
    ("da", "das", "de", "del", "di", "do", "dos", "e", "la", "las", "los", "of", "van", "von", "y")
)

_STEPS = (1, 2, 4)
"""Their sum is one less than :data:`SHORTEST_IN_PIXELS`: each step doubles the length of a run."""

WINDOW_BYTES = 256 * 1024
"""Fits into a processor's cache."""
OVERLAP_BYTES = 1024
"""Longer than any identifier."""


@dataclass(frozen=True, slots=True, repr=False)
class Search:
    """A study's identifiers in the forms that the search compares."""

    names: frozenset[str]
    long_names: tuple[str, ...]
    people: tuple[frozenset[str], ...]
    full_names: tuple[str, ...]
    digits: frozenset[str]
    mixed: tuple[str, ...]
    mixed_words: frozenset[str]
    places: tuple[str, ...]
    dates: frozenset[date]
    uids: tuple[str, ...]
    raw: tuple[bytes, ...]

    @classmethod
    def of(cls, known: Identifiers) -> Search:
        """Make a search for these identifiers."""
        codes = {"".join(words(code)) for code in known.codes}
        letters = {code for code in codes if code.isalpha()}
        mixed = {code for code in codes - letters if not code.isdecimal()}
        in_order = [words(person) for person in known.patients | known.staff]
        people = {_words_of_name(name) for name in in_order}
        names = {word for person in people for word in person if not word.isdecimal()} | {
            code for code in letters if len(code) >= SHORTEST_NAME_WITHIN
        }
        names = {name for name in names if _is_telling(name) and not _is_ordinary(name)}
        places = {" ".join(words(place)) for place in known.places}
        return cls(
            names=frozenset(names),
            long_names=tuple(sorted(name for name in names if _is_found_within(name))),
            people=tuple(person for person in people if len(person) > 1),
            full_names=tuple({mark.join(name) for name in in_order for mark in "^ _"}),
            digits=frozenset(code for code in codes if code.isdecimal()),
            mixed=tuple(sorted(code for code in mixed if len(code) >= SHORTEST_NUMBER)),
            mixed_words=frozenset(code for code in mixed if len(code) >= SHORTEST_MIXED_WORD),
            places=tuple(sorted(place for place in places if _is_place(place))),
            dates=frozenset(known.dates | known.birth_dates),
            uids=tuple(sorted(uid for uid in known.uids if len(uid) >= SHORTEST_IN_PIXELS)),
            raw=tuple(sorted(raw for raw in known.raw if len(raw) >= SHORTEST_NAME)),
        )

    def in_report(self, text: str, *, made: Collection[str] = ()) -> set[Residue]:
        """Search a report, without the texts in ``made``."""
        return self.in_text(_without(text, made), SHORTEST_NUMBER_IN_REPORT, within=False)

    def in_document(self, content: bytes, *, made: Collection[str] = ()) -> set[Residue]:
        """Search the values of a JSON document, without the texts in ``made``."""
        text = "\n".join(_leaves(json.loads(content)))
        return self.in_text(_without(text, made), SHORTEST_NUMBER, within=True)

    def in_header(self, content: bytes, *, made: Collection[str] = ()) -> set[Residue]:
        """Search the part of a file before its pixels, without the texts in ``made``."""
        found: set[Residue] = set()
        if any(raw in content for raw in self.raw):
            found.add(Residue.NAME)
        # Every header has the codes of its options.
        foreign = replace(self, digits=self.digits.difference(METHOD_CODES))
        for text in {content.decode("utf-8", "replace"), content.decode("latin-1")}:
            found |= foreign.in_text(_without(text, made), SHORTEST_NUMBER, within=True)
        return found

    def in_pixels(self, stream: IO[bytes], start: int) -> set[Residue]:
        """Search the parts of the pixel data that can be text."""
        found: set[Residue] = set()
        for text in _printable_runs(stream, start):
            found |= self._in_pixels(text.lower())
        return found

    def in_text(self, text: str, shortest_number: int, *, within: bool) -> set[Residue]:
        """Search for numbers of at least this many digits, and for names, also ``within`` words."""
        folded = fold_text(_STANDARD_UID.sub(_unless_registered, text))
        found_words = words(folded)
        checks = {
            Residue.NAME: self._has_name(folded, found_words, within=within),
            Residue.NUMBER: self._has_number(folded, found_words, shortest_number),
            Residue.PLACE: self._has_place(found_words),
            Residue.DATE: not self.dates.isdisjoint(_dates(folded)),
            Residue.UID: any(uid in folded for uid in self.uids),
        }
        return {residue for residue, is_there in checks.items() if is_there}

    def _has_name(self, folded: str, found_words: Sequence[str], *, within: bool) -> bool:
        if not self.names.isdisjoint(found_words):
            return True
        if any(name in folded for name in self.long_names if within or not name.isascii()):
            return True
        return any(_has_pair(person, found_words) for person in self.people)

    def _has_number(self, folded: str, found_words: Sequence[str], shortest: int) -> bool:
        numbers = _NUMBER.findall(_BETWEEN_DIGITS.sub("", folded))
        if any(number in self.digits for number in numbers if len(number) >= shortest):
            return True
        if any(number in self.digits for number in _LONG_NUMBER.findall(folded)):
            return True
        if not self.mixed_words.isdisjoint(found_words):
            return True
        joined = _BETWEEN_ANY.sub("", folded)
        return any(code in joined for code in self.mixed)

    def _has_place(self, found_words: Sequence[str]) -> bool:
        phrase = f" {' '.join(found_words)} "
        return any(f" {place} " in phrase for place in self.places)

    def _in_pixels(self, folded: str) -> set[Residue]:
        looked_for = {
            Residue.NAME: [*self.long_names, *self.full_names],
            Residue.NUMBER: [*self.mixed, *self.digits],
            Residue.PLACE: self.places,
            Residue.DATE: [form for day in self.dates for form in (f"{day:%Y%m%d}", f"{day}")],
            Residue.UID: self.uids,
        }
        return {
            residue
            for residue, needles in looked_for.items()
            if any(_is_unlikely(needle) and needle in folded for needle in needles)
        }


def _words_of_name(name: Iterable[str]) -> frozenset[str]:
    return frozenset(word for word in name if len(word) > 1) - PARTICLES


def _is_telling(name: str) -> bool:
    return len(name) >= (SHORTEST_NAME if _is_latin(name) else SHORTEST_FOREIGN_NAME)


def _is_found_within(name: str) -> bool:
    """Whether a name is also searched inside of words, as scripts without spaces require."""
    return len(name) >= SHORTEST_NAME_WITHIN or not _is_latin(name)


def _is_latin(name: str) -> bool:
    return all(ord(letter) < 0x250 for letter in name)


def _is_place(place: str) -> bool:
    parts = place.split()
    # 'Sede Central' may be any place, 'Clínica del Valle' may not.
    is_any = all(part in _listed() or is_administrative(part) for part in parts)
    return len(parts) > 1 and len(place) >= SHORTEST_PLACE and not is_any


def _is_unlikely(needle: str) -> bool:
    """Whether the text does not occur in a picture by chance."""
    return len(needle) >= SHORTEST_IN_PIXELS and len(set(needle)) >= FEWEST_DIFFERENT_IN_PIXELS


def _has_pair(person: frozenset[str], found_words: Iterable[str]) -> bool:
    """Whether two different words of a name are adjacent, apart from particles between them."""
    last = ""
    for word in found_words:
        if word in PARTICLES:
            continue
        if word not in person:
            last = ""
        elif last and word != last and len(word) + len(last) >= SHORTEST_PAIR:
            return True
        else:
            last = word
    return False


def _is_ordinary(word: str) -> bool:
    """Whether a word alone does not identify a person: it is listed, or common in reports."""
    return word in _listed() or has_meaning(word)


@cache
def _listed() -> frozenset[str]:
    """Words of the vocabulary and of the rules."""
    kinds = ("description", "manufacturer", "model")
    listed = {word.lower() for kind in kinds for word in vocabulary(kind)}
    terms = (
        value
        for within in rules().values()
        for rule in within.values()
        if rule.kind is RuleKind.TERMS
        for value in rule.values
    )
    return frozenset(listed.union(*map(words, terms)))


def _leaves(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        for value in document.values():
            yield from _leaves(value)
    elif isinstance(document, list):
        for value in document:
            yield from _leaves(value)
    elif document is not None:
        yield str(document)


def _without(text: str, made: Collection[str]) -> str:
    for one in made:
        text = text.replace(one, " ")
    return text


_STANDARD_UID = re.compile(r"(?<![\d.])1\.2\.840\.10008(?:\.\d+)+")


def _unless_registered(found: re.Match[str]) -> str:
    return " " if is_registered(found[0]) else found[0]


# Numbers and dates in text ------------------------------------------------------------------------

_NUMBER = re.compile(r"(?<!\d)\d{5,}(?!\d)")
# So long that not even the decimals of a measurement match by chance.
_LONG_NUMBER = re.compile(r"(?<!\d)\d{8,}(?!\d)")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[ .\-/](?=\d)")
_BETWEEN_ANY = re.compile(r"(?<=[a-z0-9])[ .\-/_](?=[a-z0-9])")

_MONTHS = (
    ("enero", "janeiro", "january", "ene", "jan"),
    ("febrero", "fevereiro", "february", "feb", "fev"),
    ("marzo", "marco", "march", "mar"),
    ("abril", "april", "abr", "apr"),
    ("mayo", "maio", "may", "mai"),
    ("junio", "junho", "june", "jun"),
    ("julio", "julho", "july", "jul"),
    ("agosto", "august", "ago", "aug"),
    ("septiembre", "setiembre", "setembro", "september", "sep", "set", "sept"),
    ("octubre", "outubro", "october", "oct", "out"),
    ("noviembre", "novembro", "november", "nov"),
    ("diciembre", "dezembro", "december", "dic", "dez", "dec"),
)
_MONTH_NUMBER = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}
_MONTH = "|".join(sorted(_MONTH_NUMBER, key=len, reverse=True))

# A date, or a date and a time of day.
_DIGITS = re.compile(r"(?<!\d)(?:\d{8}|\d{12}|\d{14}|\d{20})(?!\d)")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})([-/. ])(\d{1,2})\2(\d{1,2})(?!\d)")
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_DAY_MONTH_YEAR = re.compile(
    rf"(?<!\d)(\d{{1,2}})[-/. ]+(?:de |of )?({_MONTH})[-/., ]+(?:de |del )?(\d{{4}}|\d{{2}})(?!\d)"
)
_MONTH_DAY_YEAR = re.compile(rf"\b({_MONTH})[. ]+(\d{{1,2}})(?:st|nd|rd|th)?,? +(\d{{4}})(?!\d)")


def _dates(folded: str) -> set[date]:
    """Return all dates of a text, in all possible readings."""
    return {day for day in _readings(folded) if day is not None}


def _readings(folded: str) -> Iterator[date | None]:
    for run in _DIGITS.findall(folded):
        yield make_date(run[:4], run[4:6], run[6:8])
        if len(run) == 8:
            yield make_date(run[4:], run[2:4], run[:2])
            yield make_date(run[4:], run[:2], run[2:4])
    for year, _, month, day in _YEAR_FIRST.findall(folded):
        yield make_date(year, month, day)
    for one, _, other, year in _YEAR_LAST.findall(folded):
        for full in _years(year):
            yield make_date(full, other, one)
            yield make_date(full, one, other)
    for day, month, year in _DAY_MONTH_YEAR.findall(folded):
        for full in _years(year):
            yield make_date(full, str(_MONTH_NUMBER[month]), day)
    for month, day, year in _MONTH_DAY_YEAR.findall(folded):
        yield make_date(year, str(_MONTH_NUMBER[month]), day)


def _years(year: str) -> tuple[str, ...]:
    return (year,) if len(year) == 4 else (f"19{year}", f"20{year}")


# Text in pixels -----------------------------------------------------------------------------------


def _printable_runs(stream: IO[bytes], start: int) -> Iterator[str]:
    """Yield the parts that can be text, by windows that overlap by more than an identifier."""
    position = start
    while True:
        stream.seek(position)
        window = stream.read(WINDOW_BYTES)
        yield _runs(window).decode("ascii")
        if len(window) < WINDOW_BYTES:
            return
        position += WINDOW_BYTES - OVERLAP_BYTES


def _runs(window: bytes) -> bytes:
    """Return the runs of eight or more printable ASCII characters, one per line."""
    values = np.frombuffer(window, dtype=np.uint8)
    is_run = (values - np.uint8(0x20)) < np.uint8(0x5F)
    for step in _STEPS:
        if len(is_run) <= step:
            return b""
        is_run = is_run[:-step] & is_run[step:]
    if not is_run.any():
        return b""
    # An element is true if it and the next seven bytes are printable: mark those seven, too.
    for step in _STEPS:
        longer = np.zeros(len(is_run) + step, dtype=bool)
        longer[:-step] = is_run
        longer[step:] |= is_run
        is_run = longer
    is_kept = is_run.copy()
    is_kept[1:] |= is_run[:-1]
    places = np.flatnonzero(is_kept)
    lines = values[places]
    lines[~is_run[places]] = ord("\n")
    return lines.tobytes()

"""Marks in a text that is being written: what a stretch of it is, until the answer key is taken.

The marks are characters of the Private Use Area, so upper-casing, decomposing, wrapping and reading
HTML leave them where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Gold(StrEnum):
    """What a stretch of a report is."""

    PATIENT = "patient"
    DOCTOR = "doctor"
    PERSON = "person"
    ID = "id"
    LICENCE = "licence"
    DATE = "date"
    PHONE = "phone"
    CONTACT = "e-mail, url"
    ADDRESS = "address"
    PLACE = "place"
    AGE = "age over 89"
    EITHER = "either"
    """May stay and may go: a time beside a date, the state behind a licence."""
    TRAP = "trap"
    """Must stay: an ordinary sentence with a word that is a name of somebody in the case."""
    NUMBER = "number"
    """Must stay: a sentence of measurements."""


IDENTIFYING = (
    Gold.PATIENT,
    Gold.DOCTOR,
    Gold.PERSON,
    Gold.ID,
    Gold.LICENCE,
    Gold.DATE,
    Gold.PHONE,
    Gold.CONTACT,
    Gold.ADDRESS,
    Gold.PLACE,
    Gold.AGE,
)

_KINDS = tuple(Gold)
_FIRST = 0xE000
_CLOSE = "\ue0ff"
_OPEN = {chr(_FIRST + number): kind for number, kind in enumerate(_KINDS)}
MARKS = frozenset((*_OPEN, _CLOSE))


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of the text, from ``start`` to before ``end``."""

    start: int
    end: int
    kind: Gold


def mark(kind: Gold, text: str) -> str:
    """Mark a whole text."""
    return f"{chr(_FIRST + _KINDS.index(kind))}{text}{_CLOSE}" if text else ""


def unmark(text: str) -> tuple[str, tuple[Entity, ...]]:
    """Take the marks out; marks may be nested, the inner ones come first."""
    letters: list[str] = []
    opened: list[tuple[int, Gold]] = []
    found: list[Entity] = []
    for letter in text:
        if letter in _OPEN:
            opened.append((len(letters), _OPEN[letter]))
        elif letter == _CLOSE:
            start, kind = opened.pop()
            if start < len(letters):
                found.append(Entity(start, len(letters), kind))
        else:
            letters.append(letter)
    return "".join(letters), tuple(found)

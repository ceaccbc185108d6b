"""Fills the small languages of the corpora: shapes of numbers, forms of dates, alternatives.

In a shape ``#`` is a digit, ``%`` a digit but 0, ``@`` a capital letter and ``~`` the sign #. A
part in braces identifies nobody and is printed as it is, but for ``~``. ``«a|b»`` is one of the
alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from random import Random
from string import ascii_uppercase

from benchmarks.report_corpus.marks import Gold, mark
from benchmarks.report_corpus.sets import Region

_SIGNS = {"#": "0123456789", "%": "123456789", "@": ascii_uppercase, "~": "#"}
_SIGNS_IN_BRACES = {"~": "#"}
_BRACED = re.compile(r"\{([^}]*)\}")
_CHOICE = re.compile(r"«([^«»]*)»")
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")


def fill(rng: Random, shape: str) -> str:
    """Draw the digits and letters of a shape; its braces stay."""
    pieces = _BRACED.split(shape)
    return "".join(
        f"{{{_draw(rng, piece, _SIGNS_IN_BRACES)}}}" if at % 2 else _draw(rng, piece, _SIGNS)
        for at, piece in enumerate(pieces)
    )


def _draw(rng: Random, piece: str, signs: Mapping[str, str]) -> str:
    return "".join(rng.choice(signs[sign]) if sign in signs else sign for sign in piece)


def bare(filled: str) -> str:
    """Take the braces out."""
    return _BRACED.sub(r"\1", filled)


def mark_number(kind: Gold, filled: str) -> str:
    """Mark a filled shape: what is in braces may stay and may go; blanks behind it have no mark."""
    pieces = _BRACED.split(filled)
    return "".join(_mark_piece(Gold.EITHER if at % 2 else kind, p) for at, p in enumerate(pieces))


def _mark_piece(kind: Gold, piece: str) -> str:
    stripped = piece.lstrip(" ") if kind is not Gold.EITHER else piece
    return " " * (len(piece) - len(stripped)) + mark(kind, stripped)


def choose(rng: Random, text: str) -> str:
    """Take one of each set of alternatives."""
    return _CHOICE.sub(lambda found: rng.choice(found[1].split("|")), text)


def write_date(form: str, day: date, region: Region) -> str:
    """Write a day in a form such as '{d} de {month} de {yyyy}'."""
    month = region.months[day.month - 1]
    return form.format(
        d=day.day,
        dd=f"{day:%d}",
        m=day.month,
        mm=f"{day:%m}",
        yyyy=f"{day:%Y}",
        yy=f"{day:%y}",
        month=month,
        mon=month[:3],
        Mon=month[:3].capitalize(),
        MON=month[:3].upper(),
        weekday=region.weekdays[day.weekday()],
        roman=_ROMAN[day.month - 1],
        th=ordinal(day.day),
    )


def ordinal(day: int) -> str:
    """Give the ending of an English ordinal."""
    if 10 < day < 20:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")

"""Folds a report: all ways of writing a word become the same, with the way back to the original.

Accents, case, zero-width characters, kinds of spaces, dashes and quotes, full-width and foreign
digits, and letters of other alphabets that look like Latin ones make no difference in the folded
text. ``Folded.origin`` maps every character back; the original stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

BARRIER = "\x00"
"""Stands for each character of a placeholder; no letter, digit or space, so no rule crosses it."""

PLACEHOLDER = re.compile(
    r"\[(?:DOCTOR(?:-[A-Z0-9]{4,32})?|DATE(?: \d{4}-\d{2}-\d{2})?|AGE 90\+|"
    r"PATIENT|PERSON|ID|LICENCE|PHONE|EMAIL|URL|ADDRESS|PLACE)\]"
)
"""The marks that the scrubber writes."""

# Cyrillic and Greek letters that look like a Latin one (Unicode Technical Standard 39).
_LOOKALIKES = dict(
    zip(
        "аеорсухіјѕԁһкмтвнАВЕКМНОРСТУХІЈЅαορνικυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
        "aeopcyxijsdhkmtbhabekmhopctyxijsaopvikuxabezhikmnoptyx",
        strict=True,
    )
)
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
_QUOTES = frozenset("\u2018\u2019\u201b\u2032\u00b4\u0060\u02bc\uff07")


def _garbled() -> dict[str, str]:
    """Map letters that an interface read as Latin-1 or Windows-1252 to the letters meant."""
    pairs = {"\u00c3\ufffd": "\u00c1"}
    # Windows-1252 lacks the second byte of several letters; they all become 'Á'.
    for letter in map(chr, (0xAA, 0xB0, 0xBA, *range(0xC0, 0x100))):
        pairs[letter.encode().decode("latin-1")] = letter
        pair = letter.encode().decode("cp1252", errors="ignore")
        if len(pair) > 1:
            pairs[pair] = letter
    return pairs


_GARBLED = _garbled()
_LINES = frozenset("\n\u2028\u2029\x0b\x0c\x85")


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text and its original."""

    original: str = field(repr=False)
    text: str = field(repr=False)
    origin: Sequence[int] = field(repr=False)
    """For each character of ``text``, the index of the original one that it comes from."""

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Map a range of ``text`` to the original, with the combining marks of its last letter."""
        first, last = self.origin[start], self.origin[end - 1] + 1
        if self.original[last - 1 : last + 1] in _GARBLED:
            last += 1
        while last < len(self.original) and not _fold(self.original[last]):
            last += 1
        return first, last


def fold_with_offsets(original: str) -> Folded:
    """Fold a text in time proportional to its length."""
    letters: list[str] = []
    origin: list[int] = []
    for match in _STRETCH.finditer(original):
        start, end = match.span()
        if match.lastgroup == "holder":
            letters.append(BARRIER * (end - start))
            origin.extend(range(start, end))
        elif match.lastgroup == "plain":
            letters.append(match[0].lower().translate(_ASCII))
            origin.extend(range(start, end))
        else:
            folded = _fold(_GARBLED.get(match[0], match[0]))
            letters.append(folded)
            origin.extend([start] * len(folded))
    return _with_narrow_gaps(Folded(original, "".join(letters), origin))


def _with_narrow_gaps(folded: Folded) -> Folded:
    """Make one blank of two, and two of more: typists double blanks, columns have more."""
    letters: list[str] = []
    origin: list[int] = []
    done = 0
    for match in _BLANKS.finditer(folded.text):
        end = match.start() + (1 if match.end() - match.start() == _DOUBLED else _DOUBLED)
        letters.append(folded.text[done:end])
        origin.extend(folded.origin[done:end])
        done = match.end()
    if not done:
        return folded
    letters.append(folded.text[done:])
    origin.extend(folded.origin[done:])
    return Folded(folded.original, "".join(letters), origin)


def fold_known(original: str) -> str:
    """Fold a known value (a name, an id, a place) as a report is folded."""
    return fold_with_offsets(original).text


_DOUBLED = 2
_BLANKS = re.compile(r" {2,}")
_STRETCH = re.compile(
    rf"(?P<holder>{PLACEHOLDER.pattern})|(?P<plain>[\x00-Z\\-\x7f]+)|"
    rf"(?P<garbled>{'|'.join(map(re.escape, _GARBLED))})|.",
    re.DOTALL,
)
_ASCII = str.maketrans({"\r": " ", "\x0b": "\n", "\x0c": "\n", "`": "'", BARRIER: " "})


@cache
def _fold(letter: str) -> str:
    """Fold one character: '' where it is invisible or a mark on the one before."""
    if letter in _LINES:
        return "\n"
    if letter == "\t":
        return letter
    if letter in _DASHES:
        return "-"
    if letter in _QUOTES:
        return "'"
    if letter in "\r\x00":
        return " "
    return "".join(map(_fold_part, _parts(letter)))


def _parts(letter: str) -> str:
    """Decompose, except where a raised or lowered digit would look like a part of a number."""
    meaning = unicodedata.decomposition(letter)
    if meaning.startswith(("<super>", "<sub>", "<fraction>")):
        parts = unicodedata.normalize("NFKD", letter)
        return parts if parts.isalpha() else "^"
    return unicodedata.normalize("NFKD", letter)


def _fold_part(part: str) -> str:
    category = unicodedata.category(part)
    if category in {"Mn", "Me", "Cf"}:
        return ""
    if category == "Zs":
        return " "
    if category == "Nd":
        return str(unicodedata.decimal(part))
    if part in _DASHES:
        return "-"
    return _LOOKALIKES.get(part, part).lower() if part.isalpha() else part

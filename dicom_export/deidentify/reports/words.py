"""The words of a report, with their case and whether they start a phrase."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from dicom_export.deidentify.reports.folding import BARRIER, Folded

# A word has no digit beside it: neither the T of "T4" nor the MAR of "03MAR2018" is one. An
# underscore separates words, as in names of files.
_WORD = re.compile(r"(?<![^\W_])[^\W\d_]+(?:'[^\W\d_]+)*(?![^\W_])")
_LETTER = re.compile(r"[^\W\d_]")
_PHRASE_STARTS = frozenset('.:;?!\n"(*•#|-\t>/' + BARRIER)

_MOSTLY = 0.8
_ALMOST_NONE = 0.01


class Shape(Enum):
    """How a word is written."""

    LOWER = auto()
    TITLE = auto()
    UPPER = auto()


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the folded text."""

    text: str = field(repr=False)
    """Without apostrophes: 'odwyer'."""
    start: int
    end: int
    shape: Shape
    case_is_informative: bool
    """Whether its line mixes capitals and small letters, so that a capital says something."""
    starts_phrase: bool
    """Whether it begins a sentence, an item of a list, or the text behind a colon."""

    @property
    def is_capitalized(self) -> bool:
        """Whether it has a capital in a line where capitals say something."""
        return self.case_is_informative and self.shape is not Shape.LOWER


@dataclass(frozen=True, slots=True)
class ReportWords:
    """The folded text and its words."""

    folded: Folded = field(repr=False)
    words: Sequence[Word] = field(repr=False)
    starts: Sequence[int] = field(repr=False)
    """Where each word starts."""

    @property
    def text(self) -> str:
        """The folded text."""
        return self.folded.text

    def between(self, start: int, end: int) -> Sequence[Word]:
        """Return the words that begin in a range of the text."""
        return self.words[bisect_left(self.starts, start) : bisect_left(self.starts, end)]

    def gap(self, index: int) -> str:
        """Return the text between a word and the word before it."""
        return self.text[self.words[index - 1].end : self.words[index].start] if index else BARRIER

    def gap_after(self, index: int) -> str:
        """Return the text between a word and the next word, or the end of the text."""
        if index + 1 < len(self.words):
            return self.gap(index + 1)
        return self.text[self.words[index].end :] + BARRIER


def find_words(folded: Folded) -> ReportWords:
    """Find the words in time proportional to the length of the text."""
    text, original, origin = folded.text, folded.original, folded.origin
    whole = _letters(original)
    has_no_capitals = _share_of_capitals(whole) <= _ALMOST_NONE and len(whole) > 40
    words: list[Word] = []
    line_end, case_is_informative = -1, True
    for found in _WORD.finditer(text):
        start, end = found.span()
        if start >= line_end:
            line_end = text.find("\n", start)
            line_end = len(text) if line_end < 0 else line_end
            begin = text.rfind("\n", 0, start) + 1
            line = original[origin[begin] : origin[line_end - 1] + 1]
            share = _share_of_capitals(_letters(line))
            case_is_informative = not has_no_capitals and share < _MOSTLY
        written = original[origin[start] : origin[end - 1] + 1]
        words.append(
            Word(
                found[0].replace("'", ""),
                start,
                end,
                _shape(written),
                case_is_informative,
                _starts_phrase(text, start),
            )
        )
    return ReportWords(folded, words, [word.start for word in words])


def _letters(text: str) -> str:
    return "".join(_LETTER.findall(re.sub(r"\[[A-Z][A-Z0-9 +-]*\]", "", text)))


def _share_of_capitals(letters: str) -> float:
    return sum(map(str.isupper, letters)) / len(letters) if letters else 0.0


def _shape(written: str) -> Shape:
    # 'M.\u00aa' is written like an initial.
    if written.isupper() or written == "\u00aa":
        return Shape.UPPER
    return Shape.TITLE if written[0].isupper() else Shape.LOWER


def _starts_phrase(text: str, start: int) -> bool:
    at = start - 1
    while at >= 0 and text[at] in " \t":
        at -= 1
    return at < 0 or text[at] in _PHRASE_STARTS

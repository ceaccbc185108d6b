"""A report as lines and words, with what its letters tell: capitals, beginnings of sentences."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from dicom_export.deidentify.reports.folding import BARRIER, Folded

# A word has no digit beside it: the T of "T4" and the MAR of "03MAR2018" are none. An underscore
# parts words, as in names of files.
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
    """Whether capitals mean anything here: not in a line of capitals, nor where there are none."""
    starts_phrase: bool
    """Whether it begins a sentence, an item of a list, or what stands behind a colon."""

    @property
    def is_capitalized(self) -> bool:
        """Whether it is written as a name is, where that tells something."""
        return self.case_is_informative and self.shape is not Shape.LOWER


@dataclass(frozen=True, slots=True)
class ReportWords:
    """The folded text, its words, and what stands between them."""

    folded: Folded = field(repr=False)
    words: Sequence[Word] = field(repr=False)
    starts: Sequence[int] = field(repr=False)
    """Where each word starts."""

    @property
    def text(self) -> str:
        """The folded text."""
        return self.folded.text

    def between(self, start: int, end: int) -> Sequence[Word]:
        """Give the words that begin within a stretch of the text."""
        return self.words[bisect_left(self.starts, start) : bisect_left(self.starts, end)]

    def gap(self, index: int) -> str:
        """Give what stands between a word and the one before it."""
        return self.text[self.words[index - 1].end : self.words[index].start] if index else BARRIER

    def gap_after(self, index: int) -> str:
        """Give what stands between a word and the next one, or the end of the text."""
        if index + 1 < len(self.words):
            return self.gap(index + 1)
        return self.text[self.words[index].end :] + BARRIER


def find_words(folded: Folded) -> ReportWords:
    """Find the words; takes time in proportion to the text's length."""
    text, original, origin = folded.text, folded.original, folded.origin
    whole = _letters(original)
    has_no_capitals = _share_of_capitals(whole) <= _ALMOST_NONE and len(whole) > 40
    words: list[Word] = []
    line_end, tells = -1, True
    for found in _WORD.finditer(text):
        start, end = found.span()
        if start >= line_end:
            line_end = text.find("\n", start)
            line_end = len(text) if line_end < 0 else line_end
            begin = text.rfind("\n", 0, start) + 1
            line = original[origin[begin] : origin[line_end - 1] + 1]
            tells = not has_no_capitals and _share_of_capitals(_letters(line)) < _MOSTLY
        written = original[origin[start] : origin[end - 1] + 1]
        words.append(
            Word(
                found[0].replace("'", ""),
                start,
                end,
                _shape(written),
                tells,
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

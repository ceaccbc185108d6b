"""Finds facilities and organizations: known names, and names with a word such as 'Hospital'."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dicom_export.deidentify.reports.folding import fold_known
from dicom_export.deidentify.reports.lexicon import is_name, is_ordinary
from dicom_export.deidentify.reports.word_lists import cues
from dicom_export.deidentify.reports.words import ReportWords, Word

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+")
_MOST_WORDS = 6
_GAP = re.compile(r"[ .]{1,2}|-|\n")
_SHORTEST_ALONE = 5


def patterns(names: Iterable[str]) -> list[re.Pattern[str]]:
    """Make a pattern of the names that allows other spaces, full stops and dashes."""
    made: dict[str, None] = {}
    for name in names:
        words = _WORD.findall(fold_known(name))
        if words and not _is_common(words):
            made[r"[ .,/\-'\n]{1,3}".join(map(re.escape, words))] = None
    longest_first = sorted(made, key=lambda pattern: (-len(pattern), pattern))
    return [re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)")] if made else []


def _is_common(words: list[str]) -> bool:
    """Whether a name is one ordinary word ('Central', 'Tórax'), which would go everywhere."""
    return len(words) == 1 and (is_ordinary(words[0]) or len(words[0]) < _SHORTEST_ALONE)


def named(report: ReportWords) -> Iterable[tuple[int, int]]:
    """Find 'Hospital San Roque', 'St. Brendan Hospital' in lines of mixed case."""
    words = report.words
    for index, word in enumerate(words):
        if not word.is_capitalized:
            continue
        if word.text in cues().facility_heads:
            last = _last_of_name(report, index)
            if last > index:
                yield word.start, words[last].end
        elif word.text in cues().facility_tails:
            first = _first_of_name(report, index)
            if first < index:
                yield words[first].start, word.end


def _last_of_name(report: ReportWords, head: int) -> int:
    last, at = head, head + 1
    while at < len(report.words) and at - head <= _MOST_WORDS and _GAP.fullmatch(report.gap(at)):
        word = report.words[at]
        if _names(word):
            last = at
        elif not (word.text in cues().particles or _is_part(word)):
            break
        at += 1
    return last


def _first_of_name(report: ReportWords, tail: int) -> int:
    first, at = tail, tail - 1
    while at >= 0 and tail - at <= _MOST_WORDS and _GAP.fullmatch(report.gap(at + 1)):
        word = report.words[at]
        if _names(word):
            first = at
        elif not (word.is_capitalized and (word.text in cues().particles or _is_part(word))):
            break
        if word.starts_phrase:
            break
        at -= 1
    while first > 0 and report.words[first - 1].text in {"st", "saint", "mount"}:
        first -= 1
    return first


def _names(word: Word) -> bool:
    return (
        word.is_capitalized
        and (is_name(word.text) or not is_ordinary(word.text))
        and len(word.text) > 1
    )


def _is_part(word: Word) -> bool:
    return word.is_capitalized and word.text in cues().facility_words

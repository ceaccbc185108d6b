"""Finds the names of known people anywhere: in any order and case, misspelt, in part."""

from __future__ import annotations

import re

from dicom_export.deidentify.reports.lexicon import (
    has_meaning,
    is_family_name,
    is_given_name,
    is_name,
    is_ordinary,
)
from dicom_export.deidentify.reports.people import People
from dicom_export.deidentify.reports.read_name import MOST_WORDS, Reader, Run
from dicom_export.deidentify.reports.rules import name_forms
from dicom_export.deidentify.reports.types import Kind
from dicom_export.deidentify.reports.word_lists import cues
from dicom_export.deidentify.reports.words import ReportWords

_NUMBER_FOLLOWS = re.compile(r"[ :=]{1,2}\d")
_AGE_FOLLOWS = re.compile(r", ?(?:de )?\d{1,3}[ -]?(?:anos?|years?|yrs?|yo|y/o|meses|months)\b")
_DONE_TO_FOLLOWS = re.compile(r" se l[aeo] [a-z]")
_IN_NUMBERS = re.compile(r"\d ?$")
"""A number directly before, not in another column."""
_SHORTEST_CERTAIN = 3


class KnownFinder:
    """Finds known people in one report."""

    def __init__(self, report: ReportWords, people: People, reader: Reader) -> None:
        """Prepare for a report and its reader."""
        self._report = report
        self._people = people
        self._reader = reader
        self._words = report.words
        self._cues = cues()

    def find(self, announced: set[int]) -> tuple[list[Run], set[int]]:
        """Return the names, and the words of close people's names that read like ordinary words.

        ``announced`` are the words that a cue announces as names.
        """
        runs: list[Run] = []
        left: set[int] = set()
        index = 0
        while index < len(self._words):
            if not self._people.owners(self._words[index].text):
                index += 1
                continue
            run, is_name_here = self._group(index)
            if is_name_here:
                runs.append(self._widened(run))
            elif announced.isdisjoint(range(run.first, run.last + 1)) and self._is_close(index):
                left.add(index)
            index = run.last + 1
        return runs, left

    def _group(self, first: int) -> tuple[Run, bool]:
        """Read while the words belong to one known person; also return whether it is a name."""
        owners = self._people.owners(self._words[first].text)
        matched = [first]
        start, last, index, loose = first, first, first + 1, 0
        while (
            start > 0
            and self._report.gap(start) in {" ", ". "}
            and self._people.is_led(owners, self._words[start - 1].text, self._words[start].text)
        ):
            start -= 1
        initials = self._initials_before(start, owners)
        start -= initials
        while index < len(self._words) and index - first < 2 * MOST_WORDS:
            word = self._words[index]
            common = owners & self._people.owners(word.text)
            if not self._reader.joins(index, is_known=bool(common)):
                break
            if common and word.text not in {self._words[at].text for at in matched}:
                owners, last, loose = common, index, 0
                matched.append(index)
            elif self._reader.is_suffix(index):
                last, loose = index, 0
            elif self._reader.is_initial(index) and self._people.with_initial(owners, word.text):
                initials += 1
                last, loose = index, 0
            elif word.text in self._cues.particles or (
                self._reader.may_be_name(word) and loose == 0
            ):
                loose += 1
            else:
                break
            if loose > name_forms.MOST_PARTICLES:
                break
            index += 1
        return Run(start, last, None), self._is_named(matched, initials, is_led=start < first)

    def _is_named(self, matched: list[int], initials: int, *, is_led: bool) -> bool:
        words = [self._words[at] for at in matched]
        certain = [word for word in words if not has_meaning(word.text)]
        if len(words) > 1:
            # 'campos claros' stays, where a patient is called Claros Campos.
            return bool(certain) or any(
                not w.case_is_informative or w.is_capitalized for w in words
            )
        if initials:
            return (
                bool(certain)
                or words[0].is_capitalized
                or (is_led and not words[0].case_is_informative)
            )
        return self._people.is_whole(words[0].text) or self._is_named_alone(matched[0])

    def _is_named_alone(self, index: int) -> bool:
        word = self._words[index]
        if self._is_acting(index) and (not word.case_is_informative or word.is_capitalized):
            return True
        is_measured = has_meaning(word.text) and _NUMBER_FOLLOWS.match(self._report.text, word.end)
        is_short = len(word.text) < _SHORTEST_CERTAIN
        if is_short or is_measured or self._reader.is_eponymous(index):
            return False
        if is_ordinary(word.text):
            return self._reads_like_a_name(index)
        owners = [self._people[owner] for owner in self._people.owners(word.text)]
        is_close = self._is_close(index)
        if not has_meaning(word.text):
            return (
                word.is_capitalized
                or is_close
                or not (word.case_is_informative or is_given_name(word.text))
            )
        if word.case_is_informative:
            return word.is_capitalized and (is_close or not word.starts_phrase)
        return any(owner.kind is Kind.PATIENT for owner in owners)

    def _is_acting(self, index: int) -> bool:
        """Whether the text behind is about a person: 'Costa refiere', 'Costa, 34 años'."""
        end = self._words[index].end
        follows = (_AGE_FOLLOWS, _DONE_TO_FOLLOWS, name_forms.RETURNS)
        if any(pattern.match(self._report.text, end) for pattern in follows):
            return True
        before = self._words[index - 1] if index else None
        if before and before.starts_phrase and before.text in {"a", "em", "en", "in", "to"}:
            # 'Em Costa foi colocado um dreno'.
            return self._reader.next_text(index) in {"foi", "fue", "was"}
        is_next = self._report.gap_after(index) in {" ", "\n"}
        return is_next and self._reader.next_text(index) in self._cues.person_verbs

    def _reads_like_a_name(self, index: int) -> bool:
        """Whether an ordinary word is a name here: 'con Blanco' is, 'Campo Blanco' is not."""
        word = self._words[index]
        if not word.is_capitalized or word.starts_phrase:
            return False
        return not any(
            0 <= at < len(self._words)
            and self._words[at].is_capitalized
            and is_ordinary(self._words[at].text)
            for at in (index - 1, index + 1)
        )

    def _initials_before(self, index: int, owners: frozenset[int]) -> int:
        count = 0
        while (
            index - count > 0
            and count < name_forms.MOST_PARTICLES
            and self._reader.is_initial(index - count - 1)
            and self._report.gap(index - count) in {". ", ".", " "}
            and not self._report.gap(index - count - 1).endswith(("/", "\N{DEGREE SIGN}"))
            # '38.5 C. Miller score'.
            and not _IN_NUMBERS.search(self._report.gap(index - count - 1))
            and self._people.with_initial(owners, self._words[index - count - 1].text)
        ):
            count += 1
        return count

    def _widened(self, run: Run) -> Run:
        """Extend a known name by names directly beside it that the files lack."""
        first, last = run.first, run.last
        while (
            first > max(0, run.first - MOST_WORDS)
            and self._report.gap(first) == " "
            and self._is_usual(first - 1)
        ):
            first -= 1
        while (
            first > max(0, run.first - MOST_WORDS)
            and self._words[first - 1].text in self._cues.name_abbreviations
            and self._report.gap(first) in {". ", " ", "."}
        ):
            first -= 1
        end = min(run.last + MOST_WORDS, len(self._words))
        while last + 1 < end and self._reader.joins(last + 1) and self._is_usual(last + 1):
            last += 1
        if last > first and self._ends_name(last + 1):
            last += 1
        return Run(first, last, run.kind)

    def _ends_name(self, index: int) -> bool:
        """Whether an unknown last word belongs to the name: 'GARCIA LOPEZ ANA NEREA, DE 5 AÑOS'."""
        if (
            index >= len(self._words)
            or not self._reader.joins(index)
            or self._report.gap(index) != " "
        ):
            return False
        word = self._words[index]
        ends = self._report.gap_after(index).lstrip(" ")[:1] in {",", ";", "\n", "("}
        return (
            ends
            and not word.case_is_informative
            and len(word.text) > 1
            and not is_ordinary(word.text)
        )

    def _is_usual(self, index: int) -> bool:
        word = self._words[index]
        if is_ordinary(word.text) or word.text in self._cues.particles or len(word.text) == 1:
            return False
        if word.text in self._cues.titles or word.text in self._cues.letter_titles:
            return False
        if word.text in self._cues.short_roles:
            return False
        if word.case_is_informative:
            return word.is_capitalized and (is_name(word.text) or not word.starts_phrase)
        return is_given_name(word.text) or is_family_name(word.text)

    def _is_close(self, index: int) -> bool:
        owners = self._people.owners(self._words[index].text)
        return any(self._people[owner].is_close for owner in owners)

"""Reads a name that begins at a given word: where it ends, which words belong to it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from dicom_export.deidentify.reports.folding import BARRIER
from dicom_export.deidentify.reports.lexicon import (
    has_meaning,
    is_administrative,
    is_given_name,
    is_name,
    is_ordinary,
)
from dicom_export.deidentify.reports.people import People
from dicom_export.deidentify.reports.rules import dates, name_forms
from dicom_export.deidentify.reports.types import Kind
from dicom_export.deidentify.reports.word_lists import cues, labels
from dicom_export.deidentify.reports.words import ReportWords, Shape, Word

BEHIND_TITLE = re.compile(r"\(|[.:]{0,2} {0,2}\n?|[./] {0,2}")
BEHIND_LABEL = re.compile(r"[.)]?(?:[ \t]{0,4}|[ .]{2,40}):[ \t]{0,8}(?:\n[ \t]{0,8}-? ?)?")
BEHIND_WORD = re.compile(r"[,:]? {1,2}\(?|\n|[:,]? ?\n{1,2} ?|: ?")
MOST_WORDS = 8

_LABEL_OF_LETTERS = re.compile(
    r"[a-z]\.[a-z](?:\.[a-z])?\.?(?: ?[:#]| n(?:[o\u00b0]|\.)| ?[a-z]?-?\d)"
)
"""Labels, not initials: 'C.I.: 12', 'D.N.I. N\u00b0 3', 'F.N.: 4'."""
_BEHIND_SHORT_ROLE = re.compile(" ")
_BEHIND_ENDING = re.compile(r"\)[.:]{0,2} {0,2}")
"""Behind the 'a' of 'Dr(a).'."""
_WITHIN = re.compile(r" ?[,.\-^_']? ?|-\n")
_LINE_END = re.compile(r",? ?\n {0,2}(?:- )?")
_LINE_END_BEHIND_INITIAL = re.compile(r"\. ?\n {0,2}")
_DEGREE = re.compile(r"(?:m\. ?d|ph\. ?d|d\. ?o|m\. ?b|f\. ?r)\b")
_NUMBER_NEXT = re.compile(r"[ .,/-]{1,2}\(?(?:\d{1,2}|(?:19|20)\d\d)(?!\d)(?! ?(?:anos|years))")
_SUFFIX_ENDS = re.compile(rf"\.?(?:[,;:)\n{BARRIER}]| {{2}}|\. |\.$)")
_SHORTEST_INITIALS = 2
_FILLED_LINE = 50
_SURE = 2


@dataclass(frozen=True, slots=True)
class Run:
    """A name: the words from ``first`` to ``last``, both included."""

    first: int
    last: int
    kind: Kind | None
    """The kind that a cue announced; None without a cue."""


class Reader:
    """Reads names in one report."""

    def __init__(
        self, report: ReportWords, people: People, apart: Iterable[tuple[int, int]] = ()
    ) -> None:
        """Prepare to read; no name reaches into the ranges of ``apart`` (known places)."""
        self._report = report
        self._people = people
        self._words = report.words
        self._cues = cues()
        self._labels = labels()
        self._apart = {
            index
            for start, end in apart
            for index in range(bisect_left(report.starts, start), bisect_left(report.starts, end))
        }

    def behind(self, index: int, gap: re.Pattern[str]) -> int | None:
        """Return the next word if the pattern matches the gap before it."""
        if index + 1 >= len(self._words):
            return None
        return index + 1 if gap.fullmatch(self._report.gap(index + 1)) else None

    def past_titles(self, index: int | None) -> int | None:
        """Skip 'Dr.', 'la Dra.', 'Sr./Sra.': titles stay in the report."""
        for _ in range(name_forms.MOST_PARTICLES + 1):
            if index is None:
                return None
            text = self._words[index].text
            if text in self._cues.titles or self._is_letter_title(index):
                behind = self.behind(index, BEHIND_TITLE)
                if behind is not None and self._report.gap(behind) == "(":
                    is_ending = self._words[behind].text == "a"
                    behind = self.behind(behind, _BEHIND_ENDING) if is_ending else None
                index = behind
            elif self._is_short_role(index):
                index = self.behind(index, _BEHIND_SHORT_ROLE)
            elif text in self._cues.articles and self.next_text(index) in self._cues.titles:
                index = self.behind(index, BEHIND_WORD)
            else:
                return index
        return index

    def _is_short_role(self, index: int) -> bool:
        """Whether 'Rx' stands between 'Téc.' or 'por' and a name."""
        return (
            self._words[index].text in self._cues.short_roles
            and index > 0
            and (
                self._words[index - 1].text in self._cues.titles
                or self._words[index - 1].text in self._cues.by
            )
        )

    def _is_letter_title(self, index: int) -> bool:
        """Whether 'TR' stands before a name, as in 'por TR Ana Ruiz'."""
        word = self._words[index]
        behind = self.behind(index, BEHIND_TITLE)
        return (
            word.text in self._cues.letter_titles
            and len(word.text) > 1
            and word.shape is Shape.UPPER
            and behind is not None
            and self.may_be_name(self._words[behind])
        )

    def read(
        self, index: int | None, kind: Kind, *, is_label: bool = False, is_certain: bool = True
    ) -> Run | None:
        """Read a name that begins at a word; None if no name begins there.

        With ``is_certain`` false, the words may be the rest of a sentence: where case says nothing,
        only known and usual names are read.
        """
        if index is None:
            return None
        first, last, count, at, commas = index, None, 0, index, 0
        owners: frozenset[int] = frozenset()
        while at < len(self._words) and count < MOST_WORDS:
            known = self._people.owners(self._words[at].text)
            if at > first:
                gap = self._report.gap(at)
                commas += "," in gap
                goes_on = last is None or bool(owners & known)
                if not self.joins(at, is_known=goes_on and self._is_known_here(at)):
                    break
                if "," in gap and not self._may_follow_comma(at, is_label and commas == 1):
                    break
                # 'Dr. Ruiz, Dra. Gil' without the second title, or on two lines.
                if owners and known and not owners & known and set(gap) & set(",\n"):
                    break
            word = self._words[at]
            is_particle = (word.text in self._cues.particles and not known) and (
                at == first or self._report.gap(at) != "-"
            )
            if is_particle and at - first - count <= name_forms.MOST_PARTICLES:
                at += 1
                continue
            is_other = self._begins_label(at)
            is_double = last is not None and self._report.gap(at) == "-"
            if is_other or not (is_double or self._continues(at, is_label=is_label)):
                break
            # Behind a usual given name, the family name may be any; 'paciente' is less sure.
            sure = _SURE if kind is Kind.PATIENT else 1
            may_be_any = (
                is_certain or word.case_is_informative or count >= sure or self._is_named_next(at)
            )
            if not may_be_any and not self.is_known_or_usual(at):
                break
            owners = (owners & known) or owners or known
            last, count = at, count + 1
            at += 1
        if last is None or not self._is_enough(first, last):
            return None
        return Run(first, last, kind)

    def _begins_label(self, index: int) -> bool:
        """Whether the next label begins here: 'Surname: Price  Given names: Ann'."""
        for length in range(1, self._labels.longest + 1):
            behind = index + length
            if behind > len(self._words) or (length > 1 and self._report.gap(behind - 1) != " "):
                return False
            if BEHIND_LABEL.match(self._report.text, self._words[behind - 1].end):
                label = tuple(word.text for word in self._words[index:behind])
                return label in self._labels.kinds and length > 1
        return False

    def _is_of_date(self, index: int) -> bool:
        """Whether a month or a weekday with a number stands here: 'Ruiz, julio 17'."""
        word = self._words[index]
        is_number_next = _NUMBER_NEXT.match(self._report.text, word.end)
        return bool(is_number_next) and (
            word.text in dates.MONTH_NUMBERS or word.text in dates.WEEKDAYS
        )

    def may_begin(self, index: int) -> bool:
        """Whether a sentence that continues here names a person."""
        first, index = index, self._past_particles(index)
        word = self._words[index]
        if index > first and not word.case_is_informative:
            # 'PACIENTE DE FOTOTIPO...' goes on, 'PACIENTE DE LA CRUZ' is a name if it is known.
            return bool(self._people.owners(word.text)) and self.is_known_or_usual(index)
        if word.case_is_informative:
            return word.is_capitalized and self._continues(index, is_label=False)
        return self.is_known_or_usual(index) or self._is_named_next(index)

    def is_known_or_usual(self, index: int) -> bool:
        """Whether the word is a known or a usual name, with a capital if case says something."""
        index = self._past_particles(index)
        word = self._words[index]
        if word.case_is_informative and not word.is_capitalized:
            return False
        if self._people.owners(word.text):
            return not is_ordinary(word.text) or self.is_patient(word.text)
        return is_name(word.text) and (word.case_is_informative or not has_meaning(word.text))

    def may_be_name(self, word: Word) -> bool:
        """Whether it is capitalized and no ordinary word, or a usual name."""
        if len(word.text) == 1:
            return False
        if word.case_is_informative:
            return word.is_capitalized and (is_name(word.text) or not is_ordinary(word.text))
        return is_name(word.text)

    def is_initial(self, index: int) -> bool:
        """Whether it is an initial, not a word ('a', 'y'), a side ('D') or a bullet."""
        word = self._words[index]
        if len(word.text) > 1 or (word.case_is_informative and word.shape is Shape.LOWER):
            return False
        if _LABEL_OF_LETTERS.match(self._report.text, word.start):
            return False
        is_behind_initial = self._report.gap(index) == "." and len(self._words[index - 1].text) == 1
        if self._report.gap_after(index).startswith(".") or is_behind_initial:
            return True
        if word.text in name_forms.WORDS_OF_ONE_LETTER or self._report.gap_after(index) != " ":
            return False
        follows = self._words[index + 1] if index + 1 < len(self._words) else None
        return follows is not None and (
            self.may_be_name(follows) or bool(self._people.owners(follows.text))
        )

    def is_suffix(self, index: int) -> bool:
        """Whether 'Sr.' ends a name; as a title it has a name behind it without a comma."""
        return (
            self._words[index].text in self._cues.suffixes
            and self._report.gap(index) in {" ", ", "}
            and bool(_SUFFIX_ENDS.match(self._report.gap_after(index)))
        )

    def joins(self, index: int, *, is_known: bool = False) -> bool:
        """Whether a word can belong to the same name as the word before it."""
        gap = self._report.gap(index)
        if gap == "., " and self._words[index - 1].text in self._cues.suffixes:
            return True
        if (
            self._is_of_date(index)
            or index in self._apart
            or _DEGREE.match(self._report.text, self._words[index].start)
        ):
            return False
        if "\n" in gap:
            is_initial = len(self._words[index - 1].text) == 1
            is_end = _LINE_END_BEHIND_INITIAL if is_initial else _LINE_END
            return bool(is_end.fullmatch(gap)) and (is_known or self._is_wrapped_name(index))
        if not _WITHIN.fullmatch(gap) or gap in {" - ", "  "}:
            return False
        if "." in gap:
            before = self._words[index - 1].text
            return len(before) == 1 or before in self._cues.abbreviations
        return True

    def next_text(self, index: int) -> str:
        """Return the text of the next word, or ''."""
        return self._words[index + 1].text if index + 1 < len(self._words) else ""

    def _is_enough(self, first: int, last: int) -> bool:
        """Whether the words hold a name, or two initials."""
        words = [self._words[at] for at in range(first, last + 1)]
        letters = sum(len(word.text) == 1 for word in words)
        return letters >= _SHORTEST_INITIALS or any(
            len(word.text) > 1
            and (word.text not in self._cues.particles or bool(self._people.owners(word.text)))
            and word.text not in self._cues.letter_titles
            for word in words
        )

    def _continues(self, index: int, *, is_label: bool) -> bool:
        word = self._words[index]
        if len(word.text) == 1 or self.is_suffix(index):
            return len(word.text) > 1 or self.is_initial(index)
        is_small = word.case_is_informative and word.shape is Shape.LOWER
        if self._follows_initial(index) and not is_small and not is_administrative(word.text):
            return True
        if self._people.owners(word.text) and (
            not is_small or not has_meaning(word.text) or self._is_titled(index)
        ):
            return True
        if is_small:
            return is_label and is_name(word.text) and not has_meaning(word.text)
        if not is_ordinary(word.text) or (
            is_name(word.text)
            and not (self._is_label(index) and (word.text,) in self._labels.kinds)
        ):
            return True
        # Behind 'Dr.' or within a name, a capital outweighs the word's other meaning; behind a
        # label only if a name follows ('Validado: Varas Valdés').
        is_written_so = (
            word.shape is Shape.TITLE
            and word.case_is_informative
            and not is_administrative(word.text)
        )
        return is_written_so and (not is_label or self.begins_surname(index))

    def _follows_initial(self, index: int) -> bool:
        """Whether 'Dr. E.' stands before the word."""
        return (
            index > 1
            and len(self._words[index - 1].text) == 1
            and self._report.gap(index).startswith(".")
            and (
                len(self._words[index - 2].text) == 1
                or self._words[index - 2].text in self._cues.titles
            )
        )

    def begins_surname(self, index: int) -> bool:
        """Whether a surname that is no ordinary word stands directly behind the word."""
        behind = index + 1
        return (
            behind < len(self._words)
            and self.joins(behind)
            and self.may_be_name(self._words[behind])
            and not is_ordinary(self._words[behind].text)
        )

    def _is_titled(self, index: int) -> bool:
        return index > 0 and self._words[index - 1].text in self._cues.titles

    def _is_label(self, index: int) -> bool:
        return bool(BEHIND_LABEL.match(self._report.text, self._words[index].end))

    def _is_known_here(self, index: int) -> bool:
        word = self._words[index]
        return bool(self._people.owners(word.text)) and not is_ordinary(word.text)

    def _may_follow_comma(self, index: int, is_expected: bool) -> bool:
        word = self._words[index]
        if is_expected or self._people.owners(word.text):
            return not word.case_is_informative or word.is_capitalized
        if is_given_name(word.text) and not is_ordinary(word.text):
            return self.may_be_name(word)
        # 'RUIZ DIAZ, Zoila'; where case says nothing, at the end of a line.
        if word.case_is_informative:
            is_turned = self._words[index - 1].shape is Shape.UPPER and word.shape is Shape.TITLE
            return is_turned and len(self._words[index - 1].text) > 1 and not is_ordinary(word.text)
        ends = self._report.gap_after(index).lstrip(" .")[:1] in {"\n", BARRIER}
        return ends and is_given_name(word.text)

    def _is_named_next(self, index: int) -> bool:
        """Whether an unknown word stands directly before a usual name: 'VIOLETA FLORES'."""
        word = self._words[index]
        behind = index + 1
        return (
            not word.case_is_informative
            and len(word.text) > 1
            and (is_given_name(word.text) or not is_ordinary(word.text))
            and behind < len(self._words)
            and self._report.gap(behind) == " "
            and self.is_known_or_usual(behind)
        )

    def _past_particles(self, index: int) -> int:
        while index + 1 < len(self._words) and (
            self._words[index].text in self._cues.particles or self.is_initial(index)
        ):
            index += 1
        return index

    def is_patient(self, word: str) -> bool:
        """Whether the word is part of the patient's name."""
        return any(self._people[owner].kind is Kind.PATIENT for owner in self._people.owners(word))

    def _is_wrapped_name(self, index: int) -> bool:
        """Whether a name continues in the next line: any name in filled lines, else a usual one."""
        word = self._words[index]
        if len(word.text) == 1 or self._is_label(index):
            return False
        if word.text in self._cues.particles:
            return (
                index + 1 < len(self._words)
                and self._report.gap(index + 1) == " "
                and is_name(self._words[index + 1].text)
                and self.may_be_name(self._words[index + 1])
            )
        if is_name(word.text) and not is_ordinary(word.text) and self.may_be_name(word):
            return True
        end = self._report.text.rfind("\n", 0, word.start)
        begin = self._report.text.rfind("\n", max(0, end - _FILLED_LINE), end)
        is_filled = begin < 0 and end >= _FILLED_LINE
        return is_filled and (
            self.may_be_name(word) or not (word.case_is_informative or is_ordinary(word.text))
        )

    def is_eponymous(self, index: int) -> bool:
        """Whether the word names a sign, disease or device: 'mal de Chagas', 'Baker cyst'."""
        words = self._words
        before = index - 1
        while (
            before >= max(0, index - name_forms.MOST_PARTICLES)
            and self._report.gap(before + 1) == " "
            and (words[before].text in self._cues.particles or len(words[before].text) == 1)
        ):
            before -= 1
        if 0 <= before < index - 1 and words[before].text in self._cues.eponym_nouns:
            return True
        behind = range(index + 1, min(index + name_forms.MOST_PARTICLES, len(words)))
        return any(
            words[at].text in self._cues.eponym_nouns
            and all(
                self._report.gap(between) in {" ", "-", "'s "}
                for between in range(index + 1, at + 1)
            )
            for at in behind
        )

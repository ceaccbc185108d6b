"""Finds names by what stands around them: titles, labels, deeds, roles, the form of a signature."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache

from dicom_export.deidentify.reports import rules
from dicom_export.deidentify.reports.folding import BARRIER
from dicom_export.deidentify.reports.lexicon import (
    is_family_name,
    is_given_name,
    is_name,
    is_ordinary,
)
from dicom_export.deidentify.reports.people import with_one_letter_less
from dicom_export.deidentify.reports.read_name import (
    BEHIND_LABEL,
    BEHIND_TITLE,
    BEHIND_WORD,
    MOST_WORDS,
    Reader,
    Run,
)
from dicom_export.deidentify.reports.types import Kind
from dicom_export.deidentify.reports.words import Page, Shape

_BETWEEN_LABEL_WORDS = re.compile(r"[ .()/]{1,4}")
_BEFORE_ROLE = re.compile(r" {0,2}[,/(\-] {0,2}|,? {0,2}\n{1,2} {0,4}")
_CLOSING_LINES = 10
_LONGEST_LABEL_WORD = 24


class CueFinder:
    """Finds names that something announces, in one page."""

    def __init__(self, page: Page, reader: Reader) -> None:
        """Prepare for a page and its reader."""
        self._page = page
        self._reader = reader
        self._words = page.words

    def find(self) -> Iterator[Run]:
        """Give the names, which may overlap, in no order."""
        yield from self._titled()
        yield from self._labelled()
        yield from self._behind_deeds()
        yield from self._residents()
        yield from self._spoken_of()
        yield from self._before_roles()
        yield from self._usual()
        yield from self._signatures()

    def _titled(self) -> Iterator[Run]:
        for index, word in enumerate(self._words):
            kind = rules.TITLES.get(word.text)
            begin = self._reader.past_titles(index) if kind else None
            if kind is None and word.shape is Shape.UPPER and word.tells:
                kind = rules.LETTER_TITLES.get(word.text)
                begin = self._reader.behind(index, BEHIND_TITLE)
                # 'D. Nasc.', 'D. O. B.', 'TR 45 ms': only before a known or a usual name.
                if begin is None or len(self._words[begin].text) == 1:
                    continue
                is_made_by = index > 0 and self._words[index - 1].text in rules.MADE_BY
                if not self._reader.is_somebody(begin) and not (is_made_by and len(word.text) > 1):
                    continue
            if kind is None:
                continue
            run = self._reader.read(begin, kind)
            if run:
                yield run

    def _labelled(self) -> Iterator[Run]:
        for index in range(len(self._words)):
            found = BEHIND_LABEL.match(self._page.text, self._words[index].end)
            if not found:
                continue
            label = self._label_ending(index)
            if label is None:
                continue
            kind, is_weak = label
            begin = self._reader.behind(index, BEHIND_LABEL)
            begin = self._reader.past_titles(begin)
            if begin is None or (is_weak and not self._reader.is_somebody(begin)):
                continue
            if (
                self._words[index].text in rules.LABELS_OF_TEXT
                and is_ordinary(self._words[begin].text)
                and not self._reader.begins_surname(begin)
            ):
                continue
            run = self._reader.read(begin, kind, is_label=True)
            if run:
                yield run

    def _residents(self) -> Iterator[Run]:
        for found in rules.RESIDENT.finditer(self._page.text):
            begin = self._reader.past_titles(self._at(found.end()))
            if begin is None or not (
                ":" in found["mark"]
                or self._reader.is_initial(begin)
                or self._reader.is_somebody(begin)
            ):
                continue
            run = self._reader.read(begin, Kind.DOCTOR, is_label=True)
            if run:
                yield run

    def _spoken_of(self) -> Iterator[Run]:
        """Find what somebody is called, and parents: written like names."""
        announced = (
            (rules.NICKNAME, Kind.PATIENT),
            (rules.PARENT, Kind.PERSON),
            (rules.OPERATED, Kind.DOCTOR),
        )
        for pattern, kind in announced:
            for found in pattern.finditer(self._page.text):
                begin = self._reader.past_titles(self._at(found.end()))
                if begin is None:
                    continue
                word = self._words[begin]
                if word.is_capitalized or not (word.tells or is_ordinary(word.text)):
                    run = self._reader.read(begin, kind)
                    if run:
                        yield run

    def _at(self, start: int) -> int | None:
        """Give the word that begins at a place of the text."""
        index = bisect_left(self._page.starts, start)
        return index if index < len(self._words) and self._words[index].start == start else None

    def _label_ending(self, index: int) -> tuple[Kind, bool] | None:
        for length in range(rules.LONGEST_LABEL, 0, -1):
            first = index - length + 1
            if first < 0 or not all(
                _BETWEEN_LABEL_WORDS.fullmatch(self._page.gap(at))
                for at in range(first + 1, index + 1)
            ):
                continue
            kind = label_kind(tuple(word.text for word in self._words[first : index + 1]))
            if kind:
                word = self._words[index].text
                # 'Lado:' may be 'Laudo:', and 'Inforem:' 'Informe:'.
                is_guessed = kind is not Kind.PATIENT and (word,) not in rules.LABELS
                return kind, length == 1 and (word in rules.WEAK_LABELS or is_guessed)
        return None

    def _behind_deeds(self) -> Iterator[Run]:
        for index, word in enumerate(self._words):
            begin, kind, is_weak = None, Kind.DOCTOR, False
            if word.text in rules.MADE or word.text in rules.TOLD:
                begin = self._past_preposition(index)
            elif word.text in rules.CLOSINGS:
                begin = self._reader.behind(index, BEHIND_WORD)
            elif word.text in rules.BARE_LABELS:
                begin, kind = self._past_adjective(index), rules.BARE_LABELS[word.text]
                is_weak = begin is not None and not set(self._page.gap(begin)) & set(",:(")
                if kind is Kind.PERSON:
                    begin = self._past_of(begin)
                if begin is not None and ":" in self._page.gap(begin) and not word.opens:
                    # A label: `_labelled` knows what may stand behind it.
                    continue
                is_told = word.opens or (begin is not None and "," in self._page.gap(begin))
                if word.text in rules.COMMA_LABELS and not (is_told and not is_weak):
                    continue
            elif word.text in rules.QUOTED or word.text in rules.ACCORDING:
                begin, kind, is_weak = self._past_quote(index), Kind.PERSON, True
            elif word.text in rules.KNOWN_AS:
                begin, kind, is_weak = self._past_as(index), Kind.PERSON, True
            elif word.text == "i" and word.opens and self._page.gap_after(index) == ", ":
                # 'I, John Smith, have reviewed the images', not 'Grade I, Nodule'.
                begin, is_weak = self._reader.behind(index, BEHIND_WORD), True
            begin = self._reader.past_titles(begin)
            if begin is None or (is_weak and not self._reader.may_begin(begin)):
                continue
            run = self._reader.read(begin, kind, is_certain=not is_weak)
            if run:
                yield run

    def _past_adjective(self, index: int) -> int | None:
        behind = self._reader.behind(index, BEHIND_WORD)
        for _ in range(rules.MOST_PARTICLES):
            if behind is None or self._words[behind].text not in rules.LABEL_ADJECTIVES:
                break
            behind = self._reader.behind(behind, BEHIND_WORD)
        return behind

    def _past_of(self, index: int | None) -> int | None:
        """Skip the 'de' of 'hijo de Ana Gil', but not that of 'esposa De la Cruz'."""
        if index is None or self._words[index].text not in {"de", "of"}:
            return index
        follows = self._reader.next_text(index)
        is_name = self._words[index].is_capitalized or follows in rules.PARTICLES
        return index if is_name else self._reader.behind(index, BEHIND_WORD)

    def _past_as(self, index: int) -> int | None:
        behind = self._reader.behind(index, BEHIND_WORD)
        if behind is not None and self._words[behind].text in {"as", "como"}:
            return self._reader.behind(behind, BEHIND_WORD)
        return None

    def _past_quote(self, index: int) -> int | None:
        """Find the word behind 'según relata', 'segundo relato de', 'according to'."""
        before = self._words[index - 1].text if index else ""
        word = self._words[index]
        is_said = word.opens and word.text in rules.SAYS
        if word.text in rules.QUOTED and not is_said and before not in rules.ACCORDING:
            return None
        behind = self._reader.behind(index, BEHIND_WORD)
        if behind is not None and self._words[behind].text in {"a", "de", "do", "da", "to", "el"}:
            behind = self._reader.behind(behind, BEHIND_WORD)
        return behind

    def _past_preposition(self, index: int) -> int | None:
        """Find the word behind 'firmado digitalmente por'."""
        deed = self._words[index].text
        prepositions = (rules.MADE_BY if deed in rules.MADE else frozenset()) | (
            rules.TOLD_TO if deed in rules.TOLD else frozenset()
        )
        preposition = None
        for at in range(index + 1, min(index + MOST_WORDS, len(self._words))):
            word = self._words[at].text
            if self._page.gap(at).strip(" \n"):
                break
            if word in prepositions:
                preposition = at
            elif preposition is not None or not (word in rules.DEED_ADVERBS or word in rules.MADE):
                break
        return None if preposition is None else self._reader.behind(preposition, BEHIND_WORD)

    def _before_roles(self) -> Iterator[Run]:
        for index in range(1, len(self._words)):
            if not self._is_role(index):
                continue
            if not _BEFORE_ROLE.fullmatch(self._page.gap(index)):
                continue
            first = index
            while (
                first > 0
                and index - first < MOST_WORDS
                and self._may_precede_role(first - 1, first == index)
            ):
                first -= 1
            while first < index and self._words[first].text in rules.PARTICLES:
                first += 1
            # 'TÓRAX F Y P', and 'Clínica:' in the next line.
            is_spelt = any(len(word.text) > 1 for word in self._words[first:index])
            if index - first >= 2 and is_spelt:
                yield Run(first, index - 1, Kind.DOCTOR)

    def _is_role(self, index: int) -> bool:
        word = self._words[index].text
        return word in rules.ROLES or (
            word in rules.YEARS_OF_RESIDENTS and self._reader.next_text(index) == "year"
        )

    def _may_precede_role(self, index: int, is_last: bool) -> bool:
        if not is_last and not self._reader.joins(index + 1):
            return False
        word = self._words[index]
        return (
            word.text in rules.PARTICLES
            or (self._reader.is_initial(index) and word.shape is Shape.UPPER)
            or self._reader.may_be_name(word)
            or (not word.tells and not is_ordinary(word.text))
        )

    def _usual(self) -> Iterator[Run]:
        """Find usual given names with a family name: 'Juan Pérez', 'PÉREZ, JUAN'."""
        index = 0
        while index < len(self._words):
            run = self._usual_at(index)
            if run:
                yield run
                index = run.last
            index += 1

    def _usual_at(self, index: int) -> Run | None:
        word = self._words[index]
        if (
            is_given_name(word.text)
            and not is_ordinary(word.text)
            and self._reader.may_be_name(word)
        ):
            run = self._reader.read(index, Kind.PERSON)
            if run and self._count_names(run) > 1 and not self._reader.is_eponymous(index):
                return run
        follows = index + 1 < len(self._words) and self._page.gap(index + 1) in {", ", ","}
        if follows and self._reader.may_be_name(word) and not is_ordinary(word.text):
            given = self._words[index + 1]
            if (
                is_given_name(given.text)
                and not is_ordinary(given.text)
                and self._reader.may_be_name(given)
                and (word.shape is Shape.UPPER or is_family_name(word.text))
            ):
                return self._reader.read(index, Kind.PERSON, is_label=True)
        return None

    def _count_names(self, run: Run) -> int:
        return sum(
            self._words[at].tells or is_name(self._words[at].text)
            for at in range(run.first, run.last + 1)
            if len(self._words[at].text) > 1 and self._words[at].text not in rules.PARTICLES
        )

    def _signatures(self) -> Iterator[Run]:
        """Find the lines at the end that hold a name and nothing else."""
        text = self._page.text
        begin = len(text)
        for _ in range(_CLOSING_LINES):
            begin = text.rfind("\n", 0, begin)
            if begin < 0:
                break
        for index, word in enumerate(self._words):
            if word.start <= begin or not word.opens or "\n" not in self._page.gap(index):
                continue
            run = self._reader.read(self._reader.past_titles(index), Kind.DOCTOR, is_label=True)
            if (
                run
                and self._fills_line(run)
                and self._count_names(run) > 1
                and any(is_name(self._words[at].text) for at in range(run.first, run.last + 1))
            ):
                yield run

    def _fills_line(self, run: Run) -> bool:
        rest = self._page.gap_after(run.last)
        return rest.lstrip(" .,").startswith(("\n", BARRIER))


def label_kind(words: tuple[str, ...]) -> Kind | None:
    """Tell what follows a label, also with one letter wrong in one of its words."""
    kind = rules.LABELS.get(words)
    if kind:
        return kind
    for at, word in enumerate(words):
        if (
            not rules.SHORTEST_MISSPELT <= len(word) + 1 <= _LONGEST_LABEL_WORD
            or is_ordinary(word)
            or is_name(word)
        ):
            continue
        for meant in _label_words_like(word):
            kind = rules.LABELS.get((*words[:at], meant, *words[at + 1 :]))
            if kind:
                return kind
    return None


@cache
def _label_variants() -> dict[str, set[str]]:
    variants: dict[str, set[str]] = {}
    for word in {word for label in rules.LABELS for word in label}:
        if len(word) >= rules.SHORTEST_MISSPELT:
            for variant in with_one_letter_less(word):
                variants.setdefault(variant, set()).add(word)
    return variants


def _label_words_like(word: str) -> set[str]:
    found = _label_variants()
    return {meant for variant in with_one_letter_less(word) for meant in found.get(variant, ())}

"""Finds names by their surroundings: titles, labels, verbs, roles, signatures."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache

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
from dicom_export.deidentify.reports.rules import name_forms
from dicom_export.deidentify.reports.types import Kind
from dicom_export.deidentify.reports.word_lists import cues, labels
from dicom_export.deidentify.reports.words import ReportWords, Shape

_BETWEEN_LABEL_WORDS = re.compile(r"[ .()/]{1,4}")
_BEFORE_ROLE = re.compile(r" {0,2}[,/(\-] {0,2}|,? {0,2}\n{1,2} {0,4}")
_CLOSING_LINES = 10
_LONGEST_LABEL_WORD = 24


class CueFinder:
    """Finds the names that a cue announces in one report."""

    def __init__(self, report: ReportWords, reader: Reader) -> None:
        """Prepare for a report and its reader."""
        self._report = report
        self._reader = reader
        self._words = report.words
        self._cues = cues()
        self._labels = labels()

    def find(self) -> Iterator[Run]:
        """Yield the names, which may overlap, in no order."""
        yield from self._titled()
        yield from self._labelled()
        yield from self._behind_actions()
        yield from self._residents()
        yield from self._spoken_of()
        yield from self._before_roles()
        yield from self._usual()
        yield from self._signatures()

    def _titled(self) -> Iterator[Run]:
        for index, word in enumerate(self._words):
            kind = self._cues.titles.get(word.text)
            begin = self._reader.past_titles(index) if kind else None
            if kind is None and word.shape is Shape.UPPER and word.case_is_informative:
                kind = self._cues.letter_titles.get(word.text)
                begin = self._reader.behind(index, BEHIND_TITLE)
                # 'D. Nasc.', 'D. O. B.', 'TR 45 ms': only before a known or a usual name.
                if begin is None or len(self._words[begin].text) == 1:
                    continue
                is_made_by = index > 0 and self._words[index - 1].text in self._cues.by
                if not self._reader.is_known_or_usual(begin) and not (
                    is_made_by and len(word.text) > 1
                ):
                    continue
            if kind is None:
                continue
            run = self._reader.read(begin, kind)
            if run:
                yield run

    def _labelled(self) -> Iterator[Run]:
        for index in range(len(self._words)):
            found = BEHIND_LABEL.match(self._report.text, self._words[index].end)
            if not found:
                continue
            label = self._label_ending(index)
            if label is None:
                continue
            kind, is_weak = label
            begin = self._reader.behind(index, BEHIND_LABEL)
            begin = self._reader.past_titles(begin)
            if begin is None or (is_weak and not self._reader.is_known_or_usual(begin)):
                continue
            if (
                self._words[index].text in self._cues.labels_of_text
                and is_ordinary(self._words[begin].text)
                and not self._reader.begins_surname(begin)
            ):
                continue
            run = self._reader.read(begin, kind, is_label=True)
            if run:
                yield run

    def _residents(self) -> Iterator[Run]:
        for found in name_forms.RESIDENT.finditer(self._report.text):
            begin = self._reader.past_titles(self._at(found.end()))
            if begin is None or not (
                ":" in found["mark"]
                or self._reader.is_initial(begin)
                or self._reader.is_known_or_usual(begin)
            ):
                continue
            run = self._reader.read(begin, Kind.DOCTOR, is_label=True)
            if run:
                yield run

    def _spoken_of(self) -> Iterator[Run]:
        """Find nicknames, parents, and technicians behind 'hizo la placa'."""
        announced = (
            (name_forms.NICKNAME, Kind.PATIENT),
            (name_forms.PARENT, Kind.PERSON),
            (name_forms.OPERATED, Kind.DOCTOR),
        )
        for pattern, kind in announced:
            for found in pattern.finditer(self._report.text):
                begin = self._reader.past_titles(self._at(found.end()))
                if begin is None:
                    continue
                word = self._words[begin]
                if word.is_capitalized or not (word.case_is_informative or is_ordinary(word.text)):
                    run = self._reader.read(begin, kind)
                    if run:
                        yield run

    def _at(self, start: int) -> int | None:
        """Return the word that begins at a place of the text."""
        index = bisect_left(self._report.starts, start)
        return index if index < len(self._words) and self._words[index].start == start else None

    def _label_ending(self, index: int) -> tuple[Kind, bool] | None:
        for length in range(self._labels.longest, 0, -1):
            first = index - length + 1
            if first < 0 or not all(
                _BETWEEN_LABEL_WORDS.fullmatch(self._report.gap(at))
                for at in range(first + 1, index + 1)
            ):
                continue
            kind = label_kind(tuple(word.text for word in self._words[first : index + 1]))
            if kind:
                word = self._words[index].text
                # 'Lado:' may be 'Laudo:', and 'Inforem:' 'Informe:'.
                is_guessed = kind is not Kind.PATIENT and (word,) not in self._labels.kinds
                return kind, length == 1 and (word in self._labels.weak or is_guessed)
        return None

    def _behind_actions(self) -> Iterator[Run]:
        for index, word in enumerate(self._words):
            begin, kind, is_weak = None, Kind.DOCTOR, False
            if word.text in self._cues.actions or word.text in self._cues.messages:
                begin = self._past_preposition(index)
            elif word.text in self._cues.closings:
                begin = self._reader.behind(index, BEHIND_WORD)
            elif word.text in self._cues.bare_labels:
                begin, kind = self._past_adjective(index), self._cues.bare_labels[word.text]
                is_weak = begin is not None and not set(self._report.gap(begin)) & set(",:(")
                if kind is Kind.PERSON:
                    begin = self._past_of(begin)
                if begin is not None and ":" in self._report.gap(begin) and not word.starts_phrase:
                    # `_labelled` handles a label with a colon.
                    continue
                is_label = word.starts_phrase or (
                    begin is not None and "," in self._report.gap(begin)
                )
                if word.text in self._cues.comma_labels and not (is_label and not is_weak):
                    continue
            elif word.text in self._cues.quoted or word.text in self._cues.according:
                begin, kind, is_weak = self._past_quote(index), Kind.PERSON, True
            elif word.text in self._cues.known_as:
                begin, kind, is_weak = self._past_as(index), Kind.PERSON, True
            elif word.text == "i" and word.starts_phrase and self._report.gap_after(index) == ", ":
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
        for _ in range(name_forms.MOST_PARTICLES):
            if behind is None or self._words[behind].text not in self._cues.label_adjectives:
                break
            behind = self._reader.behind(behind, BEHIND_WORD)
        return behind

    def _past_of(self, index: int | None) -> int | None:
        """Skip the 'de' of 'hijo de Ana Gil', but not that of 'esposa De la Cruz'."""
        if index is None or self._words[index].text not in {"de", "of"}:
            return index
        follows = self._reader.next_text(index)
        is_name = self._words[index].is_capitalized or follows in self._cues.particles
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
        is_said = word.starts_phrase and word.text in self._cues.says
        if word.text in self._cues.quoted and not is_said and before not in self._cues.according:
            return None
        behind = self._reader.behind(index, BEHIND_WORD)
        if behind is not None and self._words[behind].text in {"a", "de", "do", "da", "to", "el"}:
            behind = self._reader.behind(behind, BEHIND_WORD)
        return behind

    def _past_preposition(self, index: int) -> int | None:
        """Find the word behind 'firmado digitalmente por'."""
        action = self._words[index].text
        prepositions = (self._cues.by if action in self._cues.actions else frozenset()) | (
            self._cues.to if action in self._cues.messages else frozenset()
        )
        preposition = None
        for at in range(index + 1, min(index + MOST_WORDS, len(self._words))):
            word = self._words[at].text
            if self._report.gap(at).strip(" \n"):
                break
            if word in prepositions:
                preposition = at
            elif preposition is not None or not (
                word in self._cues.action_adverbs or word in self._cues.actions
            ):
                break
        return None if preposition is None else self._reader.behind(preposition, BEHIND_WORD)

    def _before_roles(self) -> Iterator[Run]:
        for index in range(1, len(self._words)):
            if not self._is_role(index):
                continue
            if not _BEFORE_ROLE.fullmatch(self._report.gap(index)):
                continue
            first = index
            while (
                first > 0
                and index - first < MOST_WORDS
                and self._may_precede_role(first - 1, first == index)
            ):
                first -= 1
            while first < index and self._words[first].text in self._cues.particles:
                first += 1
            # 'TÓRAX F Y P', and 'Clínica:' in the next line.
            is_spelt = any(len(word.text) > 1 for word in self._words[first:index])
            if index - first >= 2 and is_spelt:
                yield Run(first, index - 1, Kind.DOCTOR)

    def _is_role(self, index: int) -> bool:
        word = self._words[index].text
        return word in self._cues.roles or (
            word in self._cues.years_of_residents and self._reader.next_text(index) == "year"
        )

    def _may_precede_role(self, index: int, is_last: bool) -> bool:
        if not is_last and not self._reader.joins(index + 1):
            return False
        word = self._words[index]
        return (
            word.text in self._cues.particles
            or (self._reader.is_initial(index) and word.shape is Shape.UPPER)
            or self._reader.may_be_name(word)
            or (not word.case_is_informative and not is_ordinary(word.text))
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
        follows = index + 1 < len(self._words) and self._report.gap(index + 1) in {", ", ","}
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
            self._words[at].case_is_informative or is_name(self._words[at].text)
            for at in range(run.first, run.last + 1)
            if len(self._words[at].text) > 1 and self._words[at].text not in self._cues.particles
        )

    def _signatures(self) -> Iterator[Run]:
        """Find lines near the end that hold nothing but a name."""
        text = self._report.text
        begin = len(text)
        for _ in range(_CLOSING_LINES):
            begin = text.rfind("\n", 0, begin)
            if begin < 0:
                break
        for index, word in enumerate(self._words):
            if word.start <= begin or not word.starts_phrase or "\n" not in self._report.gap(index):
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
        rest = self._report.gap_after(run.last)
        return rest.lstrip(" .,").startswith(("\n", BARRIER))


def label_kind(words: tuple[str, ...]) -> Kind | None:
    """Return the kind of name behind a label, also if one letter of the label is wrong."""
    kind = labels().kinds.get(words)
    if kind:
        return kind
    for at, word in enumerate(words):
        if (
            not name_forms.SHORTEST_MISSPELT <= len(word) + 1 <= _LONGEST_LABEL_WORD
            or is_ordinary(word)
            or is_name(word)
        ):
            continue
        for meant in _label_words_like(word):
            kind = labels().kinds.get((*words[:at], meant, *words[at + 1 :]))
            if kind:
                return kind
    return None


@cache
def _label_variants() -> dict[str, set[str]]:
    variants: dict[str, set[str]] = {}
    for word in {word for label in labels().kinds for word in label}:
        if len(word) >= name_forms.SHORTEST_MISSPELT:
            for variant in with_one_letter_less(word):
                variants.setdefault(variant, set()).add(word)
    return variants


def _label_words_like(word: str) -> set[str]:
    found = _label_variants()
    return {meant for variant in with_one_letter_less(word) for meant in found.get(variant, ())}

"""Finds names: those of known people anywhere, others behind a cue that announces a name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dicom_export.deidentify.reports.known_names import KnownFinder
from dicom_export.deidentify.reports.lexicon import is_given_name
from dicom_export.deidentify.reports.name_cues import CueFinder
from dicom_export.deidentify.reports.people import People
from dicom_export.deidentify.reports.read_name import Reader, Run
from dicom_export.deidentify.reports.types import Kind
from dicom_export.deidentify.reports.word_lists import cues
from dicom_export.deidentify.reports.words import ReportWords

_SPACED = re.compile(r"(?<!\w)(?:[^\W\d_] ){4,40}[^\W\d_](?!\w)")
_STRONGEST_FIRST = (Kind.PATIENT, Kind.DOCTOR, Kind.PERSON)


@dataclass(frozen=True, slots=True)
class FoundName:
    """A name in the folded text, from ``start`` to before ``end``."""

    start: int
    end: int
    kind: Kind
    pseudonym: str | None


def find(
    report: ReportWords, people: People, apart: Iterable[tuple[int, int]] = ()
) -> tuple[list[FoundName], int]:
    """Return the names, and the number of words of close people's names that stayed.

    No name reaches into the ranges of ``apart``, which are known places.
    """
    reader = Reader(report, people, apart)
    announced = list(CueFinder(report, reader).find())
    known, left = KnownFinder(report, people, reader).find(_indexes(announced))
    merged = _merged(_with_particles(report, people, run) for run in (*announced, *known))
    found = [_resolved(report, people, run) for run in merged]
    return [*found, *_spaced(report, people)], len(left - _indexes(merged))


def _with_particles(report: ReportWords, people: People, run: Run) -> Run:
    """Extend a name by the particles before it that belong to it: 'De la Cruz'."""
    first = run.first
    owners = people.owners(report.words[first].text)
    for at in range(run.first, run.last + 1):
        owners = owners or people.owners(report.words[at].text)
    while (
        first > 0
        and report.gap(first) == " "
        and people.is_led(owners, report.words[first - 1].text, report.words[first].text)
    ):
        first -= 1
    begin = first
    while (
        begin > 0
        and report.gap(begin) == " "
        and report.words[begin - 1].text in cues().particles
        and len(report.words[begin - 1].text) > 1
    ):
        begin -= 1
    if report.words[begin].starts_phrase and begin < first and run.last > run.first:
        # '-- DE GOMES, ANTÔNIO --'
        first = begin
    return Run(first, run.last, run.kind)


def _indexes(runs: Iterable[Run]) -> set[int]:
    return {index for run in runs for index in range(run.first, run.last + 1)}


def _merged(runs: Iterable[Run]) -> list[Run]:
    """Join overlapping names; the strongest kind that was announced for a part holds for all."""
    merged: list[Run] = []
    for run in sorted(runs, key=lambda run: (run.first, -run.last)):
        if merged and run.first <= merged[-1].last:
            before = merged[-1]
            announced = {before.kind, run.kind}
            kind = next((kind for kind in _STRONGEST_FIRST if kind in announced), None)
            merged[-1] = Run(before.first, max(before.last, run.last), kind)
        else:
            merged.append(run)
    return merged


def _resolved(report: ReportWords, people: People, run: Run) -> FoundName:
    words = {report.words[at].text for at in range(run.first, run.last + 1)}
    kind, pseudonym = _who(people, words, run.kind)
    return FoundName(report.words[run.first].start, report.words[run.last].end, kind, pseudonym)


def _who(people: People, words: set[str], announced: Kind | None) -> tuple[Kind, str | None]:
    """Decide who is named by these words, given the kind that a cue announced."""
    counts = Counter(owner for word in words for owner in people.owners(word))
    most = max(counts.values(), default=0)
    best = [people[owner] for owner, count in counts.items() if count == most]
    close = [person for person in best if person.is_close] or best
    doctors = [person for person in close if person.kind is Kind.DOCTOR]
    is_patient = any(person.kind is Kind.PATIENT for person in close)
    if announced is Kind.PATIENT or (
        is_patient and (announced is not Kind.DOCTOR or (not doctors and most > 1))
    ):
        return Kind.PATIENT, None
    if not doctors or (announced is Kind.PERSON and most == 1):
        return announced or Kind.PERSON, None
    # 'Dra. María' may be any María.
    is_sure = most > 1 or not all(is_given_name(word) for word in words if people.owners(word))
    pseudonyms = {person.pseudonym for person in doctors}
    return Kind.DOCTOR, pseudonyms.pop() if is_sure and len(pseudonyms) == 1 else None


def _spaced(report: ReportWords, people: People) -> Iterator[FoundName]:
    """Find known names written with a blank behind every letter: 'G A R C I A'."""
    for found in _SPACED.finditer(report.text):
        word = found[0].replace(" ", "")
        if people.owners(word):
            kind, pseudonym = _who(people, {word}, None)
            yield FoundName(found.start(), found.end(), kind, pseudonym)

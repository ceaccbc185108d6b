"""Removes identifiers from a report (design, section 6)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dicom_export.deidentify.reports import names, places
from dicom_export.deidentify.reports.folding import fold_with_offsets
from dicom_export.deidentify.reports.numbers import DateShift, KnownIds, NumberFinder
from dicom_export.deidentify.reports.people import People, Staff, patient, staff
from dicom_export.deidentify.reports.types import Kind, KnownIdentifiers, Person, ScrubbedText, Span
from dicom_export.deidentify.reports.words import ReportWords, find_words

_MOST_ROUNDS = 8


class Directory:
    """The staff and the places of an organization; built once for all its studies."""

    def __init__(self, staff_names: Iterable[Person] = (), place_names: Iterable[str] = ()) -> None:
        """Prepare the names; the order of either does not matter."""
        everybody = (staff(person, is_close=False) for person in staff_names)
        self.staff = Staff([person for person in everybody if person])
        self.places: tuple[re.Pattern[str], ...] = tuple(places.patterns(place_names))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A range of the folded text and its replacement."""

    start: int
    end: int
    kind: Kind
    shown: str


@dataclass(frozen=True, slots=True)
class _Change:
    """A range of a text and its replacement."""

    start: int
    end: int
    kind: Kind
    shown: str = field(repr=False)


class Scrubber:
    """Scrubs the reports of one study. Used by one thread at a time."""

    def __init__(
        self,
        known: KnownIdentifiers,
        directory: Directory | None = None,
        *,
        shift_days: int | None = None,
    ) -> None:
        """Prepare for a study.

        Args:
            known: The identifiers that the study's files and the warehouse hold.
            directory: The organization's staff and places.
            shift_days: The shift of the files' dates. With it, a date that equals one of
                ``known.study_dates`` becomes '[DATE 2017-03-04]', the shifted day that the files
                show. All other dates, and all dates without it, become '[DATE]'.
        """
        directory = directory or Directory()
        patients = (patient(name) for name in known.patient_names)
        doctors = (staff(doctor, is_close=True) for doctor in known.doctors)
        close = [person for person in (*patients, *doctors) if person]
        self._people = People(close, directory.staff)
        self._places = directory.places
        self._phrases = places.patterns(known.phrases)
        self._ids = KnownIds(known.ids)
        self._days = DateShift((*known.study_dates,), shift_days)

    def scrub(self, text: str) -> ScrubbedText:
        """Return the text without identifiers; the same input gives the same output.

        Scrubbing a scrubbed text changes nothing. Time grows in proportion to the length.
        """
        rounds: list[list[_Change]] = []
        current = text
        review = 0
        for _ in range(_MOST_ROUNDS):
            changes, left = self._changes(current)
            if not rounds:
                review = left
            if not changes:
                break
            rounds.append(changes)
            current = _applied(current, changes)
        spans = _spans_in_original(rounds)
        counts = Counter(change.kind for changes in rounds for change in changes)
        return ScrubbedText(current, dict(sorted(counts.items())), tuple(spans), review)

    def _changes(self, text: str) -> tuple[list[_Change], int]:
        report = find_words(fold_with_offsets(text))
        found_places = list(self._found_places(report))
        found_names, left = names.find(report, self._people, found_places)
        pieces = [
            _Piece(name.start, name.end, name.kind, name.pseudonym or name.kind)
            for name in found_names
        ]
        pieces += [_Piece(*span, Kind.PLACE, Kind.PLACE) for span in found_places]
        finder = NumberFinder(report, self._ids, self._phrases, self._days)
        pieces += [
            _Piece(
                found.start,
                found.end,
                found.kind,
                found.shown or _SHOWN.get(found.kind, found.kind),
            )
            for found in finder.find()
        ]
        return [_change(report, piece) for piece in _joined(pieces)], left

    def _found_places(self, report: ReportWords) -> Iterable[tuple[int, int]]:
        for pattern in self._places:
            for match in pattern.finditer(report.text):
                yield match.span()
        yield from places.named(report)


_SHOWN = {Kind.AGE: "AGE 90+"}


def _joined(pieces: list[_Piece]) -> list[_Piece]:
    """Join overlapping pieces; the longest gives the kind."""
    joined: list[_Piece] = []
    for piece in sorted(pieces, key=lambda piece: (piece.start, -piece.end)):
        if joined and piece.start < joined[-1].end:
            before = joined[-1]
            longer = max(before, piece, key=lambda one: one.end - one.start)
            end = max(before.end, piece.end)
            joined[-1] = _Piece(before.start, end, longer.kind, longer.shown)
        else:
            joined.append(piece)
    return joined


def _change(report: ReportWords, piece: _Piece) -> _Change:
    start, end = report.folded.back(piece.start, piece.end)
    return _Change(start, end, piece.kind, f"[{piece.shown}]")


def _applied(text: str, changes: Sequence[_Change]) -> str:
    parts: list[str] = []
    done = 0
    for change in changes:
        parts += [text[done : change.start], change.shown]
        done = change.end
    return "".join([*parts, text[done:]])


def _spans_in_original(rounds: Sequence[Sequence[_Change]]) -> list[Span]:
    """Map the changes of later rounds back through the earlier rounds."""
    ways = [_Way(changes) for changes in rounds]
    spans: list[Span] = []
    for number, changes in enumerate(rounds):
        for change in changes:
            start, end = change.start, change.end
            for way in reversed(ways[:number]):
                start, end = way.back(start), way.back(end)
            spans.append(Span(start, end, change.kind))
    return sorted(spans, key=lambda span: (span.start, span.end))


class _Way:
    """Maps places of a text to the text before one round of changes."""

    def __init__(self, changes: Sequence[_Change]) -> None:
        self._behind: list[int] = []
        self._moved: list[int] = [0]
        for change in changes:
            moved = self._moved[-1] + len(change.shown) - (change.end - change.start)
            self._behind.append(change.end + moved)
            self._moved.append(moved)

    def back(self, place: int) -> int:
        """Map a place that lies in no replacement."""
        return place - self._moved[bisect_right(self._behind, place)]

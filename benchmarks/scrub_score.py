"""Scores the scrubber on generated reports: what was missed, what was removed by mistake.

Strict: something identifying counts as removed only when none of its letters and digits is left. A
word is clinical when no part of it lies in anything identifying.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from benchmarks.report_corpus import IDENTIFYING, CorpusReport, Entity, Gold
from dicom_export.deidentify.reports import (
    Directory,
    Kind,
    KnownIdentifiers,
    Person,
    Scrubber,
    Span,
)
from dicom_export.deidentify.reports.folding import PLACEHOLDER

_WORD = re.compile(r"\w+")
_SHIFT_DAYS = -700

TARGETS: dict[Gold, float] = {
    Gold.PATIENT: 0.99,
    Gold.ID: 0.99,
    Gold.DATE: 0.98,
    Gold.PHONE: 0.98,
    Gold.DOCTOR: 0.98,
}
"""The recall that is asked for."""

SAME_TYPE: dict[Kind, frozenset[Gold]] = {
    Kind.PATIENT: frozenset((Gold.PATIENT,)),
    Kind.DOCTOR: frozenset((Gold.DOCTOR,)),
    Kind.PERSON: frozenset((Gold.PERSON, Gold.PATIENT, Gold.DOCTOR)),
    Kind.ID: frozenset((Gold.ID,)),
    Kind.LICENCE: frozenset((Gold.LICENCE,)),
    Kind.DATE: frozenset((Gold.DATE,)),
    Kind.PHONE: frozenset((Gold.PHONE,)),
    Kind.EMAIL: frozenset((Gold.CONTACT,)),
    Kind.URL: frozenset((Gold.CONTACT,)),
    Kind.ADDRESS: frozenset((Gold.ADDRESS,)),
    Kind.PLACE: frozenset((Gold.PLACE,)),
    Kind.AGE: frozenset((Gold.AGE,)),
}


@dataclass(slots=True)
class Score:
    """Sums over many reports."""

    reports: int = 0
    present: Counter[Gold] = field(default_factory=Counter)
    removed: Counter[Gold] = field(default_factory=Counter)
    replaced: Counter[Kind] = field(default_factory=Counter)
    rightly: Counter[Kind] = field(default_factory=Counter)
    """Replacements that hit anything identifying."""
    typed: Counter[Kind] = field(default_factory=Counter)
    """Replacements that say of what type it was."""
    clinical_words: int = 0
    clinical_words_removed: int = 0
    sentences: Counter[Gold] = field(default_factory=Counter)
    """Traps and measurements there were."""
    sentences_touched: Counter[Gold] = field(default_factory=Counter)
    review: int = 0
    missed: list[tuple[int, Entity]] = field(default_factory=list, repr=False)
    """Which report, and where in it."""
    mistaken: list[tuple[int, Span]] = field(default_factory=list, repr=False)

    def recall(self, kind: Gold) -> float:
        """Of what identifies, the share that was removed whole; 1 where there was none."""
        return self.removed[kind] / self.present[kind] if self.present[kind] else 1.0

    def precision(self, kind: Kind) -> float:
        """Of the replacements of a type, the share that hit anything identifying."""
        return self.rightly[kind] / self.replaced[kind] if self.replaced[kind] else 1.0

    @property
    def clinical_loss(self) -> float:
        """The share of clinical words that were removed."""
        return self.clinical_words_removed / max(self.clinical_words, 1)


def scrubber_for(report: CorpusReport) -> Scrubber:
    """Make a scrubber that knows what the export would know of the case."""
    cast = report.cast
    close = (cast.signer, cast.referring, cast.technician, cast.other)
    known = KnownIdentifiers(
        patient_names=(cast.dicom_name,),
        birth_dates=(cast.birth_date,),
        study_dates=(cast.study_date,),
        ids=(
            cast.record_number,
            cast.accession,
            *((cast.document,) if cast.document_is_known else ()),
        ),
        doctors=tuple(
            _person(one.name.first_name, one.name.last_name) for one in close if one.is_known
        ),
    )
    directory = Directory(
        [_person(name.first_name, name.last_name) for name in cast.staff],
        [cast.organization, cast.facility],
    )
    return Scrubber(known, directory, shift_days=_SHIFT_DAYS)


def _person(first_name: str, last_name: str) -> Person:
    name = f"{first_name} {last_name}"
    return Person(name, f"DOCTOR-{sha256(name.encode()).hexdigest()[:10].upper()}")


def score(reports: Iterable[CorpusReport]) -> Score:
    """Scrub every report and compare with its answer key.

    Raises:
        AssertionError: A text is not the original with the named stretches replaced.
    """
    total = Score()
    for report in reports:
        scrubbed = scrubber_for(report).scrub(report.text)
        if PLACEHOLDER.sub("", scrubbed.text) != _without(report.text, scrubbed.spans):
            raise AssertionError(f"report {report.number}: the text is not what its spans say")
        total.reports += 1
        total.review += scrubbed.review
        _count(total, report, scrubbed.spans)
    return total


def _without(text: str, spans: Iterable[Span]) -> str:
    parts, done = [], 0
    for span in spans:
        parts.append(text[done : span.start])
        done = max(done, span.end)
    return "".join([*parts, text[done:]])


def _count(total: Score, report: CorpusReport, spans: tuple[Span, ...]) -> None:
    gone = bytearray(len(report.text))
    for span in spans:
        gone[span.start : span.end] = b"\x01" * (span.end - span.start)
    marked: dict[Gold, bytearray] = {kind: bytearray(len(report.text)) for kind in Gold}
    identifying = bytearray(len(report.text))
    for entity in report.entities:
        length = entity.end - entity.start
        marked[entity.kind][entity.start : entity.end] = b"\x01" * length
        if entity.kind in IDENTIFYING or entity.kind is Gold.EITHER:
            identifying[entity.start : entity.end] = b"\x01" * length
        if entity.kind in {Gold.TRAP, Gold.NUMBER}:
            total.sentences[entity.kind] += 1
            total.sentences_touched[entity.kind] += any(gone[entity.start : entity.end])
        elif entity.kind in IDENTIFYING:
            total.present[entity.kind] += 1
            if _is_gone(report.text, gone, entity):
                total.removed[entity.kind] += 1
            else:
                total.missed.append((report.number, entity))
    for span in spans:
        total.replaced[span.kind] += 1
        hit = any(identifying[span.start : span.end])
        total.rightly[span.kind] += hit
        total.typed[span.kind] += any(
            any(marked[kind][span.start : span.end]) for kind in SAME_TYPE[span.kind]
        )
        if any(
            gone[at] and not identifying[at] and report.text[at].isalnum()
            for at in range(span.start, span.end)
        ):
            total.mistaken.append((report.number, span))
    for start, end in _words(report.text):
        if not any(identifying[start:end]):
            total.clinical_words += 1
            total.clinical_words_removed += any(gone[start:end])


def _words(text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _WORD.finditer(text))


def _is_gone(text: str, gone: bytearray, entity: Entity) -> bool:
    return all(gone[at] or not text[at].isalnum() for at in range(entity.start, entity.end))

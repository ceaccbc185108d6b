"""Writes reports with an answer key. The same seed, set and number give the same report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from benchmarks.report_corpus import author_a, author_b
from benchmarks.report_corpus.case import Case, Cast
from benchmarks.report_corpus.marks import Entity, unmark
from benchmarks.report_corpus.noise import spoil_a, spoil_b
from benchmarks.report_corpus.sets import Region, load
from benchmarks.report_corpus.writer import Writer


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """A report as the export meets it, with everything that it should lose."""

    number: int
    text: str = field(repr=False)
    entities: tuple[Entity, ...] = field(repr=False)
    cast: Cast = field(repr=False)
    noises: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Author:
    """How an author writes."""

    invent: Callable[[Random, Region], Case]
    writer: Callable[[Random, Case], Writer]
    compose: Callable[[Random, Case, Writer], str]
    spoil: Callable[[Random, str], tuple[str, tuple[str, ...]]]


_AUTHORS = {
    "a": _Author(author_a.invent, author_a.WriterA, author_a.compose, spoil_a),
    "b": _Author(author_b.invent, author_b.WriterB, author_b.compose, spoil_b),
}


def generate(seed: int, count: int, name: str = "known") -> Iterator[CorpusReport]:
    """Write the first ``count`` reports of a set."""
    return (write(seed, number, name) for number in range(count))


def write(seed: int, number: int, name: str = "known") -> CorpusReport:
    """Write one report of a set."""
    author = _AUTHORS[load(name).author]
    rng, case = _start(seed, number, name)
    marked = author.compose(rng, case, author.writer(rng, case))
    marked, noises = author.spoil(rng, marked)
    text, entities = unmark(marked)
    return CorpusReport(number, text, entities, case.cast, noises)


def writer_of(seed: int, number: int, name: str) -> Writer:
    """Give the writer of one report, to fill a sentence of one's own."""
    return _AUTHORS[load(name).author].writer(*_start(seed, number, name))


def _start(seed: int, number: int, name: str) -> tuple[Random, Case]:
    corpus = load(name)
    rng = Random(f"{seed}/{corpus.seed}/{number}")  # noqa: S311  # no secret
    region = corpus.turns[number % len(corpus.turns)]
    return rng, _AUTHORS[corpus.author].invent(rng, region)

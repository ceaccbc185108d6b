"""Reads the corpora: one TOML file per set of reports, with the words of its author and language.

``README.md`` describes the files.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Any, Literal, cast

Language = Literal["es", "pt", "en"]
Pool = tuple[str, ...]
Shapes = tuple[tuple[str, str], ...]
"""Pairs of a label and the shape of the number behind it."""

_CORPORA = files("benchmarks.report_corpus") / "corpora"
_SHARED = ("languages", "author_")
"""How the names of the files begin that several sets share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The sentences of which a report is put together."""

    titles: Pool
    headings: Pool
    """The lines that say who was examined."""
    history_labels: Pool
    technique_labels: Pool
    findings_labels: Pool
    impression_labels: Pool
    history: Pool
    technique: Pool
    comparison: Pool
    findings: Pool
    measured: Pool
    """Numbers that must stay: sizes, vertebrae, ribs, ratios, scores, views, doses."""
    impressions: Pool
    remarks: Pool
    """Calls, copies, relatives, consultations."""
    closings: Pool
    traps: Pool = ()
    """Sentences that must stay, with words that are names elsewhere."""
    traps_by_word: Mapping[str, Pool] = field(default_factory=dict)
    """Such sentences by the word, which is lower case and without accents."""

    @property
    def labels(self) -> tuple[Pool, Pool, Pool, Pool]:
        """The labels of history, technique, findings and impression, each in several spellings."""
        return (
            self.history_labels,
            self.technique_labels,
            self.findings_labels,
            self.impression_labels,
        )

    @property
    def sentences(self) -> Iterator[str]:
        """Everything that a writer fills."""
        pools = (getattr(self, part.name) for part in fields(self) if part.name != "traps_by_word")
        return chain(*pools, *self.traps_by_word.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """The people, numbers, dates and sentences of one country or language in one set."""

    code: str
    language: Language
    wording: Wording
    people_from: Literal["faker", "lists"]

    # Words of the language
    months: Pool
    weekdays: Pool
    years: str
    infant: str
    numbers: Pool = ()
    two_thousand: str = ""

    # Names
    two_families: bool
    locales: Pool = ()
    particle_chance: float = 0.0
    particles: Pool = ()
    ambiguous_families: Pool = ()
    ambiguous_women: Pool = ()
    ambiguous_men: Pool = ()
    women: Pool = ()
    men: Pool = ()
    families: Pool = ()
    family_and_chance: float = 0.0
    suffix_chance: float = 0.0
    suffixes: Pool = ()
    nicknames: Pool = ()
    abbreviations: Mapping[str, Pool] = field(default_factory=dict)
    doctor_titles_of_women: Pool
    doctor_titles_of_men: Pool
    misters_of_women: Pool
    misters_of_men: Pool
    given_name_misters: Pool = ()
    """Titles that stand before a given name."""

    # Places
    organizations: Pool
    facilities: Pool
    cities: Pool = ()
    elsewhere: Pool = ()
    streets: Pool

    # Numbers
    papers: Shapes
    """National documents."""
    records: Shapes
    """The number of the patient in the hospital."""
    orders: Shapes
    """Accession numbers."""
    others: Shapes
    """Numbers that the warehouse does not have: insurance, admission, invoice."""
    requests: Shapes = ()
    licences: Pool
    licence_numbers: Pool = ()
    mobiles: Pool
    desks: Pool = ()
    """Phones of wards and offices."""
    faker_phones: float = 0.0
    """The share of the phones that Faker makes up."""
    exams: Pool = ()

    # Dates
    dates: Pool
    prior_dates: Pool = ()
    """Of earlier studies; the same as ``dates`` where a set has none."""
    months_of_years: Pool = ()
    days_of_months: Pool = ()


@dataclass(frozen=True, slots=True)
class CorpusSet:
    """One set of reports by one author."""

    name: str
    author: str
    seed: str
    """Part of the seed of every report: another seed gives other reports."""
    turns: tuple[Region, ...]
    """The regions of the first reports; then again from the first."""


def names() -> tuple[str, ...]:
    """List the sets."""
    stems = (path.name.removesuffix(".toml") for path in _CORPORA.iterdir())
    return tuple(sorted(stem for stem in stems if not stem.startswith(_SHARED)))


@cache
def load(name: str) -> CorpusSet:
    """Read a set.

    Raises:
        FileNotFoundError: No set has this name.
        TypeError: A file lacks something, or holds something that no reader knows.
    """
    own = _read(name)
    author = own["author"]
    shared = (_read("languages"), _read(f"author_{author}"), own)
    turns = tuple(_region(code, shared) for code in own["turns"])
    return CorpusSet(name, author, own["seed"], turns)


def _region(code: str, tables: tuple[dict[str, Any], ...]) -> Region:
    own = tables[-1].get("region", {}).get(code, {"language": code})
    merged: dict[str, Any] = {}
    for table in tables:
        merged |= table.get("all", {}) | table.get("language", {}).get(own["language"], {})
    merged |= own
    for pool in ("papers", "records", "orders", "others", "requests"):
        merged[pool] = tuple(_labelled(shape) for shape in merged.get(pool, ()))
    merged.setdefault("prior_dates", merged["dates"])
    wording = {part.name: merged.pop(part.name) for part in fields(Wording) if part.name in merged}
    return Region(code=code, wording=Wording(**wording), **merged)


def _labelled(shape: str | tuple[str, str]) -> tuple[str, str]:
    return ("", shape) if isinstance(shape, str) else shape


@cache
def _read(name: str) -> dict[str, Any]:
    text = (_CORPORA / f"{name}.toml").read_text(encoding="utf-8")
    return cast("dict[str, Any]", _frozen(tomllib.loads(text)))


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return value

"""Reads the word lists in ``data/``: what the words of a report are, and what they announce.

The files are read once, when the first scrubber is made. ``data/cues.toml`` says of each list
where it is used; ``README.md`` says how to add a word.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

from dicom_export.deidentify.reports.types import Kind

_DATA = files("dicom_export.deidentify.reports") / "data"
_ORDINARY = ("function_words", "administration", "anatomy", "findings", "clinical", "eponyms")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Folded words by what they are."""

    given_names: frozenset[str]
    family_names: frozenset[str]
    names_with_meaning: frozenset[str]
    """Names that are words as well."""
    names: frozenset[str]
    """All of these and the eponyms."""
    administrative: frozenset[str]
    """Words of headings and signatures, and words of grammar."""
    ordinary: frozenset[str]
    """Words that any report may hold."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Phrases before a colon, as folded words, with the kind of the name that follows."""

    kinds: Mapping[tuple[str, ...], Kind]
    weak: frozenset[str]
    """Labels of one word behind which only a known or usual name is taken for a name."""
    longest: int
    """Words of the longest label."""


@dataclass(frozen=True, slots=True)
class Cues:
    """The lists of ``data/cues.toml``, which describes them."""

    particles: frozenset[str]
    abbreviations: frozenset[str]
    name_abbreviations: frozenset[str]
    short_roles: frozenset[str]
    suffixes: frozenset[str]
    articles: frozenset[str]
    labels_of_text: frozenset[str]
    comma_labels: frozenset[str]
    label_adjectives: frozenset[str]
    actions: frozenset[str]
    by: frozenset[str]
    messages: frozenset[str]
    to: frozenset[str]
    action_adverbs: frozenset[str]
    closings: frozenset[str]
    roles: frozenset[str]
    known_as: frozenset[str]
    says: frozenset[str]
    quoted: frozenset[str]
    according: frozenset[str]
    years_of_residents: frozenset[str]
    person_verbs: frozenset[str]
    eponym_nouns: frozenset[str]
    facility_words: frozenset[str]
    facility_heads: frozenset[str]
    facility_tails: frozenset[str]
    titles: Mapping[str, Kind]
    letter_titles: Mapping[str, Kind]
    bare_labels: Mapping[str, Kind]


@cache
def lexicon() -> Lexicon:
    """Read ``data/lexicon``."""
    given, family = _words("given_names"), _words("family_names")
    with_meaning = _words("names_with_meaning")
    return Lexicon(
        given_names=given,
        family_names=family,
        names_with_meaning=with_meaning,
        names=given | family | with_meaning | _words("eponyms"),
        administrative=_words("function_words") | _words("administration"),
        ordinary=frozenset().union(*map(_words, _ORDINARY)),
    )


@cache
def labels() -> Labels:
    """Read ``data/labels.csv``."""
    rows = list(csv.DictReader(_lines("labels.csv")))
    kinds = {tuple(row["label"].split()): Kind(row["kind"]) for row in rows}
    weak = frozenset(row["label"] for row in rows if row["needs_name"])
    return Labels(kinds, weak, max(map(len, kinds)))


@cache
def cues() -> Cues:
    """Read ``data/cues.toml``."""
    lists = tomllib.loads((_DATA / "cues.toml").read_text(encoding="utf-8"))
    made: dict[str, Any] = {part.name: _words_or_kinds(lists[part.name]) for part in fields(Cues)}
    return Cues(**made)


def _words_or_kinds(
    words: list[str] | dict[str, list[str]],
) -> frozenset[str] | Mapping[str, Kind]:
    if isinstance(words, list):
        return frozenset(words)
    return {word: Kind(kind) for kind, of_kind in words.items() for word in of_kind}


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(_lines(f"lexicon/{name}.txt"))


def _lines(path: str) -> list[str]:
    """Read a file without its comments."""
    lines = _DATA.joinpath(path).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]

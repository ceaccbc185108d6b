"""The rules as data: ``rules.csv``, ``vocabulary.csv`` and ``identifiers.csv`` beside this module.

``rules.csv`` is the list of all that a de-identified file may hold; what it does not name is not
there. A row is an attribute at the top level, or within the items of the sequence ``within``:

- ``rule`` and ``values``: what becomes of a value, see :class:`RuleKind`.
- ``required``: where there is no value that may stay, the attribute is left out; with ``present``
  it is left empty where the source has it, with ``always`` also where it has not.
- ``basic``: the action of PS3.15, table E.1-1 (2026c), Basic Application Level Confidentiality
  Profile; '' where the table does not name the attribute.
- ``option``: the option of PS3.15, section E.3 under which a value is kept in spite of it.
- ``reason``: why the attribute is kept, or left empty.

``vocabulary.csv`` holds the words that descriptions and names of devices may be made of. None of
them is a common name of a person. ``identifiers.csv`` names the attributes whose values the final
search looks for; a name of a person (VR PN) that it does not mention is one of the staff.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Literal, cast

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

RULES_VERSION = "2"
"""Counted up with every change of a rule or of the code that carries it out."""

TOP_LEVEL = ""


class RuleKind(StrEnum):
    """What becomes of an attribute's value."""

    TERMS = "terms"
    """Stays where it is one of ``values``; of several values, each is judged for itself."""
    NUMBER = "number"
    """Stays where all its numbers are within ``values`` (from..to)."""
    TABLE = "table"
    """A lookup table of at most 65,536 entries stays."""
    ORIENTATION = "orientation"
    """Stays where it is made of the letters of PS3.3, section C.7.6.1.1.1."""
    AGE = "age"
    """Stays, with 90 years as the highest."""
    WORDS = "words"
    """Is made anew of the vocabulary's words, or goes where it holds any other."""
    DEVICE = "device"
    """As words of the vocabulary ``values``; anything else is replaced by a pseudonym."""
    DATE = "date"
    """Is moved by the subject's shift."""
    UID = "uid"
    """Is replaced."""
    REGISTERED = "registered"
    """Stays where the standard registers the UID, else is replaced."""
    SUBJECT_NAME = "subject-name"
    """Is replaced by the subject's name."""
    SUBJECT_ID = "subject-id"
    """Is replaced by the subject's id."""
    EMPTY = "empty"
    """Is emptied."""
    EMPTY_SEQUENCE = "empty-sequence"
    """Loses its items."""
    ITEMS = "items"
    """A sequence whose items follow the rules ``within`` it; an item that lacks what is always
    required goes."""
    CONCEPTS = "concepts"
    """A sequence of codes: those of the standard's dictionary stay, with its words for them."""
    WRITTEN = "written"
    """Is made by the writer, whatever the source says."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of ``rules.csv``."""

    within: str
    tag: int
    keyword: str
    kind: RuleKind
    values: tuple[str, ...]
    required: Literal["", "present", "always"]
    basic: str
    option: str
    reason: str
    vr: str
    """Of the dictionary: 'US or SS' where the pixels decide."""
    most_values: int
    """How many values there may be."""

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest number of a ``number`` rule."""
        low, high = self.values[0].split("..")
        return float(low), float(high)


IdentifierKind = Literal["patient", "staff", "code", "place"]

MANY_VALUES = 512
"""Where the standard sets no limit to the number of values."""


@cache
def rules() -> Mapping[str, Mapping[int, Rule]]:
    """Read all rules: by the sequence that they hold within, then by tag."""
    found: dict[str, dict[int, Rule]] = {}
    for row in _rows("rules.csv"):
        rule = _rule(row)
        found.setdefault(rule.within, {})[rule.tag] = rule
    return found


@cache
def vocabulary(kind: str) -> frozenset[str]:
    """Read the words of one kind: upper case, without accents."""
    return frozenset(row["word"] for row in _rows("vocabulary.csv") if row["kind"] == kind)


@cache
def identifiers() -> Mapping[int, IdentifierKind]:
    """Read which attributes name a patient, a place or a thing of theirs, by tag."""
    return {
        _tag(row["keyword"]): cast(IdentifierKind, row["kind"]) for row in _rows("identifiers.csv")
    }


def _rule(row: Mapping[str, str]) -> Rule:
    tag = _tag(row["keyword"])
    return Rule(
        within=row["within"],
        tag=tag,
        keyword=row["keyword"],
        kind=RuleKind(row["rule"]),
        values=tuple(row["values"].split("|")) if row["values"] else (),
        required=cast(Literal["", "present", "always"], row["required"]),
        basic=row["basic"],
        option=row["option"],
        reason=row["reason"],
        vr=dictionary_VR(tag),
        most_values=_most(dictionary_VM(tag)),
    )


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(f"{keyword} is not in the data dictionary")
    return tag


def _most(multiplicity: str) -> int:
    """Give the upper end of a value multiplicity such as '1', '2-4', '1-n' or '2-2n'."""
    last = multiplicity.rsplit("-", maxsplit=1)[-1]
    return MANY_VALUES if last.endswith("n") else int(last)


def _rows(name: str) -> list[dict[str, str]]:
    text = (resources.files(__package__) / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))

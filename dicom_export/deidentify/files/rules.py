"""The rules as data: ``rules.csv``, ``vocabulary.csv`` and ``identifiers.csv`` beside this module.

``rules.csv`` lists all attributes that a de-identified file may have. A row is an attribute at the
top level, or in the items of the sequence ``within``:

- ``rule`` and ``values``: the treatment of a value, see :class:`RuleKind`.
- ``required``: an attribute without a value that may stay is left out; with ``present`` it is left
  empty if the source has it, with ``always`` in every file.
- ``basic``: the action of PS3.15, table E.1-1 (2026c), Basic Application Level Confidentiality
  Profile; '' if the table does not name the attribute.
- ``option``: the option of PS3.15, section E.3 that allows to keep a value nevertheless.
- ``reason``: why the attribute is kept, or left empty.

``vocabulary.csv`` lists the words that descriptions and names of devices may have. No word is a
common name of a person. ``identifiers.csv`` lists the attributes whose values the final search
looks for; other person names (VR PN) count as names of the staff.
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
"""Raised with every change of a rule or of the code that applies it."""

TOP_LEVEL = ""


class RuleKind(StrEnum):
    """The treatment of an attribute's value."""

    TERMS = "terms"
    """Stays if it is one of ``values``; each of several values is judged on its own."""
    NUMBER = "number"
    """Stays if all its numbers are within ``values`` (from..to)."""
    TABLE = "table"
    """A lookup table of at most 65,536 entries stays."""
    ORIENTATION = "orientation"
    """Stays if it has only the letters of PS3.3, section C.7.6.1.1.1."""
    AGE = "age"
    """Stays, with 90 years as the highest."""
    WORDS = "words"
    """Is rebuilt from the vocabulary's words, or removed if it has any other word."""
    DEVICE = "device"
    """As ``words``, of the vocabulary ``values``; any other text is replaced by a pseudonym."""
    DATE = "date"
    """Is moved by the subject's shift."""
    UID = "uid"
    """Is replaced."""
    REGISTERED = "registered"
    """Stays if the standard registers the UID, otherwise is replaced."""
    SUBJECT_NAME = "subject-name"
    """Is replaced by the subject's name."""
    SUBJECT_ID = "subject-id"
    """Is replaced by the subject's id."""
    EMPTY = "empty"
    """Is emptied."""
    EMPTY_SEQUENCE = "empty-sequence"
    """Loses its items."""
    ITEMS = "items"
    """A sequence whose items follow the rules ``within`` it; an item without an attribute that is
    always required is removed."""
    CONCEPTS = "concepts"
    """A sequence of codes: those in the standard's dictionary stay, with its meanings."""
    WRITTEN = "written"
    """Is set by the writer, independent of the source."""


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
    """By the data dictionary; 'US or SS' if the pixels decide."""
    most_values: int
    """Most values allowed."""

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest number of a ``number`` rule."""
        low, high = self.values[0].split("..")
        return float(low), float(high)


IdentifierKind = Literal["patient", "staff", "code", "place"]

MANY_VALUES = 512
"""Limit of the number of values if the standard sets none."""


@cache
def rules() -> Mapping[str, Mapping[int, Rule]]:
    """Read all rules, by the sequence that they apply to, then by tag."""
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
    """Read the kinds of the identifying attributes, by tag."""
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
    """Return the upper end of a value multiplicity such as '1', '2-4', '1-n' or '2-2n'."""
    last = multiplicity.rsplit("-", maxsplit=1)[-1]
    return MANY_VALUES if last.endswith("n") else int(last)


def _rows(name: str) -> list[dict[str, str]]:
    text = (resources.files(__package__) / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))

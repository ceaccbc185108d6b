"""Applies the rules: builds the outgoing data set from the source's.

No attribute is deleted from the source. A new data set is filled, so that an attribute without a
rule, at any depth, has no way into it. Values are read by the data dictionary's VR, not by the
file's, and decoded by the character set of their own data set.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as Items
from pydicom.valuerep import format_number_as_ds

from dicom_export.deidentify.dates import age_between, parse_date
from dicom_export.deidentify.files.concepts import known
from dicom_export.deidentify.files.rules import TOP_LEVEL, Rule, RuleKind, rules, vocabulary
from dicom_export.deidentify.files.uids import is_registered, stripped
from dicom_export.deidentify.folding import words
from dicom_export.deidentify.key import Key, Subject

OLDEST_YEARS = 90
"""Higher ages become this one: 45 CFR 164.514(b)(2)(i)(C)."""
TABLE_BYTES = 2 * 65536
SHORTEST_LISTED = 6
"""Characters that a text of listed words needs for the final search to pass it over."""
DEVICE_DIGITS = {"manufacturer": 0, "model": 4}
"""Most digits in a device's name, by kind; a name with more may be an identifier."""

_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?")
_AGE = re.compile(r"(\d{3})([DWMY])")
_PARTS = re.compile(r"[^\W\d_]+|\d+")
_ORIENTATION = re.compile(r"[ALPRHF]{0,3}")
_REPLACING = frozenset({RuleKind.DATE, RuleKind.UID, RuleKind.SUBJECT_NAME, RuleKind.SUBJECT_ID})
_TEXT_VRS = frozenset({"LO", "SH", "ST", "LT", "UT", "UC"})


@dataclass(slots=True)
class Tally:
    """The number of attributes by treatment, and the options applied."""

    kept: int = 0
    replaced: int = 0
    emptied: int = 0
    removed: int = 0
    """A removed sequence counts once."""
    options: set[str] = field(default_factory=set)
    """Codes of the options under which a value was kept."""


@dataclass(frozen=True, slots=True)
class Header:
    """The outgoing data set, without pixels and without the statements on de-identification."""

    dataset: Dataset
    tally: Tally
    made: frozenset[str]
    """Its pseudonyms, moved dates and words of the dictionary."""


def clean(source: Dataset, key: Key, subject: Subject) -> Header:
    """Build the outgoing data set from a source's."""
    cleaner = _Cleaner(key, subject)
    made = cleaner.dataset(source, TOP_LEVEL)
    cleaner.complete_age(source, made)
    return Header(made, cleaner.tally, frozenset(cleaner.made))


_Value = Any
"""A value as pydicom decodes it; None if no value may stay."""


class _Cleaner:
    """Applies the rules to one file."""

    def __init__(self, key: Key, subject: Subject) -> None:
        self.tally = Tally()
        self.made = {subject.subject_id}
        self._key = key
        self._subject = subject
        self._act: Mapping[RuleKind, Callable[[Rule, _Value], _Value]] = {
            RuleKind.TERMS: _terms,
            RuleKind.NUMBER: _numbers,
            RuleKind.TABLE: _table,
            RuleKind.ORIENTATION: _orientation,
            RuleKind.AGE: _age,
            RuleKind.WORDS: self._words,
            RuleKind.DEVICE: self._device,
            RuleKind.DATE: self._date,
            RuleKind.UID: self._uid,
            RuleKind.REGISTERED: self._registered,
            RuleKind.EMPTY_SEQUENCE: lambda _rule, _value: Items([]),
            RuleKind.ITEMS: self._items,
            RuleKind.CONCEPTS: self._concepts,
        }

    def dataset(self, source: Dataset, within: str) -> Dataset:
        """Fill a new data set by the rules that hold within a sequence, or at the top level."""
        chosen = rules().get(within, {})
        made = Dataset()
        for tag in source.keys():  # noqa: SIM118  # iterating a Dataset parses every value
            rule = chosen.get(int(tag))
            if rule is None:
                self.tally.removed += 1
            elif rule.kind is not RuleKind.WRITTEN:
                self._take(source, made, rule)
        for rule in chosen.values():
            if rule.required == "always" and rule.tag not in made:
                _write(made, rule, self._invented(rule))
        return made

    def complete_age(self, source: Dataset, made: Dataset) -> None:
        """Compute Patient's Age from the source's dates if the source lacks it."""
        if "PatientAge" in made:
            return
        born, taken = (parse_date(_text(source, one)) for one in ("PatientBirthDate", "StudyDate"))
        reckoned = age_between(born, taken) if born and taken else None
        rule = rules()[TOP_LEVEL][0x00101010]
        if reckoned and (value := _age(rule, reckoned)):
            _write(made, rule, value)
            self.tally.options.add(rule.option)

    def _take(self, source: Dataset, made: Dataset, rule: Rule) -> None:
        original = _element(source, rule)
        value = self._invented(rule)
        if original is not None and rule.kind in self._act:
            value = self._act[rule.kind](rule, original.value)
        self._count(rule, value)
        if value is not None or rule.required:
            _write(made, rule, value, original.VR if original else "")

    def _count(self, rule: Rule, value: _Value) -> None:
        if value is None:
            self.tally.emptied += bool(rule.required)
            self.tally.removed += not rule.required
            return
        if rule.option:
            self.tally.options.add(rule.option)
        if rule.kind in _REPLACING:
            self.tally.replaced += 1
        else:
            self.tally.kept += 1

    def _invented(self, rule: Rule) -> str | None:
        if rule.kind is RuleKind.SUBJECT_NAME:
            return self._subject.name
        return self._subject.subject_id if rule.kind is RuleKind.SUBJECT_ID else None

    def _device(self, rule: Rule, value: _Value) -> _Value:
        kind = rule.values[0]
        found = _PARTS.findall(" ".join(words(_joined(value))))
        numbers = [part for part in found if part.isdecimal()]
        if not found:
            return None
        is_known = all(part in numbers or part.upper() in vocabulary(kind) for part in found)
        if is_known and sum(map(len, numbers)) <= DEVICE_DIGITS[kind]:
            return self._of_listed(kind, " ".join(found).upper()[:64].rstrip())
        return self._making(self._key.device(kind, " ".join(found)))

    def _words(self, _rule: Rule, value: _Value) -> _Value:
        found = described(_joined(value))
        return self._of_listed("description", found) if found else None

    def _of_listed(self, kind: str, text: str) -> str:
        """Let the final search pass over a text of listed words, unless it is short."""
        # Checked again, because the final search does not see the texts in ``made``.
        is_listed = all(part in vocabulary(kind) for part in text.split() if not _is_small(part))
        return self._making(text) if is_listed and len(text) >= SHORTEST_LISTED else text

    def _making(self, text: str) -> str:
        self.made.add(text)
        return text

    def _date(self, _rule: Rule, value: _Value) -> _Value:
        original = parse_date(str(value))
        moved = self._subject.moved(original) if original else None
        if moved is None:
            return None
        return self._making(f"{moved.year:04d}{moved:%m%d}")

    def _uid(self, _rule: Rule, value: _Value) -> _Value:
        original = stripped(str(value))
        return self._making(self._key.uid(original)) if original else None

    def _registered(self, rule: Rule, value: _Value) -> _Value:
        original = stripped(str(value))
        return original if is_registered(original) else self._uid(rule, value)

    def _items(self, rule: Rule, value: _Value) -> _Value:
        required = [
            inner.tag for inner in rules()[rule.keyword].values() if inner.required == "always"
        ]
        items = [self.dataset(item, rule.keyword) for item in value]
        whole = [item for item in items if all(not _is_empty(item, tag) for tag in required)]
        self.tally.removed += len(items) - len(whole)
        return Items(whole) if whole else None

    def _concepts(self, rule: Rule, value: _Value) -> _Value:
        items = [self._concept(item, rule.keyword) for item in value]
        kept = [item for item in items if item is not None]
        return Items(kept) if kept else None

    def _concept(self, item: Dataset, within: str) -> Dataset | None:
        """Build the item of a known code with the dictionary's meaning, not the source's."""
        concept = known(_text(item, "CodeValue"), _text(item, "CodingSchemeDesignator"))
        if concept is None:
            self.tally.removed += 1
            return None
        inner = Dataset()
        for rule in rules().get(within, {}).values():
            if rule.tag in item:
                self._take(item, inner, rule)
        inner.CodeValue = concept.value
        inner.CodingSchemeDesignator = concept.scheme
        inner.CodeMeaning = self._making(concept.meaning)
        return inner


def _is_small(part: str) -> bool:
    return part.isdecimal() and len(part) <= max(DEVICE_DIGITS.values())


# Rules that need only the value ------------------------------------------------------------------


def _terms(rule: Rule, value: _Value) -> _Value:
    """Keep the values that are terms; the others become empty."""
    texts = [f"{one:08X}" if isinstance(one, int) else str(one).strip() for one in _several(value)]
    kept = [text if text in rule.values else "" for text in texts]
    if not any(kept):
        return None
    if rule.vr == "AT":
        return [int(text, 16) for text in kept if text]
    return kept if len(kept) > 1 else kept[0]


def _numbers(rule: Rule, value: _Value) -> _Value:
    low, high = rule.range
    numbers = [_number(one, rule.vr) for one in _several(value)]
    if not all(number is not None and low <= float(number) <= high for number in numbers):
        return None
    return numbers if len(numbers) > 1 else numbers[0]


def _number(value: _Value, vr: str) -> str | int | float | None:
    """Read a number; a decimal keeps its spelling up to 16 characters."""
    if vr not in ("DS", "IS"):
        return value if isinstance(value, int | float) and math.isfinite(value) else None
    text = str(value).strip()
    if not _DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        return None
    if vr == "IS":
        return int(float(text)) if float(text).is_integer() else None
    return text if len(text) <= 16 else format_number_as_ds(float(text))


def _table(_rule: Rule, value: _Value) -> _Value:
    if isinstance(value, bytes):
        return value if 0 < len(value) <= TABLE_BYTES else None
    values = _several(value)
    is_table = 0 < len(values) <= TABLE_BYTES // 2 and all(isinstance(one, int) for one in values)
    return values if is_table else None


def _orientation(_rule: Rule, value: _Value) -> _Value:
    values = [str(one).strip() for one in _several(value)]
    return values if len(values) == 2 and all(map(_ORIENTATION.fullmatch, values)) else None


def _age(_rule: Rule, value: _Value) -> _Value:
    found = _AGE.fullmatch(str(value).strip())
    if found is None:
        return None
    number, unit = int(found[1]), found[2]
    years = {"D": number / 365, "W": number / 52, "M": number / 12, "Y": number}[unit]
    return f"{OLDEST_YEARS:03d}Y" if years >= OLDEST_YEARS else found[0]


def described(text: str | None) -> str | None:
    """Return a description of the vocabulary's words; None if it has any other word."""
    found = words(text or "")
    allowed = vocabulary("description")
    if not found or not all(word.upper() in allowed for word in found):
        return None
    return " ".join(found).upper()[:64].rstrip()


# Reading ------------------------------------------------------------------------------------------


def _element(source: Dataset, rule: Rule) -> DataElement | None:
    """Read an attribute by the dictionary's VR; None if it is empty or cannot be read."""
    raw = source.get_item(rule.tag, keep_deferred=True)
    if isinstance(raw, RawDataElement) and raw.value is None:
        # The reader skipped the value because of its length.
        return None
    try:
        element = source[rule.tag]
        count = element.VM
    except Exception:  # noqa: BLE001  # a parser given arbitrary bytes raises anything
        return None
    if element.VR not in _vrs(rule):
        return None
    if element.VR == "SQ" or rule.kind is RuleKind.TABLE:
        return element
    return element if 0 < count <= rule.most_values else None


def _vrs(rule: Rule) -> frozenset[str]:
    # A text may have any VR of texts, since its words are checked.
    if rule.kind in (RuleKind.WORDS, RuleKind.DEVICE):
        return _TEXT_VRS
    if rule.kind is RuleKind.NUMBER and rule.vr in ("DS", "IS"):
        return frozenset({"DS", "IS"})
    return frozenset(rule.vr.split(" or "))


def _write(made: Dataset, rule: Rule, value: _Value, found_vr: str = "") -> None:
    vr = rule.vr
    if " or " in vr:
        # The pixels decide the VR; pydicom decided it when it read the source.
        vr = found_vr or vr.split(" or ")[0]
    made.add_new(rule.tag, vr, Items([]) if vr == "SQ" and value is None else value)


def _several(value: _Value) -> list[_Value]:
    if isinstance(value, MultiValue | list | tuple):
        return list(value)
    return [value]


def _joined(value: _Value) -> str:
    return " ".join(str(one) for one in _several(value))


def _text(source: Dataset, keyword: str) -> str:
    try:
        value = source.get(keyword)
    except Exception:  # noqa: BLE001  # as above
        return ""
    return "" if value is None else str(value).strip(" \0")


def _is_empty(item: Dataset, tag: int) -> bool:
    return item[tag].is_empty

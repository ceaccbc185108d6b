"""Compares de-identified files with their answers, action by action."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO

import numpy as np
from pydicom import dcmread
from pydicom.dataset import FileDataset

from benchmarks.planting import Action, Answer, Planted

SHORTEST_IN_PIXELS = 6
"""Bytes: of less, a picture of some megabytes holds any."""
SHORTEST_SHIFT_DAYS, LONGEST_SHIFT_DAYS = 364, 3640
ENCODINGS = (
    "utf-8", "latin-1", "iso8859_5", "iso8859_6", "iso8859_7", "iso2022_jp", "euc_kr", "gb18030",
    "utf-16-le",
)  # fmt: skip
"""In which a removed text is looked for."""


@dataclass(slots=True)
class Score:
    """How many answers were met, by action; and which were not."""

    asked: Counter[Action] = field(default_factory=Counter)
    met: Counter[Action] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    """Action, file and place; never a value."""

    def percent(self, action: Action) -> float:
        """Give the share of answers met."""
        return 100 * self.met[action] / self.asked[action]

    @property
    def is_perfect(self) -> bool:
        """Whether all answers were met."""
        return bool(self.asked) and self.asked == self.met


def score(planted: Sequence[Planted], outputs: Mapping[str, bytes]) -> Score:
    """Judge all files of a run together: what is consistent shows only between files.

    A file that is not among ``outputs`` has met none of its answers.
    """
    judge = _Judge(planted, outputs)
    result = Score()
    for file in planted:
        for answer in file.answers:
            result.asked[answer.action] += 1
            if file.name in outputs and judge.is_met(file, answer):
                result.met[answer.action] += 1
            else:
                result.missed.append(f"{answer.action}: {file.name}: {answer.place}")
    return result


class _Judge:
    def __init__(self, planted: Sequence[Planted], outputs: Mapping[str, bytes]) -> None:
        self._bytes = outputs
        self._folded = {name: content.lower() for name, content in outputs.items()}
        self._out = {name: dcmread(BytesIO(content)) for name, content in outputs.items()}
        self._pixels_at = {
            name: content.index(self._out[name].PixelData[:SHORTEST_IN_PIXELS])
            for name, content in outputs.items()
        }
        there = [file for file in planted if file.name in outputs]
        self._uids = self._pairs(there, Action.UID_CONSISTENT)
        self._patients = self._pairs(there, Action.PATID_CONSISTENT)
        self._shifts: dict[str, set[int]] = defaultdict(set)
        for file in there:
            for answer in file.answers:
                if answer.action is Action.DATE_SHIFTED:
                    self._shifts[file.visit.person.patient_id].add(self._shift(file, answer))
        self._ways: Mapping[Action, Callable[[Planted, Answer], bool]] = {
            Action.TAG_RETAINED: lambda file, answer: answer.place in self._out[file.name],
            Action.TEXT_NOTNULL: lambda file, answer: bool(self._text(file, answer)),
            Action.TEXT_RETAINED: lambda file, answer: self._text(file, answer) == answer.value,
            Action.TEXT_REMOVED: self._is_removed,
            Action.DATE_SHIFTED: self._is_shifted,
            Action.UID_CHANGED: self._is_changed,
            Action.UID_CONSISTENT: lambda _, answer: _is_one_to_one(self._uids, answer.value),
            Action.PATID_CONSISTENT: lambda _, answer: _is_one_to_one(self._patients, answer.value),
            Action.PIXELS_RETAINED: self._has_its_pixels,
        }

    def is_met(self, file: Planted, answer: Answer) -> bool:
        return self._ways[answer.action](file, answer)

    def _pairs(self, files: Iterable[Planted], action: Action) -> set[tuple[str, str]]:
        return {
            (answer.value, self._text(file, answer))
            for file in files
            for answer in file.answers
            if answer.action is action
        }

    def _text(self, file: Planted, answer: Answer) -> str:
        return _text(self._out[file.name], answer.place)

    def _is_removed(self, file: Planted, answer: Answer) -> bool:
        content, pixels_at = self._folded[file.name], self._pixels_at[file.name]
        return not any(
            form in (content if len(form) >= SHORTEST_IN_PIXELS else content[:pixels_at])
            for form in _forms(answer.value)
        )

    def _shift(self, file: Planted, answer: Answer) -> int:
        found = self._text(file, answer)
        if len(found) != 8 or not found.isdecimal():
            return 0
        return (date.fromisoformat(answer.value) - date.fromisoformat(found)).days

    def _is_shifted(self, file: Planted, answer: Answer) -> bool:
        days = self._shift(file, answer)
        is_same_for_all = self._shifts[file.visit.person.patient_id] == {days}
        is_far = SHORTEST_SHIFT_DAYS <= days <= LONGEST_SHIFT_DAYS
        return is_same_for_all and is_far and days % 7 == 0

    def _is_changed(self, file: Planted, answer: Answer) -> bool:
        found = self._text(file, answer)
        return found != answer.value and found.startswith("2.25.") and len(found) <= 64

    def _has_its_pixels(self, file: Planted, _answer: Answer) -> bool:
        before, after = dcmread(BytesIO(file.content)), self._out[file.name]
        return np.array_equal(before.pixel_array, after.pixel_array)


def _text(dataset: FileDataset, keyword: str) -> str:
    value = dataset.get(keyword)
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    return "\\".join(map(str, value)) if hasattr(value, "__iter__") else str(value)


def _forms(text: str) -> Iterable[bytes]:
    """Give a text as bytes in every encoding that has it, in lower case as far as bytes know it."""
    for encoding in ENCODINGS:
        for form in {text, text.lower(), text.upper()}:
            try:
                yield form.encode(encoding).lower()
            except UnicodeEncodeError:
                continue


def _is_one_to_one(pairs: Iterable[tuple[str, str]], value: str) -> bool:
    """Whether a value has one replacement, and shares it with no other."""
    replacements = {new for old, new in pairs if old == value}
    if len(replacements) != 1:
        return False
    (replacement,) = replacements
    return bool(replacement) and {old for old, new in pairs if new == replacement} == {value}

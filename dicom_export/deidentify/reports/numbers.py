"""Finds dates, ids, phones, licences, ages and addresses; and e-mail addresses and links."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from dicom_export.deidentify.reports.folding import BARRIER, fold_known
from dicom_export.deidentify.reports.lexicon import is_name, is_ordinary
from dicom_export.deidentify.reports.rules import (
    addresses,
    ages,
    contacts,
    dates,
    documents,
    measures,
)
from dicom_export.deidentify.reports.types import Kind
from dicom_export.deidentify.reports.word_lists import cues
from dicom_export.deidentify.reports.words import ReportWords

_SHORTEST_ID = 4
_SHORTEST_NUMERIC_ID = 5
_CERTAIN_ID = 6
_SHORTEST_CORE = 5
_CHECK_DIGIT = r"(?:-[\dk](?![a-z0-9./-]))?"
"""The check digit of an identity card, which a system may store separately."""
_DIGITS_OF_A_PHONE = 4
_SPEAKING = re.compile(r"[:#°]|\bn[o.]")
_YEAR = re.compile(r"(?:19|20)\d\d")
_PARTS = re.compile(r"[a-z]+|\d+")
_MOST_DIGITS_OF_A_YEAR = 4


@dataclass(frozen=True, slots=True)
class FoundNumber:
    """A range of the folded text to be replaced."""

    start: int
    end: int
    kind: Kind
    shown: str | None = None
    """The text in the brackets, if not the kind."""


class KnownIds:
    """The study's own numbers, with or without points, strokes and blanks in them."""

    def __init__(self, ids: Iterable[str]) -> None:
        patterns = {pattern for value in ids for pattern in _patterns(value)}
        longest_first = sorted(patterns, key=lambda pattern: (-len(pattern), pattern))
        self._pattern = (
            re.compile(rf"(?<![a-z0-9])(?:{'|'.join(longest_first)}){_CHECK_DIGIT}(?![a-z0-9])")
            if longest_first
            else None
        )

    def finditer(self, text: str) -> Iterable[re.Match[str]]:
        """Find each of them."""
        return self._pattern.finditer(text) if self._pattern else ()


def _patterns(value: str) -> list[str]:
    letters = [letter for letter in fold_known(value) if letter.isascii() and letter.isalnum()]
    code = "".join(letters).lstrip("0")
    digits = sum(map(str.isdigit, code))
    # Four digits alone may be a year, a dose, a matrix: documents.LABELLED_ID needs a label.
    shortest = _SHORTEST_NUMERIC_ID if digits == len(code) else _SHORTEST_ID
    if digits == 0 or len(code) < shortest:
        return []
    made = [_loosely(code)]
    core = code.lstrip("abcdefghijklmnopqrstuvwxyz").lstrip("0")
    if core != code and core.isdigit() and len(core) >= _SHORTEST_CORE:
        made.append(_loosely(core))
    return made


def _loosely(code: str) -> str:
    return "0{0,12}" + "[ ./_-]?".join(map(re.escape, code))


class NumberFinder:
    """Finds numbers in one folded text.

    A found number is hidden from the rules that come later, so no two of them share a digit.
    """

    def __init__(
        self,
        report: ReportWords,
        ids: KnownIds,
        phrases: Iterable[re.Pattern[str]],
        days: DateShift,
    ) -> None:
        """Prepare for one report."""
        self._report = report
        self._text = text = _WRAPPED.sub(" ", report.text)
        self._ids = ids
        self._phrases = phrases
        self._days = days
        self._kept = _kept(text)
        self._found: list[FoundNumber] = []

    def find(self) -> list[FoundNumber]:
        """Return all numbers in order."""
        for phrase in self._phrases:
            self._take(phrase, Kind.ADDRESS)
        self._take_all(self._ids.finditer(self._text), Kind.ID, may_take=self._is_certain_id)
        self._take(contacts.EMAIL, Kind.EMAIL)
        self._take(contacts.URL, Kind.URL)
        has_month = dates.MONTH_WORD.search(self._text) is not None
        for pattern in dates.WHOLE_DATES:
            if not has_month and pattern in dates.DATES_WITH_MONTHS:
                continue
            # A line may end within a date.
            matches = pattern.finditer(self._text.replace("\n", " "))
            self._take_all(matches, Kind.DATE, may_take=self._is_date)
        for pattern in ages.AGES:
            self._take(pattern, Kind.AGE)
        self._take(addresses.ADDRESS_LABELS, Kind.ADDRESS, cut=self._end_of_address)
        self._take(addresses.PLACES_OF_LIVING, Kind.ADDRESS)
        self._take(addresses.POSTAL_CODES, Kind.ADDRESS)
        for pattern in addresses.STREETS:
            self._take(pattern, Kind.ADDRESS, may_take=self._is_street)
        self._take(documents.LICENCES, Kind.LICENCE, may_take=self._is_licence)
        self._take(documents.LICENCE_BEHIND_NAME, Kind.LICENCE, may_take=self._is_free)
        self._take(contacts.PHONE_BEHIND_NAME, Kind.PHONE, may_take=self._is_free)
        for pattern in contacts.EXTENSIONS:
            self._take(pattern, Kind.PHONE, may_take=self._is_free)
        self._take(contacts.CALLED_NUMBER, Kind.PHONE, may_take=self._is_called)
        self._take(contacts.LABELLED_PHONE, Kind.PHONE, may_take=self._is_phone)
        matches = contacts.INTERNATIONAL_PHONE.finditer(self._text.replace("\n", " "))
        self._take_all(matches, Kind.PHONE, cut=self._international_phone)
        self._take(documents.LABELLED_ID, Kind.ID, may_take=self._is_labelled_id)
        for pattern in documents.IDS:
            self._take(pattern, Kind.ID, may_take=self._is_free)
        for pattern in dates.SHORT_DATES:
            self._take(pattern, Kind.DATE, may_take=self._is_free)
        for pattern in contacts.PHONES:
            self._take(pattern, Kind.PHONE, may_take=self._is_phone)
        self._take(contacts.GROUPED_PHONE, Kind.PHONE, cut=self._grouped_phone)
        self._take(documents.CODE, Kind.ID, may_take=self._is_code)
        return sorted(self._found, key=lambda found: found.start)

    def _take(
        self,
        pattern: re.Pattern[str],
        kind: Kind,
        *,
        may_take: Callable[[re.Match[str]], bool] = lambda _: True,
        cut: Callable[[int, int], int] = lambda _, stop: stop,
    ) -> None:
        self._take_all(pattern.finditer(self._text), kind, may_take=may_take, cut=cut)

    def _take_all(
        self,
        matches: Iterable[re.Match[str]],
        kind: Kind,
        *,
        may_take: Callable[[re.Match[str]], bool] = lambda _: True,
        cut: Callable[[int, int], int] = lambda _, stop: stop,
    ) -> None:
        parts: list[str] = []
        done = 0
        for match in matches:
            start, stop = match.span("value" if "value" in match.re.groupindex else 0)
            stop = cut(start, stop)
            if start >= stop or start < done or not may_take(match):
                continue
            shown = self._days.shifted(self._text[start:stop]) if kind is Kind.DATE else None
            self._found.append(FoundNumber(start, stop, kind, shown))
            parts += [self._text[done:start], BARRIER * (stop - start)]
            done = stop
        if done:
            self._text = "".join([*parts, self._text[done:]])

    def _end_of_address(self, start: int, stop: int) -> int:
        """Stop at the label of a phone; behind a number also at any label or a new sentence."""
        text = self._text[start:stop]
        for match in _NEXT_LABEL.finditer(text):
            is_phone = match[0].strip(" ,;-").startswith(("tel", "fon", "phon", "cel", "fax"))
            if is_phone or _count_digits(text[: match.start()]):
                text = text[: match.start()]
                break
        return start + len(text.rstrip(" .,;"))

    def _grouped_phone(self, start: int, stop: int) -> int:
        """Return the end of a phone number, before any measurement; ``start`` if it is no phone."""
        kept = self._kept.find(1, start, stop)
        text = self._text[start : stop if kept < 0 else kept].rstrip(" .-(")
        groups = sorted(map(len, re.findall(r"\d+", text)), reverse=True)
        is_long = sum(groups) in contacts.DIGITS_OF_A_GROUPED_PHONE and len(groups) > 1
        is_unlike_a_row = is_long and (
            groups[0] > contacts.LONG_GROUP or groups[1] >= contacts.LONG_GROUP
        )
        is_unlike_a_row = is_unlike_a_row or bool(contacts.PAIRED_PHONE.fullmatch(text))
        if not is_unlike_a_row or contacts.NO_PHONE.fullmatch(text):
            return start
        return start + len(text)

    def _international_phone(self, start: int, stop: int) -> int:
        """Return the end of the number, before any measurement; ``start`` if it is too short."""
        kept = self._kept.find(1, start, stop)
        text = self._text[start : stop if kept < 0 else kept].rstrip(" .-(")
        is_long = _count_digits(text) >= contacts.DIGITS_OF_AN_INTERNATIONAL_PHONE
        return start + len(text) if is_long else start

    def _is_street(self, match: re.Match[str]) -> bool:
        """Whether the words of a street are capitalized or, if case says nothing, like a name."""
        if "name" not in match.re.groupindex:
            return True
        named = False
        for word in self._report.between(*match.span("name")):
            if word.text in cues().particles or len(word.text) == 1:
                continue
            if word.case_is_informative and not word.is_capitalized:
                return False
            is_plain = is_ordinary(word.text) and not is_name(word.text)
            # 'PERIFERICO BILATERAL, FRACTURA 5': no street is called so.
            if is_plain and not word.case_is_informative:
                return False
            named = named or word.case_is_informative or not is_plain
        return named

    def _is_capital(self, start: int) -> bool:
        return any(word.is_capitalized for word in self._report.between(start, start + 1))

    def _is_date(self, match: re.Match[str]) -> bool:
        return "may" not in match.re.groupindex or self._is_capital(match.start("may"))

    def _is_free(self, match: re.Match[str]) -> bool:
        start, end = match.span("value" if "value" in match.re.groupindex else 0)
        return self._kept.find(1, start, end) < 0

    def _is_certain_id(self, match: re.Match[str]) -> bool:
        exact = sum(map(str.isalnum, match[0])) >= _CERTAIN_ID and " " not in match[0]
        return exact or self._is_free(match)

    def _is_labelled_id(self, match: re.Match[str]) -> bool:
        label = self._text[match.start() : match.start("value")]
        if _SPEAKING.search(label):
            is_long = _count_digits(match["value"]) >= documents.DIGITS_BEHIND_A_COLON
        else:
            is_long = _count_digits(match["value"]) >= documents.DIGITS_BEHIND_A_LABEL
            is_long = is_long and not _YEAR.fullmatch(match["value"])
        is_certain = _count_digits(match["value"]) >= documents.DIGITS_OF_NO_MEASURE
        return is_long and (is_certain or self._is_free(match))

    def _is_licence(self, match: re.Match[str]) -> bool:
        wanted = (
            documents.DIGITS_OF_A_SHORT_LICENCE if match["long"] else documents.DIGITS_OF_A_LICENCE
        )
        # 'CRM 42110 MG' is a doctor of Minas Gerais and no dose.
        is_free = match[0].startswith("crm") or self._is_free(match)
        return _count_digits(match["value"]) >= wanted and is_free

    def _is_called(self, match: re.Match[str]) -> bool:
        digits = _count_digits(match["value"])
        return digits >= contacts.DIGITS_OF_A_CALLED_NUMBER and self._is_phone(match)

    def _is_phone(self, match: re.Match[str]) -> bool:
        value = match["value"] if "value" in match.re.groupindex else match[0]
        return (
            _count_digits(value) >= _DIGITS_OF_A_PHONE
            and not contacts.NO_PHONE.fullmatch(value)
            and self._is_free(match)
        )

    def _is_code(self, match: re.Match[str]) -> bool:
        digits = _count_digits(match[0])
        wanted = documents.DIGITS_OF_A_NUMBER if match[0].isdigit() else documents.DIGITS_OF_A_CODE
        return (
            digits >= wanted and not documents.NO_CODE.fullmatch(match[0]) and self._is_free(match)
        )


class DateShift:
    """The study's days, shifted as in the de-identified files.

    No other date is shifted: a number mistaken for a date, or the print date of a form, which is
    in every report, would disclose the shift.
    """

    def __init__(self, days: Iterable[date], shift_days: int | None) -> None:
        self._shown = {} if shift_days is None else dict(_moved(days, shift_days))

    def shifted(self, text: str) -> str | None:
        """Return the mark with the shifted day if the text is a day of the study."""
        for day in _read_date(text):
            if day in self._shown:
                return f"{Kind.DATE} {self._shown[day].isoformat()}"
        return None


def _moved(days: Iterable[date], shift_days: int) -> Iterable[tuple[date, date]]:
    for day in days:
        try:
            yield day, day + timedelta(days=shift_days)
        except OverflowError:
            continue


def _read_date(text: str) -> list[date]:
    """Read a date in every order that is possible."""
    parts = _PARTS.findall(text.split(":", maxsplit=1)[0].split(" t", maxsplit=1)[0])
    months = [dates.MONTH_NUMBERS[part] for part in parts if part in dates.MONTH_NUMBERS]
    numbers = [part for part in parts if part.isdigit()]
    if len(numbers) == 1 and len(numbers[0]) >= _CERTAIN_ID + 2:
        only = numbers[0]
        numbers = [only[:4], only[4:6], only[6:8]]
    if months and len(numbers) > 1:
        return _dates((numbers[-1], months[0], numbers[0]), (numbers[0], months[0], numbers[-1]))
    if len(numbers) < 3:
        return []
    first, second, third = numbers[:3]
    if len(first) == _MOST_DIGITS_OF_A_YEAR:
        return _dates((first, second, third))
    return _dates((third, second, first), (third, first, second))


def _dates(*triples: tuple[str | int, str | int, str | int]) -> list[date]:
    found: list[date] = []
    for year, month, day in triples:
        full = int(year) if len(str(year)) > 2 else 2000 + int(year)
        try:
            found.append(date(full, int(month), int(day)))
        except ValueError:
            continue
    return found


def _kept(text: str) -> bytearray:
    kept = bytearray(len(text))
    for pattern in measures.KEPT:
        for match in pattern.finditer(text):
            kept[match.start() : match.end()] = b"\x01" * (match.end() - match.start())
    return kept


_NEXT_LABEL = re.compile(
    r"[ ,;-]{1,3}(?:tels?|telefonos?|telefones?|phones?|fonos?|fones?|fax|cel|celular|mobile|"
    r"edad|idade|age|fecha|data|date|dni|ci|cpf|rut|"
    r"e-?mail|correo)\b|[.;] (?=[a-z])|\t| {2}"
)


# Filled lines: a number may continue in the next line.
_WRAPPED = re.compile(r"(?<=[^\n]{50})\n(?=[(+]?\d)")


def _count_digits(text: str) -> int:
    return sum(map(str.isdigit, text))

"""Dates as sources write them."""

from __future__ import annotations

import re
from datetime import date, datetime

_DICOM_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})|(\d{4})\.(\d{2})\.(\d{2})")


def parse_date(text: str) -> date | None:
    """Read a DICOM date (DA, also as it was written before 1993), or None."""
    found = _DICOM_DATE.fullmatch(text.strip(" \0"))
    return make_date(*filter(None, found.groups())) if found else None


def parse_moment(text: str | None) -> date | None:
    """Read the date of an ISO 8601 time; None for 'infinity' and years outside Python's range."""
    try:
        return datetime.fromisoformat(text).date() if text else None
    except ValueError:
        return None


def make_date(year: str, month: str, day: str) -> date | None:
    """Make a date of its digits; None if the calendar has no such day."""
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def age_between(born: date, day: date) -> str | None:
    """Return an age as DICOM writes it: months below two years, otherwise whole years."""
    months = (day.year - born.year) * 12 + day.month - born.month - (day.day < born.day)
    if months < 0 or months > 999 * 12:
        return None
    return f"{months:03d}M" if months < 24 else f"{months // 12:03d}Y"

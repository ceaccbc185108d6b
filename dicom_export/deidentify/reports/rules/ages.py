"""Ages over 89."""

from __future__ import annotations

from dicom_export.deidentify.reports.rules.patterns import ALONE, any_of, compiled

_NINETY = r"(?:9\d|1[0-2]\d)"
_ONES = any_of(
    """
    un[oa]? uma? dos dois duas tres cuatro quatro cinco seis siete sete ocho oito nueve nove one
    two three four five six seven eight nine
    """
)
AGES = compiled(
    rf"{ALONE}(?P<value>{_NINETY})[ -]?(?=(?:anos?|years?|yrs?|y/o|yo|year-old)\b)",
    rf"\((?P<value>{_NINETY}) ?(?:a\.?|y\.?|yo)\)",
    r"\b(?:edad|idade|age|aged)(?: de| of| actual)?(?: ?[:=.][ \t]{0,2}|[ \t])"
    rf"(?P<value>{_NINETY})(?![\w.,/%]\d|\d|%)",
    r"(?<!\w)(?P<value>(?:noventa|ninety|cento|ciento|cien|centenari[oa])"
    rf"(?:(?: y | e |-| ){_ONES})?)(?=[ -](?:anos?|years?))",
)
"""Ages of 90 and more are one group (HIPAA, 45 CFR 164.514(b)(2)(i)(C)); younger ones stay."""

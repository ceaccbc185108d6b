"""Codes of known meaning: SNOMED CT and DICOM's own, as the standard uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

_SNOMED_RT = ("SRT", "SNM3", "99SDM")
"""Names of the older SNOMED, which the standard maps to SNOMED CT (PS3.16, section 8.1)."""


@dataclass(frozen=True, slots=True)
class Concept:
    """A code with the dictionary's words for it."""

    value: str
    scheme: str
    meaning: str


def known(value: str, scheme: str) -> Concept | None:
    """Look a code up; None if the dictionary lacks it."""
    if scheme in _SNOMED_RT:
        meaning = _meanings("SCT").get(_modern().get(value, ""))
    elif scheme in ("SCT", "DCM"):
        meaning = _meanings(scheme).get(value)
    else:
        meaning = None
    return Concept(value, scheme, meaning) if meaning else None


# The dictionaries take a good part of a second to load, and most files have no codes, so they are
# loaded at first use.


@cache
def _modern() -> Mapping[str, str]:
    """Return the SNOMED CT code of each code of the older SNOMED."""
    from pydicom.sr._snomed_dict import mapping  # noqa: PLC0415  # see above

    return mapping["SRT"]


@cache
def _meanings(scheme: str) -> Mapping[str, str]:
    from pydicom.sr.codedict import codes  # noqa: PLC0415  # see above

    found: dict[str, str] = {}
    for code in getattr(codes, scheme).concepts.values():
        # The shortest of a code's meanings, cut to the 64 characters of Code Meaning.
        meanings = [code.meaning[:64], found.get(code.value, code.meaning[:64])]
        found[code.value] = min(meanings, key=lambda meaning: (len(meaning), meaning))
    return found

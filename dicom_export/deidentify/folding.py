"""Folds text for comparison: without accents, case and compatibility forms."""

from __future__ import annotations

import re
from unicodedata import combining, normalize

_WORD = re.compile(r"[^\W_]+")


def fold_text(text: str) -> str:
    """Return a text in lower case, without accents: 'TÓRAX' becomes 'torax'.

    ``macros/fold_text.sql`` is its twin in SQL, except for compatibility forms (NFKD).
    A report is folded by ``reports.folding``, which also keeps the way back to the original.
    """
    if text.isascii():
        return text.lower()
    decomposed = normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not combining(letter)).casefold()


def words(text: str) -> list[str]:
    """Return the folded words of a text: its runs of letters and digits."""
    return _WORD.findall(fold_text(text))

"""Judges folded words: usual names, ordinary words, or both. The lists are in ``data/lexicon``.

Ordinary words end a name that is being read, and a known name that is one of them is only removed
where the words around it say that it is a name. A word of a report that the lists lack costs at
most itself, where it stands right behind a name in a text of capitals. A surname that is listed by
mistake is still removed behind a title or a label, or beside another name.

The final search of outgoing files (``deidentify.final_search``) asks which names alone are no
finding: a word that a report may keep is none there.
"""

from __future__ import annotations

import re
from functools import lru_cache

from dicom_export.deidentify.reports.word_lists import lexicon

_SUFFIX = re.compile(
    r"^.{4,}(?:cion|ciones|sion|siones|cao|coes|soes|mente|idad|idades|idade|dade|dades|itis|ite|"
    r"osis|ose|"
    r"grafia|grafias|grafico|grafica|grama|gramas|patia|patias|ectomia|scopia|logia|logico|logica|"
    r"megalia|emia|uria|algia|plasia|trofia|tion|tions|sions|ness|ology|graphy|ectomy|pathy|tomy|"
    r"ically|ously|ical|ble|bles|ibles|aveis|iveis|miento|mientos|mento|mentos)$"
)
"""Endings of ordinary words, behind four letters or more; no name of this region ends so."""

_LONGEST_CHECKED = 20

_SHORTEST_STEM = 4


def is_name(word: str) -> bool:
    """Whether the word is a name, whatever else it means."""
    return word in lexicon().names


def has_meaning(word: str) -> bool:
    """Whether a name is also a common word, so that alone it says nothing of a person."""
    return word in lexicon().names_with_meaning or is_ordinary(word)


def is_given_name(word: str) -> bool:
    """Whether it is a usual given name."""
    return word in lexicon().given_names


def is_family_name(word: str) -> bool:
    """Whether it is a usual family name."""
    return word in lexicon().family_names or word in lexicon().names_with_meaning


def is_administrative(word: str) -> bool:
    """Whether it is a word of headings and signatures: no part of a name, even with a capital."""
    return word in lexicon().administrative


@lru_cache(maxsize=100_000)
def is_ordinary(word: str) -> bool:
    """Whether the word is an ordinary word of reports, in any number or gender."""
    if word in lexicon().ordinary:
        return True
    if word in lexicon().given_names or word in lexicon().family_names:
        return False
    return any(form in lexicon().ordinary for form in _other_forms(word)) or _has_suffix(word)


def _other_forms(word: str) -> tuple[str, ...]:
    """Return the singular and the other gender of a noun or an adjective."""
    if len(word) <= _SHORTEST_STEM:
        return ()
    forms = [word[:-1]] if word.endswith("s") else []
    if word.endswith("es") and word[-3] not in "aeiou":
        forms.append(word[:-2])
    turned = {"a": "o", "o": "a"}
    forms += [
        form[:-1] + turned[form[-1]]
        for form in (word, word.removesuffix("s"))
        if form[-1] in turned
    ]
    return tuple(forms)


def _has_suffix(word: str) -> bool:
    return bool(_SUFFIX.match(word[-_LONGEST_CHECKED:]))

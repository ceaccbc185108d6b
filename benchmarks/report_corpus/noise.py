"""What keyboards, editors and old systems do to a report, by author. Marks stay where they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from random import Random
from unicodedata import normalize

from benchmarks.report_corpus.case import without_accents
from benchmarks.report_corpus.marks import MARKS
from dicom_export.prepare.report_text import to_text

_LABEL = re.compile(r"(?m)^(?P<bullet>[- ]*)(?P<label>[^\W\d_]{5,}(?: [^\W\d_]+){0,3})(?=:)")
_NAME_OR_NUMBER = re.compile(r"[\ue000\ue001\ue003][^\ue0ff]{6,}\ue0ff")


def upper(rng: Random, text: str) -> str:  # noqa: ARG001  # every noise has the same form
    """All in capitals, as many dictate to a typist."""
    return text.upper()


def upper_without_accents(rng: Random, text: str) -> str:  # noqa: ARG001
    """Capitals from a system of the nineties."""
    return without_accents(text).upper()


def accents_lost(rng: Random, text: str) -> str:  # noqa: ARG001
    """A keyboard of another country."""
    return without_accents(text)


def lower(rng: Random, text: str) -> str:  # noqa: ARG001
    """Typed in haste."""
    return text.lower()


def decomposed(rng: Random, text: str) -> str:  # noqa: ARG001
    """Accents as combining marks."""
    return normalize("NFD", text)


def unbreakable(rng: Random, text: str) -> str:
    """Some spaces are no-break spaces, some are doubled."""
    kinds = (" ", " ", " ", " ", "\N{NO-BREAK SPACE}", "  ")
    return re.sub(" ", lambda _: rng.choice(kinds), text)


def invisible(rng: Random, text: str) -> str:
    """Zero-width characters within names and numbers, as web editors leave them."""

    def insert(found: re.Match[str]) -> str:
        at = rng.randrange(2, len(found[0]) - 1)
        return found[0][:at] + rng.choice("\u200b\u200d\ufeff\u00ad") + found[0][at:]

    return _NAME_OR_NUMBER.sub(insert, text)


def misspelt_labels(rng: Random, text: str) -> str:
    """Labels with a letter left out, doubled or swapped."""

    def misspell(found: re.Match[str]) -> str:
        label = found["label"]
        if rng.random() < 0.5:
            return found[0]
        at = rng.randrange(1, min(len(label.split()[0]), len(label)) - 1)
        changed = rng.choice(
            (
                label[:at] + label[at + 1 :],
                label[:at] + label[at] + label[at:],
                label[:at] + label[at + 1] + label[at] + label[at + 2 :],
            )
        )
        return found["bullet"] + changed

    return _LABEL.sub(misspell, text)


def wrapped(rng: Random, text: str) -> str:  # noqa: ARG001
    """Lines of a fixed width, broken between any two words."""
    return "\n".join(_wrap(line, 68, keep_indent=True) for line in text.split("\n"))


def _wrap(line: str, limit: int, *, keep_indent: bool) -> str:
    lines: list[list[str]] = [[]]
    width = 0
    for word in line.split(" "):
        length = sum(letter not in MARKS for letter in word)
        if lines[-1] and width + length > limit:
            lines.append([])
            width = 0
        if word or lines[-1] or keep_indent:
            lines[-1].append(word)
            width += length + 1
    return "\n".join(" ".join(words) for words in lines)


def through_html(rng: Random, text: str) -> str:
    """Written in a report editor: paragraphs, lists or tables, read back as the export does."""
    paragraphs = [paragraph for paragraph in text.split("\n\n") if paragraph]
    return to_text("".join(_html(rng, paragraph) for paragraph in paragraphs))


def _html(rng: Random, paragraph: str) -> str:
    lines = [escape(line).replace("  ", " &nbsp;") for line in paragraph.split("\n")]
    shape = rng.choice(("lines", "list", "divs", "table"))
    if shape == "list" and len(lines) > 1:
        return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"
    if shape == "divs":
        return "".join(f"<div>{line}</div>" for line in lines)
    if shape == "table" and len(lines) > 2 and all(":" in line for line in lines):
        cells = (line.split(":", 1) for line in lines)
        return f"<table>{''.join(f'<tr><td>{a}:</td><td>{b}</td></tr>' for a, b in cells)}</table>"
    return f"<p>{'<br>'.join(lines)}</p>"


def garbled(rng: Random, text: str) -> str:  # noqa: ARG001
    """UTF-8 read as Latin-1, as an old interface does; letters without accents stay."""
    return re.sub(r"[^\W\d_]", _garble, text)


def _garble(found: re.Match[str]) -> str:
    letter = found[0]
    if letter.isascii() or letter in MARKS:
        return letter
    return letter.encode().decode("cp1252", errors="replace")


def hl7_line_ends(rng: Random, text: str) -> str:  # noqa: ARG001
    r"""Line ends of an HL7 message: '\.br\'."""
    return text.replace("\n", "\\.br\\")


def tabs(rng: Random, text: str) -> str:
    """Tabs in the place of several blanks."""
    return re.sub(" {2,}", lambda _: rng.choice(("\t", "\t\t", "     ")), text)


def scanned(rng: Random, text: str) -> str:
    """Optical reading: now and then an O for a 0, a 1 for an l."""
    mistaken = {"0": "O", "l": "1", "I": "l", "O": "0", "5": "S"}
    return "".join(
        mistaken[letter] if letter in mistaken and rng.random() < 0.02 else letter
        for letter in text
    )


def narrow(rng: Random, text: str) -> str:
    """Lines of a teletype's width, without indents."""
    limit = rng.choice((60, 72, 78))
    return "\n".join(_wrap(line, limit, keep_indent=False) for line in text.split("\n"))


Noise = Callable[[Random, str], str]
Chances = tuple[tuple[float, Noise], ...]

_LETTERS_A: Chances = (
    (0.18, upper),
    (0.10, upper_without_accents),
    (0.14, accents_lost),
    (0.03, lower),
    (0.05, decomposed),
)
"""At most one of these."""
_LAYOUT_A: Chances = (
    (0.12, misspelt_labels),
    (0.08, wrapped),
    (0.25, through_html),
    (0.03, invisible),
    (0.05, unbreakable),
)
"""Each on its own."""
_LETTERS_B: Chances = (
    (0.22, upper_without_accents),
    (0.08, upper),
    (0.08, accents_lost),
    (0.02, garbled),
)
_LAYOUT_B: Chances = ((0.10, narrow), (0.05, tabs), (0.03, scanned), (0.03, hl7_line_ends))


def spoil_a(rng: Random, text: str) -> tuple[str, tuple[str, ...]]:
    """Do to a report of the first author what systems do; also return the names of the noises."""
    noises = [noise for chance, noise in _LAYOUT_A if rng.random() < chance]
    noises += _one_of(rng, _LETTERS_A)
    for noise in noises:
        text = noise(rng, text)
    return text, tuple(noise.__name__ for noise in noises)


def spoil_b(rng: Random, text: str) -> tuple[str, tuple[str, ...]]:
    """Do the same to a report of the second author, letters first."""
    noises = _one_of(rng, _LETTERS_B)
    for noise in noises:
        text = noise(rng, text)
    for chance, noise in _LAYOUT_B:
        if rng.random() < chance:
            text = noise(rng, text)
            noises.append(noise)
    return text, tuple(noise.__name__ for noise in noises)


def _one_of(rng: Random, chances: Chances) -> list[Noise]:
    drawn = rng.random()
    for chance, noise in chances:
        if drawn < chance:
            return [noise]
        drawn -= chance
    return []

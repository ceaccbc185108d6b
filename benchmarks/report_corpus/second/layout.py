"""How the second author's reports are put together, and what systems do to them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from benchmarks.report_corpus.cast import without_accents
from benchmarks.report_corpus.marks import MARKS, Gold, mark
from benchmarks.report_corpus.phrases.model import Pool, Wording
from benchmarks.report_corpus.second.writer import Writer


@dataclass(frozen=True, slots=True)
class Sentences(Wording):
    """The wording of one language by the second author."""

    traps: Pool


def compose(rng: Random, sentences: Sentences, writer: Writer) -> str:
    """Put a report together."""
    history, technique, findings, impression = (rng.choice(pool) for pool in sentences.labels)
    body = [
        *rng.sample(sentences.findings, rng.choice((3, 4, 5, 6))),
        *(mark(Gold.NUMBER, text) for text in rng.sample(sentences.measured, 2)),
        mark(Gold.TRAP, rng.choice(sentences.traps)),
    ]
    rng.shuffle(body)
    between = rng.choice((" ", " ", "\n", "\n- "))
    label = rng.choice((": ", ":\n", ":\n", "\n"))
    comparison = rng.choice(sentences.comparison)
    parts = [
        rng.choice(sentences.headings) if rng.random() < 0.8 else "",
        rng.choice(sentences.titles),
        f"{history}{label}{' '.join(rng.sample(sentences.history, rng.choice((1, 1, 2))))}",
        f"{technique}{label}{rng.choice(sentences.technique)} {comparison}".rstrip(),
        f"{findings}{label}{between.join(body)}",
        f"{impression}{label}{' '.join(rng.sample(sentences.impressions, rng.choice((1, 2))))}",
        rng.choice(sentences.remarks),
        rng.choice(sentences.closings),
    ]
    blank = rng.choice(("\n\n", "\n\n", "\n"))
    return blank.join(writer.write(part) for part in parts if part)


def spoil(rng: Random, text: str) -> str:
    """Do to a report what the way through several systems does. Marks stay."""
    drawn = rng.random()
    if drawn < 0.22:
        text = without_accents(text).upper()
    elif drawn < 0.30:
        text = text.upper()
    elif drawn < 0.38:
        text = without_accents(text)
    elif drawn < 0.40:
        text = re.sub(r"[^\W\d_]", _garbled, text)
    for chance, noise in _NOISES:
        if rng.random() < chance:
            text = noise(rng, text)
    return text


def _garbled(found: re.Match[str]) -> str:
    """Read UTF-8 as Latin-1, as an old interface does; letters without accents stay."""
    letter = found[0]
    if letter.isascii() or letter in MARKS:
        return letter
    return letter.encode().decode("cp1252", errors="replace")


def _hl7(rng: Random, text: str) -> str:  # noqa: ARG001  # every noise has the same form
    r"""Line ends of an HL7 message: '\.br\'."""
    return text.replace("\n", "\\.br\\")


def _tabs(rng: Random, text: str) -> str:
    return re.sub(" {2,}", lambda _: rng.choice(("\t", "\t\t", "     ")), text)


def _scanned(rng: Random, text: str) -> str:
    """Optical reading: now and then an O for a 0, a 1 for an l."""
    mistaken = {"0": "O", "l": "1", "I": "l", "O": "0", "5": "S"}
    return "".join(
        mistaken[letter] if letter in mistaken and rng.random() < 0.02 else letter
        for letter in text
    )


def _narrow(rng: Random, text: str) -> str:
    """Wrap at 72 columns, as teletypes did and some systems still do."""
    width = rng.choice((60, 72, 78))
    lines: list[str] = []
    for line in text.split("\n"):
        now = ""
        for word in line.split(" "):
            if now and len(_bare(f"{now} {word}")) > width:
                lines.append(now)
                now = word
            else:
                now = f"{now} {word}" if now else word
        lines.append(now)
    return "\n".join(lines)


def _bare(text: str) -> str:
    return "".join(letter for letter in text if letter not in MARKS)


_NOISES: tuple[tuple[float, Callable[[Random, str], str]], ...] = (
    (0.10, _narrow), (0.05, _tabs), (0.03, _scanned), (0.03, _hl7),
)  # fmt: skip

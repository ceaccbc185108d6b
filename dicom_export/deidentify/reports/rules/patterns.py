"""Parts that patterns of several chapters are made of.

Patterns are matched with the folded text: no capitals, no accents (``folding``).
"""

from __future__ import annotations

import re


def words(text: str) -> frozenset[str]:
    """Make a set of the words of a text."""
    return frozenset(text.split())


def any_of(text: str) -> str:
    """Make a pattern of words, or of patterns without blanks; the longest is tried first."""
    return f"(?:{'|'.join(sorted(text.split(), key=len, reverse=True))})"


def any_phrase(text: str) -> str:
    """Make a pattern of phrases with '|' between them; none may stand within a phrase."""
    phrases = [" ".join(phrase.split()) for phrase in text.split("|")]
    return f"(?:{'|'.join(sorted(phrases, key=len, reverse=True))})"


def compiled(*patterns: str) -> tuple[re.Pattern[str], ...]:
    """Compile patterns."""
    return tuple(map(re.compile, patterns))


ALONE = r"(?<![\w.,/-])(?<!\d:)"
"""Before a number that is no part of another one."""

UNIT = any_of(
    """
    mmhg mm cm km mts? m cc ml dl l kg mg mcg ug ng pg gr g gy cgy mgy sv msv kvp? mas? hz khz
    mhz fr french hu uh bpm lpm rpm ppm mui miu ui iu mmol meq grados graus degrees deg c
    segundos? seconds? seg sec s minutos? minutes? min horas?(?!:?[^\\w]\\d) hours? hrs? hs?
    dias? days?
    semanas? weeks? wks? meses mes months? anos? years? yrs? plaquetas platelets leucocitos
    hematies copias copies celulas cells pixeles? pixels? dpi paquetes? packs? cigarrillos
    cigarros litros? latidos veces vezes times
    """
)
"""Units, and words that count, behind a number."""

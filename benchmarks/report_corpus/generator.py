"""Writes reports with an answer key. The same seed and number give the same report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from types import ModuleType

from benchmarks.report_corpus.cast import Cast, Language, Name, make_cast, without_accents
from benchmarks.report_corpus.marks import Entity, Gold, mark, unmark
from benchmarks.report_corpus.noise import LETTERS, NOISES, Noise
from benchmarks.report_corpus.phrases import (
    regression_1,
    regression_2,
    regression_3,
    regression_4,
)
from benchmarks.report_corpus.phrases.english import ENGLISH
from benchmarks.report_corpus.phrases.model import Phrases
from benchmarks.report_corpus.phrases.portuguese import PORTUGUESE
from benchmarks.report_corpus.phrases.spanish import SPANISH
from benchmarks.report_corpus.second.draft import draft, draft_later
from benchmarks.report_corpus.writer import Hand, Writer, numbers


def _of(hand: ModuleType) -> dict[Language, Phrases]:
    return {"es": hand.SPANISH, "pt": hand.PORTUGUESE, "en": hand.ENGLISH}


_PHRASES: dict[Hand, dict[Language, Phrases]] = {
    "known": {"es": SPANISH, "pt": PORTUGUESE, "en": ENGLISH},
    "regression 1": _of(regression_1),
    "regression 2": _of(regression_2),
    "regression 3": _of(regression_3),
    "regression 4": _of(regression_4),
}
_LANGUAGES: tuple[Language, ...] = ("es", "es", "pt", "es", "pt", "en", "es", "pt", "en")


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """A report as the export meets it, with everything that it should lose."""

    number: int
    text: str = field(repr=False)
    entities: tuple[Entity, ...] = field(repr=False)
    cast: Cast = field(repr=False)
    noises: tuple[str, ...]


def generate(seed: int, count: int, hand: Hand = "known") -> Iterator[CorpusReport]:
    """Write ``count`` reports in three languages."""
    return (write(seed, number, hand) for number in range(count))


def write(seed: int, number: int, hand: Hand = "known") -> CorpusReport:
    """Write one report."""
    rng = Random(f"{seed}/{hand}/{number}")  # noqa: S311  # no secret
    if hand in {"regression 5", "regression 6"}:
        cast, text = (draft if hand == "regression 5" else draft_later)(rng, number)
        return CorpusReport(number, *unmark(text), cast, ())
    language = _LANGUAGES[number % len(_LANGUAGES)]
    cast = make_cast(rng, language, numbers(rng, language, hand))
    text = _compose(rng, _PHRASES[hand][language], Writer(rng, cast, hand), cast)
    noises = [noise for chance, noise in NOISES if rng.random() < chance] + _letters(rng)
    for noise in noises:
        text = noise(rng, text)
    clean, entities = unmark(text)
    names = tuple(noise.__name__ for noise in noises)
    return CorpusReport(number, clean, entities, cast, names)


def _letters(rng: Random) -> list[Noise]:
    drawn = rng.random()
    for chance, noise in LETTERS:
        if drawn < chance:
            return [noise]
        drawn -= chance
    return []


def _compose(rng: Random, phrases: Phrases, writer: Writer, cast: Cast) -> str:
    history, technique, findings, impression = (rng.choice(pool) for pool in phrases.labels)
    impressions = rng.sample(phrases.impressions, rng.choice((1, 1, 2)))
    parts = [
        rng.choice(phrases.titles),
        rng.choice(phrases.headings) if rng.random() < 0.75 else "",
        f"{history}: {' '.join(rng.sample(phrases.history, rng.choice((1, 1, 2))))}",
        f"{technique}: {rng.choice(phrases.technique)} {rng.choice(phrases.comparison)}".rstrip(),
        _findings(rng, phrases, cast, findings),
        f"{impression}: {' '.join(impressions)}",
        rng.choice(phrases.remarks),
        rng.choice(phrases.closings),
    ]
    return "\n\n".join(writer.write(part) for part in parts if part)


def _findings(rng: Random, phrases: Phrases, cast: Cast, label: str) -> str:
    sentences = [
        *rng.sample(phrases.findings, rng.choice((3, 4, 5))),
        *(mark(Gold.NUMBER, text) for text in rng.sample(phrases.measured, rng.choice((1, 2, 3)))),
        *(mark(Gold.TRAP, text) for text in _traps(rng, phrases, cast)),
    ]
    rng.shuffle(sentences)
    shape = rng.choice(("prose", "prose", "lines", "list"))
    if shape == "prose":
        return f"{label}: {' '.join(sentences)}"
    bullet = "- " if shape == "list" else ""
    return "\n".join((f"{label}:", *(f"{bullet}{sentence}" for sentence in sentences)))


def _traps(rng: Random, phrases: Phrases, cast: Cast) -> list[str]:
    """Sentences with words that somebody in the case is called by, and one more."""
    people = (cast.patient, cast.signer.name, cast.referring.name, *cast.staff)
    words = [word for person in people for word in _words(person) if word in phrases.traps]
    chosen = [*list(dict.fromkeys(words))[:3], rng.choice(tuple(phrases.traps))]
    return [rng.choice(phrases.traps[word]) for word in chosen]


def _words(name: Name) -> list[str]:
    return without_accents(f"{name.first_name} {name.last_name}").lower().replace("-", " ").split()

"""A report by the second author, with its marks still in it."""

from __future__ import annotations

from random import Random

from benchmarks.report_corpus.cast import Cast, Language
from benchmarks.report_corpus.second import later
from benchmarks.report_corpus.second.countries import COUNTRIES
from benchmarks.report_corpus.second.english import ENGLISH
from benchmarks.report_corpus.second.layout import Sentences, compose, spoil
from benchmarks.report_corpus.second.people import make_case
from benchmarks.report_corpus.second.portuguese import PORTUGUESE
from benchmarks.report_corpus.second.spanish import SPANISH
from benchmarks.report_corpus.second.writer import Writer

_SENTENCES: dict[Language, Sentences] = {"es": SPANISH, "pt": PORTUGUESE, "en": ENGLISH}
_LATER: dict[Language, Sentences] = {
    "es": later.SPANISH,
    "pt": later.PORTUGUESE,
    "en": later.ENGLISH,
}


def draft(rng: Random, number: int) -> tuple[Cast, str]:
    """Write one report; the countries take turns."""
    case = make_case(rng, COUNTRIES[number % len(COUNTRIES)])
    writer = Writer(rng, case, None, None)
    return case.cast, spoil(rng, compose(rng, _SENTENCES[case.cast.language], writer))


def draft_later(rng: Random, number: int) -> tuple[Cast, str]:
    """Write one report of the later set."""
    case = make_case(rng, later.COUNTRIES[number % len(later.COUNTRIES)])
    writer = Writer(rng, case, later.FULL_DATES, later.PRIOR_DATES)
    return case.cast, spoil(rng, compose(rng, _LATER[case.cast.language], writer))

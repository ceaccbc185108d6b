"""The targets of report scrubbing on a sample; `make bench-deidentification` measures all of it."""

from __future__ import annotations

import pytest

from benchmarks.report_corpus import Gold, generate, write
from benchmarks.report_corpus.generator import writer_of
from benchmarks.report_corpus.sets import load, names
from benchmarks.scrub_score import TARGETS, Score, score

pytestmark = pytest.mark.slow

SEED = 8
SAMPLE = 240


@pytest.fixture(scope="module")
def known() -> Score:
    return score(generate(SEED, SAMPLE))


def test_the_sample_holds_enough_of_everything(known: Score) -> None:
    assert known.reports == SAMPLE
    assert all(known.present[kind] >= 50 for kind in TARGETS)
    assert known.sentences[Gold.TRAP] > SAMPLE
    assert known.sentences[Gold.NUMBER] > SAMPLE


@pytest.mark.parametrize("kind", TARGETS)
def test_what_identifies_is_removed(known: Score, kind: Gold) -> None:
    missed = [number for number, entity in known.missed if entity.kind is kind]
    assert known.recall(kind) >= TARGETS[kind], f"seed {SEED}, reports {missed}"


def test_clinical_words_stay(known: Score) -> None:
    assert known.clinical_loss <= 0.002, f"seed {SEED}, {known.clinical_words_removed} words"


def test_reports_of_a_second_author_meet_the_targets() -> None:
    found = score(generate(SEED, SAMPLE, "set_5"))
    assert [kind for kind, target in TARGETS.items() if found.recall(kind) < target] == []
    assert found.clinical_loss <= 0.002


def test_the_same_seed_gives_the_same_report() -> None:
    assert write(SEED, 3) == write(SEED, 3)
    assert write(SEED, 3).text != write(SEED + 1, 3).text
    assert write(SEED, 3).text != write(SEED, 3, "set_1").text
    assert write(SEED, 3, "set_6") == write(SEED, 3, "set_6")


@pytest.mark.parametrize("name", names())
def test_every_sentence_of_a_set_can_be_filled(name: str) -> None:
    for number, region in enumerate(load(name).turns):
        writer = writer_of(SEED, number, name)
        for sentence in region.wording.sentences:
            assert not {"{", "}", "«", "»"} & set(writer.write(sentence)), sentence

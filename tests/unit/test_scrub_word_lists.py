"""The word lists of the scrubber: each word is written as the scrubber reads it."""

from __future__ import annotations

import csv
import tomllib
from dataclasses import fields
from importlib.resources import files
from itertools import chain

import pytest

from dicom_export.deidentify.reports.folding import fold_known
from dicom_export.deidentify.reports.types import Kind
from dicom_export.deidentify.reports.word_lists import Cues, cues, labels, lexicon

DATA = files("dicom_export.deidentify.reports") / "data"
LISTS = sorted(path.name for path in (DATA / "lexicon").iterdir())


def lines(path: str) -> list[str]:
    text = DATA.joinpath(path).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_folded_in_order_and_without_doubles(name: str) -> None:
    words = lines(f"lexicon/{name}")
    assert words == sorted(set(words))
    assert words == [fold_known(word) for word in words]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_begins_with_its_purpose(name: str) -> None:
    assert DATA.joinpath("lexicon", name).read_text(encoding="utf-8").startswith("# ")


def test_every_list_is_read() -> None:
    read = lexicon().ordinary | lexicon().names
    assert set(chain(*(lines(f"lexicon/{name}") for name in LISTS))) == read


def test_labels_are_folded_and_stand_once() -> None:
    rows = list(csv.DictReader(lines("labels.csv")))
    assert [row["label"] for row in rows] == [fold_known(row["label"]) for row in rows]
    assert len(rows) == len(labels().kinds)
    assert {row["needs_name"] for row in rows} == {"", "yes"}


def test_every_list_of_cues_is_read() -> None:
    lists = tomllib.loads(DATA.joinpath("cues.toml").read_text(encoding="utf-8"))
    assert sorted(lists) == sorted(part.name for part in fields(Cues))


def test_cues_are_folded_words() -> None:
    words = {word for part in fields(Cues) for word in getattr(cues(), part.name)}
    assert {fold_known(word) for word in words} == words
    assert not [word for word in words if " " in word]
    assert cues().titles["dra"] is Kind.DOCTOR

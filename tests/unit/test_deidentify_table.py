"""No attribute of the table of PS3.15, annex E, comes through; the rules follow the table."""

from __future__ import annotations

import csv
from collections import Counter
from importlib import resources
from typing import Any

import pytest
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as table_e1_1
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from dicom_export.deidentify.files.rules import RuleKind, identifiers, rules, vocabulary
from tests.support.deidentified import (
    all_elements,
    deidentified,
    small_radiograph,
)

ACTIONS = {
    "D": table_e1_1.D_TAGS,
    "Z": table_e1_1.Z_TAGS,
    "X": table_e1_1.X_TAGS,
    "U": table_e1_1.U_TAGS,
    "Z/D": table_e1_1.Z_D_TAGS,
    "X/Z": table_e1_1.X_Z_TAGS,
    "X/D": table_e1_1.X_D_TAGS,
    "X/Z/D": table_e1_1.X_Z_D_TAGS,
    "X/Z/U*": table_e1_1.X_Z_U_STAR_TAGS,
}
"""PS3.15, table E.1-1, of 2026c: tags by action."""


# The table of the standard ------------------------------------------------------------------------


def table() -> list[tuple[int, int]]:
    """Every attribute of the table, one of each group for those that repeat."""
    found = []
    for tags in ACTIONS.values():
        for tag in tags:
            group, element = tag[:2]
            # Those of group 2 belong to the file meta information, those of group 0 to no file.
            if dictionary_has_tag(Tag(group, element)) and group not in (0, 2):
                found.append((group, element))
    return found


SEQUENCES = (
    "ViewCodeSequence", "ViewModifierCodeSequence", "AnatomicRegionSequence",
    "AnatomicRegionModifierSequence", "VOILUTSequence", "ModalityLUTSequence",
    "RequestAttributesSequence", "ReferencedImageSequence", "SourceImageSequence",
    "DerivationCodeSequence", "PatientOrientationCodeSequence", "AcquisitionContextSequence",
    "IconImageSequence", "OtherPatientIDsSequence", "DeidentificationMethodCodeSequence",
)  # fmt: skip


@st.composite
def planted(draw: st.DrawFn) -> tuple[int, tuple[str, ...], str]:
    """An attribute of the table, the sequences that it lies in, and a word or digits of its own."""
    group, element = draw(st.sampled_from(table()))
    path = draw(st.lists(st.sampled_from(SEQUENCES), max_size=4))
    letters = draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=9, max_size=12))
    return Tag(group, element), tuple(path), f"Q{letters}X"


def value_for(vr: str, word: str) -> Any:
    number = int.from_bytes(word.encode()[:3])
    makers: dict[str, Any] = {
        "DA": f"19{number % 90 + 10:02}0{number % 9 + 1}17",
        "TM": f"{number % 23:02}{number % 59:02}17.123",
        "DT": f"19{number % 90 + 10:02}0{number % 9 + 1}17112233",
        "UI": f"1.2.840.99999.{number}.17",
        "IS": str(number),
        "DS": f"{number}.5",
        "AS": f"{number % 70 + 10:03}Y",
        "PN": f"{word}^{word}",
        "SQ": Sequence([Dataset()]),
        "AT": number,
    }
    if vr in makers:
        return makers[vr]
    if vr in ("US", "SS", "UL", "SL", "UV", "SV"):
        return number % 30_000 + 1_000
    if vr in ("FL", "FD"):
        return float(number)
    if vr.startswith("O") or vr == "UN":
        return word.encode() + b"\0" * (len(word) % 2)
    return word


def put(dataset: FileDataset, tag: int, path: tuple[str, ...], word: str) -> str:
    """Plant an attribute; give its value as text."""
    holder: Dataset = dataset
    for keyword in path:
        if not holder.get(keyword):
            setattr(holder, keyword, Sequence([Dataset()]))
        holder = holder[keyword].value[0]
    vr = dictionary_VR(tag).split(" or ")[0]
    value = value_for(vr, word)
    if vr == "SQ":
        value[0].PatientName = f"{word}^{word}"
    holder.add_new(tag, vr, value)
    return "" if vr == "SQ" else str(holder[tag].value)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(st.lists(planted(), min_size=1, max_size=12))
def test_no_attribute_of_table_e1_1_comes_through(leaves: list[tuple[int, tuple[str, ...], str]]):
    dataset = small_radiograph()
    dataset.PatientAge = "047Y"
    values: dict[int, set[str]] = {}
    for tag, path, word in leaves:
        note(f"{dictionary_keyword(tag)} in {path}")
        try:
            values.setdefault(tag, set()).add(put(dataset, tag, path, word))
        except (TypeError, ValueError):
            # An outer attribute was overwritten by one that is no sequence.
            continue

    out = deidentified(dataset)

    claimed = {item.CodeValue for item in out.dataset.DeidentificationMethodCodeSequence}
    options = {rule.tag: rule.option for rule in rules()[""].values() if rule.option}
    for element in all_elements(out.dataset):
        if element.tag in values and not element.is_empty:
            is_retained = options.get(element.tag, "none") in claimed
            assert is_retained or str(element.value) not in values[element.tag], element.tag
    for _, _, word in leaves:
        assert word.encode() not in out.content


def test_the_whole_table_at_once_at_the_top_and_in_a_sequence() -> None:
    assert len(table()) > 600
    for path in ((), ("ViewCodeSequence",), ("RequestAttributesSequence", "VOILUTSequence")):
        dataset = small_radiograph()
        for number, (group, element) in enumerate(table()):
            tag = Tag(group, element)
            # These decide what is read, or hold the others.
            if dictionary_keyword(tag) in SEQUENCES:
                continue
            put(dataset, tag, path, f"QPLANTED{number:04}X")
        out = deidentified(dataset)
        assert b"QPLANTED" not in out.content
        assert out.residues == set()
        if not path:
            assert {str(item.tag) for item in out.dataset} & {"(0010,1000)", "(0008,0080)"} == set()


def test_the_rules_say_what_the_table_says() -> None:
    actions = {Tag(tag[:2]): action for action, tags in ACTIONS.items() for tag in tags}
    for within, chosen in rules().items():
        for rule in chosen.values():
            assert rule.basic == actions.get(rule.tag, ""), rule.keyword
            assert rule.reason, rule.keyword
            assert rule.vr, rule.keyword
            if not rule.basic or rule.kind is RuleKind.WRITTEN:
                continue
            replacing = {RuleKind.UID, RuleKind.SUBJECT_ID, RuleKind.SUBJECT_NAME}
            emptying = {RuleKind.EMPTY, RuleKind.EMPTY_SEQUENCE}
            assert rule.kind in replacing | emptying or rule.option, f"{within} {rule.keyword}"


def test_no_number_that_stays_is_as_long_as_a_documents() -> None:
    for chosen in rules().values():
        for rule in chosen.values():
            if rule.kind is RuleKind.NUMBER:
                assert max(map(abs, rule.range)) <= 10_000_000, rule.keyword
    assert rules()[""][Tag("WindowCenter")].range == (-100_000, 100_000)


def test_the_files_of_rules_are_well_formed() -> None:
    folder = resources.files("dicom_export.deidentify.files")
    for name in ("rules.csv", "identifiers.csv"):
        rows = list(csv.DictReader((folder / name).read_text("utf-8").splitlines()))
        for row in rows:
            tag = Tag(*(int(part, 16) for part in row["tag"].strip("()").split(",")))
            assert dictionary_keyword(tag) == row["keyword"]
        keys = [(row.get("within"), row["keyword"]) for row in rows]
        assert not [key for key, count in Counter(keys).items() if count > 1]
    for kind in ("description", "manufacturer", "model"):
        assert all(word == word.upper() and word.isascii() for word in vocabulary(kind))
    assert identifiers()[0x00100020] == "code"

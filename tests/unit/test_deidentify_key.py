"""The key and what is made with it."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from pydantic import SecretStr

from dicom_export.deidentify import Basic, Key, PassThrough, choose
from dicom_export.deidentify.key import Subject
from dicom_export.model import OrganizationNames
from dicom_export.policy import policy_text
from eden.errors import ConfigurationError
from eden.settings import Export
from tests.support.deidentified import Unscrubbed

SECRET = "correct-horse-battery-staple-and-more"


def settings(monkeypatch: pytest.MonkeyPatch, **changes: str) -> Export:
    for name, value in ({"DEIDENTIFICATION": "basic"} | changes).items():
        monkeypatch.setenv(name, value)
    return Export()


def nobody(organization_id: str) -> OrganizationNames:
    return OrganizationNames({}, (), ())


def test_a_missing_or_short_key_is_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="DEIDENTIFICATION_KEY is not set") as caught:
        choose(settings(monkeypatch), nobody)
    assert caught.value.exit_code == 2
    short = "s3cret-" * 4
    with pytest.raises(ConfigurationError, match="DEIDENTIFICATION_KEY is too short") as caught:
        choose(settings(monkeypatch, DEIDENTIFICATION_KEY=short), nobody)
    assert "s3cret" not in str(caught.value)
    # Bytes count, not characters.
    assert choose(settings(monkeypatch, DEIDENTIFICATION_KEY="ñ" * 16), nobody)


def test_the_key_is_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(monkeypatch, DEIDENTIFICATION_KEY=SECRET)
    assert isinstance(chosen.deidentification_key, SecretStr)
    key = Key.of(chosen)
    basic = choose(chosen, nobody)
    shown = f"{key!r} {key} {chosen!r} {basic!r} {policy_text(basic, chosen)}"
    assert "correct" not in shown
    assert key.key_id in shown
    assert re.fullmatch("[0-9a-f]{16}", key.key_id)


def test_a_fingerprint_has_mode_rules_key_and_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    class Newer(Unscrubbed):
        version = "newer"

    key, other = Key(SECRET.encode()), Key(SECRET.encode() + b"!")
    flagging = settings(monkeypatch, DEIDENTIFICATION_KEY=SECRET, BURNED_IN_POLICY="flag")
    excluding = settings(monkeypatch, BURNED_IN_POLICY="exclude")
    policies = {
        policy_text(Basic(key, "flag", Unscrubbed()), flagging),
        policy_text(Basic(other, "flag", Unscrubbed()), flagging),
        policy_text(Basic(key, "flag", Newer()), flagging),
        policy_text(Basic(key, "exclude", Unscrubbed()), excluding),
        policy_text(PassThrough(), flagging),
    }
    assert len(policies) == 5


def test_pseudonyms_depend_on_the_key_and_on_whom_they_stand_for() -> None:
    key, same, other = Key(b"k" * 32), Key(b"k" * 32), Key(b"K" * 32)
    one = key.subject("org", "patient", "study 1")
    assert one == same.subject("org", "patient", "study 2")
    different = [
        other.subject("org", "patient", "study"),
        key.subject("org 2", "patient", "study"),
        key.subject("org", "patient 2", "study"),
        key.subject("org", None, "study"),
        key.subject("org", None, "study 2"),
        # No two lists of parts read the same.
        key.subject("org", "study", "patient"),
        key.subject("or", "gpatient", "study"),
    ]
    assert len({subject.subject_id for subject in [one, *different]}) == 8
    assert re.fullmatch("P[A-Z2-7]{16}", one.subject_id)
    assert one.name == f"DEID^{one.subject_id}"


def test_uids_are_valid_and_ignore_padding() -> None:
    key = Key(b"k" * 32)
    made = [key.uid(f"1.2.{number}") for number in range(1000)]
    assert len(set(made)) == 1000
    assert all(re.fullmatch(r"2\.25\.[1-9]\d{0,38}", uid) for uid in made)
    assert key.uid("1.2.3\0") == key.uid("1.2.3 ") == key.uid("1.2.3")
    assert Key(b"K" * 32).uid("1.2.3") != key.uid("1.2.3")


def test_pseudonyms_never_change_between_releases() -> None:
    """A dataset grows over years: what these values are made of may not be touched."""
    key = Key(b"0123456789abcdef0123456789abcdef")
    subject = key.subject("org", "patient", "study")
    assert key.key_id == "d128f48b53dce953"
    assert subject == Subject("PM2CCRK2CUBC2ZXIA", timedelta(weeks=-146))
    assert key.uid("1.2.840.10008.1") == "2.25.75724448002535689906049931648247070005"
    assert key.doctor("doctor") == "DPZ5PQ5WN4NTM2OZG"
    assert key.device("model", "x") == "MODEL 7D2RHRTC"


def test_shifts_cover_one_to_ten_years_in_whole_weeks() -> None:
    key = Key(b"k" * 32)
    weeks = [-key.subject("o", str(n), "s").shift // timedelta(weeks=1) for n in range(20_000)]
    assert (min(weeks), max(weeks)) == (52, 520)
    assert len(set(weeks)) == 469


def test_a_date_that_leaves_the_calendar_is_none() -> None:
    subject = Subject("P", timedelta(weeks=-520))
    assert subject.moved(date(1, 1, 1)) is None
    assert subject.moved(date(2020, 2, 29)) == date(2010, 3, 13)

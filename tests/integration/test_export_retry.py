"""Studies are tried again: by themselves, and when a person asks."""

from __future__ import annotations

import json
import os
import pwd
from typing import Any

import pytest
from pydicom.uid import generate_uid

import dicom_export
from dicom_export.codes import Code, StudyStatus
from dicom_export.publish.bucket import Bucket
from eden.errors import UsageError
from eden.settings import DestinationDatabase, load
from tests.support.exporting import Image, Study, an_id
from tests.support.exporting import requests as requests  # noqa: PLC0414  # fixture
from tests.support.ward import Requests, Ward
from tests.support.ward import ward as ward  # noqa: PLC0414  # fixture

# What a person may do -----------------------------------------------------------------------------


def two_patients(ward: Ward) -> tuple[Study, Image, Image]:
    study = ward.add_study(images=1)
    stranger = ward.add_image(study, PatientID="somebody else")
    assert ward.discover().counts == {"quarantined": 1}
    return study, study.images[0], stranger


def test_a_failed_study_is_put_back_with_all_its_attempts(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_MAX_ATTEMPTS", "1")
    study = ward.add_study(images=1)
    content = study.images[0].path.read_bytes()
    study.images[0].path.unlink()
    assert ward.discover().counts == {"failed": 1}
    (needy,) = ward.funnel().needs_person
    assert (needy.status, needy.codes) == (StudyStatus.FAILED, ("SOURCE_MISSING",))
    study.images[0].path.write_bytes(content)

    done = dicom_export.retry(load(DestinationDatabase), study.study_id.upper())

    assert done.to_dict() == {
        "study_id": study.study_id,
        "organization_id": study.organization_id,
        "status": "waiting",
        "accepted": [],
    }
    assert ward.one("SELECT attempts FROM ops.study_exports") == 0
    assert ward.funnel().oldest_waiting.study_id == study.study_id  # type: ignore[union-attr]
    assert ward.discover().counts == {"exported": 1}
    with pytest.raises(dicom_export.NotHeldBack, match="is exported"):
        dicom_export.retry(load(DestinationDatabase), study.study_id)


def test_a_quarantined_study_waits_for_a_person_whatever_changes(
    ward: Ward, requests: Requests
) -> None:
    study, first, stranger = two_patients(ward)
    ward.make_due()
    ward.touch(study)
    # Now nothing contradicts the file that may be the wrong one.
    ward.database.execute(
        "DELETE FROM analytics.eligible_images WHERE image_id = %s", (first.image_id,)
    )
    assert ward.discover().is_idle
    result = dicom_export.process_study(*ward.settings(), study.study_id)
    assert (result.success, requests) == (False, [])
    assert result.errors[0].startswith("PATIENT_MISMATCH")

    dicom_export.retry(load(DestinationDatabase), study.study_id)
    assert ward.discover().counts == {"exported": 1}
    assert study.image_key(stranger) in ward.objects()


def test_an_image_is_let_through_for_exactly_what_was_accepted(ward: Ward) -> None:
    study, first, stranger = two_patients(ward)
    database = load(DestinationDatabase)
    one = f"{first.image_id}:PATIENT_MISMATCH"
    other = f"{stranger.image_id}:PATIENT_MISMATCH"

    # One alone: the other is still held back.
    done = dicom_export.retry(database, study.study_id, [one, one], " looked at both ")
    assert ward.discover().counts == {"quarantined": 1}
    assert ward.image_row(first) == ("quarantined", "STUDY_QUARANTINED")
    assert ward.image_row(stranger) == ("quarantined", "PATIENT_MISMATCH")
    assert ward.objects() == {}
    with pytest.raises(dicom_export.NotAcceptable):
        dicom_export.retry(database, study.study_id, [one], "again")

    dicom_export.retry(database, study.study_id, [other], "the same patient, renumbered")
    assert ward.discover().counts == {"exported": 1}
    assert study.image_key(stranger) in ward.objects()

    (accepted,) = done.accepted
    assert accepted.reason == "looked at both"
    assert accepted.os_user == pwd.getpwuid(os.getuid()).pw_name
    assert accepted.database_user == database.user
    assert json.loads(json.dumps(done.to_dict()))["accepted"][0]["code"] == "PATIENT_MISMATCH"
    rows = ward.database.execute(
        "SELECT image_id::text, code, reason, source_sha256, accepted_at <= now() "
        "FROM ops.acceptances ORDER BY acceptance_id"
    ).fetchall()
    assert [row[:3] for row in rows] == [
        (first.image_id, "PATIENT_MISMATCH", "looked at both"),
        (stranger.image_id, "PATIENT_MISMATCH", "the same patient, renumbered"),
    ]
    assert all(row[4] and len(row[3]) == 64 for row in rows)

    # Other bytes were not accepted.
    content = bytearray(stranger.path.read_bytes())
    content[-1] ^= 1
    stranger.path.write_bytes(content)
    ward.touch(study)
    assert ward.discover().counts == {"quarantined": 1}
    assert ward.objects() == {}
    ward.funnel()


def test_what_comes_to_light_after_an_acceptance_is_held_back_again(ward: Ward) -> None:
    study = ward.add_study(images=0)
    image = ward.add_image(study, StudyInstanceUID=generate_uid(), SeriesInstanceUID=generate_uid())
    database = load(DestinationDatabase)
    for code in ("STUDY_MISMATCH", "SERIES_MISMATCH"):
        assert ward.discover().counts == {"quarantined": 1}
        assert ward.image_row(image)[1] == code
        dicom_export.retry(database, study.study_id, [f"{image.image_id}:{code}"], "sent twice")
    assert ward.discover().counts == {"exported": 1}


def test_what_cannot_be_accepted(ward: Ward) -> None:
    study, first, stranger = two_patients(ward)
    missing = ward.add_study(images=1)
    missing.images[0].path.unlink()
    ward.discover()
    database = load(DestinationDatabase)

    def refused(error: type[Exception], words: str, *accept: str, reason: str | None = "x") -> None:
        with pytest.raises(error, match=words):
            dicom_export.retry(database, study.study_id, accept, reason)

    for code in ("RESIDUAL_PHI", "STUDY_QUARANTINED", "SOURCE_MISSING", "BURNED_IN"):
        refused(UsageError, f"{code} cannot be accepted", f"{first.image_id}:{code}")
    for text in ("", "42:PATIENT_MISMATCH", first.image_id, f"{first.image_id}:NO_SUCH_CODE"):
        refused(UsageError, "is not IMAGE_ID:CODE", text)
    good = f"{first.image_id}:PATIENT_MISMATCH"
    refused(UsageError, "belong together", good, reason=None)
    refused(UsageError, "belong together", good, reason="  ")
    refused(UsageError, "belong together", reason="why")
    not_its_code = f"{stranger.image_id}:STUDY_MISMATCH"
    refused(dicom_export.NotAcceptable, "not held back by STUDY_MISMATCH", good, not_its_code)
    refused(dicom_export.NotAcceptable, "nothing was accepted", f"{an_id()}:PATIENT_MISMATCH")
    foreign = f"{missing.images[0].image_id}:PATIENT_MISMATCH"
    refused(dicom_export.NotAcceptable, "not held back", foreign)
    assert ward.one("SELECT count(*) FROM ops.acceptances") == 0
    assert ward.status(study) == "quarantined"
    with pytest.raises(dicom_export.StudyUnknown):
        dicom_export.retry(database, an_id())
    with pytest.raises(dicom_export.MalformedStudyId):
        dicom_export.retry(database, "42")
    ward.judge(study, "is_chest")
    with pytest.raises(dicom_export.StudyNotEligible, match="not a chest study"):
        dicom_export.retry(database, study.study_id)


def test_which_codes_a_person_may_overrule() -> None:
    assert {code.value for code in Code if code.is_acceptable} == {
        "STUDY_MISMATCH", "SERIES_MISMATCH", "INSTANCE_MISMATCH", "PATIENT_MISMATCH"
    }  # fmt: skip


# Trying again -------------------------------------------------------------------------------------


def test_backoff_doubles_and_ends_and_what_cannot_get_better_is_not_tried_again(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_MAX_ATTEMPTS", "4")
    study = ward.add_study(images=1)
    study.images[0].path.unlink()
    silent = ward.add_study(images=1, content="<p> </p>")
    empty = ward.add_study(images=0)
    waits = []
    for _ in range(3):
        ward.discover()
        waits.append(
            ward.one(
                "SELECT round(extract(epoch FROM next_attempt_at - updated_at)) "
                "FROM ops.study_exports WHERE study_id = %s",
                study.study_id,
            )
        )
        ward.database.execute(
            "UPDATE ops.study_exports SET next_attempt_at = now() WHERE study_id = %s",
            (study.study_id,),
        )
    assert waits == [60, 120, 240]
    assert ward.discover().counts == {"failed": 1}
    for hopeless in (silent, empty):
        attempts = ward.one(
            "SELECT attempts FROM ops.study_exports WHERE study_id = %s "
            "AND next_attempt_at IS NULL",
            hopeless.study_id,
        )
        assert (ward.status(hopeless), attempts) == ("incomplete", 1)
    assert ward.funnel().incomplete == 2
    assert ward.discover().left == 0
    # Until something of it changes, or a person asks.
    ward.set_report(silent, "Sin hallazgos")
    ward.touch(silent)
    assert ward.discover().counts == {"exported": 1}
    assert not dicom_export.process_study(*ward.settings(), empty.study_id).success
    ward.add_image(empty)
    dicom_export.retry(load(DestinationDatabase), empty.study_id)
    assert ward.discover().counts == {"exported": 1}


def test_an_attempt_that_broke_off_still_counts_what_is_in_place(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ward.add_study(images=2)
    ward.discover()
    ward.touch(study)
    with monkeypatch.context() as patch:
        patch.setattr("dicom_export.exporter.prepare", _explode)
        (result,) = ward.discover().results
    assert result.errors[0].startswith("INTERNAL_ERROR")
    assert (result.dicom_files_uploaded, result.reports_uploaded) == (2, 1)
    assert result.metadata_uploaded


def _explode(*_: Any) -> None:
    raise KeyError


def test_what_was_sent_before_a_crash_is_not_sent_again(
    ward: Ward, requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ward.add_study(images=6)
    put = Bucket.put

    def die(self: Bucket, key: str, *rest: Any) -> None:
        put(self, key, *rest)
        if len(requests) == 4:
            raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "put", die)
        with pytest.raises(SystemExit):
            ward.discover()
    assert len(ward.objects()) == 4
    ward.database.execute("UPDATE ops.study_exports SET lease_until = now()")
    assert ward.discover().counts == {"exported": 1}
    sent = [key for method, key in requests if method == "PUT"]
    # The one that was on its way, and no other.
    assert len(sent) == len(set(sent)) + 1 == 6 + 1 + 1 + 1
    assert set(sent) == ward.objects_of(study)

"""Objects that were deleted by hand are put back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

import dicom_export
from eden.settings import ObjectStore, load
from tests.support.exporting import Hospital
from tests.support.exporting import hospital as hospital  # noqa: PLC0414  # fixture
from tests.support.leases import Worker, assert_readers_are_safe, expire_leases
from tests.support.leases import worker as worker  # noqa: PLC0414  # fixture
from tests.support.watched_s3 import WatchedS3, watched_s3


@pytest.fixture
def watched(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchedS3]:
    with watched_s3(os.environ["S3_ENDPOINT_URL"]) as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", server.url)
        yield server


def asked(watched: WatchedS3) -> list[tuple[str, str]]:
    """Method and key of every request since the last call; LIST and its prefix."""
    found = []
    for request in watched.requests:
        prefix = re.search(r"[?&]prefix=([^&]*)", request.target)
        if prefix:
            found.append(("LIST", unquote(prefix[1])))
        elif request.key:
            found.append((request.method, request.key))
    watched.requests.clear()
    return found


def lose(hospital: Hospital, key: str) -> None:
    """Delete an object as a person would, with whom nobody agreed about it."""
    hospital.client().delete_object(Bucket=load(ObjectStore).bucket, Key=key)


def test_what_was_deleted_by_hand_is_put_back_for_one_list_request(
    hospital: Hospital, watched: WatchedS3
) -> None:
    study, other = hospital.add_study(), hospital.add_study(images=1)
    hospital.discover()
    before = hospital.objects()
    listed = ("LIST", f"{study.prefix}/")
    retired, published = ("DELETE", study.metadata_key), ("PUT", study.metadata_key)
    image, report = study.image_key(study.images[0]), study.report_key

    def repaired() -> list[tuple[str, str]]:
        watched.requests.clear()
        assert hospital.discover().is_idle
        assert asked(watched) == []
        result = dicom_export.process_study(*hospital.settings(), study.study_id)
        assert result.errors == ()
        assert (result.dicom_files_uploaded, result.reports_uploaded) == (2, 1)
        assert (result.success, result.metadata_uploaded) == (True, True)
        assert hospital.status(study) == "exported"
        found = hospital.objects()
        assert set(found) == set(before)
        assert all(found[key] == before[key] for key in (image, report, other.metadata_key))
        assert_readers_are_safe(hospital, study)
        assert hospital.one("SELECT bool_or(in_doubt) FROM ops.exported_objects") is False
        return asked(watched)

    assert repaired() == [listed]
    lose(hospital, study.metadata_key)
    assert repaired() == [listed, published]
    lose(hospital, image)
    assert repaired() == [listed, retired, ("PUT", image), published]
    hospital.client().put_object(Bucket=load(ObjectStore).bucket, Key=report, Body=b"cut")
    assert repaired() == [listed, retired, ("PUT", report), published]
    assert hospital.one("SELECT max(attempts) FROM ops.study_exports") <= 1


def test_a_batch_lists_what_the_ledger_takes_for_present_and_nothing_new(
    hospital: Hospital, watched: WatchedS3
) -> None:
    whole, damaged, changed, hopeless = (hospital.add_study(images=1) for _ in range(4))
    hospital.discover()
    new = hospital.add_study(images=1)
    lose(hospital, damaged.report_key)
    lose(hospital, changed.image_key(changed.images[0]))
    hospital.touch(changed)
    lose(hospital, hopeless.image_key(hopeless.images[0]))
    hopeless.images[0].path.unlink()
    asked(watched)

    studies = [whole, damaged, changed, hopeless, new]
    results = dicom_export.process_batch(
        *hospital.settings(), [study.study_id for study in studies]
    )

    assert [result.success for result in results] == [True, True, True, False, True]
    assert (results[3].dicom_files_uploaded, results[3].metadata_uploaded) == (0, False)
    assert hospital.status(hopeless) == "incomplete"
    for study in (whole, damaged, changed, new):
        keys = {study.metadata_key, study.report_key, study.image_key(study.images[0])}
        assert keys <= set(hospital.objects())
    made = asked(watched)
    listed = [prefix for method, prefix in made if method == "LIST"]
    assert sorted(listed) == sorted(f"{study.prefix}/" for study in studies[:4])
    assert len([key for _, key in made if key.startswith(new.prefix)]) == 3


def test_a_change_that_comes_while_a_study_is_looked_at_is_not_lost(
    hospital: Hospital, worker: Worker
) -> None:
    study = hospital.add_study(images=1)
    hospital.discover()
    (lease,) = worker.ledger.claim_finished([study.study_id])
    assert worker.ledger.claim_finished([study.study_id]) == []
    hospital.touch(study)
    # Somebody else's; it leaves a study alone that is in a worker's hands.
    assert hospital.discover(limit=1).counts == {}
    worker.ledger.release(lease)
    assert hospital.status(study) == "exported"
    assert hospital.discover().counts == {"exported": 1}


def test_a_crash_in_the_middle_of_a_repair_is_made_good(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_MAX_ATTEMPTS", "2")
    study = hospital.add_study()
    hospital.discover()
    hospital.database.execute("UPDATE ops.study_exports SET attempts = 2")
    before = set(hospital.objects())
    lose(hospital, study.report_key)

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("dicom_export.exporter.prepare", die)
        with pytest.raises(SystemExit):
            dicom_export.process_study(*hospital.settings(), study.study_id)
    assert hospital.status(study) == "exporting"
    expire_leases(hospital)

    assert hospital.discover().counts == {"exported": 1}
    assert set(hospital.objects()) == before

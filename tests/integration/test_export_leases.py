"""One worker at a time holds a study, and a worker that dies leaves it to the next."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from dicom_export.codes import StudyStatus
from dicom_export.errors import LeaseLost
from dicom_export.publish.bucket import Bucket
from tests.support.exporting import PLANTED, Hospital, dicom
from tests.support.exporting import hospital as hospital  # noqa: PLC0414  # fixture
from tests.support.exporting import requests as requests  # noqa: PLC0414  # fixture
from tests.support.leases import Worker, assert_readers_are_safe, expire_leases
from tests.support.leases import worker as worker  # noqa: PLC0414  # fixture


def test_the_old_owner_of_a_stolen_lease_writes_no_metadata(
    hospital: Hospital, worker: Worker, requests: list[tuple[str, str]]
) -> None:
    study = hospital.add_study(images=1)
    due = worker.ledger.refresh(worker.policy)
    (old,) = worker.ledger.claim(10, due)
    loaded = worker.marts.studies([study.study_id])[study.study_id]
    new: list[Any] = []
    put = worker.exporter.bucket.put

    def steal_while_sending(key: str, *rest: Any) -> None:
        put(key, *rest)
        if key == study.report_key:
            expire_leases(hospital)
            new.extend(worker.ledger.claim(10, due))

    stealing = dataclasses.replace(worker.exporter, bucket=_Store(steal_while_sending))
    with pytest.raises(LeaseLost):
        stealing.export_study(loaded, old)

    assert len(new) == 1
    assert study.metadata_key not in hospital.objects()
    outcome = worker.exporter.export_study(loaded, new[0])
    with pytest.raises(LeaseLost):
        worker.ledger.finish(old, outcome, "stale")
    assert worker.ledger.finish(new[0], outcome, "fingerprint") == StudyStatus.EXPORTED
    assert study.metadata_key in hospital.objects()
    assert hospital.one("SELECT exported_fingerprint FROM ops.study_exports") == "fingerprint"


@dataclass
class _Store:
    put: Callable[..., None]


def test_a_lease_that_ran_out_here_stops_the_worker_without_asking(
    hospital: Hospital, worker: Worker, requests: list[tuple[str, str]]
) -> None:
    study = hospital.add_study(images=1)
    (lease,) = worker.ledger.claim(10, worker.ledger.refresh(worker.policy))
    loaded = worker.marts.studies([study.study_id])[study.study_id]
    put = worker.exporter.bucket.put

    def run_out(key: str, *rest: Any) -> None:
        put(key, *rest)
        lease.deadline = time.monotonic()

    with pytest.raises(LeaseLost):
        dataclasses.replace(worker.exporter, bucket=_Store(run_out)).export_study(loaded, lease)
    assert len(requests) == 1


def test_a_heartbeat_keeps_a_lease_and_silence_loses_it(hospital: Hospital, worker: Worker) -> None:
    hospital.add_study(images=1)
    due = worker.ledger.refresh(worker.policy)
    (lease,) = worker.ledger.claim(10, due)
    hospital.database.execute(
        "UPDATE ops.study_exports SET lease_until = now() + interval '1 second'"
    )
    before = lease.deadline
    worker.ledger.renew_all()
    assert lease.deadline > before
    time.sleep(1.1)
    assert worker.ledger.claim(10, due) == []
    expire_leases(hospital)
    (taken,) = worker.ledger.claim(10, due)
    assert taken.owner != lease.owner
    with pytest.raises(LeaseLost):
        worker.ledger.confirm(lease)


def test_a_study_that_another_claim_has_locked_is_passed_over(
    hospital: Hospital, worker: Worker
) -> None:
    locked, free = hospital.add_study(images=1), hospital.add_study(images=1)
    due = worker.ledger.refresh(worker.policy)
    with ThreadPoolExecutor(1) as pool:
        with hospital.database.transaction():
            hospital.database.execute(
                "SELECT FROM ops.study_exports WHERE study_id = %s FOR UPDATE", (locked.study_id,)
            )
            claim = pool.submit(worker.ledger.claim, 10, due)
            with contextlib.suppress(TimeoutError):
                claim.result(timeout=60)
            was_done = claim.done()
        assert was_done
        assert [lease.study_id for lease in claim.result()] == [free.study_id]


def test_a_dead_workers_study_is_waited_for_and_done(hospital: Hospital, worker: Worker) -> None:
    study = hospital.add_study(images=1)
    worker.ledger.claim(10, worker.ledger.refresh(worker.policy))
    hospital.database.execute(
        "UPDATE ops.study_exports SET lease_until = now() + interval '2 seconds'"
    )
    assert hospital.discover().counts == {"exported": 1}
    assert hospital.status(study) == "exported"


def test_a_study_that_kills_its_workers_fails_in_the_end(
    hospital: Hospital, worker: Worker
) -> None:
    study = hospital.add_study(images=1)
    due = worker.ledger.refresh(worker.policy)
    for _ in range(5):
        assert len(worker.ledger.claim(10, due)) == 1
        expire_leases(hospital)
    assert worker.ledger.claim(10, due) == []
    assert hospital.status(study) == "failed"
    assert "LEASE_EXPIRED" in hospital.one("SELECT result::text FROM ops.study_exports")


@pytest.mark.parametrize("requests_done", range(4))
def test_a_crash_between_any_two_requests_is_made_good(
    hospital: Hospital, worker: Worker, requests_done: int
) -> None:
    """The bucket and the ledger agree after the next run, wherever the first one died."""
    study = hospital.add_study(images=2)
    hospital.discover()
    removed, changed = study.images
    hospital.database.execute(
        "DELETE FROM analytics.eligible_images WHERE image_id = %s", (removed.image_id,)
    )
    changed.path.write_bytes(dicom(study, changed.sop_instance_uid))
    hospital.set_report(study, "changed")
    hospital.touch(study)
    (lease,) = worker.ledger.claim(10, worker.ledger.refresh(worker.policy))
    loaded = worker.marts.studies([study.study_id])[study.study_id]
    with pytest.raises(SystemExit):
        dataclasses.replace(
            worker.exporter, bucket=_Dying(worker.exporter.bucket, requests_done)
        ).export_study(loaded, lease)
    assert_readers_are_safe(hospital, study)
    expire_leases(hospital)

    # Everything is back as it was: nothing may be taken for being in place that is not.
    hospital.set_report(study, f"Sin hallazgos. {PLANTED}")
    hospital.touch(study)
    assert hospital.discover().counts == {"exported": 1}

    assert set(hospital.objects()) == {
        study.image_key(changed), study.report_key, study.metadata_key
    }  # fmt: skip
    assert_readers_are_safe(hospital, study)
    assert hospital.one("SELECT bool_or(in_doubt) FROM ops.exported_objects") is False


@dataclass
class _Dying:
    """A store whose process ends in the middle of a request that the server still carries out."""

    store: Bucket
    left: int

    def put(self, *arguments: Any) -> None:
        self.store.put(*arguments)
        self._count()

    def delete(self, *arguments: Any) -> None:
        self.store.delete(*arguments)
        self._count()

    def _count(self) -> None:
        if self.left == 0:
            raise SystemExit
        self.left -= 1

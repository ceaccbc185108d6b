"""The export beside others: workers that come back from the dead, builds that never end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dicom_export
import dlt_pipelines
from dicom_export.blobs import Budget, Workspace
from dicom_export.ledger.leases import Lease, clock
from dicom_export.publish.bucket import Bucket
from dicom_export.s3_client import READ_TIMEOUT_SECONDS
from dicom_export.status.funnel import read_funnel
from eden.demo.hospital import Hospital
from eden.paths import PROJECT_ROOT
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from tests.conftest import Services
from tests.support.exporting import Study
from tests.support.ward import Ward
from tests.support.watched_s3 import WatchedS3, watched_s3

WORKER = """
import json, os
import dicom_export
from dicom_export.ledger import leases
from eden.settings import DestinationDatabase, Export, ObjectStore, load
clock = leases.clock
leases.clock = lambda: clock() + 3600 * os.path.exists(os.environ["HAS_SLEPT"])
summary = dicom_export.discover(load(DestinationDatabase), load(ObjectStore), load(Export), limit=1)
print(json.dumps(summary.to_dict()))
"""
LEDGER = ("study_exports", "image_exports", "exported_objects", "acceptances")


@pytest.fixture
def ward(services: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ward]:
    archive = tmp_path / "archive"
    archive.mkdir()
    monkeypatch.setenv("DICOM_ROOTS", str(archive))
    made = Ward(services, archive)
    yield made
    made.database.close()


@pytest.fixture
def store() -> Iterator[WatchedS3]:
    with watched_s3(os.environ["S3_ENDPOINT_URL"]) as server:
        yield server


def ledger(ward: Ward) -> list[Any]:
    """Every row of the ledger, as text."""
    return [
        ward.database.execute(f"SELECT t::text FROM ops.{table} AS t ORDER BY 1").fetchall()
        for table in LEDGER
    ]


def change_nothing(_ward: Ward, _study: Study) -> None: ...


def change_report(ward: Ward, study: Study) -> None:
    ward.set_report(study, "Addendum")
    ward.touch(study)


def make_ineligible(ward: Ward, study: Study) -> None:
    ward.judge(study, "is_chest")


def put_in_quarantine(ward: Ward, study: Study) -> None:
    ward.add_image(study, PatientID="somebody else", instance_number=9)
    ward.touch(study)


@pytest.mark.parametrize(
    ("happens", "status"),
    [
        (change_nothing, "exported"),
        (change_report, "exported"),
        (make_ineligible, "withdrawn"),
        (put_in_quarantine, "quarantined"),
    ],
)
def test_a_worker_that_slept_through_its_lease_writes_nothing_more(
    ward: Ward,
    store: WatchedS3,
    tmp_path: Path,
    happens: Callable[[Ward, Study], None],
    status: str,
) -> None:
    study = ward.add_study(images=3)
    store.hold_answers()
    has_slept = tmp_path / "has slept"
    environment = os.environ | {"S3_ENDPOINT_URL": store.url, "HAS_SLEPT": str(has_slept)}
    sleeper = subprocess.Popen(
        [sys.executable, "-c", WORKER], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert store.wait_for(1, 120)
        store.wait_until_idle()
        sleeper.send_signal(signal.SIGSTOP)
        # It will find the answer when it wakes up, and has two images and a report left to send.
        store.let_answers_go()
        assert ward.status(study) == "exporting"
        happens(ward, study)
        # An hour goes by, on its clock and on the database's.
        has_slept.touch()
        ward.database.execute(
            "UPDATE ops.study_exports SET lease_until = lease_until - interval '1 hour'"
        )

        ward.discover()

        assert ward.status(study) == status
        before = (ledger(ward), ward.objects())
        sleeper.send_signal(signal.SIGCONT)
        output, _ = sleeper.communicate(timeout=60)
    finally:
        sleeper.kill()
        sleeper.wait()
    assert len(store.of_objects()) == 1
    assert (ledger(ward), ward.objects()) == before
    said = json.loads(output)
    assert said["counts"] == {"exporting": 1}
    assert said["results"][0]["errors"] == ["LEASE_LOST: another worker has it"]


def test_a_request_is_broken_off_when_the_lease_runs_out(ward: Ward) -> None:
    store = Bucket(load(ObjectStore))
    asked = 0

    def run_out() -> None:
        nonlocal asked
        asked += 1
        if asked > 12:
            Lease("study", "owner", clock()).require()

    with Workspace(Budget()) as workspace:
        store.put("a/key", workspace.keep(b"old"), "text/plain")
        content = workspace.keep(os.urandom(4 * 1024**2))
        started = time.monotonic()
        with pytest.raises(dicom_export.errors.LeaseLost):
            store.put("a/key", content, "text/plain", run_out)
        # Nobody waited for an answer to half a request.
        assert time.monotonic() - started < READ_TIMEOUT_SECONDS
    # Reading for the signature asked a few times; then sending had begun, and was not tried again.
    assert asked == 13
    # The server of the tests takes a moment to clear away what it had of the rest.
    deadline = time.monotonic() + 60
    while len(ward.objects()) > 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert ward.objects() == {"a/key": b"old"}


@pytest.mark.timeout(600)
def test_builds_at_the_same_time_neither_hide_nor_withdraw_a_study(
    services: Services, hospital: Hospital, tmp_path: Path
) -> None:
    dlt_pipelines.etl()
    settings = load(DestinationDatabase), load(ObjectStore), load(Export)
    exported = dicom_export.discover(*settings).counts["exported"]
    words = [
        Path(sys.executable).parent / "dbt", "run", "--full-refresh", "--selector", "tick",
        "--target-path", tmp_path / "target", "--log-path", tmp_path / "logs",
    ]  # fmt: skip
    rounds = 0
    # As many builds as it takes, whichever of the two the machine slows down.
    while rounds <= 5:
        with subprocess.Popen(words, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL) as build:
            while build.poll() is None:
                with services.warehouse() as warehouse:
                    funnel = read_funnel(warehouse)
                assert funnel
                assert (funnel.eligible, funnel.exported) == (exported, exported)
                summary = dicom_export.discover(*settings)
                assert summary.is_idle
                assert summary.left == 0
                rounds += 1
                time.sleep(0.02)
        assert build.returncode == 0
    with services.warehouse() as warehouse:
        found = warehouse.execute("SELECT status, count(*) FROM ops.study_exports GROUP BY 1")
        assert found.fetchall() == [("exported", exported)]

"""kill -9 at random moments: the next run completes the work, nothing is lost or doubled.

``EDEN_FAULT_ROUNDS`` sets how often (a short round by default, `make faults` takes a long one) and
``EDEN_FAULT_SEED`` repeats a round that failed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import dicom_export
import dlt_pipelines
from eden import warehouse as marts
from eden.demo.hospital import Hospital
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from tests.conftest import Services
from tests.support import oracle
from tests.support.warehouse import differing_tables

ROUNDS = int(os.environ.get("EDEN_FAULT_ROUNDS", "3"))
SYNC = "import dlt_pipelines; print('started', flush=True); dlt_pipelines.sync()"
DISCOVER = """
import dicom_export
from eden.settings import DestinationDatabase, Export, ObjectStore, load
print('started', flush=True)
dicom_export.discover(load(DestinationDatabase), load(ObjectStore), load(Export))
"""


@pytest.fixture
def dice() -> random.Random:
    seed = int(os.environ.get("EDEN_FAULT_SEED", time.time_ns() % 1_000_000))
    print(f"EDEN_FAULT_SEED={seed}")
    return random.Random(seed)


def kill_after(script: str, seconds: float) -> bool:
    """Start a process, kill it so long after its work began; tell whether it was still at work."""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout
    assert process.stdout.readline() == b"started\n"
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


@pytest.mark.timeout(900)
def test_a_killed_sync_is_completed_by_the_next(
    services: Services, hospital: Hospital, dice: random.Random
) -> None:
    killed = 0
    for number in range(ROUNDS):
        killed += kill_after(SYNC, dice.uniform(0, 2.5 if number == 0 else 1.5))
        with services.source() as source:
            source.execute(
                "UPDATE pacs_reports SET content = %s, updated_at = now() WHERE id = %s",
                (f"round {number}", dice.choice(hospital.reports).id),
            )
            source.execute(
                "UPDATE pacs_images SET instance_number = %s, updated_at = now() WHERE id = %s",
                (number, dice.choice(hospital.images).id),
            )
    print(f"killed at work in {killed} of {ROUNDS} rounds")
    dlt_pipelines.sync()
    with services.source() as source, services.warehouse() as warehouse:
        assert differing_tables(source, warehouse) == []
    assert marts.build().built
    with services.warehouse() as warehouse:
        found = warehouse.execute("SELECT study_id FROM analytics.eligible_studies").fetchall()
    assert {study_id for (study_id,) in found} == set(oracle.eligible_studies(hospital))
    assert dlt_pipelines.sync().is_idle
    assert list((Path(os.environ["EDEN_HOME"]) / "dlt").iterdir()) == []


@pytest.mark.timeout(900)
def test_a_killed_export_is_completed_by_the_next(
    services: Services, hospital: Hospital, dice: random.Random
) -> None:
    dlt_pipelines.etl()
    killed = 0
    for _ in range(ROUNDS):
        killed += kill_after(DISCOVER, dice.uniform(0, 1.2))
        with services.warehouse() as warehouse:
            # The killed worker's leases run out.
            warehouse.execute("UPDATE ops.study_exports SET lease_until = now() - interval '1 s'")
    print(f"killed at work in {killed} of {ROUNDS} rounds")
    dicom_export.discover(load(DestinationDatabase), load(ObjectStore), load(Export))
    eligible = oracle.eligible_studies(hospital)
    with services.warehouse() as warehouse:
        status = warehouse.execute("SELECT status, count(*) FROM ops.study_exports GROUP BY 1")
        assert status.fetchall() == [("exported", len(eligible))]
    images = {image.id: image for image in hospital.images}
    for study_id, study in eligible.items():
        folder = services.bucket_folder / str(study.organization_id) / str(study_id)
        assert (folder / "metadata.json").exists()
        objects = {path for path in folder.rglob("*") if path.is_file()}
        assert len(objects) == 1 + len(study.report_ids) + len(study.image_ids)
        for image_id in study.image_ids:
            (stored,) = folder.rglob(f"*_{image_id}.dcm")
            assert stored.read_bytes() == Path(images[image_id].file_path or "").read_bytes()

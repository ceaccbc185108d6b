"""kill -9 at random moments: the next run completes the work, nothing is lost or doubled.

``EDEN_FAULT_ROUNDS`` sets how often (a short round by default, `make faults` takes a long one) and
``EDEN_FAULT_SEED`` repeats a round that failed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

import dicom_export
import dlt_pipelines
from dicom_export.publish.bucket import Bucket
from eden.demo.hospital import Hospital
from eden.errors import StoreUnavailable
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from eden.warehouse import builds
from tests.conftest import Services
from tests.support import oracle
from tests.support.dlt_home import pending_packages
from tests.support.seeds import chosen_seed
from tests.support.warehouse import differing_tables
from tests.support.watched_s3 import WatchedS3, watched_s3

ROUNDS = int(os.environ.get("EDEN_FAULT_ROUNDS", "2"))
ATTEMPTS = 10
"""Further rounds, where too few of the processes were still at work when they were killed."""
SYNC = "import dlt_pipelines; print('started', flush=True); dlt_pipelines.sync()"
DISCOVER = """
import dicom_export
from eden.settings import DestinationDatabase, Export, ObjectStore, load
print('started', flush=True)
dicom_export.discover(load(DestinationDatabase), load(ObjectStore), load(Export))
"""


@pytest.fixture
def dice() -> random.Random:
    return random.Random(chosen_seed("EDEN_FAULT_SEED"))


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
    assert builds.build().built
    with services.warehouse() as warehouse:
        found = warehouse.execute("SELECT study_id FROM analytics.eligible_studies").fetchall()
    assert {study_id for (study_id,) in found} == set(oracle.eligible_studies(hospital))
    assert dlt_pipelines.sync().is_idle
    assert pending_packages() == []


# The export ---------------------------------------------------------------------------------------

CONCURRENCY = 4
DELAY_SECONDS = 0.004
"""So much longer takes every request: small files would be gone before anybody can interfere."""

Objects = dict[str, bytes]


@dataclass
class Scene:
    """A bucket and a ledger to begin with, and what an undisturbed discovery makes of them."""

    name: str
    bucket: Path | None
    """The folder to begin with; None where nothing was ever exported."""
    expected: Objects
    statuses: list[tuple[str, str]]
    requests: int


@dataclass
class Stage:
    """Everything that the rounds of one test share."""

    services: Services
    store: WatchedS3
    database: psycopg.Connection
    buckets: list[Path] = field(default_factory=list)

    def open_bucket(self, model: Path | None) -> None:
        """Go on with a bucket that holds what another one does."""
        folder = self.services.bucket_folder.with_name(f"round-{uuid.uuid4().hex[:12]}")
        self.buckets.append(folder)
        # All at once: the server remembers what it has seen of a folder.
        copy = folder.with_name(f".{folder.name}")
        shutil.copytree(model, copy) if model else copy.mkdir()
        copy.rename(folder)
        os.environ["S3_BUCKET_NAME"] = folder.name
        settings = load(ObjectStore)
        deadline = time.monotonic() + 60
        while not is_there(settings):
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def objects(self) -> Objects:
        """What is in the present bucket; of ``metadata.json`` all but the time."""
        folder = self.buckets[-1]
        found = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        for key, content in found.items():
            if key.endswith("metadata.json"):
                found[key] = json.dumps(json.loads(content) | {"exported_at": ""}).encode()
        return found

    def statuses(self) -> list[tuple[str, str]]:
        query = "SELECT study_id::text, status FROM ops.study_exports ORDER BY 1"
        return self.database.execute(query).fetchall()

    def save_ledger(self) -> None:
        self.database.execute("CREATE SCHEMA saved")
        for table in LEDGER:
            self.database.execute(f"CREATE TABLE saved.{table} AS TABLE ops.{table}")

    def clear_ledger(self) -> None:
        self.database.execute("TRUNCATE ops.study_exports CASCADE")

    def restore_ledger(self) -> None:
        self.clear_ledger()
        for table in LEDGER:
            columns = self.stored_columns(table)
            self.database.execute(
                f"INSERT INTO ops.{table} ({columns}) SELECT {columns} FROM saved.{table}"
            )

    def stored_columns(self, table: str) -> str:
        """List the columns that are not generated from others."""
        query = """
            SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = %s::regclass AND attnum > 0 AND attgenerated = ''
                AND NOT attisdropped
        """
        return str(self.database.execute(query, (f"ops.{table}",)).fetchone()[0])

    def begin(self, scene: Scene) -> None:
        self.open_bucket(scene.bucket)
        if scene.bucket:
            self.restore_ledger()
        else:
            self.clear_ledger()
        self.store.requests.clear()

    def discover(self) -> dicom_export.DiscoverySummary:
        return dicom_export.discover(load(DestinationDatabase), load(ObjectStore), load(Export))

    def rehearse(self, name: str, bucket: Path | None) -> Scene:
        """See what an undisturbed discovery does."""
        scene = Scene(name, bucket, {}, [], 0)
        self.begin(scene)
        self.discover()
        return Scene(
            name, bucket, self.objects(), self.statuses(), requests=len(self.store.of_objects())
        )


def is_there(settings: ObjectStore) -> bool:
    try:
        Bucket(settings).check_bucket()
    except StoreUnavailable:
        return False
    return True


LEDGER = ("study_exports", "image_exports", "exported_objects")


@pytest.fixture
def stage(
    services: Services, hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """The hospital's studies in the marts, their files where a test may change them."""
    archive = Path(os.environ["DICOM_ROOTS"])
    shutil.copytree(archive, tmp_path / "archive")
    monkeypatch.setenv("DICOM_ROOTS", str(tmp_path / "archive"))
    monkeypatch.setenv("EXPORT_CONCURRENCY", str(CONCURRENCY))
    monkeypatch.setenv("S3_BUCKET_NAME", os.environ["S3_BUCKET_NAME"])
    with services.source() as source:
        source.execute(
            "UPDATE pacs_images SET file_path = replace(file_path, %s, %s)",
            (str(archive), str(tmp_path / "archive")),
        )
    dlt_pipelines.etl()
    with watched_s3(os.environ["S3_ENDPOINT_URL"]) as store, services.warehouse() as database:
        monkeypatch.setenv("S3_ENDPOINT_URL", store.url)
        made = Stage(services, store, database)
        yield made
        for folder in made.buckets:
            shutil.rmtree(folder)


def change_everything(stage: Stage) -> tuple[str, str]:
    """Let a bit of everything happen to the studies.

    Returns the ids of what stays in the bucket though nobody would put it there now: a study that
    is frozen, and an image whose file is gone.
    """
    studies = [
        study_id
        for (study_id,) in stage.database.execute(
            "SELECT study_id::text FROM analytics.eligible_images GROUP BY 1 "
            "HAVING count(*) > 1 ORDER BY 1"
        )
    ]
    report, image, content, stranger, missing, withdrawn, frozen = studies[:7]
    for study_id, criterion in ((withdrawn, "is_chest"), (frozen, "has_ranked_signer")):
        for table in ("eligible_studies", "eligible_reports", "eligible_images"):
            stage.database.execute(
                f"DELETE FROM analytics.{table} WHERE study_id = %s", (study_id,)
            )
        stage.database.execute(
            f"UPDATE analytics.study_eligibility SET {criterion} = false, is_eligible = false "
            "WHERE study_id = %s",
            (study_id,),
        )
    stage.database.execute(
        "UPDATE analytics.eligible_reports SET content = 'changed' WHERE study_id = %s", (report,)
    )
    stage.database.execute(
        "DELETE FROM analytics.eligible_images WHERE image_id = "
        "(SELECT image_id FROM analytics.eligible_images WHERE study_id = %s LIMIT 1)",
        (image,),
    )
    pixels = bytearray(first_file(stage, content).read_bytes())
    pixels[-1] ^= 1
    first_file(stage, content).write_bytes(pixels)
    shutil.copy(first_file(stage, report), first_file(stage, stranger))
    lost = first_file(stage, missing)
    lost.unlink()
    stage.database.execute(
        "UPDATE analytics.eligible_studies SET fingerprint = md5('a') || md5('b') "
        "WHERE study_id = ANY (%s)",
        (studies[:5],),
    )
    row = stage.database.execute(
        "SELECT image_id::text FROM analytics.eligible_images WHERE file_path = %s", (str(lost),)
    ).fetchone()
    assert row
    return frozen, row[0]


def first_file(stage: Stage, study_id: str) -> Path:
    row = stage.database.execute(
        "SELECT min(file_path) FROM analytics.eligible_images WHERE study_id = %s", (study_id,)
    ).fetchone()
    assert row
    return Path(row[0])


def kill_discovery(stage: Stage, count: int, seconds: float) -> bool:
    """Kill a discovery so long after its so-many-th request; tell whether it was at work."""
    process = subprocess.Popen(
        [sys.executable, "-c", DISCOVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout
    assert process.stdout.readline() == b"started\n"
    while not stage.store.wait_for(count, 0.2) and process.poll() is None:
        pass
    time.sleep(seconds)
    was_at_work = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    stage.store.wait_until_idle()
    return was_at_work


@pytest.mark.timeout(1800)
def test_a_killed_discovery_is_completed_by_the_next(stage: Stage, dice: random.Random) -> None:
    stage.begin(Scene("to begin with", None, {}, [], 0))
    before = stage.buckets[-1]
    assert set(stage.discover().counts) == {"exported"}
    stage.save_ledger()
    staying = change_everything(stage)
    scenes = [stage.rehearse("everything is new", None), stage.rehearse("some changed", before)]
    fresh, changed = scenes
    assert {status for _, status in changed.statuses} == {
        "exported", "incomplete", "quarantined", "withdrawn"
    }  # fmt: skip
    # From nothing or from what was there, it comes to the same.
    assert fresh.expected == {
        key: content
        for key, content in changed.expected.items()
        if not any(name in key for name in staying)
    }
    assert len(fresh.expected) < len(changed.expected)

    killed = 0
    # A kill behind the last request may come too late: then there is another round.
    for number in range(ROUNDS + ATTEMPTS):
        if number >= ROUNDS and killed * 2 >= ROUNDS:
            break
        scene = dice.choice(scenes)
        stage.begin(scene)
        stage.store.seconds = DELAY_SECONDS
        count = dice.randint(1, scene.requests)
        was_at_work = kill_discovery(stage, count, dice.uniform(0, 2 * DELAY_SECONDS))
        killed += was_at_work
        done = len(stage.store.of_objects())
        print(f"round {number}: {scene.name}, request {done} of {scene.requests}, {was_at_work=}")
        stage.store.seconds = 0
        # The killed worker's leases run out.
        stage.database.execute("UPDATE ops.study_exports SET lease_until = now() - interval '1 s'")

        stage.discover()

        assert stage.objects() == scene.expected
        assert stage.statuses() == scene.statuses
        doubtful = stage.database.execute("SELECT FROM ops.exported_objects WHERE in_doubt")
        assert doubtful.fetchall() == []
        sent_again = [key for key, count in Counter(stage.store.puts()).items() if count > 1]
        assert len(sent_again) <= CONCURRENCY
    print(f"killed at work in {killed} of {number} rounds")
    assert killed * 2 >= ROUNDS

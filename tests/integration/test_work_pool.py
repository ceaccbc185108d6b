"""The deployments of ``prefect.yaml`` on a real server, and work pools with real workers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

import dicom_export
from dicom_export.dispatch import TIMEOUTS
from eden.demo.hospital import Hospital
from eden.errors import ConfigurationError
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from flows.pool import OUTSTANDING, PoolUnavailable, work_pool
from tests.conftest import Services
from tests.support import oracle
from tests.support.prefect_server import DEPLOYMENTS, UUID, Server, wait_for
from tests.support.warehouse import differing_tables
from tests.support.watched_s3 import WatchedS3, watched_s3

POOL = "eden"
ZONE = "America/Bogota"
PUTS_BEFORE_DEATH = 36
"""More than the six studies that two workers send at once need; fewer than those and a batch."""
NO_LIMIT = 1_000_000

PACED = """
import json, time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from prefect.client.orchestration import get_client
from flows.limits import STUDIES, throttle

lock, inside, most = Lock(), 0, 0

def study(turn, stay):
    global inside, most
    with turn():
        with lock:
            inside += 1
            most = max(most, inside)
        stay()
        with lock:
            inside -= 1

def seconds(studies, stay=lambda: time.sleep(0.1)):
    global most
    most, started, turn = 0, time.monotonic(), throttle()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(study, [turn] * studies, [stay] * studies))
    return time.monotonic() - started

client = get_client(sync_client=True)
# Each waits for two others, however slowly they come: where only two may be inside, for nobody.
said = {"free": seconds(6, Barrier(3, timeout=60).wait), "free_at_once": most}
client.upsert_global_concurrency_limit_by_name(STUDIES, 2)
said |= {"slots": seconds(4), "slots_at_once": most}
client.upsert_global_concurrency_limit_by_name(STUDIES, 2, 4.0)
said |= {"pace": seconds(10)}
client.delete_global_concurrency_limit_by_name(STUDIES)
print(json.dumps(said))
"""


@dataclass(frozen=True)
class Worker:
    """``prefect worker start``, with the processes of the flows that it runs."""

    process: subprocess.Popen[bytes]
    log: Path

    def pids(self) -> set[int]:
        try:
            own = psutil.Process(self.process.pid)
            return {own.pid, *(child.pid for child in own.children(recursive=True))}
        except psutil.NoSuchProcess:
            return set()

    def end(self, number: int) -> None:
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        self.process.wait()


@pytest.fixture(scope="module")
def server(prefect_url: str, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """With everything of ``prefect.yaml`` deployed, and its schedules paused."""
    made = Server(prefect_url, tmp_path_factory.mktemp("prefect"))
    done = made.prefect("work-pool", "create", POOL, "--type", "process")
    assert done.returncode == 0, done.stderr
    done = made.prefect("deploy", "--all", SCHEDULE_TIMEZONE=ZONE)
    assert done.returncode == 0, done.stdout + done.stderr
    made.pause_schedules()
    return made


@pytest.fixture
def start_worker(server: Server, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    workers: list[Worker] = []

    def start(name: str, *, limit: int, **more: str) -> Worker:
        log = tmp_path / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "prefect", "worker", "start"),
                    *(f"--pool={POOL}", f"--name={name}", f"--limit={limit}"),
                ],
                env=server.environment(**more),
                # Far from the project: what runs there must find it all the same.
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        workers.append(Worker(process, log))
        return workers[-1]

    yield start
    for worker in workers:
        worker.end(signal.SIGKILL)


def test_everything_is_deployed_with_its_schedule(server: Server) -> None:
    found = server.deployments()
    assert set(found) == set(DEPLOYMENTS)
    for name, one in found.items():
        schedules = [schedule["schedule"] for schedule in one["schedules"]]
        cron = DEPLOYMENTS[name]
        expected = [{"cron": cron, "timezone": ZONE, "day_or": True}] if cron else []
        assert schedules == expected, name
        limit = one["global_concurrency_limit"] and one["global_concurrency_limit"]["limit"]
        assert limit == (1 if cron else None), name
        assert one["work_pool_name"] == POOL
        assert one["description"]
        assert one["tags"] in (["replication"], ["export"])
        assert not one["pull_steps"]
    options = found["etl/every-10-minutes"]["concurrency_options"]
    assert options["collision_strategy"] == "CANCEL_NEW"


def test_a_malformed_time_zone_is_not_deployed(server: Server) -> None:
    done = server.prefect("deploy", "--name", "every-10-minutes", SCHEDULE_TIMEZONE="Mars/Base")
    assert done.returncode != 0
    assert "SCHEDULE_TIMEZONE" in done.stdout + done.stderr
    (schedule,) = server.deployments()["etl/every-10-minutes"]["schedules"]
    assert schedule["schedule"]["timezone"] == ZONE


def test_a_work_pool_out_of_reach_is_said(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        temporary_settings(restore_defaults=[PREFECT_API_URL]),
        pytest.raises(ConfigurationError, match="PREFECT_API_URL"),
        work_pool(),
    ):
        pass
    with temporary_settings({PREFECT_API_URL: server.url}):
        with work_pool() as workers:
            assert workers.window == OUTSTANDING
        server.call(f"/work_pools/{POOL}", {"concurrency_limit": 40}, method="PATCH")
        with work_pool() as workers:
            assert workers.window == 80
        server.call(f"/work_pools/{POOL}", {"concurrency_limit": None}, method="PATCH")
        monkeypatch.setattr("flows.pool.DEPLOYMENT", "process-study-batch-to-s3/another")
        with pytest.raises(PoolUnavailable, match="prefect deploy"), work_pool():
            pass
    nobody = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    with (
        temporary_settings(nobody),
        pytest.raises(PoolUnavailable, match=r"http://127.0.0.1:9/api: ConnectError"),
        work_pool(),
    ):
        pass


def test_a_global_limit_paces_the_studies(server: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PACED],
        env=server.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    print(said)
    assert said["free_at_once"] > 2
    assert said["slots_at_once"] <= 2
    # Two at once, then four per second.
    assert said["pace"] > 1.5


@pytest.mark.timeout(900)
def test_workers_run_the_deployments_and_share_a_discovery(
    services: Services,
    hospital: Hospital,
    server: Server,
    start_worker: Callable[..., Worker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    eligible = {str(study_id) for study_id in oracle.eligible_studies(hospital)}
    with watched_s3(services.environment["S3_ENDPOINT_URL"]) as store:
        store.seconds = 0.15
        settings = {
            "S3_ENDPOINT_URL": store.url,
            "EXPORT_CONCURRENCY": "2",
            "EXPORT_BATCH_SIZE": "10",
            "EXPORT_DISPATCH": "work-pool",
        }
        steady = start_worker("steady", limit=3, **settings)
        check_replication(server, hospital)
        with services.source() as source, services.warehouse() as warehouse:
            assert differing_tables(source, warehouse) == []

        # Other modules have used this server.
        earlier = {run["id"] for run in server.runs_of("process-study-batch-to-s3")}
        store.hold_puts()
        discovery = server.start("discover-chest-dicom-studies/daily")
        # The steady one has it, and room for two of the three batches.
        wait_for(lambda: server.state_of(discovery) == "RUNNING")
        doomed = start_worker("doomed", limit=1, **settings)
        in_hand = kill_at_work(services, doomed, store)
        store.let_puts(NO_LIMIT)
        ended = server.end_of(discovery)
        assert ended["state_type"] == "COMPLETED", steady.log.read_text()

        attempts = attempts_of(services)
        assert set(attempts) == eligible
        assert {i: n for i, n in attempts.items() if n != 1} == dict.fromkeys(in_hand, 2)
        twice = {key.split("/")[1] for key, count in Counter(store.puts()).items() if count > 1}
        assert twice <= in_hand
        check_what_prefect_knows(server, discovery, eligible, earlier)
    check_it_is_a_local_run(services, monkeypatch)


def check_replication(server: Server, hospital: Hospital) -> None:
    """Two ticks at the same time: one of them runs. Then a manual run with parameters."""
    etl = server.deployments()["etl/every-10-minutes"]["id"]
    # Not by the command line: the first could be over before the second is asked for.
    ticks = [server.call(f"/deployments/{etl}/create_flow_run")["id"] for _ in range(2)]
    ends = [server.end_of(run) for run in ticks]
    assert sorted(run["state_type"] for run in ends) == ["CANCELLED", "COMPLETED"]
    (done,) = [run for run in ends if run["state_type"] == "COMPLETED"]
    assert re.fullmatch(r"etl \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", done["name"])
    assert {"etl", "etl-progress"} <= set(server.artifacts_of(done["id"]))

    slug = hospital.organizations[0].slug
    run = server.start("sync-data-from-by-organization/manual", organization_slug=slug)
    ended = server.end_of(run)
    assert (ended["state_type"], ended["name"]) == ("COMPLETED", f"sync {slug}")


def kill_at_work(services: Services, worker: Worker, store: WatchedS3) -> set[str]:
    """Kill a worker and its flows amid a batch; give the studies that it had in its hands."""

    def has_a_batch() -> bool:
        with services.warehouse() as warehouse:
            rows = warehouse.execute(
                "SELECT DISTINCT split_part(lease_owner, ':', 2)::int "
                "FROM ops.study_exports WHERE status = 'exporting'"
            ).fetchall()
        return any(pid in worker.pids() for (pid,) in rows)

    def has_more_to_do() -> bool:
        with services.warehouse() as warehouse:
            return bool(
                warehouse.execute(
                    "SELECT 1 FROM ops.study_exports WHERE status = 'exported' LIMIT 1"
                ).fetchone()
            )

    wait_for(has_a_batch)
    # Enough that a study is done whoever gets them, too few for a batch.
    store.let_puts(PUTS_BEFORE_DEATH)
    wait_for(has_more_to_do)
    pids = worker.pids()
    worker.end(signal.SIGKILL)
    # As it would be for as long as the leases last: somebody seems to be at work.
    time.sleep(TIMEOUTS.poll + 1)
    with services.warehouse() as warehouse:
        # Its leases end now and not in a minute.
        rows = warehouse.execute(
            "UPDATE ops.study_exports SET lease_until = now() - interval '1 s' "
            "WHERE status = 'exporting' AND split_part(lease_owner, ':', 2)::int = ANY (%s) "
            "RETURNING study_id::text",
            (list(pids),),
        ).fetchall()
    assert rows
    return {study_id for (study_id,) in rows}


def attempts_of(services: Services) -> dict[str, int]:
    with services.warehouse() as warehouse:
        rows = warehouse.execute(
            "SELECT study_id::text, attempts FROM ops.study_exports WHERE status = 'exported'"
        )
        return dict(rows.fetchall())


def check_what_prefect_knows(
    server: Server, discovery: str, eligible: set[str], earlier: set[str]
) -> None:
    runs = server.runs_of("process-study-batch-to-s3")
    batches = [run for run in runs if run["id"] not in earlier]
    for run in batches:
        assert list(run["parameters"]) == ["study_ids"]
        assert set(run["parameters"]["study_ids"]) <= eligible
        assert re.fullmatch(rf"\d+ studies from {UUID}", run["name"])
        assert run["tags"] == ["export"]
        assert run["parent_task_run_id"]
    assert {i for run in batches for i in run["parameters"]["study_ids"]} == eligible
    # The batch of the killed worker is not left to look as if it ran.
    assert sorted({run["state_name"] for run in batches}) == ["Completed", "Recalled"]
    artifacts = server.artifacts_of(discovery)
    assert json.loads(artifacts["discover-chest-dicom-studies"]) == [
        {"outcome": "exported", "studies": len(eligible)}
    ]
    assert artifacts["discover-chest-dicom-studies-progress"] == 100
    assert "studies-held-back" not in artifacts


def check_it_is_a_local_run(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same studies once more, without Prefect, into an empty ledger and bucket."""
    pooled = objects_of(services.bucket_folder), ledger_of(services)
    bucket = f"{services.bucket_folder.name}-local"
    services.bucket_folder.with_name(bucket).mkdir()
    monkeypatch.setenv("S3_BUCKET_NAME", bucket)
    with services.warehouse() as warehouse:
        warehouse.execute("TRUNCATE ops.study_exports CASCADE")
    turns: list[None] = []

    def turn() -> AbstractContextManager[None]:
        turns.append(None)
        return nullcontext()

    settings = load(DestinationDatabase), load(ObjectStore), load(Export)
    summary = dicom_export.discover(*settings, throttle=turn)
    assert len(turns) == len(summary.results)
    local = objects_of(services.bucket_folder.with_name(bucket)), ledger_of(services)
    assert set(pooled[0]) == set(local[0])
    assert pooled == local


def objects_of(folder: Path) -> dict[str, bytes]:
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    for key, content in found.items():
        if key.endswith("metadata.json"):
            found[key] = re.sub(rb'"exported_at": "[^"]*"', b"", content)
    assert found
    return found


def ledger_of(services: Services) -> dict[str, list[tuple[Any, ...]]]:
    queries = {
        "studies": "SELECT study_id, status, fingerprint, exported_fingerprint, result::text "
        "FROM ops.study_exports ORDER BY 1",
        "images": "SELECT image_id, status, reason, source_sha256, sha256, bytes, key "
        "FROM ops.image_exports ORDER BY 1",
        "objects": "SELECT study_id, key, kind, in_doubt, CASE kind WHEN 'metadata' THEN '' ELSE "
        "sha256 END FROM ops.exported_objects ORDER BY 1, 2",
    }
    with services.warehouse() as warehouse:
        return {name: warehouse.execute(query).fetchall() for name, query in queries.items()}

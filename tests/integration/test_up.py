"""``eden up`` as a person runs it: everything starts, works, is seen when it dies, and stops."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from eden.embedded.keeper import lives, wait_until_stopped
from eden.embedded.secrets import Secrets
from eden.warehouse.lock import LOCK_KEY
from eden_cli.up.children import MARK, end_marked
from tests.conftest import SECONDS_TO_STOP, Services
from tests.support.prefect_server import DEPLOYMENTS, Server, wait_for

EDEN = Path(sys.executable).parent / "eden"
GRACE_SECONDS = 150
"""However long a machine takes to end a run in order."""
LOGIN = "admin:w0rd-of-the-pages"
ZONE = "America/Bogota"
SLUG = "clinica-del-valle"


@dataclass(frozen=True)
class Running:
    """An ``eden up`` that has told where everything is."""

    process: subprocess.Popen[str]
    document: dict[str, Any]
    home: Path
    server: Server

    def login_to(self, name: str) -> dict[str, Any]:
        """How to reach a database of the embedded PostgreSQL."""
        host, port = self.document["prefect_database"].partition("/")[0].split(":")
        password = Secrets.of(self.home).postgres_password.get_secret_value()
        return {
            "host": host,
            "port": port,
            "dbname": name,
            "user": "eden",
            "password": password,
        }


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path: the user that PostgreSQL runs as under root could not reach it.
    folder = Path(tempfile.mkdtemp(prefix="eden-test-"))
    yield folder
    wait_until_stopped(folder, SECONDS_TO_STOP)
    shutil.rmtree(folder)


@pytest.fixture
def system(home: Path, tmp_path: Path) -> Iterator[Running]:
    (home / "hospital.json").write_text('{"seed": 7, "small": true}')
    environment = without_prefect() | {
        "EDEN_HOME": str(home),
        "SCHEDULE_TIMEZONE": ZONE,
        "RETENTION_DAYS": "1",
        "PREFECT_SERVER_API_AUTH_STRING": LOGIN,
        "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "2",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        # Runs that are started together wait for each other, however slow the machine is.
        "SYNC_LOCK_WAIT": "240",
    }
    said = tmp_path / "stderr"
    with said.open("w") as stderr:
        process = subprocess.Popen(
            [EDEN, "up", "--json", "--grace", str(GRACE_SECONDS)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        assert process.stdout
        lines = []
        while not lines or lines[-1] not in ("}\n", ""):
            lines.append(process.stdout.readline())
        assert lines[-1], said.read_text()
        document = json.loads("".join(lines))
        yield Running(process, document, home, Server(document["api_url"], tmp_path, LOGIN))
        assert LOGIN not in said.read_text() + "".join(lines)
    finally:
        process.kill()
        process.wait()
        end_marked(str(home))


def without_prefect() -> dict[str, str]:
    """The environment, without what somebody's own Prefect needs."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}


def processes_of(home: Path) -> list[str]:
    """Every process that has to do with this home: by its command line, or by its mark."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            if (str(home) in line or process.environ().get(MARK) == str(home)) and lives(process):
                found.append(line)
        except psutil.Error:
            continue
    return found


@pytest.mark.timeout(900)
def test_everything_runs_and_stops(system: Running) -> None:
    check_the_login(system)
    check_the_schedules(system.server)
    manual, ticks = begin_runs(system.server)
    cancelled = check_an_etl_never_overlaps_itself(system.server, ticks)
    check_what_is_old_goes(system, cancelled)
    check_a_second_one_is_told(system)
    check_nothing_is_told(system)
    ended = system.server.end_of(manual)
    assert (ended["state_type"], ended["name"]) == ("COMPLETED", f"sync {SLUG}")
    check_it_stops_amid_a_run(system)


def check_the_login(system: Running) -> None:
    assert system.document["login"] is True
    assert system.document["is_embedded"] is True
    for login in (None, "admin:another"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            replace(system.server, login=login).runs_of("etl")


def check_the_schedules(server: Server) -> None:
    """They are there, and runs are planned; then they are paused: the clock is not ours."""
    deployments = server.deployments()
    assert set(deployments) == set(DEPLOYMENTS)
    planned = {name for name, cron in DEPLOYMENTS.items() if cron}

    def all_planned() -> bool:
        runs = server.call("/flow_runs/filter", {"limit": 200})
        return {run["deployment_id"] for run in runs} >= {deployments[n]["id"] for n in planned}

    wait_for(all_planned)
    for name, one in deployments.items():
        schedules = [(s["schedule"]["cron"], s["schedule"]["timezone"]) for s in one["schedules"]]
        assert schedules == ([(DEPLOYMENTS[name], ZONE)] if name in planned else [])
    server.pause_schedules()
    # One may have begun before.
    at_work = {"flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}}
    wait_for(lambda: not server.call("/flow_runs/filter", at_work))


def begin_runs(server: Server) -> tuple[str, list[str]]:
    """Two ticks at the same time, and a manual run with parameters, which waits for them."""
    deployments = server.deployments()

    def begin(name: str, **parameters: str) -> str:
        path = f"/deployments/{deployments[name]['id']}/create_flow_run"
        return str(server.call(path, {"parameters": parameters})["id"])

    ticks = [begin("etl/every-10-minutes") for _ in range(2)]
    return begin("sync-data-from-by-organization/manual", organization_slug=SLUG), ticks


def check_an_etl_never_overlaps_itself(server: Server, ticks: list[str]) -> str:
    """The second one is cancelled, and not queued; gives that run."""

    def states() -> dict[str, str]:
        runs = [server.call(f"/flow_runs/{run}", method="GET") for run in ticks]
        return {run["state_type"]: run["id"] for run in runs}

    wait_for(lambda: "CANCELLED" in states())
    assert set(wait_for(lambda: states() if "COMPLETED" in states() else None)) == {
        "CANCELLED",
        "COMPLETED",
    }
    return states()["CANCELLED"]


def check_what_is_old_goes(system: Running, run: str) -> None:
    """A run that ended more than RETENTION_DAYS ago leaves Prefect's history; others stay."""

    def left() -> set[str]:
        return {one["id"] for one in system.server.call("/flow_runs/filter", {"limit": 200})}

    before = left()
    with psycopg.connect(**system.login_to("prefect"), autocommit=True) as database:
        older = "UPDATE flow_run SET end_time = end_time - interval '25 hours' WHERE id = %s"
        database.execute(older, (run,))
    wait_for(lambda: run not in left())
    assert before - {run} <= left()


def check_a_second_one_is_told(system: Running) -> None:
    done = subprocess.run(
        [EDEN, "up"],
        env=os.environ | {"EDEN_HOME": str(system.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("ALREADY_RUNNING: ")
    assert f"process {system.process.pid}" in done.stderr
    assert system.document["ui_url"] in done.stderr


def check_nothing_is_told(system: Running) -> None:
    """Neither the login nor the database's password, on a command line or in a log."""
    password = Secrets.of(system.home).postgres_password.get_secret_value()
    told = "\n".join(processes_of(system.home))
    assert "prefect server start" in told
    told += "\n".join(log.read_text() for log in (system.home / "logs").glob("*.log"))
    assert LOGIN not in told
    assert password not in told


def check_it_stops_amid_a_run(system: Running) -> None:
    """SIGTERM: the run is told first, and can say how it ended; then nothing is left."""
    server = system.server
    etl = server.deployments()["etl/every-10-minutes"]["id"]
    # The run waits for the warehouse, for as long as somebody else holds it.
    with psycopg.connect(**system.login_to("warehouse"), autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        run = server.call(f"/deployments/{etl}/create_flow_run")["id"]
        path = f"/flow_runs/{run}"
        wait_for(lambda: server.call(path, method="GET")["state_type"] == "RUNNING")
        started = time.monotonic()
        system.process.send_signal(signal.SIGTERM)
        assert system.process.wait(180) == 0
    # In order, and none was killed at the end of the grace time.
    assert time.monotonic() - started < GRACE_SECONDS
    assert processes_of(system.home) == []
    log = (system.home / "logs" / "prefect-worker.log").read_text()
    assert re.search(r"Flow run 'etl [^']*' - Finished in state Crashed", log)


def test_a_child_that_ends_is_seen_and_said(services: Services, home: Path) -> None:
    """On configured databases; Prefect's own refuses the login, so that the server ends."""
    word = "not-the-password"
    address = f"127.0.0.1:{services.environment['DESTINATION_DATABASE_PORT']}/postgres"
    done = subprocess.run(
        [EDEN, "up", "--grace", "5"],
        env=without_prefect()
        | {
            "EDEN_HOME": str(home),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://eden:{word}@{address}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert re.match(
        r"SERVICE_FAILED: Prefect's server ended with exit code \d+; its log", lines[-1]
    )
    assert "That did not go well: stopping what was started." in lines
    heading = f"The last lines of {home}/logs/prefect-server.log, whatever they are about:"
    assert heading in lines
    assert "password authentication failed" in done.stderr
    assert word not in done.stderr
    assert processes_of(home) == []

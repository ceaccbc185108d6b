"""The embedded services start, are shared, and end with their last user, however it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import psycopg
import pytest

from eden.embedded import EmbeddedServices, embedded_services
from eden.embedded.keeper import wait_until_stopped
from tests.conftest import SECONDS_TO_STOP
from tests.support.prefect_server import wait_for

USER_PROCESS = """
import sys, time
from pathlib import Path
from eden.embedded import embedded_services
with embedded_services(Path(sys.argv[1])) as services:
    print(services.environment["SOURCE_DATABASE_PORT"], flush=True)
    time.sleep(600)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="eden-test-"))
    yield folder
    wait_until_stopped(folder, SECONDS_TO_STOP)
    shutil.rmtree(folder)


def answer(services: EmbeddedServices) -> str:
    environment = services.environment
    with psycopg.connect(
        host="127.0.0.1",
        port=int(environment["SOURCE_DATABASE_PORT"]),
        user=environment["SOURCE_DATABASE_USER"],
        password=environment["SOURCE_DATABASE_PASS"],
        dbname=environment["SOURCE_DATABASE_NAME"],
    ) as connection:
        row = connection.execute("SELECT lower('ÉDEN')").fetchone()
        assert row
        return str(row[0])


def processes_of(home: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline", "name", "status"])
        if any(str(home) in word for word in process.info["cmdline"] or [])
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def masters_of(home: Path) -> list[psutil.Process]:
    return [one for one in processes_of(home) if one.info["name"] == "postgres"]


def test_both_answer_and_end_with_the_context(home: Path) -> None:
    with embedded_services(home) as services:
        assert answer(services) == "éden"
        environment = services.environment
        client = boto3.client(
            "s3",
            endpoint_url=environment["S3_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        )
        client.put_object(Bucket=environment["S3_BUCKET_NAME"], Key="a/b.txt", Body=b"here")
        assert (services.bucket_folder / "a" / "b.txt").read_bytes() == b"here"
    wait_until_stopped(home, SECONDS_TO_STOP)
    _, alive = psutil.wait_procs(processes_of(home), timeout=60)
    assert alive == []


def test_a_wrong_password_is_refused(home: Path) -> None:
    with (
        embedded_services(home) as services,
        pytest.raises(psycopg.OperationalError, match="password"),
    ):
        psycopg.connect(
            host="127.0.0.1",
            port=int(services.environment["SOURCE_DATABASE_PORT"]),
            user="eden",
            dbname="postgres",
            password="wrong",
        )


def test_secrets_are_their_owners_alone_and_on_no_command_line(home: Path) -> None:
    with embedded_services(home) as services:
        assert (home / "secrets.json").stat().st_mode & 0o077 == 0
        lines = [" ".join(process.cmdline()) for process in processes_of(home)]
        assert lines
        for variable in ("SOURCE_DATABASE_PASS", "AWS_SECRET_ACCESS_KEY"):
            assert not any(services.environment[variable] in line for line in lines)


def test_a_second_user_shares_and_the_last_one_stops_even_when_killed(home: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", USER_PROCESS, home], stdout=subprocess.PIPE)
    assert other.stdout
    port = other.stdout.readline().decode().strip()
    with embedded_services(home) as services:
        assert services.environment["SOURCE_DATABASE_PORT"] == port
    time.sleep(1)
    assert processes_of(home), "stopped although the other user still runs"
    other.send_signal(signal.SIGKILL)
    other.wait()
    wait_until_stopped(home, SECONDS_TO_STOP)
    _, alive = psutil.wait_procs(processes_of(home), timeout=60)
    assert alive == []


def test_starts_again_after_kill_9_left_the_pid_of_an_innocent_process(home: Path) -> None:
    with embedded_services(home) as services:
        answer(services)
        victims = processes_of(home)
        for process in victims:
            process.kill()
        psutil.wait_procs(victims, timeout=60)
    pid_files = list(home.glob("postgres/data/postmaster.pid"))
    assert pid_files, "the kill left no stale pid file: this test shows nothing"
    lines = pid_files[0].read_text().splitlines()
    pid_files[0].write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with embedded_services(home) as services:
        assert answer(services) == "éden"


def test_a_killed_keeper_leaves_nothing_that_hinders_the_next(home: Path) -> None:
    with embedded_services(home):
        for name in ("postgres", "s3"):
            state = json.loads((home / "run" / f"{name}.json").read_text())
            keeper = psutil.Process(state["keeper_pid"])
            keeper.kill()
            keeper.wait(60)
    with embedded_services(home) as services:
        assert answer(services) == "éden"
        # A child that it has just forked looks like the master itself, for a moment.
        wait_for(lambda: len(masters_of(home)) == 1, 60)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
def test_as_root_a_folder_out_of_reach_is_left_as_it_is(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    with embedded_services(closed / "eden") as services:
        assert answer(services) == "éden"
        assert closed.stat().st_mode & 0o777 == 0o700
        (note,) = services.notes
        private = Path(note.split(" lie in ")[1].split(",")[0])
        assert private.is_dir()
    wait_until_stopped(closed / "eden", SECONDS_TO_STOP)
    shutil.rmtree(private)

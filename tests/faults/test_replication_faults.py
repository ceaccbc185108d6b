"""Connections end and a server crashes in the middle of a sync: the next run makes it good.

``EDEN_FAULT_ROUNDS`` sets how often (a short round by default) and ``EDEN_FAULT_SEED`` repeats a
round that failed.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

import dlt_pipelines
from eden.embedded.postgres import PRIVATE_FOLDERS, PostgresService
from eden.embedded.secrets import Secrets
from eden.errors import DatabaseUnavailable, SyncFailed
from tests.conftest import Services
from tests.support import zoo
from tests.support.dlt_home import files_with, pending_packages
from tests.support.seeds import chosen_seed
from tests.support.warehouse import differing_tables

ROUNDS = int(os.environ.get("EDEN_FAULT_ROUNDS", "2"))
STUDIES = 8_000
PATIENT = "Marta Ejemplo 1957"
"""Stands in every row for what no message may quote."""
ATTEMPTS = 10
"""Rounds in which nothing is hit, before that is no bad luck any more."""
LONGEST_RUN_SECONDS = 240
"""A run that waited for what will never come would take forever, not four minutes."""


@pytest.fixture
def dice() -> random.Random:
    return random.Random(chosen_seed("EDEN_FAULT_SEED"))


@pytest.fixture
def source(services: Services) -> Iterator[psycopg.Connection]:
    """A source with enough rows that a load takes a while."""
    with services.source() as connection:
        zoo.create_source(connection)
        connection.execute(
            f"""
            INSERT INTO pacs_organizations (id, slug, name, created_at, updated_at)
            SELECT gen_random_uuid(), 'org ' || n, '{PATIENT}', now(), now()
            FROM generate_series(1, 4) AS n;
            INSERT INTO pacs_practitioners
                (id, organization_id, first_name, last_name, created_at, updated_at)
            SELECT gen_random_uuid(), id, '{PATIENT}', '{PATIENT}', now(), now()
            FROM pacs_organizations;
            INSERT INTO pacs_studies (id, organization_id, study_instance_uid, dicom_description,
                status, tags, attributes, created_at, updated_at)
            SELECT gen_random_uuid(), id, '1.2.' || n, '{PATIENT} ' || n, 'REPORTED',
                ARRAY['{PATIENT}'], '{{"a": 1.50}}', now(), now()
            FROM pacs_organizations, generate_series(1, {STUDIES // 4}) AS n;
            INSERT INTO pacs_series
                (id, study_id, series_instance_uid, description, created_at, updated_at)
            SELECT gen_random_uuid(), id, '1.2', '{PATIENT}', now(), now() FROM pacs_studies;
            INSERT INTO pacs_images
                (id, series_id, sop_instance_uid, file_path, created_at, updated_at)
            SELECT gen_random_uuid(), id, '1.2', '{PATIENT}', now(), now()
            FROM pacs_series, generate_series(1, 2);
            INSERT INTO pacs_reports (id, study_id, status, content, created_at, updated_at)
            SELECT gen_random_uuid(), id, 'SIGNED', repeat('{PATIENT} ', 40), now(), now()
            FROM pacs_studies;
            """
        )
        yield connection


def change_rows(source: psycopg.Connection, number: int) -> None:
    """Change about a third of the rows, and add some."""
    third = f"abs(hashtext(id::text)) % 3 = {number % 3}"
    moved = "updated_at = clock_timestamp()"
    with source.transaction():
        for table, change in (
            ("pacs_practitioners", f"specialty = '{PATIENT} {number}'"),
            ("pacs_studies", f"priority = '{PATIENT} {number}'"),
            ("pacs_series", f"description = '{PATIENT} {number}'"),
            ("pacs_images", f"instance_number = {number}"),
            ("pacs_reports", f"content = content || '{number}'"),
        ):
            source.execute(f"UPDATE {table} SET {change}, {moved} WHERE {third}")
        source.execute(
            f"""
            INSERT INTO pacs_reports (id, study_id, status, content, created_at, updated_at)
            SELECT gen_random_uuid(), id, 'DRAFT', '{PATIENT}', now(), clock_timestamp()
            FROM pacs_studies WHERE {third}
            """
        )


@contextmanager
def meanwhile(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Do something in a thread of its own; the event tells it that there is no more need."""
    is_over = threading.Event()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            act(is_over)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    assert errors == []


class Breaker:
    """Ends connections of a sync at a random moment, or as soon as rows are on their way."""

    def __init__(
        self, connect: Callable[[], psycopg.Connection], application: str, dice: random.Random
    ) -> None:
        self._connect = connect
        self._application = application
        self._dice = dice
        self.ended = 0

    def act(self, is_over: threading.Event, *, at_copy: bool) -> None:
        with self._connect() as connection:
            if at_copy:
                while not is_over.is_set() and not self._backends(connection, "COPY%"):
                    time.sleep(0.002)
                is_over.wait(self._dice.uniform(0, 0.03))
            else:
                is_over.wait(self._dice.uniform(0, 1.5))
            backends = self._backends(connection, "%")
            some = backends if self._dice.random() < 0.5 else backends[:1]
            for pid in some:
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
            self.ended += bool(some)

    def _backends(self, connection: psycopg.Connection, query: str) -> list[int]:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name LIKE %s AND query LIKE %s AND pid <> pg_backend_pid() "
            "ORDER BY state = 'active' DESC, query LIKE 'COPY%%' DESC, random()",
            (self._application, query),
        )
        return [pid for (pid,) in rows]


def failed(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> bool:
    """Run a sync that may fail; whether it did. It says so in an error that quotes no row."""
    started = time.monotonic()
    try:
        dlt_pipelines.sync()
    except (SyncFailed, DatabaseUnavailable) as error:
        said = "".join(traceback.format_exception(error)) + repr(error)
    else:
        said = ""
    assert time.monotonic() - started < LONGEST_RUN_SECONDS
    output = capfd.readouterr()
    for text in (said, caplog.text, output.out, output.err):
        assert "Ejemplo" not in text
    assert files_with("Ejemplo") == []
    caplog.clear()
    return bool(said)


def assert_in_step(services: Services, source: psycopg.Connection) -> None:
    with services.warehouse() as warehouse:
        assert differing_tables(source, warehouse) == []
        left = warehouse.execute("SELECT count(*) FROM ops.possible_moves").fetchall()
        assert left == [(0,)]
    assert pending_packages() == []
    assert files_with("Ejemplo") == []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("side", ["source", "warehouse"])
def test_connections_that_end_midway(
    services: Services,
    source: psycopg.Connection,
    side: str,
    dice: random.Random,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    connect, application = (
        (services.source, "vlm-eden-dataset-etl sync")
        if side == "source"
        else (services.warehouse, "vlm-eden-dataset-etl%")
    )
    breaker, failures = Breaker(connect, application, dice), 0
    # A machine that is busy elsewhere may let the moment pass: then there is another round.
    for number in range(ROUNDS + ATTEMPTS):
        if number >= ROUNDS and breaker.ended:
            break
        at_copy = number == 0 or number >= ROUNDS or dice.random() < 0.5
        with meanwhile(lambda is_over, at_copy=at_copy: breaker.act(is_over, at_copy=at_copy)):
            failures += failed(capfd, caplog)
        if dice.random() < 0.5:
            change_rows(source, number)
        dlt_pipelines.sync()
        assert_in_step(services, source)
        change_rows(source, number + 1)
    with capfd.disabled():
        print(f"{side}: connections ended in {breaker.ended} of {ROUNDS} runs, {failures} failed")
    assert breaker.ended
    dlt_pipelines.sync()
    assert_in_step(services, source)
    assert dlt_pipelines.sync().is_idle


class Cluster:
    """A PostgreSQL of its own, which may be restarted."""

    def __init__(self, home: Path) -> None:
        self._service = PostgresService(home)
        self._home = home
        endpoint = self._service.start()
        self.environment = {
            "DESTINATION_DATABASE_NAME": "warehouse",
            "DESTINATION_DATABASE_USER": PostgresService.USER,
            "DESTINATION_DATABASE_PASS": Secrets.of(home).postgres_password.get_secret_value(),
            "DESTINATION_DATABASE_HOST": "127.0.0.1",
            "DESTINATION_DATABASE_PORT": endpoint["port"],
        }

    def crash(self) -> None:
        """As after a power cut, the disk's own cache aside: no checkpoint, no WAL written out."""
        self._control("restart", "-m", "immediate")

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def _control(self, *arguments: str) -> None:
        installation = self._service._installation
        assert installation is not None
        self._service._run(installation, "pg_ctl", *arguments, "-w")


@pytest.fixture
def cluster(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The warehouse's, for as long as the test runs."""
    home = Path(tempfile.mkdtemp(prefix="eden-test-"))
    try:
        made = Cluster(home)
        for variable, value in made.environment.items():
            monkeypatch.setenv(variable, value)
        yield made
        made.stop()
    finally:
        private = PRIVATE_FOLDERS / f"eden-{Secrets.of(home).home_id}"
        shutil.rmtree(private, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.timeout(900)
def test_a_warehouse_that_crashes_midway(
    cluster: Cluster,
    services: Services,
    source: psycopg.Connection,
    dice: random.Random,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    failures = 0
    for number in range(ROUNDS):
        delay = dice.uniform(0.2, 1.5)

        def crash(is_over: threading.Event, delay: float = delay) -> None:
            is_over.wait(delay)
            cluster.crash()

        with meanwhile(crash):
            failures += failed(capfd, caplog)
        dlt_pipelines.sync()
        assert_in_step(services, source)
        change_rows(source, number)
    with capfd.disabled():
        print(f"the warehouse crashed in {ROUNDS} runs, {failures} failed")
    dlt_pipelines.sync()
    # What a run has remembered as loaded is on disk, though its loads do not wait for the disk.
    cluster.crash()
    assert_in_step(services, source)
    assert dlt_pipelines.sync().is_idle


@pytest.mark.parametrize("is_first_load", [True, False], ids=["first load", "merge"])
def test_a_row_that_the_warehouse_refuses_is_not_quoted(
    services: Services,
    source: psycopg.Connection,
    is_first_load: bool,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    if not is_first_load:
        dlt_pipelines.sync()
    # The server's message would be: Failing row contains (...).
    with services.warehouse() as warehouse:
        warehouse.execute(
            "ALTER TABLE staging.pacs_reports ADD CONSTRAINT refusal CHECK (status <> 'REFUSED')"
        )
    source.execute(
        "UPDATE pacs_reports SET status = 'REFUSED', updated_at = clock_timestamp() "
        "WHERE id = (SELECT id FROM pacs_reports ORDER BY id LIMIT 1)"
    )
    assert failed(capfd, caplog)
    with services.warehouse() as warehouse:
        warehouse.execute("ALTER TABLE staging.pacs_reports DROP CONSTRAINT refusal")
    dlt_pipelines.sync()
    assert_in_step(services, source)

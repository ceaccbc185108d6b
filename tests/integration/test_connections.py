"""The export's pool of connections: what it lends, how it fails, and that nothing of it stays."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from dicom_export import connections as pool
from dicom_export.connections import Connections
from eden.embedded import EmbeddedServices
from eden.errors import DatabaseUnavailable
from eden.settings import DestinationDatabase, load
from tests.conftest import Services, administrator

OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'eden export'"
SECONDS_TO_CLOSE = 10
UNCLOSED = """
from dicom_export.connections import Connections
from eden.settings import DestinationDatabase, load
connections = Connections(load(DestinationDatabase))
with connections.borrow() as connection:
    print(connection.execute("SELECT 1").fetchone())
"""


def count(warehouse: psycopg.Connection) -> int:
    (rows,) = warehouse.execute(OURS).fetchone() or (0,)
    return int(rows)


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + SECONDS_TO_CLOSE
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_one_connection_serves_one_use_after_another_and_none_stays(services: Services) -> None:
    threads = set(threading.enumerate())
    with services.warehouse() as warehouse:
        with Connections(load(DestinationDatabase)) as connections:
            used = set()
            for _ in range(5):
                with connections.borrow() as connection:
                    used.add(connection.info.backend_pid)
                    row = connection.execute("SHOW timezone").fetchone()
                    assert row == ("UTC",)
                    assert connection.autocommit
            assert len(used) == 1
            assert eventually(lambda: count(warehouse) == 1)
        assert eventually(lambda: count(warehouse) == 0)
    assert set(threading.enumerate()) <= threads


def test_a_server_that_is_not_there_is_named_at_once(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DESTINATION_DATABASE_PORT", "1")
    database = load(DestinationDatabase)
    started = time.monotonic()
    with (
        caplog.at_level(logging.DEBUG),
        Connections(database) as connections,
        pytest.raises(DatabaseUnavailable, match="refused") as raised,
        connections.borrow(),
    ):
        pass
    assert str(raised.value).startswith(f"{database.label}: ")
    assert time.monotonic() - started < pool.WAIT_SECONDS / 2
    assert caplog.text == ""


def test_a_connection_that_breaks_is_replaced(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    database = load(DestinationDatabase)
    with (
        caplog.at_level(logging.INFO),
        services.warehouse() as warehouse,
        Connections(database) as connections,
    ):
        with pytest.raises(DatabaseUnavailable) as raised, connections.borrow() as connection:
            warehouse.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
            while True:
                connection.execute("SELECT pg_sleep(0.01)")
        assert str(raised.value) == f"{database.label}: AdminShutdown"
        with connections.borrow() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert caplog.text == ""


def test_a_server_that_went_away_gives_its_own_reason(
    services: Services,
    running: EmbeddedServices,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(pool, "WAIT_SECONDS", 0.5)
    database = load(DestinationDatabase)
    name = sql.Identifier(database.name)
    allow = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
    with (
        caplog.at_level(logging.INFO),
        administrator(running) as admin,
        Connections(database) as connections,
        connections.borrow(),
    ):
        admin.execute(allow.format(name, sql.SQL("false")))
        # The one connection is lent: another use needs a new one.
        with (
            pytest.raises(DatabaseUnavailable, match="not currently accepting connections"),
            connections.borrow(),
        ):
            pass
        admin.execute(allow.format(name, sql.SQL("true")))
    assert caplog.text == ""


def test_waiting_for_a_free_connection_ends_with_an_error(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "WAIT_SECONDS", 0.5)
    monkeypatch.setattr(pool, "MAX_CONNECTIONS", 1)
    with (
        Connections(load(DestinationDatabase)) as connections,
        connections.borrow(),
        pytest.raises(DatabaseUnavailable, match=r"couldn't get a connection after 0\.50 sec"),
        connections.borrow(),
    ):
        pass


def test_an_unclosed_pool_neither_warns_nor_holds_the_process(services: Services) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", UNCLOSED],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "(1,)\n", "")

"""The one lock of a warehouse: sync, validate, build and forget hold it (design, section 3)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from eden import postgres
from eden.errors import LockHeld
from eden.postgres import Connection
from eden.settings import DestinationDatabase, Sync, load

LOCK_KEY = 0x6564656E_6C6F636B  # "edenlock"
POLL_SECONDS = 0.2


@contextmanager
def warehouse_lock(warehouse: DestinationDatabase, holder: str) -> Iterator[Connection]:
    """Hold the lock until the context ends; yield the connection that holds it.

    ``holder`` names this run in the error of a second one, such as ``etl``. The server releases the
    lock when the connection ends, also that of a killed process.

    Raises:
        LockHeld: another run held the lock for ``SYNC_LOCK_WAIT`` seconds; the error names it.
        DatabaseUnavailable: the warehouse is unreachable.
    """
    wait_seconds = load(Sync).lock_wait_seconds
    name = f"vlm-eden-dataset-etl {holder}"
    with postgres.connect(warehouse, application_name=name, autocommit=True) as connection:
        _acquire(connection, warehouse.label, wait_seconds)
        yield connection


def _acquire(connection: Connection, label: str, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,)).fetchone()
        if row is not None and row[0]:
            return
        if time.monotonic() >= deadline:
            raise LockHeld(f"{label} is in use by {_holder(connection)}; nothing was done")
        time.sleep(POLL_SECONDS)


def _holder(connection: Connection) -> str:
    row = connection.execute(
        """
        SELECT activity.application_name, activity.pid, activity.client_addr
        FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
        WHERE locktype = 'advisory' AND granted
            AND (classid::bigint << 32 | objid::bigint) = %s AND objsubid = 1
        """,
        (LOCK_KEY,),
    ).fetchone()
    if row is None:
        return "a run that has just ended"
    name, pid, address = row
    return f"{name or 'another run'} (server process {pid}, from {address or 'this machine'})"

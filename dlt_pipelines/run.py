"""The frame of every run: the lock of the warehouse, a snapshot of the source, dlt's folder."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psycopg

from dlt_pipelines.source import CONFLICT_WITH_RECOVERY, Snapshot, snapshot
from eden.errors import SourceConflict, SyncFailed
from eden.postgres import Connection
from eden.settings import DestinationDatabase, Machine, SourceDatabase, load
from eden.warehouse import schema
from eden.warehouse.lock import warehouse_lock

logger = logging.getLogger(__name__)

CONFLICT_RETRIES = 3

PENDING = ("normalize/extracted", "load/new", "load/normalized")
"""Where dlt keeps the load packages of a pipeline that are not loaded yet."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RunContext:
    """One moment of the source, and the warehouse under lock."""

    snapshot: Snapshot
    connection: Connection
    warehouse: DestinationDatabase
    folder: Path
    """``DLT_DATA_DIR`` of dlt's own commands."""


@contextmanager
def open_run(name: str) -> Iterator[RunContext]:
    """Take the lock, bring the warehouse's own tables up to date and open a snapshot.

    Raises:
        ConfigurationError: a setting of one of the two databases is missing.
        DatabaseUnavailable: one of them can't be reached; the warehouse is unchanged.
        LockHeld: another run works on the warehouse.
        SyncFailed: a database failed during the run; its message is left out, since it can quote a
            row.
    """
    source, warehouse = load(SourceDatabase), load(DestinationDatabase)
    folder = load(Machine).home / "dlt"
    try:
        with warehouse_lock(warehouse, name) as connection, snapshot(source) as view:
            _drop_pending_packages(folder)
            schema.migrate(connection)
            yield RunContext(view, connection, warehouse, folder)
    except psycopg.Error as error:
        reason = f"{type(error).__name__} (SQLSTATE {error.sqlstate or 'none'})"
        kind = SourceConflict if error.sqlstate == CONFLICT_WITH_RECOVERY else SyncFailed
        raise kind(f"{source.label} to {warehouse.label}: {reason}") from None


def _drop_pending_packages(folder: Path) -> None:
    """Remove the files that an interrupted run left: this run reads again from the watermark.

    The lock of the warehouse is held, so no other run uses the folder. dlt's own call for this is
    not used, since dlt takes seconds to import and an idle run does not need it.
    """
    for pending in PENDING:
        for package in folder.glob(f"pipelines/*/{pending}/*"):
            shutil.rmtree(package)
    # The folders of the streams' names, and the pipelines of earlier versions.
    for leftover in folder.glob("tmp*"):
        shutil.rmtree(leftover, ignore_errors=True)


def retry_conflicts(run: Callable[[], Result]) -> Result:
    """Call ``run`` again, up to three times, if a standby as the source has cancelled it.

    Raises:
        SourceConflict: it was cancelled every time.
    """
    for _ in range(CONFLICT_RETRIES):
        try:
            return run()
        except SourceConflict as error:
            logger.warning("%s; reading again", error)
    return run()

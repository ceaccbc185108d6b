"""One run of replication: probe, read, load, then move the watermarks (design, section 3).

A watermark is written after its rows are loaded. A run that is interrupted anywhere is completed by
the next one, which reads again from the watermark; a row that is read twice is written once
(``destination.py``).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from dlt_pipelines import ledger, moves, staging
from dlt_pipelines.ledger import TableOutcome
from dlt_pipelines.organizations import choose, register
from dlt_pipelines.probe import Probe, TableRead, overlap_start
from dlt_pipelines.run import RunContext, open_run, retry_conflicts
from dlt_pipelines.source import NOBODY, Stream
from dlt_pipelines.streams import parts_of
from dlt_pipelines.tables import TABLES, TableSpec
from eden import logs, progress
from eden.errors import SourceMismatch, SyncFailed
from eden.settings import Sync, load

logger = logging.getLogger(__name__)

READERS = 2
"""Parts of a large table that are read at once, when all rows of an organization are read."""


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """The result of a run."""

    run_id: UUID
    organizations: int
    new_organizations: int
    outcomes: tuple[TableOutcome, ...] = ()
    notes: tuple[str, ...] = ()
    """Columns and tables that came or went, for people."""
    seconds: float = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to read."""
        return not self.outcomes

    @property
    def rows_read(self) -> int:
        """Rows that came from the source, those of the overlap included."""
        return sum(outcome.rows_read for outcome in self.outcomes)

    @property
    def rows_written(self) -> int:
        """Rows that were inserted or changed in ``staging``."""
        return sum(outcome.rows_written for outcome in self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """A document for ``--json``."""
        return {
            "run_id": str(self.run_id),
            "organizations": self.organizations,
            "new_organizations": self.new_organizations,
            "rows_read": self.rows_read,
            "rows_written": self.rows_written,
            "is_idle": self.is_idle,
            "tables": [
                {
                    "table": outcome.table,
                    "organization_id": outcome.organization_id and str(outcome.organization_id),
                    "rows_read": outcome.rows_read,
                    "rows_written": outcome.rows_written,
                }
                for outcome in self.outcomes
            ],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }


def sync(
    organizations: Collection[str] = (), *, tables: Sequence[TableSpec] = TABLES
) -> SyncSummary:
    """Bring ``staging`` up to date with the source, for all organizations or the named ones.

    Organizations are named by slug or id. Tables without an organization are always brought up to
    date. Organizations that are new in the source get their schemas first.

    Raises:
        ConfigurationError: a setting of one of the two databases is missing.
        DatabaseUnavailable: one of them can't be reached; the warehouse is unchanged.
        LockHeld: another run works on the warehouse.
        UnknownOrganization: no organization has this slug or id.
        UsageError: several organizations have this slug.
        OrganizationForgotten: a named organization was forgotten.
        SyncFailed: a table or a connection failed; the next run reads the same rows again.
    """

    def once() -> SyncSummary:
        with open_run("sync") as context:
            return SyncRun(context).run(organizations, tables)

    return retry_conflicts(once)


def sync_organizations() -> SyncSummary:
    """Bring ``pacs_organizations`` up to date and give new organizations their schemas.

    Raises:
        EdenError: as :func:`sync` does.
    """
    return sync(tables=[table for table in TABLES if not table.owned])


class SyncRun:
    """One run for :func:`sync`, within an open context."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._snapshot = context.snapshot
        self._connection = context.connection
        self._settings = load(Sync)
        self._overlap = timedelta(minutes=self._settings.overlap_minutes)
        self._id = uuid.uuid4()
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()

    def run(self, names: Collection[str], tables: Sequence[TableSpec]) -> SyncSummary:
        """Probe, load and record; log records and rows of ``ops.sync_runs`` share the run's id."""
        with logs.about(run_id=self._id):
            return self._run(names, tables)

    def _run(self, names: Collection[str], tables: Sequence[TableSpec]) -> SyncSummary:
        everyone = self._snapshot.organizations()
        new = register(self._connection, everyone)
        chosen = choose(everyone, names, ledger.forgotten(self._connection))
        moves.apply(self._connection)
        probe = Probe(self._context, self._overlap)
        reads = probe.run(tables, chosen)
        self._record_failures(probe.failures)
        outcomes = self._load(reads) if reads else []
        summary = SyncSummary(
            run_id=self._id,
            organizations=len(chosen),
            new_organizations=len(new),
            outcomes=tuple(outcomes),
            notes=tuple(probe.notes),
            seconds=time.monotonic() - self._started,
        )
        is_idle = summary.is_idle and not new and not probe.failures
        ledger.record_heartbeat(
            self._connection,
            self._id,
            summary.rows_read,
            is_idle=is_idle,
            organizations=_completely_read(names, tables, chosen),
        )
        if not summary.is_idle:
            logger.info(
                "%d tables of %d organizations: %d rows read, %d written",
                len(reads),
                len(chosen),
                summary.rows_read,
                summary.rows_written,
            )
            ledger.prune(self._connection, self._settings.retention_days)
        if probe.failures:
            raise SyncFailed("; ".join(map(str, probe.failures.values())))
        return summary

    def _record_failures(self, failures: Mapping[str, SourceMismatch]) -> None:
        for table, error in failures.items():
            ledger.record_failure(self._connection, self._id, table, error.code, self._started_at)

    def _load(self, reads: Sequence[TableRead]) -> list[TableOutcome]:
        # dlt takes seconds to import, and an idle run does not need it.
        from dlt_pipelines import loading  # noqa: PLC0415

        ledger.announce(self._connection, self._id, "sync")
        ledger.clear_written(self._connection)
        streams: dict[str, Stream] = {}
        for read in reads:
            streams |= self._streams(read)
            if read.has_moves:
                ledger.note_new_partitions(self._connection, read.table, read.empty)
        loading.load(streams, self._snapshot, self._context.warehouse, self._context.folder)
        moves.apply(self._connection)
        outcomes: list[TableOutcome] = []
        for number, read in enumerate(reads):
            outcomes += self._record(read)
            progress.report("load", number + 1, len(reads))
        return outcomes

    def _streams(self, read: TableRead) -> dict[str, Stream]:
        table = read.table
        direct = {owner: read.since[owner] for owner in read.empty}
        merged = {o: moment for o, moment in read.since.items() if o not in direct}
        streams: dict[str, Stream] = {}
        if direct:
            parts = parts_of(*self._snapshot.size(table), READERS)
            for number, blocks in enumerate(parts):
                streams[f"{table.name}-{number}"] = Stream(
                    table,
                    read.columns,
                    direct,
                    "target",
                    blocks=blocks if len(parts) > 1 else None,
                )
        if merged or read.new_parents:
            streams[f"{table.name}-merge"] = Stream(
                table, read.columns, merged, "merge", parents=read.new_parents
            )
        return streams

    def _record(self, read: TableRead) -> list[TableOutcome]:
        """Move the watermarks and write the history of a loaded table, in one transaction."""
        table = read.table
        written = ledger.written(self._connection, table)
        written |= staging.count(self._connection, table, read.empty)
        windows = self._snapshot.windows(
            table, dict.fromkeys(read.owners, overlap_start(read.watermark, self._overlap))
        )
        outcomes = [
            TableOutcome(
                table.name,
                None if owner == NOBODY else owner,
                read.rows.get(owner, written.get(owner, 0)),
                written.get(owner, 0),
            )
            for owner in [*read.since, *(o for o in written if o not in read.since)]
        ]
        seconds = time.monotonic() - self._started
        with self._connection.transaction():
            ledger.advance(self._connection, table, read.watermark, windows)
            ledger.record(
                self._connection,
                self._id,
                outcomes,
                started_at=self._started_at,
                seconds=seconds,
                watermark=read.watermark,
            )
        return outcomes


def _completely_read(
    names: Collection[str], tables: Sequence[TableSpec], chosen: Sequence[UUID]
) -> Sequence[UUID] | None:
    """The organizations of which a run has read all tables; None stands for all organizations."""
    if {table.name for table in TABLES} - {table.name for table in tables}:
        return []
    return chosen if names else None

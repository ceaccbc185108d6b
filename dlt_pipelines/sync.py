"""One run of replication: probe, read, load, remember (design, section 3, "Incremental").

Nothing is remembered before it is loaded: a run that ends anywhere is completed by the next, which
reads again from the watermark. What it reads twice is written once (``destination.py``).
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import psycopg

from dlt_pipelines import ledger, moves, staging
from dlt_pipelines.ledger import TableOutcome, Total, Watermark
from dlt_pipelines.organizations import SourceOrganization, register
from dlt_pipelines.source import CONFLICT_WITH_RECOVERY, NOBODY, Snapshot, snapshot
from dlt_pipelines.streams import Stream, parts_of
from dlt_pipelines.tables import TABLES, TableSpec, children_of, needed_columns
from eden import logs, progress
from eden.errors import (
    OrganizationForgotten,
    SourceConflict,
    SourceMismatch,
    SyncFailed,
    UnknownOrganization,
    UsageError,
)
from eden.postgres import Connection
from eden.settings import DestinationDatabase, Machine, SourceDatabase, Sync, load
from eden.warehouse import schema
from eden.warehouse.lock import warehouse_lock

logger = logging.getLogger(__name__)

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
"""The watermark of a table that has no row yet."""

CONFLICT_RETRIES = 3

Result = TypeVar("Result")

READERS = 2
"""Parts of a large table that are read at once, when an organization is read as a whole."""


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """What a run did."""

    run_id: UUID
    organizations: int
    new_organizations: int
    outcomes: tuple[TableOutcome, ...] = ()
    notes: tuple[str, ...] = ()
    """What a person should know: columns that came and went."""
    seconds: float = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to read."""
        return not self.outcomes

    @property
    def rows_read(self) -> int:
        """Rows that came from the source, those of overlap windows included."""
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


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one table gives in this run."""

    table: TableSpec
    columns: Mapping[str, str]
    owners: Sequence[UUID]
    """All organizations of this run: their watermarks move together, so that the next probe can ask
    for all of them by one moment."""
    since: Mapping[UUID, datetime | None]
    """Per organization to read: from when on; None reads everything."""
    hanging: Sequence[UUID]
    """Parents that are new in their partition: all that hangs from them is read, however old."""
    empty: Sequence[UUID]
    """Those whose partition is empty: their rows need no merge."""
    rows: Mapping[UUID, int]
    """Rows of the windows to read; an organization read as a whole is not counted."""
    moment: datetime
    """The watermark after this run."""
    has_moves: bool
    """Whether rows of an organization read as a whole may lie in another's partition."""


def sync(
    organizations: Collection[str] = (), *, tables: Sequence[TableSpec] = TABLES
) -> SyncSummary:
    """Bring ``staging`` up to date with the source, for all organizations or the named ones.

    Organizations are named by slug or id. Tables that belong to nobody are always brought up to
    date. Organizations new in the source get their schemas first.

    Raises:
        ConfigurationError: a setting of one of the two databases is missing.
        DatabaseUnavailable: one of them can't be reached; the warehouse is unchanged.
        LockHeld: another run works on the warehouse.
        UnknownOrganization: no organization has this slug or id.
        UsageError: several organizations have this slug.
        OrganizationForgotten: one of those named was forgotten.
        SyncFailed: a table or a connection failed; the next run reads the same rows again.
    """

    def once() -> SyncSummary:
        with open_run("sync") as place:
            return _Run(place).run(organizations, tables)

    return despite_conflicts(once)


def despite_conflicts(run: Callable[[], Result]) -> Result:
    """Run again where a standby as the source has cancelled it, a few times.

    Raises:
        SourceConflict: it was cancelled every time.
    """
    for _ in range(CONFLICT_RETRIES):
        try:
            return run()
        except SourceConflict as error:
            logger.warning("%s; reading again", error)
    return run()


def sync_organizations() -> SyncSummary:
    """Bring ``pacs_organizations`` up to date and give new organizations their schemas.

    Raises:
        EdenError: as :func:`sync` does.
    """
    return sync(tables=[table for table in TABLES if not table.owned])


@dataclass(frozen=True, slots=True)
class Place:
    """What a run works with: one moment of the source, and the warehouse under lock."""

    view: Snapshot
    connection: Connection
    warehouse: DestinationDatabase
    folder: Path


@contextmanager
def open_run(name: str) -> Iterator[Place]:
    """Take the lock, bring the warehouse's own tables up to date and open a snapshot.

    Raises:
        ConfigurationError: a setting of one of the two databases is missing.
        DatabaseUnavailable: one of them can't be reached; the warehouse is unchanged.
        LockHeld: another run works on the warehouse.
        SyncFailed: a database failed on the way; its message is left out, since it may quote a row.
    """
    source, warehouse = load(SourceDatabase), load(DestinationDatabase)
    try:
        with (
            warehouse_lock(warehouse, name) as connection,
            _private_folder(load(Machine).home) as folder,
            snapshot(source) as view,
        ):
            schema.migrate(connection)
            yield Place(view, connection, warehouse, folder)
    except psycopg.Error as error:
        reason = f"{type(error).__name__} (SQLSTATE {error.sqlstate or 'none'})"
        kind = SourceConflict if error.sqlstate == CONFLICT_WITH_RECOVERY else SyncFailed
        raise kind(f"{source.label} to {warehouse.label}: {reason}") from None


@contextmanager
def _private_folder(home: Path) -> Iterator[Path]:
    """Dlt's working folder for one run: a new one, and gone afterwards."""
    parent = home / "dlt"
    parent.mkdir(parents=True, exist_ok=True)
    # What an interrupted run left: nobody else is at work, since the lock is held.
    for leftover in parent.iterdir():
        shutil.rmtree(leftover, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Run:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._view = place.view
        self._connection = place.connection
        self._settings = load(Sync)
        self._overlap = timedelta(minutes=self._settings.overlap_minutes)
        self._id = uuid.uuid4()
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()
        self._notes: list[str] = []
        self._failures: dict[str, str] = {}
        self._new: dict[str, list[UUID]] = {}

    def run(self, names: Collection[str], tables: Sequence[TableSpec]) -> SyncSummary:
        """Read, load and remember; the records of the log bear the id of the history's rows."""
        with logs.about(run_id=self._id):
            return self._run(names, tables)

    def _run(self, names: Collection[str], tables: Sequence[TableSpec]) -> SyncSummary:
        everyone = self._view.organizations()
        new = register(self._connection, everyone)
        chosen = choose(everyone, names, ledger.forgotten(self._connection))
        moves.apply(self._connection)
        readings = self._probe(tables, chosen)
        outcomes = self._load(readings) if readings else []
        summary = SyncSummary(
            run_id=self._id,
            organizations=len(chosen),
            new_organizations=len(new),
            outcomes=tuple(outcomes),
            notes=tuple(self._notes),
            seconds=time.monotonic() - self._started,
        )
        is_idle = summary.is_idle and not new and not self._failures
        ledger.beat(
            self._connection,
            self._id,
            summary.rows_read,
            is_idle=is_idle,
            organizations=_read_by(names, tables, chosen),
        )
        if not summary.is_idle:
            logger.info(
                "%d tables of %d organizations: %d rows read, %d written",
                len(readings),
                len(chosen),
                summary.rows_read,
                summary.rows_written,
            )
            ledger.prune(self._connection, self._settings.retention_days)
        if self._failures:
            raise SyncFailed("; ".join(self._failures.values()))
        return summary

    def _probe(self, tables: Sequence[TableSpec], chosen: Sequence[UUID]) -> list[_Reading]:
        known: dict[str, dict[UUID, Watermark]] | None = None
        totals = ledger.totals(self._connection)
        owners = {True: ledger.fingerprint(chosen), False: ledger.fingerprint([NOBODY])}
        catalog = staging.catalog(self._connection)
        readings: list[_Reading] = []
        for table in tables:
            try:
                self._require_parents(table)
                columns, is_new = self._columns(table, catalog.get(table.name))
                hangs = table.parent is not None and self._new.get(table.parent.table)
                if not (is_new or hangs) and self._is_idle(table, totals, owners[table.owned]):
                    continue
                if known is None:
                    known = ledger.watermarks(self._connection)
                reading = self._probe_table(
                    table, columns, chosen, {} if is_new else known.get(table.name, {})
                )
            except SourceMismatch as error:
                self._failures[table.name] = str(error)
                ledger.record_failure(
                    self._connection, self._id, table.name, error.code, self._started_at
                )
                continue
            if reading is not None:
                readings.append(reading)
        return readings

    def _is_idle(self, table: TableSpec, totals: Mapping[str, list[Total]], owners: str) -> bool:
        """Whether nothing changed since all organizations of this run were last read together.

        One question for a table, whoever its rows belong to; where the answer is no, or the
        watermarks are not alike, they are looked at one by one.
        """
        together = totals.get(table.name, [])
        if len(together) != 1 or together[0].owners != owners:
            return False
        window = self._view.total(table, self._since(together[0].moment))
        return (window.rows, window.checksum) == (together[0].rows, together[0].checksum)

    def _require_parents(self, table: TableSpec) -> None:
        for spec, names in needed_columns(table):
            self._view.require(spec, names)
        if table.parent is not None and table.parent.table in self._failures:
            raise SourceMismatch(f"{table.name} hangs from {table.parent.table}; not loaded either")

    def _columns(
        self, table: TableSpec, ours: Mapping[str, str] | None
    ) -> tuple[dict[str, str], bool]:
        """The columns to read, and whether every row has to be read for their sake.

        Raises:
            SourceMismatch: a column's type changed, or is one that the warehouse does not know.
        """
        theirs = self._view.columns(table)
        if ours is None:
            staging.create_table(self._connection, table, theirs, source=self._view.label)
            self._notes.append(f"{table.name}: new table")
            ours = staging.catalog(self._connection)[table.name]
        shared = shared_columns(self._view, table, ours)
        self._notes += [
            f"{table.name}: column {name} is gone from the source"
            for name in ours
            if name not in shared
        ]
        added = {name: kind for name, kind in theirs.items() if name not in ours}
        if added:
            staging.add_columns(self._connection, table, added, source=self._view.label)
            self._notes += [f"{table.name}: new column {name}" for name in added]
        return shared | added, bool(added)

    def _probe_table(
        self,
        table: TableSpec,
        columns: Mapping[str, str],
        chosen: Sequence[UUID],
        known: Mapping[UUID, Watermark],
    ) -> _Reading | None:
        """Decide what to read of one table; None where nothing changed."""
        owners = chosen if table.owned else [NOBODY]
        windows = self._view.windows(
            table, {o: self._since(known[o].moment) for o in owners if o in known}
        )
        since: dict[UUID, datetime | None] = {
            owner: self._since(known[owner].moment)
            for owner, window in windows.items()
            if (window.rows, window.checksum)
            != (known[owner].window_rows, known[owner].window_checksum)
        }
        whole = [owner for owner in owners if owner not in known]
        since |= dict.fromkeys(whole)
        hanging = self._new.get(table.parent.table, []) if table.parent is not None else []
        if not since and not hanging:
            return None
        filled = staging.filled(self._connection, table, whole)
        empty = [owner for owner in whole if owner not in filled] if table.owned else []
        if children_of(table):
            merged = {owner: moment for owner, moment in since.items() if owner not in set(empty)}
            self._new[table.name] = self._find_new(table, merged, hanging)
        return _Reading(
            table=table,
            columns=columns,
            owners=owners,
            since=since,
            hanging=hanging,
            empty=empty,
            rows={owner: windows[owner].rows for owner in since if owner in windows},
            moment=self._moment(table, list(since) or owners, known),
            has_moves=moves.movable(table) and bool(known or filled),
        )

    def _since(self, moment: datetime) -> datetime:
        """The start of the overlap before a watermark."""
        return moment - self._overlap if moment - BEGINNING > self._overlap else BEGINNING

    def _find_new(
        self,
        table: TableSpec,
        since: Mapping[UUID, datetime | None],
        parents: Sequence[UUID],
    ) -> list[UUID]:
        """Ids of rows to read that are not in their partition yet, of a table with children.

        Rows that hang from them may be older than any window: a study that comes from another
        organization brings them along, whether that one was ever read or not.
        """
        new: list[UUID] = []
        for page in self._view.ids(table, since, parents):
            new += staging.absent(self._connection, table, page)
        return new

    def _moment(
        self,
        table: TableSpec,
        owners: Sequence[UUID],
        known: Mapping[UUID, Watermark],
    ) -> datetime:
        newest = self._view.newest(table, owners)
        earlier = [watermark.moment for watermark in known.values()]
        return max([BEGINNING, *earlier, *([newest] if newest else [])])

    def _load(self, readings: Sequence[_Reading]) -> list[TableOutcome]:
        # dlt takes seconds to import: an idle run never needs it.
        from dlt_pipelines import loading  # noqa: PLC0415

        ledger.announce(self._connection, self._id, "sync")
        ledger.clear_written(self._connection)
        streams: dict[str, Stream] = {}
        for reading in readings:
            streams |= self._streams(reading)
            if reading.has_moves:
                ledger.note_new_partitions(self._connection, reading.table, reading.empty)
        loading.load(streams, self._view, self._place.warehouse, self._place.folder)
        moves.apply(self._connection)
        outcomes: list[TableOutcome] = []
        for number, reading in enumerate(readings):
            outcomes += self._remember(reading)
            progress.report("load", number + 1, len(readings))
        return outcomes

    def _streams(self, reading: _Reading) -> dict[str, Stream]:
        table = reading.table
        direct = {owner: reading.since[owner] for owner in reading.empty}
        merged = {o: moment for o, moment in reading.since.items() if o not in direct}
        streams: dict[str, Stream] = {}
        if direct:
            parts = parts_of(*self._view.size(table), READERS)
            for number, blocks in enumerate(parts):
                streams[f"{table.name}-{number}"] = Stream(
                    table,
                    reading.columns,
                    direct,
                    "target",
                    blocks=blocks if len(parts) > 1 else None,
                )
        if merged or reading.hanging:
            streams[f"{table.name}-merge"] = Stream(
                table, reading.columns, merged, "merge", parents=reading.hanging
            )
        return streams

    def _remember(self, reading: _Reading) -> list[TableOutcome]:
        """Move the watermarks and write the history of one loaded table, in one transaction."""
        table = reading.table
        written = ledger.written(self._connection, table)
        written |= staging.count(self._connection, table, reading.empty)
        windows = self._view.windows(
            table, dict.fromkeys(reading.owners, self._since(reading.moment))
        )
        outcomes = [
            TableOutcome(
                table.name,
                None if owner == NOBODY else owner,
                reading.rows.get(owner, written.get(owner, 0)),
                written.get(owner, 0),
            )
            for owner in [*reading.since, *(o for o in written if o not in reading.since)]
        ]
        seconds = time.monotonic() - self._started
        with self._connection.transaction():
            ledger.advance(self._connection, table, reading.moment, windows)
            ledger.record(
                self._connection,
                self._id,
                outcomes,
                started_at=self._started_at,
                seconds=seconds,
                watermark=reading.moment,
            )
        return outcomes


def shared_columns(view: Snapshot, table: TableSpec, ours: Mapping[str, str]) -> dict[str, str]:
    """The columns that both sides have, the one that is derived from a parent included.

    Raises:
        SourceMismatch: the source has no such table, or a column's type is another there.
    """
    theirs = view.columns(table)
    if table.parent is not None:
        theirs = theirs | {"organization_id": "uuid"}
    shared = {name: kind for name, kind in ours.items() if name in theirs}
    changed = {name: kind for name, kind in shared.items() if theirs[name] != kind}
    if changed:
        said = ", ".join(f"{n} is {theirs[n]}, was {kind}" for n, kind in changed.items())
        raise SourceMismatch(f"{view.label}: table {table.name}: {said}; it was not loaded")
    return shared


def choose(
    everyone: Collection[SourceOrganization], names: Collection[str], forgotten: Collection[UUID]
) -> list[UUID]:
    """The organizations to replicate, by slug or id; all of them where none is named.

    Raises:
        UnknownOrganization: no organization has this slug or id.
        UsageError: several have this slug; only an id says which is meant.
        OrganizationForgotten: one of those named was forgotten.
    """
    if not names:
        return [found.id for found in everyone if found.id not in forgotten]
    called = {name: {o.id for o in everyone if name in (o.slug, str(o.id))} for name in names}
    unknown = [name for name, ids in called.items() if not ids]
    if unknown:
        raise UnknownOrganization(f"no organization is called {', '.join(unknown)}")
    for name, ids in called.items():
        if len(ids) > 1:
            raise several_called(name, ids)
    gone = [name for name, ids in called.items() if ids & set(forgotten)]
    if gone:
        raise OrganizationForgotten(
            f"{', '.join(gone)}: forgotten here; eden forget-organization --restore brings it back"
        )
    return list(dict.fromkeys(found for ids in called.values() for found in ids))


def several_called(name: str, ids: Collection[UUID]) -> UsageError:
    """The error of a slug that several organizations have."""
    listed = ", ".join(sorted(map(str, ids)))
    return UsageError(f"{len(ids)} organizations are called {name}: say which of {listed}")


def _read_by(
    names: Collection[str], tables: Sequence[TableSpec], chosen: Sequence[UUID]
) -> Sequence[UUID] | None:
    """The organizations whose every table a run has looked at; None, all of them."""
    if {table.name for table in TABLES} - {table.name for table in tables}:
        return []
    return chosen if names else None

"""The probe of a run: which rows of which tables changed in the source since the last run.

Few cheap queries decide it (design, section 3, "Incremental"); if nothing changed, nothing is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from dlt_pipelines import ledger, moves, staging
from dlt_pipelines.ledger import Total, Watermark
from dlt_pipelines.run import RunContext
from dlt_pipelines.source import NOBODY, shared_columns
from dlt_pipelines.tables import TableSpec, children_of, needed_columns
from eden.errors import SourceMismatch

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
"""The watermark of a table that has no row yet."""


@dataclass(frozen=True, slots=True)
class TableRead:
    """The rows of one table that a run has to read."""

    table: TableSpec
    columns: Mapping[str, str]
    owners: Sequence[UUID]
    """All organizations of this run. Their watermarks move together, so that the next probe can ask
    for all of them from one moment on."""
    since: Mapping[UUID, datetime | None]
    """The organizations to read, each from a moment on; None reads all rows."""
    new_parents: Sequence[UUID]
    """Parents that are new in their partition: all their rows are read, however old."""
    empty: Sequence[UUID]
    """Organizations whose partition is empty: their rows need no merge."""
    rows: Mapping[UUID, int]
    """The number of rows to read per organization; unknown if all rows are read."""
    watermark: datetime
    """The watermark after this run."""
    has_moves: bool
    """Whether rows that are read here can still lie in another organization's partition."""


def overlap_start(watermark: datetime, overlap: timedelta) -> datetime:
    """The moment from which rows are read again, since rows can commit late."""
    return watermark - overlap if watermark - BEGINNING > overlap else BEGINNING


class Probe:
    """Decides what a run reads.

    Attributes:
        notes: columns and tables that came or went, for people.
        failures: per table, why it cannot be read.
    """

    def __init__(self, context: RunContext, overlap: timedelta) -> None:
        self._snapshot = context.snapshot
        self._connection = context.connection
        self._overlap = overlap
        self._new: dict[str, list[UUID]] = {}
        self.notes: list[str] = []
        self.failures: dict[str, SourceMismatch] = {}

    def run(self, tables: Sequence[TableSpec], chosen: Sequence[UUID]) -> list[TableRead]:
        """The tables that changed, parents before their children.

        Tables and columns that are new in the source are created in the warehouse.
        """
        known: dict[str, dict[UUID, Watermark]] | None = None
        totals = ledger.totals(self._connection)
        owners = {True: ledger.fingerprint(chosen), False: ledger.fingerprint([NOBODY])}
        catalog = staging.catalog(self._connection)
        reads: list[TableRead] = []
        for table in tables:
            try:
                self._require_parents(table)
                columns, is_new = self._columns(table, catalog.get(table.name))
                has_new_parents = table.parent is not None and self._new.get(table.parent.table)
                if not (is_new or has_new_parents) and self._is_idle(
                    table, totals, owners[table.owned]
                ):
                    continue
                if known is None:
                    known = ledger.watermarks(self._connection)
                read = self._probe_table(
                    table, columns, chosen, {} if is_new else known.get(table.name, {})
                )
            except SourceMismatch as error:
                self.failures[table.name] = error
                continue
            if read is not None:
                reads.append(read)
        return reads

    def _is_idle(self, table: TableSpec, totals: Mapping[str, list[Total]], owners: str) -> bool:
        """Whether nothing changed since all organizations of this run were last read together.

        One query for all organizations of a table. False also if their watermarks differ: the
        caller then looks at each organization.
        """
        together = totals.get(table.name, [])
        if len(together) != 1 or together[0].owners != owners:
            return False
        window = self._snapshot.total(table, self._since(together[0].moment))
        return (window.rows, window.checksum) == (together[0].rows, together[0].checksum)

    def _require_parents(self, table: TableSpec) -> None:
        for spec, names in needed_columns(table):
            self._snapshot.require(spec, names)
        if table.parent is not None and table.parent.table in self.failures:
            raise SourceMismatch(f"{table.name} hangs from {table.parent.table}; not loaded either")

    def _columns(
        self, table: TableSpec, ours: Mapping[str, str] | None
    ) -> tuple[dict[str, str], bool]:
        """The columns to read, and whether all rows have to be read because a column is new.

        Raises:
            SourceMismatch: a column's type changed, or the warehouse does not know it.
        """
        theirs = self._snapshot.columns(table)
        if ours is None:
            staging.create_table(self._connection, table, theirs, source=self._snapshot.label)
            self.notes.append(f"{table.name}: new table")
            ours = staging.catalog(self._connection)[table.name]
        shared = shared_columns(self._snapshot, table, ours)
        self.notes += [
            f"{table.name}: column {name} is gone from the source"
            for name in ours
            if name not in shared
        ]
        added = {name: kind for name, kind in theirs.items() if name not in ours}
        if added:
            staging.add_columns(self._connection, table, added, source=self._snapshot.label)
            self.notes += [f"{table.name}: new column {name}" for name in added]
        return shared | added, bool(added)

    def _probe_table(
        self,
        table: TableSpec,
        columns: Mapping[str, str],
        chosen: Sequence[UUID],
        known: Mapping[UUID, Watermark],
    ) -> TableRead | None:
        """The rows to read of one table; None if nothing changed."""
        owners = chosen if table.owned else [NOBODY]
        windows = self._snapshot.windows(
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
        new_parents = self._new.get(table.parent.table, []) if table.parent is not None else []
        if not since and not new_parents:
            return None
        filled = staging.filled(self._connection, table, whole)
        empty = [owner for owner in whole if owner not in filled] if table.owned else []
        if children_of(table):
            merged = {owner: moment for owner, moment in since.items() if owner not in set(empty)}
            self._new[table.name] = self._find_new(table, merged, new_parents)
        return TableRead(
            table=table,
            columns=columns,
            owners=owners,
            since=since,
            new_parents=new_parents,
            empty=empty,
            rows={owner: windows[owner].rows for owner in since if owner in windows},
            watermark=self._watermark(table, list(since) or owners, known),
            has_moves=moves.movable(table) and bool(known or filled),
        )

    def _since(self, watermark: datetime) -> datetime:
        return overlap_start(watermark, self._overlap)

    def _find_new(
        self,
        table: TableSpec,
        since: Mapping[UUID, datetime | None],
        parents: Sequence[UUID],
    ) -> list[UUID]:
        """Ids of rows to read that are not in their partition yet, of a table with children.

        Their children can be older than any watermark: a study that comes from another organization
        brings its series and reports along.
        """
        new: list[UUID] = []
        for page in self._snapshot.ids(table, since, parents):
            new += staging.absent(self._connection, table, page)
        return new

    def _watermark(
        self,
        table: TableSpec,
        owners: Sequence[UUID],
        known: Mapping[UUID, Watermark],
    ) -> datetime:
        newest = self._snapshot.newest(table, owners)
        earlier = [watermark.moment for watermark in known.values()]
        return max([BEGINNING, *earlier, *([newest] if newest else [])])

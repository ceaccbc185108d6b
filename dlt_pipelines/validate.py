"""Comparison of the whole of ``staging`` with the source, and its repair (design, section 3).

It finds changes that no watermark shows: rows that committed later than the overlap, and rows that
the source has deleted. It compares the checksum of an organization's table; if that differs, the
checksums of 256 buckets of ids; if one differs, its ids.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import sql

from dlt_pipelines import ledger, moves, staging
from dlt_pipelines.organizations import choose, register
from dlt_pipelines.run import RunContext, open_run, retry_conflicts
from dlt_pipelines.source import (
    CHECKSUM,
    NOBODY,
    Stream,
    from_clause,
    owner_of,
    shared_columns,
)
from dlt_pipelines.tables import TABLES, TableSpec
from eden import logs, progress
from eden.errors import SourceMismatch
from eden.settings import Sync, load

MASS_SHARE = 0.2
MASS_ROWS = 10
"""More rows of one organization's table than the larger of the two are deleted on request only."""

BUCKETS_AT_ONCE = 32
"""Buckets, of 256, whose ids are held in memory."""

Versions = dict[UUID, bytes | None]


@dataclass(slots=True)
class Difference:
    """The differences of one table and organization (None: a table without one)."""

    table: str
    organization_id: UUID | None
    missing: int = 0
    """Rows that only the source has; they are loaded."""
    stale: int = 0
    """Rows that the source has in another version or organization; they are loaded."""
    deleted: int = 0
    """Rows that the source has deleted; they are deleted and recorded in ``ops.deletions``."""
    refused: int = 0
    """Rows that are not deleted because they are too many."""


@dataclass(frozen=True, slots=True)
class ValidationSummary:
    """The result of a validation."""

    run_id: UUID
    organizations: int
    differences: tuple[Difference, ...]
    failures: tuple[str, ...]
    """One message per table that could not be compared."""
    seconds: float
    slugs: Mapping[UUID, str] = field(default_factory=dict)
    """The slugs of the source, for people; not in the document."""

    @property
    def success(self) -> bool:
        """Whether ``staging`` now equals the source."""
        return not self.failures and not any(found.refused for found in self.differences)

    def to_dict(self) -> dict[str, Any]:
        """A document for ``--json``."""
        return {
            "success": self.success,
            "run_id": str(self.run_id),
            "organizations": self.organizations,
            "differences": [
                asdict(found)
                | {"organization_id": found.organization_id and str(found.organization_id)}
                for found in self.differences
            ],
            "failures": list(self.failures),
            "seconds": round(self.seconds, 3),
        }


def validate(
    organizations: Collection[str] = (),
    *,
    allow_mass_delete: bool = False,
    tables: Sequence[TableSpec] = TABLES,
) -> ValidationSummary:
    """Make ``staging`` equal to the source, for all organizations or the named ones.

    Rows are equal if id, organization and ``updated_at`` are.

    Raises:
        EdenError: as :func:`dlt_pipelines.sync` does.
    """

    def once() -> ValidationSummary:
        with open_run("validate") as context:
            validation = _Validation(context, allow_mass_delete=allow_mass_delete)
            return validation.run(organizations, tables)

    return retry_conflicts(once)


@dataclass(slots=True)
class _Repair:
    """The repair of one table."""

    table: TableSpec
    columns: Mapping[str, str]
    differences: dict[UUID, Difference] = field(default_factory=dict)
    load: set[UUID] = field(default_factory=set)
    """Ids of rows to read from the source."""
    moved: dict[UUID, set[UUID]] = field(default_factory=dict)
    """Per organization, ids of rows that the source has in another organization."""
    delete: dict[UUID, list[UUID]] = field(default_factory=dict)
    """Per organization, ids of rows that the source has deleted."""


class _Validation:
    def __init__(self, context: RunContext, *, allow_mass_delete: bool) -> None:
        self._context = context
        self._snapshot = context.snapshot
        self._connection = context.connection
        self._allow_mass_delete = allow_mass_delete
        self._id = uuid.uuid4()
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()
        self._failures: list[str] = []

    def run(self, names: Collection[str], tables: Sequence[TableSpec]) -> ValidationSummary:
        """Compare and repair; log records and rows of ``ops.sync_runs`` share the run's id."""
        with logs.about(run_id=self._id):
            return self._run(names, tables)

    def _run(self, names: Collection[str], tables: Sequence[TableSpec]) -> ValidationSummary:
        everyone = self._snapshot.organizations()
        register(self._connection, everyone)
        gone = ledger.forgotten(self._connection)
        chosen = choose(everyone, names, gone)
        known = [found.id for found in everyone if found.id not in gone]
        moves.apply(self._connection)
        repairs = self._compare(tables, chosen)
        self._load([repair for repair in repairs if repair.load], known)
        for repair in repairs:
            self._delete(repair)
        self._record(repairs)
        ledger.prune(self._connection, load(Sync).retention_days)
        return ValidationSummary(
            run_id=self._id,
            organizations=len(chosen),
            differences=tuple(d for repair in repairs for d in repair.differences.values()),
            failures=tuple(self._failures),
            seconds=time.monotonic() - self._started,
            slugs={found.id: found.slug for found in everyone},
        )

    def _compare(self, tables: Sequence[TableSpec], chosen: Sequence[UUID]) -> list[_Repair]:
        catalog = staging.catalog(self._connection)
        repairs: list[_Repair] = []
        for number, table in enumerate(tables):
            try:
                columns = shared_columns(self._snapshot, table, catalog.get(table.name, {}))
            except SourceMismatch as error:
                self._failures.append(str(error))
                continue
            repair = _Repair(table, columns)
            for owner in self._differing(table, chosen if table.owned else [NOBODY]):
                self._compare_owner(repair, owner)
            repairs.append(repair)
            progress.report("validate", number + 1, len(tables))
        return repairs

    def _differing(self, table: TableSpec, owners: Sequence[UUID]) -> list[UUID]:
        """The organizations whose part of the table differs."""
        theirs = self._snapshot.windows(table, dict.fromkeys(owners))
        ours = {
            owner: (rows, checksum)
            for owner, rows, checksum in self._connection.execute(
                sql.SQL("SELECT {}, count(*), {} FROM {} AS t GROUP BY 1").format(
                    _own_owner(table), CHECKSUM, sql.Identifier(staging.SCHEMA, table.name)
                )
            )
        }
        return [
            owner
            for owner in owners
            if (theirs[owner].rows, theirs[owner].checksum) != ours.get(owner, (0, "0"))
        ]

    def _compare_owner(self, repair: _Repair, owner: UUID) -> None:
        table = repair.table
        found = Difference(table.name, None if owner == NOBODY else owner)
        theirs, ours = self._buckets_there(table, owner), self._buckets_here(table, owner)
        buckets = sorted(b for b in theirs.keys() | ours.keys() if theirs.get(b) != ours.get(b))
        absent: list[UUID] = []
        for start in range(0, len(buckets), BUCKETS_AT_ONCE):
            some = buckets[start : start + BUCKETS_AT_ONCE]
            there = self._versions_there(table, owner, some)
            here = self._versions_here(table, owner, some)
            missing = [row for row in there if row not in here]
            stale = [row for row in there if row in here and there[row] != here[row]]
            found.missing += len(missing)
            found.stale += len(stale)
            repair.load.update(missing, stale)
            absent += [row for row in here if row not in there]
        moved = self._still_there(table, absent)
        found.stale += len(moved)
        repair.load |= moved
        repair.moved[owner] = moved
        repair.delete[owner] = [row for row in absent if row not in moved]
        repair.differences[owner] = found

    def _buckets_there(self, table: TableSpec, owner: UUID) -> dict[int, tuple[int, str]]:
        query = sql.SQL(
            "SELECT get_byte(uuid_send(t.id), 0), count(*), {} {} WHERE {} = %s GROUP BY 1"
        ).format(CHECKSUM, from_clause(table), owner_of(table))
        return {bucket: (n, c) for bucket, n, c in self._snapshot.execute(query, (owner,))}

    def _buckets_here(self, table: TableSpec, owner: UUID) -> dict[int, tuple[int, str]]:
        query = sql.SQL(
            "SELECT get_byte(uuid_send(t.id), 0), count(*), {} FROM {} AS t "
            "WHERE {} = %s GROUP BY 1"
        ).format(CHECKSUM, sql.Identifier(staging.SCHEMA, table.name), _own_owner(table))
        return {bucket: (n, c) for bucket, n, c in self._connection.execute(query, (owner,))}

    def _versions_there(self, table: TableSpec, owner: UUID, buckets: Sequence[int]) -> Versions:
        query = sql.SQL(
            "SELECT t.id, timestamptz_send(t.updated_at::timestamptz) {} "
            "WHERE {} = %s AND get_byte(uuid_send(t.id), 0) = ANY(%s)"
        ).format(from_clause(table), owner_of(table))
        return dict(self._snapshot.execute(query, (owner, list(buckets))))

    def _versions_here(self, table: TableSpec, owner: UUID, buckets: Sequence[int]) -> Versions:
        query = sql.SQL(
            "SELECT t.id, timestamptz_send(t.updated_at::timestamptz) FROM {} AS t "
            "WHERE {} = %s AND get_byte(uuid_send(t.id), 0) = ANY(%s)"
        ).format(sql.Identifier(staging.SCHEMA, table.name), _own_owner(table))
        return dict(self._connection.execute(query, (owner, list(buckets))).fetchall())

    def _still_there(self, table: TableSpec, ids: Sequence[UUID]) -> set[UUID]:
        """The ids that the source has in another organization."""
        if not ids:
            return set()
        query = sql.SQL("SELECT t.id {} WHERE t.id = ANY(%s)").format(from_clause(table))
        return {row for (row,) in self._snapshot.execute(query, (list(ids),))}

    def _load(self, repairs: Sequence[_Repair], known: Sequence[UUID]) -> None:
        if not repairs:
            return
        # dlt takes seconds to import, and a validation without differences does not need it.
        from dlt_pipelines import loading  # noqa: PLC0415

        ledger.announce(self._connection, self._id, "validate")
        ledger.clear_written(self._connection)
        streams = {
            f"{repair.table.name}-merge": Stream(
                repair.table,
                repair.columns,
                dict.fromkeys(known if repair.table.owned else [NOBODY]),
                "merge",
                ids=sorted(repair.load),
            )
            for repair in repairs
        }
        loading.load(streams, self._snapshot, self._context.warehouse, self._context.folder)
        moves.apply(self._connection)
        for repair in repairs:
            for owner, ids in repair.moved.items():
                self._leave(repair.table, owner, ids)

    def _leave(self, table: TableSpec, owner: UUID, ids: Collection[UUID]) -> None:
        """Delete rows that are now in another organization and that ``moves`` did not move.

        A row that has no other partition here has moved to a forgotten organization: it is recorded
        as a deletion, so that its study is withdrawn.
        """
        self._connection.execute(
            sql.SQL(
                """
                WITH gone AS (DELETE FROM {table} WHERE {owner} = %(owner)s AND id = ANY(%(ids)s)
                    RETURNING id)
                INSERT INTO ops.deletions (table_name, organization_id, id, run_id)
                SELECT %(name)s, %(owner)s, id, %(run)s FROM gone
                WHERE NOT EXISTS (
                    SELECT FROM {table} AS there WHERE there.id = gone.id AND {owner} <> %(owner)s
                )
                """
            ).format(table=sql.Identifier(staging.SCHEMA, table.name), owner=_own_owner(table)),
            {"owner": owner, "ids": list(ids), "name": table.name, "run": self._id},
        )

    def _delete(self, repair: _Repair) -> None:
        table, counts = repair.table, self._counts(repair)
        everything = sum(map(len, repair.delete.values()))
        is_mass = everything > MASS_SHARE * sum(counts.values()) and everything > 0
        for owner, ids in repair.delete.items():
            if not ids:
                continue
            limit = max(MASS_SHARE * counts.get(owner, 0), MASS_ROWS)
            if not self._allow_mass_delete and (is_mass or len(ids) > limit):
                repair.differences[owner].refused = len(ids)
                continue
            with self._connection.transaction():
                ledger.announce(self._connection, self._id, f"deletions in {table.name}")
                repair.differences[owner].deleted = self._delete_rows(table, owner, ids)

    def _counts(self, repair: _Repair) -> dict[UUID, int]:
        """Rows of the whole table per organization; empty if there is nothing to delete."""
        if not any(repair.delete.values()):
            return {}
        rows = self._connection.execute(
            sql.SQL("SELECT {}, count(*) FROM {} GROUP BY 1").format(
                _own_owner(repair.table), sql.Identifier(staging.SCHEMA, repair.table.name)
            )
        )
        return dict(rows.fetchall())

    def _delete_rows(self, table: TableSpec, owner: UUID, ids: Sequence[UUID]) -> int:
        statement = sql.SQL(
            """
            WITH gone AS (DELETE FROM {table} WHERE {owner} = %(owner)s AND id = ANY(%(ids)s)
                RETURNING id)
            INSERT INTO ops.deletions (table_name, organization_id, id, run_id)
            SELECT %(name)s, nullif(%(owner)s, %(nobody)s), id, %(run)s FROM gone
            """
        ).format(table=sql.Identifier(staging.SCHEMA, table.name), owner=_own_owner(table))
        parameters = {
            "owner": owner,
            "ids": list(ids),
            "name": table.name,
            "nobody": NOBODY,
            "run": self._id,
        }
        return self._connection.execute(statement, parameters).rowcount

    def _record(self, repairs: Sequence[_Repair]) -> None:
        seconds = time.monotonic() - self._started
        for repair in repairs:
            ledger.record_validation(
                self._connection,
                self._id,
                [
                    (found.table, found.organization_id, found.missing + found.stale, found.deleted)
                    for found in repair.differences.values()
                ],
                started_at=self._started_at,
                seconds=seconds,
            )


def _own_owner(table: TableSpec) -> sql.Composable:
    return sql.SQL("organization_id") if table.owned else sql.Literal(NOBODY)

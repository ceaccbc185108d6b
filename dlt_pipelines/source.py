"""The source, read in one snapshot and never written (design, section 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from dlt_pipelines.organizations import SourceOrganization
from dlt_pipelines.tables import ORGANIZATIONS, TableSpec, parents_of
from eden import postgres
from eden.errors import SourceMismatch
from eden.settings import SourceDatabase

APPLICATION_NAME = "vlm-eden-dataset-etl sync"
STATEMENT_TIMEOUT_MINUTES = 60

NOBODY = UUID(int=0)
"""Stands for the owner of tables that belong to nobody."""


@dataclass(frozen=True, slots=True)
class Window:
    """What the source holds of one organization's table from a moment on.

    ``checksum`` is over the ids and ``updated_at`` of its rows: two windows from the same moment
    with equal rows and checksum hold the same versions of the same rows.
    """

    rows: int
    checksum: str


EMPTY_WINDOW = Window(0, "0")


class Snapshot:
    """One read-only view of the source; all tables are seen as of the same moment."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], database: str) -> None:
        self._connection = connection
        self._database = database

    def organizations(self) -> list[SourceOrganization]:
        """All organizations, demo and inactive ones included.

        Raises:
            SourceMismatch: the source has no such table or columns.
        """
        self.require(ORGANIZATIONS, {"id", "slug"})
        query = sql.SQL("SELECT id, slug FROM {}").format(sql.Identifier(ORGANIZATIONS.name))
        return [SourceOrganization(*row) for row in self._connection.execute(query)]

    def columns(self, table: TableSpec) -> dict[str, str]:
        """Names and types (``format_type``) of a table's columns, in their order.

        Raises:
            SourceMismatch: the source has no such table, or it can't be read with this login.
        """
        rows = self._connection.execute(
            """
            SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
            WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
                AND has_table_privilege(attrelid, 'SELECT')
            ORDER BY attnum
            """,
            (table.name,),
        ).fetchall()
        if not rows:
            raise SourceMismatch(f"{self._database}: table {table.name} is missing or unreadable")
        return dict(rows)

    def require(self, table: TableSpec, names: Collection[str]) -> None:
        """Make sure that a table has these columns.

        Asked beforehand, since a query that fails would end the snapshot for the other tables too.

        Raises:
            SourceMismatch: names the table and the columns.
        """
        missing = sorted(set(names) - set(self.columns(table)))
        if missing:
            columns = ", ".join(missing)
            raise SourceMismatch(f"{self._database}: table {table.name} has no column {columns}")

    def windows(
        self, table: TableSpec, since: Mapping[UUID, datetime | None]
    ) -> dict[UUID, Window]:
        """What changed from a moment on, per organization; None as the moment means everything.

        An organization without rows has an empty window. For a table that belongs to nobody the one
        key is :data:`NOBODY`.
        """
        query = sql.SQL(
            """
            SELECT {owner},
                count(*),
                sum(('x' || substr(md5(concat(t.id, ' ', extract(epoch FROM t.updated_at))), 1, 15))
                    ::bit(60)::bigint)::text
            {from_clause}
            WHERE {condition}
            GROUP BY 1
            """
        )
        condition, parameters = _condition(table, since)
        found = self._connection.execute(
            query.format(owner=_owner(table), from_clause=_from_clause(table), condition=condition),
            parameters,
        )
        windows = {owner: Window(rows, checksum) for owner, rows, checksum in found}
        return {owner: windows.get(owner, EMPTY_WINDOW) for owner in since}

    def newest(self, table: TableSpec, owners: Sequence[UUID]) -> datetime | None:
        """The newest ``updated_at`` of these organizations, None where they have no row.

        Clocks that are ahead and 'infinity' do not count: a watermark past the source's clock would
        hide the rows that are written until then.
        """
        query = sql.SQL(
            """
            SELECT max(t.updated_at) {from_clause}
            WHERE {condition}
                AND t.updated_at BETWEEN '0001-01-02 00:00+00' AND clock_timestamp()
            """
        )
        condition, parameters = _condition(table, dict.fromkeys(owners))
        row = self._connection.execute(
            query.format(from_clause=_from_clause(table), condition=condition), parameters
        ).fetchone()
        newest: datetime | None = row[0] if row else None
        return newest

    def copy_out(
        self,
        table: TableSpec,
        columns: Sequence[str],
        since: Mapping[UUID, datetime | None],
        target: Path,
    ) -> int:
        """Write the rows that :meth:`windows` counts to a CSV file with a header; return how many.

        An empty string is quoted and NULL is not, so that the two stay apart. The
        ``organization_id`` of a table with a parent is that of the parent.
        """
        selected = [
            sql.SQL("{} AS organization_id").format(_owner(table))
            if table.parent is not None and name == "organization_id"
            else sql.SQL("t.{}").format(sql.Identifier(name))
            for name in columns
        ]
        condition, parameters = _condition(table, since)
        query = sql.SQL("COPY (SELECT {} {} WHERE {}) TO STDOUT (FORMAT csv, HEADER)").format(
            sql.SQL(", ").join(selected), _from_clause(table), condition
        )
        with (
            target.open("wb") as file,
            self._connection.cursor() as cursor,
            cursor.copy(query, parameters) as copy,
        ):
            for block in copy:
                file.write(block)
        return cursor.rowcount


@contextmanager
def snapshot(database: SourceDatabase) -> Iterator[Snapshot]:
    """Open a REPEATABLE READ, READ ONLY transaction on the source.

    Raises:
        DatabaseUnavailable: the source can't be reached or refuses the login.
    """
    connection = postgres.connect(
        database,
        application_name=APPLICATION_NAME,
        options=f"-c statement_timeout={STATEMENT_TIMEOUT_MINUTES}min -c timezone=UTC",
    )
    with connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield Snapshot(connection, database.label)


def _owner(table: TableSpec) -> sql.Composable:
    """The expression for the organization that a row belongs to."""
    if not table.owned:
        return sql.Literal(NOBODY)
    chain = parents_of(table)
    alias = chain[-1][1].table if chain else "t"
    return sql.SQL("{}.organization_id").format(sql.Identifier(alias))


def _from_clause(table: TableSpec) -> sql.Composed:
    clause = sql.SQL("FROM {} AS t").format(sql.Identifier(table.name))
    alias = "t"
    for _, parent in parents_of(table):
        clause += sql.SQL(" JOIN {} ON {}.id = {}.{}").format(
            sql.Identifier(parent.table),
            sql.Identifier(parent.table),
            sql.Identifier(alias),
            sql.Identifier(parent.column),
        )
        alias = parent.table
    return clause


def _condition(
    table: TableSpec, since: Mapping[UUID, datetime | None]
) -> tuple[sql.Composed, list[Any]]:
    """Rows of these organizations, from their moments on.

    Organizations that share a moment (all of them, after a run for all) share one comparison, so
    that the source can use its index on ``updated_at``.
    """
    moments: dict[datetime | None, list[UUID]] = {}
    for organization_id, moment in since.items():
        moments.setdefault(moment, []).append(organization_id)
    conditions: list[sql.Composable] = []
    parameters: list[Any] = []
    for moment, organization_ids in moments.items():
        parts: list[sql.Composable] = []
        if table.owned:
            parts.append(sql.SQL("{} = ANY(%s)").format(_owner(table)))
            parameters.append(organization_ids)
        if moment is not None:
            parts.append(sql.SQL("t.updated_at >= %s"))
            parameters.append(moment)
        conditions.append(sql.SQL(" AND ").join(parts) if parts else sql.SQL("true"))
    if not conditions:
        return sql.SQL("{}").format(sql.Literal(False)), parameters
    grouped = [sql.SQL("({})").format(condition) for condition in conditions]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(grouped)), parameters

"""The source, read in one snapshot and never written (design, section 3)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg import sql

from dlt_pipelines.organizations import SourceOrganization
from dlt_pipelines.tables import ORGANIZATIONS, TableSpec, parents_of
from eden import postgres
from eden.errors import SourceMismatch
from eden.postgres import Connection
from eden.settings import SourceDatabase

APPLICATION_NAME = "vlm-eden-dataset-etl sync"
STATEMENT_TIMEOUT_MINUTES = 60

PAGE_ROWS = 10_000

CONFLICT_WITH_RECOVERY = "40001"
"""The SQLSTATE with which a standby cancels a query that delays its replay."""

NOBODY = UUID(int=0)
"""The owner of tables without an organization."""

Catalog = dict[str, dict[str, str]]
"""Tables, each with the names and types (``format_type``) of its columns in their order."""


@dataclass(frozen=True, slots=True)
class Window:
    """The rows of one organization's table from a moment on, as a count and a checksum.

    ``checksum`` is over the ids and ``updated_at`` of its rows: two windows from the same moment
    with equal rows and checksum hold the same versions of the same rows.
    """

    rows: int
    checksum: str


EMPTY_WINDOW = Window(0, "0")

CHECKSUM = sql.SQL(
    """
    sum(('x' || substr(md5(
        uuid_send(t.id) || coalesce(timestamptz_send(t.updated_at::timestamptz), '')
    ), 1, 15))::bit(60)::bigint)::text
    """
)
"""A checksum over ids and ``updated_at`` of rows ``t``, in their binary form: it is equal in each
version of PostgreSQL and under any setting of the session."""


BINARY_TYPES = frozenset(
    {
        "bigint",
        "boolean",
        "bytea",
        "character varying",
        "date",
        "double precision",
        "integer",
        "json",
        "jsonb",
        "numeric",
        "real",
        "smallint",
        "text",
        "time without time zone",
        "timestamp with time zone",
        "timestamp without time zone",
        "uuid",
    }
)
"""Types whose binary form is the same in every version since PostgreSQL 13, and their arrays."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The rows of one COPY."""

    table: TableSpec
    columns: Mapping[str, str]
    """Names and types."""
    since: Mapping[UUID, datetime | None]
    """Per organization, the moment from which rows are read; None means all rows."""
    into: Literal["target", "merge"]
    """Directly into an empty partition, or into the merge table first."""
    parents: Sequence[UUID] = ()
    """All rows below these parents are read, too."""
    ids: Sequence[UUID] | None = None
    """Only rows with these ids."""
    blocks: tuple[int, int | None] | None = None
    """Only rows in these blocks of the source's table: from, and up to but not including."""

    @property
    def copy_options(self) -> str:
        """Binary if both sides agree on the form of all types, else text."""
        return "(FORMAT binary)" if all(map(_is_binary, self.columns.values())) else "(FORMAT text)"


class Snapshot:
    """One read-only view of the source; all tables are seen as of the same moment."""

    def __init__(self, connection: Connection, database: SourceDatabase) -> None:
        self._connection = connection
        self._database = database
        self._catalog: Catalog | None = None
        self._everyone: frozenset[UUID] = frozenset()
        self._id: str | None = None

    @property
    def label(self) -> str:
        """Host and database of the source, for messages."""
        return self._database.label

    def reader(self) -> Connection:
        """Another connection that sees the same moment; the caller closes it."""
        if self._id is None:
            row = self._connection.execute("SELECT pg_export_snapshot()").fetchone()
            assert row is not None
            self._id = str(row[0])
        reader = _connect(self._database)
        reader.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(self._id)))
        return reader

    def organizations(self) -> list[SourceOrganization]:
        """All organizations, demo and inactive ones included.

        Raises:
            SourceMismatch: the source has no such table or columns.
        """
        self.require(ORGANIZATIONS, {"id", "slug"})
        query = sql.SQL("SELECT id, slug FROM {}").format(sql.Identifier(ORGANIZATIONS.name))
        found = [SourceOrganization(*row) for row in self._connection.execute(query)]
        self._everyone = frozenset(organization.id for organization in found)
        return found

    def columns(self, table: TableSpec) -> dict[str, str]:
        """Names and types of a table's columns, in their order.

        Raises:
            SourceMismatch: the source has no such table, or it can't be read with this login.
        """
        if self._catalog is None:
            self._catalog = _catalog(self._connection)
        if table.name not in self._catalog:
            raise SourceMismatch(f"{self.label}: table {table.name} is missing or unreadable")
        return self._catalog[table.name]

    def require(self, table: TableSpec, names: Collection[str]) -> None:
        """Check that a table has these columns.

        A query that fails would end the snapshot for the other tables, too.

        Raises:
            SourceMismatch: names the table and the columns.
        """
        missing = sorted(set(names) - set(self.columns(table)))
        if missing:
            columns = ", ".join(missing)
            raise SourceMismatch(f"{self.label}: table {table.name} has no column {columns}")

    def windows(
        self, table: TableSpec, since: Mapping[UUID, datetime | None]
    ) -> dict[UUID, Window]:
        """The window of each organization from its moment on; None means all rows.

        An organization without rows has an empty window. The only key of a table without an
        organization is :data:`NOBODY`.
        """
        if not since:
            return {}
        query = sql.SQL(
            """
            SELECT {owner}, count(*), {checksum} {from_clause} WHERE {condition} GROUP BY 1
            """
        )
        condition, parameters = self.condition(table, since)
        found = self._connection.execute(
            query.format(
                owner=owner_of(table),
                checksum=CHECKSUM,
                from_clause=from_clause(table),
                condition=condition,
            ),
            parameters,
        )
        windows = {owner: Window(rows, checksum) for owner, rows, checksum in found}
        return {owner: windows.get(owner, EMPTY_WINDOW) for owner in since}

    def total(self, table: TableSpec, since: datetime) -> Window:
        """The window of all organizations together: the only query per table of an idle run."""
        query = sql.SQL(
            "SELECT count(*), coalesce({}, '0') FROM {} AS t WHERE t.updated_at >= %s"
        ).format(CHECKSUM, sql.Identifier(table.name))
        ((rows, checksum),) = self._connection.execute(query, (since,)).fetchall()
        return Window(rows, checksum)

    def newest(self, table: TableSpec, owners: Sequence[UUID]) -> datetime | None:
        """The newest ``updated_at`` of these organizations, None if they have no row.

        Moments after the source's clock, such as 'infinity', do not count: a watermark in the
        future would hide the rows that are written until then.
        """
        query = sql.SQL(
            """
            SELECT max(t.updated_at) {from_clause}
            WHERE {condition}
                AND t.updated_at BETWEEN '0001-01-02 00:00+00' AND clock_timestamp()
            """
        )
        condition, parameters = self.condition(table, dict.fromkeys(owners))
        row = self._connection.execute(
            query.format(from_clause=from_clause(table), condition=condition), parameters
        ).fetchone()
        newest: datetime | None = row[0] if row else None
        return newest

    def rows_query(self, stream: Stream) -> tuple[sql.Composed, list[Any]]:
        """The SELECT of a stream's rows, its columns in the stream's order.

        ``organization_id`` of a table with a parent is that of the parent.
        """
        table = stream.table
        selected = [
            owner_of(table)
            if table.parent is not None and name == "organization_id"
            else sql.SQL("t.{}").format(sql.Identifier(name))
            for name in stream.columns
        ]
        condition, parameters = self._with_parents(table, stream.since, stream.parents)
        if stream.ids is not None:
            condition += sql.SQL(" AND t.id = ANY(%s)")
            parameters.append(list(stream.ids))
        if stream.blocks is not None:
            first, end = stream.blocks
            condition += sql.SQL(" AND t.ctid >= %s::tid")
            parameters.append(f"({first},0)")
            if end is not None:
                condition += sql.SQL(" AND t.ctid < %s::tid")
                parameters.append(f"({end},0)")
        query = sql.SQL("SELECT {} {} WHERE {}").format(
            sql.SQL(", ").join(selected), from_clause(table), condition
        )
        return query, parameters

    def ids(
        self, table: TableSpec, since: Mapping[UUID, datetime | None], parents: Sequence[UUID]
    ) -> Iterator[list[tuple[UUID, UUID]]]:
        """Pages of ids and organizations of rows since these moments or below these parents."""
        if not since and not parents:
            return
        condition, parameters = self._with_parents(table, since, parents)
        query = sql.SQL("SELECT t.id, {} {} WHERE {}").format(
            owner_of(table), from_clause(table), condition
        )
        with self._connection.cursor(name="ids") as cursor:
            cursor.execute(query, parameters)
            while page := cursor.fetchmany(PAGE_ROWS):
                yield page

    def _with_parents(
        self, table: TableSpec, since: Mapping[UUID, datetime | None], parents: Sequence[UUID]
    ) -> tuple[sql.Composed, list[Any]]:
        condition, parameters = self.condition(table, since)
        if parents and table.parent is not None:
            column = sql.Identifier(table.parent.column)
            condition = sql.SQL("({} OR t.{} = ANY(%s))").format(condition, column)
            parameters.append(list(parents))
        return condition, parameters

    def condition(
        self, table: TableSpec, since: Mapping[UUID, datetime | None]
    ) -> tuple[sql.Composed, list[Any]]:
        """The SQL condition for rows ``t`` of these organizations, from their moments on.

        Organizations that share a moment (all of them, after a run for all) share one comparison,
        so that the source can use its index on ``updated_at``. All organizations of the source
        together are not listed.
        """
        moments: dict[datetime | None, list[UUID]] = {}
        for organization_id, moment in since.items():
            moments.setdefault(moment, []).append(organization_id)
        conditions: list[sql.Composable] = []
        parameters: list[Any] = []
        for moment, organization_ids in moments.items():
            parts: list[sql.Composable] = []
            if table.owned and self._everyone != frozenset(organization_ids):
                parts.append(sql.SQL("{} = ANY(%s)").format(owner_of(table)))
                parameters.append(organization_ids)
            if moment is not None:
                parts.append(sql.SQL("t.updated_at >= %s"))
                parameters.append(moment)
            conditions.append(sql.SQL(" AND ").join(parts) if parts else sql.SQL("true"))
        if not conditions:
            return sql.SQL("{}").format(sql.Literal(False)), parameters
        grouped = [sql.SQL("({})").format(condition) for condition in conditions]
        return sql.SQL("({})").format(sql.SQL(" OR ").join(grouped)), parameters

    def execute(self, query: sql.Composed, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a query within the snapshot."""
        return self._connection.execute(query, parameters).fetchall()

    def size(self, table: TableSpec) -> tuple[int, int]:
        """The number of blocks of a table, and the bytes of a block."""
        row = self._connection.execute(
            "SELECT pg_relation_size(to_regclass(%s)), current_setting('block_size')::int",
            (table.name,),
        ).fetchone()
        assert row is not None
        return int(row[0] or 0) // int(row[1]), int(row[1])


@contextmanager
def snapshot(database: SourceDatabase) -> Iterator[Snapshot]:
    """Open a REPEATABLE READ, READ ONLY transaction on the source.

    Raises:
        DatabaseUnavailable: the source can't be reached or refuses the login.
    """
    with _connect(database) as connection:
        yield Snapshot(connection, database)


def _connect(database: SourceDatabase) -> Connection:
    connection = postgres.connect(
        database,
        application_name=APPLICATION_NAME,
        options=f"-c statement_timeout={STATEMENT_TIMEOUT_MINUTES}min -c timezone=UTC "
        "-c client_encoding=UTF8 -c jit=off",
    )
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection


def _catalog(connection: Connection) -> Catalog:
    """The tables of the search path that this login may read."""
    rows = connection.execute(
        """
        SELECT relname, attname, format_type(atttypid, atttypmod)
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_table_is_visible(pg_class.oid)
            AND relnamespace <> 'pg_catalog'::regnamespace
            AND attnum > 0 AND NOT attisdropped
            AND has_table_privilege(pg_class.oid, 'SELECT')
        ORDER BY relname, attnum
        """
    )
    catalog: Catalog = {}
    for table, column, kind in rows:
        catalog.setdefault(table, {})[column] = kind
    return catalog


def shared_columns(view: Snapshot, table: TableSpec, ours: Mapping[str, str]) -> dict[str, str]:
    """The columns that source and warehouse share, with the organization of a table with a parent.

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


def owner_of(table: TableSpec) -> sql.Composable:
    """The SQL expression for the organization of a row."""
    if not table.owned:
        return sql.Literal(NOBODY)
    chain = parents_of(table)
    alias = chain[-1][1].table if chain else "t"
    return sql.SQL("{}.organization_id").format(sql.Identifier(alias))


def from_clause(table: TableSpec) -> sql.Composed:
    """The FROM clause of a table as ``t``, joined up to the table with the organization."""
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


def _is_binary(kind: str) -> bool:
    return re.sub(r"\(.*\)|\[\]", "", kind) in BINARY_TYPES

"""The warehouse's side of replication: tables, columns and partitions of ``staging``.

A migration creates the ten tables, so that dbt works on an empty warehouse. This module creates the
table of a new spec, and the column that is new in the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from psycopg import sql

from dlt_pipelines.organizations import create_partition
from dlt_pipelines.source import Catalog
from dlt_pipelines.tables import TableSpec
from eden.errors import SourceMismatch
from eden.postgres import Connection

SCHEMA = "staging"
MERGE_SCHEMA = "_dlt_merge_staging"


def catalog(warehouse: Connection) -> Catalog:
    """The tables of ``staging`` with names and types of their columns."""
    rows = warehouse.execute(
        """
        SELECT relname, attname, format_type(atttypid, atttypmod)
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'p')
            AND attnum > 0 AND NOT attisdropped
        ORDER BY relname, attnum
        """,
        (SCHEMA,),
    )
    found: Catalog = {}
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def filled(warehouse: Connection, table: TableSpec, organizations: Sequence[UUID]) -> set[UUID]:
    """The organizations whose partition has rows."""
    if not table.owned or not organizations:
        return set()
    rows = warehouse.execute(
        sql.SQL(
            "SELECT owner FROM unnest(%s::uuid[]) AS owner "
            "WHERE EXISTS (SELECT FROM {} WHERE organization_id = owner)"
        ).format(sql.Identifier(SCHEMA, table.name)),
        (list(organizations),),
    )
    return {owner for (owner,) in rows}


def absent(
    warehouse: Connection, table: TableSpec, rows: Sequence[tuple[UUID, UUID]]
) -> list[UUID]:
    """The ids of the (id, organization) pairs that are not in their partition."""
    query = sql.SQL(
        """
        SELECT given.id FROM unnest(%s::uuid[], %s::uuid[]) AS given (id, organization_id)
        WHERE NOT EXISTS (
            SELECT FROM {} AS row
            WHERE row.organization_id = given.organization_id AND row.id = given.id
        )
        """
    ).format(sql.Identifier(SCHEMA, table.name))
    with warehouse.transaction():
        # Few rows against hundreds of partitions: an index look-up for each is fastest.
        warehouse.execute("SET LOCAL enable_hashjoin = off")
        warehouse.execute("SET LOCAL enable_mergejoin = off")
        ids, owners = [row[0] for row in rows], [row[1] for row in rows]
        return [row for (row,) in warehouse.execute(query, (ids, owners))]


def count(
    warehouse: Connection, table: TableSpec, organizations: Sequence[UUID]
) -> dict[UUID, int]:
    """The number of rows of each organization that has any."""
    if not organizations:
        return {}
    rows = warehouse.execute(
        sql.SQL(
            "SELECT organization_id, count(*) FROM {} WHERE organization_id = ANY(%s) GROUP BY 1"
        ).format(sql.Identifier(SCHEMA, table.name)),
        (list(organizations),),
    )
    return dict(rows.fetchall())


def create_table(
    warehouse: Connection, table: TableSpec, columns: Mapping[str, str], *, source: str
) -> None:
    """Create a table like the source's, with a partition for each organization.

    Raises:
        SourceMismatch: the warehouse does not know a column's type; names ``source``.
    """
    shape = dict(columns)
    if table.parent is not None:
        shape = {"id": shape["id"], "organization_id": "uuid"} | shape
    types = _types(warehouse, shape, f"{source}: table {table.name}")
    keys = ["organization_id", "id"] if table.owned else ["id"]
    with warehouse.transaction():
        definitions = [
            sql.SQL("{} {}").format(sql.Identifier(name), kind) for name, kind in types.items()
        ]
        partitioning = "PARTITION BY LIST (organization_id)" if table.owned else ""
        warehouse.execute(
            sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY ({})) {}").format(
                sql.Identifier(SCHEMA, table.name),
                sql.SQL(", ").join(definitions),
                sql.SQL(", ").join(map(sql.Identifier, keys)),
                sql.SQL(partitioning),
            )
        )
        warehouse.execute(
            sql.SQL("CREATE UNLOGGED TABLE {} (LIKE {})").format(
                sql.Identifier(MERGE_SCHEMA, table.name), sql.Identifier(SCHEMA, table.name)
            )
        )
        if table.owned:
            organizations = warehouse.execute(
                "SELECT organization_id, schema_name FROM ops.organizations "
                "WHERE forgotten_at IS NULL"
            ).fetchall()
            for organization_id, schema in organizations:
                create_partition(warehouse, table, organization_id, schema)


def add_columns(
    warehouse: Connection, table: TableSpec, columns: Mapping[str, str], *, source: str
) -> None:
    """Add columns that are new in the source, and reset the watermarks: all rows are read again.

    A new column can hold values in rows whose ``updated_at`` did not change.

    Raises:
        SourceMismatch: the warehouse does not know a column's type; names ``source``.
    """
    types = _types(warehouse, columns, f"{source}: table {table.name}")
    with warehouse.transaction():
        for name, kind in types.items():
            for schema in (SCHEMA, MERGE_SCHEMA):
                warehouse.execute(
                    sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                        sql.Identifier(schema, table.name),
                        sql.Identifier(name),
                        kind,
                    )
                )
        warehouse.execute("DELETE FROM ops.sync_watermarks WHERE table_name = %s", (table.name,))


def _types(warehouse: Connection, columns: Mapping[str, str], label: str) -> dict[str, sql.SQL]:
    """The types of columns as SQL; ``label`` names the table in an error."""
    types: dict[str, sql.SQL] = {}
    for name, kind in columns.items():
        row = warehouse.execute("SELECT to_regtype(%s) IS NOT NULL", (kind,)).fetchone()
        if row is None or not row[0]:
            raise SourceMismatch(f"{label}: the warehouse has no type {kind} for column {name}")
        # to_regtype accepts the name of a type only, so this cannot inject SQL.
        types[name] = sql.SQL(kind)
    return types

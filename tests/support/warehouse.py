"""What can be asked of both databases."""

from __future__ import annotations

import psycopg
from psycopg import sql

from dlt_pipelines.tables import TABLES, TableSpec


def rows_of(connection: psycopg.Connection, schema: str, table: TableSpec) -> list[str]:
    """All rows as texts of the source's columns, in order of their ids."""
    columns = [
        name
        for (name,) in connection.execute(
            """
            SELECT attname FROM pg_attribute
            WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
            """,
            (f"{schema}.{table.name}",),
        )
        if table.parent is None or name != "organization_id"
    ]
    query = sql.SQL("SELECT jsonb_build_array({})::text FROM {} ORDER BY id").format(
        sql.SQL(", ").join(
            sql.SQL("{}::text").format(sql.Identifier(name)) for name in sorted(columns)
        ),
        sql.Identifier(schema, table.name),
    )
    return [row for (row,) in connection.execute(query)]


def differing_tables(source: psycopg.Connection, warehouse: psycopg.Connection) -> list[str]:
    """Names of the tables whose rows are not the same on both sides."""
    return [
        table.name
        for table in TABLES
        if rows_of(source, "public", table) != rows_of(warehouse, "staging", table)
    ]

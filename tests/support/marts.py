"""Empty marts for tests that run no dbt: tables with the columns of the models' contracts."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import psycopg
import yaml
from psycopg import sql

from eden.paths import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "models" / "marts"


def create_marts(connection: psycopg.Connection, *names: str) -> None:
    """Create the schema of the marts and these marts in it, with types but without constraints.

    A test writes only the columns that matter to it; the others are NULL.
    """
    connection.execute("CREATE SCHEMA analytics")
    for name in names:
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(data_type))
            for column, data_type in contract(name).items()
        ]
        table = sql.Identifier("analytics", name)
        connection.execute(
            sql.SQL("CREATE TABLE {} ({})").format(table, sql.SQL(", ").join(columns))
        )


def insert(connection: psycopg.Connection, mart: str, **row: Any) -> None:
    """Insert one row into a mart; columns that are not named are NULL."""
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier("analytics", mart),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() * len(row)),
    )
    connection.execute(statement, list(row.values()))


@functools.cache
def contract(name: str) -> Mapping[str, str]:
    """Data types of a mart by column, in the order of its contract."""
    text = (FOLDER / f"{name}.yml").read_text(encoding="utf-8")
    (model,) = yaml.safe_load(text)["models"]
    return {column["name"]: column["data_type"] for column in model["columns"]}

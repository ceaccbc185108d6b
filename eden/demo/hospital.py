"""The source database of a generated hospital group: its rows, and how they are loaded.

`source_schema.sql` alone lists the tables and their columns. A row is a frozen dataclass made from
that file, so `dataclasses.fields` and `dataclasses.replace` work on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, make_dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from eden.demo.radiograph import View

Row: TypeAlias = Any
"""A row of a source table: its attributes are named and ordered like the table's columns."""

TABLES: Mapping[str, str] = {
    "organizations": "pacs_organizations",
    "body_parts": "pacs_body_part",
    "facilities": "pacs_facilities",
    "modalities": "pacs_modalities",
    "practitioners": "pacs_practitioners",
    "technicians": "pacs_technicians",
    "studies": "pacs_studies",
    "series": "pacs_series",
    "images": "pacs_images",
    "reports": "pacs_reports",
}
"""The table of each attribute of `Hospital`, in an order that satisfies the foreign keys."""

_TABLE = re.compile(r"^CREATE TABLE (\w+) \(\n(.*?)\n\);", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"^    (\w+) +([\w\[\]]+)(.*?)(?:--.*)?$", re.MULTILINE)
_DEFAULT = re.compile(r"DEFAULT (true|false|'\w*')")


@dataclass(frozen=True, slots=True)
class Hospital:
    """Every row of the source database, table by table."""

    organizations: tuple[Row, ...]
    body_parts: tuple[Row, ...]
    facilities: tuple[Row, ...]
    modalities: tuple[Row, ...]
    practitioners: tuple[Row, ...]
    technicians: tuple[Row, ...]
    studies: tuple[Row, ...]
    series: tuple[Row, ...]
    images: tuple[Row, ...]
    reports: tuple[Row, ...]
    picture_size: int
    """Rows, and columns, of every picture in the archive."""
    views: Mapping[UUID, View]
    """The view of each image, by image id; the database does not hold it."""


def new_row(table: str, **values: object) -> Row:
    """Return a row of `table`.

    A column that is left out gets its DEFAULT, or NULL (None) where the schema allows it. jsonb is
    a dict, text[] a tuple.

    Raises:
        TypeError: the table has no such column, or a NOT NULL column without DEFAULT is missing.
    """
    return row_type(table)(**values)


def row_type(table: str) -> type[Row]:
    """Return the dataclass of the rows of `table`.

    Raises:
        KeyError: source_schema.sql has no such table.
    """
    return _row_types()[table]


def load(hospital: Hospital, connection: psycopg.Connection[Any]) -> None:
    """Create the source's tables in the current schema of the connection and fill them.

    All of it in one transaction (a savepoint, if the caller has one open).

    Raises:
        psycopg.errors.DuplicateTable: the tables exist.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_schema().encode())
        for attribute, table in TABLES.items():
            columns = fields(row_type(table))
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(table),
                sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
            )
            with cursor.copy(statement) as copy:
                for one in getattr(hospital, attribute):
                    copy.write_row([_for_copy(column, one) for column in columns])


def already_loaded(connection: psycopg.Connection[Any]) -> bool:
    """Return whether the source's tables exist: `load` leaves either all of them filled or none."""
    with connection.transaction():
        found = connection.execute("SELECT to_regclass('pacs_reports') IS NOT NULL").fetchone()
    return bool(found and found[0])


def _for_copy(column: Field[Any], one: Row) -> object:
    """Return a value as psycopg writes it."""
    value = getattr(one, column.name)
    if column.type == "jsonb" and value is not None:
        return Jsonb(value)
    return list(value) if isinstance(value, tuple) else value


@cache
def _row_types() -> dict[str, type[Row]]:
    return {
        table: make_dataclass(table, _columns(body), frozen=True, slots=True, kw_only=True)
        for table, body in _TABLE.findall(_schema())
    }


def _columns(body: str) -> Iterator[tuple[str, str, Row]]:
    """Yield name, SQL type and dataclass field of each column between a table's parentheses."""
    for name, kind, rest in _COLUMN.findall(body):
        if found := _DEFAULT.search(rest):
            default = found[1].strip("'") if kind == "text" else found[1] == "true"
            yield name, kind, field(default=default)
        elif "NOT NULL" in rest or "PRIMARY KEY" in rest:
            yield name, kind, field()
        else:
            yield name, kind, field(default=None)


def _schema() -> str:
    return files("eden.demo").joinpath("source_schema.sql").read_text(encoding="utf-8")

"""The warehouse's own DDL: numbered files and repeatable files (design, section 3, "DDL").

A numbered file (``migrations/``) is applied once. It creates tables, alters them, moves their rows.
A repeatable file (``repeatable/``) creates functions, views and triggers, and is applied again
whenever its text changes. ``docs/decisions/0013-repeatable-sql.md`` says why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import psycopg
from psycopg import sql

from eden.postgres import Connection

MIGRATIONS_LOCK = 0x6564656E  # "eden": two commands never migrate at the same time

Cursor = psycopg.Cursor[tuple[Any, ...]]

_REPEATABLE_OBJECTS = """
SELECT identified.type || ' ' || identified.identity
FROM (
    SELECT 'pg_proc'::regclass AS class, oid FROM pg_proc
    WHERE pronamespace = 'ops'::regnamespace
    UNION ALL
    SELECT 'pg_class', oid FROM pg_class
    WHERE relnamespace = 'ops'::regnamespace AND relkind = 'v'
    UNION ALL
    SELECT 'pg_trigger', pg_trigger.oid FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace IN ('ops'::regnamespace, 'staging'::regnamespace)
        AND NOT tgisinternal AND tgparentid = 0
) AS object
CROSS JOIN pg_identify_object(object.class, object.oid, 0) AS identified
ORDER BY object.oid
"""
"""Everything that a repeatable file may create, in the order of creation."""


@dataclass(frozen=True, slots=True)
class SqlFile:
    """A file of SQL statements."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        """The hash of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Applied:
    """The files that the warehouse records as applied."""

    numbered: frozenset[str]
    repeatable: dict[str, str]
    """The hash of each file's text, by name."""


def migrate(connection: Connection) -> list[str]:
    """Bring ``ops`` and ``staging`` up to date in one transaction; return the files applied.

    These are the numbered files that the warehouse lacks and the repeatable files whose text
    differs from the text applied last. Without any, nothing is written.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATIONS_LOCK,))
        applied = _applied(cursor)
        numbered = [file for file in numbered_files() if file.name not in applied.numbered]
        repeatable = repeatable_files()
        changed = [file for file in repeatable if applied.repeatable.get(file.name) != file.sha256]
        removed = applied.repeatable.keys() - {file.name for file in repeatable}
        if numbered:
            # PostgreSQL alters no column that a view reads: the numbered files meet tables alone.
            if applied.repeatable:
                _drop_objects(cursor, applied.repeatable)
            _apply_numbered(cursor, numbered)
            _apply_repeatable(cursor, repeatable)
        elif changed or removed:
            _drop_objects(cursor, [*removed, *(file.name for file in changed)])
            _apply_repeatable(cursor, changed)
    return [file.name for file in (*numbered, *changed)]


def numbered_files() -> list[SqlFile]:
    """The files that are applied once, in the order of their numbers."""
    return _files("migrations")


def repeatable_files() -> list[SqlFile]:
    """The files that are applied again when their text changes, in alphabetical order."""
    return _files("repeatable")


def _files(folder: str) -> list[SqlFile]:
    entries = (resources.files("eden.warehouse") / folder).iterdir()
    files = [
        SqlFile(entry.name, entry.read_text(encoding="utf-8"))
        for entry in entries
        if entry.name.endswith(".sql")
    ]
    return sorted(files, key=lambda file: file.name)


def _applied(cursor: Cursor) -> _Applied:
    cursor.execute(
        "SELECT to_regclass('ops.schema_migrations') IS NOT NULL, "
        "to_regclass('ops.repeatable_migrations') IS NOT NULL"
    )
    has_numbered, has_repeatable = cursor.fetchone() or (False, False)
    if not has_numbered:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS ops")
        cursor.execute("CREATE SCHEMA IF NOT EXISTS staging")
        cursor.execute(
            "CREATE TABLE ops.schema_migrations "
            "(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
    query = "SELECT name, NULL FROM ops.schema_migrations"
    if has_repeatable:
        query += " UNION ALL SELECT name, sha256 FROM ops.repeatable_migrations"
    rows = cursor.execute(query).fetchall()
    return _Applied(
        numbered=frozenset(name for name, sha256 in rows if sha256 is None),
        repeatable={name: sha256 for name, sha256 in rows if sha256 is not None},
    )


def _apply_numbered(cursor: Cursor, files: Iterable[SqlFile]) -> None:
    for file in files:
        cursor.execute(sql.SQL(file.text))
        cursor.execute("INSERT INTO ops.schema_migrations (name) VALUES (%s)", (file.name,))


def _apply_repeatable(cursor: Cursor, files: Iterable[SqlFile]) -> None:
    """Create the objects of the files, none of which exists, and record them."""
    for file in files:
        before = set(cursor.execute(_REPEATABLE_OBJECTS).fetchall())
        cursor.execute(sql.SQL(file.text))
        after = cursor.execute(_REPEATABLE_OBJECTS).fetchall()
        created = [object_ for (object_,) in after if (object_,) not in before]
        cursor.execute(
            "INSERT INTO ops.repeatable_migrations (name, sha256, objects) VALUES (%s, %s, %s)",
            (file.name, file.sha256, created),
        )


def _drop_objects(cursor: Cursor, names: Iterable[str]) -> None:
    """Drop what the files of these names created, the newest object first.

    Without CASCADE: an object of somebody else that depends on one of ours stops the migration.
    """
    recorded = cursor.execute(
        "DELETE FROM ops.repeatable_migrations WHERE name = ANY (%s) RETURNING objects",
        (list(names),),
    ).fetchall()
    for (objects,) in recorded:
        for object_ in reversed(objects):
            # pg_identify_object has quoted the identity.
            kind, _, identity = object_.partition(" ")
            cursor.execute(sql.SQL(f"DROP {kind} IF EXISTS {identity}"))

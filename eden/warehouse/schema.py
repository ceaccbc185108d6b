"""The warehouse's own tables: numbered SQL files, each applied once (design, section 3, "DDL")."""

from __future__ import annotations

from importlib import resources
from typing import Any

import psycopg
from psycopg import sql

from eden.postgres import Connection

MIGRATIONS_LOCK = 0x6564656E  # "eden", so that two commands do not migrate at once


def migrate(connection: Connection) -> list[str]:
    """Bring ``ops`` and ``staging`` up to date in one transaction; return the files applied.

    Does nothing, and writes nothing, where all files have been applied.
    """
    applied: list[str] = []
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATIONS_LOCK,))
        known = _known(cursor)
        for name, text in _files():
            if name in known:
                continue
            cursor.execute(sql.SQL(text))
            cursor.execute("INSERT INTO ops.schema_migrations (name) VALUES (%s)", (name,))
            applied.append(name)
    return applied


def _known(cursor: psycopg.Cursor[tuple[Any, ...]]) -> set[str]:
    cursor.execute("SELECT to_regclass('ops.schema_migrations') IS NOT NULL")
    row = cursor.fetchone()
    if row and row[0]:
        cursor.execute("SELECT name FROM ops.schema_migrations")
        return {name for (name,) in cursor}
    cursor.execute("CREATE SCHEMA IF NOT EXISTS ops")
    cursor.execute("CREATE SCHEMA IF NOT EXISTS staging")
    cursor.execute(
        "CREATE TABLE ops.schema_migrations "
        "(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    return set()


def _files() -> list[tuple[str, str]]:
    folder = resources.files("eden.warehouse") / "migrations"
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return sorted((entry.name, entry.read_text(encoding="utf-8")) for entry in files)

"""Connections to the two databases, with psycopg 3."""

from __future__ import annotations

from typing import Any

import psycopg

from eden.errors import DatabaseUnavailable
from eden.settings import Database

Connection = psycopg.Connection[tuple[Any, ...]]
"""A connection whose rows are tuples."""

CONNECT_TIMEOUT_SECONDS = 10
FAILED = "failed: "
"""Before the reason, in libpq's messages."""


def connect(
    database: Database, *, application_name: str, autocommit: bool = False, options: str = ""
) -> Connection:
    """Open a connection.

    ``options`` are settings of the session in libpq's form, as in ``-c jit=off``.

    Raises:
        DatabaseUnavailable: names host and database, and the server's reason without the password.
    """
    try:
        return psycopg.connect(
            **arguments(
                database,
                application_name=application_name,
                autocommit=autocommit,
                options=options,
            )
        )
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"{database.label}: {_reason(error)}") from None


def arguments(
    database: Database, *, application_name: str, autocommit: bool = False, options: str = ""
) -> dict[str, Any]:
    """The arguments of ``psycopg.connect``, the password in clear among them."""
    return {
        "dbname": database.name,
        "user": database.user,
        "password": database.password.get_secret_value(),
        "host": database.host,
        "port": database.port,
        "sslmode": database.sslmode,
        "application_name": application_name,
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "options": options,
        "autocommit": autocommit,
    }


def _reason(error: psycopg.OperationalError) -> str:
    """Libpq's message about the last address that it tried, without its advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    attempts = [line for line in lines if FAILED in line]
    if attempts:
        return attempts[-1].rpartition(FAILED)[2]
    return lines[-1] if lines else "no answer"

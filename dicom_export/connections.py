"""Connections to the warehouse: a pool, from which a thread borrows one at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from eden import postgres
from eden.errors import DatabaseUnavailable, WarehouseNotBuilt
from eden.postgres import Connection
from eden.settings import DestinationDatabase

MAX_CONNECTIONS = 50
"""More threads than these wait for their turn. PostgreSQL as it comes accepts 100 connections."""

WAIT_SECONDS = 10.0
"""How long a thread waits for a connection while all are in use or the server is away."""


class Connections:
    """A pool that opens its connections when they are needed, and at once fails if it cannot.

    As a context manager it closes the pool, and with it the idle connections.
    """

    def __init__(self, database: DestinationDatabase) -> None:
        self._database = database
        self._arguments: dict[str, Any] = {
            "application_name": "eden export",
            "autocommit": True,
            "options": "-c timezone=UTC -c jit=off",
        }
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            kwargs=postgres.arguments(database, **self._arguments),
            min_size=0,
            max_size=MAX_CONNECTIONS,
            timeout=WAIT_SECONDS,
            num_workers=1,
            open=False,
        )
        self._opening = threading.Lock()
        # The pool logs every attempt that fails: the exception reports the failure, once.
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)

    @contextmanager
    def borrow(self) -> Iterator[Connection]:
        """Lend a connection in autocommit mode, for the calling thread alone.

        Raises:
            DatabaseUnavailable: the server cannot be reached, or the connection broke.
            WarehouseNotBuilt: a mart does not exist.
        """
        self._open()
        try:
            with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            self._require_server()
            raise DatabaseUnavailable(f"{self._database.label}: {error}") from None
        except psycopg.errors.UndefinedTable:
            raise WarehouseNotBuilt(self._database.label) from None
        except psycopg.OperationalError as error:
            reason = type(error).__name__
            raise DatabaseUnavailable(f"{self._database.label}: {reason}") from None

    def _open(self) -> None:
        """Open the pool at the first use, since a pool retries where a first login should fail."""
        with self._opening:
            if self._pool.closed:
                self._require_server()
                self._pool.open()

    def _require_server(self) -> None:
        """Raise DatabaseUnavailable, with the server's reason, if a new connection is refused."""
        postgres.connect(self._database, **self._arguments).close()

    def __enter__(self) -> Connections:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.close()

"""Connections to the warehouse, one per use: lent to one thread at a time."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import psycopg

from eden import postgres
from eden.errors import DatabaseUnavailable, WarehouseNotBuilt
from eden.settings import DestinationDatabase

Connection = psycopg.Connection[tuple[Any, ...]]

APPLICATION_NAME = "eden export"
OPTIONS = "-c timezone=UTC -c jit=off"


class Connections:
    """Opens connections when they are needed and keeps the idle ones for the next user."""

    def __init__(self, database: DestinationDatabase) -> None:
        self._database = database
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()

    @contextmanager
    def borrow(self) -> Iterator[Connection]:
        """Lend a connection in autocommit mode, for the calling thread alone.

        Raises:
            DatabaseUnavailable: the server cannot be reached, or the connection broke.
            WarehouseNotBuilt: a mart does not exist.
        """
        connection = self._take()
        try:
            yield connection
        except psycopg.errors.UndefinedTable:
            raise WarehouseNotBuilt(self._database.label) from None
        except psycopg.OperationalError as error:
            reason = type(error).__name__
            raise DatabaseUnavailable(f"{self._database.label}: {reason}") from None
        finally:
            self._put_back(connection)

    def _take(self) -> Connection:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return postgres.connect(
                self._database,
                application_name=APPLICATION_NAME,
                autocommit=True,
                options=OPTIONS,
            )

    def _put_back(self, connection: Connection) -> None:
        status = connection.info.transaction_status
        if status is psycopg.pq.TransactionStatus.IDLE:
            self._idle.put(connection)
        else:
            connection.close()

    def __enter__(self) -> Connections:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().close()

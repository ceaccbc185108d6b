"""The parts that every chapter of the ledger shares."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, LiteralString

from dicom_export.connections import Connections
from dicom_export.errors import LeaseLost
from dicom_export.ledger.leases import HeldLeases, Lease, deadline
from eden.postgres import Connection

LEASE_SECONDS = 60.0
BACKOFF_SECONDS = 60.0


class LedgerPart:
    """One chapter's connections, leases and limits."""

    def __init__(
        self,
        connections: Connections,
        *,
        max_attempts: int,
        lease_seconds: float = LEASE_SECONDS,
        backoff_seconds: float = BACKOFF_SECONDS,
    ) -> None:
        self.lease_seconds = lease_seconds
        self._connections = connections
        self._max_attempts = max_attempts
        self._backoff_seconds = backoff_seconds
        self._held = HeldLeases()

    def _count(self, query: LiteralString, parameters: Mapping[str, Any]) -> int:
        with self._connections.borrow() as connection:
            row = connection.execute(query, parameters).fetchone()
        return int(row[0]) if row else 0

    def _confirm(self, connection: Connection, lease: Lease) -> datetime:
        """Renew one lease and return the database's time.

        Raises:
            LeaseLost: another worker has the study.
        """
        until = deadline(self.lease_seconds)
        row = connection.execute(
            """
            UPDATE ops.study_exports
            SET lease_until = clock_timestamp() + %(seconds)s * interval '1 second'
            WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
            RETURNING clock_timestamp()
            """,
            identity(lease) | {"seconds": self.lease_seconds},
        ).fetchone()
        if row is None:
            raise LeaseLost(lease.study_id)
        lease.deadline = until
        time_of_database: datetime = row[0]
        return time_of_database


def identity(lease: Lease) -> dict[str, Any]:
    """Return the parameters that every statement of a lease's owner needs."""
    return {"study_id": lease.study_id, "owner": lease.owner}


def now(connection: Connection) -> datetime:
    """Return the database's time."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    if row is None:
        raise AssertionError("SELECT gives a row")
    time_of_database: datetime = row[0]
    return time_of_database

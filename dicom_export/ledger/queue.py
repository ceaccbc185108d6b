"""The queue: eligible studies that wait for a worker (design, section 5, "Ledger")."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal

from dicom_export.codes import Code
from dicom_export.ledger.part import LedgerPart, now
from dicom_export.ledger.results import HELD_BACK

REFRESH_LOCK = 0x6564656E02
"""Advisory lock: two refreshes at once would lock the same rows in different orders."""

Unfinished = Literal["due", "held", "abandoned"]
"""A study waits for a worker, is in the hands of a living worker, or its worker died."""

STILL_ELIGIBLE = """
    s.withdrawal IS NULL
    AND EXISTS (SELECT FROM analytics.eligible_studies AS e WHERE e.study_id = s.study_id)
"""

DUE = f"s.due_at <= %(due)s AND {STILL_ELIGIBLE}"
"""``due_at`` is a generated column: NULL unless the status allows a claim (0011)."""

ABANDONED = f"""
    s.status = 'exporting' AND s.lease_until <= clock_timestamp() AND {STILL_ELIGIBLE}
"""


class Queue(LedgerPart):
    """Fills the queue from the marts, and counts it."""

    def refresh(self, policy: str, study_ids: Sequence[str] | None = None) -> datetime:
        """Queue the studies that became eligible or changed; return the database's time.

        With ``study_ids``, only these studies. A quarantined study waits for a person even if its
        rows change: the file that belongs to another patient may be the only file left. A study
        that a worker withdraws at this moment is left alone.
        """
        ids = None if study_ids is None else list(study_ids)
        with self._connections.borrow() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (REFRESH_LOCK,))
            connection.execute(
                """
                WITH exportable AS MATERIALIZED (
                    SELECT * FROM ops.exportable_studies(%(policy)s)
                    WHERE %(ids)s::uuid[] IS NULL OR study_id = ANY (%(ids)s::uuid[])
                ), changed AS (
                    SELECT s.study_id, e.organization_id, e.doctor_rank, e.fingerprint,
                        ops.keeps_status(s.status, s.fingerprint, e.fingerprint) AS keeps_status
                    FROM ops.study_exports AS s JOIN exportable AS e ON e.study_id = s.study_id
                    WHERE ops.is_changed(
                        s.status, s.withdrawal, s.fingerprint, e.fingerprint
                    ) AND NOT (
                        s.withdrawal IS NOT NULL AND s.status = 'exporting'
                        AND s.lease_until > clock_timestamp()
                    )
                    ORDER BY s.study_id
                    FOR UPDATE OF s
                ), updated AS (
                    UPDATE ops.study_exports AS s
                    SET organization_id = c.organization_id,
                        doctor_rank = c.doctor_rank,
                        fingerprint = c.fingerprint,
                        withdrawal = NULL,
                        status = CASE WHEN c.keeps_status THEN s.status ELSE 'waiting' END,
                        attempts = CASE WHEN c.keeps_status THEN s.attempts ELSE 0 END,
                        next_attempt_at = now(),
                        updated_at = now()
                    FROM changed AS c
                    WHERE s.study_id = c.study_id
                )
                INSERT INTO ops.study_exports
                    (study_id, organization_id, doctor_rank, fingerprint)
                SELECT study_id, organization_id, doctor_rank, fingerprint
                FROM exportable AS e
                WHERE NOT EXISTS (
                    SELECT FROM ops.study_exports AS s WHERE s.study_id = e.study_id
                )
                ON CONFLICT (study_id) DO NOTHING
                """,
                {"policy": policy, "ids": ids},
            )
            return now(connection)

    def count_due(self, due: datetime) -> int:
        """Count the studies that :meth:`Claims.claim` would return."""
        query = f"SELECT count(*) FROM ops.study_exports AS s WHERE ({DUE}) OR ({ABANDONED})"
        return self._count(query, {"due": due})

    def count_left(self) -> int:
        """Count the eligible studies that some later run works on without a person's help."""
        return self._count(
            """
            SELECT count(*) FROM ops.study_exports AS s
            JOIN analytics.eligible_studies USING (study_id)
            WHERE s.status IN ('waiting', 'exporting')
                OR (s.status = 'incomplete' AND s.next_attempt_at IS NOT NULL)
            """,
            {},
        )

    def due(self, limit: int, due: datetime, without: Collection[str]) -> list[str]:
        """List up to ``limit`` studies that :meth:`Claims.claim` would return, except ``without``.

        The order is that of the claims: the longest due first.
        """
        query = f"""
            SELECT s.study_id::text FROM ops.study_exports AS s
            WHERE (({DUE}) OR ({ABANDONED})) AND s.study_id <> ALL (%(without)s::uuid[])
            ORDER BY s.next_attempt_at, s.study_id LIMIT %(limit)s
        """
        parameters = {"due": due, "limit": limit, "without": list(without)}
        with self._connections.borrow() as connection:
            return [row[0] for row in connection.execute(query, parameters)]

    def unfinished(self, study_ids: Collection[str], due: datetime) -> dict[str, Unfinished]:
        """Of the given studies, return those that are due, held by a worker, or abandoned."""
        query = f"""
            SELECT s.study_id::text, CASE
                WHEN s.status <> 'exporting' THEN 'due'
                WHEN s.lease_until > clock_timestamp() THEN 'held'
                ELSE 'abandoned'
            END
            FROM ops.study_exports AS s
            WHERE s.study_id = ANY (%(ids)s::uuid[]) AND (
                ({DUE}) OR ({ABANDONED})
                OR (s.status = 'exporting' AND s.lease_until > clock_timestamp())
            )
        """
        with self._connections.borrow() as connection:
            rows = connection.execute(query, {"ids": list(study_ids), "due": due})
            return {row[0]: row[1] for row in rows}

    def fail_exhausted(self) -> None:
        """Fail the studies whose workers died at every attempt that they may have."""
        query = f"""
            UPDATE ops.study_exports AS s
            SET status = 'failed', lease_owner = NULL, lease_until = NULL,
                updated_at = clock_timestamp(), result = {HELD_BACK}
            WHERE s.study_id IN (
                SELECT study_id FROM ops.study_exports
                WHERE status = 'exporting' AND lease_until <= clock_timestamp()
                    AND attempts >= %(max)s AND withdrawal IS NULL
                ORDER BY study_id
                FOR UPDATE SKIP LOCKED
            )
        """
        error = f"{Code.LEASE_EXPIRED}: no worker lived to finish it"
        with self._connections.borrow() as connection:
            connection.execute(query, {"max": self._max_attempts, "error": error})

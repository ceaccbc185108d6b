"""Claims: the right to work on a study for a while (design, section 5, "Work is claimed")."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import sql

from dicom_export.ledger.leases import Lease, deadline, new_owner
from dicom_export.ledger.part import identity
from dicom_export.ledger.queue import ABANDONED, DUE, STILL_ELIGIBLE, Queue
from dicom_export.ledger.withdrawals import TO_FORGET, TO_WITHDRAW


class Claims(Queue):
    """Takes studies from the queue, keeps them, and gives them back."""

    def claim(self, limit: int, due: datetime) -> list[Lease]:
        """Take up to ``limit`` studies that were due at ``due``, the longest due first.

        Abandoned studies come first, unless they have used all their attempts.
        """
        self.fail_exhausted()
        leases = self._claim(ABANDONED, "s.lease_until", {"limit": limit})
        if len(leases) < limit:
            leases += self._claim(DUE, "s.due_at", {"due": due, "limit": limit - len(leases)})
        return leases

    def claim_these(self, study_ids: Sequence[str]) -> list[Lease]:
        """Take those of the given studies that are not finished, also failed and early ones."""
        condition = f"""
            s.study_id = ANY (%(ids)s::uuid[])
            AND (
                s.status IN ('waiting', 'incomplete', 'failed')
                OR (s.status = 'exporting' AND s.lease_until <= clock_timestamp())
            )
            AND {STILL_ELIGIBLE}
        """
        parameters = {"ids": list(study_ids), "limit": len(study_ids)}
        return self._claim(condition, "s.next_attempt_at", parameters)

    def claim_finished(self, study_ids: Sequence[str]) -> list[Lease]:
        """Take those of the given studies that are exported and unchanged, to check the bucket.

        Their attempts start at one: a worker that dies over a check must not fail a study.
        """
        condition = f"""
            s.study_id = ANY (%(ids)s::uuid[]) AND s.status = 'exported' AND {STILL_ELIGIBLE}
        """
        parameters = {"ids": list(study_ids), "limit": len(study_ids)}
        return self._claim(condition, "s.study_id", parameters, is_finished=True)

    def claim_withdrawals(self, limit: int, since: datetime) -> list[Lease]:
        """Take up to ``limit`` studies to withdraw, each at most once after ``since``."""
        return self._claim(TO_WITHDRAW, "s.study_id", {"since": since, "limit": limit})

    def claim_forgotten(self, limit: int, since: datetime) -> list[Lease]:
        """Take up to ``limit`` studies of forgotten organizations, each once after ``since``."""
        return self._claim(TO_FORGET, "s.study_id", {"since": since, "limit": limit})

    def _claim(
        self,
        condition: LiteralString,
        order: LiteralString,
        parameters: dict[str, Any],
        *,
        is_finished: bool = False,
    ) -> list[Lease]:
        query = sql.SQL(
            """
            WITH chosen AS (
                SELECT s.study_id FROM ops.study_exports AS s
                WHERE {condition}
                ORDER BY {order}, s.study_id
                LIMIT %(limit)s
                FOR UPDATE OF s SKIP LOCKED
            )
            UPDATE ops.study_exports AS s
            SET status = 'exporting',
                attempts = CASE WHEN %(is_finished)s THEN 1 ELSE s.attempts + 1 END,
                lease_owner = %(owner)s,
                lease_until = clock_timestamp() + %(seconds)s * interval '1 second',
                updated_at = clock_timestamp()
            FROM chosen
            WHERE s.study_id = chosen.study_id
            RETURNING s.study_id::text
            """
        ).format(condition=sql.SQL(condition), order=sql.SQL(order))
        owner = new_owner()
        until = deadline(self.lease_seconds)
        values = parameters | {
            "owner": owner,
            "seconds": self.lease_seconds,
            "is_finished": is_finished,
        }
        with self._connections.borrow() as connection:
            rows = connection.execute(query, values).fetchall()
        leases = [Lease(study_id, owner, until, is_finished) for (study_id,) in rows]
        self._held.add(leases)
        return leases

    def leases(self) -> dict[str, tuple[datetime, bool]]:
        """Read all workers' leases on studies that this run could continue.

        Returns, by study, the end of the lease and whether it is past.
        """
        query = """
            SELECT study_id::text, lease_until, lease_until <= clock_timestamp()
            FROM ops.study_exports AS s
            WHERE status = 'exporting' AND (
                withdrawal IS NOT NULL
                OR EXISTS (
                    SELECT FROM analytics.study_eligibility AS e WHERE e.study_id = s.study_id
                )
                OR EXISTS (
                    SELECT FROM analytics.eligible_studies AS e WHERE e.study_id = s.study_id
                )
            )
        """
        with self._connections.borrow() as connection:
            return {row[0]: (row[1], row[2]) for row in connection.execute(query)}

    def renew_all(self) -> None:
        """Renew every lease that this process holds and that no other worker has taken over."""
        owners = self._held.owners()
        if not owners:
            return
        until = deadline(self.lease_seconds)
        with self._connections.borrow() as connection:
            renewed = connection.execute(
                """
                WITH mine AS (
                    SELECT study_id FROM ops.study_exports
                    WHERE lease_owner = ANY (%(owners)s) AND status = 'exporting'
                    ORDER BY study_id
                    FOR UPDATE
                )
                UPDATE ops.study_exports AS s
                SET lease_until = clock_timestamp() + %(seconds)s * interval '1 second'
                FROM mine
                WHERE s.study_id = mine.study_id
                RETURNING s.study_id::text, s.lease_owner
                """,
                {"owners": owners, "seconds": self.lease_seconds},
            ).fetchall()
        self._held.prolong(renewed, until)

    def confirm(self, lease: Lease) -> datetime:
        """Check with the database that this worker still has the study; return its time.

        Raises:
            LeaseLost: another worker has the study.
        """
        with self._connections.borrow() as connection:
            return self._confirm(connection, lease)

    def release(self, lease: Lease, wait_seconds: float = 0) -> None:
        """Give back a study that was not begun, as it was; the attempt does not count."""
        parameters = identity(lease) | {"wait": wait_seconds, "is_finished": lease.is_finished}
        with self._connections.borrow() as connection:
            # The fingerprint of the export, so that the next refresh sees a change that another
            # refresh noted while the lease was held.
            connection.execute(
                """
                UPDATE ops.study_exports
                SET status = CASE WHEN %(is_finished)s THEN 'exported' ELSE 'waiting' END,
                    fingerprint = CASE
                        WHEN %(is_finished)s THEN coalesce(exported_fingerprint, '')
                        ELSE fingerprint
                    END,
                    attempts = greatest(attempts - 1, 0), lease_owner = NULL, lease_until = NULL,
                    updated_at = clock_timestamp(),
                    next_attempt_at = CASE
                        WHEN %(wait)s = 0 AND next_attempt_at IS NOT NULL THEN next_attempt_at
                        ELSE clock_timestamp() + %(wait)s * interval '1 second'
                    END
                WHERE study_id = %(study_id)s AND lease_owner = %(owner)s
                    AND status = 'exporting'
                """,
                parameters,
            )
        self._held.drop(lease)

    def drop_lease(self, lease: Lease) -> None:
        """Stop renewing a lease that was lost."""
        self._held.drop(lease)

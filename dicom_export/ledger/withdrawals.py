"""Studies that leave the bucket, one by one or with their whole organization."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from dicom_export.codes import Code
from dicom_export.ledger.contents import delete_images
from dicom_export.ledger.endings import end
from dicom_export.ledger.leases import Lease
from dicom_export.ledger.part import LedgerPart, now
from dicom_export.ledger.queue import REFRESH_LOCK
from dicom_export.ledger.results import RESULT
from dicom_export.model import StudyResult

_FREE_SINCE = """
    s.updated_at <= %(since)s
    AND (s.status <> 'exporting' OR s.lease_until <= clock_timestamp())
"""
"""No worker has the study, and this run has not tried it yet."""

_HAS_OBJECTS = """
    EXISTS (SELECT FROM ops.exported_objects AS o WHERE o.study_id = s.study_id)
"""

TO_WITHDRAW = f"s.withdrawal IS NOT NULL AND s.status <> 'withdrawn' AND {_FREE_SINCE}"

TO_FORGET = f"s.withdrawal = '{{forgotten}}' AND {_HAS_OBJECTS} AND {_FREE_SINCE}"

# A study that moved to another organization may have objects under its old keys.
_OF_ORGANIZATION = """(
    s.organization_id = %(id)s OR EXISTS (
        SELECT FROM ops.exported_objects AS o
        WHERE o.study_id = s.study_id AND starts_with(o.key, %(id)s::text || '/')
    )
)"""


class Withdrawals(LedgerPart):
    """Writes the outcome of withdrawals, and forgets organizations."""

    def finish_withdrawal(self, lease: Lease) -> StudyResult:
        """Write that nothing of the study is left in the bucket.

        Raises:
            LeaseLost: another worker has the study; nothing was written.
        """
        errors = """jsonb_build_array(%(code)s::text || CASE
            WHEN withdrawal = '{deleted}' THEN ': the source has deleted it'
            WHEN withdrawal = '{forgotten}' THEN ': its organization is forgotten'
            WHEN 'not_deidentified' = ANY (withdrawal) THEN ': it fails '
                || array_to_string(array_remove(withdrawal, 'not_deidentified'), ', ')
                || ', and is not known to be de-identified'
            ELSE ': it fails ' || array_to_string(withdrawal, ', ')
        END)"""
        query = f"""
            UPDATE ops.study_exports AS s
            SET status = 'withdrawn', attempts = 0, lease_owner = NULL, lease_until = NULL,
                result = {RESULT.format(success="false", errors=errors)},
                updated_at = clock_timestamp()
            WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
            RETURNING result
        """
        with self._connections.borrow() as connection, connection.transaction():
            (result,) = end(connection, query, lease, {"code": Code.WITHDRAWN.value})
            delete_images(connection, lease.study_id)
        self._held.drop(lease)
        return StudyResult.from_dict(result)

    def fail_withdrawal(self, lease: Lease, errors: Sequence[str]) -> StudyResult:
        """Write that some of the study is still in the bucket; the next run continues.

        Raises:
            LeaseLost: another worker has the study; nothing was written.
        """
        query = f"""
            UPDATE ops.study_exports AS s
            SET status = 'incomplete', next_attempt_at = clock_timestamp(),
                lease_owner = NULL, lease_until = NULL,
                result = {RESULT.format(success="false", errors="to_jsonb(%(errors)s::text[])")},
                updated_at = clock_timestamp()
            WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
            RETURNING result
        """
        with self._connections.borrow() as connection:
            (result,) = end(connection, query, lease, {"errors": list(errors)})
        self._held.drop(lease)
        return StudyResult.from_dict(result)

    def forget_organization(self, organization_id: UUID) -> datetime:
        """Record that an organization is forgotten; return the database's time.

        From now on no refresh queues its studies and no worker claims them. A worker that has one
        of them can neither renew its lease nor record anything, so it stops when the lease ends.
        The objects that it has sent are in doubt in the ledger already.
        """
        with self._connections.borrow() as connection, connection.transaction():
            # A refresh that began before could queue studies again.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (REFRESH_LOCK,))
            connection.execute(
                """
                UPDATE ops.organizations
                SET forgotten_at = coalesce(forgotten_at, clock_timestamp())
                WHERE organization_id = %(id)s
                """,
                {"id": organization_id},
            )
            connection.execute(
                f"""
                WITH its AS (
                    SELECT s.study_id FROM ops.study_exports AS s
                    WHERE {_OF_ORGANIZATION} AND s.withdrawal IS DISTINCT FROM '{{forgotten}}'
                    ORDER BY s.study_id
                    FOR UPDATE OF s
                )
                UPDATE ops.study_exports AS s
                SET withdrawal = '{{forgotten}}', lease_owner = NULL,
                    updated_at = clock_timestamp()
                FROM its
                WHERE s.study_id = its.study_id
                """,
                {"id": organization_id},
            )
            return now(connection)

    def left_of_forgotten(self, organization_id: UUID) -> tuple[int, int]:
        """Count the studies of a forgotten organization that still have objects in the bucket.

        Returns their number, and the number of its studies with a running lease: their workers may
        leave objects until the leases end.
        """
        query = f"""
            SELECT
                count(*) FILTER (WHERE {_HAS_OBJECTS}),
                count(*) FILTER (WHERE s.status = 'exporting'
                    AND s.lease_until > clock_timestamp())
            FROM ops.study_exports AS s
            WHERE s.withdrawal = '{{forgotten}}' AND {_OF_ORGANIZATION}
        """
        with self._connections.borrow() as connection:
            row = connection.execute(query, {"id": organization_id}).fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

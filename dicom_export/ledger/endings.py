"""The end of an attempt: exported, incomplete, failed, quarantined (design, section 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, LiteralString

from dicom_export.codes import StudyStatus
from dicom_export.errors import LeaseLost
from dicom_export.ledger.contents import replace_contents
from dicom_export.ledger.leases import Lease
from dicom_export.ledger.part import LedgerPart, identity
from dicom_export.ledger.results import HELD_BACK
from dicom_export.model import StudyOutcome, StudyResult
from eden.postgres import Connection

BACKOFF_LIMIT_SECONDS = 24 * 3600.0

_BACKOFF = """interval '1 second'
    * least(%(backoff)s * power(2, least(attempts, 30) - 1), %(backoff_limit)s)"""


class Endings(LedgerPart):
    """Writes the outcome of an attempt and ends its lease."""

    def finish(
        self, lease: Lease, outcome: StudyOutcome, fingerprint: str, policy: str | None = None
    ) -> StudyStatus:
        """Write the outcome: study, images and objects in one transaction.

        ``fingerprint`` is the mart's; the ledger holds it under ``policy``. An incomplete study
        that has used all its attempts becomes failed. Returns the status written.

        Raises:
            LeaseLost: another worker has the study; nothing was written.
        """
        query = f"""
            UPDATE ops.study_exports
            SET status = CASE
                    WHEN %(status)s = 'incomplete' AND %(is_hopeful)s AND attempts >= %(max)s
                        THEN 'failed'
                    ELSE %(status)s
                END,
                fingerprint = under_policy.fingerprint,
                policy = %(policy)s,
                exported_fingerprint = CASE %(status)s
                    WHEN 'exported' THEN under_policy.fingerprint
                    ELSE exported_fingerprint
                END,
                exported_at = CASE %(status)s
                    WHEN 'exported' THEN clock_timestamp() ELSE exported_at
                END,
                next_attempt_at = CASE
                    WHEN %(status)s <> 'incomplete' OR %(is_hopeful)s
                        THEN clock_timestamp() + {_BACKOFF}
                END,
                lease_owner = NULL,
                lease_until = NULL,
                result = %(result)s::jsonb,
                updated_at = clock_timestamp()
            FROM (
                SELECT ops.export_fingerprint(%(fingerprint)s, %(policy)s) AS fingerprint
            ) AS under_policy
            WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
            RETURNING status
        """
        parameters = self._backoff() | {
            "status": outcome.status.value,
            "is_hopeful": outcome.is_hopeful,
            "result": json.dumps(outcome.result.to_dict()),
            "fingerprint": fingerprint,
            "policy": policy,
        }
        with self._connections.borrow() as connection, connection.transaction():
            (status,) = end(connection, query, lease, parameters)
            replace_contents(connection, lease.study_id, outcome)
        self._held.drop(lease)
        return StudyStatus(status)

    def give_up(self, lease: Lease, error: str) -> tuple[StudyStatus, StudyResult]:
        """Write that an attempt broke off; images and objects stay as they were recorded last.

        Raises:
            LeaseLost: another worker has the study; nothing was written.
        """
        query = f"""
            UPDATE ops.study_exports AS s
            SET status = CASE WHEN attempts >= %(max)s THEN 'failed' ELSE 'incomplete' END,
                next_attempt_at = clock_timestamp() + {_BACKOFF},
                lease_owner = NULL,
                lease_until = NULL,
                result = {HELD_BACK},
                updated_at = clock_timestamp()
            WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
            RETURNING status, result
        """
        with self._connections.borrow() as connection:
            parameters = self._backoff() | {"error": error}
            status, result = end(connection, query, lease, parameters)
        self._held.drop(lease)
        return StudyStatus(status), StudyResult.from_dict(result)

    def _backoff(self) -> dict[str, Any]:
        return {
            "max": self._max_attempts,
            "backoff": self._backoff_seconds,
            "backoff_limit": BACKOFF_LIMIT_SECONDS,
        }


def end(
    connection: Connection, query: LiteralString, lease: Lease, parameters: Mapping[str, Any]
) -> tuple[Any, ...]:
    """Run the statement that ends a lease, and return its row.

    Raises:
        LeaseLost: another worker has the study; the statement changed nothing.
    """
    row = connection.execute(query, identity(lease) | dict(parameters)).fetchone()
    if row is None:
        raise LeaseLost(lease.study_id)
    return row

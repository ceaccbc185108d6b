"""Withdraws studies that are no longer eligible (design, section 5, "Withdrawal").

The decision is made for all studies at once, so that it can refuse a mass of them, and carried out
one by one. Evidence is a row of ``study_eligibility`` with the criteria that a study fails, or a
deletion that ``validate`` recorded. A study that is merely absent from the marts stays.

The rank of a doctor changes because of other studies. So criterion 4 alone freezes a study that is
completely in the bucket. Two kinds of study are withdrawn instead: an incomplete study, which no
run would complete; and a study sent before de-identification was chosen, because without an
eligible row it cannot be sent again, and an identified study is worse than a missing one
(docs/decisions/0011).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import LiteralString

from dicom_export.codes import StudyStatus
from dicom_export.connections import Connections
from dicom_export.criteria import FAILED_CRITERIA
from dicom_export.ledger.leases import Lease
from dicom_export.ledger.ledger import Ledger
from dicom_export.ledger.results import MODE_OF_POLICY, RESULT
from dicom_export.model import StudyResult
from dicom_export.publish.bucket import Bucket
from dicom_export.publish.study_objects import StudyObjects
from eden.postgres import Connection

MASS_PERCENT = 5
"""The largest share of the exported studies that is withdrawn without permission. A single study is
always allowed, in a dataset of any size."""

_DECISION_LOCK = 0x6564656E03

# Deletions and staging are read last, and only for studies that the marts do not have. A
# quarantined study has no object in the bucket, and waits for a person.
JUDGED = f"""
judged AS MATERIALIZED (
    SELECT s.study_id, s.withdrawal,
        EXISTS (
            SELECT FROM ops.exported_objects AS o
            WHERE o.study_id = s.study_id AND o.kind = 'metadata' AND NOT o.in_doubt
        ) AS is_published,
        %(deidentifies)s AND coalesce({MODE_OF_POLICY} = 'off', s.policy IS NULL)
            AS is_identified,
        CASE
            WHEN j.study_id IS NOT NULL THEN {FAILED_CRITERIA}
            WHEN EXISTS (
                SELECT FROM ops.deletions AS d
                WHERE d.table_name = 'pacs_studies' AND d.id = s.study_id
            ) AND NOT EXISTS (SELECT FROM staging.pacs_studies AS p WHERE p.id = s.study_id)
                THEN ARRAY['deleted']
            ELSE ARRAY[]::text[]
        END AS reasons
    FROM ops.study_exports AS s
    LEFT JOIN analytics.study_eligibility AS j ON j.study_id = s.study_id
    WHERE s.status NOT IN ('withdrawn', 'quarantined')
        AND NOT EXISTS (
            SELECT FROM analytics.eligible_studies AS e WHERE e.study_id = s.study_id
        )
        AND (s.status <> 'exporting' OR s.lease_until <= clock_timestamp())
        -- Studies of forgotten organizations leave another way (withdraw/organization.py).
        AND NOT EXISTS (
            SELECT FROM ops.forgotten_organizations AS forgotten
            WHERE forgotten.organization_id = s.organization_id
        )
), reasoned AS (
    SELECT study_id, withdrawal, is_published,
        CASE
            WHEN reasons = ARRAY['has_ranked_signer'] AND is_identified
                AND (is_published OR 'not_deidentified' = ANY (withdrawal))
                THEN array_append(reasons, 'not_deidentified')
            ELSE reasons
        END AS reasons
    FROM judged
), verdicts AS MATERIALIZED (
    SELECT *, CASE
        -- A withdrawal that was begun is completed.
        WHEN withdrawal IS NOT NULL AND NOT is_published THEN 'to_withdraw'
        WHEN reasons = ARRAY[]::text[] THEN 'unexplained'
        WHEN reasons = ARRAY['has_ranked_signer'] AND is_published THEN 'frozen'
        ELSE 'to_withdraw'
    END AS verdict
    FROM reasoned
)
"""
"""Every study of the ledger that is not eligible, with its verdict and the reasons.

Studies with a running lease are left out. The parameter ``deidentifies``: whether this run
de-identifies.
"""

# One statement, because a build may replace the marts between two: it counts and decides the same.
WEIGHED = f"""
{JUDGED}, tally AS MATERIALIZED (
    SELECT
        count(*) FILTER (WHERE verdict = 'to_withdraw' AND withdrawal IS NULL) AS found,
        count(*) FILTER (
            WHERE verdict = 'to_withdraw' AND withdrawal IS NULL AND is_published
        ) AS published,
        (
            SELECT count(*) FROM ops.exported_objects WHERE kind = 'metadata' AND NOT in_doubt
        ) AS exported,
        (
            SELECT count(*) FROM ops.exported_objects JOIN verdicts USING (study_id)
            WHERE verdict = 'to_withdraw'
        ) AS objects
    FROM verdicts
), weighed AS MATERIALIZED (
    SELECT *, published <= 1 OR published * 100 <= exported * %(percent)s OR %(allow_mass)s
        AS is_allowed
    FROM tally
)
"""
"""As :data:`JUDGED`, and whether this number of withdrawals is allowed.

Also takes the parameters ``percent`` and ``allow_mass``.
"""

_FORESEEN = f"""
WITH {WEIGHED}
SELECT found, objects, published, exported, is_allowed FROM weighed
"""

# Evidence that disappears before the first removal takes the decision back.
_DECIDED = f"""
WITH {WEIGHED}, decided AS (
    UPDATE ops.study_exports AS s
    SET withdrawal = v.reasons, updated_at = clock_timestamp()
    FROM verdicts AS v, weighed
    WHERE s.study_id = v.study_id AND v.verdict = 'to_withdraw'
        AND s.withdrawal IS DISTINCT FROM v.reasons AND v.reasons <> ARRAY[]::text[]
        AND (weighed.is_allowed OR s.withdrawal IS NOT NULL)
), taken_back AS (
    UPDATE ops.study_exports AS s
    SET withdrawal = NULL, updated_at = clock_timestamp()
    FROM verdicts AS v
    WHERE s.study_id = v.study_id AND v.verdict = 'unexplained' AND s.withdrawal IS NOT NULL
), frozen AS (
    UPDATE ops.study_exports AS s
    SET status = 'exported',
        withdrawal = NULL,
        fingerprint = coalesce(s.exported_fingerprint, ''),
        exported_at = coalesce(s.exported_at, clock_timestamp()),
        attempts = 0,
        lease_owner = NULL,
        lease_until = NULL,
        result = {RESULT.format(success="true", errors="'[]'::jsonb")},
        updated_at = clock_timestamp()
    FROM verdicts AS v
    WHERE s.study_id = v.study_id AND v.verdict = 'frozen'
        AND (s.status <> 'exported' OR s.withdrawal IS NOT NULL)
        AND (s.status <> 'exporting' OR s.lease_until <= clock_timestamp())
)
SELECT found, objects, published, exported, is_allowed FROM weighed
"""

_PENDING = """
SELECT count(*), clock_timestamp() FROM ops.study_exports
WHERE withdrawal IS NOT NULL AND status <> 'withdrawn'
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """The studies to withdraw now, and those refused."""

    pending: int
    """Studies to withdraw, with those that an earlier run did not reach."""
    objects: int
    """Their objects in the bucket."""
    refused: int
    """Exported studies that are not withdrawn, because they are too many."""
    exported: int
    """All exported studies."""
    at: datetime
    """The database's time, after the decision."""


def preview(connections: Connections, *, allow_mass: bool, deidentifies: bool) -> Decision:
    """Return the decision that :func:`decide` would make; nothing is written."""
    with connections.borrow() as connection:
        choices = {"allow_mass": allow_mass, "deidentifies": deidentifies}
        found, decision = _weigh(connection, _FORESEEN, **choices)
    return replace(decision, pending=decision.pending + (0 if decision.refused else found))


def decide(connections: Connections, *, allow_mass: bool, deidentifies: bool) -> Decision:
    """Record the studies to withdraw, unless they are too many without ``allow_mass``.

    ``deidentifies``: this run de-identifies, so frozen studies that were sent under ``off`` are
    withdrawn as well.
    """
    with connections.borrow() as connection, connection.transaction():
        # Two decisions at once would each use the whole allowance.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_DECISION_LOCK,))
        choices = {"allow_mass": allow_mass, "deidentifies": deidentifies}
        return _weigh(connection, _DECIDED, **choices)[1]


def _weigh(connection: Connection, query: LiteralString, **choices: bool) -> tuple[int, Decision]:
    row = connection.execute(query, {"percent": MASS_PERCENT, **choices}).fetchone()
    pending = connection.execute(_PENDING).fetchone()
    if row is None or pending is None:
        raise AssertionError("an aggregate gives a row")
    found, objects, published, exported, is_allowed = row
    return found, Decision(
        pending=pending[0],
        objects=objects,
        refused=0 if is_allowed else published,
        exported=exported,
        at=pending[1],
    )


@dataclass(frozen=True, slots=True)
class Withdrawer:
    """Removes studies from the bucket. Several threads share it."""

    bucket: Bucket
    ledger: Ledger

    def withdraw(self, lease: Lease) -> tuple[StudyStatus, StudyResult]:
        """Remove one study: ``metadata.json`` first, then all that lies under its prefix.

        Returns WITHDRAWN if no object is left, else INCOMPLETE, with the result.

        Raises:
            LeaseLost: another worker took the study over; this one stopped writing.
        """
        objects = StudyObjects(self.bucket, self.ledger, lease)
        row = self.ledger.rows([lease.study_id])[lease.study_id]
        if objects.clear(row.organization_id):
            return StudyStatus.WITHDRAWN, self.ledger.finish_withdrawal(lease)
        return StudyStatus.INCOMPLETE, self.ledger.fail_withdrawal(lease, objects.errors)

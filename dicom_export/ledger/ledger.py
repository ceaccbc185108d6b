"""The ledger of the export: what waits, who works on it, what is in the bucket (design, section 5).

Every change of a study is one transaction, and only its lease's owner makes it. Time is the
database's. What is about to change in the bucket is noted before it does (``in_doubt``), and again
after every single request, so that a worker that dies leaves no object behind that nobody knows of,
and what it had sent is not sent again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import sql

from dicom_export.codes import Code, StudyStatus
from dicom_export.connections import Connections
from dicom_export.errors import LeaseLost
from dicom_export.ledger.leases import HeldLeases, Lease, deadline, new_owner
from dicom_export.model import Acceptance, PlacedObject, StudyOutcome, StudyResult
from eden.postgres import Connection

LEASE_SECONDS = 60.0
BACKOFF_SECONDS = 60.0
BACKOFF_LIMIT_SECONDS = 24 * 3600.0

Unfinished = Literal["due", "held", "abandoned"]
"""Waits for a worker; is in the hands of one that lives; was left behind by one that died."""

_REFRESH_LOCK = 0x6564656E02

# A study in quarantine waits for a person, whatever becomes of its rows: the file that looked like
# somebody else's may be the only one left. One that is being withdrawn right now is left alone.
_REFRESH = """
WITH eligible AS MATERIALIZED (
    SELECT study_id, organization_id, doctor_rank,
           encode(sha256(convert_to(fingerprint || E'\\n' || %(policy)s, 'UTF8')), 'hex')
               AS fingerprint
    FROM analytics.eligible_studies AS e
    WHERE (%(ids)s::uuid[] IS NULL OR study_id = ANY (%(ids)s::uuid[])) AND NOT EXISTS (
        SELECT FROM ops.organizations AS gone
        WHERE gone.organization_id = e.organization_id AND gone.forgotten_at IS NOT NULL
    )
), changed AS (
    SELECT s.study_id, e.organization_id, e.doctor_rank, e.fingerprint,
           s.status IN ('exporting', 'quarantined')
               OR (s.status = 'exported' AND s.fingerprint = e.fingerprint) AS keeps_status
    FROM ops.study_exports AS s JOIN eligible AS e ON e.study_id = s.study_id
    WHERE (s.fingerprint <> e.fingerprint OR s.status = 'withdrawn' OR s.withdrawal IS NOT NULL)
        AND NOT (
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
INSERT INTO ops.study_exports (study_id, organization_id, doctor_rank, fingerprint)
SELECT study_id, organization_id, doctor_rank, fingerprint
FROM eligible AS e
WHERE NOT EXISTS (SELECT FROM ops.study_exports AS s WHERE s.study_id = e.study_id)
ON CONFLICT (study_id) DO NOTHING
"""

_ELIGIBLE = """
    s.withdrawal IS NULL
    AND EXISTS (SELECT FROM analytics.eligible_studies AS e WHERE e.study_id = s.study_id)
"""

_DUE = f"""
    s.status IN ('waiting', 'incomplete') AND s.next_attempt_at <= %(due)s AND {_ELIGIBLE}
"""

_LEFT_BY_THE_DEAD = f"""
    s.status = 'exporting' AND s.lease_until <= clock_timestamp() AND {_ELIGIBLE}
"""

_UNFINISHED = f"""
SELECT s.study_id::text, CASE
    WHEN s.status <> 'exporting' THEN 'due'
    WHEN s.lease_until > clock_timestamp() THEN 'held'
    ELSE 'abandoned'
END
FROM ops.study_exports AS s
WHERE s.study_id = ANY (%(ids)s::uuid[])
    AND (
        ({_DUE}) OR ({_LEFT_BY_THE_DEAD})
        OR (s.status = 'exporting' AND s.lease_until > clock_timestamp())
    )
"""

_ASKED_FOR = f"""
    s.study_id = ANY (%(ids)s::uuid[])
    AND (
        s.status IN ('waiting', 'incomplete', 'failed')
        OR (s.status = 'exporting' AND s.lease_until <= clock_timestamp())
    )
    AND {_ELIGIBLE}
"""

_FINISHED = f"""
    s.study_id = ANY (%(ids)s::uuid[]) AND s.status = 'exported' AND {_ELIGIBLE}
"""

# Once per run and study, whatever comes of it: one that could not be removed waits for the next.
_TO_WITHDRAW = """
    s.withdrawal IS NOT NULL AND s.status <> 'withdrawn' AND s.updated_at <= %(since)s
    AND (s.status <> 'exporting' OR s.lease_until <= clock_timestamp())
"""

# From here on no refresh brings any of its studies back, and none of them is exported. Whoever
# holds one now can neither prolong the lease nor note anything; what they have sent and not noted
# yet is in doubt already. Of what moved to another organization, objects under old keys go too.
_FORGET_ORGANIZATION = """
UPDATE ops.organizations SET forgotten_at = coalesce(forgotten_at, clock_timestamp())
WHERE organization_id = %(id)s
"""

_OF_ORGANIZATION = """(
    s.organization_id = %(id)s OR EXISTS (
        SELECT FROM ops.exported_objects AS o
        WHERE o.study_id = s.study_id AND starts_with(o.key, %(id)s::text || '/')
    )
)"""

_FORGET_STUDIES = f"""
WITH its AS (
    SELECT s.study_id FROM ops.study_exports AS s
    WHERE {_OF_ORGANIZATION} AND s.withdrawal IS DISTINCT FROM '{{forgotten}}'
    ORDER BY s.study_id
    FOR UPDATE OF s
)
UPDATE ops.study_exports AS s
SET withdrawal = '{{forgotten}}', lease_owner = NULL, updated_at = clock_timestamp()
FROM its
WHERE s.study_id = its.study_id
"""

_HAS_OBJECTS = """
    EXISTS (SELECT FROM ops.exported_objects AS o WHERE o.study_id = s.study_id)
"""

# Once per run and study, as withdrawals are.
_TO_FORGET = f"""
    s.withdrawal = '{{forgotten}}' AND s.updated_at <= %(since)s AND {_HAS_OBJECTS}
    AND (s.status <> 'exporting' OR s.lease_until <= clock_timestamp())
"""

_LEFT_OF_FORGOTTEN = f"""
SELECT
    count(*) FILTER (WHERE {_HAS_OBJECTS}),
    count(*) FILTER (WHERE s.status = 'exporting' AND s.lease_until > clock_timestamp())
FROM ops.study_exports AS s
WHERE s.withdrawal = '{{forgotten}}' AND {_OF_ORGANIZATION}
"""

_CLAIM = """
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

MODE_OF_POLICY = "substring(s.policy FROM 'mode=([^/]*)')"
"""DEIDENTIFICATION, as ``policy.policy_text`` writes it; NULL if no policy is recorded."""

RESULT = """jsonb_build_object(
    'study_id', s.study_id,
    'organization_id', s.organization_id,
    'success', {success},
    'dicom_files_uploaded', (
        SELECT count(*) FROM ops.exported_objects AS o
        WHERE o.study_id = s.study_id AND o.kind = 'dicom' AND NOT o.in_doubt
    ),
    'reports_uploaded', (
        SELECT count(*) FROM ops.exported_objects AS o
        WHERE o.study_id = s.study_id AND o.kind = 'report' AND NOT o.in_doubt
    ),
    'metadata_uploaded', EXISTS (
        SELECT FROM ops.exported_objects AS o
        WHERE o.study_id = s.study_id AND o.kind = 'metadata' AND NOT o.in_doubt
    ),
    'errors', {errors}
)"""
"""The result of a study as the ledger has it, for queries in which ``s`` is ``study_exports``."""

_HELD_BACK = RESULT.format(success="false", errors="jsonb_build_array(%(error)s::text)")

# A study that brings its workers down must not do so for ever.
_FAIL_THE_FATAL = f"""
UPDATE ops.study_exports AS s
SET status = 'failed', lease_owner = NULL, lease_until = NULL, updated_at = clock_timestamp(),
    result = {_HELD_BACK}
WHERE s.study_id IN (
    SELECT study_id FROM ops.study_exports
    WHERE status = 'exporting' AND lease_until <= clock_timestamp() AND attempts >= %(max)s
        AND withdrawal IS NULL
    ORDER BY study_id
    FOR UPDATE SKIP LOCKED
)
"""

_RENEW = """
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
"""

_CONFIRM = """
UPDATE ops.study_exports
SET lease_until = clock_timestamp() + %(seconds)s * interval '1 second'
WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
RETURNING clock_timestamp()
"""

_RELEASE = """
UPDATE ops.study_exports
SET status = CASE WHEN %(is_finished)s THEN 'exported' ELSE 'waiting' END,
    -- A refresh may have noted a change meanwhile: the next one shall see it.
    fingerprint = CASE
        WHEN %(is_finished)s THEN coalesce(exported_fingerprint, '') ELSE fingerprint
    END,
    attempts = greatest(attempts - 1, 0), lease_owner = NULL, lease_until = NULL,
    updated_at = clock_timestamp(),
    next_attempt_at = CASE
        WHEN %(wait)s = 0 AND next_attempt_at IS NOT NULL THEN next_attempt_at
        ELSE clock_timestamp() + %(wait)s * interval '1 second'
    END
WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
"""

_BACKOFF = """interval '1 second'
    * least(%(backoff)s * power(2, least(attempts, 30) - 1), %(backoff_limit)s)"""

_FINISH = f"""
UPDATE ops.study_exports
SET status = CASE
        WHEN %(status)s = 'incomplete' AND %(is_hopeful)s AND attempts >= %(max)s THEN 'failed'
        ELSE %(status)s
    END,
    fingerprint = %(fingerprint)s,
    policy = %(policy)s,
    exported_fingerprint =
        CASE %(status)s WHEN 'exported' THEN %(fingerprint)s ELSE exported_fingerprint END,
    exported_at = CASE %(status)s WHEN 'exported' THEN clock_timestamp() ELSE exported_at END,
    next_attempt_at = CASE
        WHEN %(status)s <> 'incomplete' OR %(is_hopeful)s THEN clock_timestamp() + {_BACKOFF}
    END,
    lease_owner = NULL,
    lease_until = NULL,
    result = %(result)s::jsonb,
    updated_at = clock_timestamp()
WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
RETURNING status
"""

_GIVE_UP = f"""
UPDATE ops.study_exports AS s
SET status = CASE WHEN attempts >= %(max)s THEN 'failed' ELSE 'incomplete' END,
    next_attempt_at = clock_timestamp() + {_BACKOFF},
    lease_owner = NULL,
    lease_until = NULL,
    result = {_HELD_BACK},
    updated_at = clock_timestamp()
WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
RETURNING status, result
"""

_RESULT_OF_WITHDRAWAL = RESULT.format(
    success="false",
    errors="""jsonb_build_array(%(code)s::text || CASE
        WHEN withdrawal = '{deleted}' THEN ': the source has deleted it'
        WHEN withdrawal = '{forgotten}' THEN ': its organization is forgotten'
        WHEN 'not_deidentified' = ANY (withdrawal) THEN ': it fails '
            || array_to_string(array_remove(withdrawal, 'not_deidentified'), ', ')
            || ', and is not known to be de-identified'
        ELSE ': it fails ' || array_to_string(withdrawal, ', ')
    END)""",
)

_WITHDRAWN = f"""
UPDATE ops.study_exports AS s
SET status = 'withdrawn', attempts = 0, lease_owner = NULL, lease_until = NULL,
    result = {_RESULT_OF_WITHDRAWAL}, updated_at = clock_timestamp()
WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
RETURNING result
"""

_NOT_WITHDRAWN = f"""
UPDATE ops.study_exports AS s
SET status = 'incomplete', next_attempt_at = clock_timestamp(),
    lease_owner = NULL, lease_until = NULL,
    result = {RESULT.format(success="false", errors="to_jsonb(%(errors)s::text[])")},
    updated_at = clock_timestamp()
WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
RETURNING result
"""

_FORGET_IMAGES = """
DELETE FROM ops.image_exports
WHERE study_id = %(study_id)s AND NOT image_id = ANY (%(ids)s::uuid[])
"""

_WRITE_IMAGES = """
INSERT INTO ops.image_exports
    (image_id, study_id, status, reason, source_sha256, sha256, bytes, key, source_updated_at,
     updated_at)
SELECT given.image_id, %(study_id)s, given.status, given.reason, given.source_sha256,
       given.sha256, given.bytes, given.key, given.source_updated_at, clock_timestamp()
FROM jsonb_to_recordset(%(images)s::jsonb) AS given (
    image_id uuid, status text, reason text, source_sha256 text, sha256 text, bytes bigint,
    key text, source_updated_at timestamptz
)
ON CONFLICT (image_id) DO UPDATE SET
    study_id = excluded.study_id, status = excluded.status, reason = excluded.reason,
    source_sha256 = excluded.source_sha256, sha256 = excluded.sha256, bytes = excluded.bytes,
    key = excluded.key, source_updated_at = excluded.source_updated_at,
    updated_at = excluded.updated_at
"""

_FORGET_OBJECTS = """
DELETE FROM ops.exported_objects
WHERE study_id = %(study_id)s AND NOT key = ANY (%(keys)s::text[])
"""

_WRITE_OBJECTS = """
INSERT INTO ops.exported_objects AS o
    (study_id, key, kind, sha256, bytes, in_doubt, source_updated_at)
SELECT %(study_id)s, given.key, given.kind, given.sha256, given.bytes, given.in_doubt,
       given.source_updated_at
FROM jsonb_to_recordset(%(objects)s::jsonb) AS given (
    key text, kind text, sha256 text, bytes bigint, in_doubt boolean, source_updated_at timestamptz
)
ON CONFLICT (study_id, key) DO UPDATE SET
    sha256 = excluded.sha256, bytes = excluded.bytes, in_doubt = excluded.in_doubt,
    source_updated_at = excluded.source_updated_at,
    uploaded_at = CASE
        WHEN (o.sha256, o.bytes, o.in_doubt)
            IS DISTINCT FROM (excluded.sha256, excluded.bytes, excluded.in_doubt)
            THEN clock_timestamp()
        ELSE o.uploaded_at
    END
WHERE (o.sha256, o.bytes, o.in_doubt, o.source_updated_at) IS DISTINCT FROM
    (excluded.sha256, excluded.bytes, excluded.in_doubt, excluded.source_updated_at)
"""

# A note that is lost with the server costs one needless request, so that nobody waits for its disk.
_WHILE_MINE = """
WITH hasty AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
), mine AS MATERIALIZED (
    SELECT s.study_id FROM hasty, ops.study_exports AS s
    WHERE s.study_id = %(study_id)s AND s.lease_owner = %(owner)s AND s.status = 'exporting'
        AND s.lease_until > clock_timestamp()
    FOR SHARE OF s
)
"""

_SETTLE = f"""
{_WHILE_MINE}
UPDATE ops.exported_objects AS o
SET sha256 = %(sha256)s, bytes = %(bytes)s, in_doubt = false, uploaded_at = clock_timestamp()
FROM mine
WHERE o.study_id = mine.study_id AND o.key = %(key)s
"""

_FORGET = f"""
{_WHILE_MINE}
DELETE FROM ops.exported_objects AS o USING mine
WHERE o.study_id = mine.study_id AND o.key = %(key)s
"""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """Where a study stands."""

    organization_id: str
    status: StudyStatus
    result: StudyResult | None


class Ledger:
    """Reads and writes the ledger. Shared by threads."""

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

    # What there is to do --------------------------------------------------------------------------

    def refresh(self, policy: str, study_ids: Sequence[str] | None = None) -> datetime:
        """Note what has become eligible or has changed; return the database's time.

        With ``study_ids``, only these are looked at.
        """
        ids = None if study_ids is None else list(study_ids)
        with self._connections.borrow() as connection, connection.transaction():
            # Two of these at once would lock the same rows in different orders.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_REFRESH_LOCK,))
            connection.execute(_REFRESH, {"policy": policy, "ids": ids})
            return _now(connection)

    def forget_organization(self, organization_id: UUID) -> datetime:
        """Note that an organization is forgotten; return the database's time.

        No study of it is claimed for export any more. A worker that has one now loses it: by the
        end of its lease at the latest, it can write nothing more.
        """
        with self._connections.borrow() as connection, connection.transaction():
            # A refresh that began before could bring studies back.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_REFRESH_LOCK,))
            connection.execute(_FORGET_ORGANIZATION, {"id": organization_id})
            connection.execute(_FORGET_STUDIES, {"id": organization_id})
            return _now(connection)

    def left_of_forgotten(self, organization_id: UUID) -> tuple[int, int]:
        """Count the studies of a forgotten organization that something is left of in the bucket.

        And those in the hands of workers, who may leave something there until their leases end.
        """
        with self._connections.borrow() as connection:
            row = connection.execute(_LEFT_OF_FORGOTTEN, {"id": organization_id}).fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def count_due(self, due: datetime) -> int:
        """Count the studies that :meth:`claim` would give."""
        query = (
            f"SELECT count(*) FROM ops.study_exports AS s WHERE ({_DUE}) OR ({_LEFT_BY_THE_DEAD})"
        )
        return self._count(query, {"due": due})

    def count_left(self) -> int:
        """Count the eligible studies that are to be worked on at some time, by somebody."""
        return self._count(
            "SELECT count(*) FROM ops.study_exports AS s "
            "JOIN analytics.eligible_studies USING (study_id) "
            "WHERE s.status IN ('waiting', 'exporting') "
            "OR (s.status = 'incomplete' AND s.next_attempt_at IS NOT NULL)",
            {},
        )

    def due(self, limit: int, due: datetime, without: Collection[str]) -> list[str]:
        """Name up to ``limit`` studies that :meth:`claim` would give, but for those ``without``."""
        query = (
            "SELECT s.study_id::text FROM ops.study_exports AS s "
            f"WHERE (({_DUE}) OR ({_LEFT_BY_THE_DEAD})) "
            "AND s.study_id <> ALL (%(without)s::uuid[]) "
            "ORDER BY s.next_attempt_at, s.study_id LIMIT %(limit)s"
        )
        parameters = {"due": due, "limit": limit, "without": list(without)}
        with self._connections.borrow() as connection:
            return [row[0] for row in connection.execute(query, parameters)]

    def unfinished(self, study_ids: Collection[str], due: datetime) -> dict[str, Unfinished]:
        """Of the given studies, name those that :meth:`claim` would give or a worker holds now."""
        parameters = {"ids": list(study_ids), "due": due}
        with self._connections.borrow() as connection:
            return {row[0]: row[1] for row in connection.execute(_UNFINISHED, parameters)}

    def fail_the_fatal(self) -> None:
        """Fail the studies whose workers died at every attempt that they may have."""
        with self._connections.borrow() as connection:
            error = f"{Code.LEASE_EXPIRED}: no worker lived to finish it"
            connection.execute(_FAIL_THE_FATAL, {"max": self._max_attempts, "error": error})

    def rows(self, study_ids: Sequence[str]) -> dict[str, LedgerRow]:
        """Read where studies stand; those that were never eligible are absent."""
        query = (
            "SELECT study_id::text, organization_id::text, status, result FROM ops.study_exports "
            "WHERE study_id = ANY (%s::uuid[])"
        )
        with self._connections.borrow() as connection:
            rows = connection.execute(query, (list(study_ids),)).fetchall()
        return {
            study_id: LedgerRow(
                organization_id,
                StudyStatus(status),
                None if result is None else StudyResult.from_dict(result),
            )
            for study_id, organization_id, status, result in rows
        }

    def held_back(self, study_id: str, error: str) -> StudyResult | None:
        """Give the result of a study that was not worked on: the error, and what is in place."""
        query = f"SELECT {_HELD_BACK} FROM ops.study_exports AS s WHERE study_id = %(study_id)s"
        with self._connections.borrow() as connection:
            row = connection.execute(query, {"study_id": study_id, "error": error}).fetchone()
        return None if row is None else StudyResult.from_dict(row[0])

    def placed(self, study_id: str) -> dict[str, PlacedObject]:
        """Read what is in the bucket for a study, or may be, by key."""
        query = (
            "SELECT key, kind, sha256, bytes, in_doubt, source_updated_at::text "
            "FROM ops.exported_objects WHERE study_id = %s ORDER BY key"
        )
        with self._connections.borrow() as connection:
            return {row[0]: PlacedObject(*row) for row in connection.execute(query, (study_id,))}

    def acceptances(self, study_ids: Sequence[str]) -> dict[str, frozenset[Acceptance]]:
        """Read what a person lets through, by study; a study without is absent."""
        query = (
            "SELECT study_id::text, image_id::text, code, source_sha256 FROM ops.acceptances "
            "WHERE study_id = ANY (%s::uuid[])"
        )
        found: dict[str, set[Acceptance]] = {}
        with self._connections.borrow() as connection:
            for study_id, image_id, code, sha256 in connection.execute(query, (list(study_ids),)):
                found.setdefault(study_id, set()).add(Acceptance(image_id, Code(code), sha256))
        return {study_id: frozenset(accepted) for study_id, accepted in found.items()}

    # Leases ---------------------------------------------------------------------------------------

    def claim(self, limit: int, due: datetime) -> list[Lease]:
        """Take up to ``limit`` studies that were due at ``due``, the longest due first.

        Studies whose worker died come before all others, unless they have had all their attempts.
        """
        self.fail_the_fatal()
        leases = self._claim(_LEFT_BY_THE_DEAD, "s.lease_until", {"limit": limit})
        if len(leases) < limit:
            parameters = {"due": due, "limit": limit - len(leases)}
            leases += self._claim(_DUE, "s.next_attempt_at", parameters)
        return leases

    def claim_these(self, study_ids: Sequence[str]) -> list[Lease]:
        """Take the given studies as far as there is work to do, failed ones and early ones too."""
        parameters = {"ids": list(study_ids), "limit": len(study_ids)}
        return self._claim(_ASKED_FOR, "s.next_attempt_at", parameters)

    def claim_finished(self, study_ids: Sequence[str]) -> list[Lease]:
        """Take those of the given studies that are exported and unchanged, to look after them.

        Their attempts are counted from one: a worker that dies over a look must not fail a study.
        """
        parameters = {"ids": list(study_ids), "limit": len(study_ids)}
        return self._claim(_FINISHED, "s.study_id", parameters, is_finished=True)

    def claim_withdrawals(self, limit: int, since: datetime) -> list[Lease]:
        """Take up to ``limit`` studies that are to be withdrawn and were not touched ``since``."""
        return self._claim(_TO_WITHDRAW, "s.study_id", {"since": since, "limit": limit})

    def claim_forgotten(self, limit: int, since: datetime) -> list[Lease]:
        """Take up to ``limit`` studies to be forgotten that were not touched ``since``."""
        return self._claim(_TO_FORGET, "s.study_id", {"since": since, "limit": limit})

    def leases(self) -> dict[str, tuple[datetime, bool]]:
        """Read the leases on studies that this run could go on with, whoever holds them.

        By study, the lease's end and whether it is past.
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
        """Prolong every lease that this process holds and that nobody has taken over."""
        owners = self._held.owners()
        if not owners:
            return
        until = deadline(self.lease_seconds)
        parameters = {"owners": owners, "seconds": self.lease_seconds}
        with self._connections.borrow() as connection:
            renewed = connection.execute(_RENEW, parameters).fetchall()
        self._held.prolong(renewed, until)

    def confirm(self, lease: Lease) -> datetime:
        """Make sure, by the database, that the study is still this worker's; return its time.

        Raises:
            LeaseLost: another worker has the study.
        """
        with self._connections.borrow() as connection:
            return self._confirm(connection, lease)

    def release(self, lease: Lease, wait_seconds: float = 0) -> None:
        """Put back a study that was not begun, as it was; the attempt does not count."""
        parameters = _of(lease) | {"wait": wait_seconds, "is_finished": lease.is_finished}
        with self._connections.borrow() as connection:
            connection.execute(_RELEASE, parameters)
        self._held.drop(lease)

    def forget_lease(self, lease: Lease) -> None:
        """Stop renewing a lease that was lost."""
        self._held.drop(lease)

    # What is in the bucket ------------------------------------------------------------------------

    def policy_of(self, study_id: str) -> str | None:
        """Give the policy under which a study was worked on last; None where nobody noted one."""
        query = "SELECT policy FROM ops.study_exports WHERE study_id = %s"
        with self._connections.borrow() as connection:
            row = connection.execute(query, (study_id,)).fetchone()
        return row[0] if row else None

    def begin(self, lease: Lease, objects: Iterable[PlacedObject]) -> datetime:
        """Note, before it happens, that these objects are about to be sent or removed.

        Returns the database's time.

        Raises:
            LeaseLost: another worker has the study.
        """
        with self._connections.borrow() as connection, connection.transaction():
            now = self._confirm(connection, lease)
            _write_objects(connection, lease.study_id, objects)
            return now

    def settle(self, lease: Lease, placed: PlacedObject) -> None:
        """Note that an object is in place, byte for byte as described.

        Raises:
            LeaseLost: another worker has the study, or may have by the database's clock; nothing
                was noted, and nothing more may be done to the bucket.
        """
        values = {"key": placed.key, "sha256": placed.sha256, "bytes": placed.bytes}
        self._note(_SETTLE, lease, values)

    def forget(self, lease: Lease, key: str) -> None:
        """Note that an object is gone.

        Raises:
            LeaseLost: as :meth:`settle` does.
        """
        self._note(_FORGET, lease, {"key": key})

    # Ends -----------------------------------------------------------------------------------------

    def finish(
        self, lease: Lease, outcome: StudyOutcome, fingerprint: str, policy: str | None = None
    ) -> StudyStatus:
        """Write the outcome: study, images and objects in one transaction.

        An incomplete study that has had all its attempts becomes failed.

        Raises:
            LeaseLost: another worker has the study; nothing was written.
        """
        parameters = self._backoff() | {
            "status": outcome.status.value,
            "is_hopeful": outcome.is_hopeful,
            "result": json.dumps(outcome.result.to_dict()),
            "fingerprint": fingerprint,
            "policy": policy,
        }
        with self._connections.borrow() as connection, connection.transaction():
            (status,) = _end(connection, _FINISH, lease, parameters)
            _write_images(connection, lease.study_id, outcome)
            keys = [placed.key for placed in outcome.objects]
            connection.execute(_FORGET_OBJECTS, {"study_id": lease.study_id, "keys": keys})
            _write_objects(connection, lease.study_id, outcome.objects)
        self._held.drop(lease)
        return StudyStatus(status)

    def give_up(self, lease: Lease, error: str) -> tuple[StudyStatus, StudyResult]:
        """Write that an attempt broke off; images and objects stay as they were noted last.

        Raises:
            LeaseLost: another worker has the study; nothing was written.
        """
        with self._connections.borrow() as connection:
            parameters = self._backoff() | {"error": error}
            status, result = _end(connection, _GIVE_UP, lease, parameters)
        self._held.drop(lease)
        return StudyStatus(status), StudyResult.from_dict(result)

    def finish_withdrawal(self, lease: Lease) -> StudyResult:
        """Write that nothing of the study is in the bucket any more.

        Raises:
            LeaseLost: another worker has the study; nothing was written.
        """
        with self._connections.borrow() as connection, connection.transaction():
            (result,) = _end(connection, _WITHDRAWN, lease, {"code": Code.WITHDRAWN.value})
            connection.execute(_FORGET_IMAGES, {"study_id": lease.study_id, "ids": []})
        self._held.drop(lease)
        return StudyResult.from_dict(result)

    def fail_withdrawal(self, lease: Lease, errors: Sequence[str]) -> StudyResult:
        """Write that some of the study is still in the bucket; the next run goes on.

        Raises:
            LeaseLost: another worker has the study; nothing was written.
        """
        with self._connections.borrow() as connection:
            (result,) = _end(connection, _NOT_WITHDRAWN, lease, {"errors": list(errors)})
        self._held.drop(lease)
        return StudyResult.from_dict(result)

    def _claim(
        self,
        condition: LiteralString,
        order: LiteralString,
        parameters: dict[str, Any],
        *,
        is_finished: bool = False,
    ) -> list[Lease]:
        owner = new_owner()
        until = deadline(self.lease_seconds)
        query = sql.SQL(_CLAIM).format(condition=sql.SQL(condition), order=sql.SQL(order))
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

    def _confirm(self, connection: Connection, lease: Lease) -> datetime:
        until = deadline(self.lease_seconds)
        row = connection.execute(_CONFIRM, _of(lease) | {"seconds": self.lease_seconds}).fetchone()
        if row is None:
            raise LeaseLost(lease.study_id)
        lease.deadline = until
        time_of_database: datetime = row[0]
        return time_of_database

    def _note(self, query: LiteralString, lease: Lease, values: dict[str, Any]) -> None:
        with self._connections.borrow() as connection:
            if connection.execute(query, _of(lease) | values).rowcount != 1:
                raise LeaseLost(lease.study_id)

    def _backoff(self) -> dict[str, Any]:
        return {
            "max": self._max_attempts,
            "backoff": self._backoff_seconds,
            "backoff_limit": BACKOFF_LIMIT_SECONDS,
        }

    def _count(self, query: LiteralString, parameters: dict[str, Any]) -> int:
        with self._connections.borrow() as connection:
            row = connection.execute(query, parameters).fetchone()
        return int(row[0]) if row else 0


def combined_fingerprint(fingerprint: str, policy: str) -> str:
    """Mix the policy into the warehouse's fingerprint, as ``refresh`` does in SQL."""
    return hashlib.sha256(f"{fingerprint}\n{policy}".encode()).hexdigest()


def _of(lease: Lease) -> dict[str, Any]:
    return {"study_id": lease.study_id, "owner": lease.owner}


def _now(connection: Connection) -> datetime:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    if row is None:
        raise AssertionError("SELECT gives a row")
    now: datetime = row[0]
    return now


def _end(
    connection: Connection, query: LiteralString, lease: Lease, parameters: Mapping[str, Any]
) -> tuple[Any, ...]:
    row = connection.execute(query, _of(lease) | dict(parameters)).fetchone()
    if row is None:
        raise LeaseLost(lease.study_id)
    return row


def _write_images(connection: Connection, study_id: str, outcome: StudyOutcome) -> None:
    images = [
        {
            "image_id": image.image_id,
            "status": image.status,
            "reason": image.code,
            "source_sha256": image.source_sha256,
            "sha256": image.sha256,
            "bytes": image.bytes,
            "key": image.key,
            "source_updated_at": image.source_updated_at,
        }
        for image in outcome.images
    ]
    ids = [image.image_id for image in outcome.images]
    connection.execute(_FORGET_IMAGES, {"study_id": study_id, "ids": ids})
    connection.execute(_WRITE_IMAGES, {"study_id": study_id, "images": json.dumps(images)})


def _write_objects(connection: Connection, study_id: str, objects: Iterable[PlacedObject]) -> None:
    rows = [
        {
            "key": placed.key,
            "kind": placed.kind,
            "sha256": placed.sha256,
            "bytes": placed.bytes,
            "in_doubt": placed.in_doubt,
            "source_updated_at": placed.source_updated_at,
        }
        for placed in objects
    ]
    connection.execute(_WRITE_OBJECTS, {"study_id": study_id, "objects": json.dumps(rows)})

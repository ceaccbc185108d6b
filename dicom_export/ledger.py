"""The ledger of the export: what waits, who works on it, what is in the bucket (design, section 5).

Every change of a study is one transaction, and only its lease's owner makes it. Time is the
database's. What is about to change in the bucket is noted before it does (``in_doubt``), so that
a worker that dies in between leaves no object behind that nobody knows of.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

from psycopg import sql

from dicom_export.codes import Code, StudyStatus
from dicom_export.connections import Connection, Connections
from dicom_export.errors import LeaseLost
from dicom_export.model import PlacedObject, StudyOutcome, StudyResult

LEASE_SECONDS = 60.0
BACKOFF_SECONDS = 60.0
BACKOFF_LIMIT_SECONDS = 24 * 3600.0
SAFETY = 0.25
"""The last part of a lease in which nothing is begun any more, as a share of it."""

_REFRESH_LOCK = 0x6564656E02

_REFRESH = """
WITH eligible AS MATERIALIZED (
    SELECT study_id, organization_id, doctor_rank,
           encode(sha256(convert_to(fingerprint || E'\\n' || %(policy)s, 'UTF8')), 'hex')
               AS fingerprint
    FROM analytics.eligible_studies
    WHERE %(ids)s::uuid[] IS NULL OR study_id = ANY (%(ids)s::uuid[])
), changed AS (
    SELECT s.study_id, e.organization_id, e.doctor_rank, e.fingerprint
    FROM ops.study_exports AS s JOIN eligible AS e ON e.study_id = s.study_id
    WHERE s.fingerprint <> e.fingerprint OR s.status = 'withdrawn'
    ORDER BY s.study_id
    FOR UPDATE OF s
), updated AS (
    UPDATE ops.study_exports AS s
    SET organization_id = c.organization_id,
        doctor_rank = c.doctor_rank,
        fingerprint = c.fingerprint,
        status = CASE s.status WHEN 'exporting' THEN s.status ELSE 'waiting' END,
        attempts = CASE s.status WHEN 'exporting' THEN s.attempts ELSE 0 END,
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

_DUE = """
    EXISTS (SELECT FROM analytics.eligible_studies AS e WHERE e.study_id = s.study_id)
    AND (
        (s.status IN ('waiting', 'incomplete') AND s.next_attempt_at <= %(due)s)
        OR (s.status = 'exporting' AND s.lease_until <= clock_timestamp())
    )
"""

_ASKED_FOR = """
    s.study_id = ANY (%(ids)s::uuid[])
    AND (
        s.status IN ('waiting', 'incomplete', 'failed')
        OR (s.status = 'exporting' AND s.lease_until <= clock_timestamp())
    )
"""

_CLAIM = """
WITH chosen AS (
    SELECT s.study_id FROM ops.study_exports AS s
    WHERE {condition}
    ORDER BY s.next_attempt_at, s.study_id
    LIMIT %(limit)s
    FOR UPDATE OF s SKIP LOCKED
)
UPDATE ops.study_exports AS s
SET status = 'exporting',
    attempts = s.attempts + 1,
    lease_owner = %(owner)s,
    lease_until = clock_timestamp() + %(seconds)s * interval '1 second',
    updated_at = clock_timestamp()
FROM chosen
WHERE s.study_id = chosen.study_id
RETURNING s.study_id::text
"""

# A study that brings its workers down must not do so for ever.
_FAIL_THE_FATAL = """
UPDATE ops.study_exports AS s
SET status = 'failed', lease_owner = NULL, lease_until = NULL, updated_at = clock_timestamp(),
    result = jsonb_build_object(
        'study_id', s.study_id, 'organization_id', s.organization_id, 'success', false,
        'dicom_files_uploaded', 0, 'reports_uploaded', 0, 'metadata_uploaded', false,
        'errors', jsonb_build_array(%(error)s::text)
    )
WHERE s.study_id IN (
    SELECT study_id FROM ops.study_exports
    WHERE status = 'exporting' AND lease_until <= clock_timestamp() AND attempts >= %(max)s
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
SET status = 'waiting', attempts = greatest(attempts - 1, 0), lease_owner = NULL,
    lease_until = NULL, updated_at = clock_timestamp()
WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
"""

_FINISH = """
UPDATE ops.study_exports
SET status = CASE
        WHEN %(status)s = 'incomplete' AND attempts >= %(max)s THEN 'failed' ELSE %(status)s END,
    fingerprint = coalesce(%(fingerprint)s, fingerprint),
    exported_fingerprint =
        CASE %(status)s WHEN 'exported' THEN %(fingerprint)s ELSE exported_fingerprint END,
    exported_at = CASE %(status)s WHEN 'exported' THEN clock_timestamp() ELSE exported_at END,
    next_attempt_at = clock_timestamp() + interval '1 second'
        * least(%(backoff)s * power(2, least(attempts, 30) - 1), %(backoff_limit)s),
    lease_owner = NULL,
    lease_until = NULL,
    result = %(result)s::jsonb,
    updated_at = clock_timestamp()
WHERE study_id = %(study_id)s AND lease_owner = %(owner)s AND status = 'exporting'
RETURNING status
"""

_FORGET_IMAGES = """
DELETE FROM ops.image_exports
WHERE study_id = %(study_id)s AND NOT image_id = ANY (%(ids)s::uuid[])
"""

_WRITE_IMAGES = """
INSERT INTO ops.image_exports
    (image_id, study_id, status, reason, source_sha256, sha256, bytes, key, updated_at)
SELECT given.image_id, %(study_id)s, given.status, given.reason, given.source_sha256,
       given.sha256, given.bytes, given.key, clock_timestamp()
FROM jsonb_to_recordset(%(images)s::jsonb) AS given (
    image_id uuid, status text, reason text, source_sha256 text, sha256 text, bytes bigint,
    key text
)
ON CONFLICT (image_id) DO UPDATE SET
    study_id = excluded.study_id, status = excluded.status, reason = excluded.reason,
    source_sha256 = excluded.source_sha256, sha256 = excluded.sha256, bytes = excluded.bytes,
    key = excluded.key, updated_at = excluded.updated_at
"""

_FORGET_OBJECTS = """
DELETE FROM ops.exported_objects
WHERE study_id = %(study_id)s AND NOT key = ANY (%(keys)s::text[])
"""

_WRITE_OBJECTS = """
INSERT INTO ops.exported_objects AS o (study_id, key, kind, sha256, bytes, in_doubt)
SELECT %(study_id)s, given.key, given.kind, given.sha256, given.bytes, given.in_doubt
FROM jsonb_to_recordset(%(objects)s::jsonb) AS given (
    key text, kind text, sha256 text, bytes bigint, in_doubt boolean
)
ON CONFLICT (study_id, key) DO UPDATE SET
    sha256 = excluded.sha256, bytes = excluded.bytes, in_doubt = excluded.in_doubt,
    uploaded_at = clock_timestamp()
WHERE (o.sha256, o.bytes, o.in_doubt)
    IS DISTINCT FROM (excluded.sha256, excluded.bytes, excluded.in_doubt)
"""


@dataclass(slots=True)
class Lease:
    """The right to work on one study. ``deadline`` is moved on by the heartbeat."""

    study_id: str
    owner: str
    deadline: float
    """On this machine's monotonic clock, and never later than by the database's."""

    def require(self) -> None:
        """Make sure that no other worker can have taken over.

        Raises:
            LeaseLost: the lease has run out or is about to.
        """
        if time.monotonic() >= self.deadline:
            raise LeaseLost(self.study_id)


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """Where a study stands."""

    organization_id: str
    status: StudyStatus
    result: StudyResult | None


@dataclass(slots=True)
class _Held:
    """The leases of this process, for its heartbeat."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    leases: dict[tuple[str, str], Lease] = field(default_factory=dict)


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
        self._held = _Held()

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

    def count_due(self, due: datetime) -> int:
        """Count the studies that :meth:`claim` would give."""
        query = f"SELECT count(*) FROM ops.study_exports AS s WHERE {_DUE}"
        with self._connections.borrow() as connection:
            row = connection.execute(query, {"due": due}).fetchone()
        return int(row[0]) if row else 0

    def count_left(self) -> int:
        """Count the eligible studies that are to be worked on at some time, by somebody."""
        query = (
            "SELECT count(*) FROM ops.study_exports AS s "
            "JOIN analytics.eligible_studies USING (study_id) "
            "WHERE s.status IN ('waiting', 'exporting', 'incomplete')"
        )
        with self._connections.borrow() as connection:
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def claim(self, limit: int, due: datetime) -> list[Lease]:
        """Take up to ``limit`` studies that were due at ``due``, the longest due first.

        Studies whose worker died are among them, unless they have had all their attempts.
        """
        with self._connections.borrow() as connection:
            error = f"{Code.LEASE_EXPIRED}: no worker lived to finish it"
            connection.execute(_FAIL_THE_FATAL, {"max": self._max_attempts, "error": error})
        return self._claim(_DUE, {"due": due, "limit": limit})

    def claim_these(self, study_ids: Sequence[str]) -> list[Lease]:
        """Take the given studies as far as there is work to do, failed ones and early ones too."""
        return self._claim(_ASKED_FOR, {"ids": list(study_ids), "limit": len(study_ids)})

    def leases(self) -> dict[str, tuple[datetime, bool]]:
        """Read the leases on eligible studies, whoever holds them: end, and whether it is past."""
        query = (
            "SELECT study_id::text, lease_until, lease_until <= clock_timestamp() "
            "FROM ops.study_exports JOIN analytics.eligible_studies USING (study_id) "
            "WHERE status = 'exporting'"
        )
        with self._connections.borrow() as connection:
            return {row[0]: (row[1], row[2]) for row in connection.execute(query)}

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

    def placed(self, study_id: str) -> dict[str, PlacedObject]:
        """Read what is in the bucket for a study, or may be, by key."""
        query = (
            "SELECT key, kind, sha256, bytes, in_doubt FROM ops.exported_objects "
            "WHERE study_id = %s ORDER BY key"
        )
        with self._connections.borrow() as connection:
            return {row[0]: PlacedObject(*row) for row in connection.execute(query, (study_id,))}

    def renew_all(self) -> None:
        """Prolong every lease that this process holds and that nobody has taken over."""
        with self._held.lock:
            owners = list({owner for _, owner in self._held.leases})
        if not owners:
            return
        deadline = self._deadline()
        parameters = {"owners": owners, "seconds": self.lease_seconds}
        with self._connections.borrow() as connection:
            renewed = connection.execute(_RENEW, parameters).fetchall()
        with self._held.lock:
            for study_id, owner in renewed:
                if lease := self._held.leases.get((study_id, owner)):
                    lease.deadline = deadline

    def begin(self, lease: Lease, objects: Iterable[PlacedObject]) -> None:
        """Note, before it happens, that these objects are about to be sent or removed.

        Raises:
            LeaseLost: another worker has the study.
        """
        with self._connections.borrow() as connection, connection.transaction():
            self._confirm(connection, lease)
            _write_objects(connection, lease.study_id, objects)

    def confirm(self, lease: Lease) -> datetime:
        """Make sure, by the database, that the study is still this worker's; return its time.

        Raises:
            LeaseLost: another worker has the study.
        """
        with self._connections.borrow() as connection:
            return self._confirm(connection, lease)

    def finish(self, lease: Lease, outcome: StudyOutcome, fingerprint: str) -> StudyStatus:
        """Write the outcome: study, images and objects in one transaction.

        An incomplete study that has had all its attempts becomes failed.

        Raises:
            LeaseLost: another worker has the study; nothing was written.
        """
        with self._connections.borrow() as connection, connection.transaction():
            status = self._close(connection, lease, outcome.status, outcome.result, fingerprint)
            _write_images(connection, lease.study_id, outcome)
            keys = [placed.key for placed in outcome.objects]
            parameters = {"study_id": lease.study_id, "keys": keys}
            connection.execute(_FORGET_OBJECTS, parameters)
            _write_objects(connection, lease.study_id, outcome.objects)
        self._drop(lease)
        return status

    def give_up(self, lease: Lease, result: StudyResult) -> StudyStatus:
        """Write that an attempt broke off; images and objects stay as they were noted last.

        Raises:
            LeaseLost: another worker has the study; nothing was written.
        """
        with self._connections.borrow() as connection, connection.transaction():
            status = self._close(connection, lease, StudyStatus.INCOMPLETE, result, None)
        self._drop(lease)
        return status

    def release(self, lease: Lease) -> None:
        """Put back a study that was not begun; the attempt does not count."""
        parameters = {"study_id": lease.study_id, "owner": lease.owner}
        with self._connections.borrow() as connection:
            connection.execute(_RELEASE, parameters)
        self._drop(lease)

    def forget_lease(self, lease: Lease) -> None:
        """Stop renewing a lease that was lost."""
        self._drop(lease)

    def _claim(self, condition: LiteralString, parameters: dict[str, Any]) -> list[Lease]:
        # A name for this claim alone: a thread that lost its lease must not pass for the one that
        # took it over, though both belong to one process.
        owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
        deadline = self._deadline()
        query = sql.SQL(_CLAIM).format(condition=sql.SQL(condition))
        values = parameters | {"owner": owner, "seconds": self.lease_seconds}
        with self._connections.borrow() as connection:
            rows = connection.execute(query, values).fetchall()
        leases = [Lease(study_id, owner, deadline) for (study_id,) in rows]
        with self._held.lock:
            self._held.leases |= {(lease.study_id, owner): lease for lease in leases}
        return leases

    def _confirm(self, connection: Connection, lease: Lease) -> datetime:
        deadline = self._deadline()
        parameters = {
            "study_id": lease.study_id,
            "owner": lease.owner,
            "seconds": self.lease_seconds,
        }
        row = connection.execute(_CONFIRM, parameters).fetchone()
        if row is None:
            raise LeaseLost(lease.study_id)
        lease.deadline = deadline
        time_of_database: datetime = row[0]
        return time_of_database

    def _close(
        self,
        connection: Connection,
        lease: Lease,
        status: StudyStatus,
        result: StudyResult,
        fingerprint: str | None,
    ) -> StudyStatus:
        parameters = {
            "study_id": lease.study_id,
            "owner": lease.owner,
            "status": status.value,
            "result": json.dumps(result.to_dict()),
            "fingerprint": fingerprint,
            "max": self._max_attempts,
            "backoff": self._backoff_seconds,
            "backoff_limit": BACKOFF_LIMIT_SECONDS,
        }
        row = connection.execute(_FINISH, parameters).fetchone()
        if row is None:
            raise LeaseLost(lease.study_id)
        return StudyStatus(row[0])

    def _drop(self, lease: Lease) -> None:
        with self._held.lock:
            self._held.leases.pop((lease.study_id, lease.owner), None)

    def _deadline(self) -> float:
        """A deadline for a lease that is about to be asked for: the database starts it later."""
        return time.monotonic() + self.lease_seconds * (1 - SAFETY)


def combined_fingerprint(fingerprint: str, policy: str) -> str:
    """Mix the policy into the warehouse's fingerprint, as ``refresh`` does in SQL."""
    return hashlib.sha256(f"{fingerprint}\n{policy}".encode()).hexdigest()


def _now(connection: Connection) -> datetime:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    if row is None:
        raise AssertionError("SELECT gives a row")
    now: datetime = row[0]
    return now


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
        }
        for image in outcome.images
    ]
    ids = [image.image_id for image in outcome.images]
    connection.execute(_FORGET_IMAGES, {"study_id": study_id, "ids": ids})
    connection.execute(_WRITE_IMAGES, {"study_id": study_id, "images": json.dumps(images)})


def _write_objects(connection: Connection, study_id: str, objects: Iterable[PlacedObject]) -> None:
    rows: Collection[dict[str, Any]] = [
        {
            "key": placed.key,
            "kind": placed.kind,
            "sha256": placed.sha256,
            "bytes": placed.bytes,
            "in_doubt": placed.in_doubt,
        }
        for placed in objects
    ]
    connection.execute(_WRITE_OBJECTS, {"study_id": study_id, "objects": json.dumps(rows)})

"""The bucket's contents, as the ledger knows them (design, section 5).

An object is recorded as in doubt before its request, and as settled after it. So a dead worker
leaves no unknown object behind, and the next worker sends no object twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, LiteralString

from dicom_export.errors import LeaseLost
from dicom_export.ledger.leases import Lease
from dicom_export.ledger.part import LedgerPart, identity
from dicom_export.model import PlacedObject, StudyOutcome
from eden.postgres import Connection

# Asynchronous commit: to lose this row with the server costs one more request.
_WHILE_MINE = """
    WITH no_wait_for_disk AS MATERIALIZED (
        SELECT set_config('synchronous_commit', 'off', true)
    ), mine AS MATERIALIZED (
        SELECT s.study_id FROM no_wait_for_disk, ops.study_exports AS s
        WHERE s.study_id = %(study_id)s AND s.lease_owner = %(owner)s
            AND s.status = 'exporting' AND s.lease_until > clock_timestamp()
        FOR SHARE OF s
    )
"""


class Contents(LedgerPart):
    """Records every change of the bucket, before and after its request."""

    def placed(self, study_id: str) -> dict[str, PlacedObject]:
        """Read a study's objects by key; those in doubt may or may not be in the bucket."""
        query = """
            SELECT key, kind, sha256, bytes, in_doubt, source_updated_at::text
            FROM ops.exported_objects WHERE study_id = %s ORDER BY key
        """
        with self._connections.borrow() as connection:
            return {row[0]: PlacedObject(*row) for row in connection.execute(query, (study_id,))}

    def begin(self, lease: Lease, objects: Iterable[PlacedObject]) -> datetime:
        """Record that these objects are about to be sent or removed; return the database's time.

        Raises:
            LeaseLost: another worker has the study.
        """
        with self._connections.borrow() as connection, connection.transaction():
            time_of_database = self._confirm(connection, lease)
            write_objects(connection, lease.study_id, objects)
            return time_of_database

    def settle(self, lease: Lease, placed: PlacedObject) -> None:
        """Record that an object is in place, byte for byte as described.

        Raises:
            LeaseLost: another worker has the study, or may have it by the database's clock. The
                row is unchanged, and the caller must not touch the bucket any more.
        """
        query = f"""
            {_WHILE_MINE}
            UPDATE ops.exported_objects AS o
            SET sha256 = %(sha256)s, bytes = %(bytes)s, in_doubt = false,
                uploaded_at = clock_timestamp()
            FROM mine
            WHERE o.study_id = mine.study_id AND o.key = %(key)s
        """
        self._record(
            query, lease, {"key": placed.key, "sha256": placed.sha256, "bytes": placed.bytes}
        )

    def forget(self, lease: Lease, key: str) -> None:
        """Record that an object is gone.

        Raises:
            LeaseLost: as :meth:`settle` does.
        """
        query = f"""
            {_WHILE_MINE}
            DELETE FROM ops.exported_objects AS o USING mine
            WHERE o.study_id = mine.study_id AND o.key = %(key)s
        """
        self._record(query, lease, {"key": key})

    def _record(self, query: LiteralString, lease: Lease, values: dict[str, Any]) -> None:
        with self._connections.borrow() as connection:
            if connection.execute(query, identity(lease) | values).rowcount != 1:
                raise LeaseLost(lease.study_id)


def replace_contents(connection: Connection, study_id: str, outcome: StudyOutcome) -> None:
    """Make a study's images and objects those of the outcome."""
    _replace_images(connection, study_id, outcome)
    connection.execute(
        """
        DELETE FROM ops.exported_objects
        WHERE study_id = %(study_id)s AND NOT key = ANY (%(keys)s::text[])
        """,
        {"study_id": study_id, "keys": [placed.key for placed in outcome.objects]},
    )
    write_objects(connection, study_id, outcome.objects)


def delete_images(connection: Connection, study_id: str, except_ids: Iterable[str] = ()) -> None:
    """Delete a study's rows of ``ops.image_exports``, but for the images named."""
    connection.execute(
        """
        DELETE FROM ops.image_exports
        WHERE study_id = %(study_id)s AND NOT image_id = ANY (%(ids)s::uuid[])
        """,
        {"study_id": study_id, "ids": list(except_ids)},
    )


def write_objects(connection: Connection, study_id: str, objects: Iterable[PlacedObject]) -> None:
    """Insert or update objects of a study; unchanged rows are not written."""
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
    connection.execute(
        """
        INSERT INTO ops.exported_objects AS o
            (study_id, key, kind, sha256, bytes, in_doubt, source_updated_at)
        SELECT %(study_id)s, given.key, given.kind, given.sha256, given.bytes, given.in_doubt,
            given.source_updated_at
        FROM jsonb_to_recordset(%(objects)s::jsonb) AS given (
            key text, kind text, sha256 text, bytes bigint, in_doubt boolean,
            source_updated_at timestamptz
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
        """,
        {"study_id": study_id, "objects": json.dumps(rows)},
    )


def _replace_images(connection: Connection, study_id: str, outcome: StudyOutcome) -> None:
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
    delete_images(connection, study_id, except_ids=[image.image_id for image in outcome.images])
    connection.execute(
        """
        INSERT INTO ops.image_exports
            (image_id, study_id, status, reason, source_sha256, sha256, bytes, key,
            source_updated_at, updated_at)
        SELECT given.image_id, %(study_id)s, given.status, given.reason, given.source_sha256,
            given.sha256, given.bytes, given.key, given.source_updated_at, clock_timestamp()
        FROM jsonb_to_recordset(%(images)s::jsonb) AS given (
            image_id uuid, status text, reason text, source_sha256 text, sha256 text,
            bytes bigint, key text, source_updated_at timestamptz
        )
        ON CONFLICT (image_id) DO UPDATE SET
            study_id = excluded.study_id, status = excluded.status, reason = excluded.reason,
            source_sha256 = excluded.source_sha256, sha256 = excluded.sha256,
            bytes = excluded.bytes, key = excluded.key,
            source_updated_at = excluded.source_updated_at, updated_at = excluded.updated_at
        """,
        {"study_id": study_id, "images": json.dumps(images)},
    )

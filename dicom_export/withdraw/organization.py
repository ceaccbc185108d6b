"""Removes everything of an organization from the bucket, for good (design, section 8).

Workers may be exporting its studies at the same time. They lose their leases: a worker that cannot
renew its lease begins no request after the lease has expired, and breaks off the running one
(``ledger/leases.py``, ``publish/bucket.py``). So a study is removed only after its lease has
expired. An object that was on its way then is in the ledger, in doubt, and is removed too.

The ledger's rows stay until all objects are gone, so that the next run completes a run that died.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dicom_export.codes import StudyStatus
from dicom_export.connections import Connections
from dicom_export.errors import LeaseLost, StoreFailed
from dicom_export.ledger.heartbeat import heartbeat
from dicom_export.ledger.leases import Lease
from dicom_export.ledger.ledger import Ledger
from dicom_export.publish.bucket import Bucket
from dicom_export.withdraw.verdicts import Withdrawer
from eden import logs
from eden.errors import NotForgotten
from eden.postgres import Connection
from eden.progress import report
from eden.settings import DestinationDatabase, ObjectStore

log = logging.getLogger(__name__)

FORGETTING = "forget"
WORKERS = 8
POLL_SECONDS = 0.5

_OBJECTS = """
SELECT count(*), coalesce(sum(o.bytes), 0)::bigint
FROM ops.exported_objects AS o JOIN ops.study_exports AS s USING (study_id)
WHERE s.organization_id = %(id)s OR starts_with(o.key, %(id)s::text || '/')
"""

_IS_KNOWN = """
SELECT EXISTS (SELECT FROM ops.study_exports WHERE organization_id = %(id)s)
    OR EXISTS (SELECT FROM ops.exported_objects WHERE starts_with(key, %(id)s::text || '/'))
"""


@dataclass(frozen=True, slots=True)
class InBucket:
    """The objects of one organization, as the ledger knows them."""

    objects: int
    bytes: int


def in_bucket(connection: Connection, organization_id: UUID) -> InBucket:
    """Count the objects that :func:`empty_bucket` would remove."""
    row = connection.execute(_OBJECTS, {"id": organization_id}).fetchone()
    return InBucket(*row) if row else InBucket(0, 0)


def empty_bucket(warehouse: DestinationDatabase, store: ObjectStore, organization_id: UUID) -> None:
    """Forget the organization in the ledger, then remove its whole prefix from the bucket.

    ``metadata.json`` of each study goes first; unknown objects under the prefix go too. If no study
    of it was ever eligible, no bucket is needed.

    Raises:
        StoreUnavailable: the bucket cannot be reached; nothing was done.
        NotForgotten: some objects could not be removed; the next call continues.
        DatabaseUnavailable: the warehouse is gone; the next call continues.
    """
    with Connections(warehouse) as connections:
        # max_attempts limits exports, and this makes none.
        ledger = Ledger(connections, max_attempts=1)
        with connections.borrow() as connection:
            row = connection.execute(_IS_KNOWN, {"id": organization_id}).fetchone()
        if not (row and row[0]):
            ledger.forget_organization(organization_id)
            # A study that became eligible in between has no object yet.
            if ledger.left_of_forgotten(organization_id) == (0, 0):
                return
        bucket = Bucket(store, connections=WORKERS)
        try:
            bucket.check_bucket()
            since = ledger.forget_organization(organization_id)
            with heartbeat(ledger):
                _Emptying(ledger, Withdrawer(bucket, ledger), organization_id).run(since)
            _remove_strays(bucket, organization_id)
        finally:
            bucket.close()


@dataclass(frozen=True, slots=True)
class _Emptying:
    ledger: Ledger
    withdrawer: Withdrawer
    organization_id: UUID

    def run(self, since: datetime) -> None:
        total, _ = self._left()
        with ThreadPoolExecutor(WORKERS, thread_name_prefix=FORGETTING) as pool:
            while True:
                left, held = self._left()
                report(FORGETTING, total - min(left, total), total)
                leases = self.ledger.claim_forgotten(2 * WORKERS, since)
                if leases:
                    withdrawn = pool.map(logs.carried(self._withdraw), leases)
                    if not any(list(withdrawn)):
                        # The bucket refuses every removal; more of them are no use.
                        break
                elif held:
                    # A lease lasts a minute at most, and its worker cannot renew it.
                    time.sleep(POLL_SECONDS)
                else:
                    break
        left, _ = self._left()
        if left:
            raise NotForgotten(
                f"organization {self.organization_id}: the bucket did not let go of "
                f"{left} studies; run it again"
            )

    def _left(self) -> tuple[int, int]:
        return self.ledger.left_of_forgotten(self.organization_id)

    def _withdraw(self, lease: Lease) -> bool:
        with logs.about(study_id=lease.study_id, organization_id=self.organization_id):
            try:
                status, _ = self.withdrawer.withdraw(lease)
            except LeaseLost:
                self.ledger.drop_lease(lease)
                log.warning("study %s: another run withdraws it", lease.study_id)
                return True
            log.info("study %s: %s", lease.study_id, status)
            return status is StudyStatus.WITHDRAWN


def _remove_strays(bucket: Bucket, organization_id: UUID) -> None:
    """Remove objects that the ledger does not know, for example after a restore of a backup."""
    try:
        keys = bucket.sizes(f"{organization_id}/")
        for key in sorted(keys, key=lambda key: not key.endswith("/metadata.json")):
            bucket.delete(key)
    except StoreFailed as failure:
        raise NotForgotten(
            f"organization {organization_id}: the bucket did not answer for "
            f"{failure.key} ({failure.reason}); run it again"
        ) from None
    if keys:
        log.warning(
            "organization %s: %d objects that the ledger did not know", organization_id, len(keys)
        )

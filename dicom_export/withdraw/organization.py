"""Everything of an organization leaves the bucket, for good (design, section 8).

Exact in the face of workers that are exporting its studies right now: they are not waited for,
they lose their leases. A worker whose lease cannot be prolonged begins no request after it has run
out and breaks off the one that it is sending (``leases.py``, ``store.py``), so a study is touched
only when the lease that somebody had on it is over. What was on its way then is in the ledger as in
doubt, and goes with the rest.

The ledger's rows stay until all of it is gone: a run that dies is completed by the next.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dicom_export.codes import StudyStatus
from dicom_export.connections import Connections
from dicom_export.errors import LeaseLost, StoreFailed
from dicom_export.ledger.leases import Lease
from dicom_export.ledger.ledger import Ledger
from dicom_export.publish.bucket import Store
from dicom_export.withdraw.verdicts import Withdrawer
from eden import logs
from eden.errors import NotForgotten
from eden.postgres import Connection
from eden.progress import report
from eden.settings import DestinationDatabase, ObjectStore

log = logging.getLogger(__name__)

FORGETTING = "forget"
WORKERS = 8
RENEWALS_PER_LEASE = 5
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
    """What the ledger knows to be in the bucket of one organization."""

    objects: int
    bytes: int


def in_bucket(connection: Connection, organization_id: UUID) -> InBucket:
    """Count what :func:`empty_bucket` would remove."""
    row = connection.execute(_OBJECTS, {"id": organization_id}).fetchone()
    return InBucket(*row) if row else InBucket(0, 0)


def empty_bucket(warehouse: DestinationDatabase, store: ObjectStore, organization_id: UUID) -> None:
    """Forget the organization in the ledger, then remove all of it from the bucket.

    ``metadata.json`` of each study goes first. Of what somebody else has put under the
    organization's prefix, nothing stays either. Where no study of it was ever eligible, no bucket
    is asked for.

    Raises:
        StoreUnavailable: the bucket cannot be reached; nothing was done.
        NotForgotten: the bucket did not let go of everything; the next call goes on.
        DatabaseUnavailable: the warehouse is gone; the next call goes on.
    """
    with Connections(warehouse) as connections:
        # Attempts of an export; none is made here.
        ledger = Ledger(connections, max_attempts=1)
        with connections.borrow() as connection:
            row = connection.execute(_IS_KNOWN, {"id": organization_id}).fetchone()
        if not (row and row[0]):
            ledger.forget_organization(organization_id)
            # One that became eligible since had no time to get anywhere but into the list.
            if ledger.left_of_forgotten(organization_id) == (0, 0):
                return
        bucket = Store(store, connections=WORKERS)
        try:
            bucket.check_bucket()
            since = ledger.forget_organization(organization_id)
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
                    if not self._work_off(pool, leases):
                        break
                elif held:
                    # A lease is a minute at most, and nobody prolongs these.
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

    def _work_off(self, pool: ThreadPoolExecutor, leases: Sequence[Lease]) -> int:
        """Withdraw these; return how many are. Where none is, more of them would be of no use."""
        withdrawn = 0
        work = logs.carried(self._withdraw)
        running = {pool.submit(work, lease) for lease in leases}
        while running:
            done, running = wait(running, timeout=self.ledger.lease_seconds / RENEWALS_PER_LEASE)
            self.ledger.renew_all()
            withdrawn += sum(future.result() for future in done)
        return withdrawn

    def _withdraw(self, lease: Lease) -> bool:
        with logs.about(study_id=lease.study_id, organization_id=self.organization_id):
            try:
                status, _ = self.withdrawer.withdraw(lease)
            except LeaseLost:
                self.ledger.forget_lease(lease)
                log.warning("study %s: another run withdraws it", lease.study_id)
                return True
            log.info("study %s: %s", lease.study_id, status)
            return status is StudyStatus.WITHDRAWN


def _remove_strays(bucket: Store, organization_id: UUID) -> None:
    """Remove what the ledger does not know of, such as what an older backup of it has lost."""
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

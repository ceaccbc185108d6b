"""One study's place in the bucket: changed request by request, and the ledger's book with it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from dicom_export.blobs import Blob
from dicom_export.codes import Code
from dicom_export.errors import StoreFailed
from dicom_export.ledger.leases import Lease
from dicom_export.ledger.ledger import Ledger
from dicom_export.model import PlacedObject
from dicom_export.publish.bucket import Store
from dicom_export.publish.layout import CONTENT_TYPES, folder

log = logging.getLogger(__name__)


class Shelf:
    """What lies in the bucket for one study, as its worker's requests leave it.

    Between two requests the ledger is asked, by the database's clock, whether the study is still
    this worker's; within one, the lease's deadline is watched. A worker that lost its study begins
    no request any more, and breaks off the one that it is sending.
    """

    def __init__(self, store: Store, ledger: Ledger, lease: Lease) -> None:
        self._store = store
        self._ledger = ledger
        self._lease = lease
        self._placed = ledger.placed(lease.study_id)
        # Every further request would wait as long again; what it was for stays in doubt.
        self._is_store_silent = False
        self.errors: list[str] = []
        """``STORE_UNAVAILABLE: key`` for every request that failed; of what the ledger does not
        know, the study's prefix: its keys may say anything."""

    def __iter__(self) -> Iterator[PlacedObject]:
        return iter(tuple(self._placed.values()))

    def get(self, key: str) -> PlacedObject | None:
        """What is in place under a key, or may be."""
        return self._placed.get(key)

    def are_under(self, policy: str | None) -> bool:
        """Whether the study was last sent under this policy of the export."""
        return self._ledger.policy_of(self._lease.study_id) == policy

    def announce(self, objects: Iterable[PlacedObject]) -> datetime:
        """Note that these are about to be sent or removed; return the database's time.

        Until that is done, nothing relies on them.

        Raises:
            LeaseLost: another worker has the study.
        """
        doubtful = {placed.key: replace(placed, in_doubt=True) for placed in objects}
        self._placed |= {key: doubtful[key] for key in doubtful if key in self._placed}
        return self._ledger.begin(self._lease, doubtful.values())

    def compare(self, organization_id: str) -> bool:
        """Put in doubt what is not in the bucket as the ledger has it, by key and size.

        True where all is in place. One LIST request, or none where nothing is taken to be there.

        Raises:
            LeaseLost: another worker has the study, or may have.
            StoreFailed: the bucket was not listed; nothing was noted.
        """
        if not self._placed or all(placed.in_doubt for placed in self):
            return False
        listed = self._list(organization_id)
        differing = [placed for placed in self if listed.get(placed.key) != placed.bytes]
        if differing:
            # What names them is no longer right either.
            metadata = [placed for placed in self if placed.kind == "metadata"]
            self.announce([*differing, *metadata])
        return not any(placed.in_doubt for placed in self)

    def put(self, placed: PlacedObject, blob: Blob) -> bool:
        """Send an object; False where the store would not have it, or has fallen silent.

        Raises:
            LeaseLost: another worker has the study, or may have.
        """
        if self._is_store_silent:
            return False
        self._lease.require()
        try:
            self._store.put(placed.key, blob, CONTENT_TYPES[placed.kind], self._lease.require)
        except StoreFailed as failure:
            return self._doubt(placed, failure)
        self._ledger.settle(self._lease, placed)
        self._placed[placed.key] = placed
        return True

    def remove(self, placed: PlacedObject) -> bool:
        """Remove an object; False where the store would not let go of it, or has fallen silent.

        Raises:
            LeaseLost: another worker has the study, or may have.
        """
        if self._is_store_silent:
            return False
        self._lease.require()
        try:
            self._store.delete(placed.key, self._lease.require)
        except StoreFailed as failure:
            return self._doubt(placed, failure)
        self._ledger.forget(self._lease, placed.key)
        self._placed.pop(placed.key, None)
        return True

    def remove_all(self, removals: Iterable[PlacedObject]) -> bool:
        """Remove these, whether or not one of them fails; False where one did.

        Raises:
            LeaseLost: another worker has the study, or may have.
        """
        outcomes = [self.remove(placed) for placed in removals]
        return all(outcomes)

    def clear(self, organization_id: str) -> bool:
        """Remove everything of the study, also what the ledger does not know; metadata goes first.

        False where something is left, or may be. One LIST request.

        Raises:
            LeaseLost: another worker has the study, or may have.
        """
        strays = self._find_strays(organization_id)
        self.announce(self)
        metadata = [placed for placed in self if placed.kind == "metadata"]
        stray_metadata = [key for key in strays if key.endswith("/metadata.json")]
        if self._remove_strays(stray_metadata) and self.remove_all(metadata):
            self.remove_all(self)
            self._remove_strays(key for key in strays if key not in stray_metadata)
        return not self.errors

    def restate(self, placed: PlacedObject) -> None:
        """Describe an object that is in place already in the words of its row of today."""
        if self._placed.get(placed.key) == placed:
            self._placed[placed.key] = placed

    def _list(self, organization_id: str) -> dict[str, int]:
        """List all places where the study lies; there are two while it moves."""
        self._lease.require()
        organizations = {organization_id} | {placed.key.partition("/")[0] for placed in self}
        listed: dict[str, int] = {}
        for each in sorted(organizations):
            prefix = folder(each, self._lease.study_id)
            listed |= self._store.sizes(prefix, self._lease.require)
        return listed

    def _find_strays(self, organization_id: str) -> list[str]:
        try:
            listed = self._list(organization_id)
        except StoreFailed as failure:
            self._note_failure(failure)
            return []
        strays = [key for key in listed if key not in self._placed]
        if strays:
            log.warning(
                "study %s: %d objects that the ledger did not know",
                self._lease.study_id,
                len(strays),
            )
        return strays

    def _remove_strays(self, keys: Iterable[str]) -> bool:
        outcomes = [self._remove_stray(key) for key in keys]
        return all(outcomes)

    def _remove_stray(self, key: str) -> bool:
        if self._is_store_silent:
            return False
        self._lease.require()
        try:
            self._store.delete(key, self._lease.require)
        except StoreFailed as failure:
            prefix = "".join(key.partition(f"/{self._lease.study_id}/")[:2])
            shown = StoreFailed(prefix, failure.reason, was_answered=failure.was_answered)
            return self._note_failure(shown)
        self._ledger.confirm(self._lease)
        return True

    def _doubt(self, placed: PlacedObject, failure: StoreFailed) -> bool:
        self._placed[placed.key] = replace(placed, in_doubt=True)
        return self._note_failure(failure)

    def _note_failure(self, failure: StoreFailed) -> bool:
        self._is_store_silent = not failure.was_answered
        self.errors.append(f"{Code.STORE_UNAVAILABLE}: {failure.key}")
        log.warning("study %s: %s", self._lease.study_id, failure)
        # The store's client may have tried for minutes.
        self._ledger.confirm(self._lease)
        return False

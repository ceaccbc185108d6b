"""One study's objects: each change is made in the bucket and noted in the ledger."""

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
from dicom_export.publish.bucket import Bucket
from dicom_export.publish.layout import CONTENT_TYPES, folder

log = logging.getLogger(__name__)


class StudyObjects:
    """The objects of one study in the bucket, as the requests of its worker leave them.

    Between two requests the ledger confirms, by the database's clock, that the worker still has
    the lease; during a request the lease's own deadline counts. A worker that has lost its lease
    begins no further request, and breaks off the one that it is sending.
    """

    def __init__(self, bucket: Bucket, ledger: Ledger, lease: Lease) -> None:
        self._bucket = bucket
        self._ledger = ledger
        self._lease = lease
        self._placed = ledger.placed(lease.study_id)
        # A silent store ends the study: each further request would wait as long. Its object stays
        # in doubt.
        self._is_store_silent = False
        self.errors: list[str] = []
        """``STORE_UNAVAILABLE: key`` for every failed request. An object that the ledger does not
        know is shown by the study's prefix, since its key may hold any text."""

    def __iter__(self) -> Iterator[PlacedObject]:
        return iter(tuple(self._placed.values()))

    def get(self, key: str) -> PlacedObject | None:
        """Return the object of a key, if it is in the bucket or may be."""
        return self._placed.get(key)

    def are_under(self, policy: str | None) -> bool:
        """Whether the study was last sent under this policy of the export."""
        return self._ledger.policy_of(self._lease.study_id) == policy

    def announce(self, objects: Iterable[PlacedObject]) -> datetime:
        """Note that requests for these objects begin; return the database's time.

        The objects are in doubt until their requests have ended.

        Raises:
            LeaseLost: another worker has the study.
        """
        doubtful = {placed.key: replace(placed, in_doubt=True) for placed in objects}
        self._placed |= {key: doubtful[key] for key in doubtful if key in self._placed}
        return self._ledger.begin(self._lease, doubtful.values())

    def compare(self, organization_id: str) -> bool:
        """Compare the ledger with the bucket by key and size; put differing objects in doubt.

        Returns True if nothing is in doubt. One LIST request, or none if the ledger has no object
        that is not in doubt.

        Raises:
            LeaseLost: another worker has the study, or may have.
            StoreFailed: the bucket could not be listed; the ledger is unchanged.
        """
        if not self._placed or all(placed.in_doubt for placed in self):
            return False
        listed = self._list(organization_id)
        differing = [placed for placed in self if listed.get(placed.key) != placed.bytes]
        if differing:
            # The document that names them is wrong, too.
            metadata = [placed for placed in self if placed.kind == "metadata"]
            self.announce([*differing, *metadata])
        return not any(placed.in_doubt for placed in self)

    def put(self, placed: PlacedObject, blob: Blob) -> bool:
        """Send an object; False if the store refused it, or did not answer before.

        Raises:
            LeaseLost: another worker has the study, or may have.
        """
        if self._is_store_silent:
            return False
        self._lease.require()
        try:
            self._bucket.put(placed.key, blob, CONTENT_TYPES[placed.kind], self._lease.require)
        except StoreFailed as failure:
            return self._doubt(placed, failure)
        self._ledger.settle(self._lease, placed)
        self._placed[placed.key] = placed
        return True

    def remove(self, placed: PlacedObject) -> bool:
        """Remove an object; False if the store refused, or did not answer before.

        Raises:
            LeaseLost: another worker has the study, or may have.
        """
        if self._is_store_silent:
            return False
        self._lease.require()
        try:
            self._bucket.delete(placed.key, self._lease.require)
        except StoreFailed as failure:
            return self._doubt(placed, failure)
        self._ledger.forget(self._lease, placed.key)
        self._placed.pop(placed.key, None)
        return True

    def remove_all(self, removals: Iterable[PlacedObject]) -> bool:
        """Remove each of these objects, also after a failure; False if one failed.

        Raises:
            LeaseLost: another worker has the study, or may have.
        """
        outcomes = [self.remove(placed) for placed in removals]
        return all(outcomes)

    def clear(self, organization_id: str) -> bool:
        """Remove all objects of the study, also those unknown to the ledger; metadata goes first.

        Returns False if an object is left, or may be. One LIST request.

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
        """Take over the current row's ``source_updated_at`` for an object that is in place."""
        if self._placed.get(placed.key) == placed:
            self._placed[placed.key] = placed

    def _list(self, organization_id: str) -> dict[str, int]:
        """List the study's prefixes; it has two while it moves to another organization."""
        self._lease.require()
        organizations = {organization_id} | {placed.key.partition("/")[0] for placed in self}
        listed: dict[str, int] = {}
        for each in sorted(organizations):
            prefix = folder(each, self._lease.study_id)
            listed |= self._bucket.sizes(prefix, self._lease.require)
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
            self._bucket.delete(key, self._lease.require)
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
        # The attempts may have taken minutes, longer than the lease.
        self._ledger.confirm(self._lease)
        return False

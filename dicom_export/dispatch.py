"""Dispatches batches of studies to a pool of workers (design, section 8: ``EXPORT_DISPATCH``).

A :class:`WorkerPool` knows its workers and how a batch reaches them. Only the ledger knows the
state of a study: an expired lease shows that the worker of a batch is dead, whatever state the pool
gives, and another batch gets its studies. A study may be in two batches, because one worker claims
it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from dicom_export.codes import Code, StudyStatus
from dicom_export.errors import BatchesFailed, NoWorkers
from dicom_export.ledger.ledger import Ledger
from dicom_export.ledger.part import LEASE_SECONDS
from dicom_export.ledger.queue import Unfinished
from dicom_export.model import StudyResult
from eden.errors import EdenError
from eden.progress import report

log = logging.getLogger(__name__)

STAGE = "export"
SENDS = 5
"""How often this run dispatches a study before it gives it up."""
FAILURES_IN_A_ROW = 5
"""Batches that may fail in a row before this run sends no more."""


class BatchState(Enum):
    """The state of a batch, as the pool knows it."""

    QUEUED = auto()
    """No worker has taken it."""
    STARTING = auto()
    """A worker has taken it and is about to begin."""
    RUNNING = auto()
    ENDED = auto()
    """It is done, or its worker died."""
    FAILED = auto()
    """Its worker reported an error of settings, bucket or warehouse."""
    CANCELLED = auto()
    """A person cancelled it."""


class WorkerPool(Protocol):
    """Workers on any number of machines; each calls ``process_batch`` for a batch of studies.

    Methods raise an :class:`~eden.errors.EdenError` if the pool can't be reached.
    """

    window: int
    """Batches that may be outstanding at once."""

    def send(self, study_ids: Sequence[str]) -> str:
        """Queue a batch for the workers; return its name."""

    def states(self, batches: Collection[str]) -> Mapping[str, BatchState]:
        """Return the states of these batches; a batch that was deleted may be absent."""

    def cancel(self, batch: str) -> None:
        """Cancel a batch whose studies are done, or are in another batch."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Times to wait, in seconds."""

    poll: float = 2.0
    """Between two reads of the pool and the ledger."""
    start: float = 60.0
    """Until a batch that a worker has taken and not begun is sent again; doubles every time."""
    claim: float = 2 * LEASE_SECONDS
    """After this, the worker of a running batch without any claim is dead."""
    queue: float = 1800.0
    """For a worker to take any batch at all."""


TIMEOUTS = Timeouts()

Take = Callable[[StudyStatus, StudyResult], object]
"""Receives the status that a study reached, and its result."""


@dataclass(frozen=True, slots=True)
class Batches:
    """The work: up to ``limit`` studies that were due at ``due``, ``batch_size`` in a batch."""

    due: datetime
    limit: int
    batch_size: int


def dispatch(
    ledger: Ledger, pool: WorkerPool, batches: Batches, take: Take, timeouts: Timeouts = TIMEOUTS
) -> None:
    """Export the studies in the pool, and wait until all are done.

    An error cancels the batches that no worker has taken; running batches go on.

    Raises:
        BatchesFailed: workers reported errors, or studies were given up. They stay in the ledger
            as they are; the other studies are done.
        NoWorkers: no worker takes a batch.
        EdenError: the pool can't be reached.
    """
    _Dispatch(ledger, pool, batches, take, timeouts).run()


@dataclass(slots=True)
class _Batch:
    study_ids: Sequence[str]
    sends: int
    """How often its studies were dispatched, this time included."""
    since: float
    """Its last sign of life: a new state, or a lease on a study."""
    state: BatchState = BatchState.QUEUED
    has_held: bool = False
    """Whether it ever held a lease."""
    is_trusted: bool = True
    """Whether no other batch gets its studies."""


class _Dispatch:
    """One call of :func:`dispatch`."""

    def __init__(
        self, ledger: Ledger, pool: WorkerPool, batches: Batches, take: Take, timeouts: Timeouts
    ) -> None:
        self._ledger = ledger
        self._pool = pool
        self._wanted = batches
        self._take = take
        self._timeouts = timeouts
        self._batches: dict[str, _Batch] = {}
        self._sends: dict[str, int] = {}
        """Unfinished studies, and how often they were dispatched."""
        self._orphans: dict[str, float] = {}
        """Studies with a lease whose batch has ended, and since when."""
        self._done = 0
        self._unwanted: set[str] = set()
        self._given_up: set[str] = set()
        self._failed = 0
        self._failed_in_a_row = 0
        self._moved_at = time.monotonic()

    def run(self) -> None:
        report(STAGE, 0, self._wanted.limit)
        try:
            self._send_new()
            while self._sends:
                time.sleep(self._timeouts.poll)
                self._observe()
                self._require_movement()
                self._send_again()
                self._send_new()
        except BaseException:
            self._cancel_queued()
            raise
        if self._given_up or self._failed_in_a_row >= FAILURES_IN_A_ROW:
            raise BatchesFailed(
                f"{self._failed} batches failed at their workers and {len(self._given_up)} studies "
                "were given up; they wait in the ledger for the next discovery"
            )

    # Sending --------------------------------------------------------------------------------------

    @property
    def _may_send(self) -> bool:
        has_room = sum(batch.is_trusted for batch in self._batches.values()) < self._pool.window
        return has_room and self._failed_in_a_row < FAILURES_IN_A_ROW

    def _send_new(self) -> None:
        while self._may_send:
            known = {*self._sends, *self._unwanted, *self._given_up}
            wanted = min(self._wanted.batch_size, self._wanted.limit - self._done - len(known))
            if wanted <= 0:
                return
            study_ids = self._ledger.due(wanted, self._wanted.due, without=known)
            if not study_ids:
                return
            self._send(study_ids, sends=1)

    def _send_again(self) -> None:
        """Dispatch the studies of no live batch again; give up those sent too often."""
        waiting: dict[int, list[str]] = {}
        for study_id in self._without_batch():
            waiting.setdefault(self._sends[study_id], []).append(study_id)
        for sends, study_ids in sorted(waiting.items()):
            if sends >= SENDS or self._failed_in_a_row >= FAILURES_IN_A_ROW:
                self._give_up(study_ids)
                continue
            # Smaller batches every time: a study that crashes its workers is soon alone.
            size = max(1, int(self._wanted.batch_size ** (1 - sends / (SENDS - 1))))
            for start in range(0, len(study_ids), size):
                if self._may_send:
                    self._send(study_ids[start : start + size], sends=sends + 1)

    def _send(self, study_ids: Sequence[str], *, sends: int) -> None:
        name = self._pool.send(study_ids)
        self._moved_at = time.monotonic()
        self._batches[name] = _Batch(study_ids, sends, since=self._moved_at)
        self._sends |= dict.fromkeys(study_ids, sends)

    def _without_batch(self) -> list[str]:
        covered = {
            study_id
            for batch in self._batches.values()
            if batch.is_trusted
            for study_id in batch.study_ids
        }
        return [
            study_id
            for study_id in self._sends
            if study_id not in covered and study_id not in self._orphans
        ]

    def _give_up(self, study_ids: Sequence[str]) -> None:
        self._given_up |= set(study_ids)
        for study_id in study_ids:
            del self._sends[study_id]

    # Observing ------------------------------------------------------------------------------------

    def _observe(self) -> None:
        states = self._pool.states(list(self._batches))
        # Read the ledger after the states: an ended batch has already written its results.
        unfinished = self._ledger.unfinished(self._sends, self._wanted.due)
        if "abandoned" in unfinished.values():
            self._ledger.fail_exhausted()
            unfinished = self._ledger.unfinished(self._sends, self._wanted.due)
        self._collect([study_id for study_id in self._sends if study_id not in unfinished])
        for name, batch in list(self._batches.items()):
            left = {key: unfinished[key] for key in batch.study_ids if key in unfinished}
            self._judge(name, batch, states.get(name, BatchState.ENDED), left)
        self._watch_orphans(unfinished)

    def _collect(self, study_ids: Sequence[str]) -> None:
        if not study_ids:
            return
        rows = self._ledger.rows(study_ids)
        for study_id in study_ids:
            del self._sends[study_id]
            row = rows.get(study_id)
            if row is not None and row.result is not None:
                self._take(row.status, row.result)
                self._done += 1
            else:
                # A build took it out of the marts before a worker claimed it.
                self._unwanted.add(study_id)
        self._moved_at = time.monotonic()
        report(STAGE, self._done, max(self._wanted.limit, self._done))

    def _judge(
        self, name: str, batch: _Batch, state: BatchState, left: Mapping[str, Unfinished]
    ) -> None:
        now = time.monotonic()
        holds = "held" in left.values()
        if holds or state is not batch.state:
            batch.state, batch.since, self._moved_at = state, now, now
        batch.has_held = batch.has_held or holds
        if state in (BatchState.ENDED, BatchState.FAILED, BatchState.CANCELLED):
            self._close(name, batch, left)
        elif not left:
            self._drop(name)
            if state is not BatchState.RUNNING:
                # Another batch exported its studies.
                self._pool.cancel(name)
        elif state is BatchState.RUNNING and self._is_dead(batch, left):
            log.warning("batch %s: its worker is gone, its studies are sent to another", name)
            self._drop(name)
            self._pool.cancel(name)
        elif state is BatchState.STARTING:
            limit = self._timeouts.start * 2 ** (batch.sends - 1)
            batch.is_trusted = batch.is_trusted and now - batch.since < limit

    def _is_dead(self, batch: _Batch, left: Mapping[str, Unfinished]) -> bool:
        if "held" in left.values():
            return False
        if batch.has_held and "abandoned" in left.values():
            return True
        return time.monotonic() - batch.since >= self._timeouts.claim

    def _close(self, name: str, batch: _Batch, left: Mapping[str, Unfinished]) -> None:
        self._drop(name)
        if batch.state is BatchState.FAILED:
            self._failed += 1
            self._failed_in_a_row += 1
            log.warning("batch %s failed at its worker", name)
        elif batch.state is BatchState.CANCELLED:
            for study_id in left:
                del self._sends[study_id]
            self._unwanted |= set(left)
        elif len(left) < len(batch.study_ids):
            self._failed_in_a_row = 0

    def _drop(self, name: str) -> None:
        del self._batches[name]

    def _watch_orphans(self, unfinished: Mapping[str, Unfinished]) -> None:
        """Watch leases without a batch: they expire, or a worker of another run renews them."""
        now = time.monotonic()
        covered = {key for batch in self._batches.values() for key in batch.study_ids}
        held = [key for key in self._sends if unfinished.get(key) == "held" and key not in covered]
        self._orphans = {key: self._orphans.get(key, now) for key in held}
        others = [key for key, since in self._orphans.items() if now - since > 2 * LEASE_SECONDS]
        rows = self._ledger.rows(others) if others else {}
        for study_id, row in rows.items():
            del self._sends[study_id], self._orphans[study_id]
            self._unwanted.add(study_id)
            errors = (f"{Code.BEING_EXPORTED}: another worker has it",)
            result = StudyResult(study_id, row.organization_id, False, 0, 0, False, errors)
            self._take(row.status, result)

    def _require_movement(self) -> None:
        waited = time.monotonic() - self._moved_at
        is_queued = all(batch.state is BatchState.QUEUED for batch in self._batches.values())
        if not self._batches or not is_queued or waited < self._timeouts.queue:
            return
        raise NoWorkers(f"no worker has taken a batch for {waited:.0f} s; all were recalled")

    def _cancel_queued(self) -> None:
        for name, batch in self._batches.items():
            if batch.state is BatchState.QUEUED:
                try:
                    self._pool.cancel(name)
                except EdenError as error:
                    # The run ends for a graver reason, and one more batch does no harm.
                    log.warning("batch %s was not cancelled: %s", name, error)

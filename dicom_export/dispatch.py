"""Hands studies out in batches to workers elsewhere (design, section 8: ``EXPORT_DISPATCH``).

Who the workers are and how a batch reaches them is the :class:`Crew`'s business. What becomes of a
study is read in the ledger alone, where its worker's lease stands: a batch whose worker died is
found out by a lease that ran out, whatever the crew believes, and its studies go to another.
A batch may therefore be sent twice, and does no harm: each study is claimed by one worker.
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
from dicom_export.ledger.ledger import LEASE_SECONDS, Ledger, Unfinished
from dicom_export.model import StudyResult
from eden.errors import EdenError
from eden.progress import report

log = logging.getLogger(__name__)

STAGE = "export"
SENDS = 5
"""How often one study is handed out before this run gives it up."""
FAILURES_IN_A_ROW = 5
"""Batches that may fail one after another before no more are sent."""


class BatchState(Enum):
    """How far a batch is, as the crew knows it."""

    QUEUED = auto()
    """No worker has taken it."""
    STARTING = auto()
    """A worker has taken it and is about to begin."""
    RUNNING = auto()
    ENDED = auto()
    """It is over: done, or its worker died."""
    FAILED = auto()
    """It said itself that it can't be done: settings, bucket or warehouse are of no use there."""
    CANCELLED = auto()
    """A person does not want it."""


class Crew(Protocol):
    """Any number of workers that take batches of studies, each calling ``process_batch``.

    Methods raise an :class:`~eden.errors.EdenError` where the crew can't be reached.
    """

    window: int
    """Batches that may be outstanding at once."""

    def send(self, study_ids: Sequence[str]) -> str:
        """Put a batch where a worker will take it; return a name for it."""

    def look(self, batches: Collection[str]) -> Mapping[str, BatchState]:
        """Say how far these batches are; one that is gone for good may be absent."""

    def recall(self, batch: str) -> None:
        """Say that nobody waits for this batch any more: its studies are done, or sent anew."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds."""

    poll: float = 2.0
    """Between two looks at the crew and the ledger."""
    start: float = 60.0
    """Until a batch that a worker has taken is sent to another as well; doubles every time."""
    claim: float = 2 * LEASE_SECONDS
    """For a running batch that holds no study: its worker is dead."""
    queue: float = 1800.0
    """For any worker at all to take a batch."""


PATIENCE = Patience()

Take = Callable[[StudyStatus, StudyResult], object]
"""Told the status that a study reached, and its result."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done: up to ``limit`` studies that were due at ``due``, so many at a time."""

    due: datetime
    limit: int
    batch_size: int


def hand_out(
    ledger: Ledger, crew: Crew, order: Order, take: Take, patience: Patience = PATIENCE
) -> None:
    """Have the crew do what is ordered, and wait until it has.

    Raises:
        BatchesFailed: workers say that they can't work, or studies were given up; the others are
            done, and these stay as they are in the ledger.
        NoWorkers: nobody takes a batch.
        EdenError: the crew can't be reached.

    Whatever ends it, batches that no worker has taken are recalled; those at work go on.
    """
    _HandingOut(ledger, crew, order, take, patience).run()


@dataclass(slots=True)
class _Batch:
    study_ids: Sequence[str]
    sends: int
    """How often its studies were handed out, this time included."""
    since: float
    """When it was last seen to be alive: it changed its state, or held a study."""
    state: BatchState = BatchState.QUEUED
    has_held: bool = False
    """Whether it was ever seen to hold a study."""
    is_trusted: bool = True
    """Whether its studies are left to it."""


class _HandingOut:
    """One call of :func:`hand_out`."""

    def __init__(
        self, ledger: Ledger, crew: Crew, order: Order, take: Take, patience: Patience
    ) -> None:
        self._ledger = ledger
        self._crew = crew
        self._order = order
        self._take = take
        self._patience = patience
        self._batches: dict[str, _Batch] = {}
        self._sends: dict[str, int] = {}
        """Studies that are not finished, and how often they were handed out."""
        self._orphans: dict[str, float] = {}
        """Studies that some worker holds though their batch is over, and since when."""
        self._done = 0
        self._unwanted: set[str] = set()
        self._given_up: set[str] = set()
        self._failed = 0
        self._failed_in_a_row = 0
        self._moved_at = time.monotonic()

    def run(self) -> None:
        report(STAGE, 0, self._order.limit)
        try:
            self._send_new()
            while self._sends:
                time.sleep(self._patience.poll)
                self._look()
                self._require_movement()
                self._send_again()
                self._send_new()
        except BaseException:
            self._recall_queued()
            raise
        if self._given_up or self._failed_in_a_row >= FAILURES_IN_A_ROW:
            raise BatchesFailed(
                f"{self._failed} batches failed at their workers and {len(self._given_up)} studies "
                "were given up; they wait in the ledger for the next discovery"
            )

    # Sending --------------------------------------------------------------------------------------

    @property
    def _may_send(self) -> bool:
        has_room = sum(batch.is_trusted for batch in self._batches.values()) < self._crew.window
        return has_room and self._failed_in_a_row < FAILURES_IN_A_ROW

    def _send_new(self) -> None:
        while self._may_send:
            known = {*self._sends, *self._unwanted, *self._given_up}
            wanted = min(self._order.batch_size, self._order.limit - self._done - len(known))
            if wanted <= 0:
                return
            study_ids = self._ledger.due(wanted, self._order.due, without=known)
            if not study_ids:
                return
            self._send(study_ids, sends=1)

    def _send_again(self) -> None:
        """Send what no batch has in its hands any more; what was sent too often is given up."""
        waiting: dict[int, list[str]] = {}
        for study_id in self._left_alone():
            waiting.setdefault(self._sends[study_id], []).append(study_id)
        for sends, study_ids in sorted(waiting.items()):
            if sends >= SENDS or self._failed_in_a_row >= FAILURES_IN_A_ROW:
                self._give_up(study_ids)
                continue
            # Ever smaller, down to one: a study that brings its workers down is soon alone.
            size = max(1, int(self._order.batch_size ** (1 - sends / (SENDS - 1))))
            for start in range(0, len(study_ids), size):
                if self._may_send:
                    self._send(study_ids[start : start + size], sends=sends + 1)

    def _send(self, study_ids: Sequence[str], *, sends: int) -> None:
        name = self._crew.send(study_ids)
        self._moved_at = time.monotonic()
        self._batches[name] = _Batch(study_ids, sends, since=self._moved_at)
        self._sends |= dict.fromkeys(study_ids, sends)

    def _left_alone(self) -> list[str]:
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

    # Looking --------------------------------------------------------------------------------------

    def _look(self) -> None:
        states = self._crew.look(list(self._batches))
        # After the crew, so that a batch that has ended has left its last word in the ledger.
        unfinished = self._ledger.unfinished(self._sends, self._order.due)
        if "abandoned" in unfinished.values():
            self._ledger.fail_the_fatal()
            unfinished = self._ledger.unfinished(self._sends, self._order.due)
        self._take_in([study_id for study_id in self._sends if study_id not in unfinished])
        for name, batch in list(self._batches.items()):
            left = {key: unfinished[key] for key in batch.study_ids if key in unfinished}
            self._judge(name, batch, states.get(name, BatchState.ENDED), left)
        self._mind_orphans(unfinished)

    def _take_in(self, study_ids: Sequence[str]) -> None:
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
                # A build took it out of the marts before anybody began it.
                self._unwanted.add(study_id)
        self._moved_at = time.monotonic()
        report(STAGE, self._done, max(self._order.limit, self._done))

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
                # Another batch did its studies.
                self._crew.recall(name)
        elif state is BatchState.RUNNING and self._is_dead(batch, left):
            log.warning("batch %s: its worker is gone, its studies are sent to another", name)
            self._drop(name)
            self._crew.recall(name)
        elif state is BatchState.STARTING:
            patience = self._patience.start * 2 ** (batch.sends - 1)
            batch.is_trusted = batch.is_trusted and now - batch.since < patience

    def _is_dead(self, batch: _Batch, left: Mapping[str, Unfinished]) -> bool:
        if "held" in left.values():
            return False
        if batch.has_held and "abandoned" in left.values():
            return True
        return time.monotonic() - batch.since >= self._patience.claim

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

    def _mind_orphans(self, unfinished: Mapping[str, Unfinished]) -> None:
        """Wait for the leases that outlive their batch: they run out, or somebody else has them."""
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
        if not self._batches or not is_queued or waited < self._patience.queue:
            return
        raise NoWorkers(f"no worker has taken a batch for {waited:.0f} s; all were recalled")

    def _recall_queued(self) -> None:
        for name, batch in self._batches.items():
            if batch.state is BatchState.QUEUED:
                try:
                    self._crew.recall(name)
                except EdenError as error:
                    # The run ends for a reason that weighs more, and a batch too many does no harm.
                    log.warning("batch %s was not recalled: %s", name, error)

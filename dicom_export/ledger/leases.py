"""Leases: the right to work on a study for a while, and the leases that a process holds."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from dicom_export.errors import LeaseLost

SAFETY = 0.25
"""The last share of a lease, in which a worker begins no request."""


def clock() -> float:
    """Return the seconds of a clock that is never set and that runs while the machine sleeps.

    Only Linux has such a clock. Elsewhere the clock stops during sleep; the ledger, asked before
    every request, then stops a worker that slept through its lease.
    """
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@dataclass(slots=True)
class Lease:
    """The right to work on one study. The heartbeat moves ``deadline`` on."""

    study_id: str
    owner: str
    deadline: float
    """By :func:`clock` of this machine; never later than the end by the database's clock."""
    is_finished: bool = False
    """Whether the study was exported, and unchanged since, when it was claimed."""

    def require(self) -> None:
        """Make sure, without asking the database, that no other worker can have taken over.

        Raises:
            LeaseLost: the lease has run out or is about to.
        """
        if clock() >= self.deadline:
            raise LeaseLost(self.study_id)


class HeldLeases:
    """The leases of this process, for its heartbeat. Shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: dict[tuple[str, str], Lease] = {}

    def add(self, leases: Iterable[Lease]) -> None:
        """Hold these from now on."""
        with self._lock:
            self._leases |= {(lease.study_id, lease.owner): lease for lease in leases}

    def drop(self, lease: Lease) -> None:
        """Hold this one no longer."""
        with self._lock:
            self._leases.pop((lease.study_id, lease.owner), None)

    def owners(self) -> list[str]:
        """Name the owners of all that is held."""
        with self._lock:
            return list({owner for _, owner in self._leases})

    def prolong(self, renewed: Iterable[tuple[str, str]], deadline: float) -> None:
        """Move on the deadlines of these pairs of study and owner."""
        with self._lock:
            for pair in renewed:
                if lease := self._leases.get(pair):
                    lease.deadline = deadline


def new_owner() -> str:
    """Name the owner of one claim.

    Unique per claim: a thread that lost its lease must not pass for the thread that took it over,
    even in the same process.
    """
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def deadline(seconds: float) -> float:
    """Give the deadline of a lease that is about to be asked for: the database starts it later."""
    return clock() + seconds * (1 - SAFETY)

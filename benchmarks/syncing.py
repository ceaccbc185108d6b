"""This project's replication in a process of its own, cold or warm (:mod:`benchmarks.worker`)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.cluster import Cluster
from benchmarks.process import Answering, answering


@dataclass(frozen=True, slots=True)
class Tick:
    """One run of ``dlt_pipelines.sync()``."""

    seconds: float
    rows_read: int
    rows_written: int
    is_idle: bool
    peak_mb: float


@dataclass(frozen=True, slots=True)
class ColdRun:
    """One run in a fresh process."""

    whole_seconds: float
    """From the start of the process to its end."""
    tick: Tick


class SyncProcess:
    """A process that replicates one source to one warehouse, as often as requested."""

    def __init__(self, process: Answering) -> None:
        self._process = process

    def sync(self) -> Tick:
        """Replicate once.

        Raises:
            NotMeasured: The process failed; the message ends with the last line of its log.
        """
        return Tick(**self._process.ask("sync"))

    def sync_organizations(self) -> Tick:
        """Make the schemas and partitions of all organizations, and load nothing else.

        Raises:
            NotMeasured: as above.
        """
        return Tick(**self._process.ask("sync_organizations"))


@contextmanager
def sync_process(cluster: Cluster, source: str, warehouse: str) -> Iterator[SyncProcess]:
    """Start a process that runs ``sync()`` again and again."""
    environment = cluster.environment(source, warehouse)
    log = cluster.home / f"sync-{warehouse}.log"
    with answering("benchmarks.worker", environment, log) as process:
        yield SyncProcess(process)


def sync_cold(cluster: Cluster, source: str, warehouse: str) -> ColdRun:
    """Replicate once in a fresh process."""
    started = time.perf_counter()
    with sync_process(cluster, source, warehouse) as process:
        tick = process.sync()
    return ColdRun(time.perf_counter() - started, tick)

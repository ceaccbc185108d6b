"""This project's replication in a process of its own, cold or warm (:mod:`benchmarks.worker`)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cluster import Cluster
from benchmarks.results import NotMeasured
from eden.paths import PROJECT_ROOT

STOP_SECONDS = 60


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
    """A process that replicates one source to one warehouse, as often as it is told to."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    def sync(self) -> Tick:
        """Replicate once.

        Raises:
            NotMeasured: it failed; the message ends with the last line of its log.
        """
        return self._run("sync")

    def sync_organizations(self) -> Tick:
        """Make the schemas and partitions of all organizations, and load nothing else.

        Raises:
            NotMeasured: as above.
        """
        return self._run("sync_organizations")

    def _run(self, name: str) -> Tick:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{name}\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise NotMeasured(f"{name}() failed: {_last_line(self._log)}")
        return Tick(**json.loads(answer))


@contextmanager
def sync_process(cluster: Cluster, source: str, warehouse: str) -> Iterator[SyncProcess]:
    """Have a process in which ``sync()`` can be run again and again."""
    path = cluster.home / f"sync-{warehouse}.log"
    with path.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            env=cluster.environment(source, warehouse),
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield SyncProcess(process, path)
            process.communicate(timeout=STOP_SECONDS)
        finally:
            process.kill()
            process.wait()


def sync_cold(cluster: Cluster, source: str, warehouse: str) -> ColdRun:
    """Replicate once in a fresh process."""
    started = time.perf_counter()
    with sync_process(cluster, source, warehouse) as process:
        tick = process.sync()
    return ColdRun(time.perf_counter() - started, tick)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"

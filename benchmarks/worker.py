"""A process that replicates on request: ``python -m benchmarks.worker``.

Each line on standard input names a function of :mod:`dlt_pipelines`, such as ``sync``; each line on
standard output is its result, as JSON. A process that runs once is the cold case, a process that
runs many times the warm case. Nothing but the standard library is imported before the first line.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MEGABYTE = 1 << 20


def main() -> None:
    """Answer every line until there are no more."""
    serve(_run)


def serve(act: Callable[[str], Mapping[str, Any]]) -> None:
    """Answer every line of standard input with what ``act`` returns for it, as one line of JSON.

    Standard output carries nothing else: what a library prints goes to standard error.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(dict(act(line.strip()))) + "\n")


def _run(name: str) -> dict[str, float | int | bool]:
    import dlt_pipelines  # noqa: PLC0415  # its time is part of a cold run

    started = time.perf_counter()
    summary = getattr(dlt_pipelines, name)()
    return {
        "seconds": time.perf_counter() - started,
        "rows_read": summary.rows_read,
        "rows_written": summary.rows_written,
        "is_idle": summary.is_idle,
        "peak_mb": peak_bytes() / MEGABYTE,
    }


def peak_bytes() -> int:
    """The peak memory of this process, plus that of its largest child."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (_own_peak() + children) * (1024 if sys.platform != "darwin" else 1)


def _own_peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage starts with the memory of the parent at the time of the fork.
        for line in status.read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(":")
            if name == "VmHWM":
                return int(value.split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()

"""A process that replicates when it is told to: ``python -m benchmarks.worker``.

Each line on standard input names a function of :mod:`dlt_pipelines` to run, ``sync`` for one; each
line on standard output is what it did, as JSON. A process for one run is the cold case, one for
many the warm case.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

MEGABYTE = 1 << 20


def main() -> None:
    """Answer every line until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    # What a library may print is no answer.
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(_run(line.strip())) + "\n")


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
    """The most memory of this process, plus that of its largest child where it had any."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (_own_peak() + children) * (1024 if sys.platform != "darwin" else 1)


def _own_peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike getrusage, which starts from what the parent had when it made this process.
        for line in status.read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(":")
            if name == "VmHWM":
                return int(value.split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()

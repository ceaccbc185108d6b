"""A process that exports on request: ``python -m benchmarks.export_worker``.

A line on standard input is ``ready`` (nothing), ``discover``, ``discover LIMIT``, ``gate`` (the
tests of the marts, then ``discover``) or ``flow`` (the same in Prefect's flow). Each line on
standard output is the result, as JSON. Imports are done before the clock starts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import dicom_export
from benchmarks.worker import MEGABYTE, peak_bytes, serve
from eden.errors import ConfigurationError
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from eden.warehouse import builds


def main() -> None:
    """Answer every line until there are no more."""
    serve(lambda line: _run(*line.split()))


def _run(what: str, limit: str | None = None) -> dict[str, Any]:
    gates: list[float] = []
    act = {"ready": _nothing, "discover": _discover, "gate": _gate, "flow": _flow}[what]
    _watch_gate(gates)
    if what == "flow":
        # Imported after the gate is wrapped: a flow keeps the function that it finds at import.
        import flows  # noqa: F401, PLC0415
    began, cpu = time.perf_counter(), time.process_time()
    try:
        counts = act(None if limit is None else int(limit))
    except ConfigurationError as error:
        return {"refused": str(error)}
    return {
        "seconds": time.perf_counter() - began,
        "gate_seconds": sum(gates),
        "cpu_seconds": time.process_time() - cpu,
        "peak_mb": peak_bytes() / MEGABYTE,
        "counts": dict(counts),
    }


def _watch_gate(gates: list[float]) -> None:
    """Collect the seconds of the tests of the marts, which are not part of the measurement."""
    original = builds.check_export_gate

    def watched() -> int:
        began = time.perf_counter()
        passed = original()
        gates.append(time.perf_counter() - began)
        return passed

    builds.check_export_gate = watched


def _nothing(_: int | None) -> Mapping[str, int]:
    return {}


def _discover(limit: int | None) -> Mapping[str, int]:
    settings = load(DestinationDatabase), load(ObjectStore), load(Export)
    return dicom_export.discover(*settings, limit=limit).counts


def _gate(limit: int | None) -> Mapping[str, int]:
    builds.check_export_gate()
    return _discover(limit)


def _flow(limit: int | None) -> Mapping[str, int]:
    from flows import discover_chest_dicom_studies  # noqa: PLC0415  # as above

    counts: Mapping[str, int] = discover_chest_dicom_studies(limit)["counts"]
    return counts


if __name__ == "__main__":
    main()

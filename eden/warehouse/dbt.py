"""dbt, run in this process (design, section 4).

The models decide what the data mean; this module runs a command and reports its outcome.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eden import progress
from eden.errors import BuildFailed
from eden.paths import PROJECT_ROOT
from eden.settings import DestinationDatabase, Machine, load

logger = logging.getLogger(__name__)

FAILED = frozenset({"error", "fail", "runtime error", "partial success"})

NAMED = 5
"""The largest number of models and tests that an error names."""


@dataclass(frozen=True, slots=True)
class DbtSummary:
    """The number of nodes (models, seeds, tests; no hooks) by outcome."""

    passed: int
    warned: int


def run_dbt(
    arguments: Sequence[str], warehouse: DestinationDatabase, *, target: Path | None = None
) -> DbtSummary:
    """Run one dbt command on the warehouse, such as ``["build", "--selector", "tick"]``.

    ``target`` is dbt's target folder; the default one is shared by all runs that hold the lock of
    the warehouse.

    Raises:
        BuildFailed: names the failed nodes, without the messages of the database.
    """
    # Importing dbt takes a second, and an idle run needs none of it.
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    home = load(Machine).home
    options = [
        f"--project-dir={PROJECT_ROOT}",
        f"--profiles-dir={PROJECT_ROOT}",
        # Not the folder of dbt commands typed by hand, which may run at the same time.
        f"--target-path={target or home / 'dbt' / 'target'}",
        f"--log-path={home / 'logs'}",
        "--log-level=none",
        "--log-level-file=info",
        "--no-use-colors",
        "--no-print",
    ]
    with _environment(warehouse):
        outcome = dbtRunner(callbacks=[_Progress()]).invoke([*arguments, *options])
    results = getattr(outcome.result, "results", None) or []
    failed = [result.node.name for result in results if result.status in FAILED]
    if failed:
        raise BuildFailed(f"dbt {arguments[0]} on {warehouse.label}: {_named(failed)} failed")
    if not outcome.success:
        reason = type(outcome.exception).__name__ if outcome.exception else "no reason given"
        raise BuildFailed(
            f"dbt {arguments[0]} on {warehouse.label}: {reason}; see {home / 'logs' / 'dbt.log'}"
        )
    outcomes = [result.status for result in results if result.node.resource_type != "operation"]
    warned = outcomes.count("warn")
    return DbtSummary(passed=len(outcomes) - warned, warned=warned)


def _named(nodes: Sequence[str]) -> str:
    """The first few names; dbt's log has all of them."""
    more = len(nodes) - NAMED
    return ", ".join(nodes[:NAMED]) + (f" and {more} more" if more > 0 else "")


class _Progress:
    """Reports each node of dbt as it ends."""

    def __init__(self) -> None:
        self._done = 0
        self._total = 0

    def __call__(self, event: Any) -> None:  # noqa: ANN401  # dbt's events are generated classes
        if event.info.name == "ConcurrencyLine":
            self._total = int(event.data.node_count)
        elif event.info.name == "NodeFinished":
            self._done += 1
            node = event.data.node_info
            # Names and outcomes only: the message of a failure may quote a row.
            logger.debug("dbt: %s %s", node.node_name, node.node_status)
            progress.report("build", self._done, max(self._total, self._done))


@contextmanager
def _environment(warehouse: DestinationDatabase) -> Iterator[None]:
    """Set the variables that ``profiles.yml`` reads, also if the settings come from ``.env``."""
    values = {
        "DESTINATION_DATABASE_NAME": warehouse.name,
        "DESTINATION_DATABASE_USER": warehouse.user,
        "DESTINATION_DATABASE_PASS": warehouse.password.get_secret_value(),
        "DESTINATION_DATABASE_HOST": warehouse.host,
        "DESTINATION_DATABASE_PORT": str(warehouse.port),
        "DESTINATION_DATABASE_SSLMODE": warehouse.sslmode,
        # Over hundreds of partitions JIT compiles for seconds a query that runs for milliseconds.
        # Models switch it off in their own SQL; tests cannot.
        "PGOPTIONS": "-c jit=off",
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

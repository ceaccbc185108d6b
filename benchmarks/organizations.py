"""The cost of organizations with hardly a row: ``python -m benchmarks.organizations``.

Every organization has partitions, which PostgreSQL creates, plans over and locks. The design sets
no target for them; docs/scale.md quotes the figures. The exit code is 1 if something could not be
run.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import click

import dlt_pipelines
from benchmarks import source_data
from benchmarks.cluster import Cluster, running_cluster
from benchmarks.results import TIMES, Row
from benchmarks.run import Run
from eden.warehouse import builds

SOURCE, WAREHOUSE = "source", "warehouse"
STUDIES_EACH = 10
TICKS = 5
SAMPLES_PER_SECOND = 10

# A lock that several sessions hold takes one slot of the server's lock table.
LOCKS = """
SELECT count(DISTINCT (database, relation)) FROM pg_locks
WHERE locktype = 'relation' AND NOT fastpath
"""


class Benchmark:
    """Measures one number of organizations after the other, each in an empty warehouse."""

    def __init__(self, cluster: Cluster, run: Run) -> None:
        self._cluster = cluster
        self._run = run

    def measure(self, organizations: int) -> dict[str, str]:
        """Return the text of each measurement, by its name in the table."""
        studies = organizations * STUDIES_EACH
        source_data.fill(self._cluster, SOURCE, studies=studies, organizations=organizations)
        self._cluster.recreate(WAREHOUSE)
        made = self._timed("schemas and partitions", dlt_pipelines.sync_organizations)
        loaded = self._timed("first load", dlt_pipelines.sync)
        with self._counting_locks() as locks_of_build:
            built = self._timed("first build", builds.build)
        idle = [self._timed("an idle tick", dlt_pipelines.etl) for _ in range(TICKS)]
        changed: list[float] = []
        with self._counting_locks() as locks_of_tick:
            for _ in range(TICKS):
                self._change()
                changed.append(self._timed("a tick with one study", dlt_pipelines.etl))
        validated = self._timed("validate", dlt_pipelines.validate)
        tested = self._timed("the tests before an export", builds.check_export_gate)
        relations, size = self._size()
        return {
            "making schemas, partitions and roles": f"{made:.1f} s",
            f"first load, {STUDIES_EACH} studies each": f"{loaded:.1f} s",
            "first build of the marts": f"{built:.1f} s",
            "idle tick": f"{median(idle):.3f} s",
            "tick with one changed study, sync and build": f"{median(changed):.1f} s",
            "`validate`, nothing differs": f"{validated:.1f} s",
            "tests of the marts before an export": f"{tested:.1f} s",
            "locks held at once, at most, in the first build": f"{max(locks_of_build):,}",
            "locks held at once, at most, in a tick": f"{max(locks_of_tick):,}",
            "tables, indexes and views of the warehouse": f"{relations:,}",
            "the warehouse on disk": f"{size / 1e6:,.0f} MB",
        }

    def _change(self) -> None:
        with self._cluster.connect(SOURCE) as connection:
            connection.execute(
                "UPDATE pacs_studies SET dicom_description = 'CHEST ' || now(), updated_at = now() "
                "WHERE id = (SELECT min(id::text)::uuid FROM pacs_studies)"
            )

    def _size(self) -> tuple[int, int]:
        with self._cluster.connect(WAREHOUSE) as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM pg_class), pg_database_size(current_database())"
            ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def _timed(self, what: str, act: Callable[[], object]) -> float:
        self._cluster.settle()
        began = time.monotonic()
        with self._run.step(what):
            act()
        return time.monotonic() - began

    @contextmanager
    def _counting_locks(self) -> Iterator[list[int]]:
        """Sample the number of locks in the server's shared lock table."""
        found = [0]
        ended = threading.Event()

        def sample() -> None:
            with self._cluster.connect(WAREHOUSE) as connection:
                while not ended.wait(1 / SAMPLES_PER_SECOND):
                    row = connection.execute(LOCKS).fetchone()
                    assert row is not None
                    found.append(int(row[0]))

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            ended.set()
            thread.join()


@click.command()
@click.option("--organizations", "sizes", type=int, multiple=True, default=(100, 300, 1000))
@click.option("--quick", is_flag=True, help="Twenty organizations; nothing is written.")
def main(*, sizes: tuple[int, ...], quick: bool) -> None:
    """Measure the cost of organizations; about 6 minutes, 1 with --quick."""
    run = Run("Organizations")
    measured: dict[int, dict[str, str]] = {}
    with running_cluster() as cluster:
        os.environ.update(cluster.environment(SOURCE, WAREHOUSE))
        benchmark = Benchmark(cluster, run)
        for organizations in (20,) if quick else sizes:
            run.console.print(f"{organizations} organizations")
            with run.must_work():
                measured[organizations] = benchmark.measure(organizations)
        version = cluster.version()
    counts = list(measured)
    names = list(measured[counts[0]])
    rows = [Row(name, "; ".join(measured[count][name] for count in counts)) for name in names]
    preamble = (
        f"{', '.join(f'{count:,}' for count in counts)} organizations, in this order; PostgreSQL "
        f"{version}, {os.cpu_count()} cores; ticks are medians of {TICKS}, all else was done once."
    )
    run.finish(rows, preamble, NOTES, write=not quick)


NOTES = (
    f"The server has room for `max_locks_per_transaction` {TIMES} `max_connections` locks: 6,400 as"
    " PostgreSQL comes. Here `max_connections` is 200, which makes 12,800.",
    "A tick is `etl` in a process that runs on, as a flow or a loop has it.",
)

if __name__ == "__main__":
    main()

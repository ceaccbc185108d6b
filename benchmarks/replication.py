"""Replication against its targets: ``python -m benchmarks.replication``.

Everything is measured in one run, in turns, on an embedded PostgreSQL of its own that holds source
and targets alike. Exits 0 whether or not the targets are met, 1 where something could not be run.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from statistics import median

import click
from rich.markup import escape

from benchmarks import source_data
from benchmarks.cluster import Cluster, running_cluster
from benchmarks.contenders import SLING_VERSION, CopyPipes, Sling, StockDlt, count_rows
from benchmarks.probe import BareProbe, Statement, statements_of
from benchmarks.results import (
    TIMES,
    NotAvailable,
    NotMeasured,
    Row,
    at_least,
    at_most,
    spread,
    times,
)
from benchmarks.run import NOT_RUNNABLE, Run
from benchmarks.syncing import ColdRun, SyncProcess, sync_cold, sync_process
from eden.postgres import Connection

LARGE, SMALL, SLICE, MANY = "large", "small", "slice", "many"
"""The sources: all studies, a twentieth of them, what dlt's ``sql_table`` can load in reasonable
time, and few studies of very many organizations."""

SHRINK = 20
OVERLAP = timedelta(minutes=15)
STATISTICS_SECONDS = 1.5
"""After this time the statistics include sessions that have ended."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    studies: int
    organizations: int
    repeat: int
    ticks: int
    idle_ticks: int = 20
    many_organizations: int = 200
    rows_of_tick: int = 1_000
    organizations_of_tick: int = 50
    rows_of_delta: int = 10_000
    slice_limit: int = 100_000
    sling_limit: int = 500_000

    @property
    def small(self) -> int:
        """The studies of the small source."""
        return self.studies // SHRINK

    @property
    def slice(self) -> int:
        """The studies that dlt's ``sql_table`` loads."""
        return min(self.studies, self.slice_limit)

    @property
    def sling(self) -> int:
        """The studies that sling loads."""
        return min(self.studies, self.sling_limit)


class Report(Run):
    """A run that collects rows and prints lines with the time since its beginning."""

    def __init__(self) -> None:
        super().__init__("Replication")
        self.rows: list[Row] = []
        self.failed = False

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """Measure one part. If it fails, its row says why and the other parts are measured."""
        self.say(f"[bold]{what}[/bold]")
        try:
            yield
        except NOT_RUNNABLE as error:
            self.failed = True
            self.rows.append(Row(what, f"could not be run: {error}", met=False))
            self.say(f"[red]could not be run: {escape(str(error))}[/red]")

    def say(self, what: str) -> None:
        """Print a line with the time since the beginning."""
        elapsed = timedelta(seconds=round(self.seconds))
        self.console.print(f"{elapsed}  {what}")


@dataclass(slots=True)
class FirstLoads:
    """Seconds of every repetition, and rows of one, per way to load."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    cold: dict[str, list[ColdRun]] = field(default_factory=lambda: {LARGE: [], SMALL: []})
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, way: str, rows: int, seconds: float) -> None:
        """Note one repetition."""
        self.seconds.setdefault(way, []).append(seconds)
        self.rows[way] = rows

    def rate(self, way: str) -> float:
        """Rows per second, in the median."""
        return self.rows[way] / median(self.seconds[way])

    def said(self, way: str) -> str:
        """The rate with its spread, in thousands of rows per second."""
        rates = [self.rows[way] / seconds / 1000 for seconds in self.seconds[way]]
        return spread(rates, "k rows/s")


PIPE, TWO_PIPES = "one COPY pipe", "two COPY pipes side by side"
SYNC, SYNC_ALONE = "sync()", "sync() without start-up"
SYNC_PREPARED = "sync() after sync_organizations()"
STOCK, SLING = "dlt's sql_table", "sling"


class FirstLoadBenchmark:
    """All ways to load the studies for the first time, in turns."""

    def __init__(self, cluster: Cluster, sizes: Sizes, report: Report) -> None:
        self._cluster = cluster
        self._sizes = sizes
        self._report = report
        self._found = FirstLoads()
        self._pipes = CopyPipes(cluster, LARGE, "copied")

    def run(self) -> FirstLoads:
        """Every way once per repetition; each repetition begins with another of them."""
        ways: list[Callable[[], None]] = [self._pipe, self._sync, self._two_pipes, self._sync_small]
        ways += [*self._others(), self._sync_prepared]
        for number in range(self._sizes.repeat):
            turn = number % len(ways)
            for way in ways[turn:] + ways[:turn]:
                self._cluster.settle()
                way()
        return self._found

    def _others(self) -> list[Callable[[], None]]:
        ways: list[Callable[[], None]] = []
        with self._report.step("Installing dlt and sling into environments of their own"):
            try:
                stock = StockDlt.install(self._cluster, SLICE, "stock")
                ways.append(lambda: self._other(STOCK, stock, self._sizes.slice))
            except NotAvailable as error:
                self._found.missing[STOCK] = str(error)
            try:
                sling = Sling.install(self._cluster, LARGE, "sling", self._sizes.sling)
                ways.append(lambda: self._other(SLING, sling, self._sizes.sling))
            except NotAvailable as error:
                self._found.missing[SLING] = str(error)
        return ways

    def _pipe(self) -> None:
        self._copy(PIPE, 1)

    def _two_pipes(self) -> None:
        self._copy(TWO_PIPES, 2)

    def _copy(self, way: str, pipes: int) -> None:
        self._pipes.prepare()
        with self._report.step(f"First load: {way}"):
            seconds = self._pipes.run(pipes)
        self._note(way, self._sizes.studies, self._pipes.rows(), seconds)

    def _sync(self) -> None:
        self._cluster.recreate(warehouse_of(LARGE))
        run = self._sync_source(SYNC, LARGE, self._sizes.studies)
        self._found.add(SYNC_ALONE, self._sizes.studies, run.tick.seconds)

    def _sync_prepared(self) -> None:
        self._cluster.recreate(warehouse_of(LARGE))
        with (
            self._report.step("Schemas and partitions of all organizations"),
            sync_process(self._cluster, LARGE, warehouse_of(LARGE)) as process,
        ):
            process.sync_organizations()
        self._cluster.settle()
        self._sync_source(SYNC_PREPARED, LARGE, self._sizes.studies)

    def _sync_small(self) -> None:
        self._cluster.recreate(warehouse_of(SMALL))
        self._sync_source(f"{SYNC} of {self._sizes.small:,}", SMALL, self._sizes.small)

    def _sync_source(self, way: str, source: str, studies: int) -> ColdRun:
        warehouse = warehouse_of(source)
        with self._report.step(f"First load: {way}"):
            run = sync_cold(self._cluster, source, warehouse)
        arrived = count_rows(self._cluster, warehouse, "staging", "pacs_studies")
        self._note(way, studies, arrived, run.whole_seconds)
        self._found.cold[source].append(run)
        return run

    def _other(self, way: str, contender: StockDlt | Sling, studies: int) -> None:
        if way in self._found.missing:
            return
        try:
            with self._report.step(f"First load: {way}, {studies:,} studies"):
                seconds = contender.run()
        except NotAvailable as error:
            self._found.missing[way] = str(error)
            return
        self._note(way, studies, contender.rows(), seconds)

    def _note(self, way: str, expected: int, arrived: int, seconds: float) -> None:
        if arrived != expected:
            raise NotMeasured(f"{way}: {arrived:,} of {expected:,} rows arrived")
        self._found.add(way, arrived, seconds)
        self._report.say(f"  {way}: {seconds:.1f} s, {arrived / seconds / 1000:,.1f} k rows/s")


def warehouse_of(source: str) -> str:
    """The database into which a source is replicated."""
    return f"warehouse_{source}"


def report_first_loads(found: FirstLoads, sizes: Sizes, report: Report) -> None:
    """The lines of the first load and of its memory."""
    mine = found.said(SYNC)
    for way, target in ((PIPE, 1.0), (STOCK, 10.0), (SLING, 2.0)):
        what = f"first load of {sizes.studies:,} studies, against {way}"
        if way in found.missing:
            measured = f"not available: {found.missing[way]}"
            report.rows.append(Row(what, measured, target=f"≥ {target:g} {TIMES}"))
            continue
        if found.rows[way] != sizes.studies:
            what += f" of {found.rows[way]:,}"
        ratio = found.rate(SYNC) / found.rate(way)
        report.rows.append(at_least(what, f"{mine} against {found.said(way)}", ratio, target))
    for way in (TWO_PIPES, SYNC_ALONE, SYNC_PREPARED):
        ratio = found.rate(way) / found.rate(PIPE)
        what = f"for information: {way}, against {PIPE}"
        report.rows.append(Row(what, found.said(way), times(ratio)))
    report_memory(found, sizes, report)


def report_memory(found: FirstLoads, sizes: Sizes, report: Report) -> None:
    """The lines of the memory of a first load."""
    large, small = ([run.tick.peak_mb for run in found.cold[source]] for source in (LARGE, SMALL))
    what = f"peak memory of a first load, {sizes.studies:,} against {sizes.small:,} studies"
    measured = f"{spread(large, 'MB', 0)} against {spread(small, 'MB', 0)}"
    report.rows.append(at_most(what, measured, median(large) / median(small), 1.3))
    peak = max(large)
    report.rows.append(
        Row("peak memory of a first load", f"{peak:.0f} MB", "", "≤ 400 MB", peak <= 400)
    )


def moments() -> Iterator[datetime]:
    """Moments of changes, all later than the source's first rows.

    Each lies farther from the one before than the overlap reaches, so that a tick reads no row of
    an earlier one again and all ticks are alike.
    """
    moment = datetime.now(UTC) - source_data.QUIET + timedelta(hours=2)
    while True:
        yield moment
        moment += OVERLAP + timedelta(minutes=5)


class TickBenchmark:
    """Measures ticks with changes, in processes that have synced before."""

    def __init__(self, cluster: Cluster, sizes: Sizes, report: Report) -> None:
        self._cluster = cluster
        self._sizes = sizes
        self._report = report
        self._moments = moments()

    def run(self) -> None:
        """Measure on the warehouses of the first loads."""
        with ExitStack() as stack:
            enter = stack.enter_context
            processes = {
                name: enter(sync_process(self._cluster, name, warehouse_of(name)))
                for name in (LARGE, SMALL)
            }
            sources = {name: enter(self._cluster.connect(name)) for name in (LARGE, SMALL)}
            for name, process in processes.items():
                # As autovacuum would have done by the next tick.
                with self._cluster.connect(warehouse_of(name)) as warehouse:
                    warehouse.execute("VACUUM ANALYZE")
                self._tick(process, sources[name], organizations=1, rows_each=10)
            with self._report.part("ticks with changes in many organizations and in one"):
                self._spread_or_not(processes[LARGE], sources[LARGE])
            with self._report.part("a delta into many rows and into few"):
                self._large_or_small(processes, sources)
            with self._report.part("rows written per row changed"):
                self._written(processes[LARGE], sources[LARGE])

    def _spread_or_not(self, process: SyncProcess, source: Connection) -> None:
        sizes = self._sizes
        many = min(sizes.organizations_of_tick, sizes.organizations)
        rows = min(sizes.rows_of_tick, sizes.studies // sizes.organizations) // many * many
        spread_out: list[float] = []
        together: list[float] = []
        for _ in range(sizes.ticks):
            together.append(self._tick(process, source, organizations=1, rows_each=rows))
            spread_out.append(
                self._tick(process, source, organizations=many, rows_each=rows // many)
            )
        self._report.rows.append(
            at_most(
                f"tick with {rows:,} changed rows over {many} organizations, against over one",
                f"{spread(spread_out, 's', 2)} against {spread(together, 's', 2)}",
                median(spread_out) / median(together),
                2.0,
            )
        )

    def _large_or_small(
        self, processes: dict[str, SyncProcess], sources: dict[str, Connection]
    ) -> None:
        sizes = self._sizes
        each = max(1, min(sizes.rows_of_delta, sizes.small) // sizes.organizations)
        seconds: dict[str, list[float]] = {LARGE: [], SMALL: []}
        for _ in range(sizes.ticks):
            for name in (LARGE, SMALL):
                seconds[name].append(
                    self._tick(
                        processes[name],
                        sources[name],
                        organizations=sizes.organizations,
                        rows_each=each,
                    )
                )
        self._report.rows.append(
            at_most(
                f"{each * sizes.organizations:,} changed rows into {sizes.studies:,},"
                f" against into {sizes.small:,}",
                f"{spread(seconds[LARGE], 's', 2)} against {spread(seconds[SMALL], 's', 2)}",
                median(seconds[LARGE]) / median(seconds[SMALL]),
                1.5,
            )
        )

    def _written(self, process: SyncProcess, source: Connection) -> None:
        """Change many rows, then others so soon after that the first are read again."""
        sizes = self._sizes
        first = max(1, min(sizes.rows_of_delta, sizes.small) // sizes.organizations)
        second = max(1, first // 10)
        warehouse = warehouse_of(LARGE)
        before = written_rows(self._cluster, warehouse, "staging\\_%")
        moment = next(self._moments)
        changed = 0
        for each, delay in ((first, timedelta(0)), (second, OVERLAP / 3)):
            changed += source_data.change(
                source, organizations=sizes.organizations, rows_each=each, moment=moment + delay
            )
            process.sync()
        after = written_rows(self._cluster, warehouse, "staging\\_%")
        written = sum(after.values()) - sum(before.values())
        self._report.rows.append(
            at_most(
                "rows written to the organizations' schemas per row changed, overlap in force",
                f"{written:,} for {changed:,}",
                written / changed,
                1.05,
            )
        )

    def _tick(
        self, process: SyncProcess, source: Connection, *, organizations: int, rows_each: int
    ) -> float:
        changed = source_data.change(
            source, organizations=organizations, rows_each=rows_each, moment=next(self._moments)
        )
        with self._report.step(f"A tick with {changed:,} changed rows"):
            tick = process.sync()
        if tick.rows_written != changed:
            raise NotMeasured(f"{tick.rows_written:,} rows written for {changed:,} changed")
        self._report.say(
            f"  {changed:,} changed rows of {organizations} organizations: {tick.seconds:.2f} s"
        )
        return tick.seconds


def written_rows(cluster: Cluster, database: str, schemas: str) -> dict[str, int]:
    """Rows inserted, updated and deleted so far, per table that saw any."""
    time.sleep(STATISTICS_SECONDS)
    with cluster.connect(database) as connection:
        rows = connection.execute(
            """
            SELECT schemaname || '.' || relname, n_tup_ins + n_tup_upd + n_tup_del
            FROM pg_stat_user_tables
            WHERE schemaname LIKE %s AND n_tup_ins + n_tup_upd + n_tup_del > 0
            """,
            (schemas,),
        )
        return {name: int(count) for name, count in rows}


class IdleBenchmark:
    """Ticks that find nothing to do, against the bare statements of their probe."""

    def __init__(self, cluster: Cluster, sizes: Sizes, report: Report) -> None:
        self._cluster = cluster
        self._sizes = sizes
        self._report = report

    def run(self) -> None:
        """Measure with very many organizations, in a process that has synced before."""
        warehouse = warehouse_of(MANY)
        self._cluster.recreate(warehouse)
        with sync_process(self._cluster, MANY, warehouse) as process:
            with self._report.step(f"First load of {self._sizes.many_organizations} organizations"):
                process.sync()
            with self._cluster.connect(warehouse) as connection:
                connection.execute("VACUUM ANALYZE")
            self._idle(process)
            statements: list[Statement] = []
            with statements_of(self._cluster, MANY, statements):
                self._idle(process)
            with self._cluster.connect(MANY) as connection:
                self._compare(process, BareProbe(connection, statements), len(statements))

    def _compare(self, process: SyncProcess, probe: BareProbe, statements: int) -> None:
        warehouse = warehouse_of(MANY)
        before = written_rows(self._cluster, warehouse, "%")
        idle: list[float] = []
        bare: list[float] = []
        with self._report.step("Idle ticks and bare probes, in turns"):
            for _ in range(self._sizes.idle_ticks):
                idle.append(self._idle(process))
                bare.append(probe.run())
        after = written_rows(self._cluster, warehouse, "%")
        milliseconds = [[second * 1000 for second in seconds] for seconds in (idle, bare)]
        self._report.rows.append(
            at_most(
                f"idle tick, {self._sizes.many_organizations} organizations {TIMES} 10 tables,"
                f" against its {statements} statements on the source alone",
                " against ".join(spread(values, "ms") for values in milliseconds),
                median(idle) / median(bare),
                3.0,
            )
        )
        self._report_writes({name: after[name] - before.get(name, 0) for name in after})

    def _report_writes(self, written: dict[str, int]) -> None:
        ticks = self._sizes.idle_ticks
        wrote = {name: rows for name, rows in written.items() if rows}
        listed = ", ".join(f"{rows / ticks:g} to {name}" for name, rows in sorted(wrote.items()))
        self._report.rows.append(
            Row(
                "rows written to the warehouse by an idle tick",
                listed or "none",
                "",
                "1 heartbeat",
                wrote == {"ops.sync_heartbeats": ticks},
            )
        )

    def _idle(self, process: SyncProcess) -> float:
        tick = process.sync()
        if not tick.is_idle:
            raise NotMeasured("a tick without changes was not idle")
        return tick.seconds


def generate(cluster: Cluster, sizes: Sizes, report: Report) -> None:
    """Make the sources."""
    wanted = (
        (LARGE, sizes.studies, sizes.organizations),
        (SMALL, sizes.small, sizes.organizations),
        (SLICE, sizes.slice, sizes.organizations),
        (MANY, sizes.many_organizations * 5, sizes.many_organizations),
    )
    for name, studies, organizations in wanted:
        with report.step(f"Generating {studies:,} studies of {organizations} organizations"):
            source_data.fill(cluster, name, studies=studies, organizations=organizations)
        report.say(f"{studies:,} studies of {organizations} organizations generated")


def measure(cluster: Cluster, sizes: Sizes, report: Report) -> None:
    """All parts, one after the other."""
    generate(cluster, sizes, report)
    with report.part("first load"):
        report_first_loads(FirstLoadBenchmark(cluster, sizes, report).run(), sizes, report)
    with report.part("ticks with changes"):
        TickBenchmark(cluster, sizes, report).run()
    with report.part("idle ticks"):
        IdleBenchmark(cluster, sizes, report).run()


def preamble(cluster: Cluster, sizes: Sizes) -> str:
    """With which versions, and how much was measured."""
    return (
        f"PostgreSQL {cluster.version()}, dlt {version('dlt')},"
        f" sling {SLING_VERSION}, Python {platform.python_version()}, {os.cpu_count()} cores."
        f" {sizes.studies:,} studies of {sizes.organizations} organizations,"
        f" {sizes.repeat} repetitions of each first load and {sizes.ticks} of each tick, in turns;"
        " medians, with the smallest and the largest in brackets."
    )


def notes(sizes: Sizes) -> list[str]:
    """Sentences that a reader needs to judge the figures."""
    return [
        "Source, targets and clients share one machine and one embedded cluster, autovacuum off and"
        " a CHECKPOINT before each first load. A shared machine is noisy: where the brackets of two"
        " figures overlap, their ratio is worth little.",
        "`sync()` is a fresh process on an empty database, from its start to its end: Python's"
        " start, imports, the schemas and partitions of all organizations, ten tables. The pipe's"
        " table with its partitions, key and types is there beforehand.",
        f"dlt's `sql_table` loads {sizes.slice:,} studies and sling {sizes.sling:,}, since they are"
        " slow; rows per second are compared. The imports of dlt's are not counted. Both write a"
        " table without key and partitions.",
        "Memory is the most that the process held (VmHWM), plus that of its largest child.",
        "The bare statements of the probe are those that the server's log shows of one idle run,"
        " sent again on one open connection without prepared plans.",
    ]


def default_sizes(studies: int | None, repeat: int | None, *, quick: bool) -> Sizes:
    """The sizes, completed where the command line leaves them open."""
    return Sizes(
        studies=studies or (200_000 if quick else 2_000_000),
        organizations=100,
        repeat=repeat or (1 if quick else 3),
        ticks=3 if quick else 5,
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--studies", type=click.IntRange(min=10_000), help="Of the large source.")
@click.option("--repeat", type=click.IntRange(min=1), help="Repetitions of each first load.")
@click.option("--quick", is_flag=True, help="200,000 studies, one repetition.")
@click.option("--keep", is_flag=True, help="Leave RESULTS.md as it is.")
def main(*, studies: int | None, repeat: int | None, quick: bool, keep: bool) -> None:
    """Measure replication against its targets; about 15 minutes, 3 with --quick."""
    report = Report()
    sizes = default_sizes(studies, repeat, quick=quick)
    with running_cluster() as cluster:
        measure(cluster, sizes, report)
        said = preamble(cluster, sizes)
    report.finish(report.rows, said, notes(sizes), write=not keep)
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()

"""The marts against their targets: ``python -m benchmarks.warehouse``.

``dbt run`` after a small change is compared with a full refresh of the same warehouse: both in this
process, as a tick runs dbt, and both in a process of their own, as a person does. Exits 0 whether
or not the targets are met, 1 where something could not be run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

import click
from psycopg import sql

import dlt_pipelines
from benchmarks import source_data
from benchmarks.cluster import Cluster, running_cluster
from benchmarks.results import NotMeasured, Row, at_most, spread, times
from benchmarks.run import Run
from dlt_pipelines import ledger
from eden.paths import PROJECT_ROOT
from eden.postgres import Connection
from eden.settings import DestinationDatabase, load
from eden.warehouse import builds
from eden.warehouse.dbt import run_dbt

SOURCE, WAREHOUSE = "source", "warehouse"
SHARE = 0.001
"""Of the studies, changed between two builds."""
DBT = Path(sys.executable).with_name("dbt")

# Every study but an organization's first, which has them already, gets what hangs from a study: a
# series, two images and a report. A few doctors sign most of them.
DETAILS = (
    """
    INSERT INTO pacs_series
    SELECT pg_temp.key('series', r), pg_temp.key('study', r), '1.2.3.' || r, 1, 'CR', NULL, false,
        study.updated_at, study.updated_at
    FROM generate_series({organizations}, {studies} - 1) AS r
    JOIN pacs_studies AS study ON study.id = pg_temp.key('study', r)
    """,
    """
    INSERT INTO pacs_images
    SELECT pg_temp.key('image of a series ' || n, r), pg_temp.key('series', r), '1.2.3.4.' || r, n,
        '/archive/' || r || '/' || n || '.dcm', 8000000 + r, r % 50 = 0, created_at, updated_at
    FROM generate_series({organizations}, {studies} - 1) AS r
    JOIN pacs_series AS series ON series.id = pg_temp.key('series', r),
        generate_series(1, 2) AS n
    """,
    """
    INSERT INTO pacs_reports
    SELECT pg_temp.key('report', r), pg_temp.key('study', r),
        pg_temp.key('practitioner',
            floor(power(r::bigint * 7919 % 1000 / 1000.0, 3) * {doctors})::bigint),
        CASE WHEN r % 10 > 0 THEN 'SIGNED' ELSE 'DRAFT' END, true, false,
        repeat('Sin hallazgos patológicos. ', 20) || r, study.updated_at, study.updated_at,
        study.updated_at
    FROM generate_series({organizations}, {studies} - 1) AS r
    JOIN pacs_studies AS study ON study.id = pg_temp.key('study', r)
    """,
)

# What a day brings, in equal parts: a study's data, a new report, an image that is replaced. Spread
# over all organizations.
CHANGES = (
    """
    UPDATE pacs_studies
    SET dicom_description = concat_ws(' ', dicom_description, {number}), updated_at = now()
    WHERE id IN (SELECT pg_temp.key('study', {offset} + r * {step})
        FROM generate_series(0, {third} - 1) AS r)
    """,
    """
    INSERT INTO pacs_reports
    SELECT gen_random_uuid(), pg_temp.key('study', {offset} + 1 + r * {step}),
        pg_temp.key('practitioner', {first_signer} + r % ({doctors} / 2)), 'SIGNED',
        true, false, 'Sin cambios.', now(), now(), now()
    FROM generate_series(0, {third} - 1) AS r
    """,
    """
    UPDATE pacs_images SET file_size = file_size + {number}, updated_at = now()
    WHERE id IN (SELECT pg_temp.key('image of a series 1', {offset} + 2 + r * {step})
        FROM generate_series(0, {third} - 1) AS r)
    """,
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    studies: int
    organizations: int
    repeat: int

    @property
    def doctors(self) -> int:
        """As many as :mod:`benchmarks.source_data` makes."""
        return self.organizations * 5

    @property
    def changed(self) -> int:
        """Studies changed between two builds."""
        return max(3, round(self.studies * SHARE))


class Benchmark:
    """One warehouse, built again and again."""

    def __init__(self, cluster: Cluster, sizes: Sizes, run: Run) -> None:
        self._cluster = cluster
        self._sizes = sizes
        self._run = run
        self._environment = cluster.environment(SOURCE, WAREHOUSE)
        self._number = 0

    def run(self) -> list[Row]:
        """Measure everything, in turns, and return the rows of the table."""
        self._prepare()
        full: list[float] = []
        small: list[float] = []
        full_here: list[float] = []
        small_here: list[float] = []
        leading: list[float] = []
        none: list[float] = []
        tick: list[float] = []
        warm: list[float] = []
        idle: list[float] = []
        for _ in range(self._sizes.repeat):
            full.append(self._dbt("run", "--full-refresh"))
            self._change()
            small.append(self._dbt("run"))
            full_here.append(self._dbt_here("run", "--full-refresh"))
            self._change()
            small_here.append(self._timed("a build in this process", builds.build))
            self._change(by_leading_doctors=True)
            leading.append(
                self._timed("a build in this process, reports of leading doctors", builds.build)
            )
            none.append(self._dbt("run"))
            tick.append(self._dbt("build", "--selector", "tick"))
            self._announce()
            warm.append(self._timed("a build in this process, nothing changed", builds.build))
            idle.append(self._timed("a build that finds nothing to do", builds.build))
        self._compare()
        changed = f"{self._sizes.changed:,} studies changed"
        return [
            at_most(
                f"a tick's build after {changed}, against a full refresh in the same process",
                f"{spread(small_here, 's')}; full refresh {spread(full_here, 's')}",
                median(small_here) / median(full_here),
                0.1,
            ),
            at_most(
                f"`dbt run` in a process of its own after {changed}, against a full refresh there",
                f"{spread(small, 's')}; full refresh {spread(full, 's')}",
                median(small) / median(full),
                0.1,
            ),
            Row(
                "a tick's build where leading doctors sign the new reports",
                spread(leading, "s"),
                times(median(leading) / median(full_here)),
            ),
            Row("`dbt run` with nothing changed", spread(none, "s")),
            at_most(
                "a warm build in process with nothing changed, against a `dbt build` of its own",
                f"{spread(warm, 's')}; `dbt build` {spread(tick, 's')}",
                median(warm) / median(tick),
                0.5,
            ),
            at_most(
                "a build that finds nothing to do, against the same",
                spread(idle, "s", 3),
                median(idle) / median(tick),
                0.5,
            ),
        ]

    def _prepare(self) -> None:
        sizes = self._sizes
        with self._run.step("a source"):
            source_data.fill(
                self._cluster, SOURCE, studies=sizes.studies, organizations=sizes.organizations
            )
            with self._cluster.connect(SOURCE) as connection:
                connection.execute(source_data.COMMON)
                connection.execute("SET session_replication_role = replica")
                for statement in DETAILS:
                    self._execute(connection, statement)
                connection.execute("VACUUM ANALYZE")
        self._cluster.recreate(WAREHOUSE)
        with self._run.step("the first load"):
            dlt_pipelines.sync()
        with self._cluster.connect(WAREHOUSE) as connection, self._run.step("VACUUM ANALYZE"):
            connection.execute("VACUUM ANALYZE")
        with self._run.step("the first build"):
            builds.build()

    def _change(self, *, by_leading_doctors: bool = False) -> None:
        with self._cluster.connect(SOURCE) as connection, self._run.step("changes, and a sync"):
            connection.execute(source_data.COMMON)
            self._number += 1
            for statement in CHANGES:
                self._execute(connection, statement, by_leading_doctors=by_leading_doctors)
            dlt_pipelines.sync()

    def _announce(self) -> None:
        """Announce a change, so that the next build does not end at once."""
        with self._cluster.connect(WAREHOUSE) as connection:
            ledger.announce(connection, uuid4(), "benchmark")

    def _execute(
        self, connection: Connection, statement: str, *, by_leading_doctors: bool = False
    ) -> None:
        third = self._sizes.changed // 3
        values = {
            "studies": self._sizes.studies,
            "organizations": self._sizes.organizations,
            "doctors": self._sizes.doctors,
            "third": third,
            "number": self._number,
            "first_signer": 0 if by_leading_doctors else self._sizes.doctors // 2,
            # Coprime to the number of organizations, so that all of them have a part.
            "step": self._sizes.studies // third - 1 | 1,
            "offset": self._number * 5 + self._sizes.organizations,
        }
        literals = {name: sql.Literal(value) for name, value in values.items()}
        connection.execute(sql.SQL(statement).format(**literals))

    def _compare(self) -> None:
        """Check that the marts, rebuilt study by study, equal those of a full refresh.

        Raises:
            NotMeasured: They differ, so the figures mean nothing.
        """
        self._change()
        self._dbt("run")
        rebuilt = self._checksums()
        self._dbt("run", "--full-refresh")
        if rebuilt != self._checksums():
            raise NotMeasured("the marts differ from those of a full refresh")

    def _checksums(self) -> list[object]:
        with self._cluster.connect(WAREHOUSE) as connection:
            return [
                connection.execute(
                    sql.SQL(
                        "SELECT count(*), sum(hashtextextended(m::text, 0)) FROM {} AS m"
                    ).format(sql.Identifier("analytics", mart))
                ).fetchone()
                for mart in (
                    "fact_studies",
                    "doctor_rank",
                    "study_eligibility",
                    "eligible_studies",
                    "eligible_reports",
                    "eligible_images",
                )
            ]

    def _dbt(self, *arguments: str) -> float:
        def run() -> None:
            done = subprocess.run(
                [str(DBT), *arguments],
                cwd=PROJECT_ROOT,
                env=self._environment | {"DBT_TARGET_PATH": str(self._cluster.home / "target")},
                capture_output=True,
                check=False,
                text=True,
            )
            if done.returncode:
                raise NotMeasured(f"dbt {arguments[0]} failed: {done.stdout[-2000:]}")

        return self._timed(f"dbt {' '.join(arguments)}", run)

    def _dbt_here(self, *arguments: str) -> float:
        settings = load(DestinationDatabase)
        return self._timed(
            f"dbt {' '.join(arguments)}, in this process", lambda: run_dbt(arguments, settings)
        )

    def _timed(self, what: str, act: Callable[[], object]) -> float:
        self._cluster.settle()
        began = time.monotonic()
        with self._run.step(what):
            act()
        return time.monotonic() - began


@click.command()
@click.option("--studies", type=int, default=2_000_000, show_default=True)
@click.option("--organizations", type=int, default=200, show_default=True)
@click.option("--repeat", type=int, default=3, show_default=True)
@click.option("--quick", is_flag=True, help="A twentieth of the studies, once; nothing is written.")
def main(*, studies: int, organizations: int, repeat: int, quick: bool) -> None:
    """Measure the marts against their targets; about 30 minutes, 3 with --quick."""
    run = Run("Warehouse")
    sizes = Sizes(studies // 20 if quick else studies, organizations, 1 if quick else repeat)
    with running_cluster() as cluster:
        os.environ.update(cluster.environment(SOURCE, WAREHOUSE))
        with run.must_work():
            rows = Benchmark(cluster, sizes, run).run()
        version = cluster.version()
    preamble = (
        f"{sizes.studies:,} studies of {sizes.organizations} organizations, with as many series "
        f"and reports and twice as many images; PostgreSQL {version}, {os.cpu_count()} cores; "
        f"medians of {sizes.repeat} (smallest to largest)."
    )
    run.finish(rows, preamble, NOTES, write=not quick)


NOTES = (
    "Changed studies: a third got another description, a third a new report, a third another image,"
    " spread over all organizations. What is of the chest stays so, and new reports are signed by"
    " doctors of the lower half of the ranking, so that the chosen ranks keep their doctors; where"
    " they do not, every study of a doctor who comes or goes changes: with 36,000 such studies a"
    " build took 6.8 s in an earlier run.",
    "In a process of its own dbt starts and reads its project first, which takes seconds.",
    "At the end the marts that were rebuilt study by study are compared with those of a full"
    " refresh: checksums of all rows.",
)

if __name__ == "__main__":
    main()

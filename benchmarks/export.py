"""The export against its targets: ``python -m benchmarks.export``.

The same files go to the same S3 server by this project and by s5cmd, in turns. What depends on a
server that answers slowly is measured behind a proxy that does. Exits 0 whether or not the targets
are met, 1 where something could not be run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
import psutil

import dlt_pipelines
from benchmarks.archive import Archive
from benchmarks.cluster import Cluster, running_cluster
from benchmarks.contenders import S5cmd
from benchmarks.process import Answering, answering
from benchmarks.results import (
    NotAvailable,
    NotMeasured,
    Row,
    at_least,
    at_most,
    spread,
    times,
)
from benchmarks.run import Run
from tests.support.faulty_s3 import FaultyS3, faulty_s3

CONCURRENCY = 8
DELAY_SECONDS = 0.2
"""How long the slow server takes for every answer: a bucket in another part of the world."""
FLOW_DELAY_SECONDS = 0.4
"""The delay for the flow: Prefect adds a fixed time per run, which looks large in a short run."""
FLOW_REPEAT = 3
CACHE_SECONDS = 1.2
"""After this time the embedded server has taken note of objects that were removed by hand."""
MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of one's own is made in it
NONE: Mapping[str, str] = {}
LEDGER = "ops.study_exports, ops.image_exports, ops.exported_objects"


FEW_WAITING, MANY_WAITING = 1_000, 100_000
_MORE_STUDIES = """
INSERT INTO analytics.eligible_studies
SELECT (jsonb_populate_record(one, jsonb_build_object(
    'study_id', 'ffffffff-0000-4000-8000-' || lpad(to_hex(number), 12, '0')
))).*
FROM (SELECT eligible FROM analytics.eligible_studies AS eligible LIMIT 1) AS found(one),
    generate_series(1, %s) AS number
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    large: Archive
    """Files of 8 MB."""
    many: Archive
    """Files of 1 MB, a tenth of which is measured beside all of them."""
    small: Archive
    """Files that take no time but the server's."""
    repeat: int

    @classmethod
    def of(cls, *, repeat: int, quick: bool) -> Sizes:
        """The whole, or about a tenth of it."""
        parts = 8 if quick else 1
        return cls(
            large=Archive("large", 96 // parts, 2, 2048),
            many=Archive("many", 500 // parts // 10 * 10, 2, 724),
            small=Archive("small", 320 // min(parts, 2), 1, 128),
            repeat=1 if quick else repeat,
        )


@dataclass(frozen=True, slots=True)
class Site:
    """An archive on disk, and the warehouse that knows it."""

    archive: Archive
    cluster: Cluster
    folder: Path

    @property
    def warehouse(self) -> str:
        """Its warehouse's name."""
        return f"warehouse_{self.archive.name}"

    def prepare(self) -> None:
        """Write the files, and replicate and build the warehouse."""
        source = f"source_{self.archive.name}"
        self.archive.fill(self.cluster, source, self.folder)
        self.cluster.recreate(self.warehouse)
        os.environ.update(self.cluster.environment(source, self.warehouse))
        os.environ["DBT_TARGET_PATH"] = str(self.cluster.home / "target")
        dlt_pipelines.etl()

    def reset(self) -> None:
        """Empty the bucket and the ledger."""
        with self.cluster.connect(self.warehouse) as connection:
            connection.execute(f"TRUNCATE {LEDGER} CASCADE")
        empty(self.cluster.bucket_folder)
        self.cluster.settle()
        os.sync()
        time.sleep(CACHE_SECONDS)

    def have_waiting(self, studies: int) -> None:
        """Add so many eligible studies, which sort after all others."""
        with self.cluster.connect(self.warehouse) as connection:
            connection.execute(
                "DELETE FROM analytics.eligible_studies WHERE study_id::text LIKE 'ffffffff-%'"
            )
            connection.execute(_MORE_STUDIES, (studies,))

    @contextmanager
    def worker(self, changes: Mapping[str, str] = NONE, *, number: int = 0) -> Iterator[Worker]:
        """Start a process that exports from this site; ``changes`` are made to its environment."""
        environment = self.cluster.export_environment(f"source_{self.archive.name}", self.warehouse)
        environment |= {
            "DICOM_ROOTS": str(self.folder),
            "DEIDENTIFICATION": "off",
            "EXPORT_CONCURRENCY": str(CONCURRENCY),
            "LOGGING_LEVEL": "WARNING",
            "DBT_TARGET_PATH": str(self.cluster.home / "target"),
        } | dict(changes)
        log = self.cluster.home / f"export-{self.archive.name}-{number}.log"
        with answering("benchmarks.export_worker", environment, log) as process:
            yield Worker(process)


@dataclass(frozen=True, slots=True)
class Did:
    """The figures of one run of the export."""

    seconds: float
    """Without the tests of the marts."""
    cpu_seconds: float
    peak_mb: float
    exported: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that exports."""

    process: Answering

    def run(self, line: str, studies: int | None = None) -> Did:
        """Send a request, and check that it exported so many studies.

        Raises:
            NotAvailable: The export refuses its configuration.
            NotMeasured: The export failed, or exported another number of studies.
        """
        self.process.tell(line)
        return self.result(line, studies)

    def result(self, line: str, studies: int | None = None) -> Did:
        """Wait for the result of a request.

        Raises:
            NotAvailable, NotMeasured: as :meth:`run` does.
        """
        answer: Mapping[str, Any] = self.process.answer(line)
        if "refused" in answer:
            raise NotAvailable(answer["refused"])
        counts = answer["counts"]
        exported = counts.get("exported", 0)
        if set(counts) - {"exported"} or studies not in (None, exported):
            raise NotMeasured(f"{line}: {counts} where {studies} studies were to be exported")
        seconds = answer["seconds"] - answer["gate_seconds"]
        return Did(seconds, answer["cpu_seconds"], answer["peak_mb"], exported)


class Benchmark:
    """Measures the export."""

    def __init__(self, cluster: Cluster, sizes: Sizes, files: Path, run: Run) -> None:
        self._cluster = cluster
        self._sizes = sizes
        self._run = run
        self._large, self._many, self._small = (
            Site(archive, cluster, files / archive.name)
            for archive in (sizes.large, sizes.many, sizes.small)
        )

    def run(self) -> list[Row]:
        """Everything, one after the other."""
        # The last is the one whose marts are tested: dbt has its project parsed by then.
        for site in (self._large, self._many, self._small):
            with self._run.step(f"archive and warehouse: {site.archive.name}"):
                site.prepare()
        rows = self._speed()
        rows += self._requests()
        with faulty_s3(self._cluster.services["S3_ENDPOINT_URL"]) as slow:
            slow.delay_seconds = DELAY_SECONDS
            rows.append(self._processes(slow))
            rows.append(self._flow(slow))
        rows.append(self._memory())
        rows.append(self._waiting())
        return rows

    def _speed(self) -> list[Row]:
        site = self._large
        ours, cpu, theirs, their_cpu, basic = [list[float]() for _ in range(5)]
        try:
            s5cmd = S5cmd.install(CONCURRENCY)
        except NotAvailable as error:
            return [Row("upload of 8 MB files, against s5cmd", f"not available: {error}")]
        for number in range(self._sizes.repeat):
            if number % 2:
                self._copy(site, s5cmd, theirs, their_cpu)
            self._export(site, ours, cpu)
            self._deidentify(site, basic)
            if number % 2 == 0:
                self._copy(site, s5cmd, theirs, their_cpu)
        what = f"upload of {site.archive.files} files of 8 MB with check, hash and ledger"
        pace = [site.archive.megabytes / seconds for seconds in ours]
        their_pace = [site.archive.megabytes / seconds for seconds in theirs]
        said = f"{spread(pace, 'MB/s', 0)} against {spread(their_pace, 'MB/s', 0)}"
        gigabytes = site.archive.megabytes / 1000
        return [
            at_least(f"{what}, against s5cmd", said, median(pace) / median(their_pace), 0.8),
            self._deidentified(basic, their_pace),
            Row(
                "for information: the client's processor time per GB, against s5cmd",
                f"{median(cpu) / gigabytes:.2f} s against {median(their_cpu) / gigabytes:.2f} s",
                times(median(cpu) / median(their_cpu)),
            ),
        ]

    def _deidentified(self, seconds: list[float], their_pace: list[float]) -> Row:
        what = "the same with de-identification"
        if not seconds:
            return Row(what, "not available in this version")
        pace = [self._large.archive.megabytes / each for each in seconds]
        return at_least(what, spread(pace, "MB/s", 0), median(pace) / median(their_pace), 0.6)

    def _export(self, site: Site, seconds: list[float], cpu: list[float]) -> None:
        site.reset()
        with self._run.step("discover()"), site.worker() as worker:
            did = worker.run("discover", site.archive.studies)
        seconds.append(did.seconds)
        cpu.append(did.cpu_seconds)

    def _deidentify(self, site: Site, seconds: list[float]) -> None:
        site.reset()
        changes = {
            "DEIDENTIFICATION": "basic",
            "DEIDENTIFICATION_KEY": "of a benchmark, and so of no worth" * 2,
            # The files do not say whether there is text in their pixels.
            "BURNED_IN_POLICY": "flag",
        }
        with self._run.step("discover(), de-identified"), site.worker(changes) as worker:
            try:
                seconds.append(worker.run("discover", site.archive.studies).seconds)
            except NotAvailable as error:
                self._run.console.print(f"           {error}", markup=False)

    def _copy(self, site: Site, s5cmd: S5cmd, seconds: list[float], cpu: list[float]) -> None:
        site.reset()
        environment = self._cluster.export_environment("none", site.warehouse)
        with self._run.step("s5cmd"):
            took, used = s5cmd.run(
                site.folder, f"s3://{environment['S3_BUCKET_NAME']}/s5cmd/", environment
            )
        if count_files(self._cluster.bucket_folder) != site.archive.files:
            raise NotMeasured("s5cmd left files behind")
        seconds.append(took)
        cpu.append(used)

    def _requests(self) -> list[Row]:
        site = self._large
        site.reset()
        target = self._cluster.services["S3_ENDPOINT_URL"]
        with self._run.step("discover() twice, counted"), faulty_s3(target) as proxy:
            with site.worker(at(proxy)) as worker:
                worker.run("discover", site.archive.studies)
            first = len(proxy.seen)
            with site.worker(at(proxy)) as worker:
                worker.run("discover", 0)
            second = len(proxy.seen) - first
        objects = count_files(self._cluster.bucket_folder)
        return [
            at_most(
                "requests per new object",
                f"{first} for {objects}, the look at the bucket included",
                first / objects,
                1.02,
            ),
            Row(
                "requests of a second discovery of a finished set",
                str(second),
                target="0",
                met=second == 0,
            ),
        ]

    def _processes(self, slow: FaultyS3) -> Row:
        """Measure two processes that share the work against one; only the server takes time."""
        alone: list[float] = []
        together: list[float] = []
        for _ in range(self._sizes.repeat):
            alone.append(self._share(slow, 1))
            together.append(self._share(slow, 2))
        return at_least(
            f"two worker processes against one, {DELAY_SECONDS:g} s per answer",
            f"{spread(together, 's')} against {spread(alone, 's')}",
            median(alone) / median(together),
            1.6,
        )

    def _share(self, slow: FaultyS3, processes: int) -> float:
        site = self._small
        site.reset()
        with ExitStack() as stack:
            workers = [
                stack.enter_context(site.worker(at(slow), number=number))
                for number in range(processes)
            ]
            # Until their imports are done.
            for worker in workers:
                worker.process.ask("ready")
            with self._run.step(f"discover() in {processes} processes"):
                began = time.perf_counter()
                for worker in workers:
                    worker.process.tell("discover")
                done = [worker.result("discover") for worker in workers]
                seconds = time.perf_counter() - began
        if sum(did.exported for did in done) != site.archive.studies:
            raise NotMeasured(f"{[did.exported for did in done]} studies were exported")
        return seconds

    def _flow(self, slow: FaultyS3) -> Row:
        """Measure Prefect's flow against the same two calls without Prefect."""
        seconds: dict[str, list[float]] = {"gate": [], "flow": []}
        site = self._small
        slow.delay_seconds = FLOW_DELAY_SECONDS
        for number in range(min(self._sizes.repeat, FLOW_REPEAT)):
            for line in sorted(seconds, reverse=number % 2 == 0):
                site.reset()
                with self._run.step(line), site.worker(at(slow)) as worker:
                    seconds[line].append(worker.run(line, site.archive.studies).seconds)
        return at_most(
            "the flow, against the same work without Prefect",
            f"{spread(seconds['flow'], 's')} against {spread(seconds['gate'], 's')}",
            median(seconds["flow"]) / median(seconds["gate"]),
            1.05,
        )

    def _memory(self) -> Row:
        site = self._many
        few, many = site.archive.studies // 10, site.archive.studies
        peaks: list[float] = []
        for studies in (few, many):
            site.reset()
            with self._run.step(f"discover({studies})"), site.worker() as worker:
                peaks.append(worker.run(f"discover {studies}", studies).peak_mb)
        each = site.archive.images_each
        return at_most(
            f"peak memory of {many * each:,} files against {few * each:,}",
            f"{peaks[1]:.0f} MB against {peaks[0]:.0f} MB",
            peaks[1] / peaks[0],
            1.2,
        )

    def _waiting(self) -> Row:
        """Measure a discovery of the same studies, with few and with many more behind them."""
        site = self._small
        peaks: list[float] = []
        for waiting in (FEW_WAITING, MANY_WAITING):
            site.reset()
            site.have_waiting(waiting)
            with self._run.step(f"discover() of {waiting:,}"), site.worker() as worker:
                line = f"discover {site.archive.studies}"
                peaks.append(worker.run(line, site.archive.studies).peak_mb)
        site.have_waiting(0)
        return at_most(
            f"peak memory with {MANY_WAITING:,} studies waiting against {FEW_WAITING:,}",
            f"{peaks[1]:.0f} MB against {peaks[0]:.0f} MB",
            peaks[1] / peaks[0],
            1.1,
        )


def at(proxy: FaultyS3) -> dict[str, str]:
    """The change to an environment that leads to the proxy."""
    return {"S3_ENDPOINT_URL": proxy.url}


def empty(folder: Path) -> None:
    """Remove all that lies in a folder."""
    for path in folder.iterdir():
        shutil.rmtree(path)


def count_files(folder: Path) -> int:
    """How many files lie in a folder, at any depth."""
    return sum(path.is_file() for path in folder.rglob("*"))


@contextmanager
def room_for(megabytes: float) -> Iterator[Path]:
    """A folder for files and objects, in memory if they fit: disks are slow."""
    free = psutil.virtual_memory().available
    in_memory = MEMORY.is_dir() and min(free, shutil.disk_usage(MEMORY).free) > 3e6 * megabytes
    folder = Path(tempfile.mkdtemp(prefix="eden-bench-", dir=MEMORY if in_memory else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@click.command()
@click.option("--repeat", type=int, default=5, show_default=True)
@click.option("--quick", is_flag=True, help="An eighth of the studies, once; nothing is written.")
def main(*, repeat: int, quick: bool) -> None:
    """Measure the export against its targets; about 15 minutes, 3 with --quick."""
    run = Run("Export")
    sizes = Sizes.of(repeat=repeat, quick=quick)
    with room_for(sizes.large.megabytes + sizes.many.megabytes) as room:
        buckets, files = room / "s3", room / "archive"
        buckets.mkdir()
        files.mkdir()
        with running_cluster(prefect=True, objects=buckets) as cluster:
            with run.must_work():
                rows = Benchmark(cluster, sizes, files, run).run()
            version = cluster.version()
    preamble = (
        f"{CONCURRENCY} studies at once, PostgreSQL {version}, `rclone serve s3` and all else on "
        f"{os.cpu_count()} cores; files and objects in "
        f"{'memory' if room.is_relative_to(MEMORY) else 'a temporary folder'}; "
        f"{sizes.repeat} repetitions in turns, medians (smallest to largest)."
    )
    run.finish(rows, preamble, NOTES, write=not quick)


NOTES = (
    "This project's time is that of `discover()` in a fresh process, its imports not counted; "
    "s5cmd's is that of its process. Both have 8 workers; s5cmd sends the image files alone, this "
    "project also a report and `metadata.json` per study, and keeps its ledger.",
    "The server takes most of the two cores (it hashes what it receives), so that the pace says "
    "little about the clients: their processor time does.",
    "Requests are counted by a proxy. `Two processes` and `flow` are measured behind it, where "
    "every answer takes a while, with small files: the work is to wait.",
    "The flow and what it is compared with both run the tests of the marts first; their time "
    "varies by more than Prefect takes, and is left out of both.",
    "Memory is the most that a fresh process held (VmHWM).",
)

if __name__ == "__main__":
    main()

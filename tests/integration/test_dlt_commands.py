"""dlt's own commands read what a run leaves in ``EDEN_HOME/dlt``; no value of the source is there.

The rows of the source carry a planted value, which is searched for in every file and in the tables
of dlt.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import dlt_pipelines
from eden.errors import SyncFailed
from tests.conftest import Services
from tests.support import zoo
from tests.support.dlt_home import files_with, pending_packages

PLANTED = "Marta Ejemplo 1957"
DLT_TABLES = ("_dlt_loads", "_dlt_version")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDEN_HOME", str(tmp_path))
    return tmp_path / "dlt"


@pytest.fixture
def source(services: Services) -> Iterator[psycopg.Connection]:
    with services.source() as connection:
        zoo.create_source(connection)
        connection.execute(
            "INSERT INTO pacs_organizations (id, slug, name, created_at, updated_at)"
            " VALUES (gen_random_uuid(), 'norte', %s, now(), now())",
            (PLANTED,),
        )
        add_study(connection)
        yield connection


def add_study(source: psycopg.Connection) -> None:
    source.execute(
        "INSERT INTO pacs_studies (id, organization_id, study_instance_uid, dicom_description,"
        " status, created_at, updated_at) SELECT %s, id, '1.2.3', %s, 'REPORTED', now(),"
        " clock_timestamp() FROM pacs_organizations",
        (uuid.uuid4(), PLANTED),
    )


def run_dlt(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [Path(sys.executable).with_name("dlt"), "pipeline", "pacs", *arguments],
        env=os.environ | {"DLT_DATA_DIR": str(home), "RUNTIME__DLTHUB_TELEMETRY": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows_of_dlt(warehouse: psycopg.Connection) -> dict[str, list[str]]:
    return {
        table: [str(row) for row in warehouse.execute(f"SELECT * FROM staging.{table}")]
        for table in DLT_TABLES
    }


def test_dlt_reads_a_run(services: Services, source: psycopg.Connection, home: Path) -> None:
    dlt_pipelines.sync()
    info = run_dlt(home, "info")
    assert "Resources in schema: pacs" in info
    assert "pacs_studies with 1 table(s)" in info
    trace = run_dlt(home, "trace")
    assert "Step run COMPLETED" in trace
    assert "Step load COMPLETED" in trace
    package = run_dlt(home, "load-package")
    assert "pacs_studies" in package
    for text in (info, trace, package):
        assert PLANTED not in text
        assert services.environment["DESTINATION_DATABASE_PASS"] not in text
    assert files_with("pacs_studies")
    assert files_with(PLANTED) == []
    assert files_with(services.environment["DESTINATION_DATABASE_PASS"]) == []
    with services.warehouse() as warehouse:
        for rows in rows_of_dlt(warehouse).values():
            assert rows
            assert not any(PLANTED in row for row in rows)


def test_each_load_is_listed_and_nothing_else_grows(
    services: Services, source: psycopg.Connection, home: Path
) -> None:
    # The first load is of all tables, the others are of the studies.
    dlt_pipelines.sync()
    grown = []
    for _ in range(2):
        add_study(source)
        dlt_pipelines.sync()
        assert dlt_pipelines.sync().is_idle
        with services.warehouse() as warehouse:
            rows = {table: len(found) for table, found in rows_of_dlt(warehouse).items()}
        grown.append((rows, sum(path.is_file() for path in home.rglob("*"))))
    (first, files), (second, files_later) = grown
    assert (first["_dlt_loads"], second["_dlt_loads"]) == (2, 3)
    assert second["_dlt_version"] == first["_dlt_version"] == 2
    assert files_later == files


def test_a_row_that_is_refused_is_in_no_file(
    services: Services, source: psycopg.Connection, home: Path
) -> None:
    dlt_pipelines.sync()
    with services.warehouse() as warehouse:
        warehouse.execute(
            "ALTER TABLE staging.pacs_studies ADD CONSTRAINT refusal CHECK (status <> 'REFUSED')"
        )
    source.execute("UPDATE pacs_studies SET status = 'REFUSED', updated_at = clock_timestamp()")
    with pytest.raises(SyncFailed, match=r"CheckViolation \(SQLSTATE 23514\)"):
        dlt_pipelines.sync()
    assert "CheckViolation" in run_dlt(home, "trace")
    assert files_with("CheckViolation")
    assert files_with(PLANTED) == []
    assert files_with("REFUSED") == []
    assert pending_packages()

    source.execute("UPDATE pacs_studies SET status = 'REPORTED', updated_at = updated_at")
    with services.warehouse() as warehouse:
        warehouse.execute("ALTER TABLE staging.pacs_studies DROP CONSTRAINT refusal")
    assert dlt_pipelines.sync().rows_written == 1
    assert pending_packages() == []
    assert dlt_pipelines.sync().is_idle


def test_an_idle_run_drops_the_package_of_an_interrupted_one(
    services: Services, source: psycopg.Connection, home: Path
) -> None:
    dlt_pipelines.sync()
    pipeline = home / "pipelines" / "pacs"
    (loaded,) = (pipeline / "load" / "loaded").iterdir()
    shutil.copytree(loaded, pipeline / "load" / "normalized" / loaded.name)
    shutil.copytree(loaded, pipeline / "normalize" / "extracted" / loaded.name)
    assert pending_packages() == [loaded.name, loaded.name]
    assert dlt_pipelines.sync().is_idle
    assert pending_packages() == []
    assert "Step load COMPLETED" in run_dlt(home, "trace")

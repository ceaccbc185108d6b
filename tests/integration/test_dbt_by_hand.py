"""dbt's own commands, typed at the root of the project with nothing but the environment set."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import dlt_pipelines
from eden import postgres
from eden.demo.hospital import Hospital
from eden.demo.hospital import load as fill
from eden.embedded import EmbeddedServices
from eden.embedded.ports import LOOPBACK
from eden.paths import PROJECT_ROOT
from eden.settings import DestinationDatabase, SourceDatabase, load
from eden.warehouse import builds
from eden.warehouse.dbt import run_dbt
from tests.conftest import Services
from tests.support import debian, oracle
from tests.support.warehouse import differing_tables

PROGRAMS = Path(sys.executable).parent

Dbt = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def dbt(tmp_path: Path) -> Dbt:
    """Run dbt as a person would who has set the warehouse's variables and no other of ours."""

    def run(*words: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        ours = {name: value for name, value in os.environ.items() if name.startswith("DESTINATION")}
        done = subprocess.run(
            [PROGRAMS / "dbt", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=PROJECT_ROOT,
            env={
                **ours,
                "PATH": os.environ["PATH"],
                "NO_COLOR": "1",
                # The project's own folders are a developer's: leave them alone.
                "DBT_TARGET_PATH": str(tmp_path / "target"),
                "DBT_LOG_PATH": str(tmp_path / "logs"),
            },
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, said
        for word in ("Traceback", "Warning", "WARN ", "deprecat"):
            assert word not in said, said
        return done

    return run


def eligible_studies(connection: psycopg.Connection) -> set[Any]:
    return {row[0] for row in connection.execute("SELECT study_id FROM analytics.eligible_studies")}


@pytest.mark.timeout(600)
def test_every_command_on_a_warehouse_that_eden_never_built(
    services: Services, hospital: Hospital, dbt: Dbt
) -> None:
    dbt("run")
    with services.warehouse() as connection:
        assert eligible_studies(connection) == set()

    dlt_pipelines.sync()
    refused = dbt("run", fails=True)
    assert 'the reference data are not loaded: run "dbt seed" first' in refused.stdout

    dbt("seed")
    dbt("run")
    with services.warehouse() as connection:
        assert eligible_studies(connection) == set(oracle.eligible_studies(hospital))
    assert "ERROR=0" in dbt("test").stdout
    assert "PASS" in dbt("source", "freshness").stdout
    check_docs(services)


@pytest.mark.timeout(600)
def test_what_was_lost_outside_of_a_build_is_back_after_the_next_tick(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.etl()
    with services.warehouse() as connection:
        before = relations(connection)
        (tenant,) = connection.execute("SELECT min(tenant_schema) FROM ops.tenants").fetchone()

        # With the table that it replaces, dbt drops the views on it.
        run_dbt(["seed", "--full-refresh"], load(DestinationDatabase))
        assert ("analytics", "int_studies_classified", "v") not in relations(connection)
        connection.execute("DROP TABLE analytics.chest_terms, analytics.fact_studies CASCADE")
        assert dlt_pipelines.etl().build.built
        assert relations(connection) == before
        assert eligible_studies(connection) == set(oracle.eligible_studies(hospital))
        assert dlt_pipelines.etl().is_idle

        # A tenant's view needs no dbt, and one that can't be had keeps no tick from being idle.
        connection.execute(f"DROP VIEW {tenant}.fact_studies")
        assert dlt_pipelines.etl().is_idle
        assert relations(connection) == before
        connection.execute(f"DROP VIEW {tenant}.fact_studies")
        connection.execute(f"CREATE TABLE {tenant}.fact_studies ()")
        assert dlt_pipelines.etl().build.built
        assert dlt_pipelines.etl().is_idle


def relations(connection: psycopg.Connection) -> set[tuple[Any, ...]]:
    """Tables and views of the marts and of the tenants."""
    rows = connection.execute(
        "SELECT nspname, relname, relkind::text FROM pg_class "
        "JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE relkind IN ('r', 'v') AND (nspname = 'analytics' OR nspname LIKE 'org_%')"
    )
    return set(rows)


def check_docs(services: Services) -> None:
    """``eden docs`` serves the page until Ctrl-C, and nothing that the page shows is unsaid."""
    process = subprocess.Popen(
        [PROGRAMS / "eden", "docs"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        written, served = process.stderr.readline(), process.stderr.readline()
        match = re.fullmatch(r"To be read at (http://127\.0\.0\.1:\d+/) until Ctrl-C\n", served)
        assert match, written + served
        page = urllib.request.urlopen(match[1], timeout=60).read().decode()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "Stopped.\n")
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
    for words in ("From a PACS to a dataset of chest radiographs", "exposure:chest_dataset"):
        assert words in page
    assert services.environment["DESTINATION_DATABASE_PASS"] not in page

    folder = Path(written.removeprefix("Written to ").strip()).parent
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    catalog = json.loads((folder / "catalog.json").read_text(encoding="utf-8"))
    check_columns(manifest, catalog)


def check_columns(manifest: dict[str, Any], catalog: dict[str, Any]) -> None:
    """The columns that are described are those that are there, and named for what they hold."""
    relations = manifest["nodes"] | manifest["sources"]
    found = catalog["nodes"] | catalog["sources"]
    kinds = ("model", "seed", "source")
    assert set(found) == {key for key, node in relations.items() if node["resource_type"] in kinds}
    for key, relation in found.items():
        described = relations[key]["columns"]
        assert set(described) == set(relation["columns"]), key
        for name, column in relation["columns"].items():
            kind = column["type"]
            assert described[name].get("data_type") in (kind, None), f"{key}.{name}"
            if key.startswith("model."):
                assert (kind == "timestamp with time zone") == name.endswith("_at"), f"{key}.{name}"
                is_flag = bool(re.match("(is|has)_", name))
                assert (kind == "boolean") == is_flag, f"{key}.{name}"


@pytest.fixture
def by_a_role_without_powers(
    running: EmbeddedServices, generated: Hospital, monkeypatch: pytest.MonkeyPatch
) -> Iterator[debian.DebianCluster]:
    """Source and warehouse on PostgreSQL 15: a reader of the one, the owner of the other."""
    if not debian.PROGRAMS.exists():
        pytest.skip(f"needs Debian's package postgresql-15: there is no {debian.PROGRAMS}")
    with debian.running_cluster() as cluster:
        passwords = {name: cluster.make_role(name) for name in ("reader", "owner")}
        cluster.make_database("pacs")
        cluster.make_database("warehouse", owner="owner")
        with cluster.connect("pacs") as source:
            fill(generated, source)
            source.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        for role, database, user in (
            ("SOURCE", "pacs", "reader"),
            ("DESTINATION", "warehouse", "owner"),
        ):
            for name, value in {
                "NAME": database,
                "USER": user,
                "PASS": passwords[user],
                "HOST": LOOPBACK,
                "PORT": str(cluster.port),
            }.items():
                monkeypatch.setenv(f"{role}_DATABASE_{name}", value)
        monkeypatch.setenv("EDEN_HOME", str(running.home))
        yield cluster


@pytest.mark.timeout(600)
def test_first_load_and_dbt_on_postgresql_15_by_an_owner_who_is_no_superuser(
    by_a_role_without_powers: debian.DebianCluster, generated: Hospital, dbt: Dbt
) -> None:
    dlt_pipelines.etl()
    name = "test"
    with (
        postgres.connect(load(SourceDatabase), application_name=name) as source,
        postgres.connect(load(DestinationDatabase), application_name=name) as connection,
    ):
        (is_superuser,) = connection.execute("SHOW is_superuser").fetchone() or ()
        assert is_superuser == "off"
        assert connection.info.server_version // 10000 == 15
        assert differing_tables(source, connection) == []
        assert eligible_studies(connection) == set(oracle.eligible_studies(generated))
    assert builds.check_export_gate() > 0
    dbt("run")
    assert "ERROR=0" in dbt("build", "--full-refresh").stdout
    assert "Catalog written" in dbt("docs", "generate").stdout
    with postgres.connect(load(DestinationDatabase), application_name=name) as connection:
        assert eligible_studies(connection) == set(oracle.eligible_studies(generated))
    # A tick afterwards finds nothing that eden has not built.
    assert dlt_pipelines.etl().is_idle

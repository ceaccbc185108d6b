"""The commands of docs/backup.md, as they stand there, with PostgreSQL's own programs.

The embedded PostgreSQL comes without them, so that this runs on a cluster of Debian's packages.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import dicom_export
from eden.demo.hospital import Hospital
from eden.demo.hospital import load as fill
from eden.embedded.ports import LOOPBACK
from eden.paths import PROJECT_ROOT
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from eden_cli import cli
from tests.conftest import Services
from tests.support import debian, docs

LEDGER = (
    "study_exports",
    "image_exports",
    "exported_objects",
    "acceptances",
    "deletions",
    "deidentification_key",
)

Type = Callable[[str], None]


@pytest.fixture
def cluster(
    services: Services, generated: Hospital, monkeypatch: pytest.MonkeyPatch
) -> Iterator[debian.DebianCluster]:
    """Source and warehouse on PostgreSQL 15; the bucket is the embedded one."""
    if not debian.PROGRAMS.exists():
        pytest.skip(f"needs Debian's package postgresql-15: there is no {debian.PROGRAMS}")
    files = [image.file_path for image in generated.images if image.file_path]
    monkeypatch.setenv("DICOM_ROOTS", os.path.commonpath(files))
    with debian.running_cluster() as running:
        for role, name in (("SOURCE", "pacs"), ("DESTINATION", "warehouse")):
            running.make_database(name)
            monkeypatch.setenv(f"{role}_DATABASE_NAME", name)
            monkeypatch.setenv(f"{role}_DATABASE_USER", debian.ADMINISTRATOR)
            monkeypatch.setenv(f"{role}_DATABASE_PASS", running.password)
            monkeypatch.setenv(f"{role}_DATABASE_HOST", LOOPBACK)
            monkeypatch.setenv(f"{role}_DATABASE_PORT", str(running.port))
        with running.connect("pacs") as source:
            fill(generated, source)
        yield running


@pytest.fixture
def types(tmp_path: Path) -> Type:
    """Type the block of the page that begins so, after the one that says where the warehouse is."""
    blocks = [
        block.text
        for block in docs.blocks_of(PROJECT_ROOT / "docs/backup.md")
        if block.language == "sh"
    ]
    programs = f"{debian.PROGRAMS}:{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(beginning: str) -> None:
        (block,) = (block for block in blocks if block.startswith(beginning))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{blocks[0]}\n{block}"],
            cwd=tmp_path,
            env=os.environ | {"PATH": programs, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    return run


def eden(*words: str) -> Any:
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def ledger_of(cluster: debian.DebianCluster, database: str) -> dict[str, list[tuple[Any, ...]]]:
    with cluster.connect(database) as connection:
        return {
            name: connection.execute(f"SELECT t::text FROM ops.{name} AS t ORDER BY 1").fetchall()
            for name in LEDGER
        }


@pytest.mark.timeout(600)
def test_a_restored_warehouse_and_a_restored_ledger_send_nothing_again(
    cluster: debian.DebianCluster, types: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    eden("etl")
    with cluster.connect("postgres") as connection:
        # As good as an empty one that is loaded again, and sooner had.
        connection.execute("CREATE DATABASE anew TEMPLATE warehouse")
    dicom_export.discover(load(DestinationDatabase), load(ObjectStore), load(Export))
    with cluster.connect("warehouse") as connection:
        connection.execute(
            "INSERT INTO ops.acceptances "
            "(study_id, image_id, code, source_sha256, reason, os_user, host) "
            "SELECT study_id, image_id, 'PATIENT_MISMATCH', source_sha256, 'test', 'test', 'test' "
            "FROM ops.image_exports LIMIT 1"
        )
        connection.execute("INSERT INTO ops.deidentification_key (key_id) VALUES ('test')")
    before = ledger_of(cluster, "warehouse")
    assert all(before[name] for name in LEDGER if name != "deletions")
    types("pg_dump --format=custom")
    types("pg_dump --data-only")

    types("createdb")
    monkeypatch.setenv("DESTINATION_DATABASE_NAME", "warehouse_restored")
    assert ledger_of(cluster, "warehouse_restored") == before
    assert eden("etl")["is_idle"]
    assert eden("discover", "--dry-run")["put_requests"] == 0

    monkeypatch.setenv("DESTINATION_DATABASE_NAME", "anew")
    types("eden etl\npsql")
    assert ledger_of(cluster, "anew") == before
    assert eden("discover", "--dry-run")["put_requests"] == 0
    # The next acceptance gets a number of its own.
    with cluster.connect("anew") as connection:
        connection.execute(
            "INSERT INTO ops.acceptances "
            "(study_id, image_id, code, source_sha256, reason, os_user, host) "
            "SELECT study_id, image_id, code, source_sha256, reason, os_user, host "
            "FROM ops.acceptances"
        )


def test_the_page_names_every_table_of_the_ledger_that_it_saves() -> None:
    page = (PROJECT_ROOT / "docs" / "backup.md").read_text(encoding="utf-8")
    for name in LEDGER:
        assert f"--table=ops.{name}" in page
        assert f"`{name}`" in page

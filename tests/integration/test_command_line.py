"""The commands as a person or a program calls them, on databases named by the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from eden.demo.hospital import Hospital
from eden.paths import PROJECT_ROOT
from tests.conftest import Services
from tests.support import oracle

EDEN = Path(sys.executable).parent / "eden"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_ROOT,
        env=os.environ | {"NO_COLOR": "1"},
    )


def document(*words: str) -> Any:
    done = run(EDEN, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_command_of_a_day(services: Services, hospital: Hospital) -> None:
    synced = document("sync-organizations")
    assert synced["new_organizations"] == len(hospital.organizations)

    one = hospital.organizations[0]
    alone = document("etl", "--organization", one.slug)
    owners = {row["organization_id"] for row in alone["sync"]["tables"]}
    assert owners - {None} == {str(one.id)}
    assert document("etl")["build"]["built"]
    assert document("etl")["is_idle"]
    assert document("validate")["differences"] == []
    with services.source() as source:
        source.execute(
            "UPDATE pacs_body_part SET name = 'late', updated_at = '2020-01-01' WHERE id = %s",
            (hospital.body_parts[-1].id,),
        )
    assert [d["stale"] for d in document("validate")["differences"]] == [1]

    status = document("status")
    assert {row["slug"] for row in status["organizations"]} == {
        organization.slug for organization in hospital.organizations
    }
    assert all(row["last_change"] and row["rows_written"] for row in status["organizations"])
    assert status["failures"] == []
    assert status["build_is_due"] is True
    shown = run(EDEN, "status")
    assert "A build is due." in shown.stderr
    assert one.slug in shown.stderr

    first = document("discover", "--limit", "3")
    assert first["counts"] == {"exported": 3}
    assert len(first["results"]) == 3

    eligible = oracle.eligible_studies(hospital)
    done = {result["study_id"] for result in first["results"]}
    study_id = min(str(study) for study in eligible if str(study) not in done)
    result = document("process-study", study_id)
    assert list(result) == [
        "study_id",
        "organization_id",
        "success",
        "dicom_files_uploaded",
        "reports_uploaded",
        "metadata_uploaded",
        "errors",
    ]
    assert result["success"] is True
    assert document("process-study", study_id) == result

    batch = document("process-batch", study_id, *sorted(done))
    assert [entry["study_id"] for entry in batch["results"]] == [study_id, *sorted(done)]

    rest = document("discover")
    assert rest["counts"] == {"exported": len(eligible) - 4}
    assert document("discover")["results"] == []

    told = run(EDEN, "discover")
    assert told.returncode == 0
    assert told.stdout == ""
    assert told.stderr.strip().endswith("every eligible study that is due is in the bucket.")
    for word in ("Traceback", "Warning", "telemetry"):
        assert word not in told.stderr

    migrated = next(study for study in hospital.studies if study.migrated)
    refused = run(EDEN, "process-study", str(migrated.id), "--json")
    assert refused.returncode == 1
    assert "migrated" in json.loads(refused.stdout)["error"]["message"]
    for unknown in (str(uuid4()), "not-an-id"):
        assert run(EDEN, "process-study", unknown).returncode == 1


def test_a_missing_setting_ends_with_2_and_its_name(services: Services) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SOURCE_DATABASE_HOST")
        done = run(EDEN, "etl")
        assert done.returncode == 2
        assert done.stderr == "CONFIGURATION: SOURCE_DATABASE_HOST is not set\n"
        patch.delenv("DEIDENTIFICATION")
        done = run(EDEN, "discover")
        assert done.returncode == 2
        assert "DEIDENTIFICATION is not set" in done.stderr


def test_deletions_that_were_refused_end_with_1(services: Services, hospital: Hospital) -> None:
    document("etl")
    with services.source() as source:
        source.execute("DELETE FROM pacs_reports")
    done = run(EDEN, "validate")
    assert done.returncode == 1
    assert "say --allow-mass-delete" in done.stderr
    assert run(EDEN, "validate", "--allow-mass-delete").returncode == 0


def test_status_of_an_empty_warehouse_says_what_to_run(services: Services) -> None:
    with services.warehouse() as warehouse:
        warehouse.execute("DROP SCHEMA ops CASCADE")
    done = run(EDEN, "status")
    assert done.returncode == 1
    assert "nothing was ever synced here; run eden etl" in done.stderr


def test_marts_that_were_never_built_are_said_so(services: Services) -> None:
    done = run(EDEN, "discover")
    assert done.returncode == 1
    assert done.stderr.startswith("WAREHOUSE_NOT_BUILT: 127.0.0.1:")
    assert done.stderr.endswith("the marts of the export do not exist; run eden etl\n")
    assert len(done.stderr.splitlines()) == 1


def test_wrong_usage_ends_with_2() -> None:
    assert run(EDEN, "no-such-command").returncode == 2
    assert run(EDEN, "process-batch").returncode == 2
    assert run(EDEN, "discover", "--limit", "0").returncode == 2


def test_an_unreachable_source_ends_with_1_and_names_host_and_database(
    services: Services,
) -> None:
    secret = services.environment["SOURCE_DATABASE_PASS"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATABASE_PORT", "1")
        done = run(EDEN, "etl", "--json")
        assert done.returncode == 1
        error = json.loads(done.stdout)["error"]
        assert error["code"] == "DATABASE_UNAVAILABLE"
        assert f"127.0.0.1:1/{services.environment['SOURCE_DATABASE_NAME']}" in error["message"]
        assert secret not in done.stdout + done.stderr
        patch.undo()
        patch.setenv("SOURCE_DATABASE_PASS", "not-the-password")
        done = run(EDEN, "etl")
        assert done.returncode == 1
        assert "password authentication failed" in done.stderr
        assert "not-the-password" not in done.stderr


def test_a_source_without_its_tables_ends_with_1_and_names_one(services: Services) -> None:
    done = run(EDEN, "etl")
    assert done.returncode == 1
    assert "table pacs_organizations is missing" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_bucket_ends_with_1_before_any_study_is_claimed(
    services: Services, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    document("etl")
    monkeypatch.setenv("S3_BUCKET_NAME", "no-such-bucket")
    done = run(EDEN, "discover")
    assert done.returncode == 1
    assert "STORE_UNAVAILABLE: bucket no-such-bucket" in done.stderr
    with services.warehouse() as warehouse:
        (claimed,) = warehouse.execute("SELECT count(*) FROM ops.image_exports").fetchone() or ()
        assert claimed == 0

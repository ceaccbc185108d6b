"""What ``eden status --check`` calls somebody for, and what it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
import yaml
from click.testing import CliRunner

from dlt_pipelines.organizations import SourceOrganization, register
from eden.paths import PROJECT_ROOT
from eden_cli import alarms, cli
from tests.conftest import Services
from tests.support.exporting import MARTS
from tests.support.marts import create_marts

NORTE, SUR = UUID(int=1), UUID(int=2)
STUDY = UUID(int=9)


@pytest.fixture
def ledger(services: Services) -> Iterator[psycopg.Connection]:
    """Two organizations, read and built a moment ago."""
    with services.warehouse() as warehouse:
        register(warehouse, [SourceOrganization(NORTE, "norte"), SourceOrganization(SUR, "sur")])
        create_marts(warehouse, *MARTS)
        warehouse.execute("UPDATE ops.organizations SET registered_at = now() - interval '9 days'")
        beat(warehouse)
        change(warehouse, minutes=1)
        warehouse.execute(
            "INSERT INTO ops.builds (requests_seen, project_hash, started_at) "
            "SELECT max(request_id), 'x', now() FROM ops.build_requests"
        )
        yield warehouse


def beat(warehouse: psycopg.Connection, minutes: int = 0, *owners: UUID) -> None:
    warehouse.execute(
        "INSERT INTO ops.sync_heartbeats "
        "(run_id, finished_at, rows_read, is_idle, organization_ids) "
        "VALUES (gen_random_uuid(), now() - %s * interval '1 minute', 0, true, %s)",
        (minutes, list(owners) or None),
    )


def change(warehouse: psycopg.Connection, minutes: int) -> None:
    warehouse.execute(
        "INSERT INTO ops.build_requests (run_id, reason, created_at) "
        "VALUES (gen_random_uuid(), 'sync', now() - %s * interval '1 minute')",
        (minutes,),
    )


def put_study(warehouse: psycopg.Connection, status: str) -> None:
    warehouse.execute(
        "INSERT INTO analytics.eligible_studies (study_id, organization_id) VALUES (%s, %s)",
        (STUDY, NORTE),
    )
    warehouse.execute(
        "INSERT INTO ops.study_exports (study_id, organization_id, status, fingerprint, result) "
        """VALUES (%s, %s, %s, '', '{"errors": ["NO_PATH: an image"]}')""",
        (STUDY, NORTE, status),
    )


def check(*, code: int) -> tuple[list[tuple[str, bool]], str]:
    """The alarms by code and weight, and what is said to a person."""
    told = CliRunner().invoke(cli, ["status", "--check"], catch_exceptions=False)
    done = CliRunner().invoke(cli, ["status", "--check", "--json"], catch_exceptions=False)
    assert (told.exit_code, done.exit_code) == (code, code), told.stderr
    assert CliRunner().invoke(cli, ["status", "--json"]).exit_code == 0
    document = json.loads(done.stdout)
    assert document["needs_person"] is (code == 1)
    words = " ".join(told.stderr.split())
    for alarm in document["alarms"]:
        assert f"{alarm['code']}: {' '.join(alarm['message'].split())}" in words
    return [(alarm["code"], alarm["is_error"]) for alarm in document["alarms"]], words


def serious(found: list[tuple[str, bool]]) -> list[str]:
    return [code for code, is_error in found if is_error]


def test_nobody_is_called_where_all_is_well(ledger: psycopg.Connection) -> None:
    put_study(ledger, "exported")
    found, words = check(code=0)
    assert serious(found) == []
    assert "STALE" not in words


def test_an_organization_that_nothing_was_read_of_is_stale(ledger: psycopg.Connection) -> None:
    ledger.execute("DELETE FROM ops.sync_heartbeats")
    assert serious(check(code=1)[0]) == ["STALE"]
    beat(ledger, 121)
    found, words = check(code=1)
    assert serious(found) == ["STALE", "STALE"]
    assert "norte: last read" in words
    # A run for one of them says nothing of the other.
    beat(ledger, 0, NORTE)
    found, words = check(code=1)
    assert serious(found) == ["STALE"]
    assert "STALE: sur" in words
    beat(ledger, 45)
    found, words = check(code=0)
    assert ("LATE", False) in found
    assert "warning: LATE: sur" in words


def test_an_organization_is_called_as_the_source_calls_it_now(ledger: psycopg.Connection) -> None:
    ledger.execute(
        "INSERT INTO staging.pacs_organizations (id, slug, name, time_zone, is_demo, is_active, "
        "created_at, updated_at) VALUES (%s, 'norte-2', 'Norte', 'UTC', false, true, now(), now())",
        (NORTE,),
    )
    beat(ledger, 45)
    ledger.execute("DELETE FROM ops.sync_heartbeats WHERE finished_at > now() - interval '9 min'")
    _, words = check(code=0)
    assert "warning: LATE: norte-2: last read" in words
    status = json.loads(CliRunner().invoke(cli, ["status", "--json"]).stdout)
    for listed in ("organizations", "tenants"):
        assert "norte-2" in {one["slug"] for one in status[listed]}


def test_a_new_organization_has_time_to_be_read(ledger: psycopg.Connection) -> None:
    ledger.execute("UPDATE ops.sync_heartbeats SET finished_at = now() - interval '3 hours'")
    ledger.execute("UPDATE ops.organizations SET registered_at = now()")
    assert serious(check(code=0)[0]) == []


def test_tables_that_fail_and_builds_that_are_not_done(ledger: psycopg.Connection) -> None:
    change(ledger, minutes=5)
    assert serious(check(code=0)[0]) == []
    change(ledger, minutes=31)
    ledger.execute(
        "INSERT INTO ops.sync_runs (run_id, kind, table_name, outcome, error_code, started_at) "
        "VALUES (gen_random_uuid(), 'sync', 'pacs_images', 'failed', 'SOURCE_MISMATCH', now())"
    )
    found, words = check(code=1)
    assert serious(found) == ["TABLE_FAILED", "BUILD_DUE"]
    assert "pacs_images: SOURCE_MISMATCH" in words


@pytest.mark.parametrize("status", ["failed", "quarantined"])
def test_studies_that_are_held_back(ledger: psycopg.Connection, status: str) -> None:
    put_study(ledger, status)
    found, words = check(code=1)
    assert serious(found) == [f"STUDIES_{status.upper()}"]
    assert f"1 studies: {STUDY} (NO_PATH); see eden retry" in words


def test_an_organization_that_is_forgotten_by_half(ledger: psycopg.Connection) -> None:
    ledger.execute("UPDATE ops.organizations SET forgotten_at = now() WHERE slug = 'sur'")
    found, words = check(code=1)
    assert serious(found) == ["NOT_FORGOTTEN"]
    assert "sur: something is left" in words
    # Gone, it may be as old as it is.
    ledger.execute("UPDATE ops.organizations SET removed_at = now() WHERE slug = 'sur'")
    beat(ledger, 0, NORTE)
    ledger.execute("DELETE FROM ops.sync_heartbeats WHERE organization_ids IS NULL")
    assert serious(check(code=0)[0]) == []


def test_the_thresholds_are_those_of_the_sources() -> None:
    text = (PROJECT_ROOT / "models/staging/pacs/_pacs__sources.yml").read_text()
    (source,) = yaml.safe_load(text)["sources"]
    freshness = source["config"]["freshness"]
    periods = [
        timedelta(**{f"{freshness[name]['period']}s": freshness[name]["count"]})
        for name in ("warn_after", "error_after")
    ]
    assert periods == [alarms.LATE_AFTER, alarms.STALE_AFTER]

"""Histories are kept for RETENTION_DAYS, state and evidence for as long as they count."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest

import dlt_pipelines
from dlt_pipelines import ledger
from eden.warehouse import builds
from tests.conftest import Services
from tests.support import zoo

OF_DLT = ("staging._dlt_loads", "staging._dlt_version", "_dlt_merge_staging._dlt_version")
GONE, EXPORTED = UUID(int=1), UUID(int=2)


def count(warehouse: psycopg.Connection, table: str, where: str = "true") -> int:
    (rows,) = warehouse.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone() or (0,)
    return rows


def age(warehouse: psycopg.Connection, days: int) -> None:
    for table, column in (
        ("ops.sync_runs", "finished_at"),
        ("ops.sync_heartbeats", "finished_at"),
        ("ops.build_requests", "created_at"),
        ("ops.builds", "finished_at"),
        ("ops.deletions", "deleted_at"),
        *((table, "inserted_at") for table in OF_DLT),
    ):
        assert count(warehouse, table), table
        warehouse.execute(
            f"UPDATE {table} SET {column} = {column} - %s * interval '1 day'", (days,)
        )


def seen(warehouse: psycopg.Connection) -> Any:
    return builds._newest_request(warehouse), builds._last_build(warehouse)


def test_old_rows_go_and_what_is_built_stays_built(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with services.source() as source, services.warehouse() as warehouse:
        zoo.create_source(source)
        source.execute(
            "INSERT INTO pacs_organizations (id, slug, name, is_demo, created_at, updated_at) "
            "VALUES (gen_random_uuid(), 'norte', 'Norte', false, now(), now())"
        )
        dlt_pipelines.sync()
        for number in range(3):
            ledger.announce(warehouse, UUID(int=number), "test")
            warehouse.execute(
                "INSERT INTO ops.builds (requests_seen, project_hash, started_at) "
                "SELECT max(request_id), 'x', now() FROM ops.build_requests"
            )
        warehouse.execute(
            "INSERT INTO ops.study_exports (study_id, organization_id, status, fingerprint) "
            "VALUES (%s, %s, 'exported', '')",
            (EXPORTED, GONE),
        )
        for study in (GONE, EXPORTED):
            warehouse.execute(
                "INSERT INTO ops.deletions (table_name, id, run_id) "
                "VALUES ('pacs_studies', %s, gen_random_uuid())",
                (study,),
            )
        before = seen(warehouse)

        monkeypatch.setenv("RETENTION_DAYS", "30")
        age(warehouse, 29)
        dlt_pipelines.validate()
        assert count(warehouse, "ops.builds") == 3
        assert count(warehouse, "ops.deletions") == 2

        age(warehouse, 2)
        dlt_pipelines.validate()
        for table in ("ops.sync_runs", "ops.sync_heartbeats", *OF_DLT):
            assert count(warehouse, table) == 0, table
        assert count(warehouse, "ops.builds") == count(warehouse, "ops.build_requests") == 1
        assert seen(warehouse) == before
        assert not builds.is_build_due(warehouse)
        # It may yet have to be withdrawn on this evidence.
        assert warehouse.execute("SELECT id FROM ops.deletions").fetchall() == [(EXPORTED,)]
        assert count(warehouse, "ops.sync_watermarks")

        # What is not in the marts yet is not forgotten, however old.
        ledger.announce(warehouse, GONE, "one")
        ledger.announce(warehouse, GONE, "two")
        warehouse.execute(
            "UPDATE ops.build_requests SET created_at = created_at - interval '99 days'"
        )
        dlt_pipelines.validate()
        assert count(warehouse, "ops.build_requests", "reason IN ('one', 'two')") == 2
        assert builds.is_build_due(warehouse)

        # dlt loads on without the versions of its schema.
        source.execute("UPDATE pacs_organizations SET name = 'Sur', updated_at = clock_timestamp()")
        assert dlt_pipelines.sync().rows_written == 1
        assert all(count(warehouse, table) == 1 for table in OF_DLT)

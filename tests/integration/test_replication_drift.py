"""The source's tables change with releases of its application."""

from __future__ import annotations

from pathlib import Path

import pytest

import dlt_pipelines
from dlt_pipelines import tables
from dlt_pipelines.tables import TABLES, Parent, TableSpec
from eden.demo.hospital import Hospital
from eden.errors import SyncFailed
from eden_cli.status_page import read_status
from tests.conftest import Services
from tests.support.warehouse import differing_tables, rows_of


def test_a_new_column_arrives_with_the_values_of_rows_that_did_not_change(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.sync()
    with services.source() as source, services.warehouse() as warehouse:
        source.execute('ALTER TABLE pacs_images ADD COLUMN "Grösse; x" numeric(9,2) DEFAULT 1.50')
        source.execute(
            "ALTER TABLE pacs_body_part ADD COLUMN codes varchar(7)[] DEFAULT '{a,NULL}'"
        )
        summary = dlt_pipelines.sync()
        assert summary.notes == (
            "pacs_body_part: new column codes",
            "pacs_images: new column Grösse; x",
        )
        assert differing_tables(source, warehouse) == []
        types = warehouse.execute(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = 'staging.pacs_body_part'::regclass AND attname = 'codes'"
        ).fetchall()
        assert types == [("character varying(7)[]",)]
        assert dlt_pipelines.sync().is_idle


def test_a_new_column_whose_load_was_interrupted_still_arrives(
    services: Services, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    dlt_pipelines.sync()
    with services.source() as source, services.warehouse() as warehouse:
        source.execute("ALTER TABLE pacs_series ADD COLUMN room text DEFAULT '3'")

        def crash(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("dlt_pipelines.loading.load", crash)
            dlt_pipelines.sync()
        dlt_pipelines.sync()
        assert differing_tables(source, warehouse) == []


def test_a_dropped_column_stays_and_is_reported(services: Services, hospital: Hospital) -> None:
    dlt_pipelines.sync()
    changed = hospital.technicians[0].id
    with services.source() as source, services.warehouse() as warehouse:
        source.execute("ALTER TABLE pacs_technicians DROP COLUMN first_name")
        source.execute("UPDATE pacs_technicians SET updated_at = now() WHERE id = %s", (changed,))
        source.execute(
            "INSERT INTO pacs_technicians (id, organization_id, last_name, created_at, updated_at) "
            "SELECT gen_random_uuid(), organization_id, 'New', now(), now() "
            "FROM pacs_technicians LIMIT 1"
        )
        summary = dlt_pipelines.sync()
        assert summary.notes == ("pacs_technicians: column first_name is gone from the source",)
        kept = warehouse.execute(
            "SELECT last_name = 'New', first_name IS NULL, count(*) FROM staging.pacs_technicians "
            "GROUP BY 1, 2 ORDER BY 1"
        ).fetchall()
        assert kept == [(False, False, len(hospital.technicians)), (True, True, 1)]
        assert dlt_pipelines.sync().is_idle


def test_a_changed_type_stops_the_table_and_those_that_hang_from_it_only(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.sync()
    with services.source() as source, services.warehouse() as warehouse:
        source.execute("ALTER TABLE pacs_series ALTER COLUMN series_number TYPE bigint")
        for table in ("pacs_series", "pacs_images", "pacs_reports"):
            source.execute(f"UPDATE {table} SET deleted = NOT deleted, updated_at = now()")
        with pytest.raises(SyncFailed) as caught:
            dlt_pipelines.sync()
        message = str(caught.value)
        assert "pacs_series: series_number is bigint, was integer" in message
        assert "pacs_images hangs from pacs_series" in message
        status = read_status()
        assert [f.table for f in status.failures] == ["pacs_images", "pacs_series"]
        assert all(o.failing_tables for o in status.organizations)
        assert differing_tables(source, warehouse) == ["pacs_series", "pacs_images"]
        # Nothing is lost: once the type is back, everything arrives.
        source.execute("ALTER TABLE pacs_series ALTER COLUMN series_number TYPE integer")
        dlt_pipelines.sync()
        assert differing_tables(source, warehouse) == []
        assert read_status().failures == ()


def test_a_missing_table_stops_itself_and_what_hangs_from_it(
    services: Services, hospital: Hospital
) -> None:
    with services.source() as source, services.warehouse() as warehouse:
        source.execute("ALTER TABLE pacs_series RENAME TO pacs_series_2")
        with pytest.raises(SyncFailed, match="table pacs_series is missing"):
            dlt_pipelines.sync()
        source.execute("ALTER TABLE pacs_series_2 RENAME TO pacs_series")
        assert differing_tables(source, warehouse) == ["pacs_series", "pacs_images"]
        dlt_pipelines.sync()
        assert differing_tables(source, warehouse) == []


def test_adding_a_table_is_one_entry_in_the_specs(
    services: Services, hospital: Hospital, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with services.source() as source, services.warehouse() as warehouse:
        dlt_pipelines.sync()
        source.execute(
            """
            CREATE TABLE pacs_worklists (
                id uuid PRIMARY KEY, organization_id uuid NOT NULL, name varchar(40) NOT NULL,
                weights numeric(6,3)[], updated_at timestamptz NOT NULL
            );
            CREATE TABLE pacs_worklist_entries (
                id uuid PRIMARY KEY, worklist_id uuid REFERENCES pacs_worklists (id),
                study_id uuid, due interval, updated_at timestamptz NOT NULL
            )
            """
        )
        source.execute(
            "INSERT INTO pacs_worklists SELECT gen_random_uuid(), id, slug, '{1.5,NULL}', now() "
            "FROM pacs_organizations"
        )
        source.execute(
            "INSERT INTO pacs_worklist_entries "
            "SELECT gen_random_uuid(), id, NULL, '1 day 2 hours', now() FROM pacs_worklists"
        )
        added = (
            TableSpec("pacs_worklists"),
            TableSpec("pacs_worklist_entries", parent=Parent("pacs_worklists", "worklist_id")),
        )
        monkeypatch.setattr(tables, "TABLES", (*TABLES, *added))
        for _ in range(2):
            dlt_pipelines.sync(tables=tables.TABLES)
            for table in added:
                assert rows_of(source, "public", table) == rows_of(warehouse, "staging", table)
            source.execute("UPDATE pacs_worklists SET name = name || '!', updated_at = now()")
        homes = warehouse.execute(
            "SELECT count(DISTINCT organization_id) FROM staging.pacs_worklist_entries"
        ).fetchone()
        assert homes == (len(hospital.organizations),)

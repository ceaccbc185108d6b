"""Replication on real databases: what the issue after this one makes complete starts here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

import dlt_pipelines
from dlt_pipelines.source import Snapshot
from eden.demo.hospital import Hospital
from eden.errors import LockHeld, SourceMismatch, SyncFailed, UnknownOrganization, UsageError
from eden.settings import DestinationDatabase, SourceDatabase, load
from eden.warehouse.lock import warehouse_lock
from tests.conftest import Services
from tests.support.warehouse import differing_tables


def same(services: Services) -> bool:
    with services.source() as source, services.warehouse() as warehouse:
        return differing_tables(source, warehouse) == []


def test_values_arrive_as_they_are(services: Services, hospital: Hospital) -> None:
    study, report, facility = hospital.studies[0], hospital.reports[0], hospital.facilities[0]
    texts = ["", "a\tb\\n\n\r\n", "\"quoted\", 'single'", "\\N", "\\.", "\\.\n", "👩🏽‍⚕️ TÓRAX", " "]
    dlt_pipelines.sync()
    for number, text in enumerate(texts):
        with services.source() as source:
            source.execute(
                "UPDATE pacs_reports SET content = %s, updated_at = now() WHERE id = %s",
                (text, report.id),
            )
            source.execute(
                "UPDATE pacs_studies SET accession_number = %s, tags = %s, attributes = %s, "
                "performed_at = %s, updated_at = now() WHERE id = %s",
                (
                    None if number % 2 else "",
                    [text, None, 'a,b"{}'],
                    psycopg.types.json.Jsonb({"a": [None, {"b": "\\u0041", "c": text}], "d": 1.50}),
                    ["infinity", "-infinity", "1850-03-04 05:06:07.123456+00", None][number % 4],
                    study.id,
                ),
            )
            source.execute(
                "UPDATE pacs_facilities SET address = %s::jsonb, updated_at = now() WHERE id = %s",
                ("null" if number % 2 else '""', facility.id),
            )
        dlt_pipelines.sync()
        assert same(services), repr(text)


def test_equal_timestamps_and_late_commits_within_the_overlap_lose_nothing(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.sync()
    with services.source() as source, services.warehouse() as warehouse:
        moment = datetime.now(UTC)
        ids = [report.id for report in hospital.reports[:6]]
        for number, report_id in enumerate(ids):
            # The fourth and later commit after a sync that has seen an equal or a newer moment.
            source.execute(
                "UPDATE pacs_reports SET content = %s, "
                "updated_at = %s - %s * interval '2 minutes' WHERE id = %s",
                (f"version {number}", moment, number // 2, report_id),
            )
            summary = dlt_pipelines.sync()
            assert summary.rows_written == 1
            assert differing_tables(source, warehouse) == []


def test_a_watermark_never_passes_the_sources_clock(services: Services, hospital: Hospital) -> None:
    first, second = hospital.reports[0].id, hospital.reports[1].id
    with services.source() as source:
        source.execute("UPDATE pacs_reports SET updated_at = 'infinity' WHERE id = %s", (first,))
    dlt_pipelines.sync()
    with services.source() as source:
        source.execute(
            "UPDATE pacs_reports SET content = 'new', updated_at = now() WHERE id = %s", (second,)
        )
    assert dlt_pipelines.sync().rows_written == 1
    assert same(services)
    assert dlt_pipelines.sync().is_idle


def test_unchanged_rows_of_the_overlap_are_not_written_again(
    services: Services, hospital: Hospital
) -> None:
    with services.source() as source:
        source.execute("UPDATE pacs_reports SET updated_at = now()")
    dlt_pipelines.sync()
    with services.source() as source:
        source.execute(
            "UPDATE pacs_reports SET status = 'DRAFT', updated_at = now() WHERE id = %s",
            (hospital.reports[0].id,),
        )
    summary = dlt_pipelines.sync()
    assert summary.rows_read > 1
    assert summary.rows_written == 1


def test_one_organization_alone_then_all(services: Services, hospital: Hospital) -> None:
    one = hospital.organizations[0]
    summary = dlt_pipelines.sync([one.slug])
    assert {o.organization_id for o in summary.outcomes if o.organization_id} == {one.id}
    with services.source() as source:
        source.execute("UPDATE pacs_studies SET priority = 'STAT', updated_at = now()")
    dlt_pipelines.sync([str(one.id)])
    dlt_pipelines.sync()
    assert same(services)


def test_an_organization_keeps_its_schema_when_its_slug_changes(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.sync_organizations()
    with services.source() as source, services.warehouse() as warehouse:
        names = warehouse.execute("SELECT organization_id, schema_name FROM ops.organizations")
        before = names.fetchall()
        source.execute("UPDATE pacs_organizations SET slug = 'x-' || slug, updated_at = now()")
        dlt_pipelines.sync()
        names = warehouse.execute("SELECT organization_id, schema_name FROM ops.organizations")
        assert sorted(names.fetchall()) == sorted(before)
        assert differing_tables(source, warehouse) == []


def test_the_source_is_only_read(services: Services, hospital: Hospital) -> None:
    with services.source() as source:
        source.execute("DROP ROLE IF EXISTS eden_reader")
        source.execute("CREATE ROLE eden_reader LOGIN PASSWORD 'reader-of-rows'")
        source.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO eden_reader")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATABASE_USER", "eden_reader")
        patch.setenv("SOURCE_DATABASE_PASS", "reader-of-rows")
        dlt_pipelines.sync()
    assert same(services)
    with services.source() as source:
        source.execute("DROP OWNED BY eden_reader")
        source.execute("DROP ROLE eden_reader")


def test_a_changed_type_stops_its_table_and_says_so(services: Services, hospital: Hospital) -> None:
    dlt_pipelines.sync()
    with services.source() as source:
        source.execute("ALTER TABLE pacs_technicians ALTER COLUMN first_name TYPE varchar(99)")
        source.execute("UPDATE pacs_technicians SET updated_at = now()")
        source.execute("UPDATE pacs_reports SET updated_at = now()")
    said = "pacs_technicians: first_name is character varying"
    with pytest.raises(SyncFailed, match=f"{load(SourceDatabase).label}: table {said}"):
        dlt_pipelines.sync()
    with services.source() as source, services.warehouse() as warehouse:
        assert differing_tables(source, warehouse) == ["pacs_technicians"]
        failed = warehouse.execute(
            "SELECT table_name, error_code FROM ops.sync_runs WHERE outcome = 'failed'"
        ).fetchall()
        assert failed == [("pacs_technicians", SourceMismatch.code)]


def test_a_second_run_waits_for_the_lock_then_names_its_holder(
    services: Services, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_LOCK_WAIT", "0.3")
    with (
        warehouse_lock(load(DestinationDatabase), "somebody"),
        pytest.raises(LockHeld, match="vlm-eden-dataset-etl somebody"),
    ):
        dlt_pipelines.sync()


def test_a_run_that_a_standby_cancels_reads_again(
    services: Services, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A standby that cancels at the right moment can't be had at will: its error can.
    cancellations = iter(range(2))
    ask = Snapshot.newest

    def newest(self: Snapshot, *arguments: Any) -> Any:
        if next(cancellations, None) is not None:
            raise psycopg.errors.SerializationFailure("due to conflict with recovery")
        return ask(self, *arguments)

    monkeypatch.setattr(Snapshot, "newest", newest)
    assert not dlt_pipelines.sync().is_idle
    assert same(services)


def test_organizations_are_found_by_slug_and_id_that_agree(
    services: Services, hospital: Hospital
) -> None:
    one, other = hospital.organizations[:2]
    assert dlt_pipelines.find_organization(None, one.slug) == str(one.id)
    assert dlt_pipelines.find_organization(str(one.id), one.slug) == str(one.id)
    with pytest.raises(UnknownOrganization):
        dlt_pipelines.find_organization(str(one.id), other.slug)
    with pytest.raises(UsageError):
        dlt_pipelines.find_organization(None, None)
    with pytest.raises(UnknownOrganization):
        dlt_pipelines.sync(["no-such-slug"])
    with services.source() as source:
        source.execute("ALTER TABLE pacs_organizations DROP CONSTRAINT pacs_organizations_slug_key")
        source.execute(
            "UPDATE pacs_organizations SET slug = %s WHERE id = %s", (one.slug, other.id)
        )
    said = f"2 organizations are called {one.slug}: say which of "
    with pytest.raises(UsageError, match=said):
        dlt_pipelines.find_organization(None, one.slug)
    with pytest.raises(UsageError, match=said):
        dlt_pipelines.sync([one.slug])
    assert dlt_pipelines.find_organization(str(other.id), one.slug) == str(other.id)
    assert dlt_pipelines.sync([str(other.id)]).organizations == 1

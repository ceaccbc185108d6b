"""``validate`` repairs what a watermark can't see, and asks before it deletes much."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

import dlt_pipelines
from dlt_pipelines import ValidationSummary, remove_organization
from eden.demo.hospital import Hospital
from eden.warehouse import builds
from tests.conftest import Services
from tests.support import oracle
from tests.support.warehouse import differing_tables

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def counts(summary: ValidationSummary) -> dict[str, tuple[int, int, int, int]]:
    """Per table, over all organizations: missing, stale, deleted, refused."""
    found: dict[str, tuple[int, int, int, int]] = {}
    for d in summary.differences:
        old = found.get(d.table, (0, 0, 0, 0))
        new = (d.missing, d.stale, d.deleted, d.refused)
        found[d.table] = tuple(a + b for a, b in zip(old, new, strict=True))
    return found


def same(services: Services) -> bool:
    with services.source() as source, services.warehouse() as warehouse:
        return differing_tables(source, warehouse) == []


def delete_study(source: psycopg.Connection, study_id: UUID) -> None:
    source.execute("DELETE FROM pacs_studies WHERE id = %s", (study_id,))


def test_nothing_to_repair_is_found_without_a_load(
    services: Services, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    dlt_pipelines.sync()
    monkeypatch.setattr("dlt_pipelines.loading.load", None)
    summary = dlt_pipelines.validate()
    assert summary.success
    assert summary.differences == ()
    with services.warehouse() as warehouse:
        assert warehouse.execute("SELECT count(*) FROM ops.build_requests").fetchone() == (1,)


def test_missing_stale_and_deleted_rows_are_repaired(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.sync()
    late, gone = hospital.reports[0].id, hospital.studies[0].id
    with services.source() as source, services.warehouse() as warehouse:
        # Committed long after the overlap has passed: no sync can see them.
        source.execute(
            "UPDATE pacs_reports SET content = 'late', updated_at = %s WHERE id = %s",
            (LONG_AGO, late),
        )
        source.execute(
            "INSERT INTO pacs_body_part VALUES (%s, 'LATE', 'Late', %s, %s)",
            (uuid4(), LONG_AGO, LONG_AGO),
        )
        delete_study(source, gone)
        dlt_pipelines.sync()
        assert differing_tables(source, warehouse) != []

        summary = dlt_pipelines.validate()
        assert summary.success
        found = counts(summary)
        assert found["pacs_body_part"] == (1, 0, 0, 0)
        assert found["pacs_studies"] == (0, 0, 1, 0)
        assert found["pacs_reports"][1] == (0 if hospital.reports[0].study_id == gone else 1)
        assert differing_tables(source, warehouse) == []
        recorded = warehouse.execute(
            "SELECT table_name, id FROM ops.deletions WHERE table_name = 'pacs_studies'"
        ).fetchall()
        assert recorded == [("pacs_studies", gone)]
        (runs,) = warehouse.execute(
            "SELECT sum(rows_deleted) FROM ops.sync_runs WHERE kind = 'validate'"
        ).fetchone() or (0,)
        assert runs == sum(row[2] for row in found.values())
    assert dlt_pipelines.validate().differences == ()


def test_a_deleted_study_leaves_the_marts_at_the_next_build(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.etl()
    study_id = min(oracle.eligible_studies(hospital))
    with services.source() as source:
        delete_study(source, study_id)
    dlt_pipelines.validate()
    assert builds.build().built
    with services.warehouse() as warehouse:
        for table in ("fact_studies", "eligible_studies", "eligible_images"):
            query = f"SELECT count(*) FROM analytics.{table} WHERE study_id = %s"
            assert warehouse.execute(query, (study_id,)).fetchone() == (0,), table


def test_a_mass_deletion_is_refused_and_the_rest_goes_on(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.sync()
    one = max(
        hospital.organizations,
        key=lambda o: sum(study.organization_id == o.id for study in hospital.studies),
    )
    doomed = [study.id for study in hospital.studies if study.organization_id == one.id][:12]
    elsewhere = next(s.id for s in hospital.studies if s.organization_id != one.id)
    with services.source() as source:
        for study_id in [*doomed, elsewhere]:
            delete_study(source, study_id)
    summary = dlt_pipelines.validate()
    assert not summary.success
    found = counts(summary)
    assert found["pacs_studies"] == (0, 0, 1, 12)
    with services.warehouse() as warehouse:
        left = {row for (row,) in warehouse.execute("SELECT id FROM staging.pacs_studies")}
        assert set(doomed) <= left
        assert elsewhere not in left
    assert dlt_pipelines.validate(allow_mass_delete=True).success
    assert same(services)


def test_a_whole_table_is_not_emptied(services: Services, hospital: Hospital) -> None:
    dlt_pipelines.sync()
    with services.source() as source:
        source.execute("DELETE FROM pacs_reports")
    summary = dlt_pipelines.validate()
    assert not summary.success
    assert counts(summary) == {"pacs_reports": (0, 0, 0, len(hospital.reports))}


def test_one_organization_alone_leaves_the_others_untouched(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.sync()
    one, other = hospital.organizations[:2]
    with services.source() as source:
        source.execute("UPDATE pacs_modalities SET name = 'x', updated_at = %s", (LONG_AGO,))
    summary = dlt_pipelines.validate([one.slug])
    assert {d.organization_id for d in summary.differences} == {one.id}
    with services.warehouse() as warehouse:
        query = "SELECT DISTINCT name = 'x' FROM staging.pacs_modalities WHERE organization_id = %s"
        assert warehouse.execute(query, (one.id,)).fetchall() == [(True,)]
        assert warehouse.execute(query, (other.id,)).fetchall() == [(False,)]


def test_a_study_that_moved_unseen_moves_and_is_no_deletion(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.sync()
    study = next(s for s in hospital.studies if any(r.study_id == s.id for r in hospital.reports))
    other = next(o for o in hospital.organizations if o.id != study.organization_id)
    with services.source() as source:
        source.execute(
            "UPDATE pacs_studies SET organization_id = %s WHERE id = %s", (other.id, study.id)
        )
    left = next(o for o in hospital.organizations if o.id == study.organization_id)
    summary = dlt_pipelines.validate([left.slug])
    assert summary.success
    assert same(services)
    with services.warehouse() as warehouse:
        assert warehouse.execute("SELECT count(*) FROM ops.deletions").fetchone() == (0,)


def test_a_study_that_moved_to_a_forgotten_organization_is_a_deletion(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.sync()
    study = hospital.studies[0]
    gone = next(one.id for one in hospital.organizations if one.id != study.organization_id)
    with services.source() as source, services.warehouse() as warehouse:
        warehouse.execute(
            "UPDATE ops.organizations SET forgotten_at = now() WHERE organization_id = %s", (gone,)
        )
        remove_organization.remove(warehouse, remove_organization.find(warehouse, str(gone)))
        source.execute(
            "UPDATE pacs_studies SET organization_id = %s, updated_at = now() WHERE id = %s",
            (gone, study.id),
        )
        dlt_pipelines.sync()
        assert dlt_pipelines.validate().success
        query = "SELECT count(*) FROM staging.pacs_studies WHERE id = %s"
        assert warehouse.execute(query, (study.id,)).fetchone() == (0,)
        query = "SELECT count(*) FROM ops.deletions WHERE table_name = 'pacs_studies' AND id = %s"
        assert warehouse.execute(query, (study.id,)).fetchone() == (1,)
        assert dlt_pipelines.validate().differences == ()


def test_an_image_that_alone_went_to_another_organization_is_there_once(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.sync()
    owner = {study.id: study.organization_id for study in hospital.studies}
    home = {series.id: owner[series.study_id] for series in hospital.series}
    image = hospital.images[0]
    elsewhere = next(s for s, organization in home.items() if organization != home[image.series_id])
    with services.source() as source:
        source.execute(
            "UPDATE pacs_images SET series_id = %s, updated_at = now() WHERE id = %s",
            (elsewhere, image.id),
        )
    dlt_pipelines.sync()
    assert dlt_pipelines.validate().success
    assert same(services)
    with services.warehouse() as warehouse:
        assert warehouse.execute("SELECT count(*) FROM ops.deletions").fetchone() == (0,)


def test_everything_that_was_lost_comes_back(services: Services, hospital: Hospital) -> None:
    dlt_pipelines.sync()
    with services.warehouse() as warehouse:
        for table in ("pacs_images", "pacs_body_part", "pacs_practitioners"):
            warehouse.execute(f"DELETE FROM staging.{table}")
        warehouse.execute("UPDATE staging.pacs_studies SET updated_at = NULL")
    summary = dlt_pipelines.validate()
    assert summary.success
    assert counts(summary)["pacs_images"] == (len(hospital.images), 0, 0, 0)
    assert counts(summary)["pacs_studies"] == (0, len(hospital.studies), 0, 0)
    assert same(services)


def test_checksums_do_not_depend_on_the_settings_of_a_session(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.sync()
    with services.source() as source:
        for setting in (
            "TimeZone TO 'Asia/Kolkata'",
            "DateStyle TO 'German'",
            "bytea_output TO 'escape'",
        ):
            source.execute(f"ALTER DATABASE test_source SET {setting}")
    assert dlt_pipelines.validate().differences == ()

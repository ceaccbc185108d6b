"""Rows that change their organization take what hangs from them along."""

from __future__ import annotations

from uuid import UUID

import pytest

import dlt_pipelines
from dlt_pipelines import ledger, moves
from eden.demo.hospital import Hospital
from tests.conftest import Services
from tests.support.warehouse import differing_tables

TABLES = ("pacs_studies", "pacs_series", "pacs_reports", "pacs_images")


def homes_of(services: Services, study_id: UUID) -> dict[str, set[UUID]]:
    """In which organizations the rows of a study lie, table by table."""
    query = """
        SELECT 'pacs_studies', organization_id FROM staging.pacs_studies WHERE id = %(id)s
        UNION ALL SELECT 'pacs_series', organization_id FROM staging.pacs_series
        WHERE study_id = %(id)s
        UNION ALL SELECT 'pacs_reports', organization_id FROM staging.pacs_reports
        WHERE study_id = %(id)s
        UNION ALL SELECT 'pacs_images', i.organization_id FROM staging.pacs_images AS i
        JOIN staging.pacs_series AS s ON s.id = i.series_id WHERE s.study_id = %(id)s
    """
    homes: dict[str, set[UUID]] = {}
    with services.warehouse() as warehouse:
        for table, organization_id in warehouse.execute(query, {"id": study_id}):
            homes.setdefault(table, set()).add(organization_id)
    return homes


def only_in(organization_id: UUID) -> dict[str, set[UUID]]:
    return {table: {organization_id} for table in TABLES}


def move(services: Services, study_id: UUID, organization_id: UUID) -> None:
    with services.source() as source:
        source.execute(
            "UPDATE pacs_studies SET organization_id = %s, updated_at = now() WHERE id = %s",
            (organization_id, study_id),
        )


def a_study(hospital: Hospital) -> tuple[UUID, UUID]:
    """A study with series, images and reports, and an organization that is not its own."""
    with_images = {series.study_id for series in hospital.series} & {
        report.study_id for report in hospital.reports
    }
    study = next(study for study in hospital.studies if study.id in with_images)
    other = next(o for o in hospital.organizations if o.id != study.organization_id)
    return study.id, other.id


@pytest.mark.parametrize("alone", [False, True], ids=["all", "its new organization alone"])
def test_a_study_moves_with_all_that_hangs_from_it(
    services: Services, hospital: Hospital, alone: bool
) -> None:
    study_id, other = a_study(hospital)
    dlt_pipelines.sync()
    move(services, study_id, other)
    dlt_pipelines.sync([str(other)] if alone else [])
    assert homes_of(services, study_id) == only_in(other)
    with services.source() as source, services.warehouse() as warehouse:
        assert differing_tables(source, warehouse) == []


def test_a_study_that_moves_while_its_rows_change_is_there_once(
    services: Services, hospital: Hospital
) -> None:
    study_id, other = a_study(hospital)
    dlt_pipelines.sync()
    move(services, study_id, other)
    with services.source() as source:
        for table in ("pacs_series", "pacs_reports"):
            source.execute(
                f"UPDATE {table} SET updated_at = now() WHERE study_id = %s", (study_id,)
            )
    dlt_pipelines.sync()
    with services.source() as source, services.warehouse() as warehouse:
        assert differing_tables(source, warehouse) == []


def test_a_study_that_moves_to_a_new_organization_is_there_once(
    services: Services, hospital: Hospital
) -> None:
    study_id, _ = a_study(hospital)
    dlt_pipelines.sync()
    newcomer = UUID(int=99)
    with services.source() as source:
        source.execute(
            "INSERT INTO pacs_organizations (id, slug, name, created_at, updated_at) "
            "VALUES (%s, 'newcomer', 'Newcomer', now(), now())",
            (newcomer,),
        )
    move(services, study_id, newcomer)
    assert dlt_pipelines.sync().new_organizations == 1
    assert homes_of(services, study_id) == only_in(newcomer)


def test_a_move_that_a_crash_interrupted_is_finished_by_the_next_run(
    services: Services, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    study_id, other = a_study(hospital)
    dlt_pipelines.sync()
    move(services, study_id, other)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        # The rows are loaded, nothing is remembered, and the second look at the moves is missing.
        apply, looks = moves.apply, iter(range(2))
        patch.setattr(moves, "apply", lambda c: crash() if next(looks) else apply(c))
        dlt_pipelines.sync()
    assert homes_of(services, study_id)["pacs_studies"] > {other}
    dlt_pipelines.sync()
    assert homes_of(services, study_id) == only_in(other)


def test_a_doctor_who_changes_organization_is_there_once(
    services: Services, hospital: Hospital
) -> None:
    doctor = hospital.practitioners[0]
    other = next(o for o in hospital.organizations if o.id != doctor.organization_id)
    dlt_pipelines.sync()
    with services.source() as source:
        source.execute(
            "UPDATE pacs_practitioners SET organization_id = %s, updated_at = now() WHERE id = %s",
            (other.id, doctor.id),
        )
        dlt_pipelines.sync()
        with services.warehouse() as warehouse:
            assert differing_tables(source, warehouse) == []


def test_a_first_load_that_was_interrupted_leaves_no_row_behind(
    services: Services, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    study_id, other = a_study(hospital)

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ledger, "advance", crash)
        dlt_pipelines.sync()
    move(services, study_id, other)
    dlt_pipelines.sync()
    with services.source() as source, services.warehouse() as warehouse:
        assert differing_tables(source, warehouse) == []

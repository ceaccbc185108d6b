"""The change feed: a model uses every change, whatever the order in which transactions commit."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

import dlt_pipelines
from eden.demo.hospital import Hospital
from eden.settings import DestinationDatabase, load
from eden.warehouse.dbt import run_dbt
from tests.conftest import Services

# A position that is the greatest change_id so far: the obvious way, which loses changes.
NAIVE = """
CREATE TABLE naive_positions (model text PRIMARY KEY, change_id bigint NOT NULL);
CREATE OR REPLACE FUNCTION ops.use_study_changes(
    used_by text, followed text[], current_definition text
) RETURNS TABLE (relation text, organization_id uuid, key uuid) LANGUAGE plpgsql AS $$
DECLARE
    last bigint := (SELECT change_id FROM naive_positions WHERE model = used_by);
BEGIN
    INSERT INTO naive_positions
    SELECT used_by, coalesce(max(change_id), 0) FROM ops.study_changes
    ON CONFLICT (model) DO UPDATE SET change_id = excluded.change_id;
    RETURN QUERY SELECT change.relation, change.organization_id, change.key
    FROM ops.study_changes AS change
    WHERE change.change_id > last AND change.relation = ANY (followed);
END
$$
"""


@pytest.fixture
def studies(services: Services, hospital: Hospital) -> list[UUID]:
    """Studies of a warehouse with ``fact_studies`` and all that it reads."""
    dlt_pipelines.sync()
    chosen = ("+fact_studies", "modality_codes")
    kinds = ("--resource-type", "seed", "--resource-type", "model")
    run_dbt(["build", "--select", *chosen, *kinds], load(DestinationDatabase))
    return [study.id for study in hospital.studies]


def build() -> None:
    """``dbt run`` by hand: it holds no lock of the warehouse."""
    run_dbt(["run", "--select", "fact_studies"], load(DestinationDatabase))


def rename(connection: psycopg.Connection, study: UUID, name: str) -> int:
    """Change a replicated study; return the number of the change."""
    connection.execute(
        "UPDATE staging.pacs_studies SET accession_number = %s WHERE id = %s", (name, study)
    )
    row = connection.execute("SELECT max(change_id) FROM ops.study_changes").fetchone()
    assert row
    return int(row[0])


def name_of(connection: psycopg.Connection, study: UUID) -> str | None:
    row = connection.execute(
        "SELECT accession_number FROM analytics.fact_studies WHERE study_id = %s", (study,)
    ).fetchone()
    return row[0] if row else None


def uses_a_late_change(services: Services, studies: list[UUID], *, late_is_older: bool) -> bool:
    """Commit a change after a run has used another with a greater number; let dbt run again."""
    with services.warehouse() as late, services.warehouse() as early:
        late.autocommit = early.autocommit = False
        # An old transaction may number its change late, and a young one early.
        (late if late_is_older else early).execute("SELECT pg_current_xact_id()")
        assert rename(late, studies[0], "late") < rename(early, studies[1], "early")
        early.commit()
        build()
        assert name_of(early, studies[1]) == "early"
        assert name_of(early, studies[0]) != "late"
        early.rollback()
        late.commit()
        build()
        return name_of(early, studies[0]) == "late"


def test_a_change_that_commits_late_with_a_smaller_number_is_used(
    services: Services, studies: list[UUID]
) -> None:
    assert uses_a_late_change(services, studies[:2], late_is_older=True)
    assert uses_a_late_change(services, studies[2:4], late_is_older=False)


def test_a_position_by_number_would_lose_it(services: Services, studies: list[UUID]) -> None:
    with services.warehouse() as connection:
        connection.execute(NAIVE)
    build()
    assert not uses_a_late_change(services, studies, late_is_older=True)


def test_a_run_that_fails_uses_no_change(services: Services, studies: list[UUID]) -> None:
    study = studies[0]
    with services.warehouse() as connection:
        rename(connection, study, "new")
        connection.execute(
            "ALTER TABLE analytics.fact_studies ADD CHECK (accession_number <> 'new')"
        )
        with pytest.raises(Exception, match="fact_studies failed"):
            build()
        connection.execute(
            "ALTER TABLE analytics.fact_studies DROP CONSTRAINT fact_studies_accession_number_check"
        )
        build()
        assert name_of(connection, study) == "new"


def test_a_dump_restored_in_another_cluster_is_built_anew(
    services: Services, studies: list[UUID]
) -> None:
    """The ids of transactions start again there."""
    study = studies[0]
    with services.warehouse() as connection:
        connection.execute(
            "UPDATE ops.model_positions SET system_identifier = 1, "
            "used_snapshot = '999999999:999999999:'"
        )
        connection.execute(
            "INSERT INTO ops.study_changes (relation, key, transaction_id) "
            "VALUES ('fact_studies', %s, '999999998')",
            (study,),
        )
        rename(connection, study, "new")
        build()
        assert name_of(connection, study) == "new"
        build()
        assert count(connection) == 0


def test_the_feed_holds_only_what_some_model_has_not_used(
    services: Services, studies: list[UUID]
) -> None:
    with services.warehouse() as connection:
        build()
        assert count(connection) == 0
        # Another model that is built as well, but has not used the change yet.
        connection.execute(
            "INSERT INTO ops.model_positions "
            "SELECT 'another', used_snapshot, system_identifier, '', relations, updated_at "
            "FROM ops.model_positions"
        )
        rename(connection, studies[0], "new")
        build()
        assert count(connection) > 0
        connection.execute(
            "UPDATE ops.model_positions SET updated_at = updated_at - interval '31 days' "
            "WHERE model = 'another'"
        )
        build()
        assert count(connection) == 0


def count(connection: psycopg.Connection) -> int:
    (rows,) = connection.execute("SELECT count(*) FROM ops.study_changes").fetchone() or (0,)
    return rows

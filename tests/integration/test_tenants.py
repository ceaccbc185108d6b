"""Each organization reads its own rows of the marts, and by no query a row of another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import errors, sql

import dlt_pipelines
from dlt_pipelines.organizations import SourceOrganization, register
from eden.paths import PROJECT_ROOT
from eden.warehouse import tenants
from tests.conftest import Services
from tests.support import zoo
from tests.support.marts import create_marts
from tests.support.tenancy import (
    ESTE,
    MARTS,
    NORTE,
    SECRETS,
    SLUGS,
    SUR,
    Place,
    check_tenant,
    columns_of,
    everything_said,
    leaks,
    readable_relations,
    tenant_session,
)
from tests.support.tenancy import place as place  # noqa: PLC0414  # fixture

DBT = Path(sys.executable).parent / "dbt"


def test_no_query_shows_a_row_of_another_organization(place: Place) -> None:
    with tenant_session(place, NORTE) as session:
        check_tenant(place, session, NORTE)
    with tenant_session(place, SUR) as session:
        check_tenant(place, session, SUR)


def test_the_probes_find_what_is_to_be_found(place: Place) -> None:
    place.warehouse.execute(
        "CREATE VIEW org_norte.unsafe AS SELECT * FROM analytics.fact_studies "
        f"WHERE organization_id = '{NORTE}'"
    )
    role = sql.Identifier(place.tenant(NORTE).role)
    place.warehouse.execute(sql.SQL("GRANT SELECT ON org_norte.unsafe TO {}").format(role))
    with tenant_session(place, NORTE) as session:
        told = [probe for probe, _ in leaks(session, "org_norte.unsafe", "note", NORTE)]
        for name in ("tell", "cast", "divide", "match"):
            assert any(f"WHERE pg_temp.{name}" in probe for probe in told)
    # What statistics would tell to somebody who may read the whole table.
    told = [probe for probe, _ in leaks(place.warehouse, "analytics.fact_studies", "note", NORTE)]
    assert sum("EXPLAIN" in probe and "OPERATOR" in probe for probe in told) >= 2


def test_no_catalog_shows_a_value_of_a_row(place: Place) -> None:
    with tenant_session(place, NORTE) as session:
        # So that another session's last query is one with values in it.
        place.warehouse.execute(f"SELECT 'bruma', '{SECRETS[SUR]}'")
        names = session.execute(
            """
            SELECT format('%I.%I', nspname, relname)
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE relkind IN ('r', 'v') AND nspname IN ('pg_catalog', 'information_schema')
            """
        ).fetchall()
        dump = {
            name: everything_said(session, f"SELECT catalog::text FROM {name} AS catalog")
            for (name,) in names
        }
        refused = {name for name, said in dump.items() if "permission denied" in said}
        hidden = {"pg_statistic", "pg_statistic_ext_data", "pg_authid"}
        assert {f"pg_catalog.{name}" for name in hidden} <= refused
        assert len(refused) < 30
        assert [name for name, said in dump.items() if SECRETS[SUR] in said] == []
        # The dump does show what a tenant may know.
        assert "fact_studies" in dump["pg_catalog.pg_class"]
        assert session.execute("SELECT FROM pg_stats WHERE schemaname = 'analytics'").rowcount == 0
        assert session.execute("SELECT FROM pg_stats_ext").rowcount == 0
        assert session.execute("SELECT FROM pg_stats_ext_exprs").rowcount == 0
    stats = "SELECT FROM pg_stats WHERE schemaname = 'analytics' AND attname = 'note'"
    assert place.warehouse.execute(stats).rowcount == len(MARTS)


def test_a_tenant_can_write_nothing_and_call_nothing_of_ours(place: Place) -> None:
    with tenant_session(place, NORTE) as session:
        for statement in (
            "INSERT INTO org_norte.fact_studies (note) VALUES ('x')",
            "UPDATE org_norte.fact_studies SET note = 'x'",
            "DELETE FROM org_norte.fact_studies",
            "SELECT FROM org_norte.fact_studies FOR UPDATE",
            "DROP VIEW org_norte.fact_studies",
            "ALTER VIEW org_norte.fact_studies RESET (security_barrier)",
            "CREATE SCHEMA mine",
            "SELECT ops.restore_tenants()",
            "SELECT ops.attempt('SELECT 1')",
            "SELECT query_to_xml('SELECT * FROM analytics.fact_studies', true, true, '')",
            "COPY analytics.fact_studies TO STDOUT",
            "BEGIN; LOCK TABLE analytics.fact_studies",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute(statement)
            session.execute("ROLLBACK")
        # Only a warning: somebody who may read it may grant nothing of it.
        session.execute("GRANT SELECT ON org_norte.fact_studies TO PUBLIC")
        (granted,) = session.execute(
            "SELECT has_table_privilege('public', 'org_norte.fact_studies', 'SELECT')"
        ).fetchone()
        assert granted is False
    # Not even with a way into the schema.
    callable_by_all = place.warehouse.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'ops'::regnamespace "
        "AND has_function_privilege('public', oid, 'EXECUTE')"
    )
    assert callable_by_all.fetchall() == []


def view_columns(place: Place) -> list[str]:
    return columns_of(place.warehouse, "org_norte")


def test_a_change_of_a_marts_columns_arrives_in_the_views(place: Place) -> None:
    run = place.warehouse.execute
    first = ["id", "organization_id", "note", "amount"]
    assert view_columns(place) == first
    # As dbt does where an incremental model gets a column.
    run("ALTER TABLE analytics.fact_studies ADD COLUMN extra text")
    tenants.restore(place.warehouse)
    assert view_columns(place) == [*first, "extra"]
    # As dbt does at a full refresh: put aside, replace, drop.
    for columns in (
        "organization_id, note, 1.5::numeric(5, 2) AS amount",
        "*",
        "note, organization_id",
    ):
        run(f"CREATE TABLE analytics.fresh AS SELECT {columns} FROM analytics.fact_studies")
        run("ALTER TABLE analytics.fact_studies RENAME TO fact_studies__dbt_backup")
        run("ALTER TABLE analytics.fresh RENAME TO fact_studies")
        run("DROP TABLE analytics.fact_studies__dbt_backup CASCADE")
        assert view_columns(place) == []
        tenants.restore(place.warehouse)
        assert view_columns(place) == columns_of(place.warehouse, "analytics")
    run("ALTER TABLE analytics.fact_studies RENAME COLUMN note TO remark")
    tenants.restore(place.warehouse)
    assert view_columns(place) == ["remark", "organization_id"]
    run("ALTER TABLE analytics.fact_studies RENAME COLUMN remark TO note")
    tenants.restore(place.warehouse)
    with tenant_session(place, NORTE) as session:
        check_tenant(place, session, NORTE)


def test_a_view_on_a_table_that_was_put_aside_is_made_anew(place: Place) -> None:
    # dbt was killed between the two: the view still works, and shows yesterday's rows.
    run = place.warehouse.execute
    run("ALTER TABLE analytics.fact_studies RENAME TO fact_studies__dbt_backup")
    run("CREATE TABLE analytics.fact_studies AS TABLE analytics.fact_studies__dbt_backup")
    run("UPDATE analytics.fact_studies SET note = note || ' today'")
    assert place.problems() == {NORTE: "NOT_READY", SUR: "NOT_READY"}
    tenants.restore(place.warehouse)
    assert place.problems() == {}
    with tenant_session(place, NORTE) as session:
        check_tenant(place, session, NORTE)


def test_an_owner_who_needs_nothing_writes_nothing(place: Place) -> None:
    with place.warehouse.transaction():
        tenants.restore(place.warehouse)
        (written,) = place.warehouse.execute("SELECT pg_current_xact_id_if_assigned()").fetchone()
        assert written is None
        (locked,) = place.warehouse.execute(
            "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND "
            "(locktype = 'advisory' OR relation::regclass::text ~ '^(analytics|org_)')"
        ).fetchone()
        assert locked == 0


def test_a_warehouse_without_marts_has_tenants_without_views(services: Services) -> None:
    with services.warehouse() as warehouse:
        register(warehouse, [SourceOrganization(NORTE, "norte")])
        found = Place(warehouse, warehouse.info.dbname)
        assert found.problems() == {}
        with tenant_session(found, NORTE) as session:
            assert readable_relations(session) == []
        create_marts(warehouse, "dim_facilities")
        tenants.restore(warehouse)
        assert found.problems() == {}
        with tenant_session(found, NORTE) as session:
            assert readable_relations(session) == ["org_norte.dim_facilities"]


def fill_source(source: psycopg.Connection, organization: UUID) -> None:
    """Rows of everything that a mart is made of, each with the organization's word in it."""
    word = SECRETS[organization]
    source.execute(
        "INSERT INTO pacs_organizations (id, slug, name, is_demo, created_at, updated_at) "
        "VALUES (%s, %s, %s, false, now(), now())",
        (organization, SLUGS[organization], word),
    )
    names = ("first_name", "last_name")
    for table, columns in (
        ("pacs_facilities", ("name", "identifier")),
        ("pacs_modalities", ("name", "identifier")),
        ("pacs_practitioners", names),
        ("pacs_technicians", names),
        ("pacs_studies", ("dicom_description", "study_instance_uid", "status")),
    ):
        source.execute(
            f"INSERT INTO {table} (id, organization_id, created_at, updated_at, "
            f"{', '.join(columns)}) SELECT gen_random_uuid(), %s, now(), now()"
            f"{', %s || number' * len(columns)} FROM generate_series(1, 300) AS number",
            (organization, *[word] * len(columns)),
        )


def dbt(*words: str) -> None:
    done = subprocess.run(
        [DBT, *words], capture_output=True, text=True, check=False, cwd=PROJECT_ROOT
    )
    assert done.returncode == 0, done.stdout[-2000:]


def test_tenants_outlive_every_dbt_command(services: Services, tmp_path: Path) -> None:
    with services.source() as source, services.warehouse() as warehouse:
        zoo.create_source(source)
        place = Place(warehouse, warehouse.info.dbname)
        for organization in (NORTE, SUR):
            fill_source(source, organization)
        dlt_pipelines.etl()
        assert place.problems() == {}
        with tenant_session(place, NORTE) as session:
            check_tenant(place, session, NORTE)
            dbt("run")
            check_tenant(place, session, NORTE)
            dbt("run", "--full-refresh")
            check_tenant(place, session, NORTE)
            dbt(
                *("run", "--select", "fact_studies", "--full-refresh"),
                *("--target-path", str(tmp_path / "elsewhere")),
            )
            check_tenant(place, session, NORTE)
            fill_source(source, ESTE)
            dlt_pipelines.etl()
            check_tenant(place, session, NORTE)
            with tenant_session(place, ESTE) as newcomer:
                check_tenant(place, newcomer, ESTE)

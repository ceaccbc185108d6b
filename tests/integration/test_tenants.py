"""Each organization reads its own rows of the marts, and by no query a row of another."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import errors, sql

import dlt_pipelines
from dlt_pipelines.organizations import SourceOrganization, register
from eden import postgres
from eden.paths import PROJECT_ROOT
from eden.settings import DestinationDatabase, load
from eden.warehouse import schema, tenants
from eden.warehouse.tenants import Tenant
from eden_cli import status_page
from tests.conftest import Services
from tests.support import zoo
from tests.support.logins import login
from tests.support.marts import create_marts

DBT = Path(sys.executable).parent / "dbt"
MARTS = ("dim_facilities", "dim_modalities", "dim_practitioners", "dim_technicians", "fact_studies")
NORTE, SUR, ESTE = (UUID(int=number) for number in (1, 2, 3))
SLUGS = {NORTE: "norte", SUR: "sur", ESTE: "este"}
SECRETS = {NORTE: "aurora", SUR: "bruma", ESTE: "cerro"}
"""A word of its own in every text of an organization's rows."""


@dataclass(frozen=True)
class Place:
    """A warehouse with the marts of two organizations."""

    warehouse: psycopg.Connection
    database: str

    def tenant(self, organization: UUID) -> Tenant:
        return next(t for t in tenants.read(self.warehouse) if t.organization_id == organization)

    def problems(self) -> dict[UUID, str]:
        found = tenants.read(self.warehouse)
        return {tenant.organization_id: tenant.problem for tenant in found if tenant.problem}


def make_marts(warehouse: psycopg.Connection, *owners: UUID) -> None:
    """Marts as dbt would make them, with a column of each kind that the probes need."""
    warehouse.execute("CREATE SCHEMA IF NOT EXISTS analytics")
    for mart in MARTS:
        warehouse.execute(
            f"CREATE TABLE analytics.{mart} "
            "(id uuid DEFAULT gen_random_uuid(), organization_id uuid, note text, amount integer)"
        )
        for owner in owners:
            warehouse.execute(
                f"INSERT INTO analytics.{mart} (organization_id, note, amount) "
                "SELECT %s, %s || number, number FROM generate_series(1, 300) AS number",
                (owner, SECRETS[owner]),
            )
        warehouse.execute(
            f"CREATE STATISTICS analytics.{mart}_s ON note, amount FROM analytics.{mart}"
        )
        warehouse.execute(f"ANALYZE analytics.{mart}")


@pytest.fixture
def place(services: Services) -> Iterator[Place]:
    with services.warehouse() as warehouse:
        register(warehouse, [SourceOrganization(one, SLUGS[one]) for one in (NORTE, SUR)])
        make_marts(warehouse, NORTE, SUR)
        tenants.restore(warehouse)
        yield Place(warehouse, warehouse.info.dbname)


@contextmanager
def tenant_session(
    place: Place, organization: UUID, administrator: psycopg.Connection | None = None
) -> Iterator[psycopg.Connection]:
    """A session of a login in the organization's role, granted by whoever is to be able to."""
    role = place.tenant(organization).role
    with (
        login(administrator or place.warehouse, role) as user,
        closing(user.connect(place.database)) as session,
    ):
        yield session


def everything_said(session: psycopg.Connection, query: str) -> str:
    """All that a query tells: rows, notices and errors."""
    said: list[str] = []

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        said.append(f"{diagnostic.message_primary} {diagnostic.message_detail}")

    session.add_notice_handler(note)
    try:
        cursor = session.execute(query)
        if cursor.description:
            said += [str(row) for row in cursor]
    except psycopg.Error as error:
        said.append(f"{error} {error.diag.message_detail} {error.diag.context}")
    finally:
        session.remove_notice_handler(note)
    return "\n".join(said)


def rows_seen(session: psycopg.Connection, name: str, mart: str) -> list[str]:
    query = sql.SQL("SELECT to_jsonb(seen)::text FROM {} AS seen ORDER BY 1")
    return [row for (row,) in session.execute(query.format(sql.Identifier(name, mart)))]


def rows_owned(warehouse: psycopg.Connection, organization: UUID, mart: str) -> list[str]:
    query = sql.SQL(
        "SELECT to_jsonb(own)::text FROM analytics.{} AS own WHERE organization_id = {} ORDER BY 1"
    ).format(sql.Identifier(mart), organization)
    return [row for (row,) in warehouse.execute(query)]


def readable_relations(session: psycopg.Connection) -> list[str]:
    """Every table, view and sequence outside the system's schemas that can be read at all."""
    names = session.execute(
        """
        SELECT format('%I.%I', nspname, relname)
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
            AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
        ORDER BY 1
        """
    ).fetchall()
    assert len(names) > 40
    found = []
    for (name,) in names:
        try:
            session.execute(f"SELECT FROM {name} LIMIT 1")
        except errors.InsufficientPrivilege:
            continue
        found.append(name)
    return found


def probes(view: str, column: str, own: str) -> Iterator[str]:
    """Queries that tell what they see: through notices, errors, statistics and plans."""
    for name, body in (
        ("tell", "RAISE NOTICE '%', $1"),
        ("cast", f"IF $1 NOT LIKE '{own}%' THEN PERFORM $1::integer; END IF"),
        ("divide", f"IF $1 NOT LIKE '{own}%' THEN PERFORM 1 / (length($1) * 0); END IF"),
        ("match", f"IF $1 NOT LIKE '{own}%' THEN PERFORM $1 || 'x' LIKE $1 || chr(92); END IF"),
    ):
        # So cheap that the planner would call it before any other condition.
        yield (
            f"CREATE OR REPLACE FUNCTION pg_temp.{name}(text) RETURNS boolean "
            f"LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN {body}; RETURN true; END $$"
        )
        yield f"SELECT {column} FROM {view} WHERE pg_temp.{name}({column})"
        yield (
            f"SELECT {column} FROM (VALUES (1), (2)) AS pair (x) "
            f"LEFT JOIN {view} ON pg_temp.{name}({column}) AND x = 1"
        )
        yield (
            f"SELECT count(*) FROM {view} AS a JOIN {view} AS b USING (organization_id) "
            f"WHERE pg_temp.{name}(a.{column}) LIMIT 1"
        )
    yield (
        "CREATE OR REPLACE FUNCTION pg_temp.tell(text, text) RETURNS boolean LANGUAGE plpgsql "
        "COST 0.0000001 AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
    )
    for estimator in ("eqsel", "scalarltsel", "likesel", "matchingsel"):
        # The planner would call the operator on what it has sampled of the whole table.
        yield (
            f"CREATE OPERATOR pg_temp.{'<' * len(estimator)} "
            f"(FUNCTION = pg_temp.tell, LEFTARG = text, RIGHTARG = text, RESTRICT = {estimator})"
        )
        yield (
            f"EXPLAIN SELECT FROM {view} "
            f"WHERE {column} OPERATOR(pg_temp.{'<' * len(estimator)}) 'x'"
        )
    yield f"SELECT {column} FROM {view} WHERE {column} LIKE '{own}%' OR {column}::integer = 1"
    yield f"SELECT {column} FROM {view} WHERE textlike('x', {column}) OR {column} ~ {column}"
    yield f"SELECT max({column}), min({column}), count(DISTINCT organization_id) FROM {view}"
    yield f"EXPLAIN (ANALYZE, VERBOSE, BUFFERS, SETTINGS) SELECT * FROM {view} ORDER BY {column}"
    yield f"EXPLAIN (VERBOSE) SELECT * FROM {view} WHERE {column} < 'm'"


def leaks(
    session: psycopg.Connection, view: str, column: str, organization: UUID
) -> list[tuple[str, str]]:
    """The probes that told something of another organization, and what they told."""
    signs = {word for owner, word in SECRETS.items() if owner != organization}
    signs |= {"division by zero", "must not end with escape"}
    found = []
    for probe in probes(view, column, SECRETS[organization]):
        said = everything_said(session, probe)
        assert "syntax error" not in said
        if any(sign in said for sign in signs):
            found.append((probe, said[:200]))
    return found


def check_tenant(place: Place, session: psycopg.Connection, organization: UUID) -> None:
    """Its five views show exactly its rows; nothing else can be read, made or become."""
    own = place.tenant(organization)
    for mart in MARTS:
        owned = rows_owned(place.warehouse, organization, mart)
        assert owned
        assert rows_seen(session, own.schema, mart) == owned
    assert readable_relations(session) == [f"{own.schema}.{mart}" for mart in MARTS]
    for (name,) in session.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'"
    ).fetchall():
        for statement in ("TABLE {}.mine (id int)", "VIEW {}.mine AS SELECT 1", "TYPE {}.mine"):
            with pytest.raises((errors.InsufficientPrivilege, errors.InvalidSchemaName)):
                session.execute(sql.SQL("CREATE " + statement).format(sql.Identifier(name)))
    for tenant in tenants.read(place.warehouse):
        if tenant != own:
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(tenant.role)))
    column = "note" if "note" in columns_of(session, own.schema) else "dicom_description"
    assert leaks(session, f"{own.schema}.fact_studies", column, organization) == []


def columns_of(session: psycopg.Connection, name: str) -> list[str]:
    rows = session.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 "
        "AND NOT attisdropped ORDER BY attnum",
        (f"{name}.fact_studies",),
    )
    return [column for (column,) in rows]


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


def test_an_organization_keeps_its_names_until_it_is_forgotten(place: Place) -> None:
    run = place.warehouse.execute
    before = place.tenant(NORTE)
    run("UPDATE ops.organizations SET slug = 'polo' WHERE organization_id = %s", (NORTE,))
    tenants.restore(place.warehouse)
    assert (place.tenant(NORTE).schema, place.tenant(NORTE).role) == (before.schema, before.role)

    with tenant_session(place, NORTE) as session:
        run(
            "UPDATE ops.organizations SET forgotten_at = now() WHERE organization_id = %s", (NORTE,)
        )
        assert place.problems() == {NORTE: "LEFT_OVER"}
        tenants.restore(place.warehouse)
        assert readable_relations(session) == []
        left = "SELECT to_regnamespace('org_norte'), to_regrole(%s)"
        assert run(left, (before.role,)).fetchone() == (None, None)
        assert [tenant.slug for tenant in tenants.read(place.warehouse)] == ["sur"]
    tenants.restore(place.warehouse)
    assert run(left, (before.role,)).fetchone() == (None, None)

    run("UPDATE ops.organizations SET forgotten_at = NULL")
    tenants.restore(place.warehouse)
    with tenant_session(place, NORTE) as session:
        check_tenant(place, session, NORTE)


def test_what_somebody_put_into_a_forgotten_schema_stays_and_is_named(place: Place) -> None:
    run = place.warehouse.execute
    role = place.tenant(NORTE).role
    run("CREATE TABLE org_norte.mine AS SELECT 1 AS kept")
    run("UPDATE ops.organizations SET forgotten_at = now() WHERE organization_id = %s", (NORTE,))
    tenants.restore(place.warehouse)
    assert place.problems() == {NORTE: "LEFT_OVER"}
    assert run("SELECT to_regrole(%s)", (role,)).fetchone() == (None,)
    assert run(
        "SELECT relname FROM pg_class WHERE relnamespace = 'org_norte'::regnamespace"
    ).fetchall() == [("mine",)]


@pytest.mark.parametrize(
    "claim",
    [
        "ALTER ROLE {role} LOGIN",
        "ALTER ROLE {role} CREATEDB",
        "GRANT {role} TO {other}",
        "GRANT {other} TO {role}",
        "GRANT SELECT ON ops.builds TO {role}",
        "ALTER TABLE public.theirs OWNER TO {role}",
    ],
)
def test_a_role_that_is_somebody_elses_is_given_nothing(services: Services, claim: str) -> None:
    with services.warehouse() as warehouse, login(warehouse) as other:
        run = warehouse.execute
        run("CREATE TABLE public.theirs ()")
        with reserved_role(warehouse) as (place, role):
            run(claim.format(role=f'"{role}"', other=other.name))
            register(warehouse, [SourceOrganization(NORTE, "norte")])
            tenants.restore(warehouse)
            assert place.tenant(NORTE).role == role
            assert place.problems() == {NORTE: "ROLE_TAKEN"}
            held = (
                "SELECT has_schema_privilege(%s, 'org_norte', 'USAGE'), "
                "has_table_privilege(%s, 'org_norte.fact_studies', 'SELECT')"
            )
            assert run(held, (role, role)).fetchone() == (False, False)
            assert rows_seen(warehouse, "org_norte", "fact_studies")
            # Out of the way, it makes room for one of our own.
            run(f'ALTER ROLE "{role}" RENAME TO "{other.name}_theirs"')
            tenants.restore(warehouse)
            assert place.problems() == {}
            with tenant_session(place, NORTE) as session:
                check_tenant(place, session, NORTE)


def test_a_role_that_is_as_good_as_new_is_taken(services: Services) -> None:
    with services.warehouse() as warehouse, reserved_role(warehouse) as (place, _):
        register(warehouse, [SourceOrganization(NORTE, "norte")])
        assert place.problems() == {}
        with tenant_session(place, NORTE) as session:
            check_tenant(place, session, NORTE)


@contextmanager
def reserved_role(warehouse: psycopg.Connection) -> Iterator[tuple[Place, str]]:
    """A role, made by somebody else, by the name that the next organization's will have."""
    make_marts(warehouse, NORTE, SUR)
    register(warehouse, [SourceOrganization(SUR, "sur")])
    place = Place(warehouse, warehouse.info.dbname)
    name = place.tenant(SUR).role.removesuffix("_sur") + "_norte"
    warehouse.execute(f'DROP ROLE IF EXISTS "{name}"')
    warehouse.execute(f'CREATE ROLE "{name}"')
    (oid,) = warehouse.execute("SELECT %s::regrole::oid", (f'"{name}"',)).fetchone()
    try:
        yield place, name
    finally:
        (now,) = warehouse.execute("SELECT %s::oid::regrole::text", (oid,)).fetchone()
        warehouse.execute(f"DROP OWNED BY {now} CASCADE")
        warehouse.execute(f"DROP ROLE {now}")


def documented(beginning: str) -> str:
    """SQL as docs/tenants.md tells people to type it."""
    text = (PROJECT_ROOT / "docs" / "tenants.md").read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    return next(block for block in blocks if block.startswith(beginning))


def test_a_warehouse_that_has_moved_with_its_roles_is_told_so(place: Place) -> None:
    with tenant_session(place, NORTE) as session:
        # Dump and restore give everything other numbers, and keep names, comments and grants.
        place.warehouse.execute("UPDATE ops.tenant_roles SET role_oid = 1, database_oid = 1")
        assert place.problems() == {NORTE: "ROLE_TAKEN", SUR: "ROLE_TAKEN"}
        tenants.restore(place.warehouse)
        assert readable_relations(session) == []
        # Nobody is in the other role: without its rights it is as good as new.
        tenants.restore(place.warehouse)
        assert place.problems() == {NORTE: "ROLE_TAKEN"}
        place.warehouse.execute(documented("INSERT INTO ops.tenant_roles"))
        assert place.problems() == {}
        check_tenant(place, session, NORTE)


def connect_to(database: str) -> psycopg.Connection:
    settings = load(DestinationDatabase).model_copy(update={"name": database})
    return postgres.connect(settings, application_name="test", autocommit=True)


def test_a_copy_of_the_warehouse_lets_the_originals_tenants_not_in(services: Services) -> None:
    database = services.environment["DESTINATION_DATABASE_NAME"]
    with services.warehouse() as warehouse:
        register(warehouse, [SourceOrganization(one, SLUGS[one]) for one in (NORTE, SUR)])
        make_marts(warehouse, NORTE, SUR)
        tenants.restore(warehouse)
    with services.source() as other:
        other.execute(f"CREATE DATABASE test_copy TEMPLATE {database}")
        try:
            with services.warehouse() as warehouse, connect_to("test_copy") as copied:
                original, copy = Place(warehouse, database), Place(copied, "test_copy")
                with login(warehouse, original.tenant(NORTE).role) as user:
                    tenants.restore(copied)
                    tenants.restore(warehouse)
                    assert copy.problems() == {NORTE: "ROLE_TAKEN", SUR: "ROLE_TAKEN"}
                    with closing(user.connect("test_copy")) as session:
                        assert readable_relations(session) == []
                    with closing(user.connect(database)) as session:
                        check_tenant(original, session, NORTE)
                    copied.execute(documented("UPDATE ops.organizations"))
                    assert copy.problems() == {}
                    with closing(user.connect("test_copy")) as session:
                        assert readable_relations(session) == []
                with tenant_session(copy, NORTE) as session:
                    check_tenant(copy, session, NORTE)
        finally:
            other.execute("DROP DATABASE test_copy WITH (FORCE)")


def test_a_schema_that_is_somebody_elses_is_left_alone(place: Place) -> None:
    run = place.warehouse.execute
    run("DROP SCHEMA org_norte CASCADE")
    run("CREATE SCHEMA org_norte")
    run("CREATE TABLE org_norte.fact_studies AS SELECT 'mine' AS note")
    tenants.restore(place.warehouse)
    assert place.problems() == {NORTE: "SCHEMA_TAKEN"}
    assert run("SELECT * FROM org_norte.fact_studies").fetchall() == [("mine",)]
    with tenant_session(place, NORTE) as session:
        assert readable_relations(session) == []
    run("ALTER SCHEMA org_norte RENAME TO theirs")
    tenants.restore(place.warehouse)
    assert place.problems() == {}
    with tenant_session(place, NORTE) as session:
        check_tenant(place, session, NORTE)


def test_one_view_that_cannot_be_made_keeps_no_other_from_it(place: Place) -> None:
    run = place.warehouse.execute
    run("DROP VIEW org_norte.dim_modalities, org_norte.fact_studies, org_sur.fact_studies")
    run("CREATE TABLE org_norte.dim_modalities (mine int)")
    tenants.restore(place.warehouse)
    assert place.problems() == {NORTE: "NOT_READY"}
    with tenant_session(place, NORTE) as session:
        assert readable_relations(session) == [
            f"org_norte.{mart}" for mart in MARTS if mart != "dim_modalities"
        ]
    with tenant_session(place, SUR) as session:
        check_tenant(place, session, SUR)


def test_where_everyone_can_make_functions_nobody_is_let_in(place: Place) -> None:
    run = place.warehouse.execute
    run("DROP SCHEMA org_norte CASCADE")
    run("GRANT CREATE ON SCHEMA public TO PUBLIC")
    for organization in (NORTE, SUR):
        with tenant_session(place, organization) as session:
            tenants.restore(place.warehouse)
            assert place.problems() == {NORTE: "PUBLIC_OPEN", SUR: "PUBLIC_OPEN"}
            assert readable_relations(session) == []
    run("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    tenants.restore(place.warehouse)
    assert place.problems() == {}
    for organization in (NORTE, SUR):
        with tenant_session(place, organization) as session:
            check_tenant(place, session, organization)


@pytest.mark.parametrize(
    "half",
    ["GRANT USAGE ON SCHEMA org_sur TO PUBLIC", "GRANT SELECT ON org_sur.fact_studies TO PUBLIC"],
)
def test_default_privileges_open_no_tenant_to_another(place: Place, half: str) -> None:
    run = place.warehouse.execute
    run("DROP SCHEMA org_norte, org_sur CASCADE")
    run("ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO PUBLIC")
    run("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")
    tenants.restore(place.warehouse)
    # The other half alone must keep everyone out.
    run(half)
    with tenant_session(place, NORTE) as session:
        check_tenant(place, session, NORTE)


@contextmanager
def owned_warehouse(services: Services, options: str) -> Iterator[tuple[psycopg.Connection, Place]]:
    """A warehouse whose login is its owner and no superuser, and the administrator's connection."""
    database = "test_owned"
    with services.source() as administrator, login(administrator, options=options) as owner:
        administrator.execute(f"CREATE DATABASE {database} OWNER {owner.name}")
        try:
            with closing(owner.connect(database)) as warehouse:
                schema.migrate(warehouse)
                register(warehouse, [SourceOrganization(one, SLUGS[one]) for one in (NORTE, SUR)])
                make_marts(warehouse, NORTE, SUR)
                tenants.restore(warehouse)
                yield administrator, Place(warehouse, database)
                roles = [tenant.role for tenant in tenants.read(warehouse)]
        finally:
            administrator.execute(f"DROP DATABASE {database} WITH (FORCE)")
        for role in roles:
            administrator.execute(f'DROP ROLE IF EXISTS "{role}"')


def test_a_login_that_may_not_make_roles_makes_all_the_rest(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with owned_warehouse(services, "") as (administrator, place):
        owner = place.warehouse.info.user
        assert place.problems() == {NORTE: "ROLE_MISSING", SUR: "ROLE_MISSING"}
        assert rows_seen(place.warehouse, "org_norte", "fact_studies") == rows_owned(
            place.warehouse, NORTE, "fact_studies"
        )
        monkeypatch.setenv("DESTINATION_DATABASE_NAME", place.database)
        monkeypatch.setenv("DESTINATION_DATABASE_USER", owner)
        monkeypatch.setenv("DESTINATION_DATABASE_PASS", place.warehouse.info.password)
        status = json.loads(json.dumps(status_page.read_status().to_dict()))
        assert [tenant["problem"] for tenant in status["tenants"]] == ["ROLE_MISSING"] * 2
        remedy = f"the login {owner} may not make roles: ALTER ROLE {owner} CREATEROLE"
        assert tenants.remedies(tenants.read(place.warehouse)) == [f"{remedy} (2 of the tenants)"]
        # A role that an administrator makes is taken; the other waits for the privilege.
        administrator.execute(f'CREATE ROLE "{place.tenant(NORTE).role}"')
        tenants.restore(place.warehouse)
        assert place.problems() == {SUR: "ROLE_MISSING"}
        administrator.execute(remedy.split(": ")[1])
        tenants.restore(place.warehouse)
        assert place.problems() == {}
        for organization in (NORTE, SUR):
            with tenant_session(place, organization, administrator) as session:
                check_tenant(place, session, organization)


def test_an_owner_who_may_make_roles_needs_no_administrator(services: Services) -> None:
    with owned_warehouse(services, "CREATEROLE") as (_, place):
        assert place.problems() == {}
        with tenant_session(place, SUR) as session:
            check_tenant(place, session, SUR)
            place.warehouse.execute("UPDATE ops.organizations SET forgotten_at = now()")
            tenants.restore(place.warehouse)
            assert readable_relations(session) == []
        assert tenants.read(place.warehouse) == ()


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

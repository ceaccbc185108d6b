"""A tenant's role and schema are its own: names that are taken, copies, owners."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

from dlt_pipelines.organizations import SourceOrganization, register
from eden import postgres
from eden.paths import PROJECT_ROOT
from eden.settings import DestinationDatabase, load
from eden.warehouse import schema, tenants
from eden_cli import status_page
from tests.conftest import Services
from tests.support.logins import login
from tests.support.tenancy import (
    MARTS,
    NORTE,
    SLUGS,
    SUR,
    Place,
    check_tenant,
    make_marts,
    readable_relations,
    rows_owned,
    rows_seen,
    tenant_session,
)
from tests.support.tenancy import place as place  # noqa: PLC0414  # fixture


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

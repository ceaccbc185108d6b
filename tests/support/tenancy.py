"""Warehouses with tenants, their sessions, and queries that try to see another's rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
from psycopg import errors, sql

from dlt_pipelines.organizations import SourceOrganization, register
from eden.warehouse import tenants
from eden.warehouse.tenants import Tenant
from tests.conftest import Services
from tests.support.logins import login

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

"""Two hundred organizations, named as people name them: each has its schema and its own rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from uuid import UUID

import psycopg
import pytest

import dlt_pipelines
from dlt_pipelines.tables import TABLES
from tests.conftest import Services
from tests.support import zoo

OWNED = [table.name for table in TABLES if table.owned]
ODD_SLUGS = (
    "",
    " ",
    "-",
    "___",
    "''",
    '"',
    "🫁",
    "👩🏽‍⚕️",
    "日本病院",
    "\u200b",
    "\t\n",
    "clinica",
    "Clinica",
    "CLÍNICA",
    "cli\u0301nica",
    "clínica",
    "clinica-",
    "clinica.",
    "clinica del valle",
    "clinica-del-valle",
    "clinica_del_valle",
    "Clinica/Del/Valle",
    "O'Higgins",
    'Hospital "Sao Joao"',
    "'; DROP SCHEMA staging CASCADE; --",
    '"; DROP TABLE pacs_studies; --',
    "a); DELETE FROM ops.organizations; --",
    "%s",
    "{}",
    "$1",
    "\\",
    "public",
    "PUBLIC",
    "pg_catalog",
    "pg_toast",
    "information_schema",
    "staging",
    "staging_staging",
    "staging-clinica",
    "ops",
    "org",
    "org_clinica",
    "analytics",
    "_dlt_merge_staging",
    "dlt_staging",
    "null",
    "None",
    "select",
    "1",
    "01",
    "0x1",
    "1e5",
    "../../etc/passwd",
    "a\\b",
    "ß",
    "ss",
    "ﬁ",
    "fi",
    "İ",
    "i",
    "taken",
    "00000000-0000-0000-0000-000000000000",
    "y" * 40,
    "y" * 41,
    "_" * 80,
    "é" * 80,
    "x" * 2_000,
)


def slugs() -> list[str]:
    """Two hundred: the odd ones, long ones with the same beginning, and ordinary ones."""
    long = [f"{'centro-de-diagnostico-por-imagenes-de-la-provincia':-<77}{n:03}" for n in range(40)]
    plain = [f"clinic-{n}" for n in range(200 - len(ODD_SLUGS) - len(long))]
    found = [*ODD_SLUGS, *long, *plain]
    assert len(found) == len(set(found)) == 200
    assert {len(slug) for slug in long} == {80}
    return found


def organization_id(number: int) -> UUID:
    # Not in the order of the slugs: names are given in the order of the ids.
    return UUID(int=(number * 7919 % 10_007 << 100) + number)


def add(source: psycopg.Connection, numbers: Sequence[int], names: Sequence[str]) -> None:
    """Insert organizations with two rows in each of the eight tables."""
    ids = [organization_id(number) for number in numbers]
    with source.transaction():
        source.execute(
            "INSERT INTO pacs_organizations (id, slug, name, is_demo, created_at, updated_at) "
            "SELECT id, slug, slug, slug ~ '^clinic-[0-9]*7$', now(), now() "
            "FROM unnest(%s::uuid[], %s::text[]) AS given (id, slug)",
            (ids, list(names)),
        )
        for statement in (
            "pacs_facilities (id, organization_id, name, created_at, updated_at) "
            "SELECT gen_random_uuid(), owner, 'Central', now(), now()",
            "pacs_modalities (id, organization_id, identifier, name, created_at, updated_at) "
            "SELECT gen_random_uuid(), owner, 'CR', 'Room 1', now(), now()",
            "pacs_practitioners (id, organization_id, first_name, last_name, created_at, "
            "updated_at) SELECT gen_random_uuid(), owner, 'A', 'B', now(), now()",
            "pacs_technicians (id, organization_id, first_name, last_name, created_at, updated_at) "
            "SELECT gen_random_uuid(), owner, 'C', 'D', now(), now()",
            "pacs_studies (id, organization_id, study_instance_uid, status, created_at, updated_at)"
            " SELECT gen_random_uuid(), owner, '1.2', 'REPORTED', now(), now()",
        ):
            source.execute(
                f"INSERT INTO {statement} FROM unnest(%s::uuid[]) AS owner, generate_series(1, 2)",
                (ids,),
            )
        for statement in (
            "pacs_series (id, study_id, series_instance_uid, created_at, updated_at) "
            "SELECT gen_random_uuid(), id, '1.2.3', now(), now() FROM pacs_studies",
            "pacs_reports (id, study_id, status, created_at, updated_at) "
            "SELECT gen_random_uuid(), id, 'SIGNED', now(), now() FROM pacs_studies",
        ):
            source.execute(f"INSERT INTO {statement} WHERE organization_id = ANY(%s)", (ids,))
        source.execute(
            "INSERT INTO pacs_images (id, series_id, sop_instance_uid, created_at, updated_at) "
            "SELECT gen_random_uuid(), s.id, '1.2.3.4', now(), now() FROM pacs_series AS s "
            "JOIN pacs_studies ON pacs_studies.id = study_id WHERE organization_id = ANY(%s)",
            (ids,),
        )


def names_of(warehouse: psycopg.Connection) -> dict[UUID, str]:
    rows = warehouse.execute("SELECT organization_id, schema_name FROM ops.organizations")
    return dict(rows.fetchall())


def partitions_of(warehouse: psycopg.Connection) -> dict[str, list[tuple[str, str, str]]]:
    """Per schema of an organization: its tables, whose partition each is, and for which values."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    rows = warehouse.execute(
        """
        SELECT nspname, relname, coalesce(inhparent::regclass::text, ''),
            coalesce(pg_get_expr(relpartbound, pg_class.oid), '')
        FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        LEFT JOIN pg_inherits ON inhrelid = pg_class.oid
        WHERE nspname LIKE 'staging\\_%' AND relkind IN ('r', 'p', 'v', 'm')
        """
    )
    for schema, *table in rows:
        found.setdefault(schema, []).append(tuple(table))
    return found


def rows_by_schema(warehouse: psycopg.Connection) -> dict[tuple[str, str], list[tuple[str, UUID]]]:
    """Per schema and table: the rows (owner, id) that lie there."""
    found: dict[tuple[str, str], list[tuple[str, UUID]]] = {}
    for table in OWNED:
        for schema, *row in warehouse.execute(
            f"""
            SELECT nspname, organization_id, row.id
            FROM staging.{table} AS row
            JOIN pg_class ON pg_class.oid = row.tableoid
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            ORDER BY row.id
            """
        ):
            found.setdefault((schema, table), []).append(tuple(row))
    return found


@pytest.fixture
def connections(services: Services) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    with services.source() as source, services.warehouse() as warehouse:
        zoo.create_source(source)
        yield source, warehouse


def test_two_hundred_odd_slugs(
    connections: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    source, warehouse = connections
    add(source, range(200), slugs())
    # What somebody else has in this database already.
    for schema in ("staging_clinica", "staging_public", "org_taken", "staging_x"):
        warehouse.execute(f"CREATE SCHEMA {schema}")
        warehouse.execute(f"CREATE TABLE {schema}.pacs_studies AS SELECT 'mine' AS note")
    summary = dlt_pipelines.sync()
    assert (summary.organizations, summary.new_organizations) == (200, 200)

    names = names_of(warehouse)
    assert len(set(names.values())) == len(names) == 200
    for schema in names.values():
        assert re.fullmatch(r"staging_[a-z0-9_]+", schema)
        assert len(schema.encode()) <= 63
    readable = {slug: names[organization_id(n)] for n, slug in enumerate(slugs())}
    assert readable["clinic-3"] == "staging_clinic_3"
    assert readable["O'Higgins"] == "staging_o_higgins"

    theirs = {"staging_clinica", "staging_public", "staging_x"}
    partitions = partitions_of(warehouse)
    assert partitions.keys() == set(names.values()) | theirs
    for owner, schema in names.items():
        assert sorted(partitions[schema]) == sorted(
            (table, f"staging.{table}", f"FOR VALUES IN ('{owner}')") for table in OWNED
        )
    for schema in (*theirs, "org_taken"):
        assert warehouse.execute(f"SELECT * FROM {schema}.pacs_studies").fetchall() == [("mine",)]
        assert schema not in names.values()

    found = rows_by_schema(warehouse)
    assert len(found) == 200 * len(OWNED)
    for (schema, _), rows in found.items():
        assert [names[owner] for owner, _ in rows] == [schema, schema]
    assert zoo.differing_cells(source, warehouse) == []
    assert zoo.strays(source, warehouse) == []
    demo = source.execute("SELECT id FROM pacs_organizations WHERE is_demo").fetchall()
    assert len(demo) > 5
    for (owner,) in demo:
        assert len(found[names[owner], "pacs_images"]) == 2
    assert dlt_pipelines.sync().is_idle


def test_slugs_that_change_or_change_hands_move_nothing(
    connections: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    source, warehouse = connections
    add(source, range(4), ["norte", "sur", "este", "oeste"])
    dlt_pipelines.sync()
    names, rows = names_of(warehouse), rows_by_schema(warehouse)
    partitions = partitions_of(warehouse)
    norte, sur, este = (organization_id(n) for n in range(3))
    with source.transaction():
        for owner, slug in ((norte, "?"), (sur, "norte"), (norte, "sur"), (este, "Este 2")):
            source.execute(
                "UPDATE pacs_organizations SET slug = %s, updated_at = clock_timestamp() "
                "WHERE id = %s",
                (slug, owner),
            )
    # A newcomer with a slug that another organization once had: its schema is not that one's.
    add(source, [4], ["este"])
    assert dlt_pipelines.sync().new_organizations == 1
    newcomer = organization_id(4)
    after = names_of(warehouse)
    assert after.pop(newcomer) not in names.values()
    assert after == names
    found = rows_by_schema(warehouse)
    assert {place: ids for place, ids in found.items() if ids[0][0] != newcomer} == rows
    assert {s: p for s, p in partitions_of(warehouse).items() if s in partitions} == partitions
    assert zoo.differing_cells(source, warehouse) == []

    # By its slug of today, an organization is found where it always was.
    source.execute("UPDATE pacs_studies SET priority = 'STAT', updated_at = clock_timestamp()")
    summary = dlt_pipelines.sync(["norte"])
    assert {outcome.organization_id for outcome in summary.outcomes} == {sur}
    changed = warehouse.execute(
        "SELECT DISTINCT organization_id FROM staging.pacs_studies WHERE priority = 'STAT'"
    ).fetchall()
    assert changed == [(sur,)]


def test_a_new_organization_appears_with_its_first_sync(
    connections: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    source, warehouse = connections
    add(source, range(2), ["first", "second"])
    dlt_pipelines.sync()
    add(source, [2], ["third"])
    summary = dlt_pipelines.sync_organizations()
    assert summary.new_organizations == 1
    assert len(partitions_of(warehouse)["staging_third"]) == len(OWNED)
    # Its schema is there, its rows come with the first sync that asks for them.
    assert zoo.differing_cells(source, warehouse) != []
    dlt_pipelines.sync(["third"])
    assert zoo.differing_cells(source, warehouse) == []
    add(source, [3], ["fourth"])
    # A run for another organization gives the new one its schema, and nothing else.
    assert dlt_pipelines.sync(["third"]).new_organizations == 1
    assert ("staging_fourth", "pacs_studies") not in rows_by_schema(warehouse)
    dlt_pipelines.sync()
    assert zoo.differing_cells(source, warehouse) == []
    assert zoo.strays(source, warehouse) == []


def test_a_schema_that_somebody_makes_later_is_not_taken_over(
    connections: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    source, warehouse = connections
    add(source, [0], ["first"])
    dlt_pipelines.sync()
    warehouse.execute("CREATE SCHEMA staging_clinica")
    warehouse.execute("CREATE SCHEMA staging_dental")
    add(source, [1, 2], ["clinica", "Dental"])
    dlt_pipelines.sync()
    assert not {"staging_clinica", "staging_dental"} & set(names_of(warehouse).values())
    empty = warehouse.execute(
        "SELECT count(*) FROM pg_class "
        "WHERE relnamespace IN ('staging_clinica'::regnamespace, 'staging_dental'::regnamespace)"
    ).fetchall()
    assert empty == [(0,)]
    assert zoo.differing_cells(source, warehouse) == []

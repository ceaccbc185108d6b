"""Numbered files are applied once, in any order of arrival; repeatable files by their text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from eden.warehouse import schema
from eden.warehouse.schema import SqlFile
from tests.conftest import Services

FIRST, SECOND = (
    SqlFile(
        "first.sql",
        "CREATE VIEW ops.first (one, two) AS SELECT 1, 2;"
        'CREATE FUNCTION ops."First one"(r ops.first) RETURNS int RETURN r.one;'
        "CREATE FUNCTION ops.pair() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ),
    SqlFile(
        "second.sql",
        "CREATE FUNCTION ops.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER noted AFTER INSERT ON staging.pacs_studies EXECUTE FUNCTION ops.noted()",
    ),
)

Repeatable = Callable[..., None]


@pytest.fixture
def repeatable(monkeypatch: pytest.MonkeyPatch) -> Repeatable:
    """Put these files into the folder, after those that are there."""
    real = schema.repeatable_files()

    def put(*files: SqlFile) -> None:
        monkeypatch.setattr(schema, "repeatable_files", lambda: [*real, *files])

    return put


def objects(warehouse: psycopg.Connection) -> list[str]:
    return [object_ for (object_,) in warehouse.execute(schema._REPEATABLE_OBJECTS)]


def records(warehouse: psycopg.Connection) -> list[tuple[object, ...]]:
    return warehouse.execute("SELECT * FROM ops.repeatable_migrations ORDER BY name").fetchall()


def test_a_file_with_a_lower_number_that_arrives_later_is_applied(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = schema.numbered_files()
    late = SqlFile("0004_late.sql", "CREATE TABLE ops.late ()")
    assert known[-1].name > late.name
    monkeypatch.setattr(
        schema, "numbered_files", lambda: sorted([*known, late], key=lambda file: file.name)
    )
    with services.warehouse() as warehouse:
        assert schema.migrate(warehouse) == [late.name]
        assert schema.migrate(warehouse) == []


def test_a_file_that_fails_leaves_nothing_behind(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = SqlFile("9999_bad.sql", "CREATE TABLE ops.half (); SELECT 1 / 0")
    monkeypatch.setattr(schema, "numbered_files", lambda: [bad])
    with services.warehouse() as warehouse:
        there = objects(warehouse)
        with pytest.raises(Exception, match="division by zero"):
            schema.migrate(warehouse)
        row = warehouse.execute("SELECT to_regclass('ops.half')").fetchone()
        assert row == (None,)
        assert objects(warehouse) == there


def test_the_same_text_is_not_applied_again(services: Services) -> None:
    with services.warehouse() as warehouse:
        before = records(warehouse)
        assert [name for name, *_ in before] == [file.name for file in schema.repeatable_files()]
        assert schema.migrate(warehouse) == []
        assert records(warehouse) == before
        row = warehouse.execute("SELECT pg_current_xact_id_if_assigned()").fetchone()
        assert row == (None,)


def test_another_text_replaces_what_the_last_one_created(
    services: Services, repeatable: Repeatable
) -> None:
    with services.warehouse() as warehouse:
        ours = objects(warehouse)
        repeatable(FIRST, SECOND)
        assert schema.migrate(warehouse) == [FIRST.name, SECOND.name]
        made = [
            "view ops.first",
            'function ops."First one"(ops.first)',
            "function ops.pair()",
            "function ops.noted()",
            "trigger noted on staging.pacs_studies",
        ]
        assert objects(warehouse) == [*ours, *made]

        # A column fewer, another type of argument, another result, and a function that is gone:
        # CREATE OR REPLACE does none of these.
        shorter = replace(
            FIRST,
            text="CREATE VIEW ops.first (two) AS SELECT 2;"
            "CREATE FUNCTION ops.pair() RETURNS text LANGUAGE sql AS 'SELECT ''1'''",
        )
        repeatable(shorter, SECOND)
        assert schema.migrate(warehouse) == [FIRST.name]
        assert set(objects(warehouse)) == {*ours, made[0], *made[2:]}
        assert warehouse.execute("SELECT ops.pair(), two FROM ops.first").fetchone() == ("1", 2)
        assert schema.migrate(warehouse) == []

        repeatable()
        assert schema.migrate(warehouse) == []
        assert objects(warehouse) == ours


def test_a_table_is_altered_although_a_view_reads_it(
    services: Services, repeatable: Repeatable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with services.warehouse() as warehouse:
        names = set(objects(warehouse))
        repeatable(
            SqlFile("slugs.sql", "CREATE VIEW ops.slugs AS SELECT slug FROM ops.organizations")
        )
        assert schema.migrate(warehouse) == ["slugs.sql"]
        alter = SqlFile(
            "9999_alter.sql", "ALTER TABLE ops.organizations ALTER COLUMN slug TYPE varchar"
        )
        known = schema.numbered_files()
        monkeypatch.setattr(schema, "numbered_files", lambda: [*known, alter])
        assert schema.migrate(warehouse) == [alter.name]
        assert set(objects(warehouse)) == {*names, "view ops.slugs"}


def test_an_interrupted_migration_leaves_everything_as_it_was(
    services: Services, repeatable: Repeatable
) -> None:
    with services.warehouse() as warehouse:
        repeatable(FIRST, SECOND)
        schema.migrate(warehouse)
        there, before = objects(warehouse), records(warehouse)
        ends = "SELECT pg_terminate_backend(pg_backend_pid())"
        repeatable(replace(FIRST, text="SELECT 1"), replace(SECOND, text=ends))
        with (
            services.warehouse() as interrupted,
            pytest.raises(psycopg.OperationalError, match="terminating connection"),
        ):
            schema.migrate(interrupted)
        assert (objects(warehouse), records(warehouse)) == (there, before)
        repeatable(replace(FIRST, text="SELECT 1"), SECOND)
        assert schema.migrate(warehouse) == [FIRST.name]
        assert set(objects(warehouse)) == {*there} - {
            "view ops.first", 'function ops."First one"(ops.first)', "function ops.pair()"
        }  # fmt: skip


def test_an_object_of_somebody_else_stops_the_migration(
    services: Services, repeatable: Repeatable
) -> None:
    with services.warehouse() as warehouse:
        repeatable(FIRST)
        schema.migrate(warehouse)
        warehouse.execute("CREATE VIEW public.theirs AS SELECT one FROM ops.first")
        repeatable(replace(FIRST, text="SELECT 1"))
        with pytest.raises(psycopg.errors.DependentObjectsStillExist):
            schema.migrate(warehouse)
        assert warehouse.execute("SELECT one FROM public.theirs").fetchone() == (1,)


@pytest.mark.parametrize("file", schema.repeatable_files(), ids=lambda file: file.name)
def test_every_file_can_be_applied_again_alone(
    services: Services, repeatable: Repeatable, monkeypatch: pytest.MonkeyPatch, file: SqlFile
) -> None:
    others = [one for one in schema.repeatable_files() if one != file]
    changed = replace(file, text=f"{file.text}\n-- Changed.")
    with services.warehouse() as warehouse:
        there = set(objects(warehouse))
        monkeypatch.setattr(schema, "repeatable_files", lambda: [*others, changed])
        assert schema.migrate(warehouse) == [file.name]
        assert set(objects(warehouse)) == there

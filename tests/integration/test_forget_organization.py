"""An organization leaves the warehouse and the bucket, exactly, and may come back."""

from __future__ import annotations

import itertools
import json
import os
import pty
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

from dicom_export.ledger.ledger import Ledger
from dicom_export.publish.bucket import Bucket
from dlt_pipelines import remove_organization
from eden.demo.hospital import Hospital
from eden.paths import PROJECT_ROOT
from eden.settings import DestinationDatabase, load
from eden.warehouse import builds, tenants
from eden.warehouse.dbt import run_dbt
from eden_cli import cli
from tests.conftest import Services
from tests.support import oracle

EDEN = Path(sys.executable).parent / "eden"
COUNTED_ANEW = {"study_eligibility", "eligible_studies", "eligible_reports", "eligible_images"}
"""Marts in which others have other values when an organization's studies no longer count."""


def eden(
    *words: str,
    code: int = 0,
) -> Any:
    done = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    assert done.exit_code == code, done.stderr
    return json.loads(done.stdout or "null")


def objects(services: Services) -> dict[str, str]:
    folder = services.bucket_folder
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def tables_with_owner(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return connection.execute(
        """
        SELECT table_schema, table_name FROM information_schema.columns
        JOIN information_schema.tables USING (table_schema, table_name)
        WHERE column_name = 'organization_id' AND table_type = 'BASE TABLE'
            AND table_schema IN ('ops', 'analytics', 'staging')
        ORDER BY 1, 2
        """
    ).fetchall()


def rows(connection: psycopg.Connection) -> dict[tuple[str, str], Counter[str]]:
    """Every row of every table that says whose it is, by table and organization."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for schema, name in tables_with_owner(connection):
        query = sql.SQL("SELECT organization_id::text, to_jsonb(t)::text FROM {} AS t").format(
            sql.Identifier(schema, name)
        )
        for owner, row in connection.execute(query):
            found.setdefault((f"{schema}.{name}", owner), Counter())[row] += 1
    return found


def marts(connection: psycopg.Connection) -> dict[str, Counter[str]]:
    names = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'analytics' ORDER BY 1"
    ).fetchall()
    return {
        name: Counter(
            row
            for (row,) in connection.execute(
                sql.SQL("SELECT to_jsonb(t)::text FROM {} AS t").format(
                    sql.Identifier("analytics", name)
                )
            )
        )
        for (name,) in names
    }


def exported_most(connection: psycopg.Connection) -> tuple[UUID, str]:
    row = connection.execute(
        """
        SELECT organization_id, slug FROM ops.study_exports JOIN ops.organizations
            USING (organization_id)
        GROUP BY 1, 2 ORDER BY count(*) DESC, 2 LIMIT 1
        """
    ).fetchone()
    assert row
    return row


def others(found: dict[tuple[str, str], Counter[str]], one: UUID) -> dict[Any, Counter[str]]:
    return {
        key: kept
        for key, kept in found.items()
        if key[1] != str(one)
        and key[0].split(".")[1] not in COUNTED_ANEW
        # What the notes say is taken by the build.
        and key[0] != "ops.study_changes"
    }


def assert_nothing_left(services: Services, connection: psycopg.Connection, one: UUID) -> None:
    assert not [key for key in objects(services) if key.startswith(str(one))]
    left = {table for (table, owner) in rows(connection) if owner == str(one)}
    assert left == {"ops.organizations"}
    query = "SELECT count(*) FROM ops.exported_objects WHERE key LIKE %s"
    assert connection.execute(query, (f"{one}/%",)).fetchone() == (0,)
    names = connection.execute(
        "SELECT to_regnamespace(schema_name) IS NULL AND to_regnamespace(tenant_schema) IS NULL "
        "AND to_regrole(tenant_role) IS NULL FROM ops.organizations WHERE organization_id = %s",
        (one,),
    ).fetchone()
    assert names == (True,)


def without(hospital: Hospital, organization: UUID) -> Hospital:
    """The hospital with nothing of one organization's studies."""
    studies = tuple(one for one in hospital.studies if one.organization_id != organization)
    ids = {study.id for study in studies}
    reports = tuple(report for report in hospital.reports if report.study_id in ids)
    return replace(hospital, studies=studies, reports=reports)


@dataclass
class World:
    """A warehouse and a bucket with everything in them, and one organization of several."""

    services: Services
    connection: psycopg.Connection
    one: UUID
    slug: str
    rows: dict[tuple[str, str], Counter[str]]
    objects: dict[str, str]

    @property
    def its(self) -> dict[str, str]:
        return {
            key: digest for key, digest in self.objects.items() if key.startswith(str(self.one))
        }

    def is_as_before(self) -> bool:
        return rows(self.connection) == self.rows and objects(self.services) == self.objects

    def assert_gone(self) -> None:
        """Nothing is left of it, and everything of the others."""
        assert_nothing_left(self.services, self.connection, self.one)
        assert others(rows(self.connection), self.one) == others(self.rows, self.one)
        kept = {key: digest for key, digest in self.objects.items() if key not in self.its}
        assert objects(self.services) == kept


@pytest.mark.timeout(600)
def test_one_organization_leaves_and_comes_back_and_the_others_do_not_notice(
    services: Services, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    eden("etl")
    eden("discover")
    with services.warehouse() as connection:
        one, slug = exported_most(connection)
        world = World(services, connection, one, slug, rows(connection), objects(services))
        assert 0 < len(world.its) < len(world.objects)
        check_that_a_dry_run_changes_nothing(world)
        check_that_it_asks(world)
        assert eden("forget-organization", slug, "--yes")["forgotten"] is True
        world.assert_gone()
        check_that_the_marts_are_as_built_anew(world, hospital)
        check_that_it_is_left_out(world)
        check_that_it_comes_back(world)
        check_that_a_run_that_died_is_completed(world, monkeypatch)


def check_that_a_dry_run_changes_nothing(world: World) -> None:
    foreseen = eden("forget-organization", world.slug, "--dry-run")
    sizes = sum((world.services.bucket_folder / key).stat().st_size for key in world.its)
    assert (foreseen["objects"], foreseen["bytes"]) == (len(world.its), sizes)
    assert (foreseen["dry_run"], foreseen["forgotten"]) == (True, False)
    schema = foreseen["schemas"][0]
    assert foreseen["schemas"] == [schema, schema.replace("staging_", "org_")]
    assert foreseen["role"].endswith(schema.removeprefix("staging_"))
    counted = {
        table.replace("staging.", f"{schema}."): sum(found.values())
        for (table, owner), found in world.rows.items()
        if owner == str(world.one) and table not in remove_organization.KEPT
    }
    assert counted.items() <= foreseen["rows"].items()
    assert set(foreseen["rows"]) - set(counted) == {"ops.image_exports", "ops.exported_objects"}
    assert world.is_as_before()


def check_that_it_asks(world: World) -> None:
    done = CliRunner().invoke(cli, ["forget-organization", world.slug])
    assert done.exit_code == 2
    assert "there is no terminal to ask on: say --yes" in done.stderr
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [EDEN, "forget-organization", world.slug],
        stdin=end,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT_ROOT,
    ) as process:
        os.write(terminal, f"not {world.slug}\n".encode())
        _, said = process.communicate(timeout=240)
    os.close(terminal)
    os.close(end)
    assert process.returncode == 1
    assert f"Type {world.slug} or {world.one} to go on" in said
    assert said.strip().endswith("NOT_FORGOTTEN: not confirmed; nothing was done")
    assert world.is_as_before()


def check_that_the_marts_are_as_built_anew(world: World, hospital: Hospital) -> None:
    incremental = marts(world.connection)
    run_dbt(["run", "--full-refresh", "--selector", "tick"], load(DestinationDatabase))
    assert marts(world.connection) == incremental
    query = "SELECT practitioner_id, doctor_rank FROM analytics.doctor_rank"
    ranks = oracle.doctor_ranks(without(hospital, world.one))
    assert dict(world.connection.execute(query).fetchall()) == {
        doctor: rank for doctor, (_, rank) in ranks.items()
    }
    builds.check_data()


def check_that_it_is_left_out(world: World) -> None:
    assert eden("etl")["is_idle"]
    assert eden("validate")["success"]
    eden("sync-organizations")
    for name in (world.slug, str(world.one)):
        for words in ("etl", "validate"):
            error = eden(words, "--organization", name, code=1)["error"]
            assert error["code"] == "ORGANIZATION_FORGOTTEN"
            assert name in error["message"]
    study_id = next(iter(world.its)).split("/")[1]
    assert eden("process-study", study_id, code=1)["error"]["code"] == "UNKNOWN_STUDY"
    assert_nothing_left(world.services, world.connection, world.one)
    again = eden("forget-organization", str(world.one), "--yes")
    assert (again["rows"], again["objects"], again["schemas"]) == ({}, 0, [])
    assert eden("forget-organization", "nobody", "--yes", code=1)["error"]["code"] == (
        "UNKNOWN_ORGANIZATION"
    )


def check_that_it_comes_back(world: World) -> None:
    """Under the same names, row by row and object by object."""
    assert eden("forget-organization", world.slug, "--restore")["restored"] is True
    assert eden("forget-organization", world.slug, "--restore")["restored"] is False
    eden("etl")
    restored = rows(world.connection)
    for (table, owner), found in world.rows.items():
        if table.startswith(("analytics.", "staging.")):
            assert restored[table, owner] == found, (table, owner)
    assert all(tenant.problem is None for tenant in tenants.read(world.connection))
    eden("discover")
    now = objects(world.services)
    assert now.keys() == world.objects.keys()
    differing = {key for key in now if now[key] != world.objects[key]}
    # These say when they were exported.
    assert differing == {key for key in world.its if key.endswith("/metadata.json")}
    world.rows, world.objects = rows(world.connection), now


class Killed(BaseException):
    """Nothing in between catches it."""


def check_that_a_run_that_died_is_completed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It dies at every step in turn, each time further on."""
    deletions = itertools.count()

    def die(*_: object, **__: object) -> None:
        raise Killed

    def die_at_the_fourth(bucket: Bucket, *args: Any) -> None:
        if next(deletions) == 3:
            raise Killed
        delete(bucket, *args)

    def die_before_the_commit(*args: Any) -> None:
        remove(*args)
        raise Killed

    delete, remove = Bucket.delete, remove_organization._remove
    for place, name, death in (
        (Ledger, "claim_forgotten", die),
        (Bucket, "delete", die_at_the_fourth),
        (Bucket, "sizes", die),
        (remove_organization, "_remove", die_before_the_commit),
        (tenants, "restore", die),
        (builds, "build", die),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, death)
            with pytest.raises(Killed):
                eden("forget-organization", world.slug, "--yes")
        # A minute goes by.
        world.connection.execute(
            "UPDATE ops.study_exports SET lease_until = now() WHERE organization_id = %s",
            (world.one,),
        )
        if name == "delete":
            assert set(objects(world.services)) & set(world.its)
            # Nobody exports what is left of it; whoever comes by removes it.
            assert eden("discover")["counts"] == {}
            assert not set(objects(world.services)) & set(world.its)
    eden("forget-organization", world.slug, "--yes")
    world.assert_gone()

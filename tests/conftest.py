"""Fixtures that every kind of test shares: the embedded services, one set for the whole run."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import hypothesis
import psycopg
import pytest
from mypy_boto3_s3 import S3Client
from psycopg import sql

from eden import postgres
from eden.demo.dicom_files import write_archive
from eden.demo.generate import generate
from eden.demo.hospital import Hospital
from eden.demo.hospital import load as fill
from eden.embedded import EmbeddedServices, embedded_services
from eden.embedded.keeper import lease, wait_until_stopped
from eden.embedded.prefect_server import PrefectService
from eden.settings import DestinationDatabase, SourceDatabase, load
from eden.warehouse import schema

OURS = (
    "SOURCE_",
    "DESTINATION_",
    "AWS_",
    "S3_",
    "DICOM",
    "DEIDENTIFICATION",
    "BURNED_IN",
    "EXPORT_",
    "SYNC_",
    "SCHEDULE_",
    "SENTRY_",
    "LOGGING_",
    "RETENTION_",
    "EDEN_HOME",
)
THEIRS = ("PREFECT_", "PG", "DBT_", "RCLONE_", "NO_PROXY", "COLUMNS", "LINES")
"""What others read of a person's own environment, by the beginnings of names."""
THEIRS_AT_THE_END = ("_PROXY", "_COLOR", "COLOR_FORCE")
SECONDS_TO_STOP = 180
"""For services that nobody needs any more: they write out what they hold, on whatever disk."""

# The same examples on every machine and at every run, however slow it is: a gate judges a change.
# ``--hypothesis-profile=default`` throws the dice anew.
hypothesis.settings.load_profile("ci")


def pytest_configure() -> None:
    """Before a test's module is imported: libraries read their settings then."""
    for name in list(os.environ):
        if name.upper().startswith(THEIRS) or name.upper().endswith(THEIRS_AT_THE_END):
            del os.environ[name]
    # A failing assertion of a shared helper shows its values, as one in a test does.
    pytest.register_assert_rewrite("tests.support")


@dataclass(frozen=True)
class Services:
    """Two empty databases and an empty bucket, in the environment for as long as a test runs."""

    environment: dict[str, str]
    bucket_folder: Path

    def source(self) -> psycopg.Connection:
        return postgres.connect(load(SourceDatabase), application_name="test", autocommit=True)

    def warehouse(self) -> psycopg.Connection:
        return postgres.connect(load(DestinationDatabase), application_name="test", autocommit=True)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def running() -> Iterator[EmbeddedServices]:
    """The embedded services of this run, in a folder of their own."""
    # Not tmp_path: the user that PostgreSQL runs as under root could not reach it.
    home = Path(tempfile.mkdtemp(prefix="eden-test-"))
    try:
        with embedded_services(home) as services:
            with administrator(services) as connection:
                # Nothing of a test has to outlive a crash of the machine.
                for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                    connection.execute(
                        sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting))
                    )
                connection.execute("SELECT pg_reload_conf()")
            yield services
        wait_until_stopped(home, SECONDS_TO_STOP)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def prefect_url(running: EmbeddedServices) -> Iterator[str]:
    """The API of Prefect's server, which takes longer to start than everything else."""
    with lease(PrefectService(running.home)) as server:
        yield server["url"]


@pytest.fixture
def services(running: EmbeddedServices, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Fresh databases and a fresh bucket; the warehouse is migrated, its marts are not built."""
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    folder = running.home / "s3" / bucket
    # The same names for every test: dbt parses the project anew for another profile.
    databases = ("test_source", "test_warehouse")
    environment = running.environment | {
        "SOURCE_DATABASE_NAME": databases[0],
        "DESTINATION_DATABASE_NAME": databases[1],
        "S3_BUCKET_NAME": bucket,
        "DEIDENTIFICATION": "off",
    }
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    store_client(environment).create_bucket(Bucket=bucket)
    with administrator(running) as connection:
        for database in databases:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    made = Services(environment, folder)
    with made.warehouse() as warehouse:
        schema.migrate(warehouse)
    yield made
    with administrator(running) as connection:
        for database in databases:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(database)))
    # The server may yet be writing for a client that was killed: the whole goes with the run.
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    """A small hospital whose image files lie in a folder that no test changes."""
    group = generate(7, archive=tmp_path_factory.mktemp("archive"), small=True)
    write_archive(group, workers=1)
    return group


@pytest.fixture
def hospital(services: Services, generated: Hospital, monkeypatch: pytest.MonkeyPatch) -> Hospital:
    """The generated hospital in the source, its files within reach of the export."""
    files = [image.file_path for image in generated.images if image.file_path]
    monkeypatch.setenv("DICOM_ROOTS", os.path.commonpath(files))
    with services.source() as source:
        fill(generated, source)
    return generated


def store_client(environment: dict[str, str]) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=environment["S3_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION_NAME"],
    )


def administrator(running: EmbeddedServices, database: str = "postgres") -> psycopg.Connection:
    """A connection to the cluster that may make and drop databases."""
    environment = running.environment
    return psycopg.connect(
        host=environment["SOURCE_DATABASE_HOST"],
        port=int(environment["SOURCE_DATABASE_PORT"]),
        user=environment["SOURCE_DATABASE_USER"],
        password=environment["SOURCE_DATABASE_PASS"],
        dbname=database,
        autocommit=True,
    )

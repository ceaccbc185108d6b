"""The embedded services of one benchmark, in a temporary folder that ends with it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from eden.embedded import embedded_services
from eden.embedded.keeper import wait_until_stopped
from eden.errors import ServiceFailed
from eden.postgres import Connection

MAINTENANCE = "postgres"
"""The database to connect to for CREATE DATABASE and DROP DATABASE."""

RELOAD_SECONDS = 0.5
"""After this time every session uses a changed configuration."""

OURS = (
    "SOURCE_",
    "DESTINATION_",
    "SYNC_",
    "EDEN_",
    "RETENTION_",
    "SENTRY_",
    "LOGGING_",
    "PG",
    "AWS_",
    "S3_",
    "DICOM",
    "DEIDENTIFICATION",
    "BURNED_IN",
    "EXPORT_",
    "PREFECT_",
)
"""Variables of the caller's environment that would change a measurement."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One running PostgreSQL and its databases."""

    home: Path
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    services: Mapping[str, str] = field(repr=False)
    """The environment for all embedded services, the bucket and Prefect's server too."""

    def connect(self, database: str) -> Connection:
        """Open a connection on which every statement is a transaction of its own."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=database,
            autocommit=True,
        )

    def url(self, database: str, scheme: str = "postgresql") -> str:
        """The URL of a database."""
        login = f"{self.user}:{self.password}@{self.host}:{self.port}"
        return f"{scheme}://{login}/{database}?sslmode=disable"

    def libpq(self, database: str) -> dict[str, str]:
        """The environment in which psql reaches a database."""
        return _outside() | {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": database,
            "PGSSLMODE": "disable",
        }

    def environment(self, source: str, warehouse: str) -> dict[str, str]:
        """The environment in which this project replicates ``source`` to ``warehouse``."""
        environment = _outside() | {"EDEN_HOME": str(self.home), "SYNC_OVERLAP_MINUTES": "15"}
        for role, name in (("SOURCE", source), ("DESTINATION", warehouse)):
            environment |= {
                f"{role}_DATABASE_NAME": name,
                f"{role}_DATABASE_USER": self.user,
                f"{role}_DATABASE_PASS": self.password,
                f"{role}_DATABASE_HOST": self.host,
                f"{role}_DATABASE_PORT": str(self.port),
                f"{role}_DATABASE_SSLMODE": "disable",
            }
        return environment

    def export_environment(self, source: str, warehouse: str) -> dict[str, str]:
        """The environment in which this project exports from ``warehouse``, without the images'."""
        others = ("AWS_", "S3_", "PREFECT_")
        found = {name: value for name, value in self.services.items() if name.startswith(others)}
        return self.environment(source, warehouse) | found

    @property
    def bucket_folder(self) -> Path:
        """The folder in which the bucket's objects lie as files."""
        return self.home / "s3" / self.services["S3_BUCKET_NAME"]

    def recreate(self, database: str) -> None:
        """Create an empty database of this name, in place of an old one."""
        name = sql.Identifier(database)
        with self.connect(MAINTENANCE) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))

    def settle(self) -> None:
        """Write all dirty pages to disk: later measurements do not pay for earlier work."""
        with self.connect(MAINTENANCE) as connection:
            connection.execute("CHECKPOINT")

    def configure(self, **settings: str | None) -> None:
        """Change settings of the whole cluster and its open sessions; None resets one."""
        with self.connect(MAINTENANCE) as connection:
            for name, value in settings.items():
                change = (
                    sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name))
                    if value is None
                    else sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value)
                )
                connection.execute(change)
            connection.execute("SELECT pg_reload_conf()")
        time.sleep(RELOAD_SECONDS)

    def folder(self) -> Path:
        """The folder of the server's data and log."""
        return Path(self._ask("SHOW data_directory")).parent

    def version(self) -> str:
        """PostgreSQL's version, as in ``18.6``."""
        return self._ask("SHOW server_version").split()[0]

    def _ask(self, query: str) -> str:
        with self.connect(MAINTENANCE) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return str(row[0])


@contextmanager
def running_cluster(*, prefect: bool = False, objects: Path | None = None) -> Iterator[Cluster]:
    """Run embedded services for as long as the context lasts; their folders are then removed.

    ``objects`` is a folder elsewhere for the buckets, which the caller removes.
    """
    # Directly below the system's temporary folder: as root, PostgreSQL runs as another user.
    home = Path(tempfile.mkdtemp(prefix="eden-bench-"))
    folders = {home}
    if objects is not None:
        (home / "s3").symlink_to(objects)
    try:
        with embedded_services(home, prefect=prefect) as services:
            cluster = _reach(home, services.environment)
            # The service chooses another folder if that user cannot reach this one.
            folders.add(_top_of(cluster, home))
            # Autovacuum would start in one repetition and not in the next.
            cluster.configure(autovacuum="off")
            yield cluster
    finally:
        with suppress(ServiceFailed):
            wait_until_stopped(home)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _reach(home: Path, environment: dict[str, str]) -> Cluster:
    return Cluster(
        home=home,
        host=environment["SOURCE_DATABASE_HOST"],
        port=int(environment["SOURCE_DATABASE_PORT"]),
        user=environment["SOURCE_DATABASE_USER"],
        password=environment["SOURCE_DATABASE_PASS"],
        services=environment,
    )


def _top_of(cluster: Cluster, home: Path) -> Path:
    folder = cluster.folder()
    return home if folder.is_relative_to(home) else folder.parent


def _outside() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}

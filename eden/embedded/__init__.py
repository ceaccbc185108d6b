"""PostgreSQL, S3 and Prefect's server on this machine, for the demo, the tests and small sites.

Each service has its state under ``EDEN_HOME``. The first process that needs it starts it, all
processes share it, and it stops when the last of them has ended (:mod:`eden.embedded.keeper`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from eden.embedded.keeper import lease
from eden.embedded.postgres import PostgresService
from eden.embedded.prefect_server import PrefectService
from eden.embedded.s3 import S3Service
from eden.embedded.secrets import Secrets

SOURCE_NAME = "pacs"
WAREHOUSE_NAME = "warehouse"
BUCKET = "s3-vlms-datasets"


@dataclass(frozen=True, slots=True)
class EmbeddedServices:
    """The running services, as the environment variables that lead to them."""

    home: Path
    environment: dict[str, str]
    notes: tuple[str, ...]
    """Facts to show to the user, for example files outside ``home``."""

    @property
    def bucket_folder(self) -> Path:
        """The folder in which the bucket's objects lie as files."""
        return self.home / "s3" / BUCKET

    @property
    def archive(self) -> Path:
        """The folder of the generated hospital's image files."""
        return self.home / "archive"


@contextmanager
def embedded_services(home: Path, *, prefect: bool = False) -> Iterator[EmbeddedServices]:
    """Have the services run for as long as the context lasts.

    Raises:
        ServiceFailed: a service did not start; the message names its log.
    """
    home.mkdir(parents=True, exist_ok=True)
    secrets = Secrets.of(home)
    environment = {
        "EDEN_HOME": str(home),
        "DICOM_ROOTS": str(home / "archive"),
        "S3_BUCKET_NAME": BUCKET,
        "AWS_ACCESS_KEY_ID": secrets.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": secrets.s3_secret_key.get_secret_value(),
        "AWS_REGION_NAME": "us-east-1",
        "DEIDENTIFICATION_KEY": secrets.deidentification_key.get_secret_value(),
    }
    notes: list[str] = []
    with ExitStack() as stack:
        postgres = stack.enter_context(lease(PostgresService(home)))
        notes += [postgres["note"]] if postgres.get("note") else []
        for role, name in (("SOURCE", SOURCE_NAME), ("DESTINATION", WAREHOUSE_NAME)):
            environment |= {
                f"{role}_DATABASE_NAME": name,
                f"{role}_DATABASE_USER": PostgresService.USER,
                f"{role}_DATABASE_PASS": secrets.postgres_password.get_secret_value(),
                f"{role}_DATABASE_HOST": "127.0.0.1",
                f"{role}_DATABASE_PORT": postgres["port"],
                f"{role}_DATABASE_SSLMODE": "disable",
            }
        (home / "s3" / BUCKET).mkdir(parents=True, exist_ok=True)
        s3 = stack.enter_context(lease(S3Service(home)))
        environment["S3_ENDPOINT_URL"] = s3["url"]
        if prefect:
            server = stack.enter_context(lease(PrefectService(home)))
            environment["PREFECT_API_URL"] = server["url"]
        yield EmbeddedServices(home, environment, tuple(notes))

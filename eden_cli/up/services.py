"""The databases and the bucket of ``eden up``: the configured ones, or embedded ones."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eden import postgres
from eden.demo import hospital
from eden.embedded import EmbeddedServices, embedded_services
from eden.embedded.keeper import Service
from eden.embedded.postgres import PostgresService
from eden.embedded.s3 import S3Service
from eden.errors import DatabaseUnavailable
from eden.settings import (
    DestinationDatabase,
    Export,
    ObjectStore,
    SourceDatabase,
    is_configured,
    load,
)
from eden_cli import output
from eden_cli.demo import environment, open_hospital

APPLICATION = "vlm-eden-dataset-etl up"
HOSPITAL = {"seed": 7, "small": False}
"""The hospital that ``eden demo`` generates by default."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the databases and the bucket are, fit to be shown; the embedded ones by name."""

    source: str
    warehouse: str
    bucket: str
    embedded: tuple[Service, ...] = ()
    notes: tuple[str, ...] = ()


@contextmanager
def places(home: Path) -> Iterator[Places]:
    """Have the databases and the bucket in the environment for as long as the context lasts.

    Where no database is named, all are embedded, and hold the hospital of the demo.

    Raises:
        ConfigurationError: something is named, and not all of it.
        ServiceFailed: an embedded service did not start.
    """
    if is_configured(SourceDatabase) or is_configured(DestinationDatabase):
        yield _configured()
        return
    with embedded_services(home) as services:
        # The images are generated; they show no patient.
        chosen = {"DEIDENTIFICATION": os.environ.get("DEIDENTIFICATION") or "basic"}
        with environment(services.environment | chosen):
            _fill(services)
            yield Places(
                source=load(SourceDatabase).label,
                warehouse=load(DestinationDatabase).label,
                bucket=output.short(services.bucket_folder),
                embedded=(PostgresService(home), S3Service(home)),
                notes=services.notes,
            )


def _configured() -> Places:
    source, store = load(SourceDatabase), load(ObjectStore)
    # A flow would find this out in the middle of the night.
    load(Export)
    notes = []
    try:
        postgres.connect(source, application_name=APPLICATION).close()
    except DatabaseUnavailable as error:
        notes.append(f"the source can't be reached now ({error}); each run tries again")
    where = f" at {store.endpoint_url}" if store.endpoint_url else ""
    return Places(
        source=source.label,
        warehouse=load(DestinationDatabase).label,
        bucket=f"s3://{store.bucket}{where}",
        notes=tuple(notes),
    )


def _fill(services: EmbeddedServices) -> None:
    """Have the hospital of an earlier demo in the source, or else the usual one."""
    with postgres.connect(load(SourceDatabase), application_name=APPLICATION) as source:
        if hospital.already_loaded(source):
            return
    chosen = services.home / "hospital.json"
    choice = json.loads(chosen.read_text(encoding="utf-8")) if chosen.exists() else HOSPITAL
    open_hospital(services, **choice)

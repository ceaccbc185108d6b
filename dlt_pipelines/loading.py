"""One dlt load of the files that a run has read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.extract import DltResource
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_pipelines.destination import faithful_postgres
from dlt_pipelines.tables import TableSpec
from eden.errors import SyncFailed
from eden.settings import DestinationDatabase

logger = logging.getLogger(__name__)

DATASET = "staging"
MERGE_DATASET_LAYOUT = "_dlt_merge_%s"
"""dlt's own default, ``%s_staging``, could be an organization's schema."""

DLT_TYPES = {
    "uuid": "text",
    "text": "text",
    "boolean": "bool",
    "integer": "bigint",
    "bigint": "bigint",
    "jsonb": "json",
    "text[]": "json",
    "timestamp with time zone": "timestamp",
}
"""What dlt is told; the columns' real types come from the tables' own DDL."""


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A CSV file with a header, read from the source for one table."""

    table: TableSpec
    path: Path
    columns: dict[str, str]
    """Names and types of the columns in the file."""
    rows: int


def load(files: Sequence[ReadFile], warehouse: DestinationDatabase, folder: Path) -> None:
    """Load the files into ``staging``; each table is merged in a transaction of its own.

    ``folder`` becomes dlt's working folder: a new one for every run, so that no half-finished load
    package of an interrupted run can be loaded later.

    Raises:
        SyncFailed: a table could not be loaded. Some of the others may have been.
    """
    _be_quiet()
    pipeline = dlt.pipeline(
        pipeline_name="pacs",
        pipelines_dir=str(folder),
        destination=faithful_postgres(
            credentials=_credentials(warehouse),
            staging_dataset_name_layout=MERGE_DATASET_LAYOUT,
        ),
        dataset_name=DATASET,
    )
    try:
        pipeline.run([_resource(file) for file in files], loader_file_format="csv")
    except (PipelineStepFailed, ConfigurationException) as error:
        # A database's message can quote the values that it refused.
        logger.error("the load into %s failed: %s", warehouse.label, type(error).__name__)  # noqa: TRY400
        raise SyncFailed(f"{warehouse.label}: {_failure(error)}") from None


def _resource(file: ReadFile) -> DltResource:
    hints: dict[str, Any] = {
        name: {"data_type": DLT_TYPES.get(kind, "text"), "nullable": True}
        for name, kind in file.columns.items()
    }
    keys = ["organization_id", "id"] if file.table.owned else ["id"]

    def rows() -> Iterator[Any]:
        yield dlt.mark.with_file_import(str(file.path), "csv", file.rows)

    return dlt.resource(
        rows,
        name=file.table.name,
        columns=hints,
        primary_key=keys,
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )()


def _credentials(warehouse: DestinationDatabase) -> PostgresCredentials:
    credentials = PostgresCredentials()
    credentials.database = warehouse.name
    credentials.username = warehouse.user
    credentials.password = warehouse.password.get_secret_value()
    credentials.host = warehouse.host
    credentials.port = warehouse.port
    credentials.query = {
        "sslmode": warehouse.sslmode,
        "application_name": "vlm-eden-dataset-etl load",
        # Over hundreds of partitions PostgreSQL would compile for seconds what it runs for moments.
        "options": "-c jit=off",
    }
    credentials.resolve()
    return credentials


def _be_quiet() -> None:
    """No usage data leaves the machine, and what failed is said once, by us."""
    settings = {
        "runtime.dlthub_telemetry": False,
        "runtime.log_level": "CRITICAL",
        "enable_runtime_trace": False,
        "restore_from_destination": False,
        "load.workers": 2,
        "load.delete_completed_jobs": True,
        "normalize.workers": 1,
    }
    for name, value in settings.items():
        dlt.config[name] = value


def _failure(error: BaseException) -> str:
    """The innermost reason, without the values that it may quote."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    state = getattr(cause, "pgcode", None)
    return type(cause).__name__ + (f" (SQLSTATE {state})" if state else "")

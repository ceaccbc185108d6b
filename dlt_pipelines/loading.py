"""One dlt load of the streams of a run."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.extract import DltResource
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_pipelines.destination import HEADER, streaming_postgres
from dlt_pipelines.source import CONFLICT_WITH_RECOVERY, Snapshot
from dlt_pipelines.staging import MERGE_SCHEMA, SCHEMA
from dlt_pipelines.streams import Stream, Streams
from eden.errors import SourceConflict, SyncFailed
from eden.settings import DestinationDatabase

logger = logging.getLogger(__name__)

WORKERS = 2
"""Streams at once: two reach about one and a half times the rate of one."""

DLT_TYPES = {
    "boolean": "bool",
    "integer": "bigint",
    "bigint": "bigint",
    "jsonb": "json",
    "timestamp with time zone": "timestamp",
}
"""What dlt is told, text elsewhere; the columns' real types come from the tables' own DDL."""


def load(
    streams: Mapping[str, Stream], view: Snapshot, warehouse: DestinationDatabase, folder: Path
) -> None:
    """Load the streams into ``staging``; each table is merged in a transaction of its own.

    ``folder`` becomes dlt's working folder: a new one for every run, so that no half-finished load
    package of an interrupted run can be loaded later.

    Raises:
        SyncFailed: a table could not be loaded. Some of the others may have been.
    """
    _be_quiet()
    open_streams = Streams(view, streams, WORKERS)
    try:
        pipeline = dlt.pipeline(
            pipeline_name="pacs",
            pipelines_dir=str(folder),
            destination=streaming_postgres(open_streams)(
                credentials=_credentials(warehouse),
                # dlt's own default, "%s_staging", could be an organization's schema.
                staging_dataset_name_layout=MERGE_SCHEMA.replace(SCHEMA, "%s"),
                destination_name="warehouse",
            ),
            dataset_name=SCHEMA,
        )
        pipeline.run(_resources(streams, folder), loader_file_format="csv")
    except (PipelineStepFailed, ConfigurationException) as error:
        # A database's message can quote the values that it refused.
        logger.error("the load into %s failed: %s", warehouse.label, type(error).__name__)  # noqa: TRY400
        kind = SourceConflict if _state(_cause(error)) == CONFLICT_WITH_RECOVERY else SyncFailed
        raise kind(f"{warehouse.label}: {_failure(error)}") from None
    finally:
        open_streams.close()


def _resources(streams: Mapping[str, Stream], folder: Path) -> list[DltResource]:
    by_table: dict[str, dict[str, Stream]] = {}
    for name, stream in streams.items():
        by_table.setdefault(stream.table.name, {})[name] = stream
    folder.mkdir(parents=True, exist_ok=True)
    return [_resource(members, folder) for members in by_table.values()]


def _resource(streams: Mapping[str, Stream], folder: Path) -> DltResource:
    first = next(iter(streams.values()))
    hints: dict[str, Any] = {
        name: {"data_type": DLT_TYPES.get(kind, "text"), "nullable": True}
        for name, kind in first.columns.items()
    }
    keys = ["organization_id", "id"] if first.table.owned else ["id"]

    def rows() -> Iterator[Any]:
        for name in streams:
            path = folder / f"{name}.csv"
            path.write_text(f"{HEADER}\n{name}\n", encoding="utf-8")
            yield dlt.mark.with_file_import(str(path), "csv", 1)

    return dlt.resource(
        rows,
        name=first.table.name,
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
    credentials.client_encoding = "UTF8"
    credentials.query = {
        "sslmode": warehouse.sslmode,
        "application_name": "vlm-eden-dataset-etl load",
        # Over hundreds of partitions PostgreSQL would compile for seconds what it runs for moments.
        # A load that the server forgets in a crash is read again: the watermark comes after it.
        "options": "-c jit=off -c synchronous_commit=off",
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
        # Names stay those of the source, whatever they are made of.
        "schema.naming": "direct",
        "load.workers": WORKERS,
        "load.delete_completed_jobs": True,
        "normalize.workers": 1,
    }
    for name, value in settings.items():
        dlt.config[name] = value
    # Its own records quote what a database said, which may quote a row.
    logging.getLogger("dlt").disabled = True


def _failure(error: BaseException) -> str:
    """The innermost reason, without the values that it may quote."""
    cause = _cause(error)
    state = _state(cause)
    return type(cause).__name__ + (f" (SQLSTATE {state})" if state else "")


def _cause(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _state(error: BaseException) -> str | None:
    state: str | None = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return state

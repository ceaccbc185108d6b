"""One load of the streams of a run, by a pipeline of dlt."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.extract import DltResource
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_pipelines.destination import (
    HEADER,
    LoadFailure,
    StreamingPostgres,
    innermost,
    sqlstate_of,
)
from dlt_pipelines.source import CONFLICT_WITH_RECOVERY, Snapshot, Stream
from dlt_pipelines.staging import MERGE_SCHEMA, SCHEMA
from dlt_pipelines.streams import Streams
from dlt_pipelines.tables import TableSpec
from eden.errors import SourceConflict, SyncFailed
from eden.settings import DestinationDatabase

logger = logging.getLogger(__name__)

WORKERS = 2
"""Streams loaded at once: two reach about one and a half times the rate of one."""

PIPELINE = "pacs"
"""dlt's name of the pipeline and of its schema."""

PIPELINES = "pipelines"
"""The folder of all pipelines within ``DLT_DATA_DIR``, by dlt's own convention."""

DLT_TYPES = {
    "boolean": "bool",
    "integer": "bigint",
    "bigint": "bigint",
    "jsonb": "json",
    "timestamp with time zone": "timestamp",
}
"""Hints for dlt; every other type is text to it. The DDL of the tables holds the real types."""


def load(
    streams: Mapping[str, Stream], view: Snapshot, warehouse: DestinationDatabase, folder: Path
) -> None:
    """Load the streams into ``staging``; each table is merged in a transaction of its own.

    dlt's pipeline lies in ``folder/pipelines/pacs``, where ``dlt pipeline pacs info`` and ``trace``
    find it while ``DLT_DATA_DIR`` names ``folder``. It starts afresh at every load: the tables' own
    DDL is the schema, and no load package of an earlier run is left to be loaded.

    Raises:
        SyncFailed: a table could not be loaded. Some of the others may have been.
    """
    _configure_dlt()
    open_streams = Streams(view, streams, WORKERS)
    pipelines = folder / PIPELINES
    if (pipelines / PIPELINE).exists():
        shutil.rmtree(pipelines / PIPELINE)
    pipelines.mkdir(parents=True, exist_ok=True)
    try:
        destination = StreamingPostgres(
            credentials=_credentials(warehouse),
            # dlt's own default, "%s_staging", could be an organization's schema.
            staging_dataset_name_layout=MERGE_SCHEMA.replace(SCHEMA, "%s"),
            destination_name="warehouse",
        )
        destination.streams = open_streams
        pipeline = dlt.pipeline(
            pipeline_name=PIPELINE,
            pipelines_dir=str(pipelines),
            destination=destination,
            dataset_name=SCHEMA,
        )
        with tempfile.TemporaryDirectory(dir=folder) as names:
            pipeline.run(pacs(streams, Path(names)), loader_file_format="csv")
    except (PipelineStepFailed, ConfigurationException) as error:
        # The message of a database can quote a row.
        logger.error("the load into %s failed: %s", warehouse.label, type(error).__name__)  # noqa: TRY400
        cause = innermost(error)
        kind = SourceConflict if sqlstate_of(cause) == CONFLICT_WITH_RECOVERY else SyncFailed
        raise kind(f"{warehouse.label}: {LoadFailure.of(cause)}") from None
    finally:
        open_streams.close()


@dlt.source(name=PIPELINE)
def pacs(streams: Mapping[str, Stream], folder: Path) -> Iterator[DltResource]:
    """The tables of the source as resources of dlt, one per table that has streams.

    A resource yields files in ``folder``, each of which names a stream: the load job copies the
    stream's rows itself (``destination.StreamJob``), since dlt would write them to the disk.
    """
    by_table: dict[TableSpec, dict[str, Stream]] = {}
    for name, stream in streams.items():
        by_table.setdefault(stream.table, {})[name] = stream
    for table, members in by_table.items():
        yield table_resource(table, members, folder)


def table_resource(table: TableSpec, streams: Mapping[str, Stream], folder: Path) -> DltResource:
    """One table as a resource of dlt, merged by the primary key of its table in ``staging``."""
    columns = next(iter(streams.values())).columns
    hints: dict[str, Any] = {
        name: {"data_type": DLT_TYPES.get(kind, "text"), "nullable": True}
        for name, kind in columns.items()
    }

    def files() -> Iterator[Any]:
        for name in streams:
            path = folder / f"{name}.csv"
            path.write_text(f"{HEADER}\n{name}\n", encoding="utf-8")
            yield dlt.mark.with_file_import(str(path), "csv", 1)

    return dlt.resource(
        files,
        name=table.name,
        columns=hints,
        primary_key=["organization_id", "id"] if table.owned else ["id"],
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )


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
        # Over hundreds of partitions PostgreSQL would compile a statement for seconds.
        # A load that is lost in a crash is read again: its watermark is written after it.
        "options": "-c jit=off -c synchronous_commit=off",
    }
    credentials.resolve()
    return credentials


def _configure_dlt() -> None:
    """Set dlt's options: no usage data leaves the machine, names stay those of the source."""
    settings = {
        "runtime.dlthub_telemetry": False,
        "runtime.log_level": "CRITICAL",
        "restore_from_destination": False,
        "schema.naming": "direct",
        "load.workers": WORKERS,
        "normalize.workers": 1,
    }
    for name, value in settings.items():
        dlt.config[name] = value
    # Its records quote messages of the database, which can quote a row.
    logging.getLogger("dlt").disabled = True

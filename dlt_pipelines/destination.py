"""dlt's PostgreSQL destination, made faithful and quick.

The stock loader reads rows from files (and turns an empty string into NULL on the way), and its
MERGE tells neither how many rows it wrote nor for whom. Here a load job copies a stream of the
source's snapshot, and the merge is an upsert that counts. Target and merge tables have DDL of their
own (``eden/warehouse/migrations``, ``staging.py``); dlt never creates them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dlt.common.storages.file_storage import FileStorage
from dlt.destinations.impl.postgres.factory import postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresCsvCopyJob
from dlt.destinations.job_client_impl import SqlLoadJob
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from dlt_pipelines import moves
from dlt_pipelines.staging import MERGE_SCHEMA, SCHEMA
from dlt_pipelines.streams import BLOCK_BYTES, Streams
from dlt_pipelines.tables import TABLES, feed_key

if TYPE_CHECKING:
    from dlt.common.destination.client import FollowupJobRequest, LoadJob
    from dlt.common.destination.typing import PreparedTableSchema
    from dlt.destinations.sql_client import SqlClientBase

HEADER = "stream"
"""The one column of the file that dlt is given: it names a stream."""

# Triggers record updates and deletions; the loader records what it inserts.
_RECORD_CHANGES = (
    ", recorded AS (INSERT INTO ops.study_changes (relation, organization_id, key)"
    " SELECT DISTINCT {relation}, organization_id, key FROM written WHERE key IS NOT NULL)"
)


class StreamJob(PostgresCsvCopyJob):
    """COPY of one stream in one transaction: dlt may run it again after a failure."""

    _job_client: StreamingClient

    def run(self) -> None:
        """Copy the stream's rows into the merge table, or straight into the partitions."""
        with FileStorage.open_zipsafe_ro(self._file_path, "rb") as file:
            rows = list(csv.DictReader(io.StringIO(file.read().decode("utf-8"))))
        name = rows[0][HEADER]
        streams = self._job_client.streams
        stream, client = streams[name], self._job_client.sql_client
        columns = ", ".join(client.escape_column_name(column) for column in stream.columns)
        schema = MERGE_SCHEMA if stream.into == "merge" else SCHEMA
        table = ".".join(map(client.escape_column_name, (schema, stream.table.name)))
        statement = f"COPY {table} ({columns}) FROM STDIN {stream.copy_options}"
        with (
            streams.rows(name) as source,
            client.begin_transaction(),
            client.native_connection.cursor() as cursor,
        ):
            if stream.into == "target" and feed_key(stream.table):
                cursor.execute(
                    "INSERT INTO ops.study_changes (relation, organization_id)"
                    " SELECT %s, unnest(%s::text[]::uuid[])",
                    (stream.table.name, [str(one) for one in stream.since]),
                )
            cursor.copy_expert(statement, source, size=BLOCK_BYTES)


class StatementsJob(SqlLoadJob):
    """Statements, one a line; the stock job would also cut them at a semicolon within a name."""

    def _split_fragments(self, sql: str) -> list[str]:
        return [line for line in sql.split("\n") if line.strip()]


class CountingUpsertJob(SqlMergeFollowupJob):
    """Insert what is new, update what differs, and note per organization how many rows that were.

    A row of an overlap window that did not change is not written again.
    """

    @classmethod
    def generate_sql(
        cls, table_chain: Sequence[PreparedTableSchema], sql_client: SqlClientBase[Any]
    ) -> list[str]:
        """The statements, which dlt runs in one transaction."""
        table = table_chain[0]
        name = str(table["name"])
        target, merge = sql_client.get_qualified_table_names(name)
        escape = sql_client.escape_column_name
        columns = [escape(column) for column in table["columns"]]
        keys = [escape(key) for key, hints in table["columns"].items() if hints.get("primary_key")]
        values = [column for column in columns if column not in keys]
        owner = escape("organization_id") if "organization_id" in table["columns"] else "NULL::uuid"
        spec = next((spec for spec in TABLES if spec.name == name), None)
        key = spec and feed_key(spec)
        listed = ", ".join(columns)
        assignments = ", ".join(f"{column} = EXCLUDED.{column}" for column in values)
        old = ", ".join(f"old.{column}" for column in values)
        new = ", ".join(f"EXCLUDED.{column}" for column in values)
        literal = sql_client.capabilities.escape_literal
        assert literal is not None
        statements = [
            f"WITH written AS (INSERT INTO {target} AS old ({listed}) SELECT {listed} FROM {merge}"
            f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {assignments}"
            # As stored: some types have no "=", and by jsonb's 1.5 is 1.50.
            f" WHERE ROW({old})::record *<> ROW({new})::record"
            f" RETURNING {owner} AS organization_id, {escape(key) if key else 'NULL::uuid'} AS key)"
            f"{_RECORD_CHANGES.format(relation=literal(name)) if key else ''}"
            " INSERT INTO ops.load_counts (table_name, organization_id, rows)"
            f" SELECT {literal(name)}, organization_id, count(*) FROM written GROUP BY 2"
        ]
        if spec and moves.movable(spec):
            statements = [
                # A handful of rows against hundreds of partitions: look each up by its key.
                "SET LOCAL enable_hashjoin = off",
                "SET LOCAL enable_mergejoin = off",
                "INSERT INTO ops.possible_moves (table_name, organization_id, id)"
                f" SELECT {literal(name)}, new.organization_id, new.id FROM {merge} AS new"
                f" WHERE NOT EXISTS (SELECT FROM {target} AS old"
                " WHERE old.organization_id = new.organization_id AND old.id = new.id)",
                *statements,
            ]
        return statements


class StreamingClient(PostgresClient):
    """Uses the jobs above in place of the stock ones."""

    streams: ClassVar[Streams]

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        """Replace the stock jobs for CSV files and for statements."""
        if SqlLoadJob.is_sql_job(file_path):
            return StatementsJob(file_path)
        job = super().create_load_job(table, file_path, load_id, restore)
        return StreamJob(file_path) if type(job) is PostgresCsvCopyJob else job

    def _create_merge_followup_jobs(
        self, table_chain: Sequence[PreparedTableSchema]
    ) -> list[FollowupJobRequest]:
        return [CountingUpsertJob.from_table_chain(table_chain, self.sql_client)]


def streaming_postgres(given: Streams) -> type[postgres]:
    """The kind of destination to give to ``dlt.pipeline`` for one run.

    dlt makes its clients itself and several of them: they find the run's streams on their class.
    """

    class RunClient(StreamingClient):
        streams = given

    class StreamingPostgres(postgres):
        @property
        def client_class(self) -> type[PostgresClient]:
            return RunClient

    return StreamingPostgres

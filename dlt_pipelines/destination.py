"""dlt's PostgreSQL destination: rows by COPY from the source, and a merge that counts.

The stock loader reads rows from files and turns an empty string into NULL; its MERGE returns no
counts. Here a load job copies a stream of the source's snapshot, and the merge is an upsert that
counts the rows of each organization. The target and merge tables have DDL of their own
(``eden/warehouse/migrations``, ``staging.py``); dlt never creates them.

These classes build on parts of dlt that are not public API: ``pyproject.toml`` pins dlt to one
minor release, and each class names the part that it replaces and the test that fails if dlt changes
it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dlt.common.destination.exceptions import DestinationTerminalException
from dlt.common.exceptions import TerminalException
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
    from dlt.common.schema import Schema
    from dlt.destinations.impl.postgres.configuration import PostgresClientConfiguration
    from dlt.destinations.sql_client import SqlClientBase

HEADER = "stream"
"""The only column of the file that dlt loads: the name of a stream.

dlt moves files from step to step and a load job knows nothing but its file. The name leads the job
back to the stream, whose rows never touch the disk."""


class LoadFailure(Exception):
    """The kind and SQLSTATE of an error of a load job, without its message.

    The message of a database can quote a row, and dlt writes the message of a failed job into the
    load package and the trace.
    """

    def __init__(self, kind: str, sqlstate: str | None) -> None:
        super().__init__(kind + (f" (SQLSTATE {sqlstate})" if sqlstate else ""))
        self.sqlstate = sqlstate

    @classmethod
    def of(cls, error: BaseException) -> LoadFailure:
        """The failure that the first cause of an error stands for."""
        cause = innermost(error)
        if isinstance(cause, LoadFailure):
            return cause
        return cls(type(cause).__name__, sqlstate_of(cause))


class FinalLoadFailure(LoadFailure, TerminalException):
    """A failure after which dlt does not run the job again."""


def innermost(error: BaseException) -> BaseException:
    """The first error of a chain of causes."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def sqlstate_of(error: BaseException) -> str | None:
    """The SQLSTATE of an error of psycopg 3, psycopg2 or :class:`LoadFailure`."""
    state: str | None = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return state


def _run_without_messages(run: Callable[[], None]) -> None:
    """Run a job; replace its exception by a :class:`LoadFailure` that has no context."""
    failure: LoadFailure | None = None
    try:
        run()
    except (Exception, TerminalException) as error:  # noqa: BLE001  # any message can quote a row
        # dlt does not repeat a job after these two.
        is_final = isinstance(error, TerminalException | AssertionError)
        kind = FinalLoadFailure if is_final else LoadFailure
        failure = kind.of(error)
    # Raised here, outside of the handler: dlt writes the messages of a context out, too.
    if failure is not None:
        raise failure


# Triggers record updates and deletions; the loader records what it inserts.
_RECORD_CHANGES = (
    ", recorded AS (INSERT INTO ops.study_changes (relation, organization_id, key)"
    " SELECT DISTINCT {relation}, organization_id, key FROM written WHERE key IS NOT NULL)"
)


class StreamJob(PostgresCsvCopyJob):
    """COPY of one stream in one transaction: dlt may run it again after a failure.

    Replaces ``PostgresCsvCopyJob.run``; uses ``_file_path`` and ``_job_client``. If dlt runs its
    own job instead, ``test_values_arrive_as_they_are`` fails.
    """

    _job_client: StreamingClient

    def run(self) -> None:
        """Copy the stream's rows into the merge table, or directly into the partitions.

        Raises:
            LoadFailure: the source or the warehouse refused; names kind and SQLSTATE, no value.
        """
        _run_without_messages(self._copy)

    def _copy(self) -> None:
        with FileStorage.open_zipsafe_ro(self._file_path, "rb") as file:
            rows = list(csv.DictReader(io.StringIO(file.read().decode("utf-8"))))
        name = rows[0][HEADER]
        streams = self._job_client.streams
        if streams is None:
            raise DestinationTerminalException("the rows can only be read during a run of eden")
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
    """Runs the statements of a file, one per line.

    Replaces ``SqlLoadJob._split_fragments``, which also cuts a statement at a semicolon within a
    quoted name. If dlt does not call it,
    ``test_a_new_column_arrives_with_the_values_of_rows_that_did_not_change`` fails.
    """

    def run(self) -> None:
        """Run the statements in one transaction.

        Raises:
            LoadFailure: the warehouse refused; names kind and SQLSTATE, no value.
        """
        _run_without_messages(super().run)

    def _split_fragments(self, sql: str) -> list[str]:
        return [line for line in sql.split("\n") if line.strip()]


class CountingUpsertJob(SqlMergeFollowupJob):
    """Inserts new rows, updates rows that differ, and counts both per organization.

    A row of the overlap that did not change is not written again.

    Replaces ``SqlMergeFollowupJob.generate_sql``. If dlt does not call it,
    ``test_an_overlap_that_is_read_again_is_not_written_again`` fails.
    """

    @classmethod
    def generate_sql(
        cls, table_chain: Sequence[PreparedTableSchema], sql_client: SqlClientBase[Any]
    ) -> list[str]:
        """The statements of the merge; dlt runs them in one transaction."""
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
    """Uses the jobs of this module in place of dlt's.

    Replaces ``create_load_job``, which is public, and ``_create_merge_followup_jobs``, where dlt
    chooses the merge. The tests of the jobs fail if dlt does not call them.
    """

    streams: Streams | None = None

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        """Replace dlt's jobs for CSV files and for statements."""
        if SqlLoadJob.is_sql_job(file_path):
            return StatementsJob(file_path)
        job = super().create_load_job(table, file_path, load_id, restore)
        return StreamJob(file_path) if type(job) is PostgresCsvCopyJob else job

    def _create_merge_followup_jobs(
        self, table_chain: Sequence[PreparedTableSchema]
    ) -> list[FollowupJobRequest]:
        return [CountingUpsertJob.from_table_chain(table_chain, self.sql_client)]


class StreamingPostgres(postgres):
    """The destination of one run, which gives the run's streams to each client that dlt makes.

    dlt's own commands find it by its name in the pipeline's state and make it without streams.
    """

    streams: Streams | None = None

    @property
    def client_class(self) -> type[PostgresClient]:
        """The class of the clients."""
        return StreamingClient

    def client(
        self, schema: Schema, initial_config: PostgresClientConfiguration | None = None
    ) -> PostgresClient:
        """A client of dlt for one schema, with the run's streams."""
        client = super().client(schema, initial_config)  # type: ignore[arg-type]  # dlt says None, too
        assert isinstance(client, StreamingClient)
        client.streams = self.streams
        return client

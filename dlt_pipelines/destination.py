"""dlt's PostgreSQL destination, made faithful.

The stock loader turns an empty string into NULL (it passes FORCE_NULL for every nullable column),
and its MERGE tells neither how many rows it wrote nor for whom. Target and merge tables come from
``eden/migrations``; dlt never creates them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlt.common.storages.file_storage import FileStorage
from dlt.destinations.impl.postgres.factory import postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresCsvCopyJob
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

if TYPE_CHECKING:
    from dlt.common.destination.client import FollowupJobRequest, LoadJob
    from dlt.common.destination.typing import PreparedTableSchema
    from dlt.destinations.sql_client import SqlClientBase

COPY_BLOCK_BYTES = 1 << 20


class FaithfulCopyJob(PostgresCsvCopyJob):
    """COPY of a file that keeps '' and NULL apart."""

    def run(self) -> None:
        """Copy the file into its merge table in one transaction."""
        client = self._job_client.sql_client
        with FileStorage.open_zipsafe_ro(self._file_path, "rb") as file:
            (header,) = csv.reader(io.StringIO(file.readline().decode("utf-8")))
            columns = ", ".join(client.escape_column_name(name) for name in header)
            table = client.make_qualified_table_name(self.load_table_name)
            statement = f"COPY {table} ({columns}) FROM STDIN WITH (FORMAT csv, ENCODING 'UTF8')"
            with client.begin_transaction(), client.native_connection.cursor() as cursor:
                cursor.copy_expert(statement, file, size=COPY_BLOCK_BYTES)


class CountingUpsertJob(SqlMergeFollowupJob):
    """Insert what is new, update what differs, and note per organization how many rows that were.

    A row of an overlap window that did not change is not written again.
    """

    @classmethod
    def generate_sql(
        cls, table_chain: Sequence[PreparedTableSchema], sql_client: SqlClientBase[Any]
    ) -> list[str]:
        """One statement, run by dlt in one transaction."""
        table = table_chain[0]
        name = str(table["name"])
        target, merge = sql_client.get_qualified_table_names(name)
        escape = sql_client.escape_column_name
        columns = [escape(column) for column in table["columns"]]
        keys = [escape(key) for key, hints in table["columns"].items() if hints.get("primary_key")]
        values = [column for column in columns if column not in keys]
        owner = escape("organization_id") if "organization_id" in table["columns"] else "NULL::uuid"
        listed = ", ".join(columns)
        assignments = ", ".join(f"{column} = EXCLUDED.{column}" for column in values)
        old = ", ".join(f"old.{column}" for column in values)
        new = ", ".join(f"EXCLUDED.{column}" for column in values)
        literal = sql_client.capabilities.escape_literal
        assert literal is not None
        return [
            f"WITH written AS (INSERT INTO {target} AS old ({listed}) SELECT {listed} FROM {merge}"
            f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {assignments}"
            f" WHERE ({old}) IS DISTINCT FROM ({new}) RETURNING {owner} AS organization_id)"
            " INSERT INTO ops.sync_written (table_name, organization_id, rows)"
            f" SELECT {literal(name)}, organization_id, count(*) FROM written GROUP BY 2"
        ]


class FaithfulPostgresClient(PostgresClient):
    """Uses the two jobs above in place of the stock ones."""

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        """Replace the stock CSV job."""
        job = super().create_load_job(table, file_path, load_id, restore)
        return FaithfulCopyJob(file_path) if type(job) is PostgresCsvCopyJob else job

    def _create_merge_followup_jobs(
        self, table_chain: Sequence[PreparedTableSchema]
    ) -> list[FollowupJobRequest]:
        return [CountingUpsertJob.from_table_chain(table_chain, self.sql_client)]


class faithful_postgres(postgres):  # noqa: N801  # dlt names destinations so
    """The destination to give to ``dlt.pipeline``."""

    @property
    def client_class(self) -> type[PostgresClient]:
        """The client that loads."""
        return FaithfulPostgresClient

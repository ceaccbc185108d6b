"""The tables of ``ops`` that runs write: watermarks, counts, history, heartbeats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import sql

from dlt_pipelines.source import NOBODY, Window
from dlt_pipelines.tables import TableSpec
from eden.postgres import Connection


@dataclass(frozen=True, slots=True)
class Watermark:
    """The moment up to which a table of an organization was read, and the rows of the overlap."""

    moment: datetime
    window_rows: int
    window_checksum: str


@dataclass(frozen=True, slots=True)
class TableOutcome:
    """The rows of one table and organization (None: a table without one) in one run."""

    table: str
    organization_id: UUID | None
    rows_read: int
    rows_written: int


def watermarks(warehouse: Connection) -> dict[str, dict[UUID, Watermark]]:
    """The watermarks per table and organization; :data:`NOBODY` for tables without one."""
    # Most organizations share moment and window: grouped, the answer has few rows.
    rows = warehouse.execute(
        """
        SELECT table_name, watermark, window_rows, window_checksum, array_agg(organization_id)
        FROM ops.sync_watermarks GROUP BY 1, 2, 3, 4
        """
    )
    found: dict[str, dict[UUID, Watermark]] = {}
    for table, moment, count, checksum, owners in rows:
        known = Watermark(moment, count, checksum)
        found.setdefault(table, {}).update(dict.fromkeys(owners, known))
    return found


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of the watermarks of one table that share their moment."""

    moment: datetime
    owners: str
    """The :func:`fingerprint` of their organizations."""
    rows: int
    checksum: str


def totals(warehouse: Connection) -> dict[str, list[Total]]:
    """The sums per table: a single one if all organizations were last read together."""
    rows = warehouse.execute(
        """
        SELECT table_name, watermark,
            md5(string_agg(organization_id::text, ',' ORDER BY organization_id)),
            sum(window_rows)::bigint, sum(window_checksum::numeric)::text
        FROM ops.sync_watermarks GROUP BY 1, 2
        """
    )
    found: dict[str, list[Total]] = {}
    for table, *values in rows:
        found.setdefault(table, []).append(Total(*values))
    return found


def fingerprint(organizations: Iterable[UUID]) -> str:
    """A hash of a set of organizations, equal to the one that :func:`totals` computes."""
    listed = ",".join(sorted(map(str, organizations)))
    return hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest()


def forgotten(warehouse: Connection) -> set[UUID]:
    """The organizations that were forgotten: they are not replicated."""
    rows = warehouse.execute(
        "SELECT organization_id FROM ops.organizations WHERE forgotten_at IS NOT NULL"
    )
    return {organization_id for (organization_id,) in rows}


def announce(warehouse: Connection, run_id: UUID, reason: str) -> None:
    """Request a build; called before rows are written.

    A crash between the two costs a needless build; in the other order it could cost a missed one.
    """
    warehouse.execute(
        "INSERT INTO ops.build_requests (run_id, reason) VALUES (%s, %s)", (run_id, reason)
    )


def clear_written(warehouse: Connection) -> None:
    """Delete the counts of an earlier load."""
    warehouse.execute("TRUNCATE ops.load_counts")


def written(warehouse: Connection, table: TableSpec) -> dict[UUID, int]:
    """The rows that the last load inserted or changed, per organization."""
    rows = warehouse.execute(
        """
        SELECT coalesce(organization_id, %s), sum(rows)::bigint
        FROM ops.load_counts WHERE table_name = %s GROUP BY 1
        """,
        (NOBODY, table.name),
    )
    return dict(rows.fetchall())


def advance(
    warehouse: Connection, table: TableSpec, moment: datetime, windows: Mapping[UUID, Window]
) -> None:
    """Move the watermarks of these organizations to ``moment``."""
    with warehouse.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO ops.sync_watermarks
                (table_name, organization_id, watermark, window_rows, window_checksum)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (table_name, organization_id) DO UPDATE SET
                watermark = EXCLUDED.watermark,
                window_rows = EXCLUDED.window_rows,
                window_checksum = EXCLUDED.window_checksum,
                updated_at = now()
            """,
            [
                (table.name, owner, moment, window.rows, window.checksum)
                for owner, window in windows.items()
            ],
        )


def note_new_partitions(
    warehouse: Connection, table: TableSpec, organizations: Sequence[UUID]
) -> None:
    """Note for ``moves`` partitions that are still empty: all their rows will be new."""
    with warehouse.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ops.possible_moves (table_name, organization_id) VALUES (%s, %s)",
            [(table.name, organization_id) for organization_id in organizations],
        )


def record(
    warehouse: Connection,
    run_id: UUID,
    outcomes: Sequence[TableOutcome],
    *,
    started_at: datetime,
    seconds: float,
    watermark: datetime,
) -> None:
    """Write the history of one table: a row per organization with changes."""
    with warehouse.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO ops.sync_runs
                (run_id, kind, table_name, organization_id, outcome, rows_read, rows_written,
                 seconds, watermark, started_at)
            VALUES (%s, 'sync', %s, %s, 'loaded', %s, %s, %s, %s, %s)
            """,
            [
                (
                    run_id,
                    outcome.table,
                    outcome.organization_id,
                    outcome.rows_read,
                    outcome.rows_written,
                    seconds,
                    watermark,
                    started_at,
                )
                for outcome in outcomes
            ],
        )


def record_validation(
    warehouse: Connection,
    run_id: UUID,
    found: Sequence[tuple[str, UUID | None, int, int]],
    *,
    started_at: datetime,
    seconds: float,
) -> None:
    """Write the history of a validation: a row per table and organization that differed."""
    with warehouse.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO ops.sync_runs
                (run_id, kind, table_name, organization_id, outcome, rows_read, rows_written,
                 rows_deleted, seconds, started_at)
            VALUES (%(run)s, 'validate', %(table)s, %(organization)s, 'loaded', %(loaded)s,
                    %(loaded)s, %(deleted)s, %(seconds)s, %(started)s)
            """,
            [
                {
                    "run": run_id,
                    "table": table,
                    "organization": organization_id,
                    "loaded": loaded,
                    "deleted": deleted,
                    "seconds": seconds,
                    "started": started_at,
                }
                for table, organization_id, loaded, deleted in found
            ],
        )


def record_failure(
    warehouse: Connection, run_id: UUID, table: str, code: str, started_at: datetime
) -> None:
    """Write the history of a table that could not be loaded."""
    warehouse.execute(
        """
        INSERT INTO ops.sync_runs (run_id, kind, table_name, outcome, error_code, started_at)
        VALUES (%s, 'sync', %s, 'failed', %s, %s)
        """,
        (run_id, table, code, started_at),
    )


def record_heartbeat(
    warehouse: Connection,
    run_id: UUID,
    rows_read: int,
    *,
    is_idle: bool,
    organizations: Sequence[UUID] | None,
) -> None:
    """Record that a run has ended well: the only row that an idle run writes.

    ``organizations`` are the organizations of the run; None stands for all.
    """
    warehouse.execute(
        "INSERT INTO ops.sync_heartbeats (run_id, rows_read, is_idle, organization_ids) "
        "VALUES (%s, %s, %s, %s::uuid[])",
        (run_id, rows_read, is_idle, None if organizations is None else list(organizations)),
    )


_OLD: LiteralString = "< now() - %(days)s * interval '1 day'"

# The newest change and the newest build are state: a build is due if they differ. A deletion is the
# evidence for a withdrawal: it stays as long as its study can be in the bucket.
_PRUNE: tuple[LiteralString, ...] = (
    f"DELETE FROM ops.sync_runs WHERE finished_at {_OLD}",
    f"DELETE FROM ops.sync_heartbeats WHERE finished_at {_OLD}",
    f"""
    DELETE FROM ops.build_requests WHERE created_at {_OLD}
        AND request_id < (SELECT max(request_id) FROM ops.build_requests)
        AND request_id <= (SELECT requests_seen FROM ops.builds ORDER BY build_id DESC LIMIT 1)
    """,
    f"""
    DELETE FROM ops.builds WHERE finished_at {_OLD}
        AND build_id < (SELECT max(build_id) FROM ops.builds)
    """,
    f"""
    DELETE FROM ops.deletions AS gone WHERE deleted_at {_OLD} AND NOT (
        table_name = 'pacs_studies' AND EXISTS (
            SELECT FROM ops.study_exports AS known
            WHERE known.study_id = gone.id AND known.status <> 'withdrawn'
        )
    )
    """,
)
# dlt adds a version of its schema for each new set of loaded tables, and adds it again if needed.
_DLT_TABLES = (
    ("staging", "_dlt_loads"),
    ("staging", "_dlt_version"),
    ("_dlt_merge_staging", "_dlt_version"),
)


def prune(warehouse: Connection, retention_days: int) -> None:
    """Delete history older than ``RETENTION_DAYS``; state and evidence stay."""
    days = {"days": retention_days}
    for query in _PRUNE:
        warehouse.execute(query, days)
    for table in _DLT_TABLES:
        # dlt creates its tables at the first load.
        row = warehouse.execute("SELECT to_regclass(%s) IS NOT NULL", (".".join(table),)).fetchone()
        if row is not None and row[0]:
            delete = sql.SQL("DELETE FROM {} WHERE inserted_at " + _OLD)
            warehouse.execute(delete.format(sql.Identifier(*table)), days)

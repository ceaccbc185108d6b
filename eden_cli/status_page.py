"""``eden status``: how fresh each organization is, and what failed last (design, section 8)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from rich.console import Console

from dicom_export import Funnel, read_funnel
from eden import postgres
from eden.errors import DatabaseUnavailable
from eden.postgres import Connection
from eden.settings import DestinationDatabase, load
from eden.warehouse import tenants
from eden.warehouse.builds import is_build_due
from eden.warehouse.tenants import Tenant
from eden_cli import export_status, output

_OLDEST_CHANGE = """
SELECT min(created_at) FROM ops.build_requests
WHERE request_id > coalesce(
    (SELECT requests_seen FROM ops.builds ORDER BY build_id DESC LIMIT 1), 0
)
"""


@dataclass(frozen=True, slots=True)
class OrganizationStatus:
    """One organization as its runs left it."""

    organization_id: UUID
    slug: str
    """As the source calls it now."""
    schema: str
    is_forgotten: bool
    is_removed: bool
    """Whether its rows have left the warehouse, once it is forgotten."""
    last_read: datetime | None
    """When a run last looked at all its tables, or else when it was registered."""
    newest_row: datetime | None
    """The newest ``updated_at`` that was read, over all its tables."""
    last_change: datetime | None
    """When a run last brought rows."""
    rows_read: int
    rows_written: int
    rows_deleted: int
    """Within the retention of the history."""
    failing_tables: tuple[str, ...] = ()
    """Tables that could not be loaded last, for this organization as for the others."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A table whose last run failed."""

    table: str
    code: str
    since: datetime
    """The first failure since it was last loaded."""


@dataclass(frozen=True, slots=True)
class Status:
    """The last runs, from the ledger."""

    last_sync: datetime | None
    last_build: datetime | None
    build_is_due: bool
    build_due_since: datetime | None
    """When the oldest change came that is not in the marts yet."""
    organizations: tuple[OrganizationStatus, ...]
    failures: tuple[Failure, ...]
    export: Funnel | None
    """Where the studies of the export stand; None before the first build."""
    tenants: tuple[Tenant, ...]
    """The role that reads an organization's rows, and the problem that prevents it."""

    now: datetime
    """The warehouse's time."""

    def to_dict(self) -> dict[str, Any]:
        """A document for ``--json``; moments in ISO 8601."""
        document: dict[str, Any] = _plain(asdict(self))
        return document


def read_status() -> Status:
    """Read the ledger, and change nothing.

    Raises:
        DatabaseUnavailable: the warehouse can't be reached, or holds no ledger yet.
    """
    warehouse = load(DestinationDatabase)
    with postgres.connect(warehouse, application_name="vlm-eden-dataset-etl status") as connection:
        connection.read_only = True
        try:
            failures = _failures(connection)
            return Status(
                last_sync=_moment(connection, "SELECT max(finished_at) FROM ops.sync_heartbeats"),
                last_build=_moment(connection, "SELECT max(finished_at) FROM ops.builds"),
                build_is_due=is_build_due(connection),
                build_due_since=_moment(connection, _OLDEST_CHANGE),
                organizations=_organizations(connection, failures),
                failures=failures,
                export=read_funnel(connection, deidentifies=export_status.would_deidentify()),
                tenants=tenants.read(connection),
                now=_now(connection),
            )
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            message = f"{warehouse.label}: nothing was ever synced here; run eden etl"
            raise DatabaseUnavailable(message) from None
        except psycopg.errors.UndefinedColumn:
            message = f"{warehouse.label}: of an older version; any other eden command updates it"
            raise DatabaseUnavailable(message) from None


def show(console: Console, status: Status) -> None:
    """Show the status to a person."""
    output.say(f"Last sync {_ago(status.last_sync)}, last build {_ago(status.last_build)}.")
    if status.build_is_due:
        output.say("A build is due.")
    organizations = output.table(
        "Organizations", "organization", "last read", "last change", "rows written", "failures"
    )
    for row in status.organizations:
        organizations.add_row(
            row.slug + (" (forgotten)" if row.is_forgotten else ""),
            "" if row.is_forgotten else _ago(row.last_read),
            _ago(row.last_change),
            f"{row.rows_written:,}",
            str(len(row.failing_tables)),
        )
    console.print(organizations)
    if status.failures:
        failures = output.table("Failing tables", "table", "code", "since")
        for failure in status.failures:
            failures.add_row(failure.table, failure.code, _ago(failure.since))
        console.print(failures)
    export_status.show(console, status.export)
    for remedy in tenants.remedies(status.tenants):
        output.say(f"Tenants: {remedy}.")


def _moment(connection: Connection, query: str) -> datetime | None:
    row = connection.execute(query).fetchone()
    moment: datetime | None = row[0] if row else None
    return moment


def _now(connection: Connection) -> datetime:
    moment = _moment(connection, "SELECT now()")
    assert moment is not None
    return moment


def _organizations(
    connection: Connection, failures: tuple[Failure, ...]
) -> tuple[OrganizationStatus, ...]:
    rows = connection.execute(
        """
        SELECT
            organization.organization_id, coalesce(named.slug, organization.slug) AS slug,
            organization.schema_name,
            organization.forgotten_at IS NOT NULL, organization.removed_at IS NOT NULL,
            greatest(organization.registered_at, everyone.finished_at, alone.finished_at),
            watermarks.newest, runs.last_change,
            coalesce(runs.rows_read, 0), coalesce(runs.rows_written, 0),
            coalesce(runs.rows_deleted, 0)
        FROM ops.organizations AS organization
        LEFT JOIN staging.pacs_organizations AS named ON named.id = organization.organization_id
        CROSS JOIN (
            SELECT max(finished_at) AS finished_at FROM ops.sync_heartbeats
            WHERE organization_ids IS NULL
        ) AS everyone
        LEFT JOIN (
            SELECT organization_id, max(finished_at) AS finished_at
            FROM ops.sync_heartbeats CROSS JOIN unnest(organization_ids) AS organization_id
            GROUP BY 1
        ) AS alone USING (organization_id)
        LEFT JOIN (
            SELECT organization_id, max(watermark) FILTER (WHERE watermark > '0001-01-02') AS newest
            FROM ops.sync_watermarks GROUP BY 1
        ) AS watermarks USING (organization_id)
        LEFT JOIN (
            SELECT organization_id,
                max(finished_at) FILTER (WHERE rows_written + rows_deleted > 0) AS last_change,
                sum(rows_read)::bigint AS rows_read,
                sum(rows_written)::bigint AS rows_written,
                sum(rows_deleted)::bigint AS rows_deleted
            FROM ops.sync_runs WHERE outcome = 'loaded' GROUP BY 1
        ) AS runs USING (organization_id)
        ORDER BY slug, organization.organization_id
        """
    )
    failing = tuple(failure.table for failure in failures)
    return tuple(replace(OrganizationStatus(*row), failing_tables=failing) for row in rows)


def _failures(connection: Connection) -> tuple[Failure, ...]:
    rows = connection.execute(
        """
        SELECT table_name, (array_agg(error_code ORDER BY finished_at DESC))[1], min(finished_at)
        FROM ops.sync_runs AS run
        WHERE outcome = 'failed' AND NOT EXISTS (
            SELECT FROM ops.sync_runs AS later
            WHERE later.table_name = run.table_name AND later.outcome = 'loaded'
                AND later.finished_at > run.finished_at
        )
        GROUP BY 1 ORDER BY 1
        """
    )
    return tuple(Failure(*row) for row in rows)


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    seconds = int((datetime.now(moment.tzinfo) - moment).total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def _plain(value: Any) -> Any:  # noqa: ANN401  # anything that JSON can say
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return value

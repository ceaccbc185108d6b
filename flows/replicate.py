"""Replication, build and validation (design, section 8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from prefect.runtime import flow_run

import dlt_pipelines
from dlt_pipelines import SyncSummary, ValidationSummary
from eden.warehouse import builds
from flows.artifacts import leave_table, progress_bar
from flows.tasks import as_flow, as_task

sync_task = as_task(dlt_pipelines.sync, "sync")
build_task = as_task(builds.build, "build")
test_task = as_task(builds.check_data, "test")
validate_task = as_task(dlt_pipelines.validate, "validate")
sync_organizations_task = as_task(dlt_pipelines.sync_organizations, "sync-organizations")


@as_flow("etl")
def etl() -> dict[str, Any]:
    """Bring the warehouse up to date with the source, for all organizations.

    Returns what ``eden etl --json`` prints.

    Raises:
        EdenError: as :func:`dlt_pipelines.etl` does, after everything else is done.
    """
    return _tick([])


@as_flow("sync-data-from-by-organization", run_name=lambda: _of_organization("sync"))
def sync_data_from_by_organization(
    organization_id: str | None = None, organization_slug: str | None = None
) -> dict[str, Any]:
    """Bring one organization up to date; where id and slug are given they must agree.

    Raises:
        EdenError: as :func:`etl` does; UsageError or UnknownOrganization where nothing was done.
    """
    return _tick([dlt_pipelines.find_organization(organization_id, organization_slug)])


@as_flow("sync-organizations")
def sync_organizations() -> dict[str, Any]:
    """Bring the list of organizations up to date and give new ones their schemas.

    Raises:
        EdenError: as :func:`dlt_pipelines.sync` does.
    """
    with progress_bar("sync-organizations"):
        summary = sync_organizations_task()
    leave_table("sync-organizations", _rows(summary), "Rows read and written per table")
    return summary.to_dict()


@as_flow("validation")
def validation() -> dict[str, Any]:
    """Compare all of staging with the source, repair it, build, and test the data.

    Raises:
        SyncFailed: deletions were refused or a table could not be compared, after everything else
            is done.
        BuildFailed: dbt failed, or a test of the data did.
    """
    try:
        return _validate([]).to_dict()
    finally:
        test_task()


@as_flow("sync-pending-data-by-organization", run_name=lambda: _of_organization("validate"))
def sync_pending_data_by_organization(
    organization_id: str | None = None, organization_slug: str | None = None
) -> dict[str, Any]:
    """Compare one organization with the source and repair it; the others stay untouched.

    Raises:
        EdenError: as :func:`validation` does; UsageError or UnknownOrganization where nothing was
            done.
    """
    name = dlt_pipelines.find_organization(organization_id, organization_slug)
    return _validate([name]).to_dict()


def _tick(organizations: list[str]) -> dict[str, Any]:
    with progress_bar("etl"):
        summary = dlt_pipelines.etl(organizations, sync_step=sync_task, build_step=build_task)
    leave_table("etl", _rows(summary.sync), "Rows read and written per table")
    return summary.to_dict()


def _validate(organizations: list[str]) -> ValidationSummary:
    with progress_bar("validation"):
        return dlt_pipelines.validate_and_build(
            organizations, validate_step=_validate_and_tell, build_step=build_task
        )


def _validate_and_tell(organizations: Collection[str]) -> ValidationSummary:
    summary = validate_task(organizations)
    rows = summary.to_dict()["differences"]
    leave_table("validation", rows, "Differences per table and organization")
    return summary


def _of_organization(what: str) -> str:
    given = flow_run.parameters
    return f"{what} {given.get('organization_slug') or given.get('organization_id')}"


def _rows(summary: SyncSummary) -> list[dict[str, Any]]:
    read: Counter[str] = Counter()
    written: Counter[str] = Counter()
    for outcome in summary.outcomes:
        read[outcome.table] += outcome.rows_read
        written[outcome.table] += outcome.rows_written
    return [{"table": t, "rows read": read[t], "rows written": written[t]} for t in read]

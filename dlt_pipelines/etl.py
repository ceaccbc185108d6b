"""A tick: sync, then build (design, section 8)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dlt_pipelines.organizations import several_called
from dlt_pipelines.source import snapshot
from dlt_pipelines.sync import SyncSummary, sync
from dlt_pipelines.validate import ValidationSummary, validate
from eden.errors import SyncFailed, UnknownOrganization, UsageError
from eden.settings import SourceDatabase, load
from eden.warehouse.builds import BuildSummary, build


@dataclass(frozen=True, slots=True)
class EtlSummary:
    """The result of a tick."""

    sync: SyncSummary
    build: BuildSummary

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to load and nothing to build."""
        return self.sync.is_idle and not self.build.built

    def to_dict(self) -> dict[str, Any]:
        """A document for ``--json``."""
        return {
            "is_idle": self.is_idle,
            "sync": self.sync.to_dict(),
            "build": self.build.to_dict(),
        }


def etl(
    organizations: Collection[str] = (),
    *,
    sync_step: Callable[[Collection[str]], SyncSummary] = sync,
    build_step: Callable[[], BuildSummary] = build,
) -> EtlSummary:
    """Bring ``staging`` and the marts up to date, for all organizations or the named ones.

    If a table cannot be loaded, the other tables are loaded and the build runs; the error is raised
    at the end. A flow passes its tasks as the steps.

    Raises:
        SyncFailed: a table could not be loaded.
        BuildFailed: dbt failed; the next tick builds again.
    """
    try:
        synced = sync_step(organizations)
    except SyncFailed:
        build_step()
        raise
    return EtlSummary(synced, build_step())


def validate_and_build(
    organizations: Collection[str] = (),
    *,
    validate_step: Callable[[Collection[str]], ValidationSummary] = validate,
    build_step: Callable[[], BuildSummary] = build,
) -> ValidationSummary:
    """Repair ``staging``, then build; refused deletions are raised as an error at the end.

    Raises:
        SyncFailed: deletions were refused, or a table could not be compared.
        BuildFailed: dbt failed; the next tick builds again.
    """
    summary = validate_step(organizations)
    build_step()
    if not summary.success:
        refused = sum(found.refused for found in summary.differences)
        said = [*summary.failures, *([f"{refused} deletions were refused"] if refused else [])]
        raise SyncFailed("; ".join(said))
    return summary


def find_organization(organization_id: str | None, organization_slug: str | None) -> str:
    """The id of the organization with this id or slug; if both are given they must agree.

    Raises:
        UsageError: neither is given, or several organizations have this slug.
        UnknownOrganization: the source has no such organization, or the two do not agree.
    """
    if not organization_id and not organization_slug:
        raise UsageError("give organization_id or organization_slug")
    with snapshot(load(SourceDatabase)) as view:
        found = {
            organization.id
            for organization in view.organizations()
            if (not organization_id or organization.id == _uuid(organization_id))
            and (not organization_slug or organization.slug == organization_slug)
        }
    if not found:
        given = " and ".join(value for value in (organization_id, organization_slug) if value)
        raise UnknownOrganization(f"no organization is called {given}")
    if len(found) > 1:
        raise several_called(organization_slug or "", found)
    return str(found.pop())


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

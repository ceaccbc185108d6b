"""Replication: the tables of the source into ``staging`` (design, section 3; ``README.md``)."""

from dlt_pipelines.etl import EtlSummary, etl, find_organization, validate_and_build
from dlt_pipelines.sync import SyncSummary, sync, sync_organizations
from dlt_pipelines.validate import Difference, ValidationSummary, validate

__all__ = [
    "Difference",
    "EtlSummary",
    "SyncSummary",
    "ValidationSummary",
    "etl",
    "find_organization",
    "sync",
    "sync_organizations",
    "validate",
    "validate_and_build",
]

"""Replication: the source's tables into ``staging``, exactly (design, section 3)."""

from dlt_pipelines.etl import EtlSummary, etl, find_organization
from dlt_pipelines.sync import SyncSummary, sync, sync_organizations

__all__ = [
    "EtlSummary",
    "SyncSummary",
    "etl",
    "find_organization",
    "sync",
    "sync_organizations",
]

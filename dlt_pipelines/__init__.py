"""Replication: the source's tables into ``staging``, exactly (design, section 3)."""

from dlt_pipelines.sync import SyncSummary, sync, sync_organizations

__all__ = ["SyncSummary", "sync", "sync_organizations"]

"""Images in, dataset out: fetch, check, de-identify, publish, ledger. Knows no Prefect, no dlt."""

from dicom_export.discover import (
    count_pending,
    discover,
    dry_run,
    process_batch,
    process_study,
)
from dicom_export.dispatch import BatchState, WorkerPool
from dicom_export.errors import (
    BatchesFailed,
    MalformedStudyId,
    NotAcceptable,
    NotHeldBack,
    NoWorkers,
    StudyNotEligible,
    StudyUnknown,
    WithdrawalRefused,
)
from dicom_export.model import DiscoverySummary, StudyResult, Withdrawals
from dicom_export.retry import RetrySummary, retry
from dicom_export.status.dry_run import Forecast
from dicom_export.status.explain import Explanation, explain
from dicom_export.status.funnel import Funnel, read_funnel
from dicom_export.withdraw.organization import InBucket, empty_bucket, in_bucket
from dicom_export.workers import Throttle
from eden.errors import WarehouseNotBuilt

__all__ = [
    "BatchState",
    "BatchesFailed",
    "DiscoverySummary",
    "Explanation",
    "Forecast",
    "Funnel",
    "InBucket",
    "MalformedStudyId",
    "NoWorkers",
    "NotAcceptable",
    "NotHeldBack",
    "RetrySummary",
    "StudyNotEligible",
    "StudyResult",
    "StudyUnknown",
    "Throttle",
    "WarehouseNotBuilt",
    "WithdrawalRefused",
    "Withdrawals",
    "WorkerPool",
    "count_pending",
    "discover",
    "dry_run",
    "empty_bucket",
    "explain",
    "in_bucket",
    "process_batch",
    "process_study",
    "read_funnel",
    "retry",
]

"""Images in, dataset out: fetch, check, de-identify, publish, ledger. Knows no Prefect, no dlt."""

from dicom_export.discover import (
    Turn,
    count_pending,
    discover,
    foresee,
    process_batch,
    process_study,
)
from dicom_export.dispatch import BatchState, Crew
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
from dicom_export.ledger.retry import RetrySummary, retry
from dicom_export.model import DiscoverySummary, StudyResult, Withdrawals
from dicom_export.status.dry_run import Forecast
from dicom_export.status.explain import Explanation, explain
from dicom_export.status.funnel import Funnel, read_funnel
from dicom_export.withdraw.organization import InBucket, empty_bucket, in_bucket
from eden.errors import WarehouseNotBuilt

__all__ = [
    "BatchState",
    "BatchesFailed",
    "Crew",
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
    "Turn",
    "WarehouseNotBuilt",
    "WithdrawalRefused",
    "Withdrawals",
    "count_pending",
    "discover",
    "empty_bucket",
    "explain",
    "foresee",
    "in_bucket",
    "process_batch",
    "process_study",
    "read_funnel",
    "retry",
]

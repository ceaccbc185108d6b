"""Images in, dataset out: fetch, check, de-identify, publish, ledger. Knows no Prefect, no dlt."""

from dicom_export.discover import count_pending, discover, process_batch, process_study
from dicom_export.errors import (
    MalformedStudyId,
    StudyNotEligible,
    StudyUnknown,
    WarehouseNotBuilt,
)
from dicom_export.explain import Explanation, explain
from dicom_export.model import DiscoverySummary, StudyResult

__all__ = [
    "DiscoverySummary",
    "Explanation",
    "MalformedStudyId",
    "StudyNotEligible",
    "StudyResult",
    "StudyUnknown",
    "WarehouseNotBuilt",
    "count_pending",
    "discover",
    "explain",
    "process_batch",
    "process_study",
]

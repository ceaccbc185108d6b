"""Prefect's flows: schedules and fan-out, no rule about data.

They run in plain Python too: ``from flows import etl; etl()``.
"""

from flows.export import (
    discover_chest_dicom_studies,
    process_study_batch_to_s3,
    process_study_to_s3,
)
from flows.replicate import (
    etl,
    sync_data_from_by_organization,
    sync_organizations,
    sync_pending_data_by_organization,
    validation,
)

__all__ = [
    "discover_chest_dicom_studies",
    "etl",
    "process_study_batch_to_s3",
    "process_study_to_s3",
    "sync_data_from_by_organization",
    "sync_organizations",
    "sync_pending_data_by_organization",
    "validation",
]

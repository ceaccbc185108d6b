"""What the tests of every source of images share: rows, and bringing one file."""

from __future__ import annotations

from typing import Any

from dicom_export.blobs import MAX_IMAGE_BYTES, Budget, Workspace
from dicom_export.codes import Code
from dicom_export.errors import SourceFailed
from dicom_export.model import EligibleImage, EligibleReport, EligibleStudy
from dicom_export.sources import Sources

PLANTED = "ZZPLANTED"
"""Stands where a patient's data would; may appear in no message, log or repr."""


def an_image(file_path: str | None, **changes: Any) -> EligibleImage:
    values: dict[str, Any] = {
        "image_id": "image", "series_id": "series", "series_instance_uid": "1.2.2",
        "series_number": 1, "series_description": None, "series_modality": None,
        "sop_instance_uid": "1.2.3", "instance_number": 1, "file_path": file_path,
        "file_size": None,
    }  # fmt: skip
    return EligibleImage(**values | changes)


def a_study(*images: EligibleImage, **changes: Any) -> EligibleStudy:
    values: dict[str, Any] = {
        "study_id": "study", "organization_id": "organization", "study_instance_uid": "1.2.1",
        "accession_number": None, "dicom_description": None, "modality_code": None,
        "body_part_identifier": None, "body_part_name": None, "facility_id": None,
        "performed_at": None, "doctor_rank": 2, "fingerprint": "fingerprint",
        "reports": (EligibleReport("report", 2, "Sin hallazgos", None),), "images": images,
    }  # fmt: skip
    return EligibleStudy(**values | changes)


def bring(
    sources: Sources,
    image: EligibleImage | str | None,
    study: EligibleStudy | None = None,
    *,
    limit: int = MAX_IMAGE_BYTES,
) -> bytes | Code:
    """Bring one file; gives its bytes, or the code that stopped it."""
    row = image if isinstance(image, EligibleImage) else an_image(image)
    with Workspace(Budget(), limit) as workspace:
        try:
            blob = sources.fetch(study or a_study(row), row, workspace)
        except SourceFailed as failure:
            assert str(failure) == failure.code.value
            assert failure.__cause__ is None
            assert failure.__suppress_context__ or failure.__context__ is None
            return failure.code
        return blob.open().read()

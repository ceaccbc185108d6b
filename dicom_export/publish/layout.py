"""What lies where in the bucket, and what ``metadata.json`` says (design, section 5)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dicom_export.codes import Code
from dicom_export.model import EligibleImage, EligibleReport, EligibleStudy, Json, PlacedObject

SCHEMA_VERSION = 2
"""Of ``metadata.json``; counted up with every change that a reader could notice."""

CONTENT_TYPES: Mapping[str, str] = {
    "dicom": "application/dicom",
    "report": "text/plain; charset=utf-8",
    "metadata": "application/json",
}


def metadata_key(study: EligibleStudy) -> str:
    """``{organization_id}/{study_id}/metadata.json``."""
    return f"{_folder(study)}metadata.json"


def report_key(study: EligibleStudy, report: EligibleReport) -> str:
    """``{organization_id}/{study_id}/reports/{report_id}.txt``."""
    return f"{_folder(study)}reports/{report.report_id}.txt"


def image_key(study: EligibleStudy, image: EligibleImage) -> str:
    """``.../dicom_files/{series_id}/{instance_number:04d}_{image_id}.dcm``; null prints 0000."""
    number = image.instance_number or 0
    return f"{_folder(study)}dicom_files/{image.series_id}/{number:04d}_{image.image_id}.dcm"


def folder(organization_id: str, study_id: str) -> str:
    """``{organization_id}/{study_id}/``: the prefix of all that a study has in the bucket."""
    return f"{organization_id}/{study_id}/"


def _folder(study: EligibleStudy) -> str:
    return folder(study.organization_id, study.study_id)


@dataclass(frozen=True, slots=True)
class DescribedImage:
    """An image with what was found in its file."""

    image: EligibleImage
    placed: PlacedObject
    attributes: Mapping[str, Json]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DescribedReport:
    """A report with its object."""

    report: EligibleReport
    placed: PlacedObject


@dataclass(frozen=True, slots=True)
class StudyDescription:
    """All that ``metadata.json`` is made of, but for the time."""

    study: EligibleStudy
    images: Sequence[DescribedImage]
    reports: Sequence[DescribedReport]
    left_out: Mapping[str, Code]
    """Skipped images and reports without text, by id."""
    deidentification: Mapping[str, str | None]

    def to_bytes(self, exported_at: datetime) -> bytes:
        """Give the document; the same description and time give the same bytes.

        It names nobody: no patient's name, id or birth date, no accession number, no doctor.
        """
        document = self._document() | {"exported_at": exported_at.astimezone(UTC).isoformat()}
        return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()

    def _document(self) -> dict[str, Any]:
        images = sorted(self.images, key=lambda described: described.placed.key)
        reports = sorted(self.reports, key=lambda described: described.placed.key)
        return {
            "schema_version": SCHEMA_VERSION,
            "organization_id": self.study.organization_id,
            "study_id": self.study.study_id,
            "study": _study(self.study),
            "series": _series(described.image for described in images),
            "images": [_image(described) for described in images],
            "reports": [_report(described) for described in reports],
            "left_out": [{"id": key, "code": code} for key, code in sorted(self.left_out.items())],
            "deidentification": dict(self.deidentification),
            "objects": [
                {"kind": placed.kind, **_object(placed)}
                for placed in (
                    *(described.placed for described in images),
                    *(described.placed for described in reports),
                )
            ],
        }


def _study(study: EligibleStudy) -> dict[str, Any]:
    return {
        "study_instance_uid": study.study_instance_uid,
        "description": study.dicom_description,
        "modality": study.modality_code,
        "body_part": {"identifier": study.body_part_identifier, "name": study.body_part_name},
        "facility_id": study.facility_id,
        "performed_at": study.performed_at,
        "doctor_rank": study.doctor_rank,
    }


def _series(images: Iterable[EligibleImage]) -> list[dict[str, Any]]:
    by_id = {image.series_id: image for image in images}
    return [
        {
            "series_id": series_id,
            "series_instance_uid": image.series_instance_uid,
            "series_number": image.series_number,
            "description": image.series_description,
            "modality": image.series_modality,
        }
        for series_id, image in sorted(by_id.items())
    ]


def _image(described: DescribedImage) -> dict[str, Any]:
    image = described.image
    return {
        "image_id": image.image_id,
        "series_id": image.series_id,
        "sop_instance_uid": image.sop_instance_uid,
        "instance_number": image.instance_number,
        **_object(described.placed),
        "dicom": dict(described.attributes),
        "warnings": list(described.warnings),
    }


def _report(described: DescribedReport) -> dict[str, Any]:
    report = described.report
    return {
        "report_id": report.report_id,
        "doctor_id": report.practitioner_id,
        "doctor_rank": report.doctor_rank,
        "signed_at": report.signed_at,
        **_object(described.placed),
    }


def _object(placed: PlacedObject) -> dict[str, Any]:
    return {"key": placed.key, "bytes": placed.bytes, "sha256": placed.sha256}

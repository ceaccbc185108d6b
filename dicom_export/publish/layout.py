"""The keys of a study's objects, and the document ``metadata.json`` (design, section 5)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from dicom_export.codes import Code
from dicom_export.model import EligibleImage, EligibleReport, EligibleStudy, PlacedObject
from dicom_export.prepare.study import PreparedImage, PreparedStudy

SCHEMA_VERSION = 2
"""Version of ``metadata.json``; raised with every change that a reader could notice."""

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
    """``{organization_id}/{study_id}/``: the prefix of all objects of a study."""
    return f"{organization_id}/{study_id}/"


def _folder(study: EligibleStudy) -> str:
    return folder(study.organization_id, study.study_id)


def metadata_document(
    prepared: PreparedStudy, placed: Mapping[str, PlacedObject], exported_at: datetime
) -> bytes:
    """Return ``metadata.json``; equal arguments give equal bytes.

    ``placed`` are the study's objects by key. The document has no patient's name, id or birth
    date, no accession number and no doctor's name.
    """
    study = prepared.study
    keys = {image_key(study, item.image): item for item in prepared.images if item.code is None}
    images = [(item, placed[key]) for key, item in sorted(keys.items())]
    report_keys = {
        report_key(study, item.report): item.report for item in prepared.reports if item.blob
    }
    reports = [(report, placed[key]) for key, report in sorted(report_keys.items())]
    left_out = {item.image.image_id: item.code for item in prepared.images if item.code} | {
        item.report.report_id: Code.EMPTY_REPORT for item in prepared.reports if not item.blob
    }
    document = {
        "schema_version": SCHEMA_VERSION,
        "organization_id": study.organization_id,
        "study_id": study.study_id,
        "study": _study(study),
        "series": _series(item.image for item, _ in images),
        "images": [_image(item, at) for item, at in images],
        "reports": [_report(report, at) for report, at in reports],
        "left_out": [{"id": key, "code": code} for key, code in sorted(left_out.items())],
        "deidentification": dict(prepared.deidentified.statement()),
        "objects": [{"kind": at.kind, **_object(at)} for _, at in (*images, *reports)],
        "exported_at": exported_at.astimezone(UTC).isoformat(),
    }
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


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


def _image(prepared: PreparedImage, placed: PlacedObject) -> dict[str, Any]:
    image = prepared.image
    return {
        "image_id": image.image_id,
        "series_id": image.series_id,
        "sop_instance_uid": image.sop_instance_uid,
        "instance_number": image.instance_number,
        **_object(placed),
        "dicom": dict(prepared.attributes),
        "warnings": list(prepared.warnings),
    }


def _report(report: EligibleReport, placed: PlacedObject) -> dict[str, Any]:
    return {
        "report_id": report.report_id,
        "doctor_id": report.practitioner_id,
        "doctor_rank": report.doctor_rank,
        "signed_at": report.signed_at,
        **_object(placed),
    }


def _object(placed: PlacedObject) -> dict[str, Any]:
    return {"key": placed.key, "bytes": placed.bytes, "sha256": placed.sha256}

"""What the export works on and what it answers.

Fields that may name a patient are left out of every ``repr``: reports, descriptions typed by
hand, accession numbers, ids of patients, and paths, which archives like to build from names.
Times are ISO 8601 texts in UTC, or 'infinity', as the warehouse gave them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dicom_export.codes import Code, ImageStatus, StudyStatus

ObjectKind = Literal["dicom", "report", "metadata"]


@dataclass(frozen=True, slots=True)
class EligibleImage:
    """One row of ``analytics.eligible_images``."""

    image_id: str
    series_id: str
    series_instance_uid: str | None
    series_number: int | None
    series_description: str | None = field(repr=False)
    series_modality: str | None
    sop_instance_uid: str | None
    instance_number: int | None
    file_path: str | None = field(repr=False)
    file_size: int | None
    """Bytes, as the PACS wrote them down."""


@dataclass(frozen=True, slots=True)
class EligibleReport:
    """One row of ``analytics.eligible_reports``."""

    report_id: str
    doctor_rank: int | None
    content: str | None = field(repr=False)
    signed_at: str | None


@dataclass(frozen=True, slots=True)
class EligibleStudy:
    """One row of ``analytics.eligible_studies`` with its reports and images."""

    study_id: str
    organization_id: str
    study_instance_uid: str | None
    accession_number: str | None = field(repr=False)
    dicom_description: str | None = field(repr=False)
    modality_code: str | None
    body_part_identifier: str | None
    body_part_name: str | None
    facility_id: str | None
    performed_at: str | None
    doctor_rank: int | None
    fingerprint: str
    """The warehouse's, before the policy of de-identification is mixed in."""
    reports: tuple[EligibleReport, ...]
    images: tuple[EligibleImage, ...]


@dataclass(frozen=True, slots=True)
class StudyResult:
    """What is told about a study (design, section 5): nothing of it identifies a patient."""

    study_id: str
    organization_id: str
    success: bool
    dicom_files_uploaded: int
    """DICOM objects in place for this study now, whichever run sent them."""
    reports_uploaded: int
    """Report objects in place now."""
    metadata_uploaded: bool
    errors: tuple[str, ...] = ()
    """``CODE: what``, where what is an image's, a report's or an object's name made of UUIDs."""

    def to_dict(self) -> dict[str, Any]:
        """Give the dictionary of design, section 5, with its keys in that order."""
        return {
            "study_id": self.study_id,
            "organization_id": self.organization_id,
            "success": self.success,
            "dicom_files_uploaded": self.dicom_files_uploaded,
            "reports_uploaded": self.reports_uploaded,
            "metadata_uploaded": self.metadata_uploaded,
            "errors": list(self.errors),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> StudyResult:
        """Read back what :meth:`to_dict` gave."""
        return cls(**{**document, "errors": tuple(document["errors"])})


@dataclass(frozen=True, slots=True)
class ImageOutcome:
    """One row of ``ops.image_exports``."""

    image_id: str
    status: ImageStatus
    code: Code | None = None
    source_sha256: str | None = None
    """Of the file as it was found."""
    sha256: str | None = None
    """Of the object in the bucket, as are ``bytes`` and ``key``; None where there is none."""
    bytes: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class PlacedObject:
    """One row of ``ops.exported_objects``.

    ``in_doubt`` says that a PUT or DELETE of the key was begun and nobody knows how it ended: the
    object is sent again, or deleted again, before anything relies on it.
    """

    key: str
    kind: ObjectKind
    sha256: str
    bytes: int
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """Everything that one export of a study leaves in the ledger."""

    result: StudyResult
    status: StudyStatus
    images: tuple[ImageOutcome, ...]
    objects: tuple[PlacedObject, ...]


@dataclass(frozen=True, slots=True)
class DiscoverySummary:
    """What one discovery did."""

    counts: Mapping[str, int]
    """Studies worked on by this run, by the status that they reached."""
    left: int
    """Eligible studies that still wait, are tried again later, or are in another worker's hands."""
    results: tuple[StudyResult, ...]

    @property
    def success(self) -> bool:
        """Whether all studies worked on are exported."""
        return all(result.success for result in self.results)

    def to_dict(self) -> dict[str, Any]:
        """Give ``counts``, ``left`` and the results' dictionaries, fit for JSON."""
        return {
            "counts": dict(self.counts),
            "left": self.left,
            "results": [result.to_dict() for result in self.results],
        }

    @classmethod
    def of(cls, worked: list[tuple[str, StudyResult]], left: int) -> DiscoverySummary:
        """Sum up pairs of status and result."""
        counts = Counter(status for status, _ in worked)
        ordered = dict(sorted(counts.items()))
        return cls(counts=ordered, left=left, results=tuple(result for _, result in worked))

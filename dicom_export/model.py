"""The data of the export: rows of the marts, results, outcomes.

Fields that may name a patient are left out of every ``repr``: reports, descriptions typed by
hand, accession numbers, ids of patients, and paths, which archives like to build from names.
Times are ISO 8601 texts in UTC, or 'infinity', as the warehouse gave them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from dicom_export.codes import Code, ImageStatus, StudyStatus

ObjectKind = Literal["dicom", "report", "metadata"]

Json = str | int | float | list["Json"] | None
"""A DICOM attribute as ``metadata.json`` shows it."""


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
    updated_at: str | None = None


@dataclass(frozen=True, slots=True)
class EligibleReport:
    """One row of ``analytics.eligible_reports``."""

    report_id: str
    doctor_rank: int | None
    content: str | None = field(repr=False)
    signed_at: str | None
    updated_at: str | None = None
    practitioner_id: str | None = None
    """The signer."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A row of ``ops.acceptances``: a person lets one image through for one code."""

    image_id: str
    code: Code
    source_sha256: str
    """Of the file that the person saw; a file with other bytes is not let through."""


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
    """The mart's fingerprint, without the policy."""
    reports: tuple[EligibleReport, ...]
    images: tuple[EligibleImage, ...]
    patient_id: str | None = field(default=None, repr=False)
    """The source's id, unique within the organization; None if the source has none."""
    accepted: frozenset[Acceptance] = frozenset()
    """The ledger's acceptances for this study."""

    def overruled(self, image_id: str, source_sha256: str | None) -> frozenset[Code]:
        """Return the codes that a person accepted for an image with these bytes."""
        return frozenset(
            acceptance.code
            for acceptance in self.accepted
            if (acceptance.image_id, acceptance.source_sha256) == (image_id, source_sha256)
        )


@dataclass(frozen=True, slots=True)
class OrganizationNames:
    """The names of an organization's people and places, as reports may mention them."""

    doctors: Mapping[str, str] = field(repr=False)
    """By ``practitioner_id``; also those of other organizations who signed reports of this one."""
    technicians: tuple[str, ...] = field(repr=False)
    places: tuple[str, ...] = field(repr=False)
    """The organization itself; its facilities, their addresses and cities."""


@dataclass(frozen=True, slots=True)
class StudyResult:
    """The result of a study (design, section 5); it identifies no patient."""

    study_id: str
    organization_id: str
    success: bool
    dicom_files_uploaded: int
    """DICOM objects in place for this study now, whichever run sent them."""
    reports_uploaded: int
    """Report objects in place now."""
    metadata_uploaded: bool
    errors: tuple[str, ...] = ()
    """``CODE: SUBJECT``; the subject is an image, a report or an object key, made of UUIDs."""

    def to_dict(self) -> dict[str, Any]:
        """Return the dictionary of design, section 5, with its keys in that order."""
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
        """Read a dictionary of :meth:`to_dict`."""
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
    """Of the object in the bucket, like ``bytes`` and ``key``; None without an object."""
    bytes: int | None = None
    key: str | None = None
    source_updated_at: str | None = None
    """Of the image's row, at the time of the outcome."""


@dataclass(frozen=True, slots=True)
class PlacedObject:
    """One row of ``ops.exported_objects``.

    ``in_doubt``: a PUT or DELETE of the key was begun and its end is unknown. The object is sent or
    deleted again before anything relies on it.
    """

    key: str
    kind: ObjectKind
    sha256: str
    bytes: int
    in_doubt: bool = False
    source_updated_at: str | None = field(default=None, compare=False)
    """Of the image's or report's row, at the last comparison with the object."""


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """The outcome of one export, as the ledger records it."""

    result: StudyResult
    status: StudyStatus
    images: tuple[ImageOutcome, ...]
    objects: tuple[PlacedObject, ...]
    is_hopeful: bool = True
    """Whether another attempt may complete an incomplete study without a change of its data."""


RESULTS_KEPT = 1000
"""Results that a discovery keeps, so that its memory does not grow with the queue."""


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """The withdrawals of one discovery."""

    withdrawn: int = 0
    """Studies without any object left in the bucket."""
    refused: int = 0
    """Exported studies that were not withdrawn, because they are too many."""
    exported: int = 0
    """All exported studies, with the refused ones."""
    failed: tuple[StudyResult, ...] = ()
    """Studies that could not be removed from the bucket; the next discovery tries again."""

    @property
    def success(self) -> bool:
        """Whether every study in the bucket belongs there."""
        return not self.refused and not self.failed

    def and_then(self, later: Withdrawals) -> Withdrawals:
        """Add a later round of the same discovery, which repeated the failed withdrawals."""
        return replace(later, withdrawn=self.withdrawn + later.withdrawn)

    def to_dict(self) -> dict[str, Any]:
        """Give a document for JSON."""
        return {
            "withdrawn": self.withdrawn,
            "refused": self.refused,
            "failed": [result.to_dict() for result in self.failed],
        }


@dataclass(frozen=True, slots=True)
class DiscoverySummary:
    """The outcome of one discovery."""

    counts: Mapping[str, int]
    """Studies worked on by this run, by the status that they reached."""
    left: int
    """Eligible studies that still wait, are tried again later, or are in another worker's hands."""
    results: tuple[StudyResult, ...]
    """Of at most :data:`RESULTS_KEPT` studies; where there were more, those held back first."""
    held_back: int = 0
    """Studies worked on by this run that are not exported."""
    withdrawals: Withdrawals = field(default_factory=Withdrawals)

    @property
    def success(self) -> bool:
        """Whether all studies worked on are exported, and none is there that should not be."""
        return not self.held_back and self.withdrawals.success

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do."""
        return not self.counts and not self.withdrawals.withdrawn and self.withdrawals.success

    def to_dict(self) -> dict[str, Any]:
        """Give a document for JSON."""
        return {
            "success": self.success,
            "counts": dict(self.counts),
            "left": self.left,
            "withdrawals": self.withdrawals.to_dict(),
            "results": [result.to_dict() for result in self.results],
            "results_left_out": sum(self.counts.values()) - len(self.results),
        }


class Tally:
    """Counts the outcomes of a discovery, in bounded memory."""

    def __init__(self, kept: int = RESULTS_KEPT) -> None:
        self._kept = kept
        self._counts: Counter[str] = Counter()
        self._held_back: list[tuple[int, StudyResult]] = []
        self._exported: list[tuple[int, StudyResult]] = []
        self._held_back_count = 0

    @property
    def total(self) -> int:
        """Studies worked on so far."""
        return self._counts.total()

    def add(self, status: StudyStatus, result: StudyResult) -> None:
        """Count one study."""
        self._held_back_count += not result.success
        results = self._exported if result.success else self._held_back
        if len(results) < self._kept:
            results.append((self.total, result))
        self._counts[status.value] += 1

    def summary(self, left: int, withdrawals: Withdrawals) -> DiscoverySummary:
        """Sum up."""
        room = self._kept - len(self._held_back)
        kept = sorted([*self._held_back, *self._exported[:room]], key=lambda entry: entry[0])
        return DiscoverySummary(
            counts=dict(sorted(self._counts.items())),
            left=left,
            results=tuple(result for _, result in kept),
            held_back=self._held_back_count,
            withdrawals=withdrawals,
        )

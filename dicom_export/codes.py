"""Why an image or a study is not in the dataset: a closed list (design, section 5)."""

from __future__ import annotations

from enum import StrEnum


class ImageStatus(StrEnum):
    """The outcome of one image; the values stand in ``ops.image_exports.status``."""

    EXPORTED = "exported"
    SKIPPED = "skipped"
    MISSING = "missing"
    REFUSED = "refused"
    QUARANTINED = "quarantined"


class StudyStatus(StrEnum):
    """Where a study stands; the values stand in ``ops.study_exports.status``."""

    WAITING = "waiting"
    EXPORTING = "exporting"
    EXPORTED = "exported"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    WITHDRAWN = "withdrawn"


class Code(StrEnum):
    """A reason. Stable: people search for it, and the ledger keeps it."""

    # The file is not there, or not whole.
    NO_PATH = "NO_PATH"
    SOURCE_MISSING = "SOURCE_MISSING"
    SOURCE_UNREACHABLE = "SOURCE_UNREACHABLE"
    NOT_DICOM = "NOT_DICOM"
    TRUNCATED = "TRUNCATED"
    MISSING_ATTRS = "MISSING_ATTRS"
    NO_PIXELS = "NO_PIXELS"
    BAD_FRAMES = "BAD_FRAMES"

    # The file must not be read.
    PATH_REFUSED = "PATH_REFUSED"
    SCHEME_REFUSED = "SCHEME_REFUSED"
    HOST_REFUSED = "HOST_REFUSED"
    TOO_LARGE = "TOO_LARGE"

    # The file does not belong into a dataset of images.
    NON_IMAGE_OBJECT = "NON_IMAGE_OBJECT"
    BURNED_IN = "BURNED_IN"
    # Under de-identification only: an unknown encoding of pixels may hold other data.
    UNSUPPORTED_PIXELS = "UNSUPPORTED_PIXELS"

    # The file disagrees with its row, or with the other files of its study.
    STUDY_MISMATCH = "STUDY_MISMATCH"
    SERIES_MISMATCH = "SERIES_MISMATCH"
    INSTANCE_MISMATCH = "INSTANCE_MISMATCH"
    PATIENT_MISMATCH = "PATIENT_MISMATCH"
    RESIDUAL_PHI = "RESIDUAL_PHI"
    # Nothing is wrong with this image; another of its study is in quarantine.
    STUDY_QUARANTINED = "STUDY_QUARANTINED"

    # Of the study as a whole.
    NO_IMAGES = "NO_IMAGES"
    EMPTY_REPORT = "EMPTY_REPORT"

    # No longer in the dataset: the study fails a criterion, or the source has deleted it.
    WITHDRAWN = "WITHDRAWN"

    # Of the machinery.
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    LEASE_LOST = "LEASE_LOST"
    LEASE_EXPIRED = "LEASE_EXPIRED"
    BEING_EXPORTED = "BEING_EXPORTED"
    UNKNOWN_STUDY = "UNKNOWN_STUDY"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    MALFORMED_STUDY_ID = "MALFORMED_STUDY_ID"

    @property
    def image_status(self) -> ImageStatus:
        """The status of an image that was stopped by this code."""
        return _STATUS_OF_IMAGE.get(self, ImageStatus.MISSING)

    @property
    def is_acceptable(self) -> bool:
        """Whether a person may let an image through that was stopped by this code."""
        return self in _ACCEPTABLE


_STATUS_OF_IMAGE = {
    Code.PATH_REFUSED: ImageStatus.REFUSED,
    Code.SCHEME_REFUSED: ImageStatus.REFUSED,
    Code.HOST_REFUSED: ImageStatus.REFUSED,
    Code.TOO_LARGE: ImageStatus.REFUSED,
    Code.NON_IMAGE_OBJECT: ImageStatus.SKIPPED,
    Code.BURNED_IN: ImageStatus.SKIPPED,
    Code.UNSUPPORTED_PIXELS: ImageStatus.SKIPPED,
    Code.STUDY_MISMATCH: ImageStatus.QUARANTINED,
    Code.SERIES_MISMATCH: ImageStatus.QUARANTINED,
    Code.INSTANCE_MISMATCH: ImageStatus.QUARANTINED,
    Code.PATIENT_MISMATCH: ImageStatus.QUARANTINED,
    Code.RESIDUAL_PHI: ImageStatus.QUARANTINED,
    Code.STUDY_QUARANTINED: ImageStatus.QUARANTINED,
}

_ACCEPTABLE = frozenset(
    {
        Code.STUDY_MISMATCH,
        Code.SERIES_MISMATCH,
        Code.INSTANCE_MISMATCH,
        Code.PATIENT_MISMATCH,
    }
)
"""A person can know whose file it is, but not that a file identifies no patient."""

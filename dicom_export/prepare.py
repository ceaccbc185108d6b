"""The first of a study's two steps: fetch, check and de-identify everything, send nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dicom_export import checks, report_text
from dicom_export.codes import Code, ImageStatus, StudyStatus
from dicom_export.deidentify import Deidentifier
from dicom_export.errors import SourceFailed, describe
from dicom_export.model import EligibleImage, EligibleReport, EligibleStudy
from dicom_export.scratch import Blob, Scratch
from dicom_export.sources import Sources

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image, ready to be sent where ``code`` is None and ``blob`` is there."""

    image: EligibleImage
    code: Code | None = None
    blob: Blob | None = None
    source_sha256: str | None = None
    attributes: Mapping[str, checks.Json] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    subject: checks.Subject | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PreparedReport:
    """A report; ``blob`` is None where it has no text."""

    report: EligibleReport
    blob: Blob | None


@dataclass(frozen=True, slots=True)
class PreparedStudy:
    """A study, judged as a whole; the blobs live as long as their scratch."""

    study: EligibleStudy
    images: Sequence[PreparedImage]
    reports: Sequence[PreparedReport]

    @property
    def verdict(self) -> StudyStatus:
        """Give EXPORTED if nothing stands in the way, else INCOMPLETE or QUARANTINED."""
        statuses = {prepared.code.image_status for prepared in self.images if prepared.code}
        if ImageStatus.QUARANTINED in statuses:
            return StudyStatus.QUARANTINED
        return StudyStatus.INCOMPLETE if self.errors else StudyStatus.EXPORTED

    @property
    def is_hopeful(self) -> bool:
        """Whether what is missing may turn up; what is no image, and silent reports, will not."""
        waiting = (ImageStatus.MISSING, ImageStatus.REFUSED)
        return any(item.code and item.code.image_status in waiting for item in self.images)

    @property
    def errors(self) -> tuple[str, ...]:
        """What holds the study back, fit to be shown."""
        held_back = [
            f"{prepared.code}: image {prepared.image.image_id}"
            for prepared in self.images
            if prepared.code and prepared.code.image_status is not ImageStatus.SKIPPED
        ]
        if all(
            prepared.code and prepared.code.image_status is ImageStatus.SKIPPED
            for prepared in self.images
        ):
            held_back.append(f"{Code.NO_IMAGES}: no image is left")
        if not any(prepared.blob for prepared in self.reports):
            held_back.append(f"{Code.EMPTY_REPORT}: no report has text")
        return tuple(held_back)


def prepare(
    study: EligibleStudy, sources: Sources, deidentifier: Deidentifier, scratch: Scratch
) -> PreparedStudy:
    """Bring and judge every file and report of a study; one bad file stops no other.

    A check does not stop an image for a code that a person accepted for its bytes.
    """
    images = [_image(study, image, sources, deidentifier, scratch) for image in study.images]
    reports = [_report(study, report, deidentifier, scratch) for report in study.reports]
    return PreparedStudy(study, _warned(_compared(study, images)), reports)


def _image(
    study: EligibleStudy,
    image: EligibleImage,
    sources: Sources,
    deidentifier: Deidentifier,
    scratch: Scratch,
) -> PreparedImage:
    try:
        original = sources.fetch(study, image, scratch)
        overruled = study.overruled(image.image_id, original.sha256)
        found = checks.inspect(original.open(), original.size, study, image, overruled)
        blob = None
        if found.code is None:
            blob = deidentifier.image(original, study, image, scratch)
    except SourceFailed as failure:
        return PreparedImage(image, failure.code)
    except Exception as error:  # noqa: BLE001  # one bad file must not stop the others
        log.error("image %s: %s", image.image_id, describe(error))  # noqa: TRY400  # no message
        return PreparedImage(image, Code.INTERNAL_ERROR)
    return PreparedImage(
        image=image,
        code=found.code,
        blob=blob,
        source_sha256=original.sha256,
        attributes=found.attributes,
        warnings=found.warnings,
        subject=found.subject,
    )


def _compared(study: EligibleStudy, images: Sequence[PreparedImage]) -> list[PreparedImage]:
    """Mark the files that speak of another patient, and those held back with their study."""
    subjects = {
        prepared.image.image_id: prepared.subject
        for prepared in images
        # A file of another study has no say in whose study this is.
        if prepared.subject and not _is_quarantined(prepared)
    }
    strangers = checks.disagreeing(subjects)
    marked = [
        replace(prepared, code=Code.PATIENT_MISMATCH)
        if prepared.image.image_id in strangers
        and Code.PATIENT_MISMATCH
        not in study.overruled(prepared.image.image_id, prepared.source_sha256)
        else prepared
        for prepared in images
    ]
    if not any(_is_quarantined(prepared) for prepared in marked):
        return marked
    return [
        prepared if prepared.code else replace(prepared, code=Code.STUDY_QUARANTINED)
        for prepared in marked
    ]


def _warned(images: Sequence[PreparedImage]) -> list[PreparedImage]:
    """Tell of rows that lead to one instance; a reader of the dataset counts it once."""
    found = checks.repeated(
        {
            prepared.image.image_id: (prepared.image.sop_instance_uid, prepared.source_sha256)
            for prepared in images
            if prepared.code is None
            and prepared.image.sop_instance_uid is not None
            and prepared.source_sha256 is not None
        }
    )
    return [
        replace(prepared, warnings=(*prepared.warnings, found[prepared.image.image_id]))
        if prepared.image.image_id in found
        else prepared
        for prepared in images
    ]


def _is_quarantined(prepared: PreparedImage) -> bool:
    return prepared.code is not None and prepared.code.image_status is ImageStatus.QUARANTINED


def _report(
    study: EligibleStudy, report: EligibleReport, deidentifier: Deidentifier, scratch: Scratch
) -> PreparedReport:
    text = report_text.to_text(report.content)
    if text:
        text = deidentifier.report(text, study, report)
    return PreparedReport(report, scratch.keep(text.encode()) if text else None)

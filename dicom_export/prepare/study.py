"""The first of a study's two steps: fetch, check and de-identify everything, send nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dicom_export.blobs import Blob, Scratch
from dicom_export.codes import Code, ImageStatus, StudyStatus
from dicom_export.deidentify import Deidentifier, OutgoingImage, StudyDeidentifier
from dicom_export.deidentify.final_search import Residue
from dicom_export.errors import SourceFailed, describe
from dicom_export.model import EligibleImage, EligibleReport, EligibleStudy, Json
from dicom_export.prepare import checks, report_text
from dicom_export.sources import Sources

log = logging.getLogger(__name__)

_AWAITED = (ImageStatus.MISSING, ImageStatus.REFUSED)


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image, ready to be sent where ``code`` is None and ``blob`` is there."""

    image: EligibleImage
    """The row as it may be shown."""
    code: Code | None = None
    blob: Blob | None = None
    source_sha256: str | None = None
    attributes: Mapping[str, Json] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    subject: checks.Subject | None = field(default=None, repr=False)
    outgoing: OutgoingImage | None = field(default=None, repr=False)

    @property
    def is_awaited(self) -> bool:
        """Whether it was not to be had, and may be another time."""
        return self.code is not None and self.code.image_status in _AWAITED


@dataclass(frozen=True, slots=True)
class PreparedReport:
    """A report; ``blob`` is None where it has no text, or none that may go out."""

    report: EligibleReport
    """The row as it may be shown."""
    blob: Blob | None
    code: Code | None = None
    is_withheld: bool = False
    """No file was read that says whose name to take out: the images say why."""


@dataclass(frozen=True, slots=True)
class PreparedStudy:
    """A study, judged as a whole; the blobs live as long as their scratch."""

    study: EligibleStudy
    """The rows as they may be shown."""
    images: Sequence[PreparedImage]
    reports: Sequence[PreparedReport]
    deidentified: StudyDeidentifier = field(repr=False)
    metadata_code: Code | None = None
    """Why ``metadata.json`` must not go out; found when it is made."""

    @property
    def verdict(self) -> StudyStatus:
        """Give EXPORTED if nothing stands in the way, else INCOMPLETE or QUARANTINED."""
        codes = [self.metadata_code, *(one.code for one in self.images)]
        codes += [one.code for one in self.reports]
        statuses = {code.image_status for code in codes if code}
        if ImageStatus.QUARANTINED in statuses:
            return StudyStatus.QUARANTINED
        return StudyStatus.INCOMPLETE if self.errors else StudyStatus.EXPORTED

    @property
    def is_hopeful(self) -> bool:
        """Whether what is missing may turn up; what is no image, and silent reports, will not."""
        return any(image.is_awaited for image in self.images)

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
        held_back += [
            f"{prepared.code}: report {prepared.report.report_id}"
            for prepared in self.reports
            if prepared.code
        ]
        if self.metadata_code:
            held_back.append(f"{self.metadata_code}: metadata.json")
        if not any(prepared.blob or prepared.is_withheld for prepared in self.reports):
            held_back.append(f"{Code.EMPTY_REPORT}: no report has text")
        return tuple(held_back)

    def without_metadata(self, code: Code) -> PreparedStudy:
        """Hold the study back for what its ``metadata.json`` would say."""
        return replace(self, metadata_code=code, images=_held_back(self.images))


def prepare(
    study: EligibleStudy, sources: Sources, deidentifier: Deidentifier, scratch: Scratch
) -> PreparedStudy:
    """Bring and judge every file and report of a study; one bad file stops no other.

    A check does not stop an image for a code that a person accepted for its bytes.
    """
    deidentified = deidentifier.begin(study)
    disclosed = deidentified.disclosed()
    workshop = _Workshop(study, disclosed, sources, deidentified, scratch)
    images = [
        workshop.image(image, shown)
        for image, shown in zip(study.images, disclosed.images, strict=True)
    ]
    is_whole = not any(image.is_awaited for image in images)
    may_report = deidentified.may_report(is_whole=is_whole)
    reports = [
        workshop.report(report, shown, may_leave=may_report)
        for report, shown in zip(study.reports, disclosed.reports, strict=True)
    ]
    # Only now is all known that has to be looked for.
    searched = [_searched(prepared, deidentified) for prepared in _compared(study, images)]
    is_leaking = any(report.code for report in reports)
    together = _held_back(searched) if is_leaking else _together(searched)
    return PreparedStudy(disclosed, _warned(together), reports, deidentified)


@dataclass(frozen=True, slots=True)
class _Workshop:
    """What it takes to prepare the parts of one study."""

    study: EligibleStudy
    disclosed: EligibleStudy
    sources: Sources
    deidentified: StudyDeidentifier
    scratch: Scratch

    def image(self, image: EligibleImage, shown: EligibleImage) -> PreparedImage:
        try:
            return self._image(image, shown)
        except SourceFailed as failure:
            return PreparedImage(shown, failure.code)
        except Exception as error:  # noqa: BLE001  # one bad file must not stop the others
            place = describe(error)
            log.error("image %s: %s", image.image_id, place)  # noqa: TRY400  # no message
            return PreparedImage(shown, Code.INTERNAL_ERROR)

    def report(
        self, report: EligibleReport, shown: EligibleReport, *, may_leave: bool
    ) -> PreparedReport:
        text = report_text.to_text(report.content)
        if text and not may_leave:
            return PreparedReport(shown, None, is_withheld=True)
        if text:
            text = self.deidentified.report(text)
        if not text.strip():
            return PreparedReport(shown, None)
        found = self.deidentified.search_report(text)
        if found:
            log.warning("report %s: %s", report.report_id, _residual(found))
            return PreparedReport(shown, None, Code.RESIDUAL_PHI)
        return PreparedReport(shown, self.scratch.keep(text.encode()))

    def _image(self, image: EligibleImage, shown: EligibleImage) -> PreparedImage:
        original = self.sources.fetch(self.study, image, self.scratch)
        overruled = self.study.overruled(image.image_id, original.sha256)
        found = checks.inspect(original, self.study, image, self.scratch, overruled)
        prepared = PreparedImage(
            image=shown,
            code=found.code,
            source_sha256=original.sha256,
            attributes=found.attributes,
            warnings=found.warnings,
            subject=found.subject,
        )
        if found.code or found.file is None:
            return prepared
        outgoing = self.deidentified.image(found.file, self.scratch)
        prepared = replace(
            prepared,
            code=outgoing.code,
            blob=outgoing.blob,
            outgoing=outgoing,
            warnings=(*found.warnings, *outgoing.warnings),
        )
        for blob in {original, found.file.content} - {outgoing.blob}:
            self.scratch.release(blob)
        if outgoing.file:
            attributes = self._attributes(outgoing.file.blob, shown, overruled)
            prepared = replace(prepared, attributes=attributes)
        return prepared

    def _attributes(
        self, blob: Blob, shown: EligibleImage, overruled: frozenset[Code]
    ) -> Mapping[str, Json]:
        """Describe a de-identified file as its bytes say, and check them as a reader would.

        This proves that the written header can be read, that it names the same new UIDs as
        ``metadata.json``, and that all pixels follow it. Nothing before it looks at these bytes.
        """
        found = checks.inspect(blob, self.disclosed, shown, self.scratch, overruled)
        if found.code:
            raise AssertionError(f"the de-identified file is {found.code}")
        return found.attributes


def _searched(prepared: PreparedImage, deidentified: StudyDeidentifier) -> PreparedImage:
    if prepared.code or prepared.outgoing is None:
        return prepared
    found = deidentified.search_image(prepared.outgoing)
    if not found:
        return prepared
    log.warning("image %s: %s", prepared.image.image_id, _residual(found))
    return replace(prepared, code=Code.RESIDUAL_PHI)


def _residual(found: Iterable[Residue]) -> str:
    return f"{Code.RESIDUAL_PHI}: {', '.join(sorted(found))}"


def _compared(study: EligibleStudy, images: Sequence[PreparedImage]) -> list[PreparedImage]:
    """Mark the files that speak of another patient."""
    subjects = {
        prepared.image.image_id: prepared.subject
        for prepared in images
        # A file of another study has no say in whose study this is.
        if prepared.subject and not _is_quarantined(prepared)
    }
    strangers = checks.disagreeing(subjects)
    return [
        replace(prepared, code=Code.PATIENT_MISMATCH)
        if prepared.image.image_id in strangers
        and Code.PATIENT_MISMATCH
        not in study.overruled(prepared.image.image_id, prepared.source_sha256)
        else prepared
        for prepared in images
    ]


def _together(images: Sequence[PreparedImage]) -> Sequence[PreparedImage]:
    """Hold all images back where one of them is in quarantine."""
    return _held_back(images) if any(map(_is_quarantined, images)) else images


def _held_back(images: Sequence[PreparedImage]) -> Sequence[PreparedImage]:
    return [
        prepared if prepared.code else replace(prepared, code=Code.STUDY_QUARANTINED)
        for prepared in images
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

"""The first of a study's two steps: fetch, check and de-identify all its parts, send nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dicom_export.blobs import Blob, Workspace
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
    """An image and its verdict. It may be sent if ``code`` is None."""

    image: EligibleImage
    """The row as ``metadata.json`` may show it."""
    code: Code | None = None
    source_sha256: str | None = None
    attributes: Mapping[str, Json] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    subject: checks.Subject | None = field(default=None, repr=False)
    outgoing: OutgoingImage | None = field(default=None, repr=False)
    """The file that may be sent; None if the original did not pass its checks."""

    @property
    def blob(self) -> Blob | None:
        """The bytes that may be sent."""
        return self.outgoing.blob if self.outgoing else None

    @property
    def is_awaited(self) -> bool:
        """Whether the file could not be fetched now, but another try may succeed."""
        return self.code is not None and self.code.image_status in _AWAITED


@dataclass(frozen=True, slots=True)
class PreparedReport:
    """A report; ``blob`` is None if it has no text, or none that may be sent."""

    report: EligibleReport
    """The row as ``metadata.json`` may show it."""
    blob: Blob | None
    code: Code | None = None
    is_withheld: bool = False
    """Whether it stays because no file stated the patient's name; the images' codes say why."""


@dataclass(frozen=True, slots=True)
class PreparedStudy:
    """A study with its verdict; the blobs live as long as their workspace."""

    study: EligibleStudy
    """The rows as ``metadata.json`` may show them."""
    images: Sequence[PreparedImage]
    reports: Sequence[PreparedReport]
    deidentified: StudyDeidentifier = field(repr=False)
    metadata_code: Code | None = None
    """Why ``metadata.json`` must not be sent; known when it is made."""

    @property
    def verdict(self) -> StudyStatus:
        """EXPORTED if no code prevents it, otherwise INCOMPLETE or QUARANTINED."""
        codes = [self.metadata_code, *(one.code for one in self.images)]
        codes += [one.code for one in self.reports]
        statuses = {code.image_status for code in codes if code}
        if ImageStatus.QUARANTINED in statuses:
            return StudyStatus.QUARANTINED
        return StudyStatus.INCOMPLETE if self.errors else StudyStatus.EXPORTED

    @property
    def is_hopeful(self) -> bool:
        """Whether another try may succeed: a missing file may appear, a missing text will not."""
        return any(image.is_awaited for image in self.images)

    @property
    def errors(self) -> tuple[str, ...]:
        """The reasons that hold the study back, without identifiers."""
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
        """Return the study held back for the content of its ``metadata.json``."""
        return replace(self, metadata_code=code, images=_held_back(self.images))


def prepare(
    study: EligibleStudy, sources: Sources, deidentifier: Deidentifier, workspace: Workspace
) -> PreparedStudy:
    """Fetch, check and de-identify every file and report of a study; send nothing.

    - A file that cannot be fetched, fails a check or cannot be de-identified gets a code; the
      others go on. A code that a person accepted for these very bytes does not stop a file.
    - Files of one study that name different patients are quarantined.
    - Reports are scrubbed of the names that the files state. If it is not known yet whom they may
      name, they are withheld.
    - The final search looks at every file and report for all identifiers of the study.
    - One file in quarantine, or one report with a finding, holds back all images.
    """
    preparer = StudyPreparer.begin(study, sources, deidentifier, workspace)
    images = preparer.images()
    reports = preparer.reports(is_whole=not any(image.is_awaited for image in images))
    images = _compared(study, images)
    # All identifiers are known only when all files are read.
    images = [preparer.searched(image) for image in images]
    if any(report.code for report in reports) or any(map(_is_quarantined, images)):
        images = _held_back(images)
    return PreparedStudy(preparer.shown, _warned(images), reports, preparer.deidentified)


@dataclass(frozen=True, slots=True)
class StudyPreparer:
    """Prepares the parts of one study."""

    study: EligibleStudy
    shown: EligibleStudy
    """The rows as ``metadata.json`` may show them, in the same order."""
    sources: Sources
    deidentified: StudyDeidentifier
    workspace: Workspace

    @classmethod
    def begin(
        cls,
        study: EligibleStudy,
        sources: Sources,
        deidentifier: Deidentifier,
        workspace: Workspace,
    ) -> StudyPreparer:
        """Begin a study."""
        deidentified = deidentifier.begin(study)
        return cls(study, deidentified.disclosed(), sources, deidentified, workspace)

    def images(self) -> list[PreparedImage]:
        """Prepare all images, except for the final search."""
        pairs = zip(self.study.images, self.shown.images, strict=True)
        return [self._image_or_code(image, shown) for image, shown in pairs]

    def reports(self, *, is_whole: bool) -> list[PreparedReport]:
        """Prepare all reports; ``is_whole`` says that no file of the study is still awaited."""
        may_leave = self.deidentified.may_report(is_whole=is_whole)
        pairs = zip(self.study.reports, self.shown.reports, strict=True)
        return [self._report(report, shown, may_leave=may_leave) for report, shown in pairs]

    def searched(self, prepared: PreparedImage) -> PreparedImage:
        """Stop an image in whose file the final search finds an identifier of the study."""
        if prepared.code or prepared.outgoing is None:
            return prepared
        found = self.deidentified.search_image(prepared.outgoing)
        if not found:
            return prepared
        log.warning("image %s: %s", prepared.image.image_id, _residual(found))
        return replace(prepared, code=Code.RESIDUAL_PHI)

    def _image_or_code(self, image: EligibleImage, shown: EligibleImage) -> PreparedImage:
        try:
            return self._image(image, shown)
        except SourceFailed as failure:
            return PreparedImage(shown, failure.code)
        except Exception as error:  # noqa: BLE001  # one bad file must not stop the others
            place = describe(error)
            log.error("image %s: %s", image.image_id, place)  # noqa: TRY400  # no message
            return PreparedImage(shown, Code.INTERNAL_ERROR)

    def _image(self, image: EligibleImage, shown: EligibleImage) -> PreparedImage:
        original = self.sources.fetch(self.study, image, self.workspace)
        accepted = self.study.overruled(image.image_id, original.sha256)
        found = checks.inspect(original, self.study, image, self.workspace, accepted)
        prepared = PreparedImage(
            shown, found.code, original.sha256, found.attributes, found.warnings, found.subject
        )
        if found.code or found.file is None:
            return prepared
        outgoing = self.deidentified.image(found.file, self.workspace)
        for blob in {original, found.file.content} - {outgoing.blob}:
            self.workspace.release(blob)
        return replace(
            prepared,
            code=outgoing.code,
            attributes=self._attributes(outgoing, shown, accepted) or found.attributes,
            warnings=(*found.warnings, *outgoing.warnings),
            outgoing=outgoing,
        )

    def _attributes(
        self, outgoing: OutgoingImage, shown: EligibleImage, accepted: frozenset[Code]
    ) -> Mapping[str, Json]:
        """Describe a de-identified file, after checking its bytes as a reader would.

        This proves that the written header can be read, that it has the same new UIDs as
        ``metadata.json``, and that all pixels follow it. Nothing before it looks at these bytes.
        """
        if outgoing.file is None:
            return {}
        found = checks.inspect(outgoing.file.blob, self.shown, shown, self.workspace, accepted)
        if found.code:
            raise AssertionError(f"the de-identified file is {found.code}")
        return found.attributes

    def _report(
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
        return PreparedReport(shown, self.workspace.keep(text.encode()))


def _residual(found: Iterable[Residue]) -> str:
    return f"{Code.RESIDUAL_PHI}: {', '.join(sorted(found))}"


def _compared(study: EligibleStudy, images: Sequence[PreparedImage]) -> list[PreparedImage]:
    """Set PATIENT_MISMATCH on the files that state another patient."""
    subjects = {
        prepared.image.image_id: prepared.subject
        for prepared in images
        # A file of another study does not count for the patient of this one.
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


def _held_back(images: Sequence[PreparedImage]) -> list[PreparedImage]:
    """Hold the other images back, too."""
    return [
        prepared if prepared.code else replace(prepared, code=Code.STUDY_QUARANTINED)
        for prepared in images
    ]


def _warned(images: Sequence[PreparedImage]) -> list[PreparedImage]:
    """Add warnings to rows that lead to one instance, which a reader of the dataset counts once."""
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

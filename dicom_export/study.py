"""One study from its sources to the bucket: prepare everything, then publish (design, section 5).

Readers trust ``metadata.json``: where it is, every object that it names is there, byte for byte.
So before any object that it names changes or goes, it goes first; and it comes last.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dicom_export.codes import Code, ImageStatus, StudyStatus
from dicom_export.deidentify import Deidentifier
from dicom_export.errors import StoreFailed
from dicom_export.layout import (
    CONTENT_TYPES,
    DescribedImage,
    DescribedReport,
    StudyDescription,
    image_key,
    metadata_key,
    report_key,
)
from dicom_export.ledger import Lease, Ledger
from dicom_export.model import (
    EligibleStudy,
    ImageOutcome,
    ObjectKind,
    PlacedObject,
    StudyOutcome,
    StudyResult,
)
from dicom_export.prepare import PreparedImage, PreparedStudy, prepare
from dicom_export.scratch import Blob, Budget, Scratch
from dicom_export.sources import Sources
from dicom_export.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exporter:
    """What every study of a run shares. Used by several threads at once."""

    sources: Sources
    deidentifier: Deidentifier
    store: Store
    ledger: Ledger
    budget: Budget

    def export_study(self, study: EligibleStudy, lease: Lease) -> StudyOutcome:
        """Export one study; the caller writes the outcome into the ledger.

        Raises:
            LeaseLost: another worker took the study over; this one stopped writing.
        """
        with Scratch(self.budget) as scratch:
            prepared = prepare(study, self.sources, self.deidentifier, scratch)
            publication = _Publication(prepared, self, lease, scratch)
            return publication.run()


@dataclass(frozen=True, slots=True)
class _Upload:
    placed: PlacedObject
    blob: Blob


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to do to the bucket, in this order: retire metadata, send, remove."""

    metadata: PlacedObject | None
    """The present ``metadata.json``, where it has to go before anything else happens."""
    uploads: Sequence[_Upload]
    removals: Sequence[PlacedObject]

    def touched(self) -> Iterable[PlacedObject]:
        """Everything that is in doubt from the first request on."""
        if self.metadata:
            yield self.metadata
        yield from (upload.placed for upload in self.uploads)
        yield from self.removals


class _Publication:
    """The second step. Keeps book of what is in place after every single request."""

    def __init__(
        self, prepared: PreparedStudy, exporter: Exporter, lease: Lease, scratch: Scratch
    ) -> None:
        self._prepared = prepared
        self._study = prepared.study
        self._exporter = exporter
        self._lease = lease
        self._scratch = scratch
        self._placed = exporter.ledger.placed(lease.study_id)
        self._errors: list[str] = []
        self._failed: set[str] = set()

    def run(self) -> StudyOutcome:
        verdict = self._prepared.verdict
        is_complete = verdict is StudyStatus.EXPORTED
        wanted = {} if verdict is StudyStatus.QUARANTINED else _uploads(self._prepared)
        plan = self._plan(wanted, is_complete)
        self._note(plan, is_complete)
        if self._retire(plan.metadata):
            self._send(plan.uploads)
            self._remove(plan.removals)
        if is_complete and not self._failed:
            self._publish_metadata(wanted)
        if self._failed:
            # Also out of quarantine: what could not be removed must be tried again.
            verdict = StudyStatus.INCOMPLETE
        return self._outcome(verdict, wanted)

    def _plan(self, wanted: Mapping[str, _Upload], is_complete: bool) -> _Plan:
        metadata = self._placed.get(metadata_key(self._study))
        keep = {*wanted, *self._unfetched_keys()}
        uploads = [up for key, up in wanted.items() if not _is_in_place(self._placed.get(key), up)]
        removals = [
            placed
            for key, placed in self._placed.items()
            if key not in keep and placed is not metadata
        ]
        must_retire = not is_complete or bool(uploads) or bool(removals)
        return _Plan(metadata if must_retire else None, uploads, removals)

    def _unfetched_keys(self) -> set[str]:
        """Name the objects of images that could not be had this time: they stay, unnamed."""
        if self._prepared.verdict is StudyStatus.QUARANTINED:
            return set()
        waiting = (ImageStatus.MISSING, ImageStatus.REFUSED)
        return {
            image_key(self._study, prepared.image)
            for prepared in self._prepared.images
            if prepared.code and prepared.code.image_status in waiting
        }

    def _note(self, plan: _Plan, is_complete: bool) -> None:
        touched = {placed.key: replace(placed, in_doubt=True) for placed in plan.touched()}
        if is_complete:
            key = metadata_key(self._study)
            touched[key] = self._placed.get(key) or PlacedObject(key, "metadata", "", 0)
            touched[key] = replace(touched[key], in_doubt=True)
        if touched:
            self._exporter.ledger.begin(self._lease, touched.values())
            self._placed |= {key: touched[key] for key in touched if key in self._placed}

    def _retire(self, metadata: PlacedObject | None) -> bool:
        """Remove the present ``metadata.json``; False where nothing else may be touched."""
        if metadata is None:
            return True
        self._remove([metadata])
        return not self._failed

    def _send(self, uploads: Sequence[_Upload]) -> None:
        for upload in uploads:
            self._put(upload)

    def _put(self, upload: _Upload) -> None:
        key = upload.placed.key
        self._lease.require()
        try:
            self._exporter.store.put(key, upload.blob, CONTENT_TYPES[upload.placed.kind])
        except StoreFailed as failure:
            self._placed[key] = replace(upload.placed, in_doubt=True)
            self._note_failure(failure)
        else:
            self._placed[key] = upload.placed

    def _remove(self, removals: Sequence[PlacedObject]) -> None:
        for placed in removals:
            self._lease.require()
            try:
                self._exporter.store.delete(placed.key)
            except StoreFailed as failure:
                self._placed[placed.key] = replace(placed, in_doubt=True)
                self._note_failure(failure)
            else:
                self._placed.pop(placed.key, None)

    def _publish_metadata(self, wanted: Mapping[str, _Upload]) -> None:
        exported_at = self._exporter.ledger.confirm(self._lease)
        document = _describe(self._prepared, wanted, self._exporter.deidentifier)
        blob = self._scratch.keep(document.to_bytes(exported_at))
        self._put(_upload(metadata_key(self._study), "metadata", blob))

    def _note_failure(self, failure: StoreFailed) -> None:
        self._failed.add(failure.key)
        self._errors.append(f"{Code.STORE_UNAVAILABLE}: {failure.key}")
        log.warning("study %s: %s", self._study.study_id, failure)

    def _outcome(self, status: StudyStatus, wanted: Mapping[str, _Upload]) -> StudyOutcome:
        sure = [placed for placed in self._placed.values() if not placed.in_doubt]
        kinds = [placed.kind for placed in sure]
        result = StudyResult(
            study_id=self._study.study_id,
            organization_id=self._study.organization_id,
            success=status is StudyStatus.EXPORTED,
            dicom_files_uploaded=kinds.count("dicom"),
            reports_uploaded=kinds.count("report"),
            metadata_uploaded="metadata" in kinds,
            errors=(*self._prepared.errors, *self._errors),
        )
        images = tuple(self._image_outcome(prepared, wanted) for prepared in self._prepared.images)
        return StudyOutcome(result, status, images, tuple(self._placed.values()))

    def _image_outcome(
        self, prepared: PreparedImage, wanted: Mapping[str, _Upload]
    ) -> ImageOutcome:
        image_id, source_sha256 = prepared.image.image_id, prepared.source_sha256
        if prepared.code is not None:
            status = prepared.code.image_status
            return ImageOutcome(image_id, status, prepared.code, source_sha256)
        upload = wanted[image_key(self._study, prepared.image)]
        if not _is_in_place(self._placed.get(upload.placed.key), upload):
            code = Code.STORE_UNAVAILABLE
            return ImageOutcome(image_id, code.image_status, code, source_sha256)
        return ImageOutcome(
            image_id=image_id,
            status=ImageStatus.EXPORTED,
            source_sha256=source_sha256,
            sha256=upload.placed.sha256,
            bytes=upload.placed.bytes,
            key=upload.placed.key,
        )


def _uploads(prepared: PreparedStudy) -> dict[str, _Upload]:
    """Everything of a study that is fit to be in the bucket, by key, but for its metadata."""
    study = prepared.study
    uploads = [
        _upload(image_key(study, item.image), "dicom", item.blob)
        for item in prepared.images
        if item.code is None and item.blob is not None
    ] + [
        _upload(report_key(study, item.report), "report", item.blob)
        for item in prepared.reports
        if item.blob is not None
    ]
    return {upload.placed.key: upload for upload in uploads}


def _upload(key: str, kind: ObjectKind, blob: Blob) -> _Upload:
    return _Upload(PlacedObject(key, kind, blob.sha256, blob.size), blob)


def _is_in_place(placed: PlacedObject | None, upload: _Upload) -> bool:
    return placed == upload.placed


def _describe(
    prepared: PreparedStudy, wanted: Mapping[str, _Upload], deidentifier: Deidentifier
) -> StudyDescription:
    study = prepared.study
    return StudyDescription(
        study=study,
        images=[
            DescribedImage(
                item.image,
                wanted[image_key(study, item.image)].placed,
                item.attributes,
                item.warnings,
            )
            for item in prepared.images
            if item.code is None
        ],
        reports=[
            DescribedReport(item.report, wanted[report_key(study, item.report)].placed)
            for item in prepared.reports
            if item.blob is not None
        ],
        left_out={
            **{item.image.image_id: item.code for item in prepared.images if item.code},
            **{
                item.report.report_id: Code.EMPTY_REPORT
                for item in prepared.reports
                if item.blob is None
            },
        },
        deidentification={
            "mode": deidentifier.mode,
            "rules_version": deidentifier.rules_version,
            "key_id": deidentifier.key_id,
        },
    )

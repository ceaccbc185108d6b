"""One study from its sources to the bucket: prepare everything, then publish (design, section 5).

Readers trust ``metadata.json``: where it is, every object that it names is there, byte for byte.
So before any object that it names changes or goes, it goes first; and it comes last.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dicom_export.blobs import Blob, Budget, Scratch
from dicom_export.codes import Code, ImageStatus, StudyStatus
from dicom_export.deidentify import Deidentifier
from dicom_export.ledger.leases import Lease
from dicom_export.ledger.ledger import Ledger
from dicom_export.model import (
    EligibleStudy,
    ImageOutcome,
    ObjectKind,
    PlacedObject,
    StudyOutcome,
    StudyResult,
)
from dicom_export.prepare.study import PreparedImage, PreparedStudy, prepare
from dicom_export.publish.bucket import Store
from dicom_export.publish.layout import (
    DescribedImage,
    DescribedReport,
    StudyDescription,
    image_key,
    metadata_key,
    report_key,
)
from dicom_export.publish.study_objects import Shelf
from dicom_export.sources import Sources
from eden import logs

log = logging.getLogger(__name__)

_NO_TIME = datetime.min.replace(tzinfo=UTC)
"""Stands for the time of export where it is not known yet."""


@dataclass(frozen=True, slots=True)
class Exporter:
    """What every study of a run shares. Used by several threads at once."""

    sources: Sources
    deidentifier: Deidentifier
    store: Store
    ledger: Ledger
    budget: Budget
    policy: str | None = None
    """Under which all is sent now; what was sent under another one gives way to it."""

    def export_study(self, study: EligibleStudy, lease: Lease) -> StudyOutcome:
        """Export one study; the caller writes the outcome into the ledger.

        Raises:
            LeaseLost: another worker took the study over; this one stopped writing.
        """
        with (
            logs.about(study_id=study.study_id, organization_id=study.organization_id),
            Scratch(self.budget) as scratch,
        ):
            prepared = prepare(study, self.sources, self.deidentifier, scratch)
            prepared = _with_searched_metadata(prepared)
            publication = _Publication(prepared, self, lease, scratch)
            return publication.run()


@dataclass(frozen=True, slots=True)
class _Upload:
    placed: PlacedObject
    blob: Blob


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to do to the bucket, in this order: retire metadata, send, remove."""

    retired: Sequence[PlacedObject]
    """Every ``metadata.json`` that has to go before anything else happens: the present one, and
    one that lies where the study was before it moved to another organization."""
    uploads: Sequence[_Upload]
    removals: Sequence[PlacedObject]

    def touched(self) -> Iterable[PlacedObject]:
        """Everything that is in doubt from the first request on."""
        yield from self.retired
        yield from (upload.placed for upload in self.uploads)
        yield from self.removals


class _Publication:
    """The second step. The shelf keeps book of what is in place after every single request."""

    def __init__(
        self, prepared: PreparedStudy, exporter: Exporter, lease: Lease, scratch: Scratch
    ) -> None:
        self._prepared = prepared
        self._study = prepared.study
        self._exporter = exporter
        self._lease = lease
        self._scratch = scratch
        self._metadata_key = metadata_key(prepared.study)
        self._shelf = Shelf(exporter.store, exporter.ledger, lease)

    def run(self) -> StudyOutcome:
        verdict = self._prepared.verdict
        is_complete = verdict is StudyStatus.EXPORTED
        wanted: Mapping[str, _Upload] = {}
        if verdict is StudyStatus.QUARANTINED:
            self._shelf.clear(self._study.organization_id)
        else:
            wanted = _uploads(self._prepared)
            self._carry_out(self._plan(wanted, is_complete))
        if is_complete and not self._shelf.errors:
            self._publish_metadata(wanted)
        for upload in wanted.values():
            self._shelf.restate(upload.placed)
        if self._shelf.errors:
            # Also out of quarantine: what could not be removed must be tried again.
            verdict = StudyStatus.INCOMPLETE
        return self._outcome(verdict, wanted)

    def _carry_out(self, plan: _Plan) -> None:
        if touched := list(plan.touched()):
            self._shelf.announce(touched)
        # What a metadata.json names may not change before it is gone.
        if self._shelf.remove_all(plan.retired):
            for upload in plan.uploads:
                self._shelf.put(upload.placed, upload.blob)
            self._shelf.remove_all(plan.removals)

    def _plan(self, wanted: Mapping[str, _Upload], is_complete: bool) -> _Plan:
        keep = {*wanted, *self._unfetched_keys()}
        uploads = [up for key, up in wanted.items() if not self._is_in_place(up)]
        stray = [placed for placed in self._shelf if placed.key not in keep]
        removals = [placed for placed in stray if placed.kind != "metadata"]
        must_retire = not is_complete or bool(uploads) or bool(removals)
        retired = [
            placed
            for placed in stray
            if placed.kind == "metadata" and (must_retire or placed.key != self._metadata_key)
        ]
        return _Plan(retired, uploads, removals)

    def _unfetched_keys(self) -> set[str]:
        """Name the objects of images that could not be had this time: they stay, unnamed.

        Not those that were sent under another policy: it may have been none at all.
        """
        keys = {
            image_key(self._study, prepared.image)
            for prepared in self._prepared.images
            if prepared.is_awaited
        }
        # Of what is in doubt nobody knows under which policy it is.
        keys = {key for key in keys if (placed := self._shelf.get(key)) and not placed.in_doubt}
        if keys and self._exporter.ledger.policy_of(self._study.study_id) != self._exporter.policy:
            return set()
        return keys

    def _publish_metadata(self, wanted: Mapping[str, _Upload]) -> None:
        metadata = PlacedObject(self._metadata_key, "metadata", "", 0)
        exported_at = self._shelf.announce([self._shelf.get(self._metadata_key) or metadata])
        document = _describe(self._prepared, wanted)
        blob = self._scratch.keep(document.to_bytes(exported_at))
        self._shelf.put(replace(metadata, sha256=blob.sha256, bytes=blob.size), blob)

    def _outcome(self, status: StudyStatus, wanted: Mapping[str, _Upload]) -> StudyOutcome:
        placed = tuple(self._shelf)
        kinds = [item.kind for item in placed if not item.in_doubt]
        result = StudyResult(
            study_id=self._study.study_id,
            organization_id=self._study.organization_id,
            success=status is StudyStatus.EXPORTED,
            dicom_files_uploaded=kinds.count("dicom"),
            reports_uploaded=kinds.count("report"),
            metadata_uploaded="metadata" in kinds,
            errors=(*self._prepared.errors, *self._shelf.errors),
        )
        return StudyOutcome(
            result=result,
            status=status,
            images=tuple(self._image_outcome(item, wanted) for item in self._prepared.images),
            objects=placed,
            is_hopeful=self._prepared.is_hopeful or bool(self._shelf.errors),
        )

    def _image_outcome(
        self, prepared: PreparedImage, wanted: Mapping[str, _Upload]
    ) -> ImageOutcome:
        held_back = ImageOutcome(
            image_id=prepared.image.image_id,
            status=ImageStatus.MISSING,
            source_sha256=prepared.source_sha256,
            source_updated_at=prepared.image.updated_at,
        )
        if (code := prepared.code) is not None:
            return replace(held_back, status=code.image_status, code=code)
        upload = wanted[image_key(self._study, prepared.image)]
        if not self._is_in_place(upload):
            code = Code.STORE_UNAVAILABLE
            return replace(held_back, status=code.image_status, code=code)
        return replace(
            held_back,
            status=ImageStatus.EXPORTED,
            sha256=upload.placed.sha256,
            bytes=upload.placed.bytes,
            key=upload.placed.key,
        )

    def _is_in_place(self, upload: _Upload) -> bool:
        return self._shelf.get(upload.placed.key) == upload.placed


def _uploads(prepared: PreparedStudy) -> dict[str, _Upload]:
    """Everything of a study that is fit to be in the bucket, by key, but for its metadata."""
    study = prepared.study
    uploads = [
        _upload(image_key(study, item.image), "dicom", item.blob, item.image.updated_at)
        for item in prepared.images
        if item.code is None and item.blob is not None
    ] + [
        _upload(report_key(study, item.report), "report", item.blob, item.report.updated_at)
        for item in prepared.reports
        if item.blob is not None
    ]
    return {upload.placed.key: upload for upload in uploads}


def _upload(key: str, kind: ObjectKind, blob: Blob, updated_at: str | None) -> _Upload:
    placed = PlacedObject(key, kind, blob.sha256, blob.size, source_updated_at=updated_at)
    return _Upload(placed, blob)


def _with_searched_metadata(prepared: PreparedStudy) -> PreparedStudy:
    """Search ``metadata.json`` for identifiers before anything is sent."""
    if prepared.verdict is not StudyStatus.EXPORTED:
        return prepared
    wanted = _uploads(prepared)
    content = _describe(prepared, wanted).to_bytes(_NO_TIME)
    study = prepared.study
    made = {study.study_id, study.organization_id, study.facility_id or "", str(_NO_TIME.date())}
    for item in prepared.images:
        made |= {item.image.image_id, item.image.series_id}
        if item.outgoing and item.outgoing.file:
            made |= item.outgoing.file.made
    made |= {item.report.report_id for item in prepared.reports}
    made |= {upload.placed.sha256 for upload in wanted.values()} - {""}
    found = prepared.deidentified.search_metadata(content, made - {""})
    if not found:
        return prepared
    log.warning("study %s: metadata.json: %s", study.study_id, ", ".join(sorted(found)))
    return prepared.without_metadata(Code.RESIDUAL_PHI)


def _describe(prepared: PreparedStudy, wanted: Mapping[str, _Upload]) -> StudyDescription:
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
        deidentification=prepared.deidentified.statement(),
    )

"""The second of a study's two steps: bring its objects in the bucket to what was prepared.

Readers trust ``metadata.json``: if it exists, every object that it names exists, byte for byte.
So it is removed before any object that it names changes or goes, and it is sent last.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dicom_export.blobs import Blob, Workspace
from dicom_export.codes import Code, ImageStatus, StudyStatus
from dicom_export.model import ImageOutcome, ObjectKind, PlacedObject, StudyOutcome, StudyResult
from dicom_export.prepare.study import PreparedImage, PreparedStudy
from dicom_export.publish.layout import image_key, metadata_document, metadata_key, report_key
from dicom_export.publish.study_objects import StudyObjects

log = logging.getLogger(__name__)

_NO_TIME = datetime.min.replace(tzinfo=UTC)
"""Replaces the time of export while it is not known yet."""

_Wanted = Mapping[str, PlacedObject]
"""The objects that the study should have in the bucket, by key, except ``metadata.json``."""


def publish(
    prepared: PreparedStudy, objects: StudyObjects, workspace: Workspace, policy: str | None
) -> StudyOutcome:
    """Change the study's objects as its verdict asks, and return what the ledger shall keep.

    - EXPORTED: send the objects that differ, remove the others, send ``metadata.json`` last.
    - INCOMPLETE: the same, but without ``metadata.json``, which is removed first.
    - QUARANTINED: remove everything.

    A failed request makes the study INCOMPLETE, so that it is tried again. ``policy`` is the
    export's policy of today: objects that were sent under another one are not kept.

    Raises:
        LeaseLost: another worker has the study; no further request was begun.
    """
    prepared = _with_searched_metadata(prepared)
    verdict = prepared.verdict
    contents = dict(_contents(prepared)) if verdict is not StudyStatus.QUARANTINED else {}
    wanted = {placed.key: placed for placed in contents}
    if verdict is StudyStatus.QUARANTINED:
        objects.clear(prepared.study.organization_id)
    else:
        _carry_out(_plan(prepared, wanted, objects, policy), contents, objects)
    if verdict is StudyStatus.EXPORTED and not objects.errors:
        _publish_metadata(prepared, wanted, objects, workspace)
    for placed in wanted.values():
        objects.restate(placed)
    if objects.errors:
        # This holds for QUARANTINED as well: a removal that failed must be tried again.
        verdict = StudyStatus.INCOMPLETE
    return _outcome(prepared, verdict, wanted, objects)


def _with_searched_metadata(prepared: PreparedStudy) -> PreparedStudy:
    """Search ``metadata.json`` for identifiers before anything is sent."""
    if prepared.verdict is not StudyStatus.EXPORTED:
        return prepared
    wanted = {placed.key: placed for placed, _ in _contents(prepared)}
    study = prepared.study
    made = {study.study_id, study.organization_id, study.facility_id or "", str(_NO_TIME.date())}
    for item in prepared.images:
        made |= {item.image.image_id, item.image.series_id}
        if item.outgoing and item.outgoing.file:
            made |= item.outgoing.file.made
    made |= {item.report.report_id for item in prepared.reports}
    made |= {placed.sha256 for placed in wanted.values()}
    document = metadata_document(prepared, wanted, _NO_TIME)
    found = prepared.deidentified.search_metadata(document, made - {""})
    if not found:
        return prepared
    log.warning("study %s: metadata.json: %s", study.study_id, ", ".join(sorted(found)))
    return prepared.without_metadata(Code.RESIDUAL_PHI)


def _contents(prepared: PreparedStudy) -> Iterator[tuple[PlacedObject, Blob]]:
    """Yield every file and report that may be in the bucket, as an object and its bytes."""
    study = prepared.study
    for item in prepared.images:
        if item.code is None and item.blob is not None:
            key = image_key(study, item.image)
            yield _placed(key, "dicom", item.blob, item.image.updated_at), item.blob
    for report in prepared.reports:
        if report.blob is not None:
            key = report_key(study, report.report)
            yield _placed(key, "report", report.blob, report.report.updated_at), report.blob


def _placed(key: str, kind: ObjectKind, blob: Blob, updated_at: str | None) -> PlacedObject:
    return PlacedObject(key, kind, blob.sha256, blob.size, source_updated_at=updated_at)


# The order of requests ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    """The requests to the bucket, in this order."""

    retired: Sequence[PlacedObject]
    """Every ``metadata.json`` that must go first: the present one, and the one of the organization
    that the study belonged to before."""
    uploads: Sequence[PlacedObject]
    removals: Sequence[PlacedObject]

    def touched(self) -> Iterable[PlacedObject]:
        """Return every object that is in doubt from the first request on."""
        return (*self.retired, *self.uploads, *self.removals)


def _plan(
    prepared: PreparedStudy, wanted: _Wanted, objects: StudyObjects, policy: str | None
) -> _Plan:
    keep = {*wanted, *_unfetched_keys(prepared, objects, policy)}
    uploads = [placed for key, placed in wanted.items() if objects.get(key) != placed]
    others = [placed for placed in objects if placed.key not in keep]
    removals = [placed for placed in others if placed.kind != "metadata"]
    is_complete = prepared.verdict is StudyStatus.EXPORTED
    must_retire = not is_complete or bool(uploads) or bool(removals)
    retired = [
        placed
        for placed in others
        if placed.kind == "metadata" and (must_retire or placed.key != metadata_key(prepared.study))
    ]
    return _Plan(retired, uploads, removals)


def _unfetched_keys(prepared: PreparedStudy, objects: StudyObjects, policy: str | None) -> set[str]:
    """Name the objects of images that could not be fetched this time: they stay, unnamed.

    An object that was sent under another policy does not stay: that policy may have been none.
    """
    awaited = (item.image for item in prepared.images if item.is_awaited)
    keys = {image_key(prepared.study, image) for image in awaited}
    # The policy of an object in doubt is not known.
    keys = {key for key in keys if (placed := objects.get(key)) and not placed.in_doubt}
    return keys if keys and objects.are_under(policy) else set()


def _carry_out(plan: _Plan, contents: Mapping[PlacedObject, Blob], objects: StudyObjects) -> None:
    if touched := plan.touched():
        objects.announce(touched)
    # An object that a metadata.json names may not change before that document is gone.
    if objects.remove_all(plan.retired):
        for placed in plan.uploads:
            objects.put(placed, contents[placed])
        objects.remove_all(plan.removals)


def _publish_metadata(
    prepared: PreparedStudy, wanted: _Wanted, objects: StudyObjects, workspace: Workspace
) -> None:
    metadata = PlacedObject(metadata_key(prepared.study), "metadata", "", 0)
    exported_at = objects.announce([objects.get(metadata.key) or metadata])
    blob = workspace.keep(metadata_document(prepared, wanted, exported_at))
    objects.put(replace(metadata, sha256=blob.sha256, bytes=blob.size), blob)


# The ledger's rows --------------------------------------------------------------------------------


def _outcome(
    prepared: PreparedStudy, status: StudyStatus, wanted: _Wanted, objects: StudyObjects
) -> StudyOutcome:
    placed = tuple(objects)
    kinds = [item.kind for item in placed if not item.in_doubt]
    result = StudyResult(
        study_id=prepared.study.study_id,
        organization_id=prepared.study.organization_id,
        success=status is StudyStatus.EXPORTED,
        dicom_files_uploaded=kinds.count("dicom"),
        reports_uploaded=kinds.count("report"),
        metadata_uploaded="metadata" in kinds,
        errors=(*prepared.errors, *objects.errors),
    )
    return StudyOutcome(
        result=result,
        status=status,
        images=tuple(
            _image_outcome(item, wanted.get(image_key(prepared.study, item.image)), objects)
            for item in prepared.images
        ),
        objects=placed,
        is_hopeful=prepared.is_hopeful or bool(objects.errors),
    )


def _image_outcome(
    prepared: PreparedImage, wanted: PlacedObject | None, objects: StudyObjects
) -> ImageOutcome:
    code = prepared.code
    is_in_place = wanted is not None and objects.get(wanted.key) == wanted
    if code is None and not is_in_place:
        code = Code.STORE_UNAVAILABLE
    outcome = ImageOutcome(
        image_id=prepared.image.image_id,
        status=code.image_status if code else ImageStatus.EXPORTED,
        code=code,
        source_sha256=prepared.source_sha256,
        source_updated_at=prepared.image.updated_at,
    )
    if code or wanted is None:
        return outcome
    return replace(outcome, sha256=wanted.sha256, bytes=wanted.bytes, key=wanted.key)

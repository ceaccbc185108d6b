"""The commands that export, apart from the others since they load boto3 and pydicom."""

from __future__ import annotations

from collections.abc import Sequence

import dicom_export
from dicom_export import StudyResult
from eden import warehouse
from eden.cli import output
from eden.settings import DestinationDatabase, Export, ObjectStore, load


def discover(limit: int | None, *, as_json: bool) -> bool:
    """Export what is due; True where every study that was worked on is in place."""
    settings = load(DestinationDatabase), load(ObjectStore), load(Export)
    warehouse.migrate()
    with output.progress_bar(shown=not as_json):
        warehouse.check_export_gate()
        summary = dicom_export.discover(*settings, limit=limit)
    if as_json:
        output.document(summary.to_dict())
    elif not summary.results:
        output.say("Nothing to do: every eligible study that is due is in the bucket.")
    else:
        counts = ", ".join(f"{count} {status}" for status, count in summary.counts.items())
        output.say(f"{len(summary.results)} studies: {counts}; {summary.left} left")
        for result in summary.results:
            _explain_failure(result)
    return summary.success


def process_study(study_id: str, *, as_json: bool) -> bool:
    """Export one study; the document is exactly the result of design, section 5."""
    settings = load(DestinationDatabase), load(ObjectStore), load(Export)
    warehouse.migrate()
    result = dicom_export.process_study(*settings, study_id)
    if as_json:
        output.document(result.to_dict())
    else:
        _tell(result)
    return result.success


def process_batch(study_ids: Sequence[str], *, as_json: bool) -> bool:
    """Export these studies; the document holds their results in their order."""
    settings = load(DestinationDatabase), load(ObjectStore), load(Export)
    warehouse.migrate()
    with output.progress_bar(shown=not as_json):
        results = dicom_export.process_batch(*settings, list(study_ids))
    if as_json:
        output.document({"results": [result.to_dict() for result in results]})
    else:
        for result in results:
            _tell(result)
    return all(result.success for result in results)


def _tell(result: StudyResult) -> None:
    if result.success:
        output.say(
            f"{result.study_id}: exported, {result.dicom_files_uploaded} images "
            f"and {result.reports_uploaded} reports in place"
        )
    _explain_failure(result)


def _explain_failure(result: StudyResult) -> None:
    if not result.success:
        output.say(f"{result.study_id}: held back ({'; '.join(result.errors)})")

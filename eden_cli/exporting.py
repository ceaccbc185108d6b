"""The commands that export, apart from the others since they load boto3 and pydicom."""

from __future__ import annotations

from collections.abc import Sequence

import dicom_export
from dicom_export import DiscoverySummary, StudyResult
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from eden.warehouse import builds
from eden_cli import output

SHOWN = 50
"""Studies that are named one by one on a terminal; ``--json`` names more."""


def discover(limit: int | None, *, allow_mass_withdraw: bool, as_json: bool) -> bool:
    """Withdraw and export; True where all that was worked on is in place, and nothing else is."""
    settings = load(DestinationDatabase), load(ObjectStore), load(Export)
    builds.migrate()
    with output.progress_bar(shown=not as_json):
        builds.check_export_gate()
        if settings[2].dispatch == "local":
            summary = dicom_export.discover(
                *settings, limit=limit, allow_mass_withdraw=allow_mass_withdraw
            )
        else:
            # Loads Prefect, which no other command needs.
            from flows.export import export_due  # noqa: PLC0415

            summary = export_due(limit, allow_mass_withdraw=allow_mass_withdraw)
    if as_json:
        output.document(summary.to_dict())
    elif summary.is_idle:
        output.say("Nothing to do: every eligible study that is due is in the bucket.")
    else:
        _show_discovery(summary)
    return summary.success


def dry_run(limit: int | None, *, allow_mass_withdraw: bool, as_json: bool) -> bool:
    """Print the work that a discovery would do now."""
    settings = load(DestinationDatabase), load(Export)
    builds.migrate()
    found = dicom_export.dry_run(*settings, limit=limit, allow_mass_withdraw=allow_mass_withdraw)
    if as_json:
        output.document(found.to_dict())
        return True
    output.say(
        f"Would export {found.studies:,} studies: {found.files:,} files "
        f"({found.images:,} images, {found.reports:,} reports), {found.bytes:,} bytes, "
        f"{found.put_requests:,} PUT requests."
    )
    if found.files_of_unknown_size:
        output.say(f"Of {found.files_of_unknown_size:,} files the size is not known.")
    if found.withdrawn:
        output.say(
            f"Would withdraw {found.withdrawn:,} studies: {found.objects_removed:,} objects."
        )
    if found.withdrawals_refused:
        output.say(refusal(found.withdrawals_refused, found.exported))
    return True


def retry(study_id: str, accept: Sequence[str], reason: str | None, *, as_json: bool) -> bool:
    """Put a study back that is held back."""
    settings = load(DestinationDatabase)
    builds.migrate()
    done = dicom_export.retry(settings, study_id, accept, reason)
    if as_json:
        output.document(done.to_dict())
        return True
    for accepted in done.accepted:
        output.say(f"Accepted by {accepted.os_user}: {accepted.code} of image {accepted.image_id}")
    output.say(f"{done.study_id} waits: the next discovery tries it, or eden process-study now.")
    return True


def refusal(refused: int, exported: int) -> str:
    """Print the reason why no study was withdrawn, and the next step."""
    return (
        f"WITHDRAWAL_REFUSED: {refused:,} of {exported:,} exported studies are no longer eligible; "
        "so many are not withdrawn unasked. If that is right, say --allow-mass-withdraw."
    )


def _show_discovery(summary: DiscoverySummary) -> None:
    done = summary.withdrawals
    if done.withdrawn:
        output.say(f"{done.withdrawn:,} studies withdrawn")
    if summary.counts:
        counts = ", ".join(f"{count} {status}" for status, count in summary.counts.items())
        output.say(f"{sum(summary.counts.values())} studies: {counts}; {summary.left} left")
    held_back = [result for result in summary.results if not result.success]
    for result in held_back[:SHOWN]:
        _explain_failure(result)
    if summary.held_back > SHOWN:
        output.say(f"... and {summary.held_back - SHOWN:,} more; see eden status")
    for result in done.failed[:SHOWN]:
        output.say(f"{result.study_id}: not withdrawn ({'; '.join(result.errors)})")
    if done.refused:
        output.say(refusal(done.refused, done.exported))


def process_study(study_id: str, *, as_json: bool) -> bool:
    """Export one study; the document is exactly the result of design, section 5."""
    settings = load(DestinationDatabase), load(ObjectStore), load(Export)
    builds.migrate()
    result = dicom_export.process_study(*settings, study_id)
    if as_json:
        output.document(result.to_dict())
    else:
        _tell(result)
    return result.success


def process_batch(study_ids: Sequence[str], *, as_json: bool) -> bool:
    """Export these studies; the document holds their results in their order."""
    settings = load(DestinationDatabase), load(ObjectStore), load(Export)
    builds.migrate()
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

"""The export of studies (design, section 8).

Prefect sees batches, not files: a study's truth is the ledger. A study that is held back does not
fail the flow; it shows in the artifacts and in the ledger.
"""

from __future__ import annotations

from typing import Any

from prefect.runtime import flow_run

import dicom_export
from dicom_export import DiscoverySummary, StudyResult, WithdrawalRefused
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from eden.warehouse import builds
from flows.artifacts import leave_held_back, leave_outcomes, leave_table, progress_bar
from flows.limits import throttle
from flows.pool import batch_name, work_pool
from flows.tasks import as_flow, as_task

DISCOVERY = "discover-chest-dicom-studies"
BATCH = "process-study-batch-to-s3"
STUDY = "process-study-to-s3"


def export_due(limit: int | None, *, allow_mass_withdraw: bool = False) -> DiscoverySummary:
    """Export the due studies, in this process or in the work pool (``EXPORT_DISPATCH``).

    Raises:
        PoolUnavailable: Prefect's server, the deployment or the work pool can't be reached.
        EdenError: as :func:`dicom_export.discover` does.
    """
    settings = load(DestinationDatabase), load(ObjectStore), load(Export)
    if settings[2].dispatch == "local":
        return dicom_export.discover(
            *settings, limit=limit, allow_mass_withdraw=allow_mass_withdraw, throttle=throttle()
        )
    with work_pool() as workers:
        return dicom_export.discover(
            *settings, limit=limit, allow_mass_withdraw=allow_mass_withdraw, workers=workers
        )


def _process(study_ids: list[str]) -> list[StudyResult]:
    settings = load(DestinationDatabase), load(ObjectStore), load(Export)
    return dicom_export.process_batch(*settings, study_ids, throttle=throttle())


gate_task = as_task(builds.check_export_gate, "test-marts")
export_task = as_task(export_due, "export")
process_task = as_task(_process, "process-studies")


@as_flow(DISCOVERY)
def discover_chest_dicom_studies(
    limit: int | None = None, allow_mass_withdraw: bool = False
) -> dict[str, Any]:
    """Export every eligible study that is due; nothing starts where a test of the marts fails.

    ``limit`` counts studies. Studies that are held back do not fail the flow.

    Raises:
        BuildFailed: a test of the marts failed.
        WithdrawalRefused: after everything else is done.
        EdenError: as :func:`export_due` does.
    """
    gate_task()
    with progress_bar(DISCOVERY):
        summary = export_task(limit, allow_mass_withdraw=allow_mass_withdraw)
    done = summary.withdrawals
    outcomes = dict(summary.counts) | {
        "withdrawn": done.withdrawn,
        "not withdrawn": len(done.failed),
    }
    counts = [{"outcome": name, "studies": count} for name, count in outcomes.items() if count]
    leave_table(DISCOVERY, counts, f"Studies by outcome; {summary.left} are left")
    leave_held_back([*summary.results, *done.failed])
    if done.refused:
        raise WithdrawalRefused(
            f"{done.refused} of {done.exported} exported studies are no longer eligible; "
            "none was withdrawn. If that is right, allow_mass_withdraw=True"
        )
    return summary.to_dict()


@as_flow(STUDY, run_name="study {study_id}")
def process_study_to_s3(study_id: str) -> dict[str, Any]:
    """Export one study; the answer is the result of design, section 5, held back or not.

    Raises:
        EdenError: as :func:`dicom_export.discover` does.
    """
    with progress_bar(STUDY):
        (result,) = process_task([study_id])
    leave_outcomes(STUDY, [result])
    return result.to_dict()


@as_flow(BATCH, run_name=lambda: batch_name(flow_run.parameters["study_ids"]))
def process_study_batch_to_s3(study_ids: list[str]) -> list[dict[str, Any]]:
    """Export these studies; one result each, in their order, as :func:`process_study_to_s3`."""
    with progress_bar(BATCH):
        results = process_task(study_ids)
    leave_outcomes(BATCH, results)
    return [result.to_dict() for result in results]

"""The export of studies (design, section 8).

Prefect sees batches, not files: a study's truth is the ledger. A study that is held back does not
fail the flow; it shows in the artifact and in the ledger.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

import dicom_export
from dicom_export import DiscoverySummary, StudyResult, WithdrawalRefused
from eden import warehouse
from eden.errors import ConfigurationError
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from flows.tasks import as_task, leave_table

gate_task = as_task(warehouse.check_export_gate, "test-marts")


def _export(limit: int | None, *, allow_mass_withdraw: bool) -> DiscoverySummary:
    export = load(Export)
    if export.dispatch != "local":
        raise ConfigurationError("EXPORT_DISPATCH: this version exports with 'local' only")
    return dicom_export.discover(
        load(DestinationDatabase),
        load(ObjectStore),
        export,
        limit=limit,
        allow_mass_withdraw=allow_mass_withdraw,
    )


def _process(study_ids: list[str]) -> list[StudyResult]:
    return dicom_export.process_batch(
        load(DestinationDatabase), load(ObjectStore), load(Export), study_ids
    )


export_task = as_task(_export, "export")
process_task = as_task(_process, "process-studies")


@flow(name="discover-chest-dicom-studies")
def discover_chest_dicom_studies(
    limit: int | None = None, allow_mass_withdraw: bool = False
) -> dict[str, Any]:
    """Export every eligible study that is due; nothing starts where a test of the marts fails.

    Withdrawals that were refused fail the flow, after everything else is done.
    """
    gate_task()
    summary = export_task(limit, allow_mass_withdraw=allow_mass_withdraw)
    done = summary.withdrawals
    outcomes = dict(summary.counts) | {
        "withdrawn": done.withdrawn,
        "not withdrawn": len(done.failed),
    }
    counts = [{"outcome": name, "studies": count} for name, count in outcomes.items() if count]
    leave_table("discover-chest-dicom-studies", counts, "Studies by outcome")
    if done.refused:
        raise WithdrawalRefused(
            f"{done.refused} of {done.exported} exported studies are no longer eligible; "
            "none was withdrawn. If that is right, allow_mass_withdraw=True"
        )
    return summary.to_dict()


@flow(name="process-study-to-s3")
def process_study_to_s3(study_id: str) -> dict[str, Any]:
    """Export one study; the answer is the result of design, section 5."""
    (result,) = process_task([study_id])
    return result.to_dict()


@flow(name="process-study-batch-to-s3")
def process_study_batch_to_s3(study_ids: list[str]) -> list[dict[str, Any]]:
    """Export these studies; one result each, in their order."""
    return [result.to_dict() for result in process_task(study_ids)]

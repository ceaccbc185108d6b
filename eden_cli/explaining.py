"""``eden explain``: why a study is in the dataset, or why not (design, section 8)."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console

import dicom_export
from dicom_export import Explanation
from dicom_export.codes import StudyStatus
from dicom_export.status.explain import LedgerEntry, label
from eden.settings import DestinationDatabase, load
from eden.warehouse import builds
from eden_cli import output
from eden_cli.export_status import would_deidentify

ERRORS_SHOWN = 10
RANK = "has_ranked_signer"
TRIED_AGAIN = frozenset({StudyStatus.WAITING, StudyStatus.INCOMPLETE})

STANDS = {
    StudyStatus.WAITING: "waiting for a discovery after {due}",
    StudyStatus.EXPORTING: "in the hands of {owner} until {until}",
    StudyStatus.EXPORTED: "in the bucket since {exported}",
    StudyStatus.INCOMPLETE: "incomplete after {tries}, tried again after {due}",
    StudyStatus.FAILED: "failed after {tries}; eden process-study {study_id} tries again",
    StudyStatus.QUARANTINED: "in quarantine since {changed}; a person has to look",
    StudyStatus.WITHDRAWN: "withdrawn from the bucket on {changed}",
}
"""A sentence for each status of the ledger."""


def explain(study_id: str, *, as_json: bool) -> bool:
    """Explain one study; always True, because an unknown study is an error."""
    settings = load(DestinationDatabase)
    builds.migrate()
    found = dicom_export.explain(settings, study_id)
    if as_json:
        output.document(found.to_dict())
    else:
        show(output.console(), found, deidentifies=would_deidentify())
    return True


def show(console: Console, found: Explanation, *, deidentifies: bool = False) -> None:
    """Print the explanation; ``deidentifies``: whether a discovery would de-identify."""
    output.say(_headline(found))
    if found.is_build_due:
        output.say("A build is due: the answers are those of the last one. Run eden etl.")
    for number, one in enumerate(found.criteria, start=1):
        reason = "" if one.reason is None else f": {one.reason}"
        met = "yes" if one.is_met else "no"
        output.say(f"  {number}  {met:3}  {one.title}{reason}")
    if found.signers:
        ranks = ", ".join(str(one.doctor_rank or "none") for one in found.signers)
        output.say(f"Ranks of the doctors who signed it: {ranks}.")
    output.say(_export(found, deidentifies=deidentifies))
    if found.ledger is not None:
        _show_ledger(console, found.ledger)


def _headline(found: Explanation) -> str:
    name = f"Study {found.study_id}"
    if found.organization_slug is not None:
        name += f" of {label(found.organization_slug)}"
    if found.is_eligible:
        return f"{name} is eligible, by a doctor of rank {found.doctor_rank}."
    if found.is_eligible is False:
        return f"{name} is not eligible."
    if found.is_replicated:
        return f"{name} was replicated, but the marts do not have it yet: run eden etl."
    if found.deleted_at is not None:
        return f"{name} was deleted in the source; found out on {_at(found.deleted_at)}."
    return f"{name} is not in the warehouse any more."


def _export(found: Explanation, *, deidentifies: bool) -> str:
    """The study's state in the export, and its next step."""
    ledger = found.ledger
    if ledger is None and found.is_eligible:
        return "Export: not discovered yet; the next discovery takes it."
    if ledger is None:
        return "Export: it never was eligible at a discovery."
    said = STANDS[ledger.status].format(
        study_id=found.study_id,
        tries=f"{ledger.attempts} attempt{'' if ledger.attempts == 1 else 's'}",
        due=_at(ledger.next_attempt_at),
        owner=ledger.lease_owner or "a worker",
        until=_at(ledger.lease_until),
        exported=_at(ledger.exported_at),
        changed=_at(ledger.updated_at),
    )
    return f"Export: {said}{_but(found, ledger, deidentifies=deidentifies)}."


def _but(found: Explanation, ledger: LedgerEntry, *, deidentifies: bool) -> str:
    """The next step for a study that is no longer eligible (design, section 5)."""
    if found.is_eligible or (found.is_replicated and not found.criteria):
        return ""
    if ledger.status in TRIED_AGAIN:
        return "; left alone while it is not eligible"
    if ledger.status is not StudyStatus.EXPORTED:
        return ""
    if {one.name for one in found.criteria if not one.is_met} != {RANK}:
        return "; to be withdrawn"
    if deidentifies and ledger.deidentification in {None, "off"}:
        return "; to be withdrawn, since it is not known to be de-identified"
    return "; it stays as it is, since only its doctors' ranks have moved"


def _show_ledger(console: Console, ledger: LedgerEntry) -> None:
    if ledger.error_codes:
        codes = ", ".join(f"{count} {code}" for code, count in ledger.error_codes.items())
        output.say(f"Errors of the last attempt: {codes}.")
        for error in ledger.errors[:ERRORS_SHOWN]:
            output.say(f"  {error}")
        if len(ledger.errors) > ERRORS_SHOWN:
            output.say(f"  and {len(ledger.errors) - ERRORS_SHOWN} more (--json has all)")
    if ledger.images:
        images = output.table("Images", "status", "reason", "images")
        for one in ledger.images:
            images.add_row(one.status, one.reason or "", str(one.images))
        console.print(images)


def _at(moment: datetime | None) -> str:
    return "an unknown time" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"

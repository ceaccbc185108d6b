"""The export's part of ``eden status``: a funnel whose numbers add up, and studies in need."""

from __future__ import annotations

from rich.console import Console

from dicom_export import Funnel
from dicom_export.status.funnel import ELIGIBLE
from eden.errors import ConfigurationError
from eden.settings import Export, load
from eden_cli import output


def would_deidentify() -> bool:
    """Whether a discovery would de-identify; False where it would not start."""
    try:
        return load(Export).deidentifies
    except ConfigurationError:
        return False


def show(console: Console, funnel: Funnel | None) -> None:
    """Show where the studies stand."""
    if funnel is None:
        output.say("Export: the marts were not built yet.")
        return
    table = output.table("Export", "studies", "that are")
    table.add_row(f"{funnel.eligible:,}", "eligible, and of these")
    for status in ELIGIBLE:
        table.add_row(f"{getattr(funnel, status.value):,}", f"  {status}")
    others = funnel.not_eligible
    for count, name in (
        (others.frozen, "in the bucket, no longer eligible by the rank of their doctors alone"),
        (others.to_withdraw, "to be withdrawn by the next discovery"),
        (others.withdrawn, "withdrawn"),
        (others.quarantined, "in quarantine, no longer eligible"),
        (others.exporting, "in the hands of a worker, no longer eligible"),
        (others.unexplained, "not known to the marts"),
    ):
        if count:
            table.add_row(f"{count:,}", name)
    console.print(table)
    _show_images(console, funnel)
    if funnel.oldest_waiting:
        waiting = funnel.oldest_waiting
        output.say(f"Waiting longest: {waiting.study_id}, since {waiting.since:%Y-%m-%d %H:%M %Z}.")
    _show_needy(console, funnel)


def _show_images(console: Console, funnel: Funnel) -> None:
    if not any(row.code for row in funnel.images):
        return
    table = output.table("Images of eligible studies", "images", "status", "code")
    for row in funnel.images:
        table.add_row(f"{row.images:,}", row.status, row.code or "")
    console.print(table)


def _show_needy(console: Console, funnel: Funnel) -> None:
    if refused := funnel.not_eligible.refused:
        output.say(
            f"{refused} exported studies are no longer eligible, too many to withdraw unasked: "
            "eden discover --allow-mass-withdraw, if that is right."
        )
    if not funnel.needs_person:
        return
    table = output.table("Held back until a person says: eden retry", "study", "status", "codes")
    for study in funnel.needs_person:
        table.add_row(study.study_id, study.status, ", ".join(study.codes))
    console.print(table)
    if funnel.needs_person_unlisted:
        output.say(f"... and {funnel.needs_person_unlisted:,} more.")

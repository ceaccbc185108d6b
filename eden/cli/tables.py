"""Tables of what the commands found."""

from __future__ import annotations

from rich.console import Console

from dlt_pipelines import ValidationSummary
from eden.cli import output


def show_validation(console: Console, summary: ValidationSummary) -> None:
    """Show what differed, per table and organization."""
    for failure in summary.failures:
        output.say(f"Not compared: {failure}")
    if not summary.differences:
        if not summary.failures:
            output.say("Nothing to repair: staging equals the source.")
        return
    columns = ("table", "organization", "missing", "stale", "deleted", "refused")
    table = output.table("Differences, repaired", *columns)
    for found in summary.differences:
        counts = (found.missing, found.stale, found.deleted, found.refused)
        table.add_row(found.table, str(found.organization_id or ""), *map(str, counts))
    console.print(table)
    if any(found.refused for found in summary.differences):
        output.say(
            "So many rows are not deleted unasked; where the source really deleted them, "
            "say --allow-mass-delete."
        )

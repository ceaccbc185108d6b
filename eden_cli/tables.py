"""The tables that commands print."""

from __future__ import annotations

from rich.console import Console

from dlt_pipelines import Difference, ValidationSummary
from eden_cli import output

SHOWN = 20
"""Differences on a terminal: no more than a screen holds. ``--json`` has all."""


def show_validation(console: Console, summary: ValidationSummary) -> None:
    """Print the differences per table and organization; of many, the largest."""
    for failure in summary.failures:
        output.say(f"Not compared: {failure}")
    if not summary.differences:
        if not summary.failures:
            output.say("Nothing to repair: staging equals the source.")
        return
    shown = list(summary.differences)
    if len(shown) > SHOWN:
        shown = sorted(shown, key=_weight, reverse=True)[:SHOWN]
    columns = ("table", "organization", "missing", "stale", "deleted", "refused")
    table = output.table("Differences, repaired", *columns)
    for found in shown:
        counts = (found.missing, found.stale, found.deleted, found.refused)
        table.add_row(found.table, _name(summary, found), *(f"{count:,}" for count in counts))
    console.print(table)
    if more := len(summary.differences) - len(shown):
        output.say(f"... and {more:,} more; --json has all")
    if any(found.refused for found in summary.differences):
        output.say(
            "So many rows are not deleted unasked; where the source really deleted them, "
            "say --allow-mass-delete."
        )


def _weight(found: Difference) -> tuple[int, int]:
    """What needs a person goes first."""
    return found.refused, found.missing + found.stale + found.deleted


def _name(summary: ValidationSummary, found: Difference) -> str:
    if found.organization_id is None:
        return ""
    slug = summary.slugs.get(found.organization_id)
    # A slug that several organizations have identifies none of them.
    if slug is None or list(summary.slugs.values()).count(slug) > 1:
        return str(found.organization_id)
    return slug

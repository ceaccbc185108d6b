"""A command's output: one JSON document on standard output, or text and tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from eden import progress

DOCUMENT = f"{__name__}.document"

STAGES = {
    "services": "Starting the services",
    "prefect": "Starting Prefect's server",
    "deploy": "Deploying the flows",
    "worker": "Starting a worker",
    "archive": "Taking radiographs",
    "load": "Loading tables",
    "validate": "Comparing tables",
    "build": "Building the marts",
    "withdraw": "Withdrawing studies",
    "export": "Exporting studies",
    "forget": "Emptying the bucket",
}


def console() -> Console:
    """For people: standard error, so that standard output stays the document's.

    Words are shown as they are: a slug or an id in brackets is no markup.
    """
    return Console(stderr=True, highlight=False, markup=False)


def say(sentence: str) -> None:
    """Print one message, on one line of any length."""
    console().print(sentence, soft_wrap=True)


def document(value: Any) -> None:  # noqa: ANN401  # anything that JSON can say
    """Print the one document of a command called with ``--json``; moments in ISO 8601."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[DOCUMENT] = True
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_iso))


def has_document() -> bool:
    """Whether this command has printed its document; later messages are text only."""
    context = click.get_current_context(silent=True)
    return context is not None and DOCUMENT in context.meta


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a document")


NUMBERS = frozenset(
    {"studies", "images", "reports", "rows", "rank", "eligible", "missing", "stale", "deleted",
     "refused", "rows read", "rows written", "failures"}
)  # fmt: skip


def table(title: str, *columns: str) -> Table:
    """A table that is narrow enough for a terminal of eighty columns; numbers stand right."""
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        made.add_column(column, justify="right" if column in NUMBERS else "left", overflow="fold")
    return made


def short(path: Path) -> str:
    """The path as seen from here, if that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[None]:
    """Show a bar per stage of long work, on a terminal; nothing elsewhere."""
    if not shown or not sys.stderr.isatty():
        yield
        return
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console(), transient=True) as bars:
        known: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in known:
                known[stage] = bars.add_task(STAGES.get(stage, stage), total=total)
            bars.update(known[stage], completed=done, total=total)

        with progress.reporting_to(show):
            yield

"""One run of a benchmark: its terminal, its time, and the section of ``RESULTS.md`` at its end."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
from rich.console import Console

from benchmarks.results import RESULTS, NotMeasured, Row, table, write_section
from eden.errors import EdenError

NOT_RUNNABLE = (NotMeasured, EdenError, psycopg.Error)
"""The errors that end a measurement without a figure."""


class Run:
    """A run that has begun. SIGTERM ends it like an exception: its temporary files are removed."""

    def __init__(self, title: str) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        self.console = Console(highlight=False)
        self._title = title
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """The time since the beginning."""
        return time.monotonic() - self._began

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show a step for as long as it lasts, then print its seconds."""
        began = time.monotonic()
        with self.console.status(what):
            yield
        self.console.print(f"{time.monotonic() - began:8.1f} s  {what}", markup=False)

    @contextmanager
    def must_work(self) -> Iterator[None]:
        """End the program with exit code 1 and one line of text if something cannot be run."""
        try:
            yield
        except NOT_RUNNABLE as error:
            self.console.print(f"could not be run: {error}", style="red", markup=False)
            sys.exit(1)

    def finish(
        self, rows: Sequence[Row], preamble: str, notes: Sequence[str], *, write: bool
    ) -> None:
        """Print the table and, with ``write``, replace the section of ``RESULTS.md``.

        Args:
            rows: The lines of the table.
            preamble: One or more sentences: with which versions and sizes. Date and duration of the
                run are added.
            notes: Sentences that a reader needs to judge the figures.
            write: False for a run that is too small to be published.
        """
        self.console.print(table(self._title, rows))
        if write:
            said = f"{datetime.now(UTC):%Y-%m-%d}; {preamble} The run took {self._minutes()}."
            write_section(self._title, said, rows, notes)
            self.console.print(f"Written to {RESULTS.name}")

    def _minutes(self) -> str:
        minutes = max(round(self.seconds / 60), 1)
        return f"{minutes} minute{'s' if minutes > 1 else ''}"

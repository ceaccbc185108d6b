"""Results of a benchmark: a table on the terminal, and a section of ``RESULTS.md``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich import box
from rich.markup import escape
from rich.table import Table

RESULTS = Path(__file__).with_name("RESULTS.md")

HEADER = """\
# Benchmarks

What `make bench` and its parts measured last, against the targets of the design. Absolute figures
hold for the machine of that day alone; what counts is the ratio of two things measured in turns
within one run.
"""

TIMES = "\N{MULTIPLICATION SIGN}"

COLUMNS = ("what", "measured", "ratio", "target", "met")


class NotMeasured(Exception):
    """A measurement could not be run; the benchmark fails."""


class NotAvailable(Exception):
    """A program to compare with cannot be run on this machine; its row says so."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    measured: str
    ratio: str = ""
    target: str = ""
    met: bool | None = None
    """None without a target, or without a program to compare with."""

    def cells(self) -> tuple[str, str, str, str, str]:
        """The texts of the columns."""
        met = {True: "yes", False: "no", None: ""}[self.met]
        return (self.what, self.measured, self.ratio, self.target, met)


def times(ratio: float) -> str:
    """The text of a ratio."""
    return f"{ratio:.2f} {TIMES}"


def at_least(what: str, measured: str, ratio: float, target: float) -> Row:
    """A row whose ratio must be the target or more."""
    return Row(what, measured, times(ratio), f"≥ {target:g} {TIMES}", ratio >= target)


def at_most(what: str, measured: str, ratio: float, target: float) -> Row:
    """A row whose ratio must be the target or less."""
    return Row(what, measured, times(ratio), f"≤ {target:g} {TIMES}", ratio <= target)


def spread(values: Sequence[float], unit: str, digits: int = 1) -> str:
    """The median, followed by the smallest and the largest of several values."""
    middle = f"{median(values):,.{digits}f} {unit}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def table(title: str, rows: Sequence[Row]) -> Table:
    """The rows as a table for a terminal."""
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in COLUMNS:
        made.add_column(column, justify="right" if column in {"ratio", "target"} else "left")
    for row in rows:
        style = "red" if row.met is False else None
        made.add_row(*map(escape, row.cells()), style=style)
    return made


def write_section(title: str, preamble: str, rows: Sequence[Row], notes: Sequence[str]) -> None:
    """Replace the section of this title in ``RESULTS.md``, or add it at the end."""
    lines = [_line(COLUMNS), "|---|---|--:|--:|---|", *(_line(row.cells()) for row in rows)]
    section = "\n\n".join(
        [f"## {title}", preamble, "\n".join(lines), "\n".join(f"- {note}" for note in notes)]
    )
    before = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEADER
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if not pattern.search(before):
        before = f"{before.rstrip()}\n\n## {title}\n"
    after = pattern.sub(lambda _: f"{section}\n\n", before)
    RESULTS.write_text(f"{after.rstrip()}\n", encoding="utf-8")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

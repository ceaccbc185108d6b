"""Report scrubbing against its targets: ``python -m benchmarks.report_scrubbing``.

Scrubs generated reports in three languages and compares with their answer keys, once for the hand
that the rules were written with and once for the one that was kept apart. Exits 0 whether or not
the targets are met.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import click
from rich.console import Console

from benchmarks.report_corpus import IDENTIFYING, Gold, generate
from benchmarks.report_corpus.writer import Hand
from benchmarks.results import RESULTS, Row, table, write_section
from benchmarks.scrub_score import SAME_TYPE, TARGETS, Score, score
from dicom_export.scrub import RULES_VERSION

SECTION = "Report scrubbing"
REPORTS, QUICK = 2_400, 240
MOST_CLINICAL_LOSS = 0.002

NOTES = (
    "Something identifying counts as removed only when none of its letters and digits is left. "
    "Precision is the share of the replacements of that type which hit anything identifying.",
    "The reports are made to be hard: half of the patients and many doctors have names that are "
    "words of radiology, and every report holds clinical sentences with the names of its own "
    "people.",
    "The held out reports come from phrases and forms written before the rules; the rules were "
    "not tuned on them. Both hands have one author, so real reports will differ more.",
    "Everything is generated: these figures say nothing certain of a hospital's own reports.",
)


@click.command()
@click.option("--quick", is_flag=True, help="A tenth of the reports; RESULTS.md stays as it is.")
@click.option("--seed", default=2026, show_default=True, help="Another seed, other reports.")
def main(quick: bool, seed: int) -> None:
    """Measure, print the tables, and write the section of RESULTS.md."""
    count = QUICK if quick else REPORTS
    console = Console()
    rows: list[Row] = []
    hands: tuple[Hand, ...] = ("known", "regression 1")
    for hand in hands:
        reports = list(generate(seed, count, hand))
        started = time.process_time()
        found = score(reports)
        milliseconds = 1000 * (time.process_time() - started) / count
        rows_of_hand = _rows(hand, found, milliseconds)
        console.print(table(f"{count:,} reports, {hand}", rows_of_hand))
        rows += rows_of_hand
    if quick:
        return
    write_section(SECTION, _preamble(count, seed), rows, NOTES)
    console.print(f"Written to {RESULTS.name}")


def _preamble(count: int, seed: int) -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, rules {RULES_VERSION}, Faker {version('faker')}, "
        f"Python {platform.python_version()}. {count:,} generated reports of each hand in Spanish, "
        f"Portuguese and English, seed {seed}."
    )


def _rows(hand: Hand, found: Score, milliseconds: float) -> Sequence[Row]:
    rows = [_row_of(hand, kind, found) for kind in IDENTIFYING]
    loss = found.clinical_loss
    rows.append(
        Row(
            f"{hand}: clinical words wrongly removed",
            f"{found.clinical_words_removed:,} of {found.clinical_words:,}",
            f"{loss:.2%}",
            f"≤ {MOST_CLINICAL_LOSS:.1%}",
            loss <= MOST_CLINICAL_LOSS,
        )
    )
    for kind in (Gold.TRAP, Gold.NUMBER):
        touched, there = found.sentences_touched[kind], found.sentences[kind]
        rows.append(Row(f"{hand}: {kind} sentences touched", f"{touched:,} of {there:,}"))
    rows.append(Row(f"{hand}: time of a report", f"{milliseconds:.1f} ms"))
    return rows


def _row_of(hand: Hand, kind: Gold, found: Score) -> Row:
    types = [type_ for type_, kinds in SAME_TYPE.items() if kind in kinds]
    replaced = sum(found.replaced[type_] for type_ in types)
    rightly = sum(found.rightly[type_] for type_ in types)
    precision = f"{rightly / replaced:.2%}" if replaced else "none"
    target = TARGETS.get(kind)
    recall = found.recall(kind)
    return Row(
        f"{hand}: {kind}",
        f"{found.removed[kind]:,} of {found.present[kind]:,}, precision {precision}",
        f"{recall:.2%}",
        f"≥ {target:.0%}" if target else "",
        recall >= target if target else None,
    )


if __name__ == "__main__":
    main()

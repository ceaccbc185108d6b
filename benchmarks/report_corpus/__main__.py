"""Prints reports of one set as JSON lines: ``python -m benchmarks.report_corpus set_4``."""

from __future__ import annotations

import json

import click

from benchmarks.report_corpus.generator import generate
from benchmarks.report_corpus.sets import load


@click.command()
@click.argument("name")
@click.option("--count", default=10, show_default=True)
@click.option("--seed", default=2026, show_default=True)
def main(name: str, count: int, seed: int) -> None:
    """Print each report with its spans: start, end (code points) and kind."""
    author = load(name).author
    for report in generate(seed, count, name):
        line = {
            "id": f"{name}/{seed}/{report.number}",
            "set": name,
            "author": author,
            "language": report.cast.language,
            "text": report.text,
            "spans": [[part.start, part.end, part.kind] for part in report.entities],
        }
        click.echo(json.dumps(line, ensure_ascii=False))


if __name__ == "__main__":
    main()

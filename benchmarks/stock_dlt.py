"""dlt's ``sql_table`` with default settings, run in a virtual environment of its own.

The environment names source and target. Standard output gets the seconds of the load, without the
imports.
"""

from __future__ import annotations

import os
import sys
import time

import dlt
from dlt.destinations import postgres
from dlt.sources.sql_database import sql_table


def main() -> None:
    """Load one table with default settings."""
    started = time.perf_counter()
    pipeline = dlt.pipeline(
        pipeline_name="stock",
        pipelines_dir=os.environ["BENCH_FOLDER"],
        destination=postgres(os.environ["BENCH_TARGET"]),
        dataset_name="stock",
    )
    pipeline.run(sql_table(credentials=os.environ["BENCH_SOURCE"], table="pacs_studies"))
    sys.stdout.write(f"{time.perf_counter() - started}\n")


if __name__ == "__main__":
    main()

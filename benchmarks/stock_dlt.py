"""dlt's ``sql_table`` as it comes, run by the benchmark in a virtual environment of its own.

Takes the addresses of source and target from the environment and says on standard output how many
seconds the load took, its imports not counted.
"""

from __future__ import annotations

import os
import sys
import time

import dlt
from dlt.destinations import postgres
from dlt.sources.sql_database import sql_table


def main() -> None:
    """Load one table with every setting left alone."""
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

"""How this project's tasks behave, and what a run leaves in Prefect's pages.

Nothing is cached and no result is kept: what is done stands in the warehouse's ledger (``ops``),
and a second run finds out from there. Parameters, results and artifacts hold ids and counts alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def as_task(function: Callable[Parameters, Result], name: str) -> Task[Parameters, Result]:
    """Make a task of a library's function."""
    return task(name=name, cache_policy=NO_CACHE, persist_result=False)(function)


def leave_table(key: str, rows: list[dict[str, Any]], description: str) -> None:
    """Leave a table of outcomes on the run's page."""
    create_table_artifact(
        key=key, table=rows or [{"outcome": "nothing to do"}], description=description
    )

"""The artifacts of a run in Prefect: tables of outcomes, and progress."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException

from dicom_export import StudyResult
from eden.errors import EdenError
from eden.progress import reporting_to

log = logging.getLogger(__name__)

UPDATE_SECONDS = 5.0
HELD_BACK_SHOWN = 500
"""The most studies in the table of those held back; the ledger has all."""


def leave_table(key: str, rows: list[dict[str, Any]], description: str) -> None:
    """Leave a table of outcomes on the run's page."""
    create_table_artifact(
        key=key, table=rows or [{"outcome": "nothing to do"}], description=description
    )


def leave_outcomes(key: str, results: Sequence[StudyResult]) -> None:
    """Leave a table of how many studies are in place and how many are held back, and which."""
    counts = Counter("in place" if result.success else "held back" for result in results)
    leave_table(key, [{"outcome": o, "studies": n} for o, n in counts.items()], "Studies")
    leave_held_back(results)


def leave_error(key: str, error: EdenError) -> None:
    """Add a table with the error that ended the run."""
    rows = [{"outcome": "failed", "code": error.code, "why": str(error)}]
    try:
        leave_table(f"{key}-failed", rows, "What ended the run")
    except (httpx.HTTPError, PrefectException) as trouble:
        # The error itself must not be hidden by a failure to show it.
        log.warning("the artifact could not be left: %s", type(trouble).__name__)


def leave_held_back(results: Sequence[StudyResult]) -> None:
    """Leave a table of the studies that are not exported and why, if there are any."""
    held_back = [result for result in results if not result.success]
    rows = [
        {
            "study": result.study_id,
            "organization": result.organization_id,
            "errors": "; ".join(result.errors),
        }
        for result in held_back[:HELD_BACK_SHOWN]
    ]
    if rows:
        leave_table("studies-held-back", rows, f"{len(held_back)} studies are held back")


@contextmanager
def progress_bar(key: str) -> Iterator[None]:
    """Show the progress of the work within on the run's page, if it reports any."""
    bar = _Bar(key)
    with reporting_to(bar):
        yield
    bar.finish()


class _Bar:
    """A progress artifact, made at the first report and updated every few seconds."""

    def __init__(self, key: str) -> None:
        self._key = f"{key}-progress"
        self._artifact: UUID | None = None
        self._percent = 0.0
        self._said = ""
        self._shown_at = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        if total == 0:
            return
        self._percent, self._said = 100 * done / total, f"{stage}: {done:,} of {total:,}"
        if time.monotonic() - self._shown_at >= UPDATE_SECONDS:
            self._show()

    def finish(self) -> None:
        if self._artifact is not None:
            self._show()

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        try:
            if self._artifact is None:
                made = create_progress_artifact(self._percent, self._key, self._said)
                # Typed for both worlds; this one is not asynchronous.
                assert isinstance(made, UUID)
                self._artifact = made
            else:
                update_progress_artifact(self._artifact, self._percent, self._said)
        except (httpx.HTTPError, PrefectException) as error:
            # Work goes on without its progress bar.
            log.warning("progress could not be shown: %s", type(error).__name__)

"""How this project's flows and tasks behave.

Nothing is cached and no result is kept: the warehouse's ledger (``ops``) records the work, and a
second run reads it. Parameters, results, names and artifacts hold only ids and counts. Prefect
stores and shows the exceptions of tasks and flows, so only this project's own errors leave them;
they identify no patient.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import Flow, State, Task, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun
from prefect.runtime import flow_run

from dicom_export.errors import describe
from eden import logs, sentry
from eden.errors import EdenError
from eden.settings import Machine, load
from flows.artifacts import leave_error

log = logging.getLogger(__name__)

STARTED_BY_PREFECT = "PREFECT__FLOW_RUN_ID"
"""In the environment of the processes that workers start."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Unexpected(EdenError):
    """An unexpected error; the message has its class and place, without its own message."""

    code = "INTERNAL_ERROR"


def as_task(function: Callable[Parameters, Result], name: str) -> Task[Parameters, Result]:
    """Make a task of a library's function."""
    return task(name=name, cache_policy=NO_CACHE, persist_result=False)(discreet(function, name))


def as_flow(
    name: str, run_name: str | Callable[[], str] | None = None
) -> Callable[[Callable[Parameters, Result]], Flow[Parameters, Result]]:
    """Make a flow.

    Its runs are named by ``run_name``, which may hold parameters in braces, or else by the time.
    """

    def make(function: Callable[Parameters, Result]) -> Flow[Parameters, Result]:
        naming = run_name or (lambda: f"{name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}")
        options = flow(
            name=name,
            flow_run_name=naming,
            persist_result=False,
            log_prints=False,
            on_failure=[drop_stored_error],
        )
        return options(_told(discreet(function, name), name))

    return make


def drop_stored_error(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001  # named by Prefect
    """Remove the pickled error of a failed flow: Prefect stores it for any ``persist_result``.

    The state holds its message, and no code reads the file. A storage block keeps the file, because
    blocks cannot delete.
    """
    stored = getattr(state.data, "metadata", None)
    if stored is not None and stored.storage_block_id is None:
        Path(stored.storage_key).unlink(missing_ok=True)


def _told(function: Callable[Parameters, Result], name: str) -> Callable[Parameters, Result]:
    """Attach the run's id to its log records, and report its failure to Sentry."""

    @wraps(function)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        machine = load(Machine)
        if os.environ.get(STARTED_BY_PREFECT):
            logs.set_up_beside_prefect(machine.logging_level, machine.logging_format)
        # None outside of Prefect's engine, where a command may have set it.
        with logs.about(run_id=flow_run.id):
            try:
                return function(*args, **kwargs)
            except EdenError as error:
                # Already reported where it was raised.
                if not isinstance(error, Unexpected):
                    sentry.capture(machine.sentry_dsn, error, name)
                if flow_run.id:
                    leave_error(name, error)
                raise

    return call


def discreet(function: Callable[Parameters, Result], name: str) -> Callable[Parameters, Result]:
    """Let only our own errors out, without their causes.

    The message of a parser or a driver quotes values. Sentry gets only the place of such an error
    in the flow or task of this ``name``.
    """

    @wraps(function)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except EdenError as error:
            raise error from None
        except Exception as error:  # noqa: BLE001  # the last one to see it
            place = describe(error)
            trail = "".join(traceback.format_tb(error.__traceback__))
            log.error("unexpected %s\n%s", place, trail)  # noqa: TRY400  # without its message
            sentry.capture(load(Machine).sentry_dsn, error, name)
            raise Unexpected(f"unexpected {place}") from None

    return call

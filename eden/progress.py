"""Progress of long work, from wherever it is done to whoever wants to show it.

Work says ``report("export", done, total)``; a command line, a flow or a test that wants to hear it
wraps the call in ``reporting_to(function)``. Without a listener nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Reporter = Callable[[str, int, int], None]
"""Called with the name of a stage, the steps done and the steps in all."""

_reporter: ContextVar[Reporter | None] = ContextVar("eden_progress", default=None)


def report(stage: str, done: int, total: int) -> None:
    """Tell the listener of this context, if there is one."""
    reporter = _reporter.get()
    if reporter is not None:
        reporter(stage, done, total)


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Send what is reported within to ``reporter``."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)

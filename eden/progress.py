"""Progress of long work, from wherever it is done to whoever wants to show it.

Work says ``report("export", done, total)``; a command line, a flow or a test that wants to hear it
wraps the call in ``reporting_to(function)``. All listeners around the work hear it; without any,
nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Reporter = Callable[[str, int, int], None]
"""Called with the name of a stage, the steps done and the steps in all."""

_reporters: ContextVar[tuple[Reporter, ...]] = ContextVar("eden_progress", default=())


def report(stage: str, done: int, total: int) -> None:
    """Tell every listener of this context."""
    for reporter in _reporters.get():
        reporter(stage, done, total)


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Send what is reported within to ``reporter`` too."""
    token = _reporters.set((*_reporters.get(), reporter))
    try:
        yield
    finally:
        _reporters.reset(token)

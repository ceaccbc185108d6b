"""Progress of long work, from the code that does it to the code that shows it.

Work calls ``report("export", done, total)``. A command line, a flow or a test wraps the work in
``reporting_to(function)`` to receive it. All listeners around the work receive it; without a
listener, nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Reporter = Callable[[str, int, int], None]
"""Called with the name of a stage, the steps done and the steps in all."""

_reporters: ContextVar[tuple[Reporter, ...]] = ContextVar("eden_progress", default=())


def report(stage: str, done: int, total: int) -> None:
    """Report to every listener of this context."""
    for reporter in _reporters.get():
        reporter(stage, done, total)


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Also send the progress reported within to ``reporter``."""
    token = _reporters.set((*_reporters.get(), reporter))
    try:
        yield
    finally:
        _reporters.reset(token)

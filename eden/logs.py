"""Logging: to standard error, or to a file where the terminal shows something better.

Nothing of a patient stands in a record, and no secret. Our own messages hold ids, counts and codes.
Of an exception, kind and place are kept and not its message: a parser's or a driver's quotes the
values that it stumbled over.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime
from pathlib import Path, PurePath
from types import TracebackType
from typing import Literal, ParamSpec, TypeVar
from uuid import UUID

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

NOISY = ("botocore", "boto3", "urllib3", "httpx", "httpcore", "asyncio", "dbt", "pydicom")
"""Libraries whose information is of use only to their authors; their warnings are kept."""

OURS = ("eden", "dlt_pipelines", "dicom_export", "flows")

Style = Literal["text", "json"]
Raised = tuple[type[BaseException], BaseException, TracebackType | None]
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_about: ContextVar[Mapping[str, str]] = ContextVar("about", default={})  # noqa: B039  # never changed


@contextmanager
def about(
    *,
    run_id: UUID | str | None = None,
    organization_id: UUID | str | None = None,
    study_id: UUID | str | None = None,
) -> Iterator[None]:
    """Attach these ids to all records logged within; an id that is not given stays as it was."""
    given = {"run_id": run_id, "organization_id": organization_id, "study_id": study_id}
    known = {name: str(value) for name, value in given.items() if value is not None}
    token = _about.set({**_about.get(), **known})
    try:
        yield
    finally:
        _about.reset(token)


def subject() -> Mapping[str, str]:
    """The ids that :func:`about` attaches now: of the run, the organization and the study."""
    return _about.get()


def carried(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Wrap a function for another thread, so that its records carry the ids of this thread."""
    context = copy_context()

    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        # A context can be entered by one thread at a time.
        return context.copy().run(function, *args, **kwargs)

    return call


class TextFormatter(logging.Formatter):
    """One line per record, for people."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatException(self, ei: object) -> str:  # noqa: N802  # as logging calls it
        """Kind and places of an exception, without its message."""
        return "\n".join(_told(ei))


class JsonFormatter(logging.Formatter):
    """One JSON object per record: ``time`` (UTC, ISO 8601), ``level``, ``logger``, ``message``.

    ``run_id``, ``organization_id`` and ``study_id`` where they are known; ``code`` of an error that
    ended a command; ``exception`` as a list of lines, without its message.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        document: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **subject(),
        }
        if code := getattr(record, "code", None):
            document["code"] = str(code)
        if record.exc_info and record.exc_info[0]:
            document["exception"] = _told(record.exc_info)
        return json.dumps(document, ensure_ascii=False)


def formatter(style: Style) -> logging.Formatter:
    """The formatter of a style."""
    return JsonFormatter() if style == "json" else TextFormatter()


def set_up(level: str, file: Path | None = None, *, style: Style = "text") -> None:
    """Send all records of at least ``level`` to ``file``, or to standard error; warnings too.

    Called once by a command line, before Prefect is imported, which keeps existing handlers.
    """
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(formatter(style))
    _use(handler)
    logging.getLogger().setLevel(level)
    logging.captureWarnings(capture=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def set_up_beside_prefect(level: str, style: Style) -> None:
    """In a process that Prefect has started and given its own logging: our level, and our style.

    As text, records look as Prefect's do. As JSON, those of Prefect are objects as well.
    """
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    if style == "json":
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(formatter(style))
        _use(handler)


def _use(handler: logging.Handler) -> None:
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)


def _told(raised: object) -> list[str]:
    """The safe part of an exception: the classes along its chain, and its place in the code."""
    error = raised[1] if isinstance(raised, tuple) else None
    lines: list[str] = []
    while isinstance(error, BaseException):
        lines += [
            f"{PurePath(frame.filename).name}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
        lines.append(type(error).__name__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines

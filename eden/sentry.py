"""Errors of commands and flows are told to Sentry, where a DSN is set.

An event says what kind of error it was and where in the code it came from, and which run,
organization and study it was about: ids that mean something in our own log and ledger, and nothing
to anybody else. It holds no message, no variable, no request, no breadcrumb, no host and no path of
this machine.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr

from eden import logs
from eden.errors import EdenError
from eden.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

logger = logging.getLogger(__name__)

SECONDS_TO_SEND = 3.0

KEPT = frozenset(
    {"event_id", "timestamp", "level", "platform", "release", "environment", "exception", "tags"}
)
"""The parts of an event that leave."""

TAGS = frozenset({"name", "code", "run_id", "organization_id", "study_id"})


def tell(dsn: SecretStr | None, error: BaseException, name: str) -> None:
    """Send an event, if there is a DSN; ``name`` is that of the command or the flow.

    An error that a person's typing explains is nobody else's business. Where Sentry cannot be
    reached, it hears nothing, and the log says so.
    """
    if dsn is None or getattr(error, "code", None) == "USAGE":
        return
    # Nobody else needs it.
    import sentry_sdk  # noqa: PLC0415

    # A client of its own: nothing is hooked into this process, so nothing else is ever sent.
    client = sentry_sdk.Client(
        dsn=dsn.get_secret_value(),
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        auto_session_tracking=False,
        send_client_reports=False,
        server_name="",
        before_send=_keep,
    )
    try:
        if client.capture_event(cast("Event", _event(error, name))) is None:
            logger.warning("Sentry was not told of this error")
    finally:
        client.close(timeout=SECONDS_TO_SEND)


def _event(error: BaseException, name: str) -> dict[str, Any]:
    code = error.code if isinstance(error, EdenError) else "INTERNAL_ERROR"
    frames = [
        {"filename": _place(frame.filename), "function": frame.name, "lineno": frame.lineno}
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    return {
        "level": "error",
        "exception": {
            "values": [
                {
                    "type": type(error).__name__,
                    "value": code,
                    "stacktrace": {"frames": frames} if frames else None,
                }
            ]
        },
        "tags": {"name": name, "code": code, **logs.subject()},
    }


def _keep(event: Event, _: Hint) -> Event:
    """Let out what is listed, whatever else the client has added."""
    parts: Mapping[str, Any] = event
    kept = {part: parts[part] for part in KEPT & parts.keys()}
    kept["tags"] = {tag: kept["tags"][tag] for tag in TAGS & kept["tags"].keys()}
    return cast("Event", kept)


def _place(filename: str) -> str:
    """Where a file lies within the project, or in the package that it belongs to."""
    path = Path(filename)
    if path.is_relative_to(PROJECT_ROOT) and ".venv" not in path.parts:
        return str(path.relative_to(PROJECT_ROOT))
    return str(PurePath(*path.parts[-2:]))

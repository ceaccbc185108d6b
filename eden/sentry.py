"""Reports errors of commands and flows to Sentry, if a DSN is set.

An event has the class of the error, its place in the code, and the ids of the run, the organization
and the study, which lead to the log and the ledger. It holds no message, no variable, no request,
no breadcrumb, no host and no path of this machine.
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


def capture(dsn: SecretStr | None, error: BaseException, name: str) -> None:
    """Send an event, if there is a DSN; ``name`` is that of the command or the flow.

    A wrong usage of a command is not sent. If Sentry cannot be reached, the event is lost, and the
    log has a warning.
    """
    if dsn is None or getattr(error, "code", None) == "USAGE":
        return
    # No other module uses it.
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
    """Keep the listed parts of an event; drop all others that the client has added."""
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

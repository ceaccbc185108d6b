"""The Prefect server of ``eden up``: its own, or a server that runs already."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from eden.embedded.keeper import lease
from eden.embedded.ports import LOOPBACK, free_port
from eden.embedded.postgres import PostgresService
from eden.embedded.prefect_server import database_url, server_settings
from eden.errors import PortTaken
from eden.paths import PROJECT_ROOT
from eden.settings import Prefect, Sync, load
from eden_cli.up.api import PrefectApi

DEFAULT_PORT = 4200
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # compared with
OURS = (LOOPBACK, "localhost", "::1")
SERVERS_OWN = ("PREFECT_SERVER_", "PREFECT_API_DATABASE_", "PREFECT_UI_")
"""Variables that are of no use to a flow, and some are secret."""
NOT_FOR_OURS = {
    "PREFECT_PROFILE",
    *(f"PREFECT_SERVER_DATABASE_{part}" for part in ("DRIVER", "HOST", "PORT", "NAME", "USER")),
    # Of the server in compose.yaml.
    "PREFECT_SERVER_DATABASE_PASSWORD",
}
"""They would speak against the profile and the database that ``eden up`` has chosen."""

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
    "DO_NOT_TRACK": "1",
    # For logs that are files.
    "NO_COLOR": "1",
    "COLUMNS": "200",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True, slots=True)
class PrefectServer:
    """A server, and the environment of its clients.

    ``command`` starts it in the environment ``settings``; it is empty where the server runs
    already. ``database`` is its label, fit to be shown.
    """

    api: PrefectApi
    clients: dict[str, str] = field(repr=False)
    command: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict, repr=False)
    database: str | None = None
    is_embedded: bool = False
    notes: tuple[str, ...] = ()

    @property
    def ui_url(self) -> str:
        """The address of its pages."""
        return self.api.url.removesuffix("/api")


@contextmanager
def prefect_server(home: Path, prefect: Prefect, port: int | None) -> Iterator[PrefectServer]:
    """Return how to start or to reach the server of the settings.

    Where they name neither a server nor a database, its database is in the embedded PostgreSQL,
    which runs for as long as the context lasts.

    Raises:
        PortTaken: another program listens on the port.
    """
    if prefect.api_url is not None:
        yield _running_server(prefect, prefect.api_url)
    elif prefect.database_url is not None:
        url = prefect.database_url.get_secret_value()
        # A name and a password stand before the last @; after ? there may be another password.
        label = url.rpartition("@")[2].partition("?")[0]
        yield _own_server(home, prefect, port, url, label)
    else:
        with lease(PostgresService(home)) as postgres:
            url = database_url(home, postgres["port"])
            label = f"{LOOPBACK}:{postgres['port']}/prefect"
            yield _own_server(home, prefect, port, url, label, is_embedded=True)


def _running_server(prefect: Prefect, url: str) -> PrefectServer:
    said = {k: v for k, v in os.environ.items() if not k.startswith(SERVERS_OWN)}
    clients = said | QUIET | {"PREFECT_API_URL": url} | _credentials(prefect)
    return PrefectServer(_api(prefect, url), clients)


def _own_server(
    home: Path,
    prefect: Prefect,
    port: int | None,
    database: str,
    label: str,
    *,
    is_embedded: bool = False,
) -> PrefectServer:
    port = _choose_port(prefect.host, port or prefect.port)
    url = f"http://{LOOPBACK if prefect.host in EVERYWHERE else prefect.host}:{port}/api"
    given = _of_prefect()
    settings = server_settings(
        home, database_url=database, api_url=url, retention_days=load(Sync).retention_days
    )
    credentials = _credentials(prefect)
    if prefect.login is not None:
        credentials["PREFECT_SERVER_API_AUTH_STRING"] = prefect.login.get_secret_value()
    address = {"PREFECT_API_URL": url, "PREFECT_HOME": settings["PREFECT_HOME"]}
    # Prefect variables of the user override ours.
    settings |= given | address | credentials
    settings["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database
    others = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    of_clients = {k: v for k, v in given.items() if not k.startswith(SERVERS_OWN)}
    return PrefectServer(
        _api(prefect, url),
        clients=others | QUIET | of_clients | address | _credentials(prefect),
        command=(
            *(sys.executable, "-m", "prefect", "server", "start"),
            *(f"--host={prefect.host}", f"--port={port}"),
        ),
        settings=others | QUIET | settings,
        database=label,
        is_embedded=is_embedded,
        notes=_warnings(prefect),
    )


def _api(prefect: Prefect, url: str) -> PrefectApi:
    return PrefectApi(
        url,
        login=prefect.login.get_secret_value() if prefect.login else None,
        key=prefect.api_key.get_secret_value() if prefect.api_key else None,
    )


def _credentials(prefect: Prefect) -> dict[str, str]:
    found = {"PREFECT_API_AUTH_STRING": prefect.login, "PREFECT_API_KEY": prefect.api_key}
    return {name: secret.get_secret_value() for name, secret in found.items() if secret}


def _of_prefect() -> dict[str, str]:
    """Prefect's variables in ``.env`` and in the environment, which wins; those of a profile not.

    Prefect's programs would read ``.env`` themselves, and take ours in the environment for better.
    """
    said = {**dotenv_values(PROJECT_ROOT / ".env"), **os.environ}
    return {
        name: value
        for name, value in said.items()
        if name.startswith("PREFECT_") and value and name not in NOT_FOR_OURS
    }


def _choose_port(host: str, wanted: int | None) -> int:
    if wanted is None:
        return DEFAULT_PORT if _is_free(host, DEFAULT_PORT) else free_port()
    if not _is_free(host, wanted):
        raise PortTaken(f"port {wanted} of {host} can't be had; name another with --port")
    return wanted


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server sets it: connections of an earlier server do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _warnings(prefect: Prefect) -> tuple[str, ...]:
    if prefect.host in OURS or prefect.login is not None:
        return ()
    return (
        f"Prefect listens on {prefect.host} without a login: whoever reaches it can start runs; "
        "set PREFECT_SERVER_API_AUTH_STRING=name:password",
    )

"""Prefect's own server, with its database in the embedded PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from eden.embedded.keeper import Endpoint, end_leftover, lease, log_file, terminate
from eden.embedded.ports import LOOPBACK, free_port
from eden.embedded.postgres import PostgresService
from eden.embedded.secrets import Secrets
from eden.errors import ServiceFailed
from eden.settings import Sync, load

ATTEMPTS = 3
READY_TIMEOUT_SECONDS = 90
EVENTS_DAYS = 7


def database_url(home: Path, postgres_port: str) -> str:
    """The database of Prefect's server in the embedded PostgreSQL; the address holds a password."""
    password = Secrets.of(home).postgres_password.get_secret_value()
    return (
        f"postgresql+asyncpg://{PostgresService.USER}:{password}"
        f"@{LOOPBACK}:{postgres_port}/{PrefectService.DATABASE}"
    )


def server_settings(
    home: Path, *, database_url: str, api_url: str, retention_days: int
) -> dict[str, str]:
    """The settings of every Prefect server that this project starts.

    Runs, their logs and artifacts go ``retention_days`` after their end; events go after Prefect's
    week, or sooner where ``retention_days`` is less.
    """
    return {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database_url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Remembers over a restart who holds a deployment's only slot: if the holder died
        # together with the server, the slot would never be free again.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
            "prefect.server.concurrency.lease_storage.filesystem"
        ),
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": f"P{retention_days}D",
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"P{min(retention_days, EVENTS_DAYS)}D",
        "PREFECT_SERVER_UI_API_URL": api_url,
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
    }


class PrefectService:
    """The API and the web pages of Prefect on the loopback interface."""

    name = "prefect"
    DATABASE = "prefect"

    def __init__(self, home: Path) -> None:
        self.home = home
        self._pid_file = home / "run" / "prefect.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self._needs = ExitStack()

    def start(self) -> Endpoint:
        """Start the server on a free port; it holds the embedded PostgreSQL while it runs."""
        end_leftover(self._pid_file, "prefect")
        postgres = self._needs.enter_context(lease(PostgresService(self.home)))
        for _ in range(ATTEMPTS):
            port = free_port()
            self._process = self._launch(port, postgres["port"])
            self._pid_file.write_text(str(self._process.pid), encoding="utf-8")
            if self._is_ready(f"http://{LOOPBACK}:{port}/api/health"):
                return {"url": f"http://{LOOPBACK}:{port}/api"}
            terminate(self._process)
        raise ServiceFailed(f"Prefect's server did not start; its log is {log_file(self)}")

    def is_running(self) -> bool:
        """Whether the server's process lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the server, then let go of PostgreSQL."""
        if self._process is not None:
            terminate(self._process)
        self._pid_file.unlink(missing_ok=True)
        self._needs.close()

    def _launch(self, port: int, postgres_port: str) -> subprocess.Popen[bytes]:
        settings = server_settings(
            self.home,
            database_url=database_url(self.home, postgres_port),
            api_url=f"http://{LOOPBACK}:{port}/api",
            retention_days=load(Sync).retention_days,
        )
        # Prefect variables of the caller's environment are for clients of another server.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        command = [sys.executable, "-m", "prefect", "server", "start"]
        return subprocess.Popen(
            [*command, f"--host={LOOPBACK}", f"--port={port}"],
            env=environment | settings,
            stdin=subprocess.DEVNULL,
        )

    def _is_ready(self, url: str) -> bool:
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while self.is_running() and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=2):  # noqa: S310  # loopback, http
                    return True
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        return False

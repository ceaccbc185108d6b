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

ATTEMPTS = 3
READY_TIMEOUT_SECONDS = 90


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
        password = Secrets.of(self.home).postgres_password.get_secret_value()
        url = (
            f"postgresql+asyncpg://{PostgresService.USER}:{password}"
            f"@{LOOPBACK}:{postgres_port}/{self.DATABASE}"
        )
        settings = {
            "PREFECT_HOME": str(self.home / "prefect"),
            "PREFECT_API_DATABASE_CONNECTION_URL": url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            # Remembers over a restart who holds a deployment's only slot: if the holder died
            # together with the server, the slot would never be free again.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
                "prefect.server.concurrency.lease_storage.filesystem"
            ),
            "PREFECT_UI_API_URL": f"http://{LOOPBACK}:{port}/api",
            "DO_NOT_TRACK": "1",
        }
        # What the caller's environment says of Prefect is about clients of another server.
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

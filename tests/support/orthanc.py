"""A real DICOM server, Orthanc, where its Debian packages are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from eden.embedded.ports import LOOPBACK, free_port

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER, PASSWORD = "reader", "a word:with/signs@"
SECONDS_TO_START = 60
ATTEMPTS = 5


def find_program() -> str | None:
    """Give Orthanc's path, or None where it or its plugin for DICOMweb is not installed."""
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    return program if program and PLUGIN.exists() else None


@dataclass(frozen=True)
class Orthanc:
    """A server that asks for a password and answers this machine only."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/dicom-web"

    @property
    def url_with_password(self) -> str:
        return f"http://{USER}:a%20word%3Awith%2Fsigns%40@{LOOPBACK}:{self.port}/dicom-web/"

    def store(self, content: bytes) -> None:
        answer = self._request("POST", "/instances", content)
        assert answer.status == 200, answer.data

    def is_up(self) -> bool:
        try:
            return self._request("GET", "/system").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def _request(
        self, method: str, path: str, body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse:
        headers = urllib3.make_headers(basic_auth=f"{USER}:{PASSWORD}")
        url = f"http://{LOOPBACK}:{self.port}{path}"
        return urllib3.request(method, url, body=body, headers=headers, retries=False)


@contextmanager
def orthanc_server(program: str, folder: Path) -> Iterator[Orthanc]:
    server = _started(program, folder)
    try:
        yield server
    finally:
        server.stop()


def _started(program: str, folder: Path) -> Orthanc:
    for _ in range(ATTEMPTS):
        server = _launched(program, folder)
        deadline = time.monotonic() + SECONDS_TO_START
        while server.process.poll() is None and time.monotonic() < deadline:
            if server.is_up():
                return server
            time.sleep(0.05)
        server.stop()
    raise AssertionError((folder / "log").read_text(errors="replace")[-2000:])


def _launched(program: str, folder: Path) -> Orthanc:
    port = free_port()
    configuration = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    return Orthanc(port, process)

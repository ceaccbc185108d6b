"""``eden docs``: dbt's page about the models, written and served to this machine alone.

The server holds one page in memory and opens no file for any request.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

from eden.errors import PortTaken
from eden.warehouse import builds
from eden_cli import output

LOOPBACK = "127.0.0.1"
OUR_NAMES = frozenset({LOOPBACK, "localhost"})
DEFAULT_PORT = 8081
CLIENT_TIMEOUT_SECONDS = 10

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # dbt's page is one file of scripts and styles that would report to its makers; nothing that it
    # shows leaves this machine.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


def docs(*, port: int | None, serve: bool, as_json: bool) -> bool:
    """Write the page and, until Ctrl-C or SIGTERM, serve it; True where all went well."""
    builds.migrate()
    if not serve:
        _tell(builds.write_docs(), None, as_json=as_json)
        return True
    with _listen(port) as server:
        page = builds.write_docs()
        server.page = page.read_bytes()
        with _stop_signal() as stopped:
            thread = threading.Thread(target=server.serve_forever, name="docs", daemon=True)
            thread.start()
            _tell(page, f"http://{LOOPBACK}:{server.server_port}/", as_json=as_json)
            stopped.wait()
            server.shutdown()
            thread.join()
    output.say("Stopped.")
    return True


def _tell(page: Path, address: str | None, *, as_json: bool) -> None:
    if as_json:
        output.document({"page": str(page), "address": address})
        return
    output.say(f"Written to {page}")
    if address is not None:
        output.say(f"To be read at {address} until Ctrl-C")


class _Server(ThreadingHTTPServer):
    """Answers with one page, and to this machine only."""

    daemon_threads = True
    page = b""

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # as its base
        """Pass over a reader who went away."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    server_version = "eden"
    sys_version = ""
    timeout = CLIENT_TIMEOUT_SECONDS

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        # DNS rebinding: another site's page, under a host name that leads here, must not read it.
        host = self.headers.get("Host", "").partition(":")[0].lower()
        if host not in OUR_NAMES:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
        elif self.path.partition("?")[0] not in ("/", "/index.html"):
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            page = self.server.page
            self.send_response(HTTPStatus.OK)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            if with_body:
                self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's
        """Log nothing: the terminal belongs to the reader."""


@contextmanager
def _listen(port: int | None) -> Iterator[_Server]:
    """Bind the port before the page is written, which takes a while.

    Raises:
        PortTaken: another program listens on the port.
    """
    for candidate in (port,) if port is not None else (DEFAULT_PORT, 0):
        try:
            server = _Server((LOOPBACK, candidate), _Answer)
        except OSError:
            continue
        with server:
            yield server
        return
    raise PortTaken(f"port {port} of {LOOPBACK} can't be had; name another with --port")


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, in place of their former handlers."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

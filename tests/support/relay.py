"""A slow way to the S3 server that remembers every request."""

from __future__ import annotations

import http.client
import http.server
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WITHOUT_OUR_NAMES = frozenset({"connection", "content-length", "transfer-encoding"})


class Relay(http.server.ThreadingHTTPServer):
    """Hands requests on. Remembers those for objects, as method and key, in the order they came."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urllib.parse.urlsplit(target).netloc
        self.delay = 0.0
        """Seconds that every request for an object takes longer."""
        self.requests: list[tuple[str, str]] = []
        self.is_held = False
        """While it is, answers for objects are kept back; requests are carried out."""
        self._changed = threading.Condition()
        self._in_flight = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def puts(self) -> list[str]:
        return [key for method, key in self.requests if method == "PUT"]

    def wait_for(self, count: int, seconds: float) -> bool:
        """Wait until so many requests have come; False where they do not."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.requests) >= count, seconds)

    def wait_until_idle(self) -> None:
        """Wait until the server has carried out all that it was asked for."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._in_flight == 0, 120)

    def hold(self) -> None:
        self.is_held = True

    def let_go(self) -> None:
        with self._changed:
            self.is_held = False
            self._changed.notify_all()

    @contextmanager
    def noted(self, method: str, key: str) -> Iterator[None]:
        with self._changed:
            self.requests += [(method, key)] if key else []
            self._in_flight += 1
            self._changed.notify_all()
        try:
            if key:
                time.sleep(self.delay)
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def pass_on(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self.is_held)

    def handle_error(self, *_: Any) -> None:
        """A client that was killed has nothing to say."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Relay

    def _relay(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            # A client that was killed amid its request: the server would wait for the rest.
            self.close_connection = True
            return
        key = urllib.parse.unquote(self.path.split("?")[0]).partition("/")[2].partition("/")[2]
        with self.server.noted(self.command, key):
            server = http.client.HTTPConnection(self.server.target)
            server.request(self.command, self.path, body, dict(self.headers))
            answer = server.getresponse()
            content = answer.read()
            server.close()
        if key:
            self.server.pass_on()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in WITHOUT_OUR_NAMES:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_DELETE = do_GET = do_HEAD = do_POST = _relay  # noqa: N815

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def relay_to(target: str) -> Iterator[Relay]:
    """Run one for as long as the context lasts."""
    server = Relay(target)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.let_go()
        server.shutdown()
        thread.join()
        server.server_close()

"""A proxy in front of an S3 server: it notes every request, takes its time, and can be held."""

from __future__ import annotations

import http.client
import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

NOT_HANDED_BACK = {"connection", "content-length", "transfer-encoding"}


@dataclass(frozen=True)
class S3Request:
    """What the client asked for, as far as a policy decides upon it."""

    method: str
    target: str
    """Path and query."""
    headers: frozenset[str]
    """Their names in lower case."""

    @property
    def key(self) -> str:
        """'' for the bucket itself."""
        return unquote(urlsplit(self.target).path).lstrip("/").partition("/")[2]


class WatchedS3(http.server.ThreadingHTTPServer):
    """Hands requests on as they came, with the Host header that their signature covers."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(upstream).netloc
        self.requests: list[S3Request] = []
        """In the order they came."""
        self.seconds = 0.0
        """How much longer every request for an object takes."""
        self._changed = threading.Condition()
        self._in_flight = 0
        self._door: threading.Semaphore | None = None
        self._are_answers_held = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def of_objects(self) -> list[S3Request]:
        return [request for request in self.requests if request.key]

    def puts(self) -> list[str]:
        """The keys, one that was put twice two times."""
        return [request.key for request in self.of_objects() if request.method == "PUT"]

    def wait_for(self, count: int, seconds: float) -> bool:
        """Wait until so many requests for objects have come; False where they do not."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.of_objects()) >= count, seconds)

    def wait_until_idle(self) -> None:
        """Wait until the server has carried out all that it was asked for."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._in_flight == 0, 120)

    def hold_puts(self) -> None:
        """Let every PUT wait from now on, before it is carried out."""
        self._door = threading.Semaphore(0)

    def let_puts(self, count: int) -> None:
        """Let so many of those that wait, or will, go on."""
        assert self._door
        self._door.release(count)

    def hold_answers(self) -> None:
        """Carry requests for objects out from now on, but keep their answers back."""
        self._are_answers_held = True

    def let_answers_go(self) -> None:
        with self._changed:
            self._are_answers_held = False
            self._changed.notify_all()

    @contextmanager
    def carrying_out(self, request: S3Request) -> Iterator[None]:
        """Note it, and let it take its time and wait for its turn."""
        with self._changed:
            self.requests.append(request)
            self._in_flight += 1
            self._changed.notify_all()
        try:
            if request.key:
                time.sleep(self.seconds)
            if self._door and request.method == "PUT":
                self._door.acquire()
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def wait_to_answer(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._are_answers_held)

    def handle_error(self, *_: object) -> None:
        """A client that was killed hangs up amid a request."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: WatchedS3
    protocol_version = "HTTP/1.1"

    def _hand_on(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            # A client that was killed amid its request: the server would wait for the rest.
            self.close_connection = True
            return
        names = frozenset(name.lower() for name in self.headers)
        request = S3Request(self.command, self.path, names)
        with self.server.carrying_out(request):
            connection = http.client.HTTPConnection(self.server.upstream)
            # Whole bodies only: what the client asked to be told first, it has been told.
            headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
        if request.key:
            self.server.wait_to_answer()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in NOT_HANDED_BACK:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _hand_on  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def watched_s3(upstream: str) -> Iterator[WatchedS3]:
    """Have one in front of ``upstream`` for as long as the context lasts."""
    with WatchedS3(upstream) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.let_answers_go()
            proxy.shutdown()
            thread.join()

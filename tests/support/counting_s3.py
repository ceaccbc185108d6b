"""A proxy in front of an S3 server: it notes what is asked, takes its time, and can stop."""

from __future__ import annotations

import http.client
import http.server
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class S3Request:
    """What the client asked for, as far as a policy decides upon it."""

    method: str
    target: str
    """Path and query."""
    headers: frozenset[str]
    """Their names in lower case."""


class CountingS3(http.server.ThreadingHTTPServer):
    """Hands requests on as they came, with the Host header that their signature covers."""

    daemon_threads = True

    def __init__(self, upstream: str, seconds_per_put: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(upstream).netloc
        self.seconds_per_put = seconds_per_put
        self.puts: Counter[str] = Counter()
        """By key, the bucket's name left out."""
        self.requests: set[S3Request] = set()
        self.lock = threading.Lock()
        self._door: threading.Semaphore | None = None

    def hold(self) -> None:
        """Let every PUT wait from now on."""
        self._door = threading.Semaphore(0)

    def let(self, puts: int) -> None:
        """Let so many of those that wait, or will, go on."""
        assert self._door
        self._door.release(puts)

    def wait_for_turn(self) -> None:
        if self._door:
            self._door.acquire()

    def handle_error(self, *_: object) -> None:
        """A client that was killed hangs up amid a request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: CountingS3
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            # A client that was killed amid its request: the server would wait for the rest.
            self.close_connection = True
            return
        names = frozenset(name.lower() for name in self.headers)
        with self.server.lock:
            self.server.requests.add(S3Request(self.command, self.path, names))
        if self.command == "PUT":
            with self.server.lock:
                self.server.puts[unquote(self.path).split("/", 2)[2]] += 1
            time.sleep(self.server.seconds_per_put)
            self.server.wait_for_turn()
        connection = http.client.HTTPConnection(self.server.upstream)
        # Whole bodies only: what the client asked to be told first, it has been told.
        headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _forward  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def counting_s3(upstream: str, seconds_per_put: float) -> Iterator[CountingS3]:
    with CountingS3(upstream, seconds_per_put) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        yield proxy
        proxy.shutdown()
        thread.join()

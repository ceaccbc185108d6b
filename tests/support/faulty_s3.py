"""An S3 server that misbehaves on purpose and counts: a proxy in front of a real one.

Requests are handed on as they came, the Host header too, which SigV4 signs: the real server, which
checks signatures, finds them right. Unlike ``rclone serve s3``, the proxy also holds every body
against the checksums that the client states, as AWS does.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import http.server
import os
import random
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote, urlsplit

STALL_SECONDS = 120.0
PIECE_BYTES = 128 * 1024


class Fault(StrEnum):
    """What goes wrong with a request. Those that say AFTER come when it has been carried out."""

    ERROR = "InternalError"
    SLOW_DOWN = "SlowDown"
    FORBIDDEN = "AccessDenied"
    RESET_BEFORE = "reset amid the body"
    RESET_AFTER = "reset instead of an answer"
    STALL_BEFORE = "silence amid the body"
    STALL_AFTER = "silence instead of an answer"
    TRUNCATED_AFTER = "half an answer"
    FLIPPED = "a bit of the body changes on the way"


ANSWERS: Mapping[Fault, int] = {Fault.ERROR: 500, Fault.SLOW_DOWN: 503, Fault.FORBIDDEN: 403}
QUICK: Sequence[Fault] = (
    Fault.ERROR,
    Fault.SLOW_DOWN,
    Fault.RESET_BEFORE,
    Fault.RESET_AFTER,
    Fault.TRUNCATED_AFTER,
    Fault.FLIPPED,
)
"""Those that cost a client no time before it learns of them."""


@dataclass(slots=True)
class Seen:
    """One request, a repeated one too."""

    method: str
    key: str
    """'' for the bucket itself."""
    headers: Mapping[str, str]
    """Names in lower case."""
    connection: int
    """The client's port: one per connection."""
    at: float = field(default_factory=time.monotonic)
    fault: Fault | None = None
    status: int | None = None
    """None where there was no whole answer."""

    @property
    def kind(self) -> str:
        """As in ``PUT object``."""
        return f"{self.method} {'object' if self.key else 'bucket'}"


class FaultyS3(http.server.ThreadingHTTPServer):
    """The proxy. ``choose`` names the fault of each request as its head comes in."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target)
        self.seen: list[Seen] = []
        self.choose: Callable[[Seen], Fault | None] = lambda _: None
        self.delay_seconds = 0.0
        """How long every answer takes at least."""
        self.bytes_per_second: float | None = None
        """How fast a body is read, where that is to be slow."""
        self.stopped = threading.Event()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Take little ahead of what is read, so that a slow server is felt by its client."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE_BYTES)
        super().server_bind()

    def begin(self, seen: Seen) -> None:
        """Take note of a request and choose its fault."""
        with self._lock:
            self.seen.append(seen)
            seen.fault = self.choose(seen)

    def kinds(self) -> dict[str, int]:
        """Count the requests by kind."""
        return dict(Counter(seen.kind for seen in self.seen))

    def of(self, key: str) -> list[Seen]:
        """All requests for the objects whose key holds ``key``, in order."""
        return [seen for seen in self.seen if key in seen.key and seen.key]


@contextmanager
def faulty_s3(target: str) -> Iterator[FaultyS3]:
    """Have a proxy in front of ``target`` for as long as the context lasts."""
    server = FaultyS3(target)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()


def at_random(
    dice: random.Random, share: float, faults: Sequence[Fault] = QUICK
) -> Callable[[Seen], Fault | None]:
    """Spoil this share of the requests for objects."""
    return lambda seen: dice.choice(faults) if seen.key and dice.random() < share else None


def on(key: str, fault: Fault, *, method: str = "PUT", times: int | None = None) -> _On:
    """Spoil requests for the objects whose key holds ``key``: all, or the first ``times``."""
    return _On(key, fault, method, times)


@dataclass(slots=True)
class _On:
    key: str
    fault: Fault
    method: str
    left: int | None

    def __call__(self, seen: Seen) -> Fault | None:
        if seen.method != self.method or self.key not in seen.key or self.left == 0:
            return None
        if self.left is not None:
            self.left -= 1
        return self.fault


# Checksums ----------------------------------------------------------------------------------------


def wrong_checksum(headers: Mapping[str, str], body: bytes) -> str | None:
    """Give the code of S3's error where the body is not what the headers or trailers state."""
    stated = dict(headers)
    if "aws-chunked" in headers.get("content-encoding", ""):
        try:
            body, trailers = decode_aws_chunked(body)
        except ValueError:
            return "IncompleteBody"
        stated |= trailers
        if len(body) != int(headers.get("x-amz-decoded-content-length", len(body))):
            return "IncompleteBody"
    found = {
        "x-amz-checksum-sha256": _base64(hashlib.sha256(body).digest()),
        "x-amz-checksum-crc32": _base64(zlib.crc32(body).to_bytes(4, "big")),
        "content-md5": _base64(hashlib.md5(body, usedforsecurity=False).digest()),
    }
    if any(stated.get(name, value) != value for name, value in found.items()):
        return "BadDigest"
    signed = stated.get("x-amz-content-sha256", "")
    if len(signed) == 64 and signed != hashlib.sha256(body).hexdigest():
        return "XAmzContentSHA256Mismatch"
    return None


def decode_aws_chunked(body: bytes) -> tuple[bytes, dict[str, str]]:
    """Give the content and the trailers of a body with ``Content-Encoding: aws-chunked``.

    Raises:
        ValueError: it ends before its last chunk.
    """
    content = bytearray()
    position = 0
    while True:
        end = body.index(b"\r\n", position)
        size = int(body[position:end].split(b";")[0], 16)
        position = end + 2
        if size == 0:
            break
        content += body[position : position + size]
        position += size + 2
    lines = body[position:].decode("ascii").split("\r\n")
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return bytes(content), {name.strip().lower(): value.strip() for name, value in pairs}


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


# Requests -----------------------------------------------------------------------------------------


class _Handler(http.server.BaseHTTPRequestHandler):
    """One client's connection, with one of its own to the real server."""

    server: FaultyS3
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        target = self.server.target
        self._upstream = http.client.HTTPConnection(str(target.hostname), target.port)
        self._seen: Seen | None = None

    def finish(self) -> None:
        self._upstream.close()
        with suppress(OSError):
            super().finish()

    def handle_expect_100(self) -> bool:
        """Answer at once where the answer is known: the client then keeps its body."""
        seen = self._begin()
        if seen.fault in ANSWERS:
            self._answer()
            return False
        return super().handle_expect_100()

    def _serve(self) -> None:
        seen = self._begin()
        try:
            self._carry_out(seen)
        except OSError:
            self.close_connection = True
        finally:
            self._seen = None

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    def _begin(self) -> Seen:
        if self._seen is None:
            path = urlsplit(self.path).path.lstrip("/")
            self._seen = Seen(
                method=self.command,
                key=unquote(path.partition("/")[2]),
                headers={name.lower(): value for name, value in self.headers.items()},
                connection=self.client_address[1],
            )
            self.server.begin(self._seen)
            self.server.stopped.wait(self.server.delay_seconds)
        return self._seen

    def _carry_out(self, seen: Seen) -> None:
        length = int(seen.headers.get("content-length", 0))
        if seen.fault in {Fault.RESET_BEFORE, Fault.STALL_BEFORE}:
            self.rfile.read(length // 2)
            self._break_off(seen)
            return
        body = self._read(length)
        if seen.fault is Fault.FLIPPED and body:
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        refusal = seen.fault if seen.fault in ANSWERS else wrong_checksum(seen.headers, body)
        if refusal is not None:
            self._answer(refusal)
            return
        answer, content = self._hand_on(body)
        if seen.fault in {Fault.RESET_AFTER, Fault.STALL_AFTER}:
            self._break_off(seen)
            return
        if seen.fault is Fault.TRUNCATED_AFTER:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<?xml")
            self.close_connection = True
            return
        seen.status = answer.status
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        stated = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", stated or str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _read(self, length: int) -> bytes:
        pace = self.server.bytes_per_second
        if pace is None:
            return self.rfile.read(length)
        body = bytearray()
        while piece := self.rfile.read(min(PIECE_BYTES, length - len(body))):
            body += piece
            time.sleep(len(piece) / pace)
        return bytes(body)

    def _hand_on(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        self._upstream.putrequest(
            self.command, self.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in self.headers.items():
            if name.lower() not in {"connection", "expect"}:
                self._upstream.putheader(name, value)
        self._upstream.endheaders(body)
        answer = self._upstream.getresponse()
        return answer, answer.read()

    def _answer(self, code: str | None = None) -> None:
        """Refuse with S3's error document."""
        seen = self._begin()
        code = code or str(seen.fault)
        status = ANSWERS.get(seen.fault, 400) if seen.fault else 400
        seen.status = status
        self._seen = None
        content = f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _break_off(self, seen: Seen) -> None:
        if seen.fault in {Fault.STALL_BEFORE, Fault.STALL_AFTER}:
            self.server.stopped.wait(STALL_SECONDS)
        # Linger for no time: the client gets a reset, not an end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        os.close(self.connection.detach())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

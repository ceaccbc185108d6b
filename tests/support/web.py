"""A web server on the loopback interface that behaves as badly as a test tells it to."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Behaviour = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request; a behaviour answers it with these, or with the handler's own methods."""

    server: WebServer
    protocol_version = "HTTP/1.1"

    def answer(self, content: bytes, status: int = 200, **headers: str) -> None:
        """Answer in whole; ``Content_Length="7"`` tells a lie."""
        self.head(status, **{"Content_Length": str(len(content)), **headers})
        self.wfile.write(content)

    def head(self, status: int = 200, **headers: str) -> None:
        """Send the head, whose headers' names are written with '_' for '-'."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def redirect(self, target: str, status: int = 302) -> None:
        self.answer(b"", status, Location=target)

    def stall(self) -> None:
        """Say nothing more until the server ends."""
        self.server.ending.wait(60)

    def hang_up(self) -> None:
        """Close the connection after this answer, without another word."""
        self.close_connection = True

    def do_GET(self) -> None:
        self.server.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        behaviour = self.server.behaviours.get(self.path.partition("?")[0])
        if behaviour is None:
            self.answer(b"<html>not here</html>", 404)
        else:
            behaviour(self)

    def log_message(self, *_: Any) -> None: ...


class WebServer(ThreadingHTTPServer):
    """Answers by path; notes path and headers of what it was asked."""

    daemon_threads = True

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.behaviours: dict[str, Behaviour] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.ending = threading.Event()
        self.port: int = self.server_address[1]
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"{self.scheme}://{self.host}{path}"

    def serve(self, path: str, behaviour: Behaviour | bytes) -> str:
        """Answer ``path`` from now on; gives its URL."""
        if isinstance(behaviour, bytes):
            content = behaviour
            behaviour = lambda request: request.answer(content)  # noqa: E731
        self.behaviours[path] = behaviour
        return self.url(path)

    def wait_for_requests(self, count: int) -> None:
        """Wait until so many have come: a client may give up before a busy machine notes them."""
        deadline = time.monotonic() + 60
        while len(self.seen) < count and time.monotonic() < deadline:
            time.sleep(0.01)

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is no news here."""


@contextmanager
def web_server(certificate: Path | None = None) -> Iterator[WebServer]:
    server = WebServer(certificate)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        thread.join()
        server.server_close()


def write_certificate(path: Path) -> None:
    """Make a key and a certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )

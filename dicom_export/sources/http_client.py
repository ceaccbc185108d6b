"""HTTP GET for the export: from listed hosts only, also after redirects, in bounded time.

The library that connects also parses the URL, so that the checked host is the used one. Proxies
and ``.netrc`` are ignored.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Self, cast
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, HTTPError, LocationParseError
from urllib3.response import HTTPResponse
from urllib3.util import Url, parse_url

from dicom_export.codes import Code
from dicom_export.errors import SourceFailed
from dicom_export.sources.base import (
    BYTES_PER_SECOND,
    GRACE_SECONDS,
    PIECE_BYTES,
    Pace,
    broken_off,
)

# Their warnings quote whole URLs, and paths of archives may hold names of patients.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.ERROR)

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_REDIRECTS = 5
USER_AGENT = "vlm-eden-dataset-etl"

METADATA_ADDRESSES = frozenset(
    ip_address(address) for address in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")
)
"""Addresses outside the link-local range that serve a cloud's credentials: AWS, Alibaba, Azure."""

_MISSING = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_REDIRECTS = (301, 302, 303, 307, 308)
_MAY_PASS = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Limits:
    """The time that a server may take, in seconds."""

    connect: float = 10
    """A server of the same network answers in milliseconds, one across the world in one second."""
    silence: float = 60
    """Between two bytes of the file; and for the whole head of a response, before which an archive
    may have to fetch the file from a slower one."""
    grace: float = GRACE_SECONDS
    bytes_per_second: int = BYTES_PER_SECOND


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Allowed hosts, each with its port, or with None for the scheme's default port."""

    entries: frozenset[tuple[str, int | None]]

    @classmethod
    def parse(cls, words: Iterable[str]) -> Self:
        """Parse entries ``host`` and ``host:port``; an IPv6 address needs brackets.

        Raises:
            ValueError: an entry is neither. The message has its number only, since an entry may
                hold a password.
        """
        return cls(frozenset(_entry(word, number) for number, word in enumerate(words, start=1)))

    def permit(self, url: Url) -> bool:
        """Whether the URL's host and port are allowed."""
        host, default = url.host or "", DEFAULT_PORTS.get(url.scheme or "")
        port = url.port or default
        return (host, port) in self.entries or (port == default and (host, None) in self.entries)


def _entry(word: str, number: int) -> tuple[str, int | None]:
    try:
        url = parse_url(f"http://{word}")
    except LocationParseError:
        url = Url()
    is_bare = not (url.auth or url.path or url.query or url.fragment)
    if not url.host or not is_bare or "*" in word or "@" in word:
        raise ValueError(f"entry {number} is not a host or host:port")
    return url.host, url.port


class Answer:
    """The response with a file."""

    def __init__(self, response: HTTPResponse, limits: Limits) -> None:
        self._response = response
        self._limits = limits

    @property
    def content_type(self) -> str:
        """The header Content-Type, or ''."""
        return self._response.headers.get("Content-Type", "")

    @property
    def announced_bytes(self) -> int:
        """Content-Length, or 0 if it is absent or the body is compressed."""
        is_packed = "Content-Encoding" in self._response.headers
        return 0 if is_packed else self._response.length_remaining or 0

    def pieces(self) -> Iterator[bytes]:
        """Yield the file, decompressed, piece by piece.

        Raises:
            SourceFailed: TRUNCATED, if the body ends before the announced length;
                SOURCE_UNREACHABLE; NOT_DICOM, if the body cannot be decompressed.
        """
        pace = Pace(grace=self._limits.grace, bytes_per_second=self._limits.bytes_per_second)
        while piece := self._next():
            pace.note(len(piece))
            yield piece

    def _next(self) -> bytes:
        try:
            return self._response.read1(PIECE_BYTES)
        except DecodeError:
            raise SourceFailed(Code.NOT_DICOM) from None
        except (HTTPError, OSError) as error:
            raise broken_off(error) from None


class HttpClient:
    """A client that threads share; it keeps up to ``connections`` open to each host."""

    def __init__(
        self, allowed: AllowedHosts, *, connections: int, limits: Limits | None = None
    ) -> None:
        self._allowed = allowed
        self._limits = limits or Limits()
        self._pools = PoolManager(
            num_pools=2 * len(allowed.entries) + 1,
            maxsize=connections,
            retries=False,
            timeout=Timeout(connect=self._limits.connect, read=self._limits.silence),
        )
        self._pools.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    @contextmanager
    def get(self, address: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """Request a file and follow redirects; leaving the context releases the connection.

        Raises:
            SourceFailed: PATH_REFUSED, SCHEME_REFUSED, HOST_REFUSED, SOURCE_MISSING or
                SOURCE_UNREACHABLE.
        """
        response = self._follow(self._checked(address), headers)
        try:
            yield Answer(response, self._limits)
        finally:
            _let_go(response)

    def close(self) -> None:
        """Close the connections."""
        self._pools.clear()

    def _follow(self, url: Url, headers: Mapping[str, str]) -> HTTPResponse:
        for _ in range(1 + MAX_REDIRECTS):
            response = self._ask(url, headers)
            if response.status == HTTPStatus.OK:
                return response
            target = response.headers.get("Location")
            _let_go(response)
            if response.status not in _REDIRECTS or not target:
                raise _refusal(response.status)
            url = self._checked(_joined(url, target), before=url)
        raise SourceFailed(Code.SOURCE_UNREACHABLE)

    def _ask(self, url: Url, headers: Mapping[str, str]) -> HTTPResponse:
        wanted = {"Accept-Encoding": "identity", "User-Agent": USER_AGENT, **headers}
        try:
            response: BaseHTTPResponse = self._pools.request(
                "GET", url.url, headers=wanted, redirect=False, preload_content=False
            )
        except (HTTPError, OSError):
            raise SourceFailed(Code.SOURCE_UNREACHABLE, may_pass=True) from None
        return cast(HTTPResponse, response)

    def _checked(self, address: str, *, before: Url | None = None) -> Url:
        try:
            url = parse_url(address)
        except LocationParseError:
            raise SourceFailed(Code.PATH_REFUSED) from None
        if url.scheme not in DEFAULT_PORTS:
            raise SourceFailed(Code.SCHEME_REFUSED)
        is_downgraded = before is not None and before.scheme == "https" != url.scheme
        if url.auth is not None or is_downgraded or not self._allowed.permit(url):
            raise SourceFailed(Code.HOST_REFUSED)
        return url


def _joined(url: Url, target: str) -> str:
    try:
        return urljoin(url.url, target)
    except ValueError:
        raise SourceFailed(Code.PATH_REFUSED) from None


def _refusal(status: int) -> SourceFailed:
    if status in _MISSING:
        return SourceFailed(Code.SOURCE_MISSING)
    # A file that is forbidden exists, but cannot be read.
    return SourceFailed(Code.SOURCE_UNREACHABLE, may_pass=status in _MAY_PASS)


def _let_go(response: HTTPResponse) -> None:
    """Return a connection to the pool if its response was read to the end, otherwise close it."""
    response.close()
    response.release_conn()


# Connections that check their peer ----------------------------------------------------------------


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _refuse_metadata(self)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        with _watched_head(self):
            return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _refuse_metadata(self)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        with _watched_head(self):
            return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _refuse_metadata(connection: HTTPConnection) -> None:
    """Refuse a peer that serves a cloud's credentials, unless its very address is listed.

    A listed name may resolve to such an address, if an attacker controls its DNS. So the address
    of the open connection is checked, before the request is sent.
    """
    peer = _address(connection.sock.getpeername()[0])
    is_off_limits = peer.is_link_local or peer in METADATA_ADDRESSES
    if is_off_limits and connection.host.strip("[]") != str(peer):
        connection.close()
        raise SourceFailed(Code.HOST_REFUSED)


def _address(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


@contextmanager
def _watched_head(connection: HTTPConnection) -> Iterator[None]:
    """Limit the time of a response's whole head; the read timeout limits single reads only."""
    seconds, connected = connection.timeout, connection.sock
    if not isinstance(seconds, int | float):
        yield
        return
    was_hung_up = threading.Event()

    def hang_up() -> None:
        was_hung_up.set()
        with suppress(OSError):
            # The plain method, because that of a TLS socket waits for the peer.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if was_hung_up.is_set():
        # http.client accepts a head that ends early.
        raise TimeoutError

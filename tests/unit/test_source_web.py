"""Images over HTTP: from listed hosts only, in bounded time, whatever the server does."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from urllib3.util import parse_url

from dicom_export import sources
from dicom_export.blobs import Budget, Workspace
from dicom_export.codes import Code
from dicom_export.prepare.checks import inspect
from dicom_export.sources import Sources, http_client
from dicom_export.sources.http_client import AllowedHosts, HttpClient, Limits
from dicom_export.sources.web import WebSource
from eden.errors import ConfigurationError
from eden.settings import Export, ObjectStore
from tests.support.sources import PLANTED, a_study, an_image, bring
from tests.support.web import Request, WebServer, web_server, write_certificate

CONTENT = bytes(range(256)) * 1024
QUICK = Limits(connect=2, silence=0.3, grace=0.5, bytes_per_second=1_000_000)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PAUSES_SECONDS", (0.01, 0.01))


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


@pytest.fixture
def other() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


def reading_from(*hosts: str, limits: Limits | None = None) -> Sources:
    client = HttpClient(AllowedHosts.parse(hosts), connections=4, limits=limits)
    source = WebSource(client)
    return Sources(dict.fromkeys(WebSource.schemes, source))


@pytest.fixture
def web(server: WebServer) -> Iterator[Sources]:
    with reading_from(server.host) as reading:
        yield reading


@pytest.fixture
def hasty(server: WebServer) -> Iterator[Sources]:
    """For servers that are to be given up; a busy machine may look like one."""
    with reading_from(server.host, limits=QUICK) as reading:
        yield reading


def test_a_file_is_brought_and_hashed_and_the_connection_used_again(
    server: WebServer, web: Sources
) -> None:
    peers: list[int] = []

    def answer(request: Request) -> None:
        peers.append(request.client_address[1])
        request.answer(CONTENT)

    address = server.serve("/a%20b/ñ.dcm".replace("ñ", "%C3%B1"), answer)
    assert [bring(web, address) for _ in range(3)] == [CONTENT] * 3
    # Spaces and letters may also stand in a path as they are, as people write them.
    assert bring(web, server.url("/a b/ñ.dcm?token=x&y=1#part")) == CONTENT
    assert len(set(peers)) == 1
    path, headers = server.seen[-1]
    assert path == "/a%20b/%C3%B1.dcm?token=x&y=1"
    assert headers["accept-encoding"] == "identity"
    assert not {"authorization", "cookie", "referer"} & set(headers)


def test_a_file_in_chunks_and_one_of_unknown_length(server: WebServer, web: Sources) -> None:
    def in_chunks(request: Request) -> None:
        request.head(Transfer_Encoding="chunked")
        for start in range(0, len(CONTENT), 100_000):
            piece = CONTENT[start : start + 100_000]
            request.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        request.wfile.write(b"0\r\n\r\n")

    def until_the_end(request: Request) -> None:
        request.head(Connection="close")
        request.wfile.write(CONTENT)
        request.hang_up()

    assert bring(web, server.serve("/chunks", in_chunks)) == CONTENT
    assert bring(web, server.serve("/unknown", until_the_end)) == CONTENT


def test_a_packed_file_is_unpacked_in_bounded_memory(
    server: WebServer, web: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = gzip.compress(CONTENT)
    server.serve("/gzip", lambda r: r.answer(packed, Content_Encoding="gzip"))
    assert bring(web, server.url("/gzip")) == CONTENT
    server.serve("/half", lambda r: r.answer(packed[:200], Content_Encoding="gzip"))
    half = bring(web, server.url("/half"))
    assert half == Code.TRUNCATED or (isinstance(half, bytes) and len(half) < len(CONTENT))
    server.serve("/not", lambda r: r.answer(CONTENT, Content_Encoding="gzip"))
    assert bring(web, server.url("/not")) == Code.NOT_DICOM
    bomb = gzip.compress(bytes(50_000_000))
    server.serve("/bomb", lambda r: r.answer(bomb, Content_Encoding="gzip"))
    sizes: list[int] = []
    original = http_client.Answer._next

    def measured(self: http_client.Answer) -> bytes:
        sizes.append(len(piece := original(self)))
        return piece

    monkeypatch.setattr(http_client.Answer, "_next", measured)
    assert bring(web, server.url("/bomb"), limit=1_000_000) == Code.TOO_LARGE
    assert max(sizes) <= 64 * 1024


def test_a_page_instead_of_a_file_is_not_dicom(server: WebServer, web: Sources) -> None:
    page = b"<!DOCTYPE html><html>Please sign in</html>"
    address = server.serve("/page", lambda r: r.answer(page, Content_Type="text/html"))
    with Workspace(Budget()) as workspace:
        image = an_image(address)
        blob = web.fetch(a_study(image), image, workspace)
        found = inspect(blob, a_study(image), image, workspace)
    assert found.code == Code.NOT_DICOM
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("status", "code", "requests"),
    [
        (404, Code.SOURCE_MISSING, 1),
        (410, Code.SOURCE_MISSING, 1),
        (400, Code.SOURCE_UNREACHABLE, 1),
        (401, Code.SOURCE_UNREACHABLE, 1),
        (403, Code.SOURCE_UNREACHABLE, 1),
        (204, Code.SOURCE_UNREACHABLE, 1),
        (206, Code.SOURCE_UNREACHABLE, 1),
        (429, Code.SOURCE_UNREACHABLE, 3),
        (500, Code.SOURCE_UNREACHABLE, 3),
        (503, Code.SOURCE_UNREACHABLE, 3),
    ],
)
def test_what_a_server_answers(
    server: WebServer, web: Sources, status: int, code: Code, requests: int
) -> None:
    content = b"" if status == 204 else CONTENT
    assert bring(web, server.serve("/file", lambda r: r.answer(content, status))) == code
    assert len(server.seen) == requests


def test_a_passing_error_passes(server: WebServer, web: Sources) -> None:
    answers: list[Callable[[Request], None]] = [
        lambda r: r.answer(b"busy", 500),
        lambda r: (r.head(Content_Length="300"), r.wfile.write(b"x" * 100), r.hang_up())[0],
        lambda r: r.answer(CONTENT),
    ]

    def answer(request: Request) -> None:
        answers.pop(0)(request)

    address = server.serve("/file", answer)
    assert bring(web, address) == CONTENT
    assert not answers


# Length -------------------------------------------------------------------------------------------


def test_a_file_shorter_than_announced_is_truncated(server: WebServer, web: Sources) -> None:
    def cut_off(request: Request) -> None:
        request.head(Content_Length=str(len(CONTENT) + 1))
        request.wfile.write(CONTENT)
        request.hang_up()

    def cut_off_in_chunks(request: Request) -> None:
        request.head(Transfer_Encoding="chunked")
        request.wfile.write(b"ffff\r\n" + CONTENT[:500])
        request.hang_up()

    for behaviour in (cut_off, cut_off_in_chunks):
        server.seen.clear()
        assert bring(web, server.serve("/cut", behaviour)) == Code.TRUNCATED
        assert len(server.seen) == 3


@pytest.mark.parametrize("is_slow", [False, True])
def test_a_file_longer_than_announced_ends_where_it_was_to_end(
    server: WebServer, web: Sources, is_slow: bool
) -> None:
    """However the bytes come in; and what is left over disturbs no later answer."""

    def lie(request: Request) -> None:
        request.head(Content_Length="1000")
        for start in range(0, 3000, 300):
            request.wfile.write(CONTENT[start : start + 300])
            if is_slow:
                time.sleep(0.01)

    address = server.serve("/lie", lie)
    assert bring(web, address) == CONTENT[:1000]
    assert bring(web, server.serve("/file", CONTENT)) == CONTENT


def test_a_file_that_is_announced_as_too_large_is_not_brought(
    server: WebServer, web: Sources
) -> None:
    address = server.serve("/large", lambda r: (r.head(Content_Length="5000"), r.stall())[0])
    started = time.monotonic()
    assert bring(web, address, limit=4999) == Code.TOO_LARGE
    assert time.monotonic() - started < Limits().silence


def test_a_file_that_does_not_end_is_too_large(server: WebServer, web: Sources) -> None:
    def endless(request: Request) -> None:
        request.head(Connection="close")
        while not request.server.ending.is_set():
            request.wfile.write(CONTENT)

    assert bring(web, server.serve("/endless", endless), limit=5_000_000) == Code.TOO_LARGE


# Time ---------------------------------------------------------------------------------------------


def silent(request: Request) -> None:
    request.stall()


def silent_in_the_middle(request: Request) -> None:
    request.head(Content_Length=str(len(CONTENT)))
    request.wfile.write(CONTENT[:1000])
    request.stall()


def dripping(request: Request) -> None:
    request.head(Content_Length=str(len(CONTENT)))
    while not request.server.ending.wait(0.02):
        request.wfile.write(b"x")


def dripping_in_the_head(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not request.server.ending.wait(0.02):
        request.wfile.write(b"x")


@pytest.mark.parametrize(
    "behaviour", [silent, silent_in_the_middle, dripping, dripping_in_the_head]
)
def test_a_slow_server_is_given_up(
    server: WebServer, hasty: Sources, behaviour: Callable[[Request], None]
) -> None:
    started = time.monotonic()
    assert bring(hasty, server.serve("/slow", behaviour)) == Code.SOURCE_UNREACHABLE
    server.wait_for_requests(3)
    assert len(server.seen) == 3
    assert time.monotonic() - started < 30


def test_patience_is_limited(
    server: WebServer, hasty: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PATIENCE_SECONDS", 0.1)
    assert bring(hasty, server.serve("/silent", silent)) == Code.SOURCE_UNREACHABLE
    server.wait_for_requests(1)
    assert len(server.seen) == 1


def test_a_slow_file_that_keeps_its_pace_arrives(server: WebServer) -> None:
    def slow(request: Request) -> None:
        request.head(Content_Length="6000")
        for _ in range(6):
            request.wfile.write(b"x" * 1000)
            time.sleep(0.1)

    # Longer than the grace, and far sooner than the pace asks for.
    limits = Limits(silence=30, grace=0.2, bytes_per_second=100)
    with reading_from(server.host, limits=limits) as web:
        assert bring(web, server.serve("/slow", slow)) == b"x" * 6000


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def knows_nobody(host: Any, *arguments: Any, **options: Any) -> Any:
        # What a resolver says of such a name, and how soon, is another's business.
        if host == "no-such-host.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", knows_nobody)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        with reading_from(host, "no-such-host.invalid") as web:
            assert bring(web, f"http://{host}/{PLANTED}") == Code.SOURCE_UNREACHABLE
            assert bring(web, "http://no-such-host.invalid/a") == Code.SOURCE_UNREACHABLE


def test_one_that_takes_no_connection(server: WebServer) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        host = f"127.0.0.1:{full.getsockname()[1]}"
        # What waits to be accepted fills the queue; further ones get no answer.
        with socket.socket() as first, socket.socket() as second:
            for waiting in (first, second):
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            time.sleep(0.05)
            limits = Limits(connect=0.2, silence=0.2)
            with reading_from(host, limits=limits) as web:
                started = time.monotonic()
                assert bring(web, f"http://{host}/a") == Code.SOURCE_UNREACHABLE
                assert time.monotonic() - started < Limits().connect


# Hosts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "url", "is_permitted"),
    [
        ("pacs", "http://pacs/a", True),
        ("pacs", "https://pacs/a", True),
        ("pacs", "https://PACS:443/a", True),
        ("PACS", "http://pacs:80/a", True),
        ("pacs", "http://pacs:8080/a", False),
        ("pacs", "https://pacs:80/a", False),
        ("pacs:8080", "http://pacs:8080/a", True),
        ("pacs:8080", "https://pacs:8080/a", True),
        ("pacs:8080", "http://pacs/a", False),
        ("pacs:80", "http://pacs/a", True),
        ("pacs:80", "https://pacs/a", False),
        ("pacs", "http://pacs.evil/a", False),
        ("pacs", "http://evil.pacs/a", False),
        ("pacs", "http://pacs./a", False),
        ("pacs", "http:///a", False),
        ("[::1]:8080", "http://[::1]:8080/a", True),
        ("::1", "http://[::1]/a", False),
        ("[::1]", "http://[::1]/a", True),
        ("127.0.0.1", "http://2130706433/a", False),
        ("127.0.0.1", "http://0x7f.1/a", False),
        ("españa.example", "http://xn--espaa-rta.example/a", True),
    ],
)
def test_hosts_and_ports(entry: str, url: str, is_permitted: bool) -> None:
    if entry == "::1":
        with pytest.raises(ValueError, match="entry 1"):
            AllowedHosts.parse([entry])
    else:
        assert AllowedHosts.parse([entry]).permit(parse_url(url)) is is_permitted


@pytest.mark.parametrize(
    "entry",
    [
        "http://pacs", "pacs/path", "*.hospital.example", "user:s3cret@pacs", "pacs:port",
        "pacs:99999", "pacs?x", "pacs#x", ":80", "a b",
    ],
)  # fmt: skip
def test_an_entry_that_is_no_host_is_named_by_its_place(
    monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    monkeypatch.setenv("DEIDENTIFICATION", "off")
    monkeypatch.setenv("DICOM_HTTP_HOSTS", f"good.example,{entry}")
    with pytest.raises(ConfigurationError, match=r"^DICOM_HTTP_HOSTS: entry 2 is not") as caught:
        sources.configured(Export(), ObjectStore())
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://elsewhere.example/a", Code.HOST_REFUSED),
        ("http://{host}@elsewhere.example/a", Code.HOST_REFUSED),
        ("http://elsewhere.example#@{host}/a", Code.HOST_REFUSED),
        ("http://elsewhere.example\\@{host}/a", Code.HOST_REFUSED),
        ("http://user:s3cret@{host}/a", Code.HOST_REFUSED),
        ("http://{host}:1/a", Code.PATH_REFUSED),
        ("http://[::1/a", Code.PATH_REFUSED),
        ("http://", Code.HOST_REFUSED),
        ("http://169.254.169.254/latest/meta-data/", Code.HOST_REFUSED),
        ("http://127.1/a", Code.HOST_REFUSED),
    ],
)
def test_an_address_elsewhere_is_refused_unasked(
    server: WebServer, web: Sources, address: str, code: Code
) -> None:
    assert bring(web, address.format(host=server.host)) == code
    assert server.seen == []


def test_nothing_is_allowed_by_default(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDENTIFICATION", "off")
    with sources.configured(Export(), ObjectStore()) as reading:
        assert bring(reading, server.serve("/a", CONTENT)) == Code.HOST_REFUSED
        assert bring(reading, "s3://bucket/key") == Code.HOST_REFUSED
        assert bring(reading, "/etc/passwd") == Code.PATH_REFUSED
        assert bring(reading, "gopher://host/a") == Code.SCHEME_REFUSED
        assert bring(reading, None) == Code.NO_PATH
    assert server.seen == []


def test_environment_and_netrc_play_no_part(
    server: WebServer, web: Sources, other: WebServer, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password s3cret")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("http_proxy", f"http://{other.host}")
    assert bring(web, server.serve("/a", CONTENT)) == CONTENT
    assert "authorization" not in server.seen[0][1]
    assert other.seen == []


def test_a_listed_name_that_leads_to_a_clouds_credentials_is_not_asked(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "METADATA_ADDRESSES", {ip_address("127.0.0.1")})
    server.serve("/a", CONTENT)
    name = f"localhost:{server.port}"
    with reading_from(name, server.host) as web:
        assert bring(web, f"http://{name}/a") == Code.HOST_REFUSED
        assert server.seen == []
        # The address itself is on the list: somebody means it.
        assert bring(web, server.url("/a")) == CONTENT


def test_which_addresses_are_a_clouds_own() -> None:
    for address in ("169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0"):
        assert http_client._address(address).is_link_local
    assert http_client._address("fd00:ec2::254") in http_client.METADATA_ADDRESSES


# Redirects ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_on_listed_hosts(
    server: WebServer, other: WebServer, status: int
) -> None:
    other.serve("/b/file", CONTENT)
    server.serve("/a", lambda r: r.redirect("b/../c", status))
    server.serve("/c", lambda r: r.redirect(other.url("/b/file"), status))
    with reading_from(server.host, other.host) as web:
        assert bring(web, server.url("/a?signature=s3cret")) == CONTENT
    ((_, headers),) = other.seen
    assert "s3cret" not in str(headers)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("{other}/a", Code.HOST_REFUSED),
        ("//{other_host}/a", Code.HOST_REFUSED),
        ("http://user:s3cret@{host}/b", Code.HOST_REFUSED),
        ("file:///etc/passwd", Code.SCHEME_REFUSED),
        ("s3://bucket/key", Code.SCHEME_REFUSED),
        ("http://[/", Code.PATH_REFUSED),
        ("", Code.SOURCE_UNREACHABLE),
        ("/a", Code.SOURCE_UNREACHABLE),
    ],
)
def test_redirects_to_elsewhere_are_refused(
    server: WebServer, other: WebServer, web: Sources, target: str, code: Code
) -> None:
    values = {"other": other.url(""), "other_host": other.host, "host": server.host}
    server.serve("/b", CONTENT)
    address = server.serve("/a", lambda r: r.redirect(target.format(**values)))
    assert bring(web, address) == code
    assert other.seen == []
    assert len(server.seen) == (6 if target == "/a" else 1)


def test_certificates_count_and_encryption_is_not_given_up(
    server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tmp_path / "certificate.pem"
    write_certificate(certificate)
    server.serve("/file", CONTENT)
    with web_server(certificate) as secure:
        address = secure.serve("/file", CONTENT)
        server.serve("/up", lambda r: r.redirect(address))
        secure.serve("/down", lambda r: r.redirect(server.url("/file")))
        with reading_from(server.host, secure.host) as web:
            assert bring(web, address) == Code.SOURCE_UNREACHABLE
            assert secure.seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with reading_from(server.host, secure.host) as web:
            assert bring(web, address) == CONTENT
            assert bring(web, server.url("/up")) == CONTENT
            assert bring(web, secure.url("/down")) == Code.HOST_REFUSED
        with reading_from(secure.host, limits=QUICK) as web:
            assert bring(web, secure.serve("/slow", dripping_in_the_head)) == (
                Code.SOURCE_UNREACHABLE
            )


# Together -----------------------------------------------------------------------------------------


def test_nothing_of_an_address_is_logged(
    server: WebServer, hasty: Sources, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broken = b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 4\r\n\r\nfile"
    server.serve(f"/{PLANTED}/broken", lambda r: (r.wfile.write(broken), r.hang_up())[0])
    server.serve(f"/{PLANTED}/silent", silent)
    server.serve(f"/{PLANTED}/file", CONTENT)
    server.serve(f"/{PLANTED}/moved", lambda r: r.redirect(f"http://elsewhere/{PLANTED}"))
    for name in ("broken", "silent", "file", "moved", "none"):
        bring(hasty, server.url(f"/{PLANTED}/{name}?{PLANTED}"))
    bring(hasty, f"http://127.0.0.1:1/{PLANTED}")
    bring(hasty, f"http://[{PLANTED}/")
    assert PLANTED not in caplog.text


def test_threads_share_a_source(server: WebServer, web: Sources) -> None:
    files = {f"/{number}": CONTENT[number:] for number in range(40)}
    addresses = {server.serve(path, content): content for path, content in files.items()}
    with ThreadPoolExecutor(8) as pool:
        brought = list(pool.map(lambda address: bring(web, address), addresses))
    assert brought == list(addresses.values())


def test_no_connection_and_no_thread_is_left(server: WebServer) -> None:
    threads = threading.active_count()
    descriptors = len(list(Path("/dev/fd").iterdir()))
    with reading_from(server.host, limits=QUICK) as web:
        for behaviour in (silent_in_the_middle, dripping, lambda r: r.answer(CONTENT, 500)):
            bring(web, server.serve("/a", behaviour))
        bring(web, server.serve("/a", CONTENT))
        bring(web, server.url("/a"), limit=10)
    server.ending.set()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (
        threading.active_count() > threads or len(list(Path("/dev/fd").iterdir())) > descriptors
    ):
        time.sleep(0.05)
    assert threading.active_count() <= threads
    assert len(list(Path("/dev/fd").iterdir())) <= descriptors

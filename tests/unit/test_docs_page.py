"""The server of ``eden docs``: one page, to this machine, until it is told to stop."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

# Each test starts the command, some of them three times.
pytestmark = pytest.mark.slow

PAGE = "<!doctype html><title>models</title>"

SERVE = """
import sys
from pathlib import Path
from eden.warehouse import builds
from eden_cli import cli

builds.migrate = lambda: []
builds.write_docs = lambda: Path(sys.argv[1])
cli(["docs", "--json", *sys.argv[2:]])
"""

Serving = Callable[..., tuple[subprocess.Popen[str], int]]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """Start the command with a page that is written already; what it left is stopped."""
    page = tmp_path / "page.html"
    page.write_text(PAGE, encoding="utf-8")
    (tmp_path / "secrets.json").write_text("{}", encoding="utf-8")
    with ExitStack() as stack:

        def start(*options: str) -> tuple[subprocess.Popen[str], int]:
            process = subprocess.Popen(
                [sys.executable, "-c", SERVE, page, *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=tmp_path,
                env=os.environ | {"EDEN_HOME": str(tmp_path)},
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout
            text = ""
            while not text.endswith("}\n"):
                line = process.stdout.readline()
                assert line, process.communicate()
                text += line
            document = json.loads(text)
            assert document["page"] == str(page)
            return process, int(document["address"].split(":")[2].strip("/"))

        yield start


def ask(
    port: int, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def test_the_page_is_all_there_is(serving: Serving) -> None:
    process, port = serving()
    for path in ("/", "/index.html", "/?g_v=1"):
        status, headers, body = ask(port, path)
        assert (status, body.decode()) == (200, PAGE)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "http" not in headers["Content-Security-Policy"]
    status, headers, body = ask(port, "/", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(PAGE)), b"")
    for path in (
        "/secrets.json",
        "/page.html",
        "/../secrets.json",
        "/%2e%2e/secrets.json",
        "//etc/passwd",
        "/index.html/../secrets.json",
        "/dbt/",
    ):
        assert ask(port, path)[0] == 404, path
    assert ask(port, "/", "POST")[0] == 501
    assert ask(port, "/", Host=f"localhost:{port}")[0] == 200
    assert ask(port, "/", Host="models.example")[0] == 421
    assert ask(port, "/", Host="[::1")[0] == 421

    # A reader who goes away in the middle is no error.
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sendall(b"GET / HTTP/1.1\r\n")
    listens = [
        c.laddr for c in psutil.Process(process.pid).net_connections() if c.status == "LISTEN"
    ]
    assert listens == [("127.0.0.1", port)]
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said == "Stopped.\n"


def test_ctrl_c_stops_it_and_the_port_is_free_again(serving: Serving) -> None:
    process, port = serving()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "Stopped.\n")
    again, same = serving("--port", str(port))
    assert same == port
    assert ask(port, "/")[0] == 200
    again.send_signal(signal.SIGINT)
    assert again.wait(60) == 0


def test_a_taken_port_is_refused_if_asked_for_and_gone_around_if_not(serving: Serving) -> None:
    _, first = serving()
    _, second = serving()
    assert second != first
    done = subprocess.run(
        [sys.executable, "-c", SERVE, "page.html", "--port", str(first)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "PORT_TAKEN"
    assert f"port {first} of 127.0.0.1 can't be had" in done.stderr

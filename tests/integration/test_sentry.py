"""What Sentry is told of an error: what kind it was and where, and nothing of anybody."""

from __future__ import annotations

import gzip
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from click.testing import CliRunner

import dlt_pipelines
from eden.errors import SyncFailed
from eden.paths import PROJECT_ROOT
from eden_cli import cli
from flows.tasks import Unexpected, as_flow
from tests.support.prefect_server import wait_for

PATIENT, SECRET, HOST = "ZzPatientova", "s3cret-word", "pacs.internal.example"
DATABASE = {"NAME": "pacs", "USER": "reader", "PASS": SECRET, "HOST": HOST}


@dataclass
class FakeSentry:
    """Takes envelopes as Sentry's own server does."""

    dsn: str = ""
    bodies: list[bytes] = field(default_factory=list)

    def events(self, count: int = 1) -> list[dict[str, Any]]:
        """What has come in, once so many have."""
        wait_for(lambda: len(self.bodies) >= count, 60)
        found = []
        for body in self.bodies:
            head, kind, event = body.split(b"\n")[:3]
            assert set(json.loads(head)) <= {"event_id", "sent_at", "dsn", "trace"}
            assert json.loads(kind)["type"] == "event"
            found.append(json.loads(event))
        return found


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSentry]:
    told = FakeSentry()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/api/42/envelope/"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            told.bodies.append(body)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    told.dsn = f"http://0123456789abcdef@127.0.0.1:{listening.server_port}/42"
    monkeypatch.setenv("SENTRY_DSN", told.dsn)
    for name, value in DATABASE.items():
        monkeypatch.setenv(f"SOURCE_DATABASE_{name}", value)
        monkeypatch.setenv(f"DESTINATION_DATABASE_{name}", value)
    yield told
    listening.shutdown()
    listening.server_close()


def break_down(*_: object, **__: object) -> None:
    patient = PATIENT
    request = {"name": patient, "password": SECRET}
    raise KeyError(f"{request} at {HOST}")


def refuse(*_: object, **__: object) -> None:
    patient = PATIENT
    raise SyncFailed(f"{HOST}/pacs: {patient}, {SECRET}")


def assert_discreet(server: FakeSentry) -> None:
    for body in server.bodies:
        for word in (PATIENT, SECRET, HOST, os.uname().nodename, str(PROJECT_ROOT), "127.0.0.1"):
            # The envelope names the DSN it was sent to.
            assert word not in body.decode().replace(server.dsn, ""), word


def test_an_unforeseen_error_of_a_command(
    server: FakeSentry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dlt_pipelines, "etl", break_down)
    done = CliRunner().invoke(cli, ["etl", "--organization", PATIENT])
    assert done.exit_code == 1
    (event,) = server.events()
    assert set(event) <= {
        "event_id", "timestamp", "level", "platform", "release", "environment", "exception", "tags"
    }  # fmt: skip
    (told,) = event["exception"]["values"]
    assert (told["type"], told["value"]) == ("KeyError", "INTERNAL_ERROR")
    assert told["stacktrace"]["frames"][-1]["function"] == "break_down"
    assert {"name": "etl", "code": "INTERNAL_ERROR"}.items() <= event["tags"].items()
    assert len(event["tags"]["run_id"]) == 36
    assert_discreet(server)


def test_a_foreseen_error_of_a_command_and_none_of_its_user(
    server: FakeSentry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dlt_pipelines, "etl", refuse)
    assert CliRunner().invoke(cli, ["etl"]).exit_code == 1
    assert (
        CliRunner().invoke(cli, ["forget-organization", "x", "--dry-run", "--restore"]).exit_code
        == 2
    )
    (event,) = server.events()
    assert event["exception"]["values"][0]["value"] == "SYNC_FAILED"
    assert_discreet(server)


def test_errors_of_flows(server: FakeSentry) -> None:
    # A flow's parameters have names.
    def broken() -> None:
        break_down()

    def refused() -> None:
        refuse()

    with pytest.raises(Unexpected):
        as_flow("etl")(broken).fn()
    with pytest.raises(SyncFailed):
        as_flow("validation")(refused).fn()
    assert [event["tags"]["name"] for event in server.events(2)] == ["etl", "validation"]
    assert_discreet(server)


def test_the_spelling_of_older_deployments(
    server: FakeSentry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SENTRY_DSN")
    monkeypatch.setenv("SENTRY_DNS", server.dsn)
    monkeypatch.setattr(dlt_pipelines, "etl", refuse)
    CliRunner().invoke(cli, ["etl"])
    assert len(server.events()) == 1


def test_an_unreachable_sentry_changes_nothing(
    server: FakeSentry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRY_DSN", "http://0123456789abcdef@127.0.0.1:1/42")
    monkeypatch.setattr(dlt_pipelines, "etl", refuse)
    done = CliRunner().invoke(cli, ["etl"])
    assert done.exit_code == 1
    assert "SYNC_FAILED" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_dsn_nothing_of_sentry_is_loaded(server: FakeSentry) -> None:
    script = (
        "import sys; from click.testing import CliRunner; from eden_cli import cli; "
        "done = CliRunner().invoke(cli, ['etl']); "
        "sys.exit(done.exit_code != 1 or 'sentry_sdk' in sys.modules)"
    )
    for dsn, code in (("", 0), (server.dsn, 1)):
        environment = os.environ | {
            "SENTRY_DSN": dsn,
            "SOURCE_DATABASE_HOST": "127.0.0.1",
            "SOURCE_DATABASE_PORT": "1",
            "DESTINATION_DATABASE_HOST": "127.0.0.1",
            "DESTINATION_DATABASE_PORT": "1",
        }
        done = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
        assert done.returncode == code

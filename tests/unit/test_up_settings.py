"""``eden up`` says what is wrong with its settings before it starts anything."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eden.settings import DestinationDatabase, Prefect, SourceDatabase, is_configured, load
from eden_cli import cli
from eden_cli.up import server as server_module
from eden_cli.up.api import PrefectApi, ServerUnavailable
from eden_cli.up.server import prefect_server

WORD = "s3cret-word"
URL = f"postgresql+asyncpg://prefect:{WORD}@db:5432/prefect?password={WORD}"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("PREFECT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("EDEN_HOME", str(tmp_path / "home"))


def up(*words: str) -> Result:
    return CliRunner().invoke(cli, ["up", *words])


def test_a_database_named_in_part_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not is_configured(SourceDatabase)
    monkeypatch.setenv("SOURCE_DATABASE_PORT", "5433")
    assert not is_configured(SourceDatabase)
    monkeypatch.setenv("SOURCE_DATABASE_HOST", "pacs.example")
    assert is_configured(SourceDatabase)
    assert not is_configured(DestinationDatabase)
    done = up()
    assert done.exit_code == 2
    assert done.stderr.startswith("CONFIGURATION: SOURCE_DATABASE_NAME is not set; ")
    # No service, no child: only the lock.
    assert [path.name for path in (tmp_path / "home").rglob("*")] == ["run", "up.lock"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFECT_SERVER_DATABASE_CONNECTION_URL", f"sqlite+aiosqlite:///{WORD}.db"),
        ("PREFECT_SERVER_API_AUTH_STRING", WORD),
        ("PREFECT_API_AUTH_STRING", f":{WORD}"),
        ("PREFECT_SERVER_API_PORT", "http"),
    ],
)
def test_what_is_malformed_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    done = up("--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"]["code"] == "CONFIGURATION"
    assert f"{name} is malformed" in done.stdout
    assert WORD not in done.output


def test_secrets_are_in_no_repr_and_the_label_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", URL)
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", f"admin:{WORD}")
    with prefect_server(tmp_path, load(Prefect), None) as server:
        assert WORD not in repr(server) + repr(load(Prefect))
        assert server.database == "db:5432/prefect"
        assert not any(WORD in word for word in server.command)
        assert server.settings["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == URL
        assert server.settings["PREFECT_SERVER_API_AUTH_STRING"] == f"admin:{WORD}"
        # What the flows get: the login, and nothing of the server's own.
        assert server.clients["PREFECT_API_AUTH_STRING"] == f"admin:{WORD}"
        assert not any(name.startswith("PREFECT_SERVER_D") for name in server.clients)


def test_old_runs_go_after_retention_days(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", URL)
    monkeypatch.setenv("RETENTION_DAYS", "5")
    period = "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"
    with prefect_server(tmp_path, load(Prefect), None) as server:
        assert server.settings[period] == "P5D"
        assert server.settings["PREFECT_SERVER_EVENTS_RETENTION_PERIOD"] == "P5D"
        assert server.settings["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    monkeypatch.setenv(period, "7200")
    with prefect_server(tmp_path, load(Prefect), None) as server:
        assert server.settings[period] == "7200"


def test_what_env_says_of_prefect_is_heard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "PREFECT_WORKER_QUERY_SECONDS=3\nPREFECT_API_KEY=\nPREFECT_SERVER_DATABASE_PASSWORD=x\n"
    )
    monkeypatch.setattr(server_module, "PROJECT_ROOT", tmp_path)
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", URL)
    with prefect_server(tmp_path, load(Prefect), None) as server:
        for environment in (server.settings, server.clients):
            assert environment["PREFECT_WORKER_QUERY_SECONDS"] == "3"
            assert "PREFECT_API_KEY" not in environment
            assert "PREFECT_SERVER_DATABASE_PASSWORD" not in environment


def test_a_running_server_is_joined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example:4200/api/")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", f"admin:{WORD}")
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_PASSWORD", WORD)
    with prefect_server(tmp_path, load(Prefect), None) as server:
        assert server.command == ()
        assert server.ui_url == "http://prefect.example:4200"
        assert server.clients["PREFECT_API_URL"] == "http://prefect.example:4200/api"
        assert server.clients["PREFECT_API_AUTH_STRING"] == f"admin:{WORD}"
        assert "PREFECT_SERVER_DATABASE_PASSWORD" not in server.clients


def test_a_port_in_use_is_avoided_unless_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", URL)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        monkeypatch.setattr(server_module, "DEFAULT_PORT", taken)
        with prefect_server(tmp_path, load(Prefect), None) as server:
            assert f":{taken}/" not in server.api.url
        for variable, option in ((str(taken), None), ("", taken)):
            monkeypatch.setenv("PREFECT_SERVER_API_PORT", variable)
            with (
                pytest.raises(server_module.PortTaken, match=f"port {taken}"),
                prefect_server(tmp_path, load(Prefect), option),
            ):
                pass


def test_who_opens_it_to_others_without_a_login_is_warned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", URL)
    monkeypatch.setenv("PREFECT_SERVER_API_HOST", "0.0.0.0")
    with prefect_server(tmp_path, load(Prefect), None) as server:
        assert "without a login" in server.notes[0]
        assert server.api.url.startswith("http://127.0.0.1:")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", f"admin:{WORD}")
    with prefect_server(tmp_path, load(Prefect), None) as server:
        assert server.notes == ()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/api", "Connection refused"),
        ("prefect/api", "unknown url type: 'prefect/api/work_pools/eden'"),
    ],
)
def test_a_server_that_does_not_answer_is_named_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(ServerUnavailable) as caught:
        PrefectApi(url).work_pool_type("eden")
    assert str(caught.value) == f"{url}: {reason}"

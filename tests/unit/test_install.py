"""`make install`: what uv is given, and pip where uv does not work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from tools import install

INDEX = "https://name:password@index.example.test/simple"


def test_the_lock_holds_uv_with_its_hashes_and_parts_without_loss() -> None:
    text = install.LOCK.read_text()
    uv, others = install.split_lock(text)
    assert uv.startswith("uv==")
    assert "--hash=sha256:" in uv
    assert "\nuv==" not in others
    assert sorted((uv + others).splitlines()) == sorted(text.splitlines())


def test_uv_is_given_the_indexes_of_pip() -> None:
    options = {
        "index-url": INDEX,
        "extra-index-url": "https://one.example.test\nhttps://two.example.test",
        "find-links": "/wheels /more",
        "cert": "/certificates.pem",
        "constraint": "elsewhere.txt",
    }
    assert install.uv_environment({"HOME": "/home"}, options) == {
        "HOME": "/home",
        "UV_DEFAULT_INDEX": INDEX,
        "UV_INDEX": "https://one.example.test https://two.example.test",
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/certificates.pem",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_settings_of_uv_win_but_lead_nothing_elsewhere() -> None:
    given = {
        "UV_DEFAULT_INDEX": "https://own.example.test",
        "UV_TARGET": "/elsewhere",
        "UV_REQUIRE_HASHES": "1",
        "UV_HTTP_TIMEOUT": "9",
    }
    environment = install.uv_environment(given, {"index-url": INDEX, "extra-index-url": INDEX})
    assert environment == {
        "UV_DEFAULT_INDEX": "https://own.example.test",
        "UV_HTTP_TIMEOUT": "9",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_the_configuration_of_pip_is_read_as_pip_weighs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = (
        "install.timeout='7'\nglobal.timeout='5'\nglobal.cert='/a'\n:env:.cert='/b'\nuser.x='1'"
    )
    monkeypatch.setattr(
        install.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, listed)
    )
    assert install.pip_configuration() == {"timeout": "7", "cert": "/b"}


class Programs:
    """Stands in for pip and uv: notes every command, and fails those that hold a given word."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.commands: list[str] = []

    def run(
        self, command: Sequence[str], *, check: bool, **_: Any
    ) -> subprocess.CompletedProcess[str]:
        line = " ".join(command)
        self.commands.append(line)
        code = int(any(word in line for word in self.failing))
        if check and code:
            raise subprocess.CalledProcessError(code, command)
        return subprocess.CompletedProcess(command, code, "")

    def of(self, *words: str) -> list[str]:
        return [line for line in self.commands if all(word in line for word in words)]


def run(monkeypatch: pytest.MonkeyPatch, *failing: str) -> Programs:
    programs = Programs(*failing)
    monkeypatch.setattr(install.subprocess, "run", programs.run)
    install.main()
    return programs


def test_uv_installs_everything_and_is_silent(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    done = run(monkeypatch)
    assert [line for line in done.of("--require-hashes") if "--no-deps" in line] == [
        done.of("-m pip", "uv.lock")[0],
        done.of("uv pip install", "others.lock")[0],
    ]
    assert done.of("uv pip install", "--editable")
    assert all(sys.executable in line for line in done.commands)
    assert not done.of("-m pip", "others.lock")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("failing", ["uv.lock", "uv pip install --quiet --no-deps", "uv pip check"])
def test_pip_does_it_where_uv_does_not(
    failing: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    done = run(monkeypatch, failing)
    assert done.of("-m pip", "--require-hashes", "others.lock")
    assert done.of("-m pip", "--editable")
    assert capfd.readouterr().out.count("\n") == 1


def test_what_pip_cannot_install_either_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "others.lock")
    assert ended.value.code == 1

"""Child processes are seen when they end, and stopped with all that they have started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from eden.embedded.keeper import lives
from eden_cli.up.children import (
    KEPT_LOG_BYTES,
    MARK,
    TAIL_LINES,
    Child,
    Children,
    Stopped,
    StopSignals,
    end_marked,
)

POLITE = "import time; print('ready', flush=True); time.sleep(120)"
DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('ready', flush=True); time.sleep(120)"
)
# Leaves a process that has a session of its own and no parent any more.
PARENT_OF_A_STRAY = (
    "import subprocess, sys, time; "
    "stray = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(120)'], "
    "start_new_session=True); "
)
READY = "print('ready', flush=True); "


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    # A shell starts what runs in its background with SIGINT ignored, and so it stays for us.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with StopSignals() as made:
            yield made
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def make(tmp_path: Path, signals: StopSignals) -> Iterator[Callable[[float], Children]]:
    yield lambda grace: Children(str(tmp_path), signals, grace)
    end_marked(str(tmp_path))


def start(children: Children, folder: Path, program: str, *, name: str = "a child") -> Child:
    log = folder / f"{name}.log"
    child = children.start(name, [sys.executable, "-c", program], os.environ, log, folder=folder)
    deadline = time.monotonic() + 120
    while b"ready" not in log.read_bytes():
        assert time.monotonic() < deadline, child.ending
        time.sleep(0.02)
    return child


def marked(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(folder) and lives(process):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_child_that_listens_ends_in_time(make: Callable[..., Children], tmp_path: Path) -> None:
    children = make(60)
    child = start(children, tmp_path, POLITE)
    assert children.ended() is None
    started = time.monotonic()
    assert children.stop() == []
    assert time.monotonic() - started < 60
    assert child.process.returncode == -signal.SIGTERM
    assert marked(tmp_path) == []


def test_one_that_hangs_is_killed_after_the_grace_time(
    make: Callable[..., Children], tmp_path: Path
) -> None:
    # Enough for the polite one on a machine that has other things to do.
    children = make(2)
    deaf = start(children, tmp_path, DEAF, name="deaf")
    polite = start(children, tmp_path, POLITE, name="polite")
    started = time.monotonic()
    assert children.stop() == ["deaf"]
    assert 2 <= time.monotonic() - started < 60
    assert deaf.process.returncode == -signal.SIGKILL
    assert polite.process.returncode == -signal.SIGTERM


def test_who_asks_twice_does_not_wait(
    make: Callable[..., Children], signals: StopSignals, tmp_path: Path
) -> None:
    children = make(60)
    child = start(children, tmp_path, DEAF)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(os.getpid(), number)
    with pytest.raises(Stopped):
        signals.check()
    assert child.process.poll() is None, child.ending
    started = time.monotonic()
    assert children.stop() == ["a child"], child.ending
    assert time.monotonic() - started < 60


def test_the_end_of_the_terminal_counts_unless_it_is_ignored() -> None:
    for before, count in ((signal.SIG_DFL, 1), (signal.SIG_IGN, 0)):
        held = signal.signal(signal.SIGHUP, before)
        try:
            with StopSignals() as signals:
                os.kill(os.getpid(), signal.SIGHUP)
                assert signals.count == count
            assert signal.getsignal(signal.SIGHUP) is before
        finally:
            signal.signal(signal.SIGHUP, held)


def test_children_hear_what_a_command_in_the_background_ignores(
    make: Callable[..., Children], tmp_path: Path
) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = start(make(60), tmp_path, POLITE)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    child.process.send_signal(signal.SIGINT)
    assert child.process.wait(60) == -signal.SIGINT


def test_what_a_dead_child_has_started_is_ended_too(
    make: Callable[..., Children], tmp_path: Path
) -> None:
    children = make(5)
    child = start(children, tmp_path, PARENT_OF_A_STRAY + READY + "sys.exit(3)")
    assert child.process.wait() == 3
    assert children.ended() is child
    assert child.ending == "ended with exit code 3"
    assert len(marked(tmp_path)) == 1
    assert children.stop() == []
    assert marked(tmp_path) == []


def test_grandchildren_end_before_their_parent(
    make: Callable[..., Children], tmp_path: Path
) -> None:
    children = make(60)
    tells = (
        "import signal; signal.signal(signal.SIGTERM, lambda *_: "
        "(print('orphaned it', stray.poll() is None, flush=True), sys.exit(0))); "
    )
    child = start(children, tmp_path, PARENT_OF_A_STRAY + tells + READY + "time.sleep(120)")
    assert children.stop() == []
    assert child.process.returncode == 0
    assert child.last_lines()[-1] == "orphaned it False"
    assert marked(tmp_path) == []


def test_a_killed_child_is_named_by_its_signal(
    make: Callable[..., Children], tmp_path: Path
) -> None:
    children = make(5)
    child = start(children, tmp_path, POLITE)
    child.process.kill()
    child.process.wait()
    assert child.ending == "was ended by SIGKILL"


def test_others_that_a_killed_command_left_are_ended_by_the_mark(tmp_path: Path) -> None:
    owners = (str(tmp_path), "/another")
    left, other = [
        subprocess.Popen([sys.executable, "-c", POLITE], env=os.environ | {MARK: owner})
        for owner in owners
    ]
    try:
        # Until it is started, it has the environment of its parent.
        while not marked(tmp_path):
            time.sleep(0.02)
        assert end_marked(str(tmp_path)) == 1
        assert left.wait(60) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        for process in (left, other):
            process.kill()
            process.wait()


def test_the_last_lines_are_its_own_and_hold_no_secret(
    make: Callable[..., Children], tmp_path: Path
) -> None:
    children = make(5)
    (tmp_path / "a.log").write_text("of an earlier run\n")
    environment = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://p:s3cret-word@db/prefect",
        "PREFECT_API_AUTH_STRING": "admin:an0ther-word",
    }
    program = (
        "import os; [print(n) for n in range(50)]; print(' s3cret-word '); "
        "print(os.environ['PREFECT_API_AUTH_STRING'], os.environ['PREFECT_SERVER_DATABASE_"
        "CONNECTION_URL'])"
    )
    command = [sys.executable, "-c", program]
    child = children.start("a", command, environment, tmp_path / "a.log", folder=tmp_path)
    assert children.wait_for(child) == 0
    lines = child.last_lines()
    assert len(lines) == TAIL_LINES
    assert lines[-3:] == ["49", " ***", "*** ***"]
    assert "s3cret" not in repr(child)
    short = start(children, tmp_path, POLITE, name="a")
    assert short.last_lines() == ["ready"]
    children.stop()


def test_a_log_that_has_grown_large_is_put_away(
    make: Callable[..., Children], tmp_path: Path
) -> None:
    (tmp_path / "a.log").write_bytes(b"x" * (KEPT_LOG_BYTES + 1))
    children = make(5)
    start(children, tmp_path, POLITE, name="a")
    assert (tmp_path / "a.log").stat().st_size < 100
    assert (tmp_path / "a.old.log").stat().st_size > KEPT_LOG_BYTES
    children.stop()

"""Keeps an embedded service running for as long as any process needs it.

Every user of a service holds a shared lock on ``EDEN_HOME/run/<service>.lock`` while it needs it;
the kernel lets go of it when the process ends, even by kill -9. The keeper, a process of its own,
starts the service and stops it as soon as it can take that lock for itself alone.
"""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import psutil

from eden.errors import ServiceFailed

Endpoint = dict[str, str]
"""The address of a running service: port, url, and other facts for its users."""

POLL_SECONDS = 0.2
START_TIMEOUT_SECONDS = 120


class Service(Protocol):
    """One embedded service. ``start`` and ``stop`` are only called by the keeper."""

    name: str
    home: Path

    def start(self) -> Endpoint:
        """Clear the remains of an earlier service, start this one, and return when it answers.

        Raises:
            ServiceFailed: it did not start; the message names its log.
        """

    def is_running(self) -> bool:
        """Whether the started process still lives."""

    def stop(self) -> None:
        """Stop it and wait until it has ended."""


@contextmanager
def lease(service: Service) -> Iterator[Endpoint]:
    """Have ``service`` run for as long as the context lasts.

    Raises:
        ServiceFailed: it did not start; the message names its log.
    """
    with _locked(_run_file(service, "lock"), fcntl.LOCK_SH):
        with _locked(_run_file(service, "starting"), fcntl.LOCK_EX):
            endpoint = _current(service) or _start_keeper(service)
        yield endpoint


def is_kept(service: Service) -> bool:
    """Whether the service runs; false too where it died under those who need it."""
    return _current(service) is not None


def wait_until_stopped(home: Path, timeout_seconds: float = 30) -> None:
    """Wait until no service of ``home`` runs any more. Only for a caller that holds no lease.

    Raises:
        ServiceFailed: one runs still after ``timeout_seconds``.
    """
    deadline = time.monotonic() + timeout_seconds
    while any((home / "run").glob("*.json")):
        if time.monotonic() > deadline:
            raise ServiceFailed(f"services under {home} are still in use")
        time.sleep(POLL_SECONDS)


def _run_file(service: Service, suffix: str) -> Path:
    folder = service.home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{service.name}.{suffix}"


@contextmanager
def _locked(path: Path, operation: int) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, operation)
        yield


def _current(service: Service) -> Endpoint | None:
    """The endpoint of a service whose keeper lives; None where it has to be started."""
    try:
        state = json.loads(_run_file(service, "json").read_text(encoding="utf-8"))
        keeper = psutil.Process(state["keeper_pid"])
        if keeper.create_time() != state["keeper_created"] or not lives(keeper):
            return None
    except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
        return None
    endpoint: Endpoint = state["endpoint"]
    return endpoint


def _start_keeper(service: Service) -> Endpoint:
    _run_file(service, "json").unlink(missing_ok=True)
    log = log_file(service)
    kind = type(service)
    with log.open("ab") as output:
        keeper = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "eden.embedded",
                f"{kind.__module__}:{kind.__name__}",
                service.home,
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C at the terminal is for the user of the service; the keeper ends after it.
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        endpoint = _current(service)
        if endpoint is not None:
            return endpoint
        if keeper.poll() is not None:
            break
        time.sleep(0.02)
    raise ServiceFailed(f"{service.name} did not start; its log is {log}")


def log_file(service: Service) -> Path:
    """The log of the service and of its keeper."""
    folder = service.home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{service.name}.log"


def keep(service: Service) -> None:
    """Run the service until no process uses it, it dies, or the keeper gets a signal to stop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    state = _run_file(service, "json")
    me = psutil.Process()
    with _run_file(service, "lock").open("a") as lock:
        try:
            endpoint = service.start()
            _write(
                state,
                {"keeper_pid": me.pid, "keeper_created": me.create_time(), "endpoint": endpoint},
            )
            while service.is_running() and not _is_alone(lock):
                time.sleep(POLL_SECONDS)
        finally:
            # The next process waits for the lock, then starts a new keeper.
            service.stop()
            state.unlink(missing_ok=True)


def _is_alone(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(path: Path, state: object) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(state), encoding="utf-8")
    draft.replace(path)


def lives(process: psutil.Process) -> bool:
    """Whether the process still runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def terminate(process: subprocess.Popen[bytes], timeout_seconds: float = 10) -> None:
    """End a child process: SIGTERM, then SIGKILL where it does not listen."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_leftover(pid_file: Path, command_word: str) -> None:
    """End a process that a killed keeper left behind, if the pid is still that process's."""
    try:
        process = psutil.Process(int(pid_file.read_text(encoding="utf-8")))
        if any(command_word in word for word in process.cmdline()):
            process.kill()
            process.wait(10)
    except (OSError, ValueError, psutil.Error):
        return

"""Child processes of one command: a log for each, watched, and stopped down to the last one.

Every child and its own children carry :data:`MARK` in their environment. So the command finds all
of them, also a process whose parent has died, or a process left by a killed command.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any
from urllib.parse import urlsplit

import psutil

from eden.embedded.keeper import lives

MARK = "EDEN_CHILD_OF"
POLL_SECONDS = 0.1
KILL_SECONDS = 10
KEPT_LOG_BYTES = 10_000_000
TAIL_LINES = 12
TAIL_BYTES = 8_000
SECRET_WORDS = ("PASS", "SECRET", "TOKEN", "KEY", "AUTH_STRING", "CONNECTION_URL", "DSN")
SECRET_LENGTH = 4
"""A shorter secret is not starred out: the stars would show where it occurs."""


class Stopped(Exception):
    """A signal to stop arrived before the work was done."""


class StopSignals:
    """Counts Ctrl-C, SIGTERM and the end of the terminal, which would else end this process.

    Signals that are ignored, as nohup does it, stay ignored.
    """

    NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        heard = [one for one in self.NUMBERS if signal.getsignal(one) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._hear) for number in heard}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trail: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise if a signal to stop has arrived.

        Raises:
            Stopped: it has.
        """
        if self.count:
            raise Stopped

    @property
    def are_insisting(self) -> bool:
        """Whether a second signal has arrived."""
        return self.count > 1

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


@dataclass(frozen=True, slots=True)
class Child:
    """A process that was started; its own part of the log begins at the byte ``log_start``."""

    title: str
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        code = self.process.returncode
        if code is not None and code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def has_said(self, words: str) -> bool:
        """Whether its log holds these words."""
        return words in self._said(self.log_start)

    def last_lines(self) -> list[str]:
        """The end of its log, without the secrets of its environment."""
        text = self._said(max(self.log_start, self.log.stat().st_size - TAIL_BYTES))
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return [line.rstrip() for line in text.splitlines() if line.strip()][-TAIL_LINES:]

    def _said(self, start: int) -> str:
        with self.log.open("rb") as file:
            file.seek(start)
            return file.read().decode(errors="replace")


class Children:
    """The children of this command; ``owner`` distinguishes them from another command's."""

    def __init__(self, owner: str, signals: StopSignals, grace_seconds: float) -> None:
        self._owner = owner
        self._signals = signals
        self._grace_seconds = grace_seconds
        self._started: list[Child] = []

    def start(
        self,
        title: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        folder: Path,
    ) -> Child:
        """Start a child in ``folder``; it writes to the end of its log."""
        log.parent.mkdir(parents=True, exist_ok=True)
        _put_away(log)
        with log.open("ab") as output, _not_ignored(signal.SIGINT):
            start = output.tell()
            process = subprocess.Popen(
                list(command),
                env={**environment, MARK: self._owner},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C at the terminal is for this process, which stops them in order.
                start_new_session=True,
            )
            child = Child(title, process, log, start, _secrets_of(environment))
        self._started.append(child)
        return child

    @property
    def are_there(self) -> bool:
        """Whether any were started that have not been stopped."""
        return bool(self._started)

    def wait_for(self, child: Child) -> int:
        """Wait for a child that ends by itself; return its exit code.

        Raises:
            Stopped: a signal arrived; the child still runs.
        """
        while (code := child.process.poll()) is None:
            self._signals.check()
            time.sleep(POLL_SECONDS)
        self._started.remove(child)
        return code

    def ended(self) -> Child | None:
        """A child that should run and does not."""
        return next((one for one in self._started if one.process.poll() is not None), None)

    def stop(self) -> list[str]:
        """Stop all children and their own children, the last one first; return those that hung.

        A process gets SIGTERM, and SIGKILL after the grace time or at a second signal to stop.
        """
        hung = [child.title for child in reversed(self._started) if not self._ended_in_order(child)]
        end_marked(self._owner)
        for child in self._started:
            child.process.wait()
        self._started.clear()
        return hung

    def _ended_in_order(self, child: Child) -> bool:
        """End the child's own children first, so that the child can still report their end."""
        deadline = time.monotonic() + self._grace_seconds
        try:
            own = psutil.Process(child.process.pid)
            below = own.children(recursive=True)
        except psutil.NoSuchProcess:
            return True
        return all([self._terminate(below, deadline), self._terminate([own], deadline)])

    def _terminate(self, processes: list[psutil.Process], deadline: float) -> bool:
        """Kill the processes that do not end by themselves; True if all did."""
        for process in processes:
            _send(process, signal.SIGTERM)
        while any(lives(process) for process in processes):
            if time.monotonic() > deadline or self._signals.are_insisting:
                for process in processes:
                    _send(process, signal.SIGKILL)
                return False
            time.sleep(POLL_SECONDS)
        return True


@contextmanager
def _not_ignored(number: signal.Signals) -> Iterator[None]:
    """Let children receive a signal that this process ignores.

    A shell's background process ignores Ctrl-C, and so would its children. But a Prefect worker
    passes SIGTERM on as SIGINT, and would wait for ever.
    """
    before = signal.getsignal(number)
    if before is not signal.SIG_IGN:
        yield
        return
    # exec resets handled signals to their default, but keeps ignored signals ignored.
    signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(number, before)


def end_marked(owner: str) -> int:
    """Kill every process that carries the mark of ``owner``; return how many there were."""
    killed: set[psutil.Process] = set()
    deadline = time.monotonic() + KILL_SECONDS
    while found := [process for process in psutil.process_iter() if _is_marked(process, owner)]:
        if time.monotonic() > deadline:
            break
        for process in found:
            _send(process, signal.SIGKILL)
        killed.update(found)
        # Not waited for: how a child of ours has ended is for its Popen to find out.
        time.sleep(POLL_SECONDS)
    return len(killed)


def _is_marked(process: psutil.Process, owner: str) -> bool:
    try:
        return (
            process.pid != os.getpid() and process.environ().get(MARK) == owner and lives(process)
        )
    except (psutil.Error, OSError):
        # It has ended meanwhile, or it is another user's.
        return False


def _send(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _put_away(log: Path) -> None:
    """Begin a new log where the old one has grown large; one old one is kept."""
    if log.exists() and log.stat().st_size > KEPT_LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))


def _secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The values that must not be shown, the longest first: one may hold another."""
    values = {v for k, v in environment.items() if any(word in k for word in SECRET_WORDS)}
    values |= {urlsplit(v).password or "" for v in environment.values() if "@" in v and "://" in v}
    return tuple(sorted((v for v in values if len(v) >= SECRET_LENGTH), key=len, reverse=True))

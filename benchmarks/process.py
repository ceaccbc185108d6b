"""A measured process, apart from the process that measures it: one line in, one line out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.results import NotMeasured
from eden.paths import PROJECT_ROOT

STOP_SECONDS = 60


class Answering:
    """A running process that answers each line with a JSON document."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    def ask(self, line: str) -> Any:  # noqa: ANN401  # what JSON holds
        """Send a line and wait for its answer.

        Raises:
            NotMeasured: The process failed; the message ends with the last line of its log.
        """
        self.tell(line)
        return self.answer(line)

    def tell(self, line: str) -> None:
        """Send a line without waiting; the caller then calls :meth:`answer`."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def answer(self, line: str) -> Any:  # noqa: ANN401  # what JSON holds
        """Wait for the answer to a line that was sent.

        Raises:
            NotMeasured: as :meth:`ask` does.
        """
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise NotMeasured(f"{line} failed: {_last_line(self._log)}")
        return json.loads(answer)


@contextmanager
def answering(module: str, environment: Mapping[str, str], log: Path) -> Iterator[Answering]:
    """Run ``python -m module`` for as long as the context lasts."""
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=dict(environment),
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
        try:
            yield Answering(process, log)
            process.communicate(timeout=STOP_SECONDS)
        finally:
            process.kill()
            process.wait()


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"

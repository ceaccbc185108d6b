"""``eden demo`` as a new user sees it, twice; its flows run against a real Prefect server."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from eden.embedded.keeper import wait_until_stopped
from tests.conftest import SECONDS_TO_STOP

EDEN = Path(sys.executable).parent / "eden"


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="eden-test-"))
    yield folder
    wait_until_stopped(folder, SECONDS_TO_STOP)
    shutil.rmtree(folder)


def on_a_terminal(*words: str | Path, env: dict[str, str]) -> tuple[int, str]:
    """Run a program that believes to be on a terminal; return its exit code and what it showed."""
    master, slave = pty.openpty()
    process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    shown = b""
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:
            break
        if not block:
            break
        shown += block
    os.close(master)
    return process.wait(), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())


@pytest.mark.timeout(600)
def test_the_demo_shows_its_table_and_has_nothing_to_do_the_second_time(home: Path) -> None:
    environment = os.environ | {"EDEN_HOME": str(home), "COLUMNS": "80", "TERM": "xterm"}
    code, shown = on_a_terminal(EDEN, "demo", "--small", env=environment)
    assert code == 0, shown
    for words in (
        "Taking radiographs",
        "Exporting studies",
        "clinica-del-valle",
        "Doctors by signed chest studies",
        "28   not migrated: eligible",
        "28   exported",
        "every eligible study is in the bucket",
        "What to type next",
        "eden embedded eden process-study",
    ):
        assert words in shown
    for noise in ("Traceback", "Warning", "rror ", "telemetry", "prefect", "dlt"):
        assert noise not in shown
    metadata = list((home / "s3").rglob("metadata.json"))
    assert len(metadata) == 28
    assert (home / "logs" / "demo.log").stat().st_size > 0

    logged = (home / "logs" / "demo.log").stat().st_size
    environment |= {"LOGGING_LEVEL": "DEBUG", "LOGGING_FORMAT": "json"}
    again = subprocess.run(
        [EDEN, "demo", "--small", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert again.stderr == ""
    document = json.loads(again.stdout)
    assert document["is_idle"] is True
    assert document["funnel"][-1] == {"step": "exported", "studies": 28}

    with (home / "logs" / "demo.log").open(encoding="utf-8") as log:
        log.seek(logged)
        assert "DEBUG" in {json.loads(line)["level"] for line in log}

    other = subprocess.run(
        [EDEN, "demo", "--small", "--seed", "8"], env=environment, capture_output=True, check=False
    )
    assert other.returncode == 2
    (error,) = map(json.loads, other.stderr.splitlines())
    assert error["code"] == "USAGE"
    assert "holds the hospital of seed 7" in error["message"]

"""What the log says of a run: its ids as fields, and nothing that an exception carries."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from eden import logs

PLANTED = "ZzPatientova"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    found = logging.getLogger()
    kept = found.handlers[:], found.level
    yield found
    found.handlers[:], level = kept
    found.setLevel(level)
    logging.captureWarnings(capture=False)


def lines(captured: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in captured.splitlines()]


def test_records_are_objects_with_the_ids_of_what_they_are_about(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("INFO", style="json")
    log = logging.getLogger("eden.test")
    with logs.about(run_id="r1"), logs.about(organization_id="o1", study_id="s1"):
        log.info("tórax %d", 1)
        log.debug("not shown")
    log.warning("alone")
    said, alone = lines(capsys.readouterr().err)
    assert datetime.fromisoformat(str(said.pop("time"))).utcoffset() is not None
    assert said == {
        "level": "INFO",
        "logger": "eden.test",
        "message": "tórax 1",
        "run_id": "r1",
        "organization_id": "o1",
        "study_id": "s1",
    }
    assert set(alone) == {"time", "level", "logger", "message"}


def test_the_threads_of_a_run_know_which_it_is(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("INFO", style="json")

    def work(study_id: str) -> None:
        with logs.about(study_id=study_id):
            logging.getLogger("eden.test").info("done")

    with ThreadPoolExecutor(4) as pool, logs.about(run_id="r1"):
        list(pool.map(logs.carried(work), map(str, range(8))))
    said = lines(capsys.readouterr().err)
    assert {line["run_id"] for line in said} == {"r1"}
    assert {line["study_id"] for line in said} == set(map(str, range(8)))


@pytest.mark.parametrize("style", ["json", "text"])
def test_an_exception_is_told_without_what_it_says(
    root: logging.Logger, capsys: pytest.CaptureFixture[str], style: logs.Style
) -> None:
    logs.set_up("INFO", style=style)
    try:
        try:
            {}[PLANTED]
        except KeyError as error:
            int(PLANTED, base=len(str(error)))
    except ValueError:
        logging.getLogger("eden.test").exception("it broke")
    said = capsys.readouterr().err
    assert PLANTED not in said
    assert "ValueError" in said
    assert "KeyError" in said
    assert "in test_an_exception_is_told_without_what_it_says" in said
    if style == "json":
        (line,) = lines(said)
        assert line["exception"][-1] == "KeyError"


def test_beside_prefect_only_json_takes_its_place(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    own = logging.NullHandler()
    root.handlers[:] = [own]
    levels = {name: logging.getLogger(name).level for name in logs.OURS}
    try:
        logs.set_up_beside_prefect("DEBUG", "text")
        assert root.handlers == [own]
        assert logging.getLogger("dicom_export").level == logging.DEBUG
        logs.set_up_beside_prefect("INFO", "json")
        logging.getLogger("prefect.test").error("theirs")
        (line,) = lines(capsys.readouterr().err)
        assert line["logger"] == "prefect.test"
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)

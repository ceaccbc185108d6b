"""Mistakes of configuration: named on one line, with an exit code, before anything is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from eden.settings import DestinationDatabase, SourceDatabase, load
from eden_cli import cli
from tests.conftest import Services
from tests.support import zoo
from tests.support.exporting import Hospital

SECRET = "s3cret-w0rd"

MALFORMED = {
    "SOURCE_DATABASE_PORT": ("etl", f"5432;{SECRET}"),
    "SOURCE_DATABASE_SSLMODE": ("etl", SECRET),
    "DESTINATION_DATABASE_PORT": ("status", "70000"),
    "DESTINATION_DATABASE_SSLMODE": ("status", SECRET),
    "SYNC_OVERLAP_MINUTES": ("etl", "-1"),
    "SYNC_LOCK_WAIT": ("etl", "soon"),
    "RETENTION_DAYS": ("etl", "0"),
    "SCHEDULE_TIMEZONE": ("status", "Mars/Olympus"),
    "LOGGING_LEVEL": ("status", "LOUD"),
    "LOGGING_FORMAT": ("status", "xml"),
    "SENTRY_DSN": ("status", f"sentry.example/{SECRET}"),
    "DEIDENTIFICATION": ("discover", "of"),
    "BURNED_IN_POLICY": ("discover", "maybe"),
    "DICOMWEB_MODE": ("discover", "sometimes"),
    "EXPORT_CONCURRENCY": ("discover", "0"),
    "EXPORT_BATCH_SIZE": ("discover", "many"),
    "EXPORT_MAX_ATTEMPTS": ("discover", "0"),
    "EXPORT_DISPATCH": ("discover", "cluster"),
}


def said(*words: str, code: int) -> str:
    """The one line that a command says when it fails; its document says the same."""
    told = CliRunner().invoke(cli, words, catch_exceptions=False)
    done = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    assert (told.exit_code, done.exit_code) == (code, code), told.stderr
    assert len(told.stderr.splitlines()) == 1, told.stderr
    assert told.stdout == ""
    error = json.loads(done.stdout)["error"]
    assert f"{error['code']}: {error['message']}\n" == told.stderr
    for word in ("Traceback", SECRET):
        assert word not in told.stderr
    return told.stderr


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that has to be set, and nothing behind it: nothing may be tried."""
    for which in ("SOURCE", "DESTINATION"):
        for name in ("NAME", "USER", "PASS", "HOST"):
            monkeypatch.setenv(f"{which}_DATABASE_{name}", "nowhere.invalid")
    monkeypatch.setenv("DEIDENTIFICATION", "off")


@pytest.mark.parametrize("variable", MALFORMED)
def test_a_malformed_setting_is_named_and_its_value_is_not(
    nowhere: None, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    command, value = MALFORMED[variable]
    monkeypatch.setenv(variable, value)
    assert said(command, code=2).startswith(f"CONFIGURATION: {variable} is malformed: ")


@pytest.mark.parametrize("which", ["SOURCE", "DESTINATION"])
@pytest.mark.parametrize("name", ["NAME", "USER", "PASS", "HOST"])
def test_a_missing_setting_is_named(
    nowhere: None, monkeypatch: pytest.MonkeyPatch, which: str, name: str
) -> None:
    monkeypatch.delenv(f"{which}_DATABASE_{name}")
    assert said("etl", code=2) == f"CONFIGURATION: {which}_DATABASE_{name} is not set\n"


@pytest.mark.parametrize("which", ["SOURCE", "DESTINATION"])
@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PORT", "1", "refused"),
        ("HOST", "no-such-host.invalid", "resolve"),
        ("PASS", SECRET, "password authentication failed"),
        ("NAME", "no_such_database", "does not exist"),
    ],
)
def test_a_database_out_of_reach_is_named_with_its_host(
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    which: str,
    name: str,
    value: str,
    reason: str,
) -> None:
    monkeypatch.setenv(f"{which}_DATABASE_{name}", value)
    database = load(SourceDatabase if which == "SOURCE" else DestinationDatabase)
    line = said("etl", code=1)
    assert line.startswith(f"DATABASE_UNAVAILABLE: {database.label}: ")
    assert reason in line


def test_a_source_without_a_table_or_a_column(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the other tables brought is none of the error.
    monkeypatch.setenv("LOGGING_LEVEL", "ERROR")
    with services.source() as source, services.warehouse() as warehouse:
        zoo.create_source(source)
        source.execute("ALTER TABLE pacs_reports RENAME COLUMN updated_at TO changed_at")
        line = said("etl", code=1)
        for word in (load(SourceDatabase).label, "pacs_reports", "updated_at"):
            assert word in line
        source.execute("DROP TABLE pacs_reports")
        line = said("etl", code=1)
        for word in (load(SourceDatabase).label, "pacs_reports is missing"):
            assert word in line
        rows = warehouse.execute("SELECT count(*) FROM staging.pacs_reports").fetchone()
        assert rows == (0,)


@pytest.fixture
def hospital(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hospital]:
    monkeypatch.setenv("DICOM_ROOTS", str(tmp_path))
    made = Hospital(services, tmp_path)
    yield made
    made.database.close()


@pytest.mark.parametrize(
    ("variable", "value", "code", "line"),
    [
        ("S3_BUCKET_NAME", "no-such-bucket", 1, "STORE_UNAVAILABLE: bucket no-such-bucket at http"),
        ("AWS_SECRET_ACCESS_KEY", SECRET, 1, "STORE_UNAVAILABLE: bucket "),
        ("S3_ENDPOINT_URL", "http://127.0.0.1:1", 1, "STORE_UNAVAILABLE: bucket "),
        ("S3_ENDPOINT_URL", "no address", 1, "STORE_UNAVAILABLE: bucket "),
        ("AWS_SECRET_ACCESS_KEY", "", 2, "CONFIGURATION: AWS_ACCESS_KEY_ID and "),
        ("DEIDENTIFICATION", "", 2, "CONFIGURATION: DEIDENTIFICATION is not set"),
        ("DEIDENTIFICATION_KEY", "", 2, "CONFIGURATION: DEIDENTIFICATION_KEY is not set"),
        ("DEIDENTIFICATION_KEY", "short", 2, "CONFIGURATION: DEIDENTIFICATION_KEY is too short"),
        ("DICOMWEB_URL", f"ftp://{SECRET}@pacs", 2, "CONFIGURATION: DICOMWEB_URL"),
    ],
)
def test_an_export_that_can_not_begin_claims_nothing(
    hospital: Hospital,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    code: int,
    line: str,
) -> None:
    study = hospital.add_study()
    if variable == "DEIDENTIFICATION_KEY":
        monkeypatch.setenv("DEIDENTIFICATION", "basic")
    monkeypatch.setenv(variable, value)
    # Seconds of trying in vain are the store's tests' business.
    monkeypatch.setattr("dicom_export.publish.bucket.ATTEMPTS", 1)
    assert said("process-study", study.study_id, code=code).startswith(line)
    claimed = "SELECT count(*) FROM ops.study_exports WHERE status <> 'waiting' OR attempts > 0"
    assert hospital.one(claimed) == 0


def test_words_that_fit_nothing(services: Services, hospital: Hospital) -> None:
    unknown = "00000000-0000-0000-0000-000000000001"
    assert said("process-study", unknown, code=1).startswith(f"UNKNOWN_STUDY: study {unknown}")
    assert said("process-study", "12", code=1).startswith("MALFORMED_STUDY_ID: '12'")
    assert said("explain", unknown, code=1).startswith("UNKNOWN_STUDY")
    with services.source() as source:
        zoo.create_source(source)
    assert said("etl", "--organization", "nobody", code=1) == (
        "UNKNOWN_ORGANIZATION: no organization is called nobody\n"
    )


def test_with_json_logs_every_line_is_an_object(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGGING_FORMAT", "json")
    monkeypatch.setenv("SOURCE_DATABASE_PORT", "1")
    told: Any = CliRunner().invoke(cli, ["etl"])
    assert told.exit_code == 1
    (line,) = [json.loads(line) for line in told.stderr.splitlines()]
    assert line["code"] == "DATABASE_UNAVAILABLE"
    assert line["level"] == "ERROR"
    assert load(SourceDatabase).label in line["message"]
    assert len(line["run_id"]) == 36

"""Images as objects of a real S3 server: from listed buckets only."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from mypy_boto3_s3 import S3Client

from dicom_export import sources
from dicom_export.codes import Code
from dicom_export.sources import Sources
from eden.embedded import EmbeddedServices
from eden.errors import ConfigurationError
from eden.settings import Export, ObjectStore
from tests.support.sources import PLANTED, bring
from tests.support.web import Request, WebServer, web_server

CONTENT = bytes(range(256)) * 1024
# The services are shared with other modules, which have buckets of their own.
ARCHIVE, OTHER = "source-s3-archive", "source-s3-other"


@pytest.fixture(autouse=True)
def _settings(running: EmbeddedServices, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in running.environment.items():
        if variable.startswith(("AWS_", "S3_")):
            monkeypatch.setenv(variable, value)
    monkeypatch.setenv("DEIDENTIFICATION", "off")
    monkeypatch.setenv("DICOM_S3_BUCKETS", ARCHIVE)
    monkeypatch.setattr(sources, "PAUSES_SECONDS", (0.01, 0.01))


@pytest.fixture(scope="module")
def store(running: EmbeddedServices) -> S3Client:
    environment = running.environment
    client = boto3.client(
        "s3",
        endpoint_url=environment["S3_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION_NAME"],
    )
    for bucket in (ARCHIVE, OTHER):
        client.create_bucket(Bucket=bucket)
    return client


def configured() -> Sources:
    return sources.configured(Export(), ObjectStore())


@pytest.mark.parametrize("key", ["a/b.dcm", "año 2024/a b.dcm", "a%20b?c=d#e+f.dcm"])
def test_an_object_is_brought_by_its_literal_key(store: S3Client, key: str) -> None:
    store.put_object(Bucket=ARCHIVE, Key=key, Body=CONTENT)
    with configured() as reading:
        assert bring(reading, f"s3://{ARCHIVE}/{key}") == CONTENT
        assert bring(reading, f"S3://{ARCHIVE}/{key}") == CONTENT


def test_an_empty_object_and_a_large_one(store: S3Client) -> None:
    store.put_object(Bucket=ARCHIVE, Key="empty", Body=b"")
    store.put_object(Bucket=ARCHIVE, Key="large", Body=CONTENT)
    with configured() as reading:
        assert bring(reading, f"s3://{ARCHIVE}/empty") == b""
        assert bring(reading, f"s3://{ARCHIVE}/large", limit=1000) == Code.TOO_LARGE


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (f"s3://{ARCHIVE}/none", Code.SOURCE_MISSING),
        (f"s3://{OTHER}/file", Code.HOST_REFUSED),
        (f"s3://{ARCHIVE.upper()}/file", Code.HOST_REFUSED),
        (f"s3://key:secret@{ARCHIVE}/file", Code.HOST_REFUSED),
        (f"s3://{ARCHIVE}:80/file", Code.HOST_REFUSED),
        (f"s3://{ARCHIVE}/../{OTHER}/file", Code.PATH_REFUSED),
        (f"s3://{ARCHIVE}/", Code.PATH_REFUSED),
        (f"s3://{ARCHIVE}", Code.PATH_REFUSED),
        (f"s3://{ARCHIVE}/{'x' * 1025}", Code.PATH_REFUSED),
        ("s3:///file", Code.HOST_REFUSED),
        (f"s3a://{ARCHIVE}/file", Code.SCHEME_REFUSED),
    ],
)
def test_an_object_that_is_not_to_be_had(store: S3Client, address: str, code: Code) -> None:
    store.put_object(Bucket=OTHER, Key="file", Body=CONTENT)
    with configured() as reading:
        assert bring(reading, address) == code


def test_a_listed_bucket_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOM_S3_BUCKETS", "no-such-bucket")
    with configured() as reading:
        assert bring(reading, "s3://no-such-bucket/file") == Code.SOURCE_MISSING


def test_wrong_credentials(store: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    with configured() as reading:
        assert bring(reading, f"s3://{ARCHIVE}/file") == Code.SOURCE_UNREACHABLE


@pytest.mark.parametrize("entry", ["s3://bucket", "bucket/prefix", "*", "a b", "x"])
def test_an_entry_that_is_no_bucket_is_named_by_its_place(
    monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    monkeypatch.setenv("DICOM_S3_BUCKETS", f"{ARCHIVE},{entry}")
    with pytest.raises(ConfigurationError, match=r"^DICOM_S3_BUCKETS: entry 2 is not"):
        configured()


# A server that fails ------------------------------------------------------------------------------


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    with web_server() as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", f"http://{server.host}")
        yield server


def cut_off(request: Request) -> None:
    request.head(Content_Length=str(len(CONTENT)))
    request.wfile.write(CONTENT[:1000])
    request.hang_up()


def forbidden(request: Request) -> None:
    request.answer(b"<Error><Code>AccessDenied</Code></Error>", 403)


def archived(request: Request) -> None:
    request.answer(b"<Error><Code>InvalidObjectState</Code></Error>", 403)


def no_xml(request: Request) -> None:
    request.answer(b"gateway", 502)


@pytest.mark.parametrize(
    ("behaviour", "code", "requests"),
    [
        (cut_off, Code.TRUNCATED, 3),
        (forbidden, Code.SOURCE_UNREACHABLE, 1),
        (archived, Code.SOURCE_UNREACHABLE, 1),
        (no_xml, Code.SOURCE_UNREACHABLE, 3),
    ],
)
def test_a_server_that_fails(
    failing: WebServer, behaviour: Callable[[Request], None], code: Code, requests: int,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", no_delay)
    failing.serve(f"/{ARCHIVE}/{PLANTED}", behaviour)
    with configured() as reading:
        assert bring(reading, f"s3://{ARCHIVE}/{PLANTED}") == code
    assert len(failing.seen) == requests
    assert PLANTED not in caplog.text


def test_a_broken_connection_is_made_anew(failing: WebServer) -> None:
    answers = [cut_off, lambda request: request.answer(CONTENT)]

    def answer(request: Request) -> None:
        answers.pop(0)(request)

    failing.serve(f"/{ARCHIVE}/file", answer)
    with configured() as reading:
        assert bring(reading, f"s3://{ARCHIVE}/file") == CONTENT


def test_a_slow_server_is_given_up(failing: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(request: Request) -> None:
        request.head(Content_Length=str(len(CONTENT)))
        while not request.server.ending.wait(0.01):
            request.wfile.write(b"x" * 10_000)

    monkeypatch.setattr("dicom_export.sources.s3.Pace", impatient)
    failing.serve(f"/{ARCHIVE}/file", drip)
    with configured() as reading:
        assert bring(reading, f"s3://{ARCHIVE}/file") == Code.SOURCE_UNREACHABLE


def test_an_object_that_is_announced_as_too_large_is_not_brought(failing: WebServer) -> None:
    failing.serve(f"/{ARCHIVE}/file", lambda r: (r.head(Content_Length="5000"), r.stall())[0])
    started = time.monotonic()
    with configured() as reading:
        assert bring(reading, f"s3://{ARCHIVE}/file", limit=4999) == Code.TOO_LARGE
    assert time.monotonic() - started < 30


def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", no_delay)
    with configured() as reading:
        assert bring(reading, f"s3://{ARCHIVE}/file") == Code.SOURCE_UNREACHABLE


def no_delay(*_: Any) -> float:
    return 0


def impatient() -> Any:
    return sources.base.Pace(grace=0.1, bytes_per_second=10**9)

"""A store that fails or does not list costs a delay, and what every request carries."""

from __future__ import annotations

import http.server
import os
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

import dicom_export
from dicom_export.publish.bucket import Bucket
from tests.support.exporting import Hospital
from tests.support.exporting import hospital as hospital  # noqa: PLC0414  # fixture


class _Proxy(http.server.ThreadingHTTPServer):
    """Hands requests on to the real store, but answers 503 for the keys that it is told to."""

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _ProxyHandler)
        self.target = target
        self.failing = ""
        self.headers_seen: list[dict[str, str]] = []


class _ProxyHandler(http.server.BaseHTTPRequestHandler):
    server: _Proxy

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.headers_seen.append({k.lower(): v for k, v in self.headers.items()})
        if self.server.failing and self.server.failing in self.path:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        request = urllib.request.Request(
            self.server.target + self.path, body or None, dict(self.headers), method=self.command
        )
        try:
            with urllib.request.urlopen(request) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_DELETE = do_GET = do_HEAD = _forward  # noqa: N815

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def proxy(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Proxy]:
    server = _Proxy(os.environ["S3_ENDPOINT_URL"])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("S3_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
    original = Bucket.__init__

    def impatient(self: Bucket, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **(options | {"attempts": 2}))

    monkeypatch.setattr(Bucket, "__init__", impatient)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_object_that_cannot_be_sent_holds_its_study_back(
    hospital: Hospital, proxy: _Proxy
) -> None:
    bad, good = hospital.add_study(), hospital.add_study()
    proxy.failing = bad.images[0].image_id
    summary = hospital.discover()
    assert summary.counts == {"exported": 1, "incomplete": 1}
    result = next(r for r in summary.results if r.study_id == bad.study_id)
    assert result.errors == (f"STORE_UNAVAILABLE: {bad.image_key(bad.images[0])}",)
    assert result.dicom_files_uploaded == 1
    assert hospital.image_row(bad.images[0]) == ("missing", "STORE_UNAVAILABLE")
    assert bad.metadata_key not in hospital.objects()
    assert good.metadata_key in hospital.objects()

    proxy.failing = ""
    hospital.make_due()
    assert hospital.discover().counts == {"exported": 1}


def test_metadata_that_cannot_be_retired_leaves_all_it_names(
    hospital: Hospital, proxy: _Proxy
) -> None:
    study = hospital.add_study()
    hospital.discover()
    before = hospital.objects()
    hospital.set_report(study, "changed")
    hospital.touch(study)
    proxy.failing = "metadata.json"
    assert hospital.discover().counts == {"incomplete": 1}
    assert hospital.objects() == before
    proxy.failing = ""
    hospital.make_due()
    assert hospital.discover().counts == {"exported": 1}
    assert hospital.objects()[study.report_key] == b"changed"


def test_a_quarantine_that_cannot_be_carried_out_is_tried_again(
    hospital: Hospital, proxy: _Proxy
) -> None:
    study = hospital.add_study()
    hospital.discover()
    hospital.add_image(study, PatientID="somebody else")
    hospital.touch(study)
    proxy.failing = study.report_id
    assert hospital.discover().counts == {"incomplete": 1}
    assert set(hospital.objects()) == {study.report_key}
    proxy.failing = ""
    hospital.make_due()
    assert hospital.discover().counts == {"quarantined": 1}
    assert hospital.objects() == {}


def test_every_object_carries_its_checksum_and_type_and_the_storage_options(
    hospital: Hospital, proxy: _Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_STORAGE_CLASS", "STANDARD_IA")
    monkeypatch.setenv("S3_SSE", "aws:kms")
    monkeypatch.setenv("S3_KMS_KEY_ID", "a-key")
    hospital.add_study(images=1)
    hospital.discover()
    puts = [headers for headers in proxy.headers_seen if "x-amz-checksum-sha256" in headers]
    assert len(puts) == 3
    assert len(proxy.headers_seen) == 4  # one look at the bucket, no request per object beside PUT
    assert {headers["content-type"] for headers in puts} == {
        "application/dicom", "text/plain; charset=utf-8", "application/json"
    }  # fmt: skip
    for headers in puts:
        assert headers["x-amz-storage-class"] == "STANDARD_IA"
        assert headers["x-amz-server-side-encryption"] == "aws:kms"
        assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "a-key"


def test_a_bucket_that_does_not_list_leaves_a_finished_study_as_it_is(
    hospital: Hospital, proxy: _Proxy
) -> None:
    finished, incomplete = hospital.add_study(images=1), hospital.add_study(images=1)
    incomplete.images[0].path.unlink()
    hospital.discover()
    before = hospital.objects()
    proxy.failing = "list-type"
    studies = [finished, incomplete]
    results = dicom_export.process_batch(
        *hospital.settings(), [study.study_id for study in studies]
    )
    assert [result.errors for result in results] == [
        (f"STORE_UNAVAILABLE: {study.prefix}/",) for study in studies
    ]
    assert [result.success for result in results] == [False, False]
    assert [result.metadata_uploaded for result in results] == [True, False]
    assert [hospital.status(study) for study in studies] == ["exported", "incomplete"]
    assert hospital.objects() == before
    proxy.failing = ""
    assert hospital.discover().is_idle

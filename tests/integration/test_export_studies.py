"""Studies go from disk to a bucket, and stay right whatever is wrong with them or with the run."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.server
import json
import logging
import os
import re
import shutil
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    BasicTextSRStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)

import dicom_export
from dicom_export import deidentify, sources
from dicom_export.blobs import Budget
from dicom_export.codes import Code, StudyStatus
from dicom_export.connections import Connections
from dicom_export.errors import LeaseLost
from dicom_export.exporter import Exporter
from dicom_export.ledger.ledger import Ledger
from dicom_export.marts import Marts
from dicom_export.policy import policy_text
from dicom_export.publish.bucket import Bucket
from eden.errors import ConfigurationError, StoreUnavailable
from eden.progress import reporting_to
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from tests.support.exporting import PLANTED, Hospital, Image, Study, an_id, dicom
from tests.support.exporting import hospital as hospital  # noqa: PLC0414  # fixture
from tests.support.exporting import requests as requests  # noqa: PLC0414  # fixture
from tests.support.marts import insert
from tests.support.watched_s3 import WatchedS3, watched_s3
from tests.support.web import web_server

# What is published --------------------------------------------------------------------------------


def test_a_study_lies_in_the_bucket_with_exact_keys_and_bytes(hospital: Hospital) -> None:
    study = hospital.add_study(images=1)
    hospital.add_image(study, instance_number=None)
    hospital.add_image(study, instance_number=12345)

    summary = hospital.discover()

    objects = hospital.objects()
    metadata = json.loads(objects.pop(study.metadata_key))
    expected = {study.image_key(image): image.path.read_bytes() for image in study.images}
    expected[study.report_key] = f"Sin hallazgos. {PLANTED}".encode()
    assert objects == expected
    assert study.image_key(study.images[1]).split("/")[-1].startswith("0000_")
    assert summary.counts == {"exported": 1}
    assert summary.left == 0
    assert summary.results[0].to_dict() == {
        "study_id": study.study_id,
        "organization_id": study.organization_id,
        "success": True,
        "dicom_files_uploaded": 3,
        "reports_uploaded": 1,
        "metadata_uploaded": True,
        "errors": [],
    }
    assert list(summary.results[0].to_dict()) == [
        "study_id", "organization_id", "success", "dicom_files_uploaded", "reports_uploaded",
        "metadata_uploaded", "errors",
    ]  # fmt: skip
    listed = {entry["key"]: (entry["bytes"], entry["sha256"]) for entry in metadata["objects"]}
    assert listed == {
        key: (len(content), hashlib.sha256(content).hexdigest())
        for key, content in expected.items()
    }
    assert metadata["schema_version"] == 2
    assert metadata["study"]["performed_at"] == "infinity"
    assert metadata["images"][0]["dicom"]["view_position"] == "PA"
    assert metadata["reports"][0]["signed_at"] == "2024-01-02T03:04:05.000006+00:00"


def test_metadata_and_results_and_logs_name_nobody(
    hospital: Hospital, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    good = hospital.add_study()
    bad = hospital.add_study(images=0)
    hospital.add_image(bad, StudyInstanceUID=generate_uid(), PatientAge=PLANTED)
    unreadable = hospital.add_study(images=1)
    unreadable.images[0].path.write_bytes(b"\0" * 128 + b"DICM" + PLANTED.encode() * 9)
    lost = hospital.add_study(images=1)
    lost.images[0].path.unlink()
    broken = hospital.add_study(images=0)
    hospital.add_image(broken, ViewPosition=[PLANTED, "PA"], PatientBirthDate=PLANTED)

    summary = hospital.discover()

    assert summary.counts == {"exported": 2, "incomplete": 2, "quarantined": 1}
    assert PLANTED not in caplog.text.replace(str(hospital.archive), "")
    assert PLANTED not in json.dumps(summary.to_dict()) + repr(summary)
    metadata = hospital.objects()[good.metadata_key].decode()
    assert PLANTED not in metadata
    assert "19500102" not in metadata
    ledger = hospital.one(
        "SELECT string_agg(s::text, ' ') FROM ops.study_exports s"
    ) + hospital.one("SELECT string_agg(i::text, ' ') FROM ops.image_exports i")
    assert PLANTED not in ledger


def test_html_reports_become_text(hospital: Hospital) -> None:
    study = hospital.add_study(content="<p>Tórax <b>normal</b></p><ul><li>uno</li></ul>")
    hospital.discover()
    assert hospital.objects()[study.report_key].decode() == "Tórax normal\n\n- uno"


# Running again ------------------------------------------------------------------------------------


def test_a_second_discovery_of_a_finished_set_sends_nothing(
    hospital: Hospital, requests: list[tuple[str, str]]
) -> None:
    studies = [hospital.add_study() for _ in range(3)]
    hospital.discover()
    assert len(requests) == 3 * 4
    requests.clear()
    before = hospital.objects()

    summary = hospital.discover()

    assert (requests, summary.counts, summary.results) == ([], {}, ())
    result = dicom_export.process_study(*hospital.settings(), studies[0].study_id)
    assert (requests, result.success, result.dicom_files_uploaded) == ([], True, 2)
    assert hospital.objects() == before


def test_only_a_changed_report_is_sent_again_and_metadata_goes_first_and_comes_last(
    hospital: Hospital, requests: list[tuple[str, str]]
) -> None:
    study = hospital.add_study()
    hospital.discover()
    requests.clear()
    hospital.set_report(study, "Addendum")
    hospital.touch(study)

    hospital.discover()

    assert requests == [
        ("DELETE", study.metadata_key),
        ("PUT", study.report_key),
        ("PUT", study.metadata_key),
    ]
    assert hospital.objects()[study.report_key] == b"Addendum"


def test_what_no_longer_belongs_is_removed(
    hospital: Hospital, requests: list[tuple[str, str]]
) -> None:
    study = hospital.add_study(images=2)
    hospital.discover()
    gone, stays = study.images
    hospital.database.execute(
        "DELETE FROM analytics.eligible_images WHERE image_id = %s", (gone.image_id,)
    )
    hospital.touch(study)
    requests.clear()

    summary = hospital.discover()

    assert set(hospital.objects()) == {
        study.image_key(stays), study.report_key, study.metadata_key
    }  # fmt: skip
    assert requests == [
        ("DELETE", study.metadata_key),
        ("DELETE", study.image_key(gone)),
        ("PUT", study.metadata_key),
    ]
    assert summary.results[0].dicom_files_uploaded == 1
    assert hospital.one("SELECT count(*) FROM ops.image_exports") == 1


def test_a_change_of_policy_is_a_change_of_every_fingerprint(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.add_study()
    hospital.discover()
    monkeypatch.setenv("BURNED_IN_POLICY", "flag")
    assert dicom_export.count_pending(load(DestinationDatabase), load(Export)) == 1


# Bad images ---------------------------------------------------------------------------------------


def truncate(image: Image) -> None:
    image.path.write_bytes(image.path.read_bytes()[:-200])


def write(content: bytes) -> Callable[[Image], None]:
    return lambda image: (image.path.write_bytes(content), None)[1]


def make_folder(image: Image) -> None:
    image.path.unlink()
    image.path.mkdir()


def make_fifo(image: Image) -> None:
    image.path.unlink()
    os.mkfifo(image.path)


def make_link(image: Image) -> None:
    elsewhere = image.path.with_suffix(".elsewhere")
    image.path.rename(elsewhere)
    image.path.symlink_to(elsewhere)


@pytest.mark.parametrize(
    ("spoil", "code", "status"),
    [
        (truncate, "TRUNCATED", "missing"),
        (write(b""), "NOT_DICOM", "missing"),
        (write(b"<html>502 Bad Gateway</html>"), "NOT_DICOM", "missing"),
        (lambda image: image.path.unlink(), "SOURCE_MISSING", "missing"),
        (make_folder, "PATH_REFUSED", "refused"),
        (make_fifo, "PATH_REFUSED", "refused"),
        (make_link, "PATH_REFUSED", "refused"),
    ],
)
def test_a_bad_file_holds_its_study_back_but_not_the_others(
    hospital: Hospital, spoil: Callable[[Image], None], code: str, status: str
) -> None:
    study, other = hospital.add_study(), hospital.add_study()
    bad, good = study.images
    spoil(bad)

    summary = hospital.discover()

    assert summary.counts == {"exported": 1, "incomplete": 1}
    assert hospital.status(study) == "incomplete"
    assert hospital.image_row(bad) == (status, code)
    assert hospital.image_row(good) == ("exported", None)
    assert {key for key in hospital.objects() if key.startswith(study.prefix)} == {
        study.image_key(good), study.report_key
    }  # fmt: skip
    assert other.metadata_key in hospital.objects()
    result = next(result for result in summary.results if result.study_id == study.study_id)
    assert result.errors == (f"{code}: image {bad.image_id}",)
    assert (result.success, result.metadata_uploaded) == (False, False)
    assert (result.dicom_files_uploaded, result.reports_uploaded) == (1, 1)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (None, "NO_PATH"),
        ("  ", "NO_PATH"),
        ("/etc/passwd", "PATH_REFUSED"),
        ("{archive}/../archive/{name}", "PATH_REFUSED"),
        ("{name}", "PATH_REFUSED"),
        ("{archive}-other/{name}", "PATH_REFUSED"),
        ("file://{archive}/%2e%2e/archive/{name}", "PATH_REFUSED"),
        ("file://elsewhere{archive}/{name}", "HOST_REFUSED"),
        ("{archive}/none/{name}", "SOURCE_MISSING"),
        ("{archive}/{name}/x", "SOURCE_MISSING"),
        ("s3://bucket/{name}", "HOST_REFUSED"),
        ("https://host/{name}", "HOST_REFUSED"),
        ("gopher://host/{name}", "SCHEME_REFUSED"),
        (r"\\server\share\{name}", "PATH_REFUSED"),
        (r"C:\archive\{name}", "PATH_REFUSED"),
    ],
)
def test_an_address_that_leads_nowhere(hospital: Hospital, address: str | None, code: str) -> None:
    study = hospital.add_study(images=1)
    image = study.images[0]
    values = {"archive": str(hospital.archive), "name": image.path.name}
    hospital.set_path(image, address and address.format(**values))
    hospital.discover()
    assert hospital.image_row(image) == (Code(code).image_status, code)


def test_addresses_that_lead_to_the_file(hospital: Hospital) -> None:
    study = hospital.add_study(images=3)
    inner = hospital.archive / "año 2024"
    inner.mkdir()
    first, second, third = study.images
    shutil.move(first.path, inner / "a#b.dcm")
    hospital.set_path(first, f"file://localhost{hospital.archive}/a%C3%B1o%202024/a%23b.dcm")
    hospital.set_path(second, f"{hospital.archive}//./{second.path.name}")
    hospital.set_path(third, f"FILE://{third.path}")
    assert hospital.discover().counts == {"exported": 1}


def test_images_from_everywhere_make_one_study(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    study, other = hospital.add_study(images=4), hospital.add_study(images=1)
    _, in_store, on_web, on_server = study.images
    contents = {image.image_id: image.path.read_bytes() for image in study.images}
    archive = "pacs-archive"
    monkeypatch.setenv("DICOM_S3_BUCKETS", archive)
    client = hospital.client()
    with contextlib.suppress(client.exceptions.ClientError):
        client.create_bucket(Bucket=archive)
    client.put_object(Bucket=archive, Key=PLANTED, Body=contents[in_store.image_id])
    hospital.set_path(in_store, f"s3://{archive}/{PLANTED}")
    hospital.set_path(on_server, None)
    with web_server() as web:
        monkeypatch.setenv("DICOM_HTTP_HOSTS", web.host)
        monkeypatch.setenv("DICOMWEB_URL", web.url("/rs"))
        hospital.set_path(on_web, web.serve(f"/{PLANTED}", contents[on_web.image_id]))
        instance = (
            f"/rs/studies/{study.uid}/series/{study.series_uid}"
            f"/instances/{on_server.sop_instance_uid}"
        )
        for image in study.images[1:]:
            image.path.unlink()

        # The server does not know the instance yet.
        summary = hospital.discover()

        assert summary.counts == {"exported": 1, "incomplete": 1}
        assert hospital.status(other) == "exported"
        assert hospital.image_row(on_server) == ("missing", "SOURCE_MISSING")
        web.serve(
            instance,
            lambda request: request.answer(
                contents[on_server.image_id], Content_Type="application/dicom"
            ),
        )
        hospital.make_due()
        assert hospital.discover().counts == {"exported": 1}

    objects = hospital.objects()
    for image in study.images:
        assert objects[study.image_key(image)] == contents[image.image_id]
    assert study.metadata_key in objects
    assert PLANTED not in caplog.text.replace(str(hospital.archive), "")
    assert on_server.sop_instance_uid not in caplog.text


def test_a_root_that_is_not_there_stops_the_run(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOM_ROOTS", str(hospital.archive / "unmounted"))
    with pytest.raises(ConfigurationError, match="DICOM_ROOTS"):
        hospital.discover()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"StudyInstanceUID": generate_uid()}, "STUDY_MISMATCH"),
        ({"SeriesInstanceUID": generate_uid()}, "SERIES_MISMATCH"),
        ({"SOPInstanceUID": generate_uid()}, "INSTANCE_MISMATCH"),
        ({"PatientID": "somebody else"}, "PATIENT_MISMATCH"),
        ({"PatientBirthDate": "20010101"}, "PATIENT_MISMATCH"),
    ],
)
def test_a_file_of_somebody_else_empties_the_study(
    hospital: Hospital, requests: list[tuple[str, str]], changes: dict[str, str], code: str
) -> None:
    study = hospital.add_study(images=2)
    hospital.discover()
    good = study.images[0]
    bad = hospital.add_image(study, **changes)
    hospital.touch(study)
    requests.clear()

    summary = hospital.discover()

    assert summary.counts == {"quarantined": 1}
    assert hospital.objects() == {}
    assert requests[0] == ("DELETE", study.metadata_key)
    assert hospital.image_row(bad) == ("quarantined", code)
    assert hospital.image_row(good) == ("quarantined", "STUDY_QUARANTINED")
    assert summary.results[0].dicom_files_uploaded == 0
    assert hospital.one("SELECT count(*) FROM ops.exported_objects") == 0
    hospital.make_due()
    assert hospital.discover().counts == {}


def test_two_patients_without_majority_are_both_suspects(hospital: Hospital) -> None:
    study = hospital.add_study(images=1)
    hospital.add_image(study, PatientID="somebody else")
    hospital.discover()
    assert {hospital.image_row(image)[1] for image in study.images} == {"PATIENT_MISMATCH"}


def test_a_silent_file_disagrees_with_nobody(hospital: Hospital) -> None:
    study = hospital.add_study(images=1)
    hospital.add_image(study, PatientID="", PatientBirthDate="", AccessionNumber="other")
    assert hospital.discover().counts == {"exported": 1}
    metadata = json.loads(hospital.objects()[study.metadata_key])
    warnings = {image["image_id"]: image["warnings"] for image in metadata["images"]}
    assert warnings[study.images[1].image_id] == ["ACCESSION_DIFFERS"]


def structured_report(study: Study, image: Image) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = BasicTextSRStorage
    dataset.SOPInstanceUID = image.sop_instance_uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study.uid, study.series_uid
    dataset.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = image.sop_instance_uid
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_a_structured_report_is_left_out(hospital: Hospital) -> None:
    study = hospital.add_study(images=2)
    sr, image = study.images
    sr.path.write_bytes(structured_report(study, sr))

    summary = hospital.discover()

    assert summary.counts == {"exported": 1}
    assert hospital.image_row(sr) == ("skipped", "NON_IMAGE_OBJECT")
    assert study.image_key(sr) not in hospital.objects()
    metadata = json.loads(hospital.objects()[study.metadata_key])
    assert metadata["left_out"] == [{"id": sr.image_id, "code": "NON_IMAGE_OBJECT"}]
    assert [entry["image_id"] for entry in metadata["images"]] == [image.image_id]


def test_a_study_of_nothing_but_reports_has_no_images(hospital: Hospital) -> None:
    study = hospital.add_study(images=1)
    study.images[0].path.write_bytes(structured_report(study, study.images[0]))
    summary = hospital.discover()
    assert summary.counts == {"incomplete": 1}
    assert summary.results[0].errors == ("NO_IMAGES: no image is left",)
    assert set(hospital.objects()) == {study.report_key}


@pytest.mark.parametrize("content", [None, "", " \n", "<p>&nbsp;</p><p><br></p>"])
def test_a_study_whose_report_is_silent_is_incomplete(
    hospital: Hospital, content: str | None
) -> None:
    study = hospital.add_study(images=1, content=content)
    summary = hospital.discover()
    assert summary.results[0].errors == ("EMPTY_REPORT: no report has text",)
    assert set(hospital.objects()) == {study.image_key(study.images[0])}


# Trying again -------------------------------------------------------------------------------------


def test_an_incomplete_study_is_tried_again_later_and_only_the_rest_is_sent(
    hospital: Hospital, requests: list[tuple[str, str]]
) -> None:
    study = hospital.add_study()
    missing = study.images[0]
    content = missing.path.read_bytes()
    missing.path.unlink()
    hospital.discover()
    requests.clear()
    missing.path.write_bytes(content)

    assert hospital.discover().counts == {}
    hospital.make_due()
    assert hospital.discover().counts == {"exported": 1}

    assert requests == [("PUT", study.image_key(missing)), ("PUT", study.metadata_key)]


def test_a_study_fails_after_all_its_attempts_and_a_change_revives_it(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_MAX_ATTEMPTS", "2")
    study = hospital.add_study(images=1)
    content = study.images[0].path.read_bytes()
    study.images[0].path.unlink()

    assert hospital.discover().counts == {"incomplete": 1}
    hospital.make_due()
    assert hospital.discover().counts == {"failed": 1}
    hospital.make_due()
    assert hospital.discover().counts == {}
    study.images[0].path.write_bytes(content)
    hospital.touch(study)
    assert hospital.discover().counts == {"exported": 1}


def test_an_image_that_is_gone_takes_metadata_away_but_keeps_its_object(
    hospital: Hospital,
) -> None:
    study = hospital.add_study()
    hospital.discover()
    content = study.images[0].path.read_bytes()
    study.images[0].path.unlink()
    hospital.touch(study)
    assert hospital.discover().counts == {"incomplete": 1}
    assert study.metadata_key not in hospital.objects()
    assert hospital.objects()[study.image_key(study.images[0])] == content


# The run ------------------------------------------------------------------------------------------


def test_a_limit_is_kept_and_progress_is_told(hospital: Hospital) -> None:
    for _ in range(5):
        hospital.add_study(images=1)
    told: list[tuple[str, int, int]] = []
    with reporting_to(lambda *step: told.append(step)):
        summary = hospital.discover(limit=3)
    assert summary.counts == {"exported": 3}
    assert summary.left == 2
    assert told == [("export", done, 3) for done in range(4)]


@pytest.mark.parametrize("bucket", ["no-such-bucket"])
def test_a_missing_bucket_stops_the_run_before_anything_is_claimed(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    hospital.add_study()
    monkeypatch.setenv("S3_BUCKET_NAME", bucket)
    with pytest.raises(StoreUnavailable) as caught:
        hospital.discover()
    assert bucket in str(caught.value)
    assert load(ObjectStore).endpoint_url in str(caught.value)
    assert load(ObjectStore).secret_access_key.get_secret_value() not in str(caught.value)
    assert hospital.one("SELECT count(*) FROM ops.study_exports WHERE status <> 'waiting'") == 0


def test_an_unreachable_store_stops_the_run(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.add_study()
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1"):
        hospital.discover()


def test_basic_without_a_key_refuses_to_start(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.add_study()
    monkeypatch.delenv("DEIDENTIFICATION_KEY", raising=False)
    monkeypatch.setenv("DEIDENTIFICATION", "basic")
    with pytest.raises(ConfigurationError, match="DEIDENTIFICATION_KEY is not set"):
        hospital.discover()
    assert hospital.objects() == {}


def test_marts_that_are_not_built_are_named(hospital: Hospital) -> None:
    hospital.database.execute("DROP SCHEMA analytics CASCADE")
    with pytest.raises(dicom_export.WarehouseNotBuilt, match="marts"):
        hospital.discover()


def test_a_study_that_breaks_the_exporter_stops_no_other(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = hospital.add_study(), hospital.add_study()
    original = Exporter.export_study

    def explode(self: Exporter, study: Any, lease: Any) -> Any:
        if study.study_id == bad.study_id:
            raise KeyError(PLANTED)
        return original(self, study, lease)

    monkeypatch.setattr(Exporter, "export_study", explode)
    summary = hospital.discover()
    assert summary.counts == {"exported": 1, "incomplete": 1}
    assert hospital.status(good) == "exported"
    errors = next(r.errors for r in summary.results if r.study_id == bad.study_id)
    assert re.fullmatch(r"INTERNAL_ERROR: KeyError at \w+\.py:\d+", errors[0])
    assert PLANTED not in caplog.text


def test_two_runs_at_once_share_the_work(
    hospital: Hospital, requests: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_CONCURRENCY", "2")
    for _ in range(30):
        hospital.add_study(images=1)
    begun = threading.Event(), threading.Event()

    def run(number: int) -> dicom_export.DiscoverySummary:
        """One of them; none gets ahead before the other has a study in its hands too."""

        @contextlib.contextmanager
        def turn() -> Iterator[None]:
            begun[number].set()
            assert begun[1 - number].wait(60)
            yield

        return hospital.discover(throttle=turn)

    with ThreadPoolExecutor(2) as pool:
        summaries = list(pool.map(run, range(2)))
    assert sum(summary.counts.get("exported", 0) for summary in summaries) == 30
    assert all(summary.counts for summary in summaries)
    assert set(Counter(requests).values()) == {1}
    assert len(requests) == 30 * 3
    assert len(hospital.objects()) == 90


def test_a_build_at_the_same_time_never_shows_an_empty_table(hospital: Hospital) -> None:
    study_ids = [hospital.add_study(images=1).study_id for _ in range(3)]
    done = threading.Event()

    def build() -> None:
        with hospital.services.warehouse() as connection:
            while not done.is_set():
                for table in ("eligible_studies", "eligible_images", "eligible_reports"):
                    with connection.transaction():
                        connection.execute(
                            f"CREATE TABLE analytics.{table}__new AS TABLE analytics.{table}"
                        )
                        connection.execute(f"ALTER TABLE analytics.{table} RENAME TO old_{table}")
                        connection.execute(f"ALTER TABLE analytics.{table}__new RENAME TO {table}")
                        connection.execute(f"DROP TABLE analytics.old_{table}")

    thread = threading.Thread(target=build)
    thread.start()
    try:
        with Connections(load(DestinationDatabase)) as connections:
            marts, ledger = Marts(connections), Ledger(connections, max_attempts=5)
            started = ledger.refresh("policy")
            for _ in range(150):
                found = marts.studies(study_ids)
                assert len(found) == 3
                assert all(study.images and study.reports for study in found.values())
                assert ledger.count_due(started) == 3
    finally:
        done.set()
        thread.join()


# Leases -------------------------------------------------------------------------------------------


@dataclass
class Worker:
    """The parts of a run, put together by hand so that a test can stop between them."""

    ledger: Ledger
    marts: Marts
    exporter: Exporter
    policy: str = "policy"


@pytest.fixture
def worker(hospital: Hospital) -> Iterator[Worker]:
    database, bucket, export = hospital.settings()
    with Connections(database) as connections, sources.configured(export, bucket) as images:
        ledger = Ledger(connections, max_attempts=5, lease_seconds=60)
        store = Bucket(bucket)
        exporter = Exporter(images, deidentify.PassThrough(), store, ledger, Budget())
        yield Worker(ledger, Marts(connections), exporter)
        store.close()


def expire_leases(hospital: Hospital) -> None:
    hospital.database.execute("UPDATE ops.study_exports SET lease_until = now()")


def test_the_old_owner_of_a_stolen_lease_writes_no_metadata(
    hospital: Hospital, worker: Worker, requests: list[tuple[str, str]]
) -> None:
    study = hospital.add_study(images=1)
    due = worker.ledger.refresh(worker.policy)
    (old,) = worker.ledger.claim(10, due)
    loaded = worker.marts.studies([study.study_id])[study.study_id]
    new: list[Any] = []
    put = worker.exporter.store.put

    def steal_while_sending(key: str, *rest: Any) -> None:
        put(key, *rest)
        if key == study.report_key:
            expire_leases(hospital)
            new.extend(worker.ledger.claim(10, due))

    stealing = dataclasses.replace(worker.exporter, store=_Store(steal_while_sending))
    with pytest.raises(LeaseLost):
        stealing.export_study(loaded, old)

    assert len(new) == 1
    assert study.metadata_key not in hospital.objects()
    outcome = worker.exporter.export_study(loaded, new[0])
    with pytest.raises(LeaseLost):
        worker.ledger.finish(old, outcome, "stale")
    assert worker.ledger.finish(new[0], outcome, "fingerprint") == StudyStatus.EXPORTED
    assert study.metadata_key in hospital.objects()
    assert hospital.one("SELECT exported_fingerprint FROM ops.study_exports") == "fingerprint"


@dataclass
class _Store:
    put: Callable[..., None]


def test_a_lease_that_ran_out_here_stops_the_worker_without_asking(
    hospital: Hospital, worker: Worker, requests: list[tuple[str, str]]
) -> None:
    study = hospital.add_study(images=1)
    (lease,) = worker.ledger.claim(10, worker.ledger.refresh(worker.policy))
    loaded = worker.marts.studies([study.study_id])[study.study_id]
    put = worker.exporter.store.put

    def run_out(key: str, *rest: Any) -> None:
        put(key, *rest)
        lease.deadline = time.monotonic()

    with pytest.raises(LeaseLost):
        dataclasses.replace(worker.exporter, store=_Store(run_out)).export_study(loaded, lease)
    assert len(requests) == 1


def test_a_heartbeat_keeps_a_lease_and_silence_loses_it(hospital: Hospital, worker: Worker) -> None:
    hospital.add_study(images=1)
    due = worker.ledger.refresh(worker.policy)
    (lease,) = worker.ledger.claim(10, due)
    hospital.database.execute(
        "UPDATE ops.study_exports SET lease_until = now() + interval '1 second'"
    )
    before = lease.deadline
    worker.ledger.renew_all()
    assert lease.deadline > before
    time.sleep(1.1)
    assert worker.ledger.claim(10, due) == []
    expire_leases(hospital)
    (taken,) = worker.ledger.claim(10, due)
    assert taken.owner != lease.owner
    with pytest.raises(LeaseLost):
        worker.ledger.confirm(lease)


def test_a_study_that_another_claim_has_locked_is_passed_over(
    hospital: Hospital, worker: Worker
) -> None:
    locked, free = hospital.add_study(images=1), hospital.add_study(images=1)
    due = worker.ledger.refresh(worker.policy)
    with ThreadPoolExecutor(1) as pool:
        with hospital.database.transaction():
            hospital.database.execute(
                "SELECT FROM ops.study_exports WHERE study_id = %s FOR UPDATE", (locked.study_id,)
            )
            claim = pool.submit(worker.ledger.claim, 10, due)
            with contextlib.suppress(TimeoutError):
                claim.result(timeout=60)
            was_done = claim.done()
        assert was_done
        assert [lease.study_id for lease in claim.result()] == [free.study_id]


def test_a_dead_workers_study_is_waited_for_and_done(hospital: Hospital, worker: Worker) -> None:
    study = hospital.add_study(images=1)
    worker.ledger.claim(10, worker.ledger.refresh(worker.policy))
    hospital.database.execute(
        "UPDATE ops.study_exports SET lease_until = now() + interval '2 seconds'"
    )
    assert hospital.discover().counts == {"exported": 1}
    assert hospital.status(study) == "exported"


def test_a_study_that_kills_its_workers_fails_in_the_end(
    hospital: Hospital, worker: Worker
) -> None:
    study = hospital.add_study(images=1)
    due = worker.ledger.refresh(worker.policy)
    for _ in range(5):
        assert len(worker.ledger.claim(10, due)) == 1
        expire_leases(hospital)
    assert worker.ledger.claim(10, due) == []
    assert hospital.status(study) == "failed"
    assert "LEASE_EXPIRED" in hospital.one("SELECT result::text FROM ops.study_exports")


@pytest.mark.parametrize("requests_done", range(4))
def test_a_crash_between_any_two_requests_is_made_good(
    hospital: Hospital, worker: Worker, requests_done: int
) -> None:
    """The bucket and the ledger agree after the next run, wherever the first one died."""
    study = hospital.add_study(images=2)
    hospital.discover()
    removed, changed = study.images
    hospital.database.execute(
        "DELETE FROM analytics.eligible_images WHERE image_id = %s", (removed.image_id,)
    )
    changed.path.write_bytes(dicom(study, changed.sop_instance_uid))
    hospital.set_report(study, "changed")
    hospital.touch(study)
    (lease,) = worker.ledger.claim(10, worker.ledger.refresh(worker.policy))
    loaded = worker.marts.studies([study.study_id])[study.study_id]
    with pytest.raises(SystemExit):
        dataclasses.replace(
            worker.exporter, store=_Dying(worker.exporter.store, requests_done)
        ).export_study(loaded, lease)
    _assert_readers_are_safe(hospital, study)
    expire_leases(hospital)

    # Everything is back as it was: nothing may be taken for being in place that is not.
    hospital.set_report(study, f"Sin hallazgos. {PLANTED}")
    hospital.touch(study)
    assert hospital.discover().counts == {"exported": 1}

    assert set(hospital.objects()) == {
        study.image_key(changed), study.report_key, study.metadata_key
    }  # fmt: skip
    _assert_readers_are_safe(hospital, study)
    assert hospital.one("SELECT bool_or(in_doubt) FROM ops.exported_objects") is False


def _assert_readers_are_safe(hospital: Hospital, study: Study) -> None:
    objects = hospital.objects()
    if study.metadata_key in objects:
        for entry in json.loads(objects[study.metadata_key])["objects"]:
            assert hashlib.sha256(objects[entry["key"]]).hexdigest() == entry["sha256"]


@dataclass
class _Dying:
    """A store whose process ends in the middle of a request that the server still carries out."""

    store: Bucket
    left: int

    def put(self, *arguments: Any) -> None:
        self.store.put(*arguments)
        self._count()

    def delete(self, *arguments: Any) -> None:
        self.store.delete(*arguments)
        self._count()

    def _count(self) -> None:
        if self.left == 0:
            raise SystemExit
        self.left -= 1


# A store that fails -------------------------------------------------------------------------------


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


# Chosen studies -----------------------------------------------------------------------------------


def test_a_chosen_study_is_exported_at_once_even_if_it_is_to_wait(hospital: Hospital) -> None:
    study = hospital.add_study(images=1)
    content = study.images[0].path.read_bytes()
    study.images[0].path.unlink()
    assert not dicom_export.process_study(*hospital.settings(), study.study_id).success
    study.images[0].path.write_bytes(content)
    assert dicom_export.process_study(*hospital.settings(), study.study_id.upper()).success


def test_what_cannot_be_chosen_says_why(hospital: Hospital) -> None:
    not_eligible = an_id()
    insert(
        hospital.database,
        "study_eligibility",
        study_id=not_eligible,
        organization_id=an_id(),
        has_eligible_modality=True,
        is_chest=False,
        has_signed_report=True,
        has_ranked_signer=True,
        is_not_demo=True,
        is_not_migrated=False,
        is_eligible=False,
    )
    settings = hospital.settings()
    with pytest.raises(dicom_export.StudyNotEligible, match="not a chest study; it was migrated"):
        dicom_export.process_study(*settings, not_eligible)
    unknown = an_id()
    with pytest.raises(dicom_export.StudyUnknown, match=unknown):
        dicom_export.process_study(*settings, unknown)
    with pytest.raises(dicom_export.MalformedStudyId):
        dicom_export.process_study(*settings, "42")


def test_a_batch_answers_for_each_in_order(hospital: Hospital) -> None:
    first, second = hospital.add_study(), hospital.add_study()
    unknown = an_id()
    given = [second.study_id, "42", unknown, first.study_id, first.study_id]
    results = dicom_export.process_batch(*hospital.settings(), given)
    assert [result.study_id for result in results] == given
    assert [result.success for result in results] == [True, False, False, True, True]
    assert [result.errors[0].split(":")[0] for result in results if result.errors] == [
        "MALFORMED_STUDY_ID", "UNKNOWN_STUDY"
    ]  # fmt: skip


def test_a_study_in_another_workers_hands_is_left_to_it(hospital: Hospital, worker: Worker) -> None:
    study = hospital.add_study(images=1)
    due = worker.ledger.refresh(
        policy_text(deidentify.PassThrough(), load(Export)), [study.study_id]
    )
    worker.ledger.claim(10, due)
    result = dicom_export.process_study(*hospital.settings(), study.study_id)
    assert result.errors == ("BEING_EXPORTED: another worker has it",)
    assert hospital.objects() == {}


@pytest.fixture
def watched(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchedS3]:
    with watched_s3(os.environ["S3_ENDPOINT_URL"]) as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", server.url)
        yield server


def asked(watched: WatchedS3) -> list[tuple[str, str]]:
    """Method and key of every request since the last call; LIST and its prefix."""
    found = []
    for request in watched.requests:
        prefix = re.search(r"[?&]prefix=([^&]*)", request.target)
        if prefix:
            found.append(("LIST", unquote(prefix[1])))
        elif request.key:
            found.append((request.method, request.key))
    watched.requests.clear()
    return found


def lose(hospital: Hospital, key: str) -> None:
    """Delete an object as a person would, with whom nobody agreed about it."""
    hospital.client().delete_object(Bucket=load(ObjectStore).bucket, Key=key)


def test_what_was_deleted_by_hand_is_put_back_for_one_list_request(
    hospital: Hospital, watched: WatchedS3
) -> None:
    study, other = hospital.add_study(), hospital.add_study(images=1)
    hospital.discover()
    before = hospital.objects()
    listed = ("LIST", f"{study.prefix}/")
    retired, published = ("DELETE", study.metadata_key), ("PUT", study.metadata_key)
    image, report = study.image_key(study.images[0]), study.report_key

    def repaired() -> list[tuple[str, str]]:
        watched.requests.clear()
        assert hospital.discover().is_idle
        assert asked(watched) == []
        result = dicom_export.process_study(*hospital.settings(), study.study_id)
        assert result.errors == ()
        assert (result.dicom_files_uploaded, result.reports_uploaded) == (2, 1)
        assert (result.success, result.metadata_uploaded) == (True, True)
        assert hospital.status(study) == "exported"
        found = hospital.objects()
        assert set(found) == set(before)
        assert all(found[key] == before[key] for key in (image, report, other.metadata_key))
        _assert_readers_are_safe(hospital, study)
        assert hospital.one("SELECT bool_or(in_doubt) FROM ops.exported_objects") is False
        return asked(watched)

    assert repaired() == [listed]
    lose(hospital, study.metadata_key)
    assert repaired() == [listed, published]
    lose(hospital, image)
    assert repaired() == [listed, retired, ("PUT", image), published]
    hospital.client().put_object(Bucket=load(ObjectStore).bucket, Key=report, Body=b"cut")
    assert repaired() == [listed, retired, ("PUT", report), published]
    assert hospital.one("SELECT max(attempts) FROM ops.study_exports") <= 1


def test_a_batch_lists_what_the_ledger_takes_for_present_and_nothing_new(
    hospital: Hospital, watched: WatchedS3
) -> None:
    whole, damaged, changed, hopeless = (hospital.add_study(images=1) for _ in range(4))
    hospital.discover()
    new = hospital.add_study(images=1)
    lose(hospital, damaged.report_key)
    lose(hospital, changed.image_key(changed.images[0]))
    hospital.touch(changed)
    lose(hospital, hopeless.image_key(hopeless.images[0]))
    hopeless.images[0].path.unlink()
    asked(watched)

    studies = [whole, damaged, changed, hopeless, new]
    results = dicom_export.process_batch(
        *hospital.settings(), [study.study_id for study in studies]
    )

    assert [result.success for result in results] == [True, True, True, False, True]
    assert (results[3].dicom_files_uploaded, results[3].metadata_uploaded) == (0, False)
    assert hospital.status(hopeless) == "incomplete"
    for study in (whole, damaged, changed, new):
        keys = {study.metadata_key, study.report_key, study.image_key(study.images[0])}
        assert keys <= set(hospital.objects())
    made = asked(watched)
    listed = [prefix for method, prefix in made if method == "LIST"]
    assert sorted(listed) == sorted(f"{study.prefix}/" for study in studies[:4])
    assert len([key for _, key in made if key.startswith(new.prefix)]) == 3


def test_a_change_that_comes_while_a_study_is_looked_at_is_not_lost(
    hospital: Hospital, worker: Worker
) -> None:
    study = hospital.add_study(images=1)
    hospital.discover()
    (lease,) = worker.ledger.claim_finished([study.study_id])
    assert worker.ledger.claim_finished([study.study_id]) == []
    hospital.touch(study)
    # Somebody else's; it leaves a study alone that is in a worker's hands.
    assert hospital.discover(limit=1).counts == {}
    worker.ledger.release(lease)
    assert hospital.status(study) == "exported"
    assert hospital.discover().counts == {"exported": 1}


def test_a_crash_in_the_middle_of_a_repair_is_made_good(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_MAX_ATTEMPTS", "2")
    study = hospital.add_study()
    hospital.discover()
    hospital.database.execute("UPDATE ops.study_exports SET attempts = 2")
    before = set(hospital.objects())
    lose(hospital, study.report_key)

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("dicom_export.exporter.prepare", die)
        with pytest.raises(SystemExit):
            dicom_export.process_study(*hospital.settings(), study.study_id)
    assert hospital.status(study) == "exporting"
    expire_leases(hospital)

    assert hospital.discover().counts == {"exported": 1}
    assert set(hospital.objects()) == before


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


def test_a_real_radiograph_with_encapsulated_pixels_arrives_whole(hospital: Hospital) -> None:
    study = hospital.add_study(images=1)
    image = study.images[0]
    source = Path(get_testdata_file("JPEG2000.dcm", download=False))
    header = dcmread(source, stop_before_pixels=True)
    shutil.copy(source, image.path)
    hospital.database.execute(
        "UPDATE analytics.eligible_studies SET study_instance_uid = %s", (header.StudyInstanceUID,)
    )
    hospital.database.execute(
        "UPDATE analytics.eligible_images SET series_instance_uid = %s, sop_instance_uid = %s",
        (header.SeriesInstanceUID, header.SOPInstanceUID),
    )
    assert hospital.discover().counts == {"exported": 1}
    assert hospital.objects()[study.image_key(image)] == source.read_bytes()

"""An image that is bad, lost or another patient's holds back its study and no other."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from io import BytesIO

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    BasicTextSRStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)

from dicom_export.codes import Code
from eden.errors import ConfigurationError
from tests.support.exporting import PLANTED, Hospital, Image, Study
from tests.support.exporting import hospital as hospital  # noqa: PLC0414  # fixture
from tests.support.exporting import requests as requests  # noqa: PLC0414  # fixture
from tests.support.web import web_server


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

"""A study lies in the bucket whole, and again when something of it has changed."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import (
    generate_uid,
)

import dicom_export
from eden.settings import DestinationDatabase, Export, load
from tests.support.exporting import PLANTED, Hospital
from tests.support.exporting import hospital as hospital  # noqa: PLC0414  # fixture
from tests.support.exporting import requests as requests  # noqa: PLC0414  # fixture

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

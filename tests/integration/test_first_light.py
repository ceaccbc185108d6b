"""From the source to the bucket: what arrives is what plain Python says must arrive."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import dicom_export
import dlt_pipelines
from eden.demo.hospital import Hospital
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from eden.warehouse import builds
from tests.conftest import Services
from tests.support import oracle
from tests.support.warehouse import differing_tables

RESULT_KEYS = [
    "study_id",
    "organization_id",
    "success",
    "dicom_files_uploaded",
    "reports_uploaded",
    "metadata_uploaded",
    "errors",
]


def export() -> dicom_export.DiscoverySummary:
    return dicom_export.discover(load(DestinationDatabase), load(ObjectStore), load(Export))


def files_under(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def expected_keys(group: Hospital) -> dict[str, Path | None]:
    """Every object's key, with the file that an image's object must equal."""
    images = {image.id: image for image in group.images}
    keys: dict[str, Path | None] = {}
    for study_id, study in oracle.eligible_studies(group).items():
        prefix = f"{study.organization_id}/{study_id}"
        keys[f"{prefix}/metadata.json"] = None
        for report_id in study.report_ids:
            keys[f"{prefix}/reports/{report_id}.txt"] = None
        for image_id in study.image_ids:
            image = images[image_id]
            assert image.file_path
            name = f"{image.instance_number or 0:04d}_{image_id}.dcm"
            keys[f"{prefix}/dicom_files/{image.series_id}/{name}"] = Path(image.file_path)
    return keys


def test_the_eligible_studies_arrive_in_the_bucket_byte_for_byte(
    services: Services, hospital: Hospital
) -> None:
    first = dlt_pipelines.etl()
    assert first.sync.new_organizations == len(hospital.organizations)
    with services.source() as source, services.warehouse() as warehouse:
        assert differing_tables(source, warehouse) == []

        ranks = {
            practitioner: (total, rank)
            for practitioner, total, rank in warehouse.execute(
                "SELECT practitioner_id, total_signed_chest_studies, doctor_rank "
                "FROM analytics.doctor_rank"
            )
        }
        assert ranks == oracle.doctor_ranks(hospital)

        eligible = oracle.eligible_studies(hospital)
        found = warehouse.execute(
            "SELECT study_id, organization_id, doctor_rank FROM analytics.eligible_studies"
        ).fetchall()
        assert {row[0]: row[1:] for row in found} == {
            study_id: (study.organization_id, study.doctor_rank)
            for study_id, study in eligible.items()
        }
        for table, key, attribute in (
            ("eligible_reports", "report_id", "report_ids"),
            ("eligible_images", "image_id", "image_ids"),
        ):
            rows = warehouse.execute(f"SELECT study_id, {key} FROM analytics.{table}").fetchall()
            assert sorted(rows) == sorted(
                (study_id, member)
                for study_id, study in eligible.items()
                for member in getattr(study, attribute)
            )

    assert builds.check_export_gate() > 0
    summary = export()
    assert summary.counts == {"exported": len(eligible)}
    assert len(eligible) > 20

    expected, objects = expected_keys(hospital), files_under(services.bucket_folder)
    assert sorted(objects) == sorted(expected)
    for key, file in expected.items():
        if file is not None:
            assert objects[key] == file.read_bytes()
    plain = {
        f"{report.id}.txt": report.content
        for report in hospital.reports
        if report.content and "<" not in report.content
    }
    compared = [key for key in expected if key.split("/")[-1] in plain]
    assert compared
    for key in compared:
        assert objects[key].decode() == plain[key.split("/")[-1]]

    for result in summary.results:
        document = result.to_dict()
        assert list(document) == RESULT_KEYS
        study = eligible[UUID(document["study_id"])]
        assert document == {
            "study_id": document["study_id"],
            "organization_id": str(study.organization_id),
            "success": True,
            "dicom_files_uploaded": len(study.image_ids),
            "reports_uploaded": len(study.report_ids),
            "metadata_uploaded": True,
            "errors": [],
        }
        check_metadata(objects, f"{study.organization_id}/{document['study_id']}", document)


def check_metadata(objects: dict[str, bytes], prefix: str, result: dict[str, Any]) -> None:
    metadata = json.loads(objects[f"{prefix}/metadata.json"])
    listed = {entry["key"]: entry for entry in metadata["objects"]}
    others = {k: v for k, v in objects.items() if k.startswith(prefix) and "metadata" not in k}
    assert set(listed) == set(others)
    for key, content in others.items():
        assert listed[key]["bytes"] == len(content)
        assert listed[key]["sha256"] == hashlib.sha256(content).hexdigest()
    assert len(others) == result["dicom_files_uploaded"] + result["reports_uploaded"]


def test_a_second_run_finds_nothing_to_do(services: Services, hospital: Hospital) -> None:
    dlt_pipelines.etl()
    export()
    before = {path: path.stat().st_mtime_ns for path in services.bucket_folder.rglob("*")}
    again = dlt_pipelines.etl()
    assert again.is_idle
    assert not again.build.built
    assert export().results == ()
    assert {p: p.stat().st_mtime_ns for p in services.bucket_folder.rglob("*")} == before
    with services.warehouse() as warehouse:
        beats = warehouse.execute(
            "SELECT is_idle FROM ops.sync_heartbeats ORDER BY finished_at"
        ).fetchall()
        assert beats == [(False,), (True,)]


def test_what_changed_in_the_source_changes_in_the_bucket(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.etl()
    export()
    before = files_under(services.bucket_folder)
    study_id, study = sorted(oracle.eligible_studies(hospital).items())[0]
    report_id = min(study.report_ids)
    with services.source() as source:
        source.execute(
            "UPDATE pacs_reports SET content = %s, updated_at = now() WHERE id = %s",
            ("Adenda: sin cambios.", report_id),
        )
    changed = dlt_pipelines.etl()
    assert changed.sync.rows_written == 1
    assert changed.build.built
    (result,) = export().results
    assert result.success
    assert result.study_id == str(study_id)
    after = files_under(services.bucket_folder)
    prefix = f"{study.organization_id}/{study_id}"
    assert {key for key in after if after[key] != before[key]} == {
        f"{prefix}/metadata.json",
        f"{prefix}/reports/{report_id}.txt",
    }
    assert after[f"{prefix}/reports/{report_id}.txt"] == b"Adenda: sin cambios."
    assert set(after) == set(before)

"""A hospital of made-up studies, written straight into the marts, for tests of the export.

The fixture ``hospital`` is imported where it is to stand in for the generated hospital of
``conftest``.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

import dicom_export
from dicom_export.publish.bucket import Bucket
from eden.settings import DestinationDatabase, Export, ObjectStore, load

PLANTED = "ZZPLANTED"
"""Stands in every name, number, path and report of a patient; may appear nowhere else."""

MARTS = """
CREATE SCHEMA analytics;
CREATE TABLE analytics.eligible_studies (
    study_id uuid, organization_id uuid, patient_id uuid, study_instance_uid text,
    accession_number text, dicom_description text, modality_code text, body_part_identifier text,
    body_part_name text, facility_id uuid, performed_at timestamptz, doctor_rank integer,
    series_count bigint, image_count bigint, report_count bigint, fingerprint text
);
CREATE TABLE analytics.eligible_reports (
    report_id uuid, study_id uuid, organization_id uuid, practitioner_id uuid,
    doctor_rank integer, content text, signed_at timestamptz, updated_at timestamptz
);
CREATE TABLE analytics.eligible_images (
    image_id uuid, series_id uuid, study_id uuid, organization_id uuid, series_instance_uid text,
    series_number integer, series_description text, series_modality text, sop_instance_uid text,
    instance_number integer, file_path text, file_size bigint, updated_at timestamptz
);
CREATE TABLE analytics.dim_organizations (organization_id uuid, organization_name text);
CREATE TABLE analytics.dim_facilities (
    organization_id uuid, facility_name text, address jsonb, city text
);
CREATE TABLE analytics.dim_practitioners (
    practitioner_id uuid, organization_id uuid, first_name text, last_name text
);
CREATE TABLE analytics.dim_technicians (organization_id uuid, first_name text, last_name text);
CREATE TABLE analytics.study_eligibility (
    study_id uuid, organization_id uuid, has_eligible_modality boolean, is_chest boolean,
    has_signed_report boolean, has_ranked_signer boolean, is_not_demo boolean,
    is_not_migrated boolean, is_eligible boolean
);
"""


def an_id() -> str:
    return str(uuid.uuid4())


@dataclass
class Image:
    path: Path
    sop_instance_uid: str
    image_id: str = field(default_factory=an_id)
    instance_number: int | None = 1
    file_path: str | None = None


@dataclass
class Study:
    organization_id: str
    uid: str = field(default_factory=generate_uid)
    series_uid: str = field(default_factory=generate_uid)
    study_id: str = field(default_factory=an_id)
    series_id: str = field(default_factory=an_id)
    report_id: str = field(default_factory=an_id)
    images: list[Image] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        return f"{self.organization_id}/{self.study_id}"

    def image_key(self, image: Image) -> str:
        number = image.instance_number or 0
        return f"{self.prefix}/dicom_files/{self.series_id}/{number:04d}_{image.image_id}.dcm"

    @property
    def report_key(self) -> str:
        return f"{self.prefix}/reports/{self.report_id}.txt"

    @property
    def metadata_key(self) -> str:
        return f"{self.prefix}/metadata.json"


def dicom(study: Study, sop_instance_uid: str, **changes: Any) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = sop_instance_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = sop_instance_uid
    dataset.StudyInstanceUID = study.uid
    dataset.SeriesInstanceUID = study.series_uid
    dataset.PatientName = f"{PLANTED}^MARIA"
    dataset.PatientID = f"{PLANTED}-1"
    dataset.PatientBirthDate = "19500102"
    dataset.AccessionNumber = f"{PLANTED}A"
    dataset.Modality = "CR"
    dataset.ViewPosition = "PA"
    dataset.Rows = dataset.Columns = 16
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = np.random.default_rng().integers(0, 4096, 256, np.uint16).tobytes()
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


class Hospital:
    """Files on disk, marts written by hand, and the bucket as rclone keeps it."""

    def __init__(self, services: Any, archive: Path) -> None:
        self.services = services
        self.archive = archive
        self.database = services.warehouse()
        self.database.execute(MARTS)
        self._make_bucket()

    def _make_bucket(self) -> None:
        """Through the server: it remembers for minutes which folders there are."""
        client = self.client()
        with contextlib.suppress(client.exceptions.ClientError):
            client.create_bucket(Bucket=load(ObjectStore).bucket)

    def client(self) -> Any:
        settings = load(ObjectStore)
        return boto3.client(
            "s3",
            endpoint_url=settings.endpoint_url,
            aws_access_key_id=settings.access_key_id,
            aws_secret_access_key=settings.secret_access_key.get_secret_value(),
        )

    def settings(self) -> tuple[DestinationDatabase, ObjectStore, Export]:
        return load(DestinationDatabase), load(ObjectStore), load(Export)

    def discover(self, **options: Any) -> dicom_export.DiscoverySummary:
        return dicom_export.discover(*self.settings(), **options)

    def add_study(
        self, images: int = 2, content: str | None = f"Sin hallazgos. {PLANTED}"
    ) -> Study:
        study = Study(an_id())
        self.database.execute(
            "INSERT INTO analytics.eligible_studies VALUES (%s, %s, %s, %s, %s, %s, 'CR', 'TORAX', "
            "'Tórax', NULL, 'infinity', 2, 1, %s, 1, %s)",
            (
                study.study_id, study.organization_id, an_id(), study.uid, f"{PLANTED}A",
                "RX TÓRAX", images, an_id(),
            ),
        )  # fmt: skip
        self.database.execute(
            "INSERT INTO analytics.eligible_reports "
            "VALUES (%s, %s, %s, %s, 2, %s, '2024-01-02 03:04:05.000006+00', now())",
            (study.report_id, study.study_id, study.organization_id, an_id(), content),
        )
        for number in range(images):
            self.add_image(study, instance_number=number + 1)
        return study

    def add_image(self, study: Study, *, instance_number: int | None = 1, **changes: Any) -> Image:
        sop_instance_uid = generate_uid()
        path = self.archive / f"{PLANTED}-{sop_instance_uid}.dcm"
        image = Image(path, sop_instance_uid, instance_number=instance_number)
        image.path.write_bytes(dicom(study, sop_instance_uid, **changes))
        study.images.append(image)
        self.database.execute(
            "INSERT INTO analytics.eligible_images "
            "VALUES (%s, %s, %s, %s, %s, 1, 'PA', 'CR', %s, %s, %s, %s, now())",
            (
                image.image_id, study.series_id, study.study_id, study.organization_id,
                study.series_uid, sop_instance_uid, instance_number, str(path),
                path.stat().st_size,
            ),
        )  # fmt: skip
        return image

    def set_path(self, image: Image, file_path: str | None) -> None:
        self.database.execute(
            "UPDATE analytics.eligible_images SET file_path = %s WHERE image_id = %s",
            (file_path, image.image_id),
        )

    def set_report(self, study: Study, content: str | None) -> None:
        self.database.execute(
            "UPDATE analytics.eligible_reports SET content = %s WHERE study_id = %s",
            (content, study.study_id),
        )

    def touch(self, study: Study) -> None:
        """Give a study a new fingerprint, as the warehouse does when anything of it changes."""
        self.database.execute(
            "UPDATE analytics.eligible_studies SET fingerprint = %s WHERE study_id = %s",
            (an_id(), study.study_id),
        )

    def make_due(self) -> None:
        """Let the time of the backoff pass."""
        self.database.execute("UPDATE ops.study_exports SET next_attempt_at = now()")

    def status(self, study: Study) -> str:
        return self.one("SELECT status FROM ops.study_exports WHERE study_id = %s", study.study_id)

    def image_row(self, image: Image) -> tuple[str, str | None]:
        row = self.database.execute(
            "SELECT status, reason FROM ops.image_exports WHERE image_id = %s", (image.image_id,)
        ).fetchone()
        assert row
        return row

    def one(self, query: str, *parameters: Any) -> Any:
        row = self.database.execute(query, parameters).fetchone()
        return row and row[0]

    def objects(self) -> dict[str, bytes]:
        folder = self.services.bucket_folder
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def hospital(services: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hospital]:
    archive = tmp_path / "archive"
    archive.mkdir()
    monkeypatch.setenv("DICOM_ROOTS", str(archive))
    monkeypatch.setenv("DEIDENTIFICATION", "off")
    made = Hospital(services, archive)
    yield made
    made.database.close()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Method and key of every object request, in order."""
    seen: list[tuple[str, str]] = []
    for name, method in (("put", "PUT"), ("delete", "DELETE")):
        original = getattr(Bucket, name)

        def wrapped(
            self: Bucket, key: str, *rest: Any, _do: Any = original, _method: str = method
        ) -> None:
            seen.append((_method, key))
            _do(self, key, *rest)

        monkeypatch.setattr(Bucket, name, wrapped)
    return seen

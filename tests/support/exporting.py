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
from tests.support.marts import create_marts, insert

PLANTED = "ZZPLANTED"
"""Stands in every name, number, path and report of a patient; may appear nowhere else."""

MARTS = (
    "eligible_studies",
    "eligible_reports",
    "eligible_images",
    "study_eligibility",
    "dim_organizations",
    "dim_facilities",
    "dim_practitioners",
    "dim_technicians",
)
"""What the export reads."""


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
        create_marts(self.database, *MARTS)
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
        its = {"study_id": study.study_id, "organization_id": study.organization_id}
        insert(
            self.database,
            "eligible_studies",
            **its,
            patient_id=an_id(),
            study_instance_uid=study.uid,
            accession_number=f"{PLANTED}A",
            dicom_description="RX TÓRAX",
            modality_code="CR",
            body_part_identifier="TORAX",
            body_part_name="Tórax",
            performed_at="infinity",
            doctor_rank=2,
            series_count=1,
            image_count=images,
            report_count=1,
            fingerprint=an_id(),
        )
        insert(
            self.database,
            "eligible_reports",
            **its,
            report_id=study.report_id,
            practitioner_id=an_id(),
            doctor_rank=2,
            content=content,
            signed_at="2024-01-02 03:04:05.000006+00",
            updated_at="now",
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
        insert(
            self.database,
            "eligible_images",
            image_id=image.image_id,
            series_id=study.series_id,
            study_id=study.study_id,
            organization_id=study.organization_id,
            series_instance_uid=study.series_uid,
            series_number=1,
            series_description="PA",
            series_modality="CR",
            sop_instance_uid=sop_instance_uid,
            instance_number=instance_number,
            file_path=str(path),
            file_size=path.stat().st_size,
            updated_at="now",
        )
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

"""A source whose studies are all fit to be exported, and their image files, of any size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from benchmarks.cluster import Cluster
from eden.demo import hospital
from eden.demo.hospital import Hospital, Row, new_row

THEN = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)
NAMES = UUID("5f0c6c1e-6d1b-4c39-9b57-3a1d2f4b8e70")
REPORT = "Radiografía de tórax.\n" + "Sin hallazgos patológicos. " * 20


@dataclass(frozen=True, slots=True)
class Archive:
    """How many studies with how many files, and how large these are."""

    name: str
    studies: int
    images_each: int
    side: int
    """Rows, and columns, of every image; two bytes per pixel."""

    @property
    def files(self) -> int:
        """How many files there are."""
        return self.studies * self.images_each

    @property
    def objects(self) -> int:
        """How many objects they become: a report and metadata per study come on top."""
        return self.studies * (self.images_each + 2)

    @property
    def megabytes(self) -> float:
        """What the files' pixels take."""
        return self.files * self.side * self.side * 2 / 1e6

    def fill(self, cluster: Cluster, database: str, folder: Path) -> None:
        """Write the files into ``folder`` and make ``database`` the source that knows them."""
        cluster.recreate(database)
        with cluster.connect(database) as connection:
            hospital.load(self._rows(folder), connection)
        folder.mkdir(parents=True)
        noise = np.random.default_rng(7).integers(0, 4096, (self.side, self.side), np.uint16)
        for number in range(self.files):
            head = self._head(number)
            with self._path(folder, number).open("wb") as file:
                file.write(head)
                # No two files are alike.
                file.write(np.roll(noise, number + 1).tobytes())

    def _id(self, kind: str, number: int) -> UUID:
        return uuid5(NAMES, f"{self.name} {kind} {number}")

    def _uid(self, kind: str, number: int) -> str:
        return f"2.25.{self._id(kind, number).int}"

    def _path(self, folder: Path, number: int) -> Path:
        return folder / f"{number:06d}.dcm"

    def _head(self, number: int) -> bytes:
        """A file up to where its pixels begin."""
        study = number // self.images_each
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = UID(self._uid("image", number))
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = ComputedRadiographyImageStorage
        dataset.SOPInstanceUID = self._uid("image", number)
        dataset.StudyInstanceUID = self._uid("study", study)
        dataset.SeriesInstanceUID = self._uid("series", study)
        dataset.PatientID = f"P{study}"
        dataset.Modality = "CR"
        dataset.Rows = dataset.Columns = self.side
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.PixelRepresentation = 0
        buffer = BytesIO()
        dcmwrite(buffer, dataset, enforce_file_format=True)
        # (7FE0,0010) OW with its length (PS3.5, section 7.1.2).
        length = self.side * self.side * 2
        return buffer.getvalue() + b"\xe0\x7f\x10\x00OW\0\0" + length.to_bytes(4, "little")

    def _rows(self, folder: Path) -> Hospital:
        organization = self._id("organization", 0)
        body_part = self._id("body part", 0)
        facility, modality = self._id("facility", 0), self._id("modality", 0)
        doctors = (self._id("doctor", 0), self._id("doctor", 1))
        # The first doctor signs one study more than the second: doctors are exported from the
        # second of their ranking on.
        others = range(self.studies, self.studies * 2 + 1)
        signed = [(number, doctors[1]) for number in range(self.studies)]
        signed += [(number, doctors[0]) for number in others]
        then = {"created_at": THEN, "updated_at": THEN}
        return Hospital(
            organizations=(
                new_row(
                    "pacs_organizations",
                    id=organization,
                    slug=self.name,
                    name=self.name,
                    country="CO",
                    **then,
                ),
            ),
            body_parts=(
                new_row("pacs_body_part", id=body_part, identifier="TORAX", name="Tórax", **then),
            ),
            facilities=(
                new_row(
                    "pacs_facilities",
                    id=facility,
                    organization_id=organization,
                    name="F",
                    identifier="F",
                    **then,
                ),
            ),
            modalities=(
                new_row(
                    "pacs_modalities",
                    id=modality,
                    organization_id=organization,
                    facility_id=facility,
                    identifier="CR",
                    name="CR",
                    **then,
                ),
            ),
            practitioners=tuple(
                new_row(
                    "pacs_practitioners",
                    id=doctor,
                    organization_id=organization,
                    first_name="Ana",
                    last_name="Gil",
                    **then,
                )
                for doctor in doctors
            ),
            technicians=(),
            studies=tuple(
                new_row(
                    "pacs_studies",
                    id=self._id("study", number),
                    organization_id=organization,
                    facility_id=facility,
                    modality_id=modality,
                    body_part_id=body_part,
                    patient_id=self._id("patient", number),
                    study_instance_uid=self._uid("study", number),
                    dicom_description="RX TÓRAX",
                    status="DELIVERED",
                    performed_at=THEN,
                    **then,
                )
                for number, _ in signed
            ),
            series=tuple(
                new_row(
                    "pacs_series",
                    id=self._id("series", number),
                    study_id=self._id("study", number),
                    series_instance_uid=self._uid("series", number),
                    series_number=1,
                    modality="CR",
                    **then,
                )
                for number in range(self.studies)
            ),
            images=tuple(self._images(folder)),
            reports=tuple(
                new_row(
                    "pacs_reports",
                    id=self._id("report", number),
                    study_id=self._id("study", number),
                    signed_by_id=doctor,
                    status="SIGNED",
                    content=REPORT,
                    signed_at=THEN,
                    **then,
                )
                for number, doctor in signed
            ),
            picture_size=self.side,
            views={},
        )

    def _images(self, folder: Path) -> Iterator[Row]:
        size = len(self._head(0)) + self.side * self.side * 2
        for number in range(self.files):
            yield new_row(
                "pacs_images",
                id=self._id("image", number),
                series_id=self._id("series", number // self.images_each),
                sop_instance_uid=self._uid("image", number),
                instance_number=number % self.images_each + 1,
                file_path=os.fspath(self._path(folder, number)),
                file_size=size,
                created_at=THEN,
                updated_at=THEN,
            )

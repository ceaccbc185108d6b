"""Real and generated DICOM files, and the rows that they fit."""

from __future__ import annotations

import functools
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from pydicom import dcmread
from pydicom.data import get_charset_files, get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from dicom_export.blobs import MAX_IMAGE_BYTES, Blob, Budget, Workspace
from dicom_export.codes import Code
from dicom_export.model import EligibleImage, EligibleStudy
from dicom_export.prepare.checks import Inspection, inspect
from tests.support.sources import a_study, an_image

DX, CR = DigitalXRayImageStorageForPresentation, ComputedRadiographyImageStorage


@functools.cache
def sample(name: str) -> bytes:
    """A file that pydicom, or the package pydicom-data, brings along."""
    path = get_testdata_file(name, download=False)
    paths = [path] if isinstance(path, str) else get_charset_files(name)
    assert paths, f"{name} is not there: is pydicom-data installed?"
    return Path(paths[0]).read_bytes()


def rows(content: bytes, **changes: str) -> tuple[EligibleStudy, EligibleImage]:
    """Give the database's rows that a file fits, unless ``changes`` say otherwise."""
    header = dcmread(BytesIO(content), stop_before_pixels=True, force=True)
    values = {
        "study": str(header.get("StudyInstanceUID", "1.2")),
        "series": str(header.get("SeriesInstanceUID", "1.2")),
        "instance": str(header.get("SOPInstanceUID", "1.2")),
    } | changes
    image = an_image(
        None, series_instance_uid=values["series"], sop_instance_uid=values["instance"]
    )
    return a_study(image, study_instance_uid=values["study"]), image


def judged(content: bytes, like: bytes | None = None, **changes: str) -> Inspection:
    """Inspect a file against the rows that it, or the file that it was made from, fits."""
    study, image = rows(like or content, **changes)
    return inspected(BytesIO(content), len(content), study, image)


def code_of(content: bytes, like: bytes | None = None) -> Code | None:
    """The code that stops a file, None if it passes."""
    return judged(content, like).code


def inspected(
    stream: IO[bytes],
    size: int,
    study: EligibleStudy,
    image: EligibleImage,
    *,
    memory: int = 32 * 1024**2,
    limit: int = MAX_IMAGE_BYTES,
) -> Inspection:
    """Inspect a file of ``size`` bytes, with so much memory for what it inflates to."""
    with Workspace(Budget(memory), limit) as workspace:
        return inspect(Blob(stream, size, ""), study, image, workspace)


def radiograph(**changes: Any) -> Dataset:
    """A small chest radiograph, as a dataset to spoil; None takes an element away."""
    dataset = Dataset()
    dataset.SOPClassUID = DX
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.PatientName = "Núñez^María"
    dataset.PatientID = "1"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.Modality = "DX"
    dataset.Rows = dataset.Columns = 16
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = np.arange(256, dtype=np.uint16).tobytes()
    dataset["PixelData"].VR = "OW"
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def written(dataset: Dataset, syntax: str | None = ExplicitVRLittleEndian) -> bytes:
    """Write a dataset as a file; without a syntax its file meta names none."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", DX)
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2")
    buffer = BytesIO()
    if syntax is not None:
        meta.TransferSyntaxUID = syntax
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128
    encoding = {} if syntax else {"implicit_vr": False, "little_endian": True}
    if syntax and not meta.TransferSyntaxUID.is_transfer_syntax:
        encoding = {"implicit_vr": False, "little_endian": True}
    dataset.save_as(buffer, enforce_file_format=False, **encoding)
    return buffer.getvalue()

"""De-identifying single files in tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset

from dicom_export.blobs import Budget, Workspace
from dicom_export.deidentify import Basic, Identifiers, Key, ScrubbedReport, Subject
from dicom_export.deidentify.api import DeidentifiedFile
from dicom_export.deidentify.basic import deidentify_file
from dicom_export.deidentify.final_search import Residue, Search
from dicom_export.dicom_file import read
from dicom_export.model import EligibleStudy

KEY = Key(b"a key for tests, of 32 bytes and more")
SUBJECT = KEY.subject("organization", "patient", "study")


class Unscrubbed:
    """Leaves reports as they are: for tests of everything else."""

    version = "none"

    def scrub(
        self, text: str, study: EligibleStudy, known: Identifiers, subject: Subject
    ) -> ScrubbedReport:
        return ScrubbedReport(text)


@dataclass
class Result:
    """A de-identified file, read back."""

    file: DeidentifiedFile
    content: bytes
    dataset: FileDataset
    residues: set[Residue]
    """What the final search found."""
    pixels_sha256: str


def small_radiograph() -> FileDataset:
    """A real CR of 16 x 16 pixels."""
    path = Path(get_testdata_file("DICOMDIR", download=False)).parent / "77654033/CR1/6154"
    return dcmread(path)


def to_bytes(dataset: FileDataset) -> bytes:
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def deidentified(content: bytes | FileDataset) -> Result:
    if isinstance(content, FileDataset):
        content = to_bytes(content)
    with Workspace(Budget()) as workspace:
        source = read(workspace.keep(content), workspace)
        file = deidentify_file(source, KEY, SUBJECT, workspace)
        known = Identifiers()
        known.learn_file(source.dataset)
        search = Search.of(known)
        stream = file.blob.open()
        residues = search.in_header(stream.read(file.pixels_at), made=file.made)
        residues |= search.in_pixels(stream, file.pixels_at)
        out = file.blob.open().read()
        return Result(file, out, dcmread(BytesIO(out)), residues, file.pixels_sha256())


def all_elements(dataset: Dataset) -> Iterator[Any]:
    """Every element, at whatever depth."""
    for element in dataset:
        yield element
        if element.VR == "SQ":
            for item in element.value:
                yield from all_elements(item)


def a_study(**changes: Any) -> EligibleStudy:
    values: dict[str, Any] = {
        "study_id": "0b0b5a3e-52ec-4bd4-9d5c-0f4e4d2a8f10",
        "organization_id": "6f1c6c55-66d8-4f22-9c3f-0f2a7b3b2d11",
        "study_instance_uid": "1.2.840.99999.1",
        "accession_number": None,
        "dicom_description": None,
        "modality_code": "CR",
        "body_part_identifier": None,
        "body_part_name": None,
        "facility_id": None,
        "performed_at": None,
        "doctor_rank": 2,
        "fingerprint": "f",
        "reports": (),
        "images": (),
    }
    return EligibleStudy(**(values | changes))


def basic(policy: Any = "flag") -> Basic:
    return Basic(KEY, policy, Unscrubbed())


@contextmanager
def workspace() -> Iterator[Workspace]:
    with Workspace(Budget()) as made:
        yield made

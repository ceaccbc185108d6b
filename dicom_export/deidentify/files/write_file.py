"""Writes a de-identified file: a new preamble, new file meta information, then the data set."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, ExplicitVRBigEndian, ImplicitVRLittleEndian

from dicom_export.blobs import Blob, Workspace
from dicom_export.deidentify.files.header import Header
from dicom_export.deidentify.files.pixels import Pixels
from dicom_export.deidentify.files.rules import RULES_VERSION
from dicom_export.dicom_file import UNDEFINED_LENGTH, DicomFile, PixelElement

ByteOrder = Literal["big", "little"]

IMPLEMENTATION_CLASS_UID = UID("2.25.226409138743498205518476386217240219461")
IMPLEMENTATION_VERSION_NAME = f"EDEN_DEID_{RULES_VERSION}"
METHOD = ("vlm-eden-dataset-etl keep-list", f"rules {RULES_VERSION}, PS3.15 2026c Basic Profile")
"""Values of De-identification Method (0012,0063), 64 characters each at most."""

BASIC_PROFILE = "113100"
MODIFIED_DATES = "113107"
METHOD_CODES = {
    BASIC_PROFILE: "Basic Application Confidentiality Profile",
    "113105": "Clean Descriptors Option",
    MODIFIED_DATES: "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
}
"""The codes of PS3.16, CID 7050 that can apply."""

STATEMENTS = frozenset({*METHOD, *METHOD_CODES.values(), IMPLEMENTATION_VERSION_NAME})
"""Texts in every file."""


@dataclass(frozen=True, slots=True)
class Written:
    """An outgoing file."""

    blob: Blob
    pixels_at: int
    """Position of the pixel data's value, which is the rest of the file."""


def write(source: DicomFile, header: Header, pixels: Pixels, workspace: Workspace) -> Written:
    """Write the file; the pixels are copied in pieces."""
    dataset = header.dataset
    _state(dataset, header.tally.options)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    if pixels.extended_offsets:
        dataset.ExtendedOffsetTable = pixels.extended_offsets.table
        dataset.ExtendedOffsetTableLengths = pixels.extended_offsets.lengths
    dataset.file_meta = _file_meta(dataset, source.encoding)
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    buffer.write(_pixel_header(source, pixels))
    writer = workspace.writer()
    writer.write(buffer.getvalue())
    pixels.write(source.open(), writer)
    return Written(writer.finish(), buffer.tell())


def _state(dataset: Dataset, options: set[str]) -> None:
    """State the applied options, and no others (PS3.3, section C.7.1.1)."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = list(METHOD)
    dataset.DeidentificationMethodCodeSequence = Items(
        [_code(value) for value in (BASIC_PROFILE, *sorted(options))]
    )
    dataset.LongitudinalTemporalInformationModified = (
        "MODIFIED" if MODIFIED_DATES in options else "REMOVED"
    )


def _code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = METHOD_CODES[value]
    return item


def _file_meta(dataset: Dataset, syntax: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta


def _pixel_header(source: DicomFile, pixels: Pixels) -> bytes:
    """Write the tag, VR and length of the pixel data (PS3.5, section 7.1)."""
    order: ByteOrder = "big" if source.encoding == ExplicitVRBigEndian else "little"
    tag = pixels.source.tag
    length = UNDEFINED_LENGTH if pixels.source.is_encapsulated else pixels.length
    head = (tag >> 16).to_bytes(2, order) + (tag & 0xFFFF).to_bytes(2, order)
    if source.encoding != ImplicitVRLittleEndian:
        head += _pixel_vr(source, pixels.source).encode() + b"\0\0"
    return head + length.to_bytes(4, order)


def _pixel_vr(source: DicomFile, element: PixelElement) -> str:
    """Return the VR: the source's if PS3.5, section 8 allows it, otherwise by the bits."""
    if element.is_encapsulated:
        return "OB"
    if element.tag != 0x7FE00010:
        return {0x7FE00008: "OF", 0x7FE00009: "OD"}[element.tag]
    if element.vr in ("OB", "OW"):
        return element.vr
    return "OW" if int(source.dataset.get("BitsAllocated") or 16) > 8 else "OB"

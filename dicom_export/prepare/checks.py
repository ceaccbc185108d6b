"""Checks that a file is a whole DICOM image, and that it is the one that its row names.

No function raises. No result identifies a patient: the two values that the files of a study are
compared by are returned as keyed hashes, which no other process can compute.
"""

from __future__ import annotations

import hashlib
import logging
import math
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import UID, MPEGTransferSyntaxes

from dicom_export import dicom_file
from dicom_export.blobs import Blob, Workspace
from dicom_export.codes import Code
from dicom_export.dicom_file import DicomFile, PixelElement, text_of, value_of
from dicom_export.errors import SourceFailed, describe
from dicom_export.model import EligibleImage, EligibleStudy, Json

log = logging.getLogger(__name__)

MAX_FRAGMENTS = 1_000_000

ITEM = b"\xfe\xff\x00\xe0"
SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0"

ATTRIBUTES: Mapping[str, str] = {
    "sop_class_uid": "SOPClassUID",
    "modality": "Modality",
    "image_type": "ImageType",
    "presentation_intent_type": "PresentationIntentType",
    "body_part_examined": "BodyPartExamined",
    "view_position": "ViewPosition",
    "laterality": "Laterality",
    "image_laterality": "ImageLaterality",
    "patient_orientation": "PatientOrientation",
    "rows": "Rows",
    "columns": "Columns",
    "number_of_frames": "NumberOfFrames",
    "samples_per_pixel": "SamplesPerPixel",
    "photometric_interpretation": "PhotometricInterpretation",
    "bits_allocated": "BitsAllocated",
    "bits_stored": "BitsStored",
    "high_bit": "HighBit",
    "pixel_representation": "PixelRepresentation",
    "pixel_spacing": "PixelSpacing",
    "imager_pixel_spacing": "ImagerPixelSpacing",
    "window_center": "WindowCenter",
    "window_width": "WindowWidth",
    "voi_lut_function": "VOILUTFunction",
    "rescale_intercept": "RescaleIntercept",
    "rescale_slope": "RescaleSlope",
    "presentation_lut_shape": "PresentationLUTShape",
    "lossy_image_compression": "LossyImageCompression",
    "burned_in_annotation": "BurnedInAnnotation",
    "kvp": "KVP",
    "exposure": "Exposure",
    "manufacturer": "Manufacturer",
    "manufacturer_model_name": "ManufacturerModelName",
}
"""Attributes needed to choose and to show an image: name in ``metadata.json``, DICOM keyword."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The patient whom a file states, as keyed hashes; None for a value that is absent."""

    patient: bytes | None = field(repr=False)
    birth_date: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Inspection:
    """The result of one file's checks."""

    code: Code | None
    """Why the file is stopped; None if it passed."""
    attributes: Mapping[str, Json] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    subject: Subject | None = None
    file: DicomFile | None = field(default=None, repr=False)
    """The file as it was read, its values untouched; None if it could not be read."""


def inspect(
    original: Blob,
    study: EligibleStudy,
    image: EligibleImage,
    workspace: Workspace,
    overruled: Collection[Code] = (),
) -> Inspection:
    """Check a file against the row that led to it.

    A mismatch of identity whose code is among ``overruled`` does not stop the file.
    """
    read: DicomFile | None = None
    subject: Subject | None = None
    try:
        read = dicom_file.read(original, workspace)
        file = read.decodable()
        subject = _subject(file.dataset)
        _check(file, study, image, overruled)
        found = _warnings(file, study, image)
        return Inspection(None, _attributes(file), found, subject, read)
    except SourceFailed as failure:
        return Inspection(failure.code, subject=subject, file=read)
    except Exception as error:  # noqa: BLE001  # a parser given arbitrary bytes raises anything
        log.warning("image %s: unreadable: %s", image.image_id, describe(error))
        return Inspection(Code.NOT_DICOM, subject=subject, file=read)


def disagreeing(subjects: Mapping[str, Subject]) -> set[str]:
    """Return the images whose files state another patient than the study's other files.

    An empty value agrees with every other. If more than half of the files with a value agree,
    the other ones are returned; otherwise all files with a value are.
    """
    return _outvoted({key: subject.patient for key, subject in subjects.items()}) | _outvoted(
        {key: subject.birth_date for key, subject in subjects.items()}
    )


def repeated(instances: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Find rows of one study that lead to the same instance, by SOPInstanceUID and SHA-256.

    Returns warnings by image: DUPLICATE_OF with the first image's id if the files are equal, and
    UID_CONFLICT for all of them if they differ. No image is stopped for it.
    """
    rows_of: dict[str, list[str]] = {}
    for image_id, (uid, _) in sorted(instances.items()):
        rows_of.setdefault(uid, []).append(image_id)
    found: dict[str, str] = {}
    for first, *others in rows_of.values():
        hashes = {instances[image_id][1] for image_id in (first, *others)}
        if len(hashes) > 1:
            found |= dict.fromkeys((first, *others), "UID_CONFLICT")
        else:
            found |= dict.fromkeys(others, f"DUPLICATE_OF {first}")
    return found


def _outvoted(values: Mapping[str, bytes | None]) -> set[str]:
    stated = {key: value for key, value in values.items() if value is not None}
    votes = Counter(stated.values()).most_common()
    if len(votes) < 2:
        return set()
    winner, count = votes[0]
    has_majority = count * 2 > len(stated)
    return {key for key, value in stated.items() if not has_majority or value != winner}


# Checks -------------------------------------------------------------------------------------------


def _check(
    file: DicomFile, study: EligibleStudy, image: EligibleImage, overruled: Collection[Code]
) -> None:
    """Stop at the first failure; the checks are in the order of severity."""
    _check_identity(file.dataset, study, image, overruled)
    if _is_no_image(file):
        raise SourceFailed(Code.NON_IMAGE_OBJECT)
    _check_attributes(file)
    if file.pixels is None:
        raise SourceFailed(Code.TRUNCATED if file.ends_short else Code.NO_PIXELS)
    _check_pixels(file, file.pixels)


def _check_identity(
    dataset: Dataset, study: EligibleStudy, image: EligibleImage, overruled: Collection[Code]
) -> None:
    """Stop if a UID of the file differs from the database's.

    A truncated file may lack some of them; the others are compared.
    """
    for keyword, expected, code in (
        ("StudyInstanceUID", study.study_instance_uid, Code.STUDY_MISMATCH),
        ("SeriesInstanceUID", image.series_instance_uid, Code.SERIES_MISMATCH),
        ("SOPInstanceUID", image.sop_instance_uid, Code.INSTANCE_MISMATCH),
    ):
        found = text_of(dataset, keyword)
        if code not in overruled and found and found != (expected or "").strip():
            raise SourceFailed(code)


def _is_no_image(file: DicomFile) -> bool:
    """Tell reports, presentation states, plans, segmentations and the like from images.

    The storage classes of images in PS3.4, section B.5 are called "... Image Storage". An object
    of an unregistered class is an image if it has pixels.
    """
    sop_class = UID(
        text_of(file.dataset, "SOPClassUID") or text_of(file.meta, "MediaStorageSOPClassUID")
    )
    if sop_class.name != sop_class:
        return "Image Storage" not in sop_class.name
    is_whole = bool(sop_class) and not file.ends_short
    return is_whole and file.pixels is None and not _has_size(file.dataset)


def _check_attributes(file: DicomFile) -> None:
    """Stop if an attribute that identifies, measures or encodes an image is absent.

    PS3.3, sections C.12.1 and C.7.6.3; PS3.10, section 7.1.
    """
    uids = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
    has_uids = all(text_of(file.dataset, keyword) for keyword in uids)
    if not (has_uids and file.transfer_syntax and _has_size(file.dataset)):
        raise SourceFailed(Code.TRUNCATED if file.ends_short else Code.MISSING_ATTRS)


def _has_size(dataset: Dataset) -> bool:
    return all(value_of(dataset, keyword) for keyword in ("Rows", "Columns"))


def _check_pixels(file: DicomFile, pixels: PixelElement) -> None:
    is_compressed = _is_compressed(file.transfer_syntax)
    if is_compressed is not None and is_compressed is not pixels.is_encapsulated:
        # Only compressed pixels are encapsulated, with an undefined length (PS3.5, sections A.4
        # and 8.1.1).
        raise SourceFailed(Code.BAD_FRAMES)
    if pixels.is_encapsulated:
        _check_encapsulated(file, pixels)
    else:
        _check_native(file, pixels)


def _check_native(file: DicomFile, pixels: PixelElement) -> None:
    try:
        expected = int(get_expected_length(file.dataset))
    except Exception:  # noqa: BLE001  # pydicom raises anything when a number is malformed
        raise SourceFailed(Code.MISSING_ATTRS) from None
    available = min(pixels.length, file.size - pixels.position)
    if available < expected:
        raise SourceFailed(Code.TRUNCATED)


def _check_encapsulated(file: DicomFile, pixels: PixelElement) -> None:
    """Walk the fragments without reading them (PS3.5, section A.4)."""
    stream = file.open()
    table, *fragments = _items(stream, file.size, pixels.position)
    frames = _frame_count(file.dataset)
    filled = sum(1 for _, length in fragments if length)
    if not filled:
        raise SourceFailed(Code.TRUNCATED)
    if frames == 1 or file.transfer_syntax in MPEGTransferSyntaxes:
        # A video is one stream in any number of fragments (PS3.5, section A.4.5).
        return
    offsets = _extended_offsets(file.dataset) or _basic_offsets(stream, table, frames)
    if not offsets:
        # Without an offset table each frame is one fragment.
        if filled < frames:
            raise SourceFailed(Code.BAD_FRAMES)
        return
    first = fragments[0][0]
    starts = {position - first for position, _ in fragments}
    if len(offsets) != frames or not starts.issuperset(offsets):
        raise SourceFailed(Code.BAD_FRAMES)


def _items(stream: BinaryIO, size: int, start: int) -> list[tuple[int, int]]:
    """Return position and length of every item: first the basic offset table, then the fragments.

    The delimiter's own length is always zero, so a file that ends before this field is whole.
    """
    items: list[tuple[int, int]] = []
    position = start
    while True:
        stream.seek(position)
        head = stream.read(8)
        if head[:4] == SEQUENCE_DELIMITER:
            break
        if len(head) < 8:
            raise SourceFailed(Code.TRUNCATED)
        if head[:4] != ITEM or len(items) > MAX_FRAGMENTS:
            raise SourceFailed(Code.BAD_FRAMES)
        length = int.from_bytes(head[4:], "little")
        if position + 8 + length > size:
            raise SourceFailed(Code.TRUNCATED)
        items.append((position, length))
        position += 8 + length
    if not items:
        raise SourceFailed(Code.BAD_FRAMES)
    return items


def _basic_offsets(stream: BinaryIO, table: tuple[int, int], frames: int) -> list[int]:
    position, length = table
    if length not in (0, 4 * frames):
        raise SourceFailed(Code.BAD_FRAMES)
    stream.seek(position + 8)
    return _numbers(stream.read(length), 4)


def _extended_offsets(dataset: Dataset) -> list[int]:
    """Return the offsets of (7FE0,0001), if any (PS3.3, section C.7.6.3.1.8)."""
    value = value_of(dataset, "ExtendedOffsetTable")
    return _numbers(value, 8) if isinstance(value, bytes) else []


def _numbers(table: bytes, width: int) -> list[int]:
    ends = range(width, len(table) + 1, width)
    return [int.from_bytes(table[end - width : end], "little") for end in ends]


def _frame_count(dataset: Dataset) -> int:
    if "NumberOfFrames" not in dataset:
        return 1
    try:
        return max(int(dataset.get("NumberOfFrames") or 1), 1)
    except Exception:  # noqa: BLE001  # as above
        raise SourceFailed(Code.MISSING_ATTRS) from None


def _is_compressed(syntax: UID) -> bool | None:
    """Whether pixels are compressed; None if pydicom does not know the syntax, or it is private."""
    if syntax.is_private or not syntax.is_transfer_syntax:
        return None
    return syntax.is_compressed


# Attributes ---------------------------------------------------------------------------------------


_KEY = secrets.token_bytes(32)


def _subject(dataset: Dataset) -> Subject:
    return Subject(_hashed(dataset, "PatientID"), _hashed(dataset, "PatientBirthDate"))


def _hashed(dataset: Dataset, keyword: str) -> bytes | None:
    """Hash a value's raw bytes, without padding."""
    if keyword not in dataset:
        return None
    value = dataset.get_item(keyword).value
    raw = value if isinstance(value, bytes) else str(value or "").encode()
    stripped = raw.strip(b" \0")
    return hashlib.blake2b(stripped, key=_KEY).digest() if stripped else None


def _warnings(file: DicomFile, study: EligibleStudy, image: EligibleImage) -> tuple[str, ...]:
    """Name the differences from the database that do not question the file's identity."""
    modalities = {study.modality_code, image.series_modality} - {None, ""}
    modality = text_of(file.dataset, "Modality")
    accession = text_of(file.dataset, "AccessionNumber")
    expected = (study.accession_number or "").strip()
    found: Iterable[tuple[str, bool]] = (
        ("ACCESSION_DIFFERS", bool(accession and expected) and accession != expected),
        ("MODALITY_DIFFERS", bool(modality and modalities) and modality not in modalities),
        ("SIZE_DIFFERS", image.file_size not in (None, file.original.size)),
    )
    return tuple(name for name, is_so in found if is_so)


def _attributes(file: DicomFile) -> dict[str, Json]:
    values: dict[str, Json] = {"transfer_syntax_uid": str(file.transfer_syntax) or None}
    for name, keyword in ATTRIBUTES.items():
        values[name] = _json(file.dataset, keyword)
    return values


def _json(dataset: Dataset, keyword: str) -> Json:
    value = value_of(dataset, keyword)
    if isinstance(value, list | tuple) or (
        hasattr(value, "__iter__") and not isinstance(value, str | bytes)
    ):
        return [_plain(part) for part in value]
    return _plain(value)


def _plain(value: object) -> Json:
    """Convert a value of pydicom's types to one of JSON's."""
    if isinstance(value, int):
        return int(value)
    try:
        if isinstance(value, str):
            return str(value).strip() or None
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None

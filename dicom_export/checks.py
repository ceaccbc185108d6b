"""Is a file a whole DICOM image, and is it the one that the database speaks of?

Nothing here raises, and nothing that identifies a patient is returned: the two values that files
of one study are compared by leave only as keyed hashes that no other process can make.
"""

from __future__ import annotations

import hashlib
import logging
import math
import secrets
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, Any, BinaryIO, cast

from pydicom import config
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.pixels.utils import get_expected_length
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from dicom_export.codes import Code
from dicom_export.errors import describe
from dicom_export.model import EligibleImage, EligibleStudy
from dicom_export.scratch import MAX_IMAGE_BYTES

log = logging.getLogger(__name__)

# What pydicom says of a strange value quotes the value, and goes to a log as well as to a warning.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")
config.settings.reading_validation_mode = config.IGNORE

Json = str | int | float | list["Json"] | None

PREAMBLE_BYTES = 128
UNDEFINED_LENGTH = 0xFFFFFFFF
FILE_META_GROUP = 0x0002
PIXEL_DATA_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
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
"""What a reader needs to choose and to show an image: name in ``metadata.json``, DICOM keyword."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose a file says it is: keyed hashes, None where the file does not say."""

    patient: bytes | None = field(repr=False)
    birth_date: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in one file."""

    code: Code | None
    """None where nothing is wrong."""
    attributes: Mapping[str, Json] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    subject: Subject | None = None


class _Stopped(Exception):
    def __init__(self, code: Code) -> None:
        super().__init__(code.value)
        self.code = code


@dataclass(slots=True)
class _Header:
    """What stands before the pixel data, and where these begin."""

    dataset: Dataset
    transfer_syntax: UID
    sop_class: UID
    stream: BinaryIO
    size: int
    pixels_at: int | None
    pixels_length: int
    ends_short: bool
    """The file ended inside an element."""


def inspect(stream: IO[bytes], size: int, study: EligibleStudy, image: EligibleImage) -> Inspection:
    """Check one file of ``size`` bytes against the row that led to it."""
    subject: Subject | None = None
    try:
        header = _read_header(cast(BinaryIO, stream), size)
        subject = _subject(header.dataset)
        _check(header, study, image)
        return Inspection(None, _attributes(header), _warnings(header, size, study, image), subject)
    except _Stopped as stopped:
        return Inspection(stopped.code, subject=subject)
    except Exception as error:  # noqa: BLE001  # a parser given arbitrary bytes raises anything
        log.warning("image %s: unreadable: %s", image.image_id, describe(error))
        return Inspection(Code.NOT_DICOM, subject=subject)


def disagreeing(subjects: Mapping[str, Subject]) -> set[str]:
    """Name the images that speak of another patient than their study's other files do.

    A value that a file leaves empty disagrees with nothing. Where more than half of the files
    agree, the others are named; where no value has such a majority, all that state one.
    """
    return _outvoted({key: subject.patient for key, subject in subjects.items()}) | _outvoted(
        {key: subject.birth_date for key, subject in subjects.items()}
    )


def _outvoted(values: Mapping[str, bytes | None]) -> set[str]:
    stated = {key: value for key, value in values.items() if value is not None}
    votes = Counter(stated.values()).most_common()
    if len(votes) < 2:
        return set()
    winner, count = votes[0]
    has_majority = count * 2 > len(stated)
    return {key for key, value in stated.items() if not has_majority or value != winner}


# Reading ------------------------------------------------------------------------------------------


class _Watched:
    """A stream that remembers whether somebody wanted more than there was."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.name = ""
        self.ends_short = False

    def read(self, count: int = -1) -> bytes:
        got = self._stream.read(count)
        # pydicom asks for 8 bytes to see whether there is another element: none is no shortage.
        if 0 < len(got) < count or (not got and count not in (0, 8)):
            self.ends_short = True
        return got

    def seek(self, position: int, whence: int = 0) -> int:
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _read_header(stream: BinaryIO, size: int) -> _Header:
    """Read all that stands before the pixel data (PS3.10, section 7; PS3.5, section 7.1)."""
    stream.seek(PREAMBLE_BYTES)
    if stream.read(4) != b"DICM":
        raise _Stopped(Code.NOT_DICOM)
    meta = read_dataset(stream, False, True, stop_when=_is_past_file_meta)
    syntax = UID(str(meta.get("TransferSyntaxUID", "")))
    if syntax == DeflatedExplicitVRLittleEndian:
        stream, size = _inflate(stream)
    watched = _Watched(stream)
    place: list[int] = []

    def is_pixel_data(tag: BaseTag, _vr: str | None, length: int) -> bool:
        if tag in PIXEL_DATA_TAGS:
            place[:] = [stream.tell(), length]
            return True
        return False

    dataset = _read_dataset(watched, syntax, is_pixel_data)
    if watched.ends_short:
        _drop_halves(dataset)
    sop_class = dataset.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or ""
    return _Header(
        dataset=dataset,
        transfer_syntax=syntax,
        sop_class=UID(str(sop_class)),
        stream=stream,
        size=size,
        pixels_at=place[0] if place else None,
        pixels_length=place[1] if place else 0,
        ends_short=watched.ends_short,
    )


def _read_dataset(watched: _Watched, syntax: UID, stop_when: Any) -> Dataset:  # noqa: ANN401
    stream = cast(BinaryIO, watched)
    try:
        if syntax == DeflatedExplicitVRLittleEndian:
            return read_dataset(stream, False, True, stop_when=stop_when)
        watched.seek(0)
        return read_partial(stream, stop_when=stop_when)
    except Exception:
        if watched.ends_short:
            raise _Stopped(Code.TRUNCATED) from None
        raise


def _drop_halves(dataset: Dataset) -> None:
    """Forget the value in whose middle the file ended: half a UID is another study's."""
    for tag in list(dataset.keys()):
        element = dataset.get_item(tag)
        if isinstance(element, RawDataElement) and len(element.value or b"") < element.length:
            del dataset[tag]


def _is_past_file_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != FILE_META_GROUP


def _inflate(stream: BinaryIO) -> tuple[BinaryIO, int]:
    """Undo the deflated transfer syntax (PS3.5, section A.5), but not a bomb of zeros."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(stream.read(), MAX_IMAGE_BYTES)
    except zlib.error:
        raise _Stopped(Code.TRUNCATED) from None
    if inflater.unconsumed_tail:
        raise _Stopped(Code.TOO_LARGE)
    if not inflater.eof:
        raise _Stopped(Code.TRUNCATED)
    return BytesIO(content), len(content)


# Judging ------------------------------------------------------------------------------------------


def _check(header: _Header, study: EligibleStudy, image: EligibleImage) -> None:
    """Stop at the first thing that is wrong, the worst first."""
    _check_identity(header.dataset, study, image)
    if _is_no_image(header):
        raise _Stopped(Code.NON_IMAGE_OBJECT)
    _check_attributes(header)
    if header.pixels_at is None:
        raise _Stopped(Code.TRUNCATED if header.ends_short else Code.NO_PIXELS)
    _check_pixels(header, header.pixels_at)


def _check_identity(dataset: Dataset, study: EligibleStudy, image: EligibleImage) -> None:
    """Stop where a UID that the file states is not the database's.

    A file that is cut short may not state all of them; what it does state counts.
    """
    for keyword, expected, code in (
        ("StudyInstanceUID", study.study_instance_uid, Code.STUDY_MISMATCH),
        ("SeriesInstanceUID", image.series_instance_uid, Code.SERIES_MISMATCH),
        ("SOPInstanceUID", image.sop_instance_uid, Code.INSTANCE_MISMATCH),
    ):
        found = _text(dataset, keyword)
        if found and found != (expected or "").strip():
            raise _Stopped(code)


def _is_no_image(header: _Header) -> bool:
    """Tell reports, presentation states, plans, segmentations and the like from images.

    The storage classes of PS3.4, section B.5 that hold images are called "... Image Storage"; what
    has no registered class is judged by whether it has pixels.
    """
    if header.sop_class.name != header.sop_class:
        return "Image Storage" not in header.sop_class.name
    has_size = bool(header.dataset.get("Rows") and header.dataset.get("Columns"))
    is_whole = bool(header.sop_class) and not header.ends_short
    return is_whole and header.pixels_at is None and not has_size


def _check_attributes(header: _Header) -> None:
    """Stop where what identifies or measures an image is absent (PS3.3, C.12.1 and C.7.6.3)."""
    uids = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
    has_uids = all(_text(header.dataset, keyword) for keyword in uids)
    has_size = all(header.dataset.get(keyword) for keyword in ("Rows", "Columns"))
    if not (has_uids and has_size):
        raise _Stopped(Code.TRUNCATED if header.ends_short else Code.MISSING_ATTRS)


def _check_pixels(header: _Header, start: int) -> None:
    if header.pixels_length == UNDEFINED_LENGTH:
        _check_encapsulated(header, start)
        return
    try:
        expected = get_expected_length(header.dataset)
    except (AttributeError, TypeError, ValueError):
        raise _Stopped(Code.MISSING_ATTRS) from None
    if _is_compressed(header.transfer_syntax):
        # Compressed pixels are encapsulated (PS3.5, section A.4), with an undefined length.
        raise _Stopped(Code.BAD_FRAMES)
    available = min(header.pixels_length, header.size - start)
    if available < expected:
        raise _Stopped(Code.TRUNCATED)


def _check_encapsulated(header: _Header, start: int) -> None:
    """Walk the fragments without reading them (PS3.5, section A.4)."""
    table, fragments = _fragments(header.stream, header.size, start)
    frames = _frame_count(header.dataset)
    filled = [length for _, length in fragments if length]
    if not filled:
        raise _Stopped(Code.TRUNCATED)
    if frames == 1:
        return
    offsets = _extended_offsets(header.dataset) or table
    if not offsets:
        # Without a table of offsets each frame is one fragment.
        if len(filled) < frames:
            raise _Stopped(Code.BAD_FRAMES)
        return
    first = fragments[0][0]
    starts = {position - first for position, _ in fragments}
    if len(offsets) != frames or not starts.issuperset(offsets):
        raise _Stopped(Code.BAD_FRAMES)


def _fragments(stream: BinaryIO, size: int, start: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Give the basic offset table, and position and length of every fragment.

    The delimiter's own length field is zero and says nothing: a file that lacks it is whole.
    """
    items: list[tuple[int, int]] = []
    position = start
    while True:
        stream.seek(position)
        head = stream.read(8)
        if head[:4] == SEQUENCE_DELIMITER:
            break
        if len(head) < 8:
            raise _Stopped(Code.TRUNCATED)
        if head[:4] != ITEM:
            raise _Stopped(Code.BAD_FRAMES)
        length = int.from_bytes(head[4:], "little")
        if position + 8 + length > size:
            raise _Stopped(Code.TRUNCATED)
        items.append((position, length))
        position += 8 + length
    if not items:
        raise _Stopped(Code.BAD_FRAMES)
    (table_at, table_length), *fragments = items
    stream.seek(table_at + 8)
    return _numbers(stream.read(table_length), 4), fragments


def _extended_offsets(dataset: Dataset) -> list[int]:
    """Give the offsets of (7FE0,0001), where the file has them (PS3.3, section C.7.6.3.1.8)."""
    value = dataset.get("ExtendedOffsetTable")
    return _numbers(value, 8) if isinstance(value, bytes) else []


def _numbers(table: bytes, width: int) -> list[int]:
    ends = range(width, len(table) + 1, width)
    return [int.from_bytes(table[end - width : end], "little") for end in ends]


def _frame_count(dataset: Dataset) -> int:
    try:
        return max(int(dataset.get("NumberOfFrames") or 1), 1)
    except (TypeError, ValueError):
        raise _Stopped(Code.MISSING_ATTRS) from None


def _is_compressed(syntax: UID) -> bool:
    return syntax.is_transfer_syntax and not syntax.is_private and syntax.is_compressed


# Describing ---------------------------------------------------------------------------------------


_KEY = secrets.token_bytes(32)


def _subject(dataset: Dataset) -> Subject:
    return Subject(_hashed(dataset, "PatientID"), _hashed(dataset, "PatientBirthDate"))


def _hashed(dataset: Dataset, keyword: str) -> bytes | None:
    """Hash a value as it stands in the file, undecoded and without padding."""
    if keyword not in dataset:
        return None
    value = dataset.get_item(keyword).value
    raw = value if isinstance(value, bytes) else str(value or "").encode()
    stripped = raw.strip(b" \0")
    return hashlib.blake2b(stripped, key=_KEY).digest() if stripped else None


def _warnings(
    header: _Header, size: int, study: EligibleStudy, image: EligibleImage
) -> tuple[str, ...]:
    """Name what differs from the database and does not decide whose file it is."""
    modalities = {study.modality_code, image.series_modality} - {None, ""}
    modality = _text(header.dataset, "Modality")
    accession = _text(header.dataset, "AccessionNumber")
    expected = (study.accession_number or "").strip()
    found: Iterable[tuple[str, bool]] = (
        ("ACCESSION_DIFFERS", bool(accession and expected) and accession != expected),
        ("MODALITY_DIFFERS", bool(modality and modalities) and modality not in modalities),
        ("SIZE_DIFFERS", image.file_size is not None and image.file_size != size),
    )
    return tuple(name for name, is_so in found if is_so)


def _attributes(header: _Header) -> dict[str, Json]:
    values: dict[str, Json] = {"transfer_syntax_uid": str(header.transfer_syntax) or None}
    for name, keyword in ATTRIBUTES.items():
        values[name] = _json(header.dataset, keyword)
    return values


def _text(dataset: Dataset, keyword: str) -> str:
    value = _value(dataset, keyword)
    return "" if value is None else str(value).strip(" \0")


def _json(dataset: Dataset, keyword: str) -> Json:
    value = _value(dataset, keyword)
    if isinstance(value, list | tuple) or (
        hasattr(value, "__iter__") and not isinstance(value, str | bytes)
    ):
        return [_plain(part) for part in value]
    return _plain(value)


def _value(dataset: Dataset, keyword: str) -> Any:  # noqa: ANN401
    try:
        return dataset.get(keyword)
    except Exception:  # noqa: BLE001  # a value that can't be decoded is as good as none
        return None


def _plain(value: object) -> Json:
    """Turn a value of pydicom's own types into one that JSON knows."""
    if isinstance(value, int):
        return int(value)
    try:
        if isinstance(value, str):
            return str(value).strip() or None
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None

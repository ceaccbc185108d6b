"""Is a file a whole DICOM image, and is it the one that the database speaks of?

Nothing here raises, and nothing that identifies a patient is returned: the two values that files
of one study are compared by leave only as keyed hashes that no other process can make.
"""

from __future__ import annotations

import hashlib
import logging
import math
import secrets
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO, cast

from pydicom import config
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.pixels.utils import get_expected_length
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, MPEGTransferSyntaxes

from dicom_export.blobs import MAX_IMAGE_BYTES
from dicom_export.codes import Code
from dicom_export.errors import describe
from dicom_export.model import EligibleImage, EligibleStudy, Json

log = logging.getLogger(__name__)

# What pydicom says of a strange value quotes the value, and goes to a log as well as to a warning.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")
config.settings.reading_validation_mode = config.IGNORE

PREAMBLE_BYTES = 128
UNDEFINED_LENGTH = 0xFFFFFFFF
FILE_META_GROUP = 0x0002
PIXEL_DATA_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
DEFERRED_BYTES = 1024**2
"""A value larger than this, before the pixels, is passed over: nothing that is looked at is."""
MAX_HEADER_BYTES = 32 * 1024**2
"""Of what is read before the pixels. A radiograph has a hundredth of it."""
MAX_FRAGMENTS = 1_000_000
INFLATED_MEMORY_BYTES = 32 * 1024**2
"""What is inflated beyond this goes to a nameless file on disk."""
PIECE_BYTES = 1024**2

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


def inspect(
    stream: IO[bytes],
    size: int,
    study: EligibleStudy,
    image: EligibleImage,
    overruled: Collection[Code] = (),
) -> Inspection:
    """Check one file of ``size`` bytes against the row that led to it.

    A mismatch of identity whose code is among ``overruled`` does not stop the file.
    """
    subject: Subject | None = None
    try:
        with ExitStack() as opened:
            header = _read_header(cast(BinaryIO, stream), size, opened)
            subject = _subject(header.dataset)
            _check(header, study, image, overruled)
            found = _warnings(header, size, study, image)
            return Inspection(None, _attributes(header), found, subject)
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


def repeated(instances: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Find rows of one study that lead to the same instance, by SOPInstanceUID and SHA-256.

    Gives a warning for each: DUPLICATE_OF and the first image's id, where the files are the same;
    UID_CONFLICT for all of them, where they are not. None of them is left out for it.
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


# Reading ------------------------------------------------------------------------------------------


class _Watched:
    """A stream that remembers whether somebody wanted more than there was.

    It never makes room for more than there is, whatever length a damaged file states, and gives
    no more than a header may have.
    """

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._size = size
        self._left = MAX_HEADER_BYTES
        self.name = ""
        self.ends_short = False

    def read(self, count: int = -1) -> bytes:
        available = max(self._size - self._stream.tell(), 0)
        got = self._stream.read(min(count, available) if count >= 0 else available)
        # pydicom asks for 8 bytes to see whether there is another element: none is no shortage.
        if 0 < len(got) < count or (not got and count not in (0, 8)):
            self.ends_short = True
        self._left -= len(got)
        if self._left < 0:
            raise _Stopped(Code.TOO_LARGE)
        return got

    def seek(self, position: int, whence: int = 0) -> int:
        reached = self._stream.seek(position, whence)
        if reached > self._size:
            # The value that is passed over ends behind the file.
            self.ends_short = True
        return reached

    def tell(self) -> int:
        return self._stream.tell()


def _read_header(stream: BinaryIO, size: int, opened: ExitStack) -> _Header:
    """Read all that stands before the pixel data (PS3.10, section 7; PS3.5, section 7.1).

    What is opened to do so is open until ``opened`` ends.
    """
    stream.seek(PREAMBLE_BYTES)
    if stream.read(4) != b"DICM":
        raise _Stopped(Code.NOT_DICOM)
    meta = _read_file_meta(stream, size)
    syntax = UID(_text(meta, "TransferSyntaxUID"))
    if syntax == DeflatedExplicitVRLittleEndian:
        stream, size = _inflate(stream, opened)
    watched = _Watched(stream, size)
    place: list[int] = []

    def is_pixel_data(tag: BaseTag, _vr: str | None, length: int) -> bool:
        if tag in PIXEL_DATA_TAGS:
            place[:] = [stream.tell(), length]
            return True
        return False

    dataset = _read_dataset(watched, syntax, is_pixel_data)
    if watched.ends_short:
        _drop_halves(dataset)
    sop_class = _text(dataset, "SOPClassUID") or _text(meta, "MediaStorageSOPClassUID")
    return _Header(
        dataset=dataset,
        transfer_syntax=syntax,
        sop_class=UID(sop_class),
        stream=stream,
        size=size,
        pixels_at=place[0] if place else None,
        pixels_length=place[1] if place else 0,
        ends_short=watched.ends_short,
    )


def _read_file_meta(stream: BinaryIO, size: int) -> Dataset:
    watched = _Watched(stream, size)
    meta = read_dataset(cast(BinaryIO, watched), False, True, stop_when=_is_past_file_meta)
    if watched.ends_short:
        raise _Stopped(Code.TRUNCATED)
    return meta


def _read_dataset(watched: _Watched, syntax: UID, stop_when: Any) -> Dataset:  # noqa: ANN401
    stream = cast(BinaryIO, watched)
    options = {"stop_when": stop_when, "defer_size": DEFERRED_BYTES}
    try:
        if syntax == DeflatedExplicitVRLittleEndian:
            return read_dataset(stream, False, True, **options)
        watched.seek(0)
        return read_partial(stream, **options)
    except _Stopped:
        raise
    except Exception:
        if watched.ends_short:
            raise _Stopped(Code.TRUNCATED) from None
        raise


def _drop_halves(dataset: Dataset) -> None:
    """Forget the value in whose middle the file ended: half a UID is another study's."""
    for element in list(dataset.values()):
        if isinstance(element, RawDataElement) and len(element.value or b"") < element.length:
            del dataset[element.tag]


def _is_past_file_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != FILE_META_GROUP


def _inflate(stream: BinaryIO, opened: ExitStack) -> tuple[BinaryIO, int]:
    """Undo the deflated transfer syntax (PS3.5, section A.5), but not a bomb of zeros."""
    file = tempfile.SpooledTemporaryFile(INFLATED_MEMORY_BYTES)  # noqa: SIM115  # ends with opened
    inflated = opened.enter_context(file)
    size = 0
    for piece in _inflated(stream):
        size += len(piece)
        if size > MAX_IMAGE_BYTES:
            raise _Stopped(Code.TOO_LARGE)
        inflated.write(piece)
    inflated.seek(0)
    return cast(BinaryIO, inflated), size


def _inflated(stream: BinaryIO) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while not inflater.eof:
        packed = inflater.unconsumed_tail or stream.read(PIECE_BYTES)
        try:
            piece = inflater.decompress(packed, PIECE_BYTES)
        except zlib.error:
            raise _Stopped(Code.TRUNCATED) from None
        if not packed and not piece:
            raise _Stopped(Code.TRUNCATED)
        yield piece


# Judging ------------------------------------------------------------------------------------------


def _check(
    header: _Header, study: EligibleStudy, image: EligibleImage, overruled: Collection[Code]
) -> None:
    """Stop at the first thing that is wrong, the worst first."""
    _check_identity(header.dataset, study, image, overruled)
    if _is_no_image(header):
        raise _Stopped(Code.NON_IMAGE_OBJECT)
    _check_attributes(header)
    if header.pixels_at is None:
        raise _Stopped(Code.TRUNCATED if header.ends_short else Code.NO_PIXELS)
    _check_pixels(header, header.pixels_at)


def _check_identity(
    dataset: Dataset, study: EligibleStudy, image: EligibleImage, overruled: Collection[Code]
) -> None:
    """Stop where a UID that the file states is not the database's.

    A file that is cut short may not state all of them; what it does state counts.
    """
    for keyword, expected, code in (
        ("StudyInstanceUID", study.study_instance_uid, Code.STUDY_MISMATCH),
        ("SeriesInstanceUID", image.series_instance_uid, Code.SERIES_MISMATCH),
        ("SOPInstanceUID", image.sop_instance_uid, Code.INSTANCE_MISMATCH),
    ):
        found = _text(dataset, keyword)
        if code not in overruled and found and found != (expected or "").strip():
            raise _Stopped(code)


def _is_no_image(header: _Header) -> bool:
    """Tell reports, presentation states, plans, segmentations and the like from images.

    The storage classes of PS3.4, section B.5 that hold images are called "... Image Storage"; what
    has no registered class is judged by whether it has pixels.
    """
    if header.sop_class.name != header.sop_class:
        return "Image Storage" not in header.sop_class.name
    is_whole = bool(header.sop_class) and not header.ends_short
    return is_whole and header.pixels_at is None and not _has_size(header.dataset)


def _check_attributes(header: _Header) -> None:
    """Stop where what identifies or measures an image, or says how it is encoded, is absent.

    PS3.3, sections C.12.1 and C.7.6.3; PS3.10, section 7.1.
    """
    uids = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
    has_uids = all(_text(header.dataset, keyword) for keyword in uids)
    if not (has_uids and header.transfer_syntax and _has_size(header.dataset)):
        raise _Stopped(Code.TRUNCATED if header.ends_short else Code.MISSING_ATTRS)


def _has_size(dataset: Dataset) -> bool:
    return all(_value(dataset, keyword) for keyword in ("Rows", "Columns"))


def _check_pixels(header: _Header, start: int) -> None:
    is_encapsulated = header.pixels_length == UNDEFINED_LENGTH
    is_compressed = _is_compressed(header.transfer_syntax)
    if is_compressed is not None and is_compressed is not is_encapsulated:
        # Compressed pixels are encapsulated, with an undefined length, and no others are
        # (PS3.5, sections A.4 and 8.1.1).
        raise _Stopped(Code.BAD_FRAMES)
    if is_encapsulated:
        _check_encapsulated(header, start)
    else:
        _check_native(header, start)


def _check_native(header: _Header, start: int) -> None:
    try:
        expected = int(get_expected_length(header.dataset))
    except Exception:  # noqa: BLE001  # whatever stands where numbers should
        raise _Stopped(Code.MISSING_ATTRS) from None
    available = min(header.pixels_length, header.size - start)
    if available < expected:
        raise _Stopped(Code.TRUNCATED)


def _check_encapsulated(header: _Header, start: int) -> None:
    """Walk the fragments without reading them (PS3.5, section A.4)."""
    table, *fragments = _items(header.stream, header.size, start)
    frames = _frame_count(header.dataset)
    filled = sum(1 for _, length in fragments if length)
    if not filled:
        raise _Stopped(Code.TRUNCATED)
    if frames == 1 or header.transfer_syntax in MPEGTransferSyntaxes:
        # A video is one stream, in as many fragments as it likes (PS3.5, section A.4.5).
        return
    offsets = _extended_offsets(header.dataset) or _basic_offsets(header.stream, table, frames)
    if not offsets:
        # Without a table of offsets each frame is one fragment.
        if filled < frames:
            raise _Stopped(Code.BAD_FRAMES)
        return
    first = fragments[0][0]
    starts = {position - first for position, _ in fragments}
    if len(offsets) != frames or not starts.issuperset(offsets):
        raise _Stopped(Code.BAD_FRAMES)


def _items(stream: BinaryIO, size: int, start: int) -> list[tuple[int, int]]:
    """Give position and length of every item: the basic offset table's, then the fragments'.

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
        if head[:4] != ITEM or len(items) > MAX_FRAGMENTS:
            raise _Stopped(Code.BAD_FRAMES)
        length = int.from_bytes(head[4:], "little")
        if position + 8 + length > size:
            raise _Stopped(Code.TRUNCATED)
        items.append((position, length))
        position += 8 + length
    if not items:
        raise _Stopped(Code.BAD_FRAMES)
    return items


def _basic_offsets(stream: BinaryIO, table: tuple[int, int], frames: int) -> list[int]:
    position, length = table
    if length not in (0, 4 * frames):
        raise _Stopped(Code.BAD_FRAMES)
    stream.seek(position + 8)
    return _numbers(stream.read(length), 4)


def _extended_offsets(dataset: Dataset) -> list[int]:
    """Give the offsets of (7FE0,0001), where the file has them (PS3.3, section C.7.6.3.1.8)."""
    value = _value(dataset, "ExtendedOffsetTable")
    return _numbers(value, 8) if isinstance(value, bytes) else []


def _numbers(table: bytes, width: int) -> list[int]:
    ends = range(width, len(table) + 1, width)
    return [int.from_bytes(table[end - width : end], "little") for end in ends]


def _frame_count(dataset: Dataset) -> int:
    if "NumberOfFrames" not in dataset:
        return 1
    try:
        return max(int(dataset.get("NumberOfFrames") or 1), 1)
    except Exception:  # noqa: BLE001  # whatever stands where a number should
        raise _Stopped(Code.MISSING_ATTRS) from None


def _is_compressed(syntax: UID) -> bool | None:
    """Whether pixels are compressed; None for a syntax that is newer than pydicom, or private."""
    if syntax.is_private or not syntax.is_transfer_syntax:
        return None
    return syntax.is_compressed


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

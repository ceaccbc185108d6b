"""Reads a DICOM file's header: everything before the pixel data, once, in bounded memory.

The checks (``checks``) judge what was read here, and de-identification cleans it. Pixels are not
read: ``DicomFile.pixels`` gives their place.
"""

from __future__ import annotations

import logging
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, cast

from pydicom import config
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_export.blobs import Blob, Workspace
from dicom_export.codes import Code
from dicom_export.errors import SourceFailed

# pydicom's messages about a strange value quote the value, in its log and in warnings.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")
config.settings.reading_validation_mode = config.IGNORE

MAX_HEADER_BYTES = 32 * 1024**2
"""Limit of the bytes read before the pixels. A radiograph has a hundredth of it."""
MAX_VALUE_BYTES = 1024**2
"""Larger header values are skipped: no checked attribute, no kept attribute and no identifier is
that long. pydicom reads a skipped value when it is asked for."""
PIECE_BYTES = 256 * 1024
"""Size of the pieces in which contents are inflated and copied."""

UNDEFINED_LENGTH = 0xFFFFFFFF
PIXEL_DATA_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)

_PREAMBLE_BYTES = 128
_PREFIX = b"DICM"
_FILE_META_GROUP = 0x0002
_GUESSED_SYNTAXES = {
    (True, True): ImplicitVRLittleEndian,
    (False, True): ExplicitVRLittleEndian,
    (False, False): ExplicitVRBigEndian,
}
"""Syntax by (VRs are implicit, numbers are little-endian)."""

_StopWhen = Callable[[BaseTag, str | None, int], bool]


@dataclass(frozen=True, slots=True)
class PixelElement:
    """The place of the pixel data's value in ``DicomFile.content``."""

    tag: int
    vr: str | None
    """None in implicit VR."""
    position: int
    length: int
    """0xFFFFFFFF (undefined) if the pixels are encapsulated."""

    @property
    def is_encapsulated(self) -> bool:
        """Whether the value is a sequence of fragments (PS3.5, section A.4)."""
        return self.length == UNDEFINED_LENGTH


@dataclass(frozen=True, slots=True)
class DicomFile:
    """A file's header, and where its pixels lie."""

    original: Blob
    """The file as it came."""
    content: Blob
    """The bytes that the positions refer to: ``original``, or its inflated copy."""
    meta: Dataset
    """The file meta information (PS3.10, section 7.1)."""
    dataset: FileDataset
    """The data set up to the pixels. Values stay as raw bytes until one is asked for."""
    pixels: PixelElement | None
    """None if there are none, or the file ends before them."""
    ends_short: bool
    """Whether the file ends inside an element of the header."""

    @property
    def transfer_syntax(self) -> UID:
        """The transfer syntax that the file names; '' if it names none."""
        return UID(text_of(self.meta, "TransferSyntaxUID"))

    @property
    def encoding(self) -> UID:
        """The transfer syntax of ``content``: of a deflated file, the one that it inflates to."""
        if self.content is not self.original:
            return ExplicitVRLittleEndian
        is_implicit, is_little_endian = self.dataset.original_encoding
        guessed = _GUESSED_SYNTAXES[bool(is_implicit), is_little_endian is not False]
        return self.transfer_syntax or guessed

    @property
    def size(self) -> int:
        """Bytes of ``content``."""
        return self.content.size

    def open(self) -> BinaryIO:
        """Return ``content`` as a file at its start; all readers share one position."""
        return cast(BinaryIO, self.content.open())

    def decodable(self) -> DicomFile:
        """Return the same file with a data set of its own.

        pydicom replaces a raw value by the decoded one in the data set from which it is read.
        De-identification needs the raw bytes of identifiers, so the checks read from a copy.
        """
        return replace(self, dataset=_copied(self.dataset, self.dataset.buffer))


def read(original: Blob, workspace: Workspace) -> DicomFile:
    """Read a file's header.

    Raises:
        SourceFailed: NOT_DICOM without the prefix of PS3.10, section 7.1; TRUNCATED; TOO_LARGE if
            the header, or what a deflated file inflates to, exceeds its limit.
        Exception: pydicom raises anything when the bytes are arbitrary.
    """
    stream = cast(BinaryIO, original.open())
    stream.seek(_PREAMBLE_BYTES)
    if stream.read(len(_PREFIX)) != _PREFIX:
        raise SourceFailed(Code.NOT_DICOM)
    meta = _read_meta(stream, original.size)
    is_deflated = text_of(meta, "TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
    content = _inflate(stream, workspace) if is_deflated else original
    found: list[PixelElement] = []
    stream = cast(BinaryIO, content.open())

    def is_pixel_data(tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag in PIXEL_DATA_TAGS:
            found.append(PixelElement(int(tag), vr, stream.tell(), length))
            return True
        return False

    header = _HeaderStream(stream, content.size)
    dataset = _read_dataset(header, is_pixel_data, is_deflated=is_deflated)
    if header.ends_short:
        _drop_cut_values(dataset)
    pixels = found[0] if found else None
    return DicomFile(original, content, meta, dataset, pixels, header.ends_short)


class _HeaderStream:
    """A stream that gives a parser no more than a header may have, and notices the file's end.

    It reserves no more memory than the file has bytes, whatever length a damaged file states.
    """

    name = ""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._size = size
        self._left = MAX_HEADER_BYTES
        self.ends_short = False
        """Whether the parser wanted bytes beyond the end of the file."""

    def read(self, count: int = -1) -> bytes:
        available = max(self._size - self._stream.tell(), 0)
        got = self._stream.read(min(count, available) if count >= 0 else available)
        # pydicom asks for 8 bytes to see whether another element follows: their absence is the
        # regular end.
        if 0 < len(got) < count or (not got and count not in (0, 8)):
            self.ends_short = True
        self._left -= len(got)
        if self._left < 0:
            raise SourceFailed(Code.TOO_LARGE)
        return got

    def seek(self, position: int, whence: int = 0) -> int:
        reached = self._stream.seek(position, whence)
        if reached > self._size:
            # A skipped value would end behind the file.
            self.ends_short = True
        return reached

    def tell(self) -> int:
        return self._stream.tell()


def _read_meta(stream: BinaryIO, size: int) -> Dataset:
    """Read the file meta information and stay at its end."""
    header = _HeaderStream(stream, size)
    meta = read_dataset(cast(BinaryIO, header), False, True, stop_when=_is_past_meta)
    if header.ends_short:
        raise SourceFailed(Code.TRUNCATED)
    return meta


def _is_past_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != _FILE_META_GROUP


def _read_dataset(header: _HeaderStream, stop_when: _StopWhen, *, is_deflated: bool) -> FileDataset:
    stream = cast(BinaryIO, header)
    header.seek(0)
    try:
        if not is_deflated:
            return read_partial(stream, stop_when=stop_when, defer_size=MAX_VALUE_BYTES)
        # read_partial inflates without a limit, so it does not get a deflated file.
        read = read_dataset(stream, False, True, stop_when=stop_when, defer_size=MAX_VALUE_BYTES)
        return _copied(read, stream)
    except SourceFailed:
        raise
    except Exception:
        if header.ends_short:
            raise SourceFailed(Code.TRUNCATED) from None
        raise


def _copied(dataset: Dataset, stream: Any) -> FileDataset:  # noqa: ANN401  # as in pydicom
    """Return a data set of the same elements, which reads skipped values from ``stream``."""
    is_implicit, is_little_endian = dataset.original_encoding
    made = FileDataset(stream, dict(dataset.items()))
    made.set_original_encoding(is_implicit, is_little_endian, dataset.original_character_set)
    return made


def _drop_cut_values(dataset: Dataset) -> None:
    """Drop the value in which the file ends: half a UID is another study's UID."""
    for element in list(dataset.values()):
        if isinstance(element, RawDataElement) and len(element.value or b"") < element.length:
            del dataset[element.tag]


def _inflate(stream: BinaryIO, workspace: Workspace) -> Blob:
    writer = workspace.writer()
    try:
        for piece in _inflated(stream):
            writer.write(piece)
    except SourceFailed:
        writer.close()
        raise
    return writer.finish()


def _inflated(stream: BinaryIO) -> Iterator[bytes]:
    """Undo the deflated transfer syntax (PS3.5, section A.5) from where the stream stands."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while not inflater.eof:
        packed = inflater.unconsumed_tail or stream.read(PIECE_BYTES)
        try:
            piece = inflater.decompress(packed, PIECE_BYTES)
        except zlib.error:
            raise SourceFailed(Code.TRUNCATED) from None
        if not packed and not piece:
            raise SourceFailed(Code.TRUNCATED)
        yield piece


def value_of(dataset: Dataset, keyword: str) -> Any:  # noqa: ANN401
    """Return an attribute's value; None if it is absent or cannot be decoded."""
    try:
        return dataset.get(keyword)
    except Exception:  # noqa: BLE001  # pydicom raises anything when the bytes are arbitrary
        return None


def text_of(dataset: Dataset, keyword: str) -> str:
    """Return an attribute's value as text without padding; '' if there is none."""
    value = value_of(dataset, keyword)
    return "" if value is None else str(value).strip(" \0")

"""Reads what stands before the pixel data of a file, in bounded memory, and finds these."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import BinaryIO, cast

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_export.blobs import Blob, Scratch
from dicom_export.codes import Code
from dicom_export.errors import SourceFailed

PIXEL_DATA_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
UNDEFINED_LENGTH = 0xFFFFFFFF

HEADER_BYTES = 64 * 1024**2
"""More than this is not read before the pixel data."""
VALUE_BYTES = 1024**2
"""A larger value is passed over: no rule keeps one, and no identifier is that long."""
PIECE_BYTES = 256 * 1024
"""Pixels are copied in such pieces."""

_PREAMBLE_AND_PREFIX = 132
_SYNTAXES = {
    (True, True): ImplicitVRLittleEndian,
    (False, True): ExplicitVRLittleEndian,
    (False, False): ExplicitVRBigEndian,
}


@dataclass(frozen=True, slots=True)
class PixelElement:
    """Where the value of the pixel data lies."""

    tag: int
    vr: str | None
    """None in implicit VR."""
    position: int
    length: int
    """0xFFFFFFFF where it is undefined: the pixels are encapsulated."""

    @property
    def is_encapsulated(self) -> bool:
        """Whether the value is a sequence of fragments (PS3.5, section A.4)."""
        return self.length == UNDEFINED_LENGTH


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it came, its pixels unread."""

    dataset: Dataset
    syntax: UID
    """What it is encoded in; of a deflated file, what it inflates to."""
    pixels: PixelElement
    stream: BinaryIO
    size: int


def read(original: Blob, scratch: Scratch) -> SourceFile:
    """Read a file that has passed its checks.

    Raises:
        SourceFailed: TOO_LARGE, where there is too much before the pixels; NO_PIXELS.
    """
    stream, size = cast(BinaryIO, original.open()), original.size
    found: list[PixelElement] = []

    def is_pixel_data(tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag in PIXEL_DATA_TAGS:
            found.append(PixelElement(int(tag), vr, stream.tell(), length))
            return True
        return False

    syntax = _syntax(stream)
    if syntax == DeflatedExplicitVRLittleEndian:
        # Written without it, so that the final search sees every byte.
        inflated = _inflate(stream, scratch)
        stream, size = cast(BinaryIO, inflated.open()), inflated.size
        syntax = ExplicitVRLittleEndian
        dataset = read_dataset(
            _metered(stream), False, True, stop_when=is_pixel_data, defer_size=VALUE_BYTES
        )
    else:
        stream.seek(0)
        dataset = read_partial(_metered(stream), stop_when=is_pixel_data, defer_size=VALUE_BYTES)
        syntax = syntax or _SYNTAXES[_encoding(dataset)]
    if not found:
        raise SourceFailed(Code.NO_PIXELS)
    return SourceFile(dataset, syntax, found[0], stream, size)


class _Metered:
    """A stream that gives no more than a header's worth of bytes."""

    name = ""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = HEADER_BYTES

    def read(self, count: int = -1) -> bytes:
        if count < 0 or count > self._left:
            raise SourceFailed(Code.TOO_LARGE)
        self._left -= count
        return self._stream.read(count)

    def seek(self, position: int, whence: int = 0) -> int:
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _metered(stream: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, _Metered(stream))


def _syntax(stream: BinaryIO) -> UID:
    """Read the file meta information and stay at its end; '' where it names no syntax."""
    stream.seek(_PREAMBLE_AND_PREFIX)
    meta = read_dataset(_metered(stream), False, True, stop_when=_is_past_meta)
    return UID(str(meta.get("TransferSyntaxUID", "")))


def _encoding(dataset: Dataset) -> tuple[bool, bool]:
    """Tell whether VRs are implicit and numbers little-endian, as pydicom found by looking."""
    is_implicit, is_little_endian = dataset.original_encoding
    return bool(is_implicit), is_little_endian is not False


def _is_past_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != 0x0002


def _inflate(stream: BinaryIO, scratch: Scratch) -> Blob:
    """Undo the deflated transfer syntax (PS3.5, section A.5), piece by piece."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    intake = scratch.intake()
    while not inflater.eof:
        piece = inflater.unconsumed_tail or stream.read(PIECE_BYTES)
        if not piece:
            break
        intake.write(inflater.decompress(piece, PIECE_BYTES))
    return intake.finish()

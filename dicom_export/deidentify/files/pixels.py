"""Plans the outgoing pixel data: the same bytes, except those that are no pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import BinaryIO

from pydicom.encaps import parse_basic_offsets, parse_fragments
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import RLELossless

from dicom_export.blobs import BlobWriter
from dicom_export.codes import Code
from dicom_export.deidentify.files.codestreams import Gathered, Piece, Unknown, Walker, rle, walker
from dicom_export.dicom_file import PIECE_BYTES, DicomFile, PixelElement
from dicom_export.errors import SourceFailed

ITEM = b"\xfe\xff\x00\xe0"
SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"
_ITEM_HEADER = 8

_UNCOMPRESSED = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}


@dataclass(frozen=True, slots=True)
class ExtendedOffsets:
    """The values of (7FE0,0001) and (7FE0,0002), PS3.3, section C.7.6.3.1.8."""

    table: bytes
    lengths: bytes


@dataclass(frozen=True, slots=True)
class Pixels:
    """The outgoing value of the pixel data."""

    source: PixelElement
    """The element that they come from."""
    pieces: Sequence[Piece]
    length: int
    removed: Counter[str]
    """Removed parts that were no pixels, by name."""
    extended_offsets: ExtendedOffsets | None = None

    def write(self, stream: BinaryIO, writer: BlobWriter) -> None:
        """Write the value, a piece at a time."""
        for content in _contents(self.pieces, stream):
            writer.write(content)


def plan(source: DicomFile) -> Pixels:
    """Plan which bytes of a file's pixel data leave.

    Raises:
        SourceFailed: UNSUPPORTED_PIXELS if they may hold data of an unknown kind, BAD_FRAMES if it
            is unclear which fragments make a frame, TRUNCATED, NO_PIXELS.
    """
    element, syntax = source.pixels, source.encoding
    if element is None:
        raise SourceFailed(Code.NO_PIXELS)
    if (syntax in _UNCOMPRESSED) is element.is_encapsulated:
        raise Unknown
    if not element.is_encapsulated:
        return _native(source, element)
    walk = _rle(source) if syntax == RLELossless else walker(syntax)
    return _encapsulated(source, element, walk)


def _rle(source: DicomFile) -> Walker:
    """Return the cleaner of RLE frames with this image's planes (PS3.5, section G.2)."""
    image = source.dataset
    try:
        planes = int(image.SamplesPerPixel) * (int(image.BitsAllocated) // 8)
        samples = int(image.Rows) * int(image.Columns)
    except (AttributeError, TypeError, ValueError):
        raise SourceFailed(Code.MISSING_ATTRS) from None
    return partial(rle, planes=planes, samples=samples)


def _native(source: DicomFile, element: PixelElement) -> Pixels:
    """Keep as many bytes as the image has; later bytes show in no picture."""
    try:
        expected = int(get_expected_length(source.dataset))
    except (AttributeError, TypeError, ValueError):
        raise SourceFailed(Code.MISSING_ATTRS) from None
    available = min(element.length, source.size - element.position)
    if available < expected:
        raise SourceFailed(Code.TRUNCATED)
    # The byte of padding stays as well: in swapped words it is not the last byte.
    padded = expected + expected % 2
    pieces: list[Piece] = [(element.position, min(padded, available))]
    if available < padded:
        pieces.append(b"\0")
    removed = Counter({"bytes after the last frame": 1} if element.length > padded else {})
    return Pixels(element, pieces, padded, removed)


@dataclass(frozen=True, slots=True)
class _Fragment:
    position: int
    """Position of its item's tag."""
    length: int

    @property
    def stretch(self) -> tuple[int, int]:
        return self.position + _ITEM_HEADER, self.length


@dataclass(frozen=True, slots=True)
class _Frame:
    """One outgoing frame: its items."""

    items: list[list[Piece]]
    removed: Counter[str]

    @property
    def sizes(self) -> list[int]:
        return [sum(map(_size, item)) for item in self.items]


def _encapsulated(source: DicomFile, element: PixelElement, walk: Walker) -> Pixels:
    stream = source.open()
    offsets, fragments = _fragments(stream, element.position, source.size)
    extended = _extended_offsets(source)
    frames = [
        _frame(stream, group, walk)
        for group in _grouped(fragments, extended or offsets, _frame_count(source))
    ]
    starts = _starts(frames)
    pieces: list[Piece] = [*_item([b"".join(at.to_bytes(4, "little") for at in starts)])]
    if extended or not offsets:
        pieces = [*_item([b""])]
    for frame in frames:
        for item in frame.items:
            pieces += _item(item)
    pieces.append(SEQUENCE_DELIMITER)
    return Pixels(
        element,
        pieces,
        sum(map(_size, pieces)),
        removed=sum((frame.removed for frame in frames), Counter()),
        extended_offsets=_extended(frames, starts) if extended else None,
    )


def _fragments(stream: BinaryIO, start: int, size: int) -> tuple[list[int], list[_Fragment]]:
    """Return the basic table's offsets and the fragments, without reading these."""
    stream.seek(start)
    try:
        offsets = parse_basic_offsets(stream)
        _, positions = parse_fragments(stream)
    except Exception:  # noqa: BLE001  # a parser raises anything of a broken table
        raise SourceFailed(Code.BAD_FRAMES) from None
    fragments = []
    for position in positions:
        stream.seek(position + 4)
        length = int.from_bytes(stream.read(4), "little")
        if position + _ITEM_HEADER + length > size:
            raise SourceFailed(Code.TRUNCATED)
        fragments.append(_Fragment(position, length))
    if not fragments:
        raise SourceFailed(Code.BAD_FRAMES)
    return offsets, fragments


def _grouped(
    fragments: Sequence[_Fragment], offsets: Sequence[int], frames: int
) -> list[Sequence[_Fragment]]:
    """Return the fragments of each frame: by the table, or all for one, or one for each."""
    first = fragments[0].position
    places = {fragment.position - first: number for number, fragment in enumerate(fragments)}
    if frames == 1:
        return [fragments]
    if len(offsets) == frames and all(at in places for at in offsets):
        begins = [places[at] for at in offsets]
        if begins[0] == 0 and begins == sorted(set(begins)):
            ends = [*begins[1:], len(fragments)]
            return [fragments[begin:end] for begin, end in zip(begins, ends, strict=True)]
    if len(fragments) == frames:
        return [[fragment] for fragment in fragments]
    raise SourceFailed(Code.BAD_FRAMES)


def _frame(stream: BinaryIO, fragments: Sequence[_Fragment], walk: Walker) -> _Frame:
    """Clean a frame; it keeps its fragments if there is nothing to remove."""
    gathered = Gathered(stream, [fragment.stretch for fragment in fragments])
    cleaned = walk(gathered)
    is_even = all(fragment.length % 2 == 0 for fragment in fragments)
    if not cleaned.removed and is_even:
        return _Frame([[fragment.stretch] for fragment in fragments], cleaned.removed)
    item: list[Piece] = []
    for piece in cleaned.kept:
        item += [piece] if isinstance(piece, bytes) else gathered.place(*piece)
    if sum(map(_size, item)) % 2:
        item.append(b"\0")
    return _Frame([item], cleaned.removed)


def _item(content: list[Piece]) -> list[Piece]:
    size = sum(map(_size, content))
    return [ITEM + size.to_bytes(4, "little"), *(piece for piece in content if piece)]


def _starts(frames: Sequence[_Frame]) -> list[int]:
    """Return where each frame begins, counted from the first fragment's item."""
    sizes = [sum(size + _ITEM_HEADER for size in frame.sizes) for frame in frames]
    return [0, *accumulate(sizes[:-1])]


def _extended_offsets(source: DicomFile) -> list[int]:
    value = source.dataset.get("ExtendedOffsetTable")
    if not isinstance(value, bytes):
        return []
    return [int.from_bytes(value[at : at + 8], "little") for at in range(0, len(value) - 7, 8)]


def _extended(frames: Sequence[_Frame], starts: Sequence[int]) -> ExtendedOffsets:
    lengths = (sum(frame.sizes) for frame in frames)
    return ExtendedOffsets(
        b"".join(at.to_bytes(8, "little") for at in starts),
        b"".join(length.to_bytes(8, "little") for length in lengths),
    )


def _frame_count(source: DicomFile) -> int:
    try:
        return max(int(source.dataset.get("NumberOfFrames") or 1), 1)
    except (TypeError, ValueError):
        raise SourceFailed(Code.MISSING_ATTRS) from None


def _contents(pieces: Sequence[Piece], stream: BinaryIO) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        position, left = piece
        stream.seek(position)
        while left:
            content = stream.read(min(left, PIECE_BYTES))
            if not content:
                raise SourceFailed(Code.TRUNCATED)
            yield content
            left -= len(content)


def _size(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece[1]

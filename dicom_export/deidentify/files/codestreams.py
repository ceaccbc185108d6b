"""Finds the parts of a compressed frame that carry pixels, so that the others can be removed.

JPEG (ISO/IEC 10918-1), JPEG-LS (14495-1) and JPEG 2000 (15444-1, 15444-15) are sequences of
marker segments with coded data between them; application segments and comments may hold any text.
RLE (PS3.5, annex G) is planes of runs, each of as many bytes as the image has pixels. No pixel is
decoded, and a frame is never in memory as a whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import BinaryIO

from pydicom.uid import UID

from dicom_export.codes import Code
from dicom_export.errors import SourceFailed

Piece = tuple[int, int] | bytes
"""A stretch of a stream (position, length), or bytes that replace others."""

WINDOW_BYTES = 1024**2


class Unknown(SourceFailed):
    """The data are not known to be pixels (UNSUPPORTED_PIXELS)."""

    def __init__(self) -> None:
        super().__init__(Code.UNSUPPORTED_PIXELS)


class Gathered:
    """Stretches of a stream, read as one."""

    def __init__(self, stream: BinaryIO, stretches: list[tuple[int, int]]) -> None:
        self._stream = stream
        self._stretches = stretches
        self.size = sum(length for _, length in stretches)

    def read(self, position: int, count: int) -> bytes:
        """Read up to ``count`` bytes; fewer at the end."""
        return b"".join(self._read(start, length) for start, length in self.place(position, count))

    def number(self, position: int, width: int) -> int:
        """Read an unsigned big-endian number.

        Raises:
            Unknown: the frame ends before.
        """
        content = self.read(position, width)
        if len(content) < width:
            raise Unknown
        return int.from_bytes(content)

    def place(self, position: int, count: int) -> list[tuple[int, int]]:
        """Return the stretches of the stream that hold these bytes."""
        found: list[tuple[int, int]] = []
        for start, length in self._stretches:
            if count <= 0:
                break
            if position < length:
                taken = min(length - position, count)
                found.append((start + position, taken))
                count -= taken
                position = 0
            else:
                position -= length
        return found

    def _read(self, position: int, count: int) -> bytes:
        self._stream.seek(position)
        return self._stream.read(count)


@dataclass(slots=True)
class Cleaned:
    """The kept parts of a frame, in order, and the removed ones."""

    kept: list[Piece] = field(default_factory=list)
    removed: Counter[str] = field(default_factory=Counter)
    """Segments by name."""

    def keep(self, start: int, end: int) -> None:
        """Keep a stretch of the frame."""
        if end <= start:
            return
        last = self.kept[-1] if self.kept else b""
        if isinstance(last, tuple) and sum(last) == start:
            self.kept[-1] = (last[0], end - last[0])
        else:
            self.kept.append((start, end - start))

    def put(self, content: bytes) -> None:
        """Append bytes that replace others of the frame."""
        self.kept.append(content)


Walker = Callable[[Gathered], Cleaned]


def walker(syntax: UID) -> Walker:
    """Return the function that cleans frames of a transfer syntax other than RLE.

    Raises:
        Unknown: the syntax is not supported.
    """
    for pattern, walk in _WALKERS:
        if pattern.fullmatch(syntax):
            return walk
    raise Unknown


# JPEG and JPEG-LS ---------------------------------------------------------------------------------

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_JPEG_LS_FRAME = 0xF7
_APPLICATION = range(0xE0, 0xF0)
_FRAMES = frozenset({*range(0xC0, 0xD0), _JPEG_LS_FRAME} - {0xC4, 0xC8, 0xCC})
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0xF8})
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_NEXT_MARKER_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")

# Decoders read the coding of colours from these segments; they have no room for text.
_JFIF = re.compile(rb"JFIF\0\x01[\0-\x02][\0-\x02].{4}\0\0", re.DOTALL)
_ADOBE = re.compile(rb"Adobe\0[\0\x64\x65](.{2}\0\0[\0-\x02]|\0{3})", re.DOTALL)
_MRFX = re.compile(rb"mrfx[\0-\x05]", re.DOTALL)
_COLOUR = {0xE0: (b"JFIF\0", _JFIF), 0xEE: (b"Adobe", _ADOBE), 0xE8: (b"mrfx", _MRFX)}


@dataclass(slots=True)
class _Segment:
    marker: int
    start: int
    end: int


def jpeg(frame: Gathered) -> Cleaned:
    """Remove application segments, comments, and bytes after the end of the image.

    A colour image keeps the segments that tell the coding of its colours.

    Raises:
        Unknown: the frame is no JPEG, or holds a segment of unknown purpose.
    """
    if frame.read(0, 2) != bytes((0xFF, _SOI)):
        raise Unknown
    segments = list(_jpeg_segments(frame))
    components = max(
        (frame.number(one.start + 9, 1) for one in segments if one.marker in _FRAMES), default=0
    )
    cleaned = Cleaned()
    cleaned.keep(0, 2)
    for one in segments:
        if _is_without_pixels(frame, one, is_colour=components > 1):
            cleaned.removed[_jpeg_name(one.marker)] += 1
        else:
            cleaned.keep(one.start, one.end)
    _close(frame, cleaned, segments[-1].end if segments else 2)
    return cleaned


def _jpeg_segments(frame: Gathered) -> Iterator[_Segment]:
    """Yield the segments; a scan's segment includes its coded data."""
    position, is_ls = 2, False
    while position < frame.size:
        start = position
        if frame.number(position, 1) != 0xFF:
            raise Unknown
        while (marker := frame.number(position + 1, 1)) == 0xFF:
            position += 1
        position += 2
        if marker == _EOI:
            yield _Segment(marker, start, position)
            return
        if marker not in _ALONE:
            if marker not in _FRAMES | _TABLES | {_SOS, _COM, *_APPLICATION}:
                raise Unknown
            position += frame.number(position, 2)
        is_ls = is_ls or marker == _JPEG_LS_FRAME
        if marker == _SOS:
            position = _end_of_scan(frame, position, _NEXT_MARKER_LS if is_ls else _NEXT_MARKER)
        yield _Segment(marker, start, min(position, frame.size))


def _end_of_scan(frame: Gathered, position: int, pattern: re.Pattern[bytes]) -> int:
    while window := frame.read(position, WINDOW_BYTES):
        if found := pattern.search(window):
            return position + found.start()
        # A marker may cross the edge of the window.
        position += max(len(window) - 1, 1)
    return frame.size


def _is_without_pixels(frame: Gathered, one: _Segment, *, is_colour: bool) -> bool:
    if one.marker == _COM:
        return True
    if one.marker not in _APPLICATION:
        return False
    if not is_colour or one.marker not in _COLOUR:
        return True
    name, pattern = _COLOUR[one.marker]
    body = frame.read(one.start, min(one.end - one.start, 64)).lstrip(b"\xff")[3:]
    if not body.startswith(name):
        return True
    if pattern.fullmatch(body):
        return False
    if one.marker == 0xE0:
        # A thumbnail; decoders assume the same colours without it.
        return True
    raise Unknown


def _jpeg_name(marker: int) -> str:
    return "JPEG COM" if marker == _COM else f"JPEG APP{marker - 0xE0}"


# JPEG 2000 ----------------------------------------------------------------------------------------

_SOC, _SOT, _SOD, _EOC, _COM_2000 = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9, 0xFF64
_SEGMENTS_2000 = frozenset(
    {0xFF50, 0xFF51, 0xFF52, 0xFF53, 0xFF55, 0xFF56, 0xFF57, 0xFF58, 0xFF59, 0xFF5C, 0xFF5D,
     0xFF5E, 0xFF5F, 0xFF60, 0xFF61, 0xFF63, 0xFF72, 0xFF73, 0xFF74, 0xFF75, 0xFF76, 0xFF77,
     0xFF78, 0xFF79}
)  # fmt: skip
_JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_CODESTREAM_BOX = b"jp2c"


def jpeg_2000(frame: Gathered) -> Cleaned:
    """Remove comments, the boxes of a JP2 file, and bytes after the end of the codestream.

    A comment in the header of a tile-part is overwritten with zeros, since other segments count
    its length.

    Raises:
        Unknown: the frame is no JPEG 2000, or holds a segment of unknown purpose.
    """
    cleaned = Cleaned()
    start, end = 0, frame.size
    if frame.read(0, len(_JP2_SIGNATURE)) == _JP2_SIGNATURE:
        start, end = _codestream(frame)
        cleaned.removed["JP2 boxes"] += 1
    if frame.number(start, 2) != _SOC:
        raise Unknown
    cleaned.keep(start, start + 2)
    position = start + 2
    while position < end:
        marker = frame.number(position, 2)
        if marker == _EOC:
            cleaned.keep(position, position + 2)
            position += 2
            break
        if marker == _SOT:
            position = _tile_part(frame, cleaned, position, end)
            continue
        after = _after_segment(frame, position, marker)
        if marker == _COM_2000:
            cleaned.removed["JPEG 2000 COM"] += 1
        else:
            cleaned.keep(position, after)
        position = after
    _close(frame, cleaned, position)
    return cleaned


def _tile_part(frame: Gathered, cleaned: Cleaned, start: int, end: int) -> int:
    """Keep one tile-part and return the position after it."""
    length = frame.number(start + 6, 4)
    last = min(start + length, end) if length else _end_of_codestream(frame, end)
    position = start + 12
    cleaned.keep(start, position)
    while position < last and (marker := frame.number(position, 2)) != _SOD:
        after = _after_segment(frame, position, marker)
        if marker == _COM_2000:
            cleaned.removed["JPEG 2000 COM"] += 1
            cleaned.keep(position, position + 4)
            cleaned.put(bytes(after - position - 4))
        else:
            cleaned.keep(position, after)
        position = after
    if last <= position:
        raise Unknown
    cleaned.keep(position, last)
    return last


def _end_of_codestream(frame: Gathered, end: int) -> int:
    """Return the position of the end marker, where a last tile-part of length 0 ends."""
    tail = frame.read(max(end - 3, 0), 3)
    at = tail.rfind(_EOC.to_bytes(2))
    return end if at < 0 else end - len(tail) + at


def _after_segment(frame: Gathered, position: int, marker: int) -> int:
    if marker != _COM_2000 and marker not in _SEGMENTS_2000:
        raise Unknown
    length = frame.number(position + 2, 2)
    if length < 2 or position + 2 + length > frame.size:
        raise Unknown
    return position + 2 + length


def _codestream(frame: Gathered) -> tuple[int, int]:
    """Find the codestream among the boxes of a JP2 file (ISO/IEC 15444-1, annex I)."""
    position = 0
    while position + 8 <= frame.size:
        length, header = frame.number(position, 4), 8
        if length == 1:
            length, header = frame.number(position + 8, 8), 16
        end = frame.size if length == 0 else position + length
        if frame.read(position + 4, 4) == _CODESTREAM_BOX:
            return position + header, min(end, frame.size)
        if end <= position:
            break
        position = end
    raise Unknown


# RLE ----------------------------------------------------------------------------------------------


def rle(frame: Gathered, *, planes: int, samples: int) -> Cleaned:
    """Keep each plane of bytes up to its last sample; later bytes show in no picture.

    ``planes`` are a frame's bytes per pixel, ``samples`` its pixels.

    Raises:
        Unknown: the header breaks PS3.5, section G.5, or a run exceeds its plane.
    """
    header = [int.from_bytes(frame.read(position, 4), "little") for position in range(0, 64, 4)]
    count, offsets = header[0], header[1:]
    used, unused = offsets[:count], offsets[count:]
    is_ascending = used == sorted(set(used)) and all(64 <= at < frame.size for at in used)
    if count != planes or not 1 <= count <= 15 or used[0] != 64 or not is_ascending or any(unused):
        raise Unknown
    segments = [
        (start, _end_of_plane(frame, start, limit, samples), limit)
        for start, limit in pairwise([*used, frame.size])
    ]
    cleaned = Cleaned()
    if all(_is_padding(frame, end, limit) for _, end, limit in segments):
        cleaned.keep(0, frame.size)
        return cleaned
    cleaned.removed["bytes behind an RLE plane"] += 1
    lengths = [end - start + (end - start) % 2 for start, end, _ in segments]
    starts = accumulate(lengths[:-1], initial=64)
    numbers = [count, *starts, *unused]
    cleaned.put(b"".join(number.to_bytes(4, "little") for number in numbers))
    for start, end, _ in segments:
        cleaned.keep(start, end)
        cleaned.put(bytes((end - start) % 2))
    return cleaned


def _end_of_plane(frame: Gathered, start: int, limit: int, samples: int) -> int:
    """Walk the runs (PS3.5, section G.3.2) until the plane has all its samples."""
    window, begin, position = b"", start, start
    while samples > 0:
        if not begin <= position < begin + len(window):
            window, begin = frame.read(position, min(WINDOW_BYTES, limit - position)), position
            if not window:
                raise Unknown
        control = window[position - begin]
        if control < 128:
            position += control + 2
            samples -= control + 1
        elif control > 128:
            position += 2
            samples -= 257 - control
        else:
            position += 1
    if samples or position > limit:
        raise Unknown
    return position


def _is_padding(frame: Gathered, start: int, end: int) -> bool:
    """Whether the range is empty, or the one zero that makes a length even."""
    return start == end or frame.read(start, end - start) == b"\0"


# --------------------------------------------------------------------------------------------------


def _close(frame: Gathered, cleaned: Cleaned, end: int) -> None:
    """Remove bytes after the image, except one byte of padding (PS3.5, section A.4)."""
    rest = frame.size - end
    if rest == 1 and frame.read(end, 1) in (b"\0", b"\xff"):
        cleaned.keep(end, frame.size)
    elif rest > 0:
        cleaned.removed["bytes after the image"] += 1


_WALKERS: tuple[tuple[re.Pattern[str], Walker], ...] = (
    (re.compile(r"1\.2\.840\.10008\.1\.2\.4\.(5[0-9]|6[0-6]|70|80|81)"), jpeg),
    (re.compile(r"1\.2\.840\.10008\.1\.2\.4\.(9[0-3]|20[1-3])"), jpeg_2000),
)

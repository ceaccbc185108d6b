"""Pixel data: every coded byte stays, and nothing else does."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_fragments, generate_frames
from pydicom.pixels import pixel_array
from pydicom.uid import JPEG2000, MPEG2MPML, RLELossless

from dicom_export.codes import Code
from dicom_export.deidentify.files.codestreams import Gathered, jpeg, jpeg_2000, rle
from dicom_export.errors import SourceFailed
from tests.support.deidentified import deidentified, small_radiograph, to_bytes

WORD = b"GARCIA^MARIA"


def frame_of(name: str) -> bytes:
    """A real compressed frame, without what would be left out of it and without padding."""
    path = get_testdata_file(name, download=False)
    dataset = dcmread(path)
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    walk = jpeg_2000 if dataset.file_meta.TransferSyntaxUID.name.startswith("JPEG 2000") else jpeg
    whole = kept(walk, frame)
    return whole[: whole.rindex(b"\xff\xd9") + 2]


def kept(walk: Any, frame: bytes, cuts: Sequence[int] = ()) -> bytes:
    """What a walk keeps of a frame that lies in several stretches."""
    edges = [0, *sorted({cut % (len(frame) + 1) for cut in cuts}), len(frame)]
    stretches = [(begin, end - begin) for begin, end in pairwise(edges)]
    gathered = Gathered(BytesIO(frame), stretches)
    out = b""
    for piece in walk(gathered).kept:
        if isinstance(piece, bytes):
            out += piece
        else:
            out += b"".join(frame[at : at + count] for at, count in gathered.place(*piece))
    return out


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body


# JPEG ---------------------------------------------------------------------------------------------

JPEGS = ("JPGExtended.dcm", "JPEG-LL.dcm", "JPEGLSNearLossless_16.dcm", "SC_rgb_small_odd_jpeg.dcm")


def jpeg_places(frame: bytes) -> list[int]:
    """Where segments may be put: before each segment that is there."""
    places, position = [], 2
    while frame[position + 1] != 0xDA:
        places.append(position)
        position += 2 + int.from_bytes(frame[position + 2 : position + 4])
    return [*places, position]


@pytest.mark.parametrize("name", JPEGS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_segments_without_pixels_leave_a_jpeg(name: str, data: st.DataObject) -> None:
    frame = frame_of(name)
    assert kept(jpeg, frame) == frame
    inserted = frame
    for place in sorted(data.draw(st.lists(st.sampled_from(jpeg_places(frame)))), reverse=True):
        marker = data.draw(st.sampled_from([0xFE, *(0xE0 + n for n in range(16) if n != 14)]))
        body = data.draw(st.binary(max_size=300)) + WORD
        inserted = inserted[:place] + segment(marker, body) + inserted[place:]
    inserted += data.draw(st.sampled_from([b"", WORD, b"\0\0\0", bytes(500)]))
    cuts = data.draw(st.lists(st.integers(1, len(inserted)), max_size=3))
    assert kept(jpeg, inserted, cuts) == frame


def test_comments_between_the_scans_of_a_jpeg_go_too() -> None:
    frame = frame_of("JPGExtended.dcm")
    with_comment = frame[:-2] + segment(0xFE, WORD) + frame[-2:]
    assert kept(jpeg, with_comment) == frame


def test_what_says_how_colours_are_coded_stays_only_as_it_has_to_be() -> None:
    frame = frame_of("SC_rgb_small_odd_jpeg.dcm")
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01")
    jfif = segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0")
    bare = frame.replace(adobe, b"").replace(jfif, b"")
    for good in (adobe, jfif):
        assert kept(jpeg, bare[:2] + good + bare[2:]) == bare[:2] + good + bare[2:]
    thumbnail = segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\x04\x01" + WORD)
    assert kept(jpeg, bare[:2] + thumbnail + bare[2:]) == bare
    # Without it the colours would come out differently: better no image than a leak or a lie.
    with pytest.raises(SourceFailed) as caught:
        kept(jpeg, bare[:2] + segment(0xEE, b"Adobe\0\x64" + WORD) + bare[2:])
    assert caught.value.code is Code.UNSUPPORTED_PIXELS
    grey = frame_of("JPGExtended.dcm")
    assert kept(jpeg, grey[:2] + adobe + jfif + grey[2:]) == grey


# JPEG 2000 ----------------------------------------------------------------------------------------


def comment(body: bytes) -> bytes:
    return segment(0x64, b"\0\x01" + body)


def test_comments_leave_a_jpeg_2000_codestream() -> None:
    frame = frame_of("JPEG2000.dcm")
    assert b"\xff\x64" not in frame[:200]
    after_size = 4 + int.from_bytes(frame[4:6])
    before_tile = frame.index(b"\xff\x90")
    for place in (after_size, before_tile):
        assert kept(jpeg_2000, frame[:place] + comment(WORD) + frame[place:]) == frame
    assert kept(jpeg_2000, frame + WORD) == frame


def test_a_comment_in_a_tile_part_is_blanked_since_its_length_is_counted() -> None:
    frame = frame_of("JPEG2000.dcm")
    tile = frame.index(b"\xff\x90")
    place = tile + 12
    added = comment(WORD)
    length = int.from_bytes(frame[tile + 6 : tile + 10])
    longer = frame[: tile + 6] + (length + len(added)).to_bytes(4) + frame[tile + 10 : place]
    out = kept(jpeg_2000, longer + added + frame[place:])
    assert out == longer + added.replace(b"\0\x01" + WORD, bytes(len(WORD) + 2)) + frame[place:]


def test_only_the_codestream_of_a_jp2_file_stays() -> None:
    dataset = dcmread(get_testdata_file("GDCMJ2K_TextGBR.dcm", download=False))
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    box = (len(WORD) + 8).to_bytes(4) + b"xml " + WORD
    assert frame[4:8] == b"jP  "
    out = kept(jpeg_2000, frame[:12] + box + frame[12:] + box)
    assert out.startswith(b"\xff\x4f\xff\x51")
    assert WORD not in out
    assert out == kept(jpeg_2000, frame).rstrip(b"\0")


# RLE and the unknown ------------------------------------------------------------------------------


def rle_frame(*planes: bytes) -> bytes:
    """A frame of planes that are runs already."""
    starts = [64 + sum(map(len, planes[:number])) for number in range(len(planes))]
    numbers = [len(planes), *starts, *[0] * (15 - len(planes))]
    return b"".join(number.to_bytes(4, "little") for number in numbers) + b"".join(planes)


def test_an_rle_header_hides_nothing() -> None:
    walk = partial(rle, planes=1, samples=2)
    good = rle_frame(b"\x01ab\x00")
    assert kept(walk, good) == good
    for bad in (
        good[:20] + WORD + good[20 + len(WORD) :],
        (0).to_bytes(4, "little") + good[4:],
        (16).to_bytes(4, "little") + good[4:],
        good[:4] + (70).to_bytes(4, "little") + good[8:],
        # A plane that no pixel needs; runs that end too early or go too far.
        rle_frame(b"\x01ab\x00", b"\x01cd\x00"),
        rle_frame(b"\x00a"),
        rle_frame(b"\x02abc"),
        rle_frame(b"\x01a"),
    ):
        with pytest.raises(SourceFailed):
            kept(walk, bad)


@pytest.mark.parametrize("cuts", [(), (3, 65, 70, 71, 80)])
def test_bytes_behind_an_rle_plane_go_and_its_runs_stay(cuts: Sequence[int]) -> None:
    walk = partial(rle, planes=2, samples=6)
    # A literal run, one that repeats, one that says nothing.
    first, second = b"\x02abc\x80\xfed", b"\xfbe"
    assert kept(walk, rle_frame(first + b"\0", second)) == rle_frame(first + b"\0", second)
    expected = rle_frame(first + b"\0", second)
    for frame in (
        rle_frame(first + WORD, second),
        rle_frame(first, second + WORD),
        rle_frame(first + b"x", second),
        rle_frame(first + b"\0\0", second),
    ):
        assert kept(walk, frame, cuts) == expected


def test_bytes_behind_a_real_rle_image_go() -> None:
    dataset = dcmread(get_testdata_file("MR_small_RLE.dcm", download=False))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    untouched = deidentified(dataset)
    assert untouched.file.removed_from_pixels == {}
    dataset.PixelData = encapsulate([frame + WORD + WORD])
    out = deidentified(dataset)
    assert WORD not in out.content
    assert out.file.removed_from_pixels == {"bytes behind an RLE plane": 1}
    assert (out.dataset.pixel_array == untouched.dataset.pixel_array).all()


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(JPEGS), st.integers(0, 2**32), st.binary(min_size=1, max_size=8))
def test_no_damage_is_taken_for_pixels_or_breaks_the_walk(
    name: str, place: int, damage: bytes
) -> None:
    """A damaged frame is refused, or what is kept is a part of it: nothing is made up."""
    frame = frame_of(name)
    place %= len(frame)
    damaged = frame[:place] + damage + frame[place + len(damage) :]
    try:
        out = kept(jpeg, damaged)
    except SourceFailed:
        return
    assert len(out) <= len(damaged)


def compressed(frames: list[bytes], **options: Any) -> FileDataset:
    dataset = dcmread(get_testdata_file("JPEG2000.dcm", download=False))
    dataset.NumberOfFrames = len(frames)
    dataset.PixelData = encapsulate(frames, **options)
    return dataset


def refusal(content: bytes | FileDataset) -> Code:
    with pytest.raises(SourceFailed) as caught:
        deidentified(content)
    return caught.value.code


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pixels_of_an_unknown_form_do_not_leave() -> None:
    frame = frame_of("JPEG2000.dcm")
    content = to_bytes(compressed([frame]))
    assert content.count(JPEG2000.encode()) == 1
    # Neither is one of the standard.
    for syntax in (b"1.2.840.10008.1.2.4.99", b"1.2.840.10008.1.2.9.90"):
        other = content.replace(JPEG2000.encode(), syntax)
        assert refusal(other) is Code.UNSUPPORTED_PIXELS
    dataset = compressed([frame])
    dataset.file_meta.TransferSyntaxUID = MPEG2MPML
    assert refusal(dataset) is Code.UNSUPPORTED_PIXELS
    for content in (b"GIF89a", b"\xff\xd8\xff\xe0", bytes(100), WORD):
        assert refusal(compressed([content])) is Code.UNSUPPORTED_PIXELS
    dataset = compressed([b"\x01" * 100])
    dataset.file_meta.TransferSyntaxUID = RLELossless
    assert refusal(dataset) is Code.UNSUPPORTED_PIXELS


# Fragments and frames -----------------------------------------------------------------------------


def fragments_of(content: bytes) -> list[bytes]:
    return list(generate_fragments(dcmread(BytesIO(content)).PixelData))


def test_pixel_data_without_anything_to_remove_are_byte_for_byte_the_same() -> None:
    frame = frame_of("JPEG2000.dcm")
    for options in ({"fragments_per_frame": 1}, {"fragments_per_frame": 3}, {"has_bot": False}):
        dataset = compressed([frame], **options)
        out = deidentified(dataset)
        assert out.dataset.PixelData == dataset.PixelData
        assert out.file.removed_from_pixels == {}


@pytest.mark.parametrize("fragments", [1, 4])
def test_frames_and_their_offsets_hold_after_a_segment_is_gone(fragments: int) -> None:
    frame = frame_of("JPEG2000.dcm")
    place = frame.index(b"\xff\x90")
    long = frame[:place] + comment(WORD * 100) + frame[place:]
    dataset = compressed([long, frame, long], fragments_per_frame=fragments)
    out = deidentified(dataset)
    assert WORD not in out.content
    assert out.file.removed_from_pixels == {"JPEG 2000 COM": 2}
    frames = list(generate_frames(out.dataset.PixelData, number_of_frames=3))
    assert [one.rstrip(b"\0") for one in frames] == [frame.rstrip(b"\0")] * 3


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_extended_table_of_offsets_is_made_anew() -> None:
    frame = frame_of("JPEG2000.dcm")
    place = frame.index(b"\xff\x90")
    long = frame[:place] + comment(WORD * 100) + frame[place:]
    dataset = compressed([frame])
    dataset.NumberOfFrames = 2
    values = encapsulate_extended([long, frame])
    dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = values
    out = deidentified(dataset)
    read_back = out.dataset
    offsets = (read_back.ExtendedOffsetTable, read_back.ExtendedOffsetTableLengths)
    frames = list(
        generate_frames(read_back.PixelData, number_of_frames=2, extended_offsets=offsets)
    )
    assert [one.rstrip(b"\0") for one in frames] == [frame.rstrip(b"\0")] * 2


def test_a_table_of_offsets_that_holds_something_else_goes() -> None:
    frame = frame_of("JPEG2000.dcm")
    dataset = compressed([frame])
    item = b"\xfe\xff\x00\xe0"
    value = dataset.PixelData
    assert value.startswith(item + b"\x04\0\0\0\0\0\0\0")
    text = (WORD * 2)[:24]
    dataset.PixelData = item + len(text).to_bytes(4, "little") + text + value[12:]
    out = deidentified(dataset)
    assert WORD not in out.content
    assert out.dataset.PixelData == value


def test_fragments_that_belong_to_no_certain_frame_are_refused() -> None:
    frame = frame_of("JPEG2000.dcm")
    dataset = compressed([frame, frame], has_bot=False, fragments_per_frame=2)
    assert refusal(dataset) is Code.BAD_FRAMES


def test_bytes_behind_the_last_frame_are_no_pixels() -> None:
    dataset = small_radiograph()
    pixels = dataset.PixelData
    dataset.PixelData = pixels + WORD
    out = deidentified(dataset)
    assert out.dataset.PixelData == pixels
    assert out.file.removed_from_pixels == {"bytes after the last frame": 1}
    assert out.pixels_sha256 == hashlib.sha256(pixels).hexdigest()


def test_what_follows_the_pixels_stays_here() -> None:
    dataset = small_radiograph()
    dataset.add_new(0x7FE10010, "OB", WORD)
    dataset.add_new(0xFFFCFFFC, "OB", WORD)
    out = deidentified(to_bytes(dataset) + WORD)
    assert WORD not in out.content


@pytest.mark.parametrize("name", ["RG1_J2KR.dcm", "RG1_J2KI.dcm", "RG1_UNCR.dcm", "RG3_UNCI.dcm"])
def test_a_real_radiograph_decodes_to_the_same_pixels(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert path is not None
    out = deidentified(Path(path).read_bytes())
    assert np.array_equal(pixel_array(path), pixel_array(BytesIO(out.content)))
    assert out.dataset.file_meta.TransferSyntaxUID == dcmread(path).file_meta.TransferSyntaxUID
    if name == "RG1_J2KI.dcm":
        assert out.dataset.file_meta.TransferSyntaxUID == JPEG2000

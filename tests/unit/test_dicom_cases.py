"""What archives really hold, case by case: a file passes, or is stopped by the code it merits."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HEVCMP51,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from dicom_export import dicom_file
from dicom_export.blobs import Budget, Workspace
from dicom_export.codes import Code, ImageStatus
from dicom_export.deidentify import PassThrough
from dicom_export.prepare.study import prepare
from dicom_export.sources import Sources
from dicom_export.sources.local import LocalSource
from tests.support.dicom import (
    CR,
    DX,
    code_of,
    inspected,
    judged,
    radiograph,
    rows,
    sample,
    written,
)
from tests.support.sources import a_study, an_image

# A chest radiograph of full size, monochrome 1, as four systems keep it.
CHEST = ("RG1_UNCI.dcm", "RG1_UNCR.dcm", "RG1_J2KI.dcm", "RG1_J2KR.dcm")
JPEG_XL = "1.2.840.10008.1.2.4.110"


# Whole --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHEST)
def test_a_chest_radiograph_passes_in_every_encoding(name: str) -> None:
    found = judged(sample(name))
    assert found.code is None
    assert found.attributes["photometric_interpretation"] == "MONOCHROME1"
    assert found.attributes["modality"] == "CR"
    assert found.attributes["rows"] == 1955
    assert found.attributes["columns"] == 1841
    assert found.attributes["view_position"] == "PA"


@pytest.mark.parametrize(
    "name",
    [
        "emri_small.dcm", "emri_small_RLE.dcm", "emri_small_big_endian.dcm",
        "emri_small_jpeg_2k_lossless.dcm", "emri_small_jpeg_ls_lossless.dcm",
        "OBXXXX1A_rle_2frame.dcm", "OBXXXX1A_expb_2frame.dcm", "SC_rgb_32bit_2frame.dcm",
        "color3d_jpeg_baseline.dcm",
    ],
)  # fmt: skip
def test_many_frames_are_one_image(name: str) -> None:
    found = judged(sample(name))
    assert found.code is None
    frames = found.attributes["number_of_frames"]
    assert isinstance(frames, int)
    assert frames > 1


@pytest.mark.parametrize(
    ("name", "colours"),
    [
        ("color-px.dcm", "RGB"),
        ("gdcm-US-ALOKA-16.dcm", "PALETTE COLOR"),
        ("SC_rgb.dcm", "RGB"),
        ("color-pl.dcm", "RGB"),
        ("SC_ybr_full_422_uncompressed.dcm", "YBR_FULL_422"),
    ],
)
def test_colours_pass_and_are_told(name: str, colours: str) -> None:
    found = judged(sample(name))
    assert found.code is None
    assert found.attributes["photometric_interpretation"] == colours


def test_a_secondary_capture_is_an_image_whatever_its_modality_says() -> None:
    content = written(radiograph(SOPClassUID=SecondaryCaptureImageStorage, Modality="CR"))
    assert code_of(content) is None


@pytest.mark.parametrize("sop_class", [CR, DX, DigitalXRayImageStorageForProcessing])
def test_raw_and_finished_images_pass_and_say_which_they_are(sop_class: str) -> None:
    intent = "FOR PROCESSING" if sop_class == DigitalXRayImageStorageForProcessing else None
    content = written(
        radiograph(SOPClassUID=sop_class, **({"PresentationIntentType": intent} if intent else {}))
    )
    found = judged(content)
    assert found.code is None
    assert found.attributes["presentation_intent_type"] == intent


@pytest.mark.parametrize(
    "name", ["bad_sequence.dcm", "explicit_VR-UN.dcm", "MR-SIEMENS-DICOM-WithOverlays.dcm"]
)
def test_sloppy_but_whole(name: str) -> None:
    """Wrong lengths of sequences, known elements of unknown type, private ones, overlays."""
    assert code_of(sample(name)) is None


CHARSETS = [
    "chrArab.dcm", "chrFren.dcm", "chrFrenMulti.dcm", "chrGerm.dcm", "chrGreek.dcm", "chrH31.dcm",
    "chrH32.dcm", "chrHbrw.dcm", "chrI2.dcm", "chrRuss.dcm", "chrX1.dcm", "chrX2.dcm",
]  # fmt: skip


@pytest.mark.parametrize("name", CHARSETS)
def test_names_in_any_script(name: str) -> None:
    found = judged(sample(name))
    assert found.code is None
    json.dumps(found.attributes, allow_nan=False)


@pytest.mark.parametrize(
    "charset",
    [None, "", "ISO_IR 192", "ISO_IR 100", ["", "ISO 2022 IR 87"], "no such thing", ["", ""], "\\"],
)
def test_a_character_set_that_is_absent_wrong_or_unknown(charset: str | list[str] | None) -> None:
    dataset = radiograph(SpecificCharacterSet=None, Manufacturer=b"".decode())
    content = written(dataset)
    raw = "Núñez".encode("latin-1")
    if charset is not None:
        value = "\\".join(charset) if isinstance(charset, list) else charset
        dataset.SpecificCharacterSet = value
    dataset.add_new("Manufacturer", "LO", raw)
    buffer = BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pydicom.config.settings.writing_validation_mode", 0)
        dataset.save_as(buffer)
    content = buffer.getvalue()
    assert raw in content
    found = judged(content)
    assert found.code is None
    json.dumps(found.attributes, allow_nan=False)


def test_values_of_no_use_are_left_out() -> None:
    content = written(radiograph())
    # Exposure is an integer string, KVP a decimal one.
    for damage in (b"1A", b"\xff\xfe", b"9" * 16, b"NaN ", b"Inf ", b"\\\\"):
        spoilt = radiograph(KVP="1", WindowCenter="2")
        content = written(spoilt)
        for tag in (b"\x18\x00\x60\x00DS", b"\x28\x00\x50\x10DS"):
            at = content.index(tag)
            length = struct.pack("<H", len(damage))
            content = content[: at + 6] + length + damage + content[at + 8 + 2 :]
        found = judged(content)
        assert found.code is None
        json.dumps(found.attributes, allow_nan=False)


# Transfer syntaxes --------------------------------------------------------------------------------


def encapsulated(*frames: bytes, number_of_frames: int | None = None, table: bool = True) -> bytes:
    dataset = radiograph(PixelData=encapsulate(list(frames), has_bot=table))
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.NumberOfFrames = number_of_frames or len(frames)
    return written(dataset, JPEGBaseline8Bit)


def under(content: bytes, syntax: str) -> bytes:
    """Say in the file meta that the pixels are encoded in another way."""
    old = str(JPEGBaseline8Bit).encode()
    at = content.index(old)
    assert content[at - 2 : at] == struct.pack("<H", len(old))
    new = syntax.encode() + b"\0" * (len(syntax) % 2)
    before = content[: at - 2]
    # The length of the file meta stands at its head.
    (length,) = struct.unpack("<I", before[140:144])
    before = before[:140] + struct.pack("<I", length + len(new) - len(old)) + before[144:]
    return before + struct.pack("<H", len(new)) + new + content[at + len(old) :]


@pytest.mark.parametrize("syntax", [HTJ2KLossless, JPEG_XL, "1.2.3.4", HEVCMP51])
def test_what_nobody_here_can_decode_is_judged_by_its_frame(syntax: str) -> None:
    content = under(encapsulated(b"\x01\x02" * 8), syntax)
    found = judged(content)
    assert found.code is None
    assert found.attributes["transfer_syntax_uid"] == syntax
    assert code_of(content[:-20], content) == Code.TRUNCATED


def test_a_video_is_one_stream_of_many_frames() -> None:
    content = encapsulated(b"\x01\x02" * 8, number_of_frames=25, table=False)
    assert code_of(content) == Code.BAD_FRAMES
    assert code_of(under(content, HEVCMP51)) is None


def test_pixels_that_lie_otherwise_than_their_encoding_says() -> None:
    assert code_of(under(encapsulated(b"\x01\x02" * 8), ExplicitVRLittleEndian)) == Code.BAD_FRAMES
    assert code_of(written(radiograph(), ImplicitVRLittleEndian)) is None
    native = written(radiograph())
    claimed = native.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
    assert claimed != native
    assert code_of(claimed) == Code.BAD_FRAMES


def test_a_file_that_does_not_say_how_it_is_encoded() -> None:
    content = written(radiograph(), None)
    assert code_of(content) == Code.MISSING_ATTRS


# Not a DICOM file ---------------------------------------------------------------------------------


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("image.dcm", content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: b"<!DOCTYPE html><html><body>404</body></html>",
        lambda content: b'{"error": "not found"}',
        lambda content: bytes(len(content)),
        lambda content: content[:131],
        lambda content: content[132:],
        lambda content: content[1:],
        gzip.compress,
        zipped,
    ],
)
def test_what_is_no_dicom_file(spoil: Callable[[bytes], bytes]) -> None:
    """Also a dataset without preamble and file meta: readers of the dataset could not open it."""
    content = sample("RG1_J2KI.dcm")
    assert code_of(spoil(content), content) == Code.NOT_DICOM


@pytest.mark.parametrize(
    "name", ["no_meta.dcm", "OT-PAL-8-face.dcm", "ExplVR_LitEndNoMeta.dcm", "rtstruct.dcm"]
)
def test_old_files_without_file_meta(name: str) -> None:
    assert code_of(sample(name)) == Code.NOT_DICOM


# Cut ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "keep", "code"),
    [
        ("RG1_UNCR.dcm", lambda n: n - 2000, Code.TRUNCATED),
        ("RG1_UNCR.dcm", lambda n: n // 2, Code.TRUNCATED),
        ("RG1_UNCR.dcm", lambda n: 600, Code.TRUNCATED),
        ("RG1_UNCR.dcm", lambda n: 140, Code.TRUNCATED),
        ("RG1_J2KR.dcm", lambda n: n - 10, Code.TRUNCATED),
        ("RG1_J2KR.dcm", lambda n: n // 2, Code.TRUNCATED),
        ("RG1_J2KR.dcm", lambda n: 600, Code.TRUNCATED),
        # What is lost is padding, or the last byte of a delimiter: both decode.
        ("RG1_UNCR.dcm", lambda n: n - 1, None),
        ("RG1_J2KR.dcm", lambda n: n - 1, None),
    ],
)
def test_a_radiograph_cut_short(name: str, keep: Callable[[int], int], code: Code | None) -> None:
    content = sample(name)
    assert code_of(content[: keep(len(content))], content) == code


def test_cut_jpeg_2000_looks_like_an_empty_file_to_pydicom() -> None:
    content = sample("RG1_J2KR.dcm")[:-10]
    with pytest.warns(UserWarning, match="End of file"):
        assert len(dcmread(BytesIO(content))) == 0
    assert code_of(content, sample("RG1_J2KR.dcm")) == Code.TRUNCATED
    name = "emri_small_jpeg_2k_lossless_too_short.dcm"
    assert code_of(sample(name), sample("emri_small_jpeg_2k_lossless.dcm")) == Code.TRUNCATED


def test_what_overwrites_compressed_pixels_is_missed() -> None:
    """Only a checksum from elsewhere would tell: the ledger keeps that of the first sight."""
    content = bytearray(sample("RG1_J2KR.dcm"))
    content[2_000_000:2_000_064] = b"\xaa" * 64
    assert code_of(bytes(content)) is None


def test_deflated_files_whole_and_cut() -> None:
    content = sample("image_dfl.dcm")
    assert code_of(content) is None
    assert code_of(content + b"\0") is None
    # One byte less is its padding.
    for keep in (-10, -1000, 1000):
        assert code_of(content[:keep], content) == Code.TRUNCATED
    broken = content[:2000] + b"\xff" * 500 + content[2500:]
    assert code_of(broken, content) in (Code.TRUNCATED, Code.NOT_DICOM)


def test_a_file_cut_in_a_large_element_before_its_pixels() -> None:
    dataset = radiograph()
    dataset.add_new(0x00291010, "OB", bytes(2 * dicom_file.MAX_VALUE_BYTES))
    content = written(dataset)
    assert code_of(content) is None
    at = content.index(b"\x29\x00\x10\x10")
    assert code_of(content[: at + 100], content) == Code.TRUNCATED


# What must be there -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keyword",
    [
        "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Rows", "Columns",
        "BitsAllocated", "SamplesPerPixel",
    ],
)  # fmt: skip
def test_an_image_that_lacks_what_identifies_or_measures_it(keyword: str) -> None:
    assert code_of(written(radiograph(**{keyword: None}))) == Code.MISSING_ATTRS


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (b"\x28\x00\x10\x00US", b"\1\2\3"),  # Rows
        (b"\x28\x00\x00\x01US", b"\1"),  # BitsAllocated
        (b"\x28\x00\x02\x00US", b""),  # SamplesPerPixel
    ],
)
def test_a_measure_that_is_no_number(tag: bytes, value: bytes) -> None:
    content = written(radiograph())
    at = content.index(tag) + len(tag)
    spoilt = content[:at] + struct.pack("<H", len(value)) + value + content[at + 4 :]
    assert code_of(spoilt, content) == Code.MISSING_ATTRS


def test_a_number_of_frames_that_is_no_number_or_a_lie() -> None:
    content = written(radiograph(NumberOfFrames=12))
    assert code_of(content) == Code.TRUNCATED
    at = content.index(b"\x28\x00\x08\x00IS\x02\x00") + 8
    assert code_of(content[:at] + b"1A" + content[at + 2 :], content) == Code.MISSING_ATTRS
    assert code_of(encapsulated(b"\1\2", number_of_frames=2_000_000_000)) == Code.BAD_FRAMES


@pytest.mark.parametrize("name", ["chrJapMulti.dcm", "chrKoreanMulti.dcm"])
def test_an_image_without_pixels(name: str) -> None:
    assert code_of(sample(name)) == Code.NO_PIXELS


# Not an image -------------------------------------------------------------------------------------


NO_IMAGES = {
    "1.2.840.10008.5.1.4.1.1.88.11": "SR",
    "1.2.840.10008.5.1.4.1.1.88.59": "KO",
    "1.2.840.10008.5.1.4.1.1.88.67": "SR",  # of a dose
    "1.2.840.10008.5.1.4.1.1.11.1": "PR",
    "1.2.840.10008.5.1.4.1.1.104.1": "DOC",
    "1.2.840.10008.5.1.4.1.1.66": "REG",
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.1.3.10": "",  # a DICOMDIR
}


@pytest.mark.parametrize("sop_class", NO_IMAGES)
def test_what_is_no_image_is_skipped_even_with_pixels(sop_class: str) -> None:
    modality = NO_IMAGES[sop_class]
    bare = radiograph(SOPClassUID=sop_class, Modality=modality, PixelData=None, Rows=None)
    for dataset in (bare, radiograph(SOPClassUID=sop_class, Modality=modality)):
        code = code_of(written(dataset))
        assert code == Code.NON_IMAGE_OBJECT
        assert code.image_status is ImageStatus.SKIPPED


def test_a_large_document_is_not_read_to_find_that_it_is_one() -> None:
    dataset = radiograph(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", PixelData=None, Rows=None)
    dataset.EncapsulatedDocument = bytes(20 * 1024**2)
    content = written(dataset)
    study, image = rows(content)
    stream = BytesIO(content)
    tracemalloc.start()
    try:
        assert inspected(stream, len(content), study, image).code == Code.NON_IMAGE_OBJECT
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * 1024**2


# The same image twice -----------------------------------------------------------------------------


def test_one_instance_under_two_rows_is_told(tmp_path: Path) -> None:
    study_uid, series_uid, uids = generate_uid(), generate_uid(), [generate_uid() for _ in "abc"]
    contents = {
        uid: written(
            radiograph(StudyInstanceUID=study_uid, SeriesInstanceUID=series_uid, SOPInstanceUID=uid)
        )
        for uid in uids
    }
    changed = written(
        radiograph(
            StudyInstanceUID=study_uid, SeriesInstanceUID=series_uid, SOPInstanceUID=uids[2],
            PixelData=b"\1\2" * 256,
        )
    )  # fmt: skip
    files = {
        "1": (uids[0], contents[uids[0]]),
        "2": (uids[1], contents[uids[1]]),
        "3": (uids[1], contents[uids[1]]),
        "4": (uids[2], contents[uids[2]]),
        "5": (uids[2], changed),
    }
    images = []
    for image_id, (uid, content) in files.items():
        path = tmp_path / image_id
        path.write_bytes(content)
        images.append(
            an_image(
                str(path), image_id=image_id, series_instance_uid=series_uid, sop_instance_uid=uid
            )
        )
    study = a_study(*images, study_instance_uid=study_uid)
    with (
        Sources({"file": LocalSource((str(tmp_path),))}) as sources,
        Workspace(Budget()) as workspace,
    ):
        prepared = prepare(study, sources, PassThrough(), workspace)
    assert {item.image.image_id: item.warnings for item in prepared.images} == {
        "1": (),
        "2": (),
        "3": ("DUPLICATE_OF 2",),
        "4": ("UID_CONFLICT",),
        "5": ("UID_CONFLICT",),
    }
    assert all(item.code is None for item in prepared.images)

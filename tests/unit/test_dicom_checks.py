"""Files are judged as research on real damage says: whole, an image, and the right one."""

from __future__ import annotations

import logging
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.filebase import DicomBytesIO
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

from dicom_export.codes import Code
from dicom_export.model import EligibleImage, EligibleStudy
from dicom_export.prepare.checks import Subject, disagreeing
from tests.support.dicom import inspected


def sample(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return Path(path).read_bytes()


def rows(content: bytes, **changes: Any) -> tuple[EligibleStudy, EligibleImage]:
    """Give the database's rows that a file fits."""
    dataset = dcmread(BytesIO(content), stop_before_pixels=True, force=True)
    values = {
        "study": str(dataset.get("StudyInstanceUID", "1.2")),
        "series": str(dataset.get("SeriesInstanceUID", "1.2")),
        "instance": str(dataset.get("SOPInstanceUID", "1.2")),
    } | changes
    image = EligibleImage(
        "image", "series", values["series"], 1, None, None, values["instance"], 1, None, None
    )
    study = EligibleStudy(
        "study", "organization", values["study"], None, None, None, None, None, None, None, 2,
        "fingerprint", (), (image,),
    )  # fmt: skip
    return study, image


def judge(content: bytes, like: bytes | None = None, **changes: Any) -> Code | None:
    study, image = rows(like or content, **changes)
    return inspected(BytesIO(content), len(content), study, image).code


WHOLE = [
    "CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_padded.dcm", "693_J2KI.dcm", "JPEG2000.dcm", "JPEG-lossy.dcm", "JPGExtended.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle_2frame.dcm",
    "SC_rgb_rle_16bit_2frame.dcm", "SC_rgb_small_odd.dcm", "SC_rgb_small_odd_jpeg.dcm",
    "SC_ybr_full_422_uncompressed.dcm", "examples_overlay.dcm", "examples_palette.dcm",
    "examples_ybr_color.dcm", "ExplVR_BigEnd.dcm", "image_dfl.dcm", "GDCMJ2K_TextGBR.dcm",
]  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_whole_images_pass(name: str) -> None:
    assert judge(sample(name)) is None


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_cut_images_do_not(name: str, share: float) -> None:
    content = sample(name)
    cut = content[: int(len(content) * share)]
    # What is cut before its UIDs says nothing else than that it is not whole.
    assert judge(cut, like=content) in {Code.TRUNCATED, Code.NOT_DICOM}


@pytest.mark.parametrize("name", ["JPEG2000.dcm", "MR_small_RLE.dcm", "CT_small.dcm"])
@pytest.mark.parametrize("length", [140, 600])
def test_a_file_cut_in_its_header_is_truncated(name: str, length: int) -> None:
    content = sample(name)
    assert judge(content[:length], like=content) == Code.TRUNCATED


def test_ten_bytes_less_of_jpeg_2000_are_missed_by_pydicom_but_not_here() -> None:
    content = sample("693_J2KI.dcm")
    assert judge(content[:-10], like=content) == Code.TRUNCATED
    assert judge(sample("MR_truncated.dcm")) == Code.TRUNCATED


@pytest.mark.parametrize(
    "content", [b"", b"<html></html>", b"\0" * 4096, b"GIF89a", sample("zipMR.gz")]
)
def test_what_is_not_dicom(content: bytes) -> None:
    assert judge(content, like=sample("CT_small.dcm")) == Code.NOT_DICOM


def test_what_has_no_file_meta_is_not_a_dicom_file() -> None:
    assert judge(sample("no_meta.dcm")) == Code.NOT_DICOM


@pytest.mark.parametrize(
    "name",
    [
        "test-SR.dcm", "reportsi.dcm", "rtplan.dcm", "rtdose.dcm", "liver_1frame.dcm",
        "waveform_ecg.dcm", "dicomdirtests/DICOMDIR",
    ],
)  # fmt: skip
def test_what_is_no_image(name: str) -> None:
    assert judge(sample(name)) == Code.NON_IMAGE_OBJECT


def test_another_studys_file_is_a_mismatch_whatever_else_it_is() -> None:
    image, report = sample("CT_small.dcm"), sample("test-SR.dcm")
    assert judge(image, study="1.2.3") == Code.STUDY_MISMATCH
    assert judge(image, series="1.2.3") == Code.SERIES_MISMATCH
    assert judge(image, instance="1.2.3") == Code.INSTANCE_MISMATCH
    assert judge(report, study="1.2.3") == Code.STUDY_MISMATCH
    assert judge(image[:-500], like=image, study="1.2.3") == Code.STUDY_MISMATCH


def changed(name: str, **changes: Any) -> bytes:
    dataset = dcmread(BytesIO(sample(name)))
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    buffer = DicomBytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SOPInstanceUID", "Rows", "BitsAllocated"])
def test_what_must_be_there(keyword: str) -> None:
    content = changed("CT_small.dcm", **{keyword: None})
    assert judge(content) == Code.MISSING_ATTRS


def test_an_image_without_pixels() -> None:
    assert judge(changed("CT_small.dcm", PixelData=None)) == Code.NO_PIXELS


def test_private_classes_are_judged_by_their_pixels() -> None:
    private = UID("1.2.826.0.1.3680043.9.9999.1")
    assert judge(changed("CT_small.dcm", SOPClassUID=private)) is None
    assert judge(changed("test-SR.dcm", SOPClassUID=private)) == Code.NON_IMAGE_OBJECT


@pytest.mark.parametrize("frames", [1, 2])
def test_frames_are_counted(frames: int) -> None:
    parts = [b"\x01\x02" * 8] * frames
    without_table = encapsulate(parts, has_bot=False)
    assert judge(compressed(without_table, frames)) is None
    assert judge(compressed(encapsulate(parts), frames)) is None
    expected = Code.BAD_FRAMES
    assert judge(compressed(without_table, frames + 1)) == expected
    assert judge(compressed(encapsulate(parts), frames + 1)) == expected


def test_frames_are_counted_by_the_extended_table() -> None:
    pixels, offsets, lengths = encapsulate_extended([b"\x01\x02" * 8] * 3)
    tables = {"ExtendedOffsetTable": offsets, "ExtendedOffsetTableLengths": lengths}
    assert judge(compressed(pixels, 3, **tables)) is None
    assert judge(compressed(pixels, 2, **tables)) == Code.BAD_FRAMES


def compressed(pixels: bytes, frames: int, **changes: Any) -> bytes:
    dataset = dcmread(BytesIO(sample("MR_small_RLE.dcm")))
    assert dataset.file_meta.TransferSyntaxUID == RLELossless
    dataset.PixelData = pixels
    dataset["PixelData"].is_undefined_length = True
    dataset.NumberOfFrames = frames
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    buffer = DicomBytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_a_deflated_bomb_is_not_inflated() -> None:
    content = sample("image_dfl.dcm")
    study, image = rows(content)
    assert dcmread(BytesIO(content)).file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    found = inspected(BytesIO(content), len(content), study, image, limit=10_000)
    assert found.code == Code.TOO_LARGE


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=40))
def test_no_damage_makes_it_raise(position: int, noise: bytes) -> None:
    content = bytearray(sample("MR_small_RLE.dcm"))
    content[position : position + len(noise)] = noise
    judge(bytes(content), like=sample("MR_small_RLE.dcm"))


def test_nothing_of_the_patient_leaves(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    content = changed(
        "CT_small.dcm", PatientName="ZZPLANTED^A", PatientID="ZZPLANTED", PatientAge="ZZPLANTED",
        PatientBirthDate="ZZPLANTED", ReferringPhysicianName="ZZPLANTED^B",
    )  # fmt: skip
    caplog.clear()
    study, image = rows(content)
    found = inspected(BytesIO(content), len(content), study, image)
    assert found.code is None
    assert "ZZPLANTED" not in repr(found) + str(found.attributes) + caplog.text
    assert found.attributes["rows"] == 128
    assert found.attributes["pixel_spacing"] == [0.661468, 0.661468]
    assert found.attributes["transfer_syntax_uid"] == "1.2.840.10008.1.2.1"


def subjects(*values: tuple[str | None, str | None]) -> dict[str, Subject]:
    return {
        str(number): Subject(*(value.encode() if value else None for value in pair))
        for number, pair in enumerate(values)
    }


def test_disagreement() -> None:
    assert disagreeing({}) == set()
    assert disagreeing(subjects(("a", "1"), ("a", "1"), (None, "1"), ("a", None))) == set()
    assert disagreeing(subjects(("a", "1"), ("b", "1"))) == {"0", "1"}
    assert disagreeing(subjects(("a", "1"), ("b", "1"), ("a", "1"), (None, "1"))) == {"1"}
    assert disagreeing(subjects(("a", "1"), ("a", "2"), ("a", "1"))) == {"1"}

"""Risk of text in the picture."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
)

from dicom_export.codes import Code
from dicom_export.deidentify.files.burned_in import Risk, risks
from dicom_export.dicom_file import read
from tests.support.deidentified import (
    a_study,
    basic,
    small_radiograph,
    to_bytes,
    workspace,
)


def test_a_radiograph_as_it_should_be_has_none() -> None:
    assert risks(small_radiograph()) == ()
    dataset = small_radiograph()
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.ImageType = ["DERIVED", "PRIMARY", "POST_PROCESSED"]
    assert risks(dataset) == ()


@pytest.mark.parametrize(
    ("keyword", "value", "risk"),
    [
        ("BurnedInAnnotation", "YES", Risk.SAYS_SO),
        ("SOPClassUID", SecondaryCaptureImageStorage, Risk.SECONDARY_CAPTURE),
        ("SOPClassUID", MultiFrameTrueColorSecondaryCaptureImageStorage, Risk.SECONDARY_CAPTURE),
        ("SOPClassUID", UltrasoundImageStorage, Risk.OTHER_CLASS),
        ("SOPClassUID", "1.2.3", Risk.OTHER_CLASS),
        ("ImageType", ["DERIVED", "SECONDARY"], Risk.SECONDARY_IMAGE),
        ("ImageType", ["ORIGINAL", "PRIMARY", "SCREEN SAVE"], Risk.SECONDARY_IMAGE),
        ("ConversionType", "WSD", Risk.CONVERTED),
        ("Manufacturer", "Vidar Systems", Risk.FILM_SCANNER),
        ("PhotometricInterpretation", "PALETTE COLOR", Risk.COLOUR),
        ("BitsStored", 8, Risk.EIGHT_BITS),
    ],
)
def test_each_mark_is_seen(keyword: str, value: Any, risk: Risk) -> None:
    dataset = small_radiograph()
    setattr(dataset, keyword, value)
    assert risks(dataset) == (risk,)


def test_a_screens_size_is_seen() -> None:
    dataset = small_radiograph()
    dataset.Columns, dataset.Rows = 1024, 768
    assert risks(dataset) == (Risk.SCREEN_SIZE,)


def test_an_overlay_in_the_pixels_is_seen_and_one_beside_them_is_removed() -> None:
    dataset = small_radiograph()
    dataset.add_new(0x60020102, "US", 12)
    assert risks(dataset) == (Risk.EMBEDDED_OVERLAY,)
    dataset.add_new(0x60023000, "OW", bytes(32))
    assert risks(dataset) == ()


def test_no_burned_in_annotation_is_no_proof() -> None:
    dataset = small_radiograph()
    dataset.BurnedInAnnotation = "NO"
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    assert risks(dataset) == (Risk.SECONDARY_CAPTURE,)


def test_the_policy_decides() -> None:
    dataset = small_radiograph()
    dataset.BurnedInAnnotation = "YES"
    with workspace() as room:
        original = room.keep(to_bytes(dataset))
        left_out = basic("exclude").begin(a_study()).image(read(original, room), room)
        assert (left_out.blob, left_out.code) == (None, Code.BURNED_IN)
        flagged = basic("flag").begin(a_study()).image(read(original, room), room)
        assert flagged.blob is not None
        assert flagged.code is None
        assert flagged.warnings == ("BURNED_IN_SAYS_SO",)
        clean = room.keep(to_bytes(small_radiograph()))
        kept = basic("exclude").begin(a_study()).image(read(clean, room), room)
        assert kept.warnings == ()

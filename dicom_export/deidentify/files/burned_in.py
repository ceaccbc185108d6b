"""Finds the risk that names, dates and numbers are burned into the pixels.

No file can prove their absence, so a BurnedInAnnotation of NO is not trusted. The risks are the
marks of pictures that often show text: captured screens, scanned films, secondary images.
"""

from __future__ import annotations

from enum import StrEnum

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

_XRAY_CLASSES = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{last}"
    for last in ("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1", "12.1", "12.2")
)
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_CONVERTED = frozenset({"DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"})
_SCREEN_WORDS = ("SCREEN", "SAVE", "CAPTURE", "REPORT")
_GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
_SCREENS = frozenset(
    {(640, 480), (800, 600), (1024, 768), (1280, 720), (1280, 800), (1280, 1024), (1366, 768),
     (1400, 1050), (1440, 900), (1600, 900), (1600, 1200), (1680, 1050), (1920, 1080),
     (1920, 1200), (2560, 1440), (2560, 1600), (3840, 2160)}
)  # fmt: skip
"""Columns and rows of screens, wider than high."""
_FILM_SCANNERS = ("VIDAR", "LUMISYS", "HOWTEK", "ARRAY CORP")


class Risk(StrEnum):
    """Why a picture may show text."""

    SAYS_SO = "SAYS_SO"
    """BurnedInAnnotation is YES."""
    SECONDARY_CAPTURE = "SECONDARY_CAPTURE"
    """The SOP class is one of secondary captures."""
    OTHER_CLASS = "OTHER_CLASS"
    """The SOP class is none of radiographs; ultrasound devices write names into the picture."""
    SECONDARY_IMAGE = "SECONDARY_IMAGE"
    """ImageType: the image was made from another, or saved from a screen."""
    CONVERTED = "CONVERTED"
    """ConversionType: the picture was a film, a video or a drawing."""
    FILM_SCANNER = "FILM_SCANNER"
    """The manufacturer makes film scanners: a film shows its patient's name."""
    COLOUR = "COLOUR"
    """Radiographs have no colour; screens have."""
    EIGHT_BITS = "EIGHT_BITS"
    """Too few grey levels for a detector."""
    SCREEN_SIZE = "SCREEN_SIZE"
    """Exactly as large as a screen."""
    EMBEDDED_OVERLAY = "EMBEDDED_OVERLAY"
    """An overlay lies in unused bits of the pixels, which are never changed."""


def risks(dataset: Dataset) -> tuple[Risk, ...]:
    """Return the risks of burned-in text by a source file's header."""
    found = {
        Risk.SAYS_SO: _text(dataset, "BurnedInAnnotation") == "YES",
        Risk.SECONDARY_IMAGE: _is_secondary(dataset),
        Risk.CONVERTED: _text(dataset, "ConversionType") in _CONVERTED,
        Risk.FILM_SCANNER: any(
            maker in _text(dataset, "Manufacturer").upper() for maker in _FILM_SCANNERS
        ),
        Risk.COLOUR: _text(dataset, "PhotometricInterpretation") not in _GREY,
        Risk.EIGHT_BITS: 0 < _number(dataset, "BitsStored") <= 8,
        Risk.SCREEN_SIZE: (_number(dataset, "Columns"), _number(dataset, "Rows")) in _SCREENS,
        Risk.EMBEDDED_OVERLAY: _has_embedded_overlay(dataset),
        **_of_class(_text(dataset, "SOPClassUID")),
    }
    return tuple(risk for risk in Risk if found[risk])


def _of_class(uid: str) -> dict[Risk, bool]:
    is_capture = uid == _SECONDARY_CAPTURE or uid.startswith(f"{_SECONDARY_CAPTURE}.")
    is_other = not is_capture and uid not in _XRAY_CLASSES
    return {Risk.SECONDARY_CAPTURE: is_capture, Risk.OTHER_CLASS: is_other}


def _is_secondary(dataset: Dataset) -> bool:
    words = [word.strip().upper() for word in _texts(dataset, "ImageType")]
    is_saved = any(mark in word for word in words for mark in _SCREEN_WORDS)
    return is_saved or "SECONDARY" in words[1:2]


def _has_embedded_overlay(dataset: Dataset) -> bool:
    """Find planes of the retired kind: a place in the pixels, and no data (PS3.5, 8.1.2)."""
    planes = [
        tag.group
        for tag in dataset.keys()  # noqa: SIM118  # iterating a Dataset parses every value
        if tag.group & 0xFF01 == 0x6000 and tag.element == 0x0102
    ]
    return any((group, 0x3000) not in dataset for group in planes)


def _texts(dataset: Dataset, keyword: str) -> list[str]:
    try:
        value = dataset.get(keyword)
    except Exception:  # noqa: BLE001  # pydicom raises anything of an undecodable value
        return []
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, MultiValue) else [str(value)]


def _text(dataset: Dataset, keyword: str) -> str:
    return "\\".join(_texts(dataset, keyword)).strip(" \0")


def _number(dataset: Dataset, keyword: str) -> int:
    text = _text(dataset, keyword)
    return int(text) if text.isdecimal() else 0

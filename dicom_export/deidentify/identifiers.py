"""Gathers the identifiers of a study's patient, doctors and places, for scrubbing and searching.

The values come from the study's files, at every depth, and from its rows in the warehouse. They
stay in memory while the study is prepared, and no repr shows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.valuerep import VR, PersonName

from dicom_export.deidentify.dates import parse_date, parse_moment
from dicom_export.deidentify.files.rules import IdentifierKind, identifiers
from dicom_export.deidentify.files.uids import is_registered
from dicom_export.model import EligibleStudy

DEEPEST = 16
"""Sequences nested deeper than this are not read."""
LONGEST_VALUE = 1024
"""Limit in bytes; a longer value is no name and no number."""

_DEFAULT_ENCODINGS = ["iso8859"]
_ESCAPE = b"\x1b"
_READABLE = frozenset(str(one) for one in VR if one is not VR.UN)
_BIRTH_DATES = frozenset({0x00100030, 0x00100033, 0x00100034})
_DELIMITERS = set(b"\\^=")
"""Bytes at which ISO 2022 returns to the first character set (PS3.5, section 6.1.2.5.3)."""


@dataclass(slots=True)
class Identifiers:
    """All identifiers of one study. Filled by one thread."""

    patients: set[str] = field(default_factory=set, repr=False)
    """Names of the patient and of relatives, as written, with spaces between components."""
    staff: set[str] = field(default_factory=set, repr=False)
    """Names of all other people."""
    codes: set[str] = field(default_factory=set, repr=False)
    """Numbers of patients, visits, orders, devices; telephone numbers."""
    places: set[str] = field(default_factory=set, repr=False)
    """Institutions and addresses."""
    birth_dates: set[date] = field(default_factory=set, repr=False)
    dates: set[date] = field(default_factory=set, repr=False)
    """All other dates of the files and rows."""
    uids: set[str] = field(default_factory=set, repr=False)
    """All UIDs that the standard does not register."""
    raw: set[bytes] = field(default_factory=set, repr=False)
    """The raw bytes of names and places that are not ASCII."""

    def learn_rows(self, study: EligibleStudy) -> None:
        """Gather from a study's rows."""
        self.codes |= {one for one in (study.accession_number, study.patient_id) if one}
        uids = [study.study_instance_uid]
        for image in study.images:
            uids += [image.series_instance_uid, image.sop_instance_uid]
        self.uids |= {uid.strip() for uid in uids if uid and not is_registered(uid)}
        moments = (study.performed_at, *(report.signed_at for report in study.reports))
        self.dates |= {day for moment in moments if (day := parse_moment(moment))}

    def learn_file(self, dataset: Dataset) -> None:
        """Gather from a file's data set, except its private elements."""
        self._learn(dataset, _encodings(dataset, _DEFAULT_ENCODINGS), depth=0)

    def _learn(self, dataset: Dataset, encodings: Sequence[str], depth: int) -> None:
        kinds = identifiers()
        for tag in dataset.keys():  # noqa: SIM118  # iterating a Dataset parses every value
            if tag.is_private:
                continue
            element = dataset.get_item(tag, keep_deferred=True)
            vr = _vr(element)
            if vr == "SQ":
                self._learn_items(dataset, int(tag), encodings, depth)
            elif vr in ("PN", "DA", "DT", "UI") or int(tag) in kinds:
                kind = kinds.get(int(tag), "staff" if vr == "PN" else None)
                self._learn_value(element, vr, kind, encodings)

    def _learn_items(
        self, dataset: Dataset, tag: int, encodings: Sequence[str], depth: int
    ) -> None:
        if depth >= DEEPEST:
            return
        try:
            items = list(dataset[tag].value)
        except Exception:  # noqa: BLE001  # a parser given arbitrary bytes raises anything
            return
        for item in items:
            self._learn(item, _encodings(item, encodings), depth + 1)

    def _learn_value(
        self,
        element: DataElement | RawDataElement,
        vr: str,
        kind: IdentifierKind | None,
        encodings: Sequence[str],
    ) -> None:
        content = _bytes_of(element).strip(b" \0")
        if not content or len(content) > LONGEST_VALUE:
            return
        readings = _readings(content, encodings)
        parts = [part.strip() for text in readings for part in text.split("\\") if part.strip()]
        if vr in ("DA", "DT"):
            read = (parse_date(part[:8]) or parse_date(part) for part in parts)
            days = {day for day in read if day}
            (self.birth_dates if element.tag in _BIRTH_DATES else self.dates).update(days)
        elif vr == "UI":
            self.uids |= {part for part in parts if not is_registered(part)}
        elif kind in ("patient", "staff"):
            names = {" ".join(name.split()) for text in readings for name in _names(text)}
            (self.patients if kind == "patient" else self.staff).update(names - {""})
        elif kind == "code":
            self.codes.update(parts)
        elif kind == "place":
            self.places.update(parts)
        if kind and (_ESCAPE in content or not content.isascii()):
            # In ISO 2022 a "^" may be the half of a character.
            self.raw.update([content] if _ESCAPE in content else re.split(rb"[\\^=]", content))


def _names(text: str) -> Iterable[str]:
    """Return a person name's groups (alphabetic, ideographic, phonetic) with spaces for "^"."""
    return (group.replace("^", " ") for value in text.split("\\") for group in value.split("="))


def _readings(content: bytes, encodings: Sequence[str]) -> set[str]:
    """Decode a value by its character set, and by those that files often fail to declare."""
    if content.isascii() and _ESCAPE not in content:
        return {content.decode()}
    texts: set[str] = set()
    try:
        texts.add(decode_bytes(content, encodings, _DELIMITERS))
    except Exception:  # noqa: BLE001  # codecs and pydicom raise anything
        texts.add(content.decode("latin-1"))
    try:
        texts.add(content.decode())
    except UnicodeDecodeError:
        texts.add(content.decode("latin-1"))
    return texts


def _encodings(dataset: Dataset, inherited: Sequence[str]) -> Sequence[str]:
    """Return the Python codecs of a data set, or of its parent if it names none."""
    if "SpecificCharacterSet" not in dataset:
        return inherited
    try:
        found = convert_encodings(dataset.SpecificCharacterSet)
    except Exception:  # noqa: BLE001  # an unknown character set
        return inherited
    return found or inherited


def _vr(element: DataElement | RawDataElement) -> str:
    if element.VR in _READABLE:
        return str(element.VR)
    try:
        return dictionary_VR(element.tag)
    except KeyError:
        return "UN"


def _bytes_of(element: DataElement | RawDataElement) -> bytes:
    """Return a value's raw bytes, or the encoded text of a value that is already decoded."""
    if isinstance(element, RawDataElement):
        return element.value or b""
    value = element.value
    if isinstance(value, bytes):
        return value
    if value is None:
        return b""
    # A PersonName is iterable: it yields its letters.
    is_one = isinstance(value, str | PersonName) or not isinstance(value, Iterable)
    several = [value] if is_one else value
    return "\\".join(str(one) for one in several).encode()

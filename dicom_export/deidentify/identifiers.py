"""What is known to identify a study's patient, doctors and place: gathered to be looked for.

Values come from the study's own files, at every depth, and from its rows in the warehouse. They
stay in memory for as long as the study is worked on, and no repr shows them.
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
"""Sequences within sequences deeper than this are not looked into."""
LONGEST_VALUE = 1024
"""Bytes; a longer value is no name and no number."""

_DEFAULT_ENCODINGS = ["iso8859"]
_ESCAPE = b"\x1b"
_READABLE = frozenset(str(one) for one in VR if one is not VR.UN)
_BIRTH_DATES = frozenset({0x00100030, 0x00100033, 0x00100034})
_DELIMITERS = set(b"\\^=")
"""Where ISO 2022 falls back to the first character set (PS3.5, section 6.1.2.5.3)."""


@dataclass(slots=True)
class Identifiers:
    """All that identifies one study. Filled by one thread."""

    patients: set[str] = field(default_factory=set, repr=False)
    """Names of the patient and of kin, as they were written, components parted by spaces."""
    staff: set[str] = field(default_factory=set, repr=False)
    """Names of everybody else."""
    codes: set[str] = field(default_factory=set, repr=False)
    """Numbers of patients, visits, orders, devices; telephone numbers."""
    places: set[str] = field(default_factory=set, repr=False)
    """Institutions and addresses."""
    birth_dates: set[date] = field(default_factory=set, repr=False)
    dates: set[date] = field(default_factory=set, repr=False)
    """Every other date of the files and rows."""
    uids: set[str] = field(default_factory=set, repr=False)
    """Every UID that the standard does not register."""
    raw: set[bytes] = field(default_factory=set, repr=False)
    """Names and places as they stand in the files, where they are more than ASCII."""

    def learn_rows(self, study: EligibleStudy) -> None:
        """Gather from the warehouse's rows of a study."""
        self.codes |= {one for one in (study.accession_number, study.patient_id) if one}
        uids = [study.study_instance_uid]
        for image in study.images:
            uids += [image.series_instance_uid, image.sop_instance_uid]
        self.uids |= {uid.strip() for uid in uids if uid and not is_registered(uid)}
        moments = (study.performed_at, *(report.signed_at for report in study.reports))
        self.dates |= {day for moment in moments if (day := parse_moment(moment))}

    def learn_file(self, dataset: Dataset) -> None:
        """Gather from a file's data set, its private elements aside."""
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
    """Give a person name's groups (alphabetic, ideographic, phonetic), components by spaces."""
    return (group.replace("^", " ") for value in text.split("\\") for group in value.split("="))


def _readings(content: bytes, encodings: Sequence[str]) -> set[str]:
    """Decode a value by its character set, and by those that are often not declared."""
    if content.isascii() and _ESCAPE not in content:
        return {content.decode()}
    texts: set[str] = set()
    try:
        texts.add(decode_bytes(content, encodings, _DELIMITERS))
    except Exception:  # noqa: BLE001  # codecs and pydicom raise what they like
        texts.add(content.decode("latin-1"))
    try:
        texts.add(content.decode())
    except UnicodeDecodeError:
        texts.add(content.decode("latin-1"))
    return texts


def _encodings(dataset: Dataset, inherited: Sequence[str]) -> Sequence[str]:
    """Give the Python codecs of a data set, its parent's where it names none."""
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
    """Give a value as it stands in the file, as far as it is still at hand."""
    if isinstance(element, RawDataElement):
        return element.value or b""
    value = element.value
    if isinstance(value, bytes):
        return value
    if value is None:
        return b""
    # A PersonName gives its letters one by one.
    is_one = isinstance(value, str | PersonName) or not isinstance(value, Iterable)
    several = [value] if is_one else value
    return "\\".join(str(one) for one in several).encode()

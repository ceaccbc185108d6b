"""Files with identifiers in every place that a file has, and the answers that go with them.

In the manner of the MIDI-B challenge: each answer names an action and what it is about. Patients
are made up; what a file says of them is planted at the top level, in sequences of random depth,
known and unknown, in private elements, overlays, curves, free text, numbers and terms that are
none, the preamble, the file meta information, comments of compressed pixels and behind the pixels.
"""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from io import BytesIO
from uuid import UUID

from pydicom import dcmread, dcmwrite
from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, JPEG2000Lossless


class Action(StrEnum):
    """What is expected of a de-identified file."""

    TAG_RETAINED = "tag_retained"
    TEXT_NOTNULL = "text_notnull"
    TEXT_RETAINED = "text_retained"
    TEXT_REMOVED = "text_removed"
    DATE_SHIFTED = "date_shifted"
    UID_CHANGED = "uid_changed"
    UID_CONSISTENT = "uid_consistent"
    PATID_CONSISTENT = "patid_consistent"
    PIXELS_RETAINED = "pixels_retained"


@dataclass(frozen=True, slots=True)
class Answer:
    """One expectation."""

    action: Action
    place: str
    """A keyword, or in words where something was planted."""
    value: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up patient with all that a hospital writes down."""

    patient_id: str
    """The warehouse's."""
    name: str
    """As DICOM writes it: FAMILY^GIVEN."""
    character_set: tuple[str, ...]
    record_number: str
    document: str
    phone: str
    address: str
    birth_date: date
    doctor: str
    institution: str
    station: str
    serial_number: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A study of a person: what its files have in common."""

    person: Person
    day: date
    study_uid: str
    series_uid: str
    frame_uid: str
    accession_number: str


@dataclass(frozen=True, slots=True)
class Planted:
    """A file with its answers."""

    name: str
    visit: Visit
    content: bytes = field(repr=False)
    answers: tuple[Answer, ...] = field(repr=False)


KEPT = {
    "ViewPosition": "PA",
    "BodyPartExamined": "CHEST",
    "Modality": "CR",
    "PatientSex": "F",
    "PixelSpacing": r"0.143\0.143",
    "ImagerPixelSpacing": r"0.15\0.15",
    "PatientOrientation": r"L\F",
    "ImageLaterality": "U",
    "KVP": "121",
    "Exposure": "4",
    "ExposureTime": "12",
    "DistanceSourceToDetector": "1800",
    "Grid": r"FOCUSED\RECIPROCATING",
    "WindowCenter": "1900",
    "WindowWidth": "3700",
    "RescaleSlope": "1",
    "RescaleIntercept": "0",
    "PresentationLUTShape": "INVERSE",
    "StudyDescription": "RX TORAX PA Y LATERAL",
    "SeriesDescription": "TORAX FRENTE",
    "SeriesNumber": "3",
    "InstanceNumber": "7",
}
"""What training needs: it has to come out as it went in."""
_PIXEL_MODULE = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "SamplesPerPixel", "PhotometricInterpretation",
)  # fmt: skip
_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "AccessionNumber", "ReferringPhysicianName", "StudyID", "SeriesNumber", "InstanceNumber",
    "Manufacturer", "SOPClassUID",
)  # fmt: skip
_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")

_NAMES: Sequence[tuple[tuple[str, ...], Sequence[str]]] = (
    (("ISO_IR 100",), ("MUÑOZ IBÁÑEZ^MARÍA JOSÉ", "GONÇALVES^CONCEIÇÃO", "ÅKERSTRÖM^BJÖRN")),
    (("ISO_IR 192",), ("Echegaray Núñez^Iñaki", "Guimarães^Joaquim", "Łukasiewicz^Żaneta")),
    (("ISO_IR 144",), ("Люксембург^Наталья",)),
    (("ISO_IR 126",), ("Διονυσιου^Ελενη",)),
    (("ISO_IR 127",), ("قباني^لنزار",)),
    (("", "ISO 2022 IR 87"), ("Yamadera^Tarouji=山田^太郎=やまだ^たろう",)),
    (("", "ISO 2022 IR 149"), ("Honggil^Gildong=洪^吉洞=홍^길동",)),
    (("GB18030",), ("Wangxiao^XiaoDong=王^小东=",)),
    ((), ("ZAPATERO QUIROGA^LUCRECIA", "WINTERBOTTOM^NATHANIEL")),
)
_SEQUENCES = sorted(entry[4] for entry in DicomDictionary.values() if entry[0] == "SQ" and entry[4])
_KEPT_SEQUENCES = (
    "ViewCodeSequence", "ViewModifierCodeSequence", "AnatomicRegionSequence", "VOILUTSequence",
    "AnatomicRegionModifierSequence", "ModalityLUTSequence", "PatientOrientationCodeSequence",
    "AcquisitionContextSequence", "DeidentificationMethodCodeSequence",
)  # fmt: skip
_TEXTS = (
    "ImageComments", "PatientComments", "AdditionalPatientHistory", "DerivationDescription",
    "RequestedProcedureDescription", "AcquisitionDeviceProcessingDescription", "StudyComments",
    "MedicalAlerts", "CommentsOnThePerformedProcedureStep", "SpecialNeeds", "TextValue",
    "CodeMeaning", "LUTExplanation", "Occupation", "ProtocolName", "DeidentificationMethod",
    "ManufacturerModelName", "WindowCenterWidthExplanation", "PositionReferenceIndicator",
)  # fmt: skip
_PERSONS = (
    "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName", "PhysiciansOfRecord",
    "PerformingPhysicianName", "RequestingPhysician", "ResponsiblePerson", "PersonName",
    "ScheduledPerformingPhysicianName", "ContentCreatorName", "PatientName",
)  # fmt: skip
_NUMBERS = (
    "OtherPatientIDs", "AdmissionID", "PatientTelephoneNumbers", "MedicalRecordLocator",
    "RequestedProcedureID", "ScheduledProcedureStepID", "PerformedProcedureStepID", "PlateID",
    "DetectorID", "PatientID", "AccessionNumber", "CodeValue", "FilterType", "PlateType",
)  # fmt: skip
_OTHER_UIDS = (
    "ReferencedSOPInstanceUID", "IrradiationEventUID", "DeviceUID", "UID", "TransactionUID",
    "SynchronizationFrameOfReferenceUID", "ConcatenationUID", "SOPInstanceUID",
)  # fmt: skip
_OTHER_DATES = (
    "DateOfLastCalibration", "DateOfSecondaryCapture", "PerformedProcedureStepStartDate",
    "LastMenstrualDate", "AdmittingDate", "InstanceCreationDate", "PatientBirthDate",
)  # fmt: skip
_LYING = ("KVP", "Exposure", "WindowCenter", "SeriesNumber", "ViewPosition", "BodyPartExamined")
"""Numbers and terms of the kept ones, in which a file may hold something else."""


def people(seed: int, count: int) -> list[Person]:
    """Make patients; the same seed makes the same ones."""
    dice = random.Random(seed)
    return [_person(dice, number) for number in range(count)]


def visits(seed: int, patients: Sequence[Person], count: int) -> list[Visit]:
    """Make studies, each patient having one before anybody has two."""
    dice = random.Random(seed)
    return [_visit(dice, patients[number % len(patients)]) for number in range(count)]


def plant(name: str, base: bytes, visit: Visit, seed: int, *, leaves: int = 30) -> Planted:
    """Plant a visit's identifiers in a file, ``leaves`` of them in places chosen by chance."""
    return _Planter(dcmread(BytesIO(base)), visit, random.Random(seed)).plant(name, leaves)


class _Planter:
    """Plants one file. Every planted text holds a word that no other place has."""

    def __init__(self, dataset: FileDataset, visit: Visit, dice: random.Random) -> None:
        self._dataset = dataset
        self._visit = visit
        self._dice = dice
        self._answers: list[Answer] = []
        self._uid = _uid(dice)

    def plant(self, name: str, leaves: int) -> Planted:
        self._identify()
        lying = set(self._dice.sample(_LYING, 2))
        self._keep(lying)
        for number in range(leaves):
            self._plant_leaf(number)
        self._lie(lying)
        self._plant_groups()
        self._plant_pixels()
        content = self._plant_container()
        self._answers.append(Answer(Action.PIXELS_RETAINED, "PixelData"))
        return Planted(name, self._visit, content, tuple(self._answers))

    def _identify(self) -> None:
        """Write whose file it is where every file says so."""
        dataset, visit, person = self._dataset, self._visit, self._visit.person
        if person.character_set:
            dataset.SpecificCharacterSet = list(person.character_set)
        elif "SpecificCharacterSet" in dataset:
            del dataset.SpecificCharacterSet
        values = {
            "PatientName": person.name,
            "PatientID": person.record_number,
            "OtherPatientIDs": person.document,
            "PatientTelephoneNumbers": person.phone,
            "PatientAddress": person.address,
            "ReferringPhysicianName": person.doctor,
            "OperatorsName": person.doctor,
            "InstitutionName": person.institution,
            "StationName": person.station,
            "DeviceSerialNumber": person.serial_number,
            "AccessionNumber": visit.accession_number,
            "StudyID": visit.accession_number,
        }
        for keyword, value in values.items():
            setattr(dataset, keyword, value)
            for part in _parts(keyword, value):
                self._remove(part, keyword)
        for keyword, value in zip(
            _UIDS, (visit.study_uid, visit.series_uid, self._uid, visit.frame_uid), strict=True
        ):
            setattr(dataset, keyword, value)
            self._expect(Action.UID_CHANGED, keyword, value)
            self._expect(Action.UID_CONSISTENT, keyword, value)
            self._remove(value, keyword)
        dataset.file_meta.MediaStorageSOPInstanceUID = UID(self._uid)
        for keyword in _DATES:
            setattr(dataset, keyword, f"{visit.day:%Y%m%d}")
            self._expect(Action.DATE_SHIFTED, keyword, f"{visit.day:%Y%m%d}")
        dataset.PatientBirthDate = f"{person.birth_date:%Y%m%d}"
        self._remove(dataset.PatientBirthDate, "PatientBirthDate")
        self._remove(dataset.StudyDate, "StudyDate")
        self._expect(Action.PATID_CONSISTENT, "PatientID", person.patient_id)
        dataset.PatientAge = None
        for keyword in ("PatientName", "PatientID", "StudyDate", "PatientAge"):
            self._expect(Action.TEXT_NOTNULL, keyword)
        for keyword in _TYPE_2:
            self._expect(Action.TAG_RETAINED, keyword)

    def _keep(self, lying: set[str]) -> None:
        for keyword, value in KEPT.items():
            if keyword not in lying:
                several = value.split("\\")
                setattr(self._dataset, keyword, several if len(several) > 1 else value)
                self._expect(Action.TEXT_RETAINED, keyword, value)
        for keyword in _PIXEL_MODULE:
            self._expect(Action.TEXT_RETAINED, keyword, str(self._dataset[keyword].value))

    def _plant_leaf(self, number: int) -> None:
        """Plant one attribute, up to four sequences deep."""
        depth = self._dice.choice((0, 1, 1, 2, 3, 4))
        holder: Dataset = self._dataset
        path = ""
        for _ in range(depth):
            chosen = _KEPT_SEQUENCES if self._dice.random() < 0.4 else _SEQUENCES
            sequence = self._dice.choice(chosen)
            path += f"{sequence} > "
            holder = self._item(holder, sequence)
        kinds = (_TEXTS, _PERSONS, _NUMBERS, _OTHER_UIDS, _OTHER_DATES)
        keyword = self._dice.choice(kinds[number % len(kinds)])
        protected = {*KEPT, *_UIDS, *_DATES, "PatientName", "PatientID", "AccessionNumber"}
        if not depth and keyword in protected | {"PatientBirthDate"}:
            holder = self._item(holder, "RequestAttributesSequence")
        setattr(holder, keyword, self._leaf(keyword, path))

    def _leaf(self, keyword: str, path: str) -> str:
        vr = dictionary_VR(keyword)
        if vr == "UI":
            value = _uid(self._dice)
        elif vr == "DA":
            value = f"{date(1930, 1, 1) + timedelta(days=self._dice.randint(0, 20_000)):%Y%m%d}"
        else:
            word = self._word()
            family = self._visit.person.doctor.split("^")[0]
            value = {"PN": f"{family}^{word}", "SH": word[:16], "CS": word[:16]}.get(
                vr, f"{word} {family} {self._visit.person.document}"
            )
            self._remove(word[:16], path + keyword)
            return value
        self._remove(value, path + keyword)
        return value

    def _lie(self, lying: set[str]) -> None:
        """Put numbers that are too large, and words that are no terms, where others belong."""
        for keyword in lying:
            if dictionary_VR(keyword) == "CS":
                value = self._word()[:16]
            else:
                value = str(self._dice.randint(10**9, 2 * 10**9))
            setattr(self._dataset, keyword, value)
            self._remove(value, keyword)

    def _plant_groups(self) -> None:
        dataset, say = self._dataset, self._say
        block = dataset.private_block(0x0009, "ACME CONSOLE 1.1", create=True)
        block.add_new(0x10, "LO", say("private text"))
        inner = Dataset()
        inner.PatientName = f"{say('private sequence')}^X"
        block.add_new(0x11, "SQ", Items([inner]))
        block.add_new(0x12, "UN", say("private, of no VR").encode())
        nested = self._item(dataset, "ViewCodeSequence")
        nested.private_block(0x0029, "ACME", create=True).add_new(
            1, "LO", say("private, in a sequence that is kept")
        )
        dataset.add_new(0x60000022, "LO", say("description of an overlay"))
        dataset.add_new(0x60001500, "LO", say("label of an overlay"))
        dataset.add_new(0x60003000, "OW", say("overlay").encode().ljust(32, b"\0"))
        dataset.add_new(0x50000022, "LO", say("description of a curve"))
        dataset.add_new(0x50003000, "OW", say("curve").encode().ljust(32, b"\0"))
        dataset.add_new(0x00041130, "CS", say("group 0004")[:16])
        dataset.add_new(0x00189FFE, "UN", say("attribute of no standard").encode())
        icon = self._item(dataset, "IconImageSequence")
        icon.Rows = icon.Columns = 4
        icon.add_new(0x7FE00010, "OB", say("icon").encode().ljust(16, b"\0")[:16])
        dataset.add_new(0xFFFCFFFC, "OB", say("trailing padding").encode().ljust(32, b"\0"))
        signature = self._item(dataset, "DigitalSignaturesSequence")
        signature.CertificateOfSigner = say("signature").encode().ljust(32, b"\0")

    def _plant_pixels(self) -> None:
        dataset = self._dataset
        syntax = dataset.file_meta.TransferSyntaxUID
        if not syntax.is_compressed:
            dataset.PixelData += self._say("behind the pixels").encode().ljust(32, b"\0")
        elif syntax == JPEG2000Lossless:
            frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
            comment = b"\0\x01" + self._say("comment of JPEG 2000").encode()
            segment = b"\xff\x64" + (len(comment) + 2).to_bytes(2) + comment
            # After the size, which comes first.
            after = 4 + int.from_bytes(frame[4:6])
            dataset.PixelData = encapsulate([frame[:after] + segment + frame[after:]])

    def _plant_container(self) -> bytes:
        meta = self._dataset.file_meta
        meta.SourceApplicationEntityTitle = self._say("file meta information")[:16]
        meta.SendingApplicationEntityTitle = self._say("file meta information")[:16]
        meta.PrivateInformationCreatorUID = UID(_uid(self._dice))
        meta.PrivateInformation = self._say("private file meta information").encode() + b"\0"
        self._dataset.preamble = self._say("preamble").encode().ljust(128, b"\0")
        buffer = BytesIO()
        dcmwrite(buffer, self._dataset, enforce_file_format=True)
        return buffer.getvalue()

    def _item(self, holder: Dataset, keyword: str) -> Dataset:
        """Give an item of a sequence, a new one where there is none."""
        if not holder.get(keyword):
            setattr(holder, keyword, Items([Dataset()]))
        item: Dataset = holder[keyword].value[0]
        return item

    def _say(self, place: str) -> str:
        """Give a word of this place alone."""
        word = self._word()
        self._remove(word, place)
        return word

    def _word(self) -> str:
        return "Q" + "".join(self._dice.choices(string.ascii_uppercase, k=14)) + "X"

    def _remove(self, value: str, place: str) -> None:
        self._expect(Action.TEXT_REMOVED, place, value)

    def _expect(self, action: Action, place: str, value: str = "") -> None:
        self._answers.append(Answer(action, place, value))


def _parts(keyword: str, value: str) -> list[str]:
    if dictionary_VR(keyword) != "PN":
        return [value]
    parts = value.replace("=", "^").replace(" ", "^").split("^")
    return [part for part in parts if len(part) > 3 or (part and not part.isascii())]


def _person(dice: random.Random, number: int) -> Person:
    character_set, names = _NAMES[number % len(_NAMES)]
    return Person(
        patient_id=str(UUID(int=dice.getrandbits(128))),
        name=dice.choice(names),
        character_set=character_set,
        record_number=f"{dice.randint(1, 9)}.{dice.randint(100, 999)}.{dice.randint(100, 999)}-7",
        document=f"HC{dice.randint(10**6, 10**7 - 1)}",
        phone=f"+598 {dice.randint(90, 99)} {dice.randint(100, 999)} {dice.randint(100, 999)}",
        address=f"Avenida Garibaldi {dice.randint(1000, 9999)}",
        birth_date=date(1931, 1, 1) + timedelta(days=dice.randint(0, 25_000)),
        doctor=dice.choice(("ECHEVERRIA^RODOLFO", "SALDIVIA^TELMA", "BITTENCOURT^OTAVIO")),
        institution="Sanatorio Nuestra Virgen",
        station=f"RXVIRGEN{dice.randint(10, 99)}",
        serial_number=f"SN{dice.randint(10**7, 10**8 - 1)}",
    )


def _visit(dice: random.Random, person: Person) -> Visit:
    return Visit(
        person=person,
        day=date(2015, 1, 1) + timedelta(days=dice.randint(0, 3_600)),
        study_uid=_uid(dice),
        series_uid=_uid(dice),
        frame_uid=_uid(dice),
        accession_number=f"AC{dice.randint(10**8, 10**9 - 1)}",
    )


def _uid(dice: random.Random) -> str:
    return f"1.2.840.99999.{dice.randint(10**8, 10**9)}.{dice.randint(10**8, 10**9)}"

"""The image archive of a generated hospital: CR and DX files whose headers agree with its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from unicodedata import normalize
from uuid import UUID

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

from eden.demo.hospital import TABLES, Hospital, Row
from eden.demo.radiograph import BITS_STORED, MAXIMUM, Picture, View, as_photometric, render
from eden.demo.reports import Patient, language_of, patient_of

_PIXEL_DATA_ELEMENT_HEADER = 12  # bytes: tag 4, VR 'OW' 2, reserved 2, length 4
_SOP_CLASSES = {
    "CR": ComputedRadiographyImageStorage,
    "DX": DigitalXRayImageStorageForPresentation,
}
# Fixed, so that another release of pydicom writes the same bytes.
_IMPLEMENTATION = {
    "ImplementationClassUID": UID("2.25.151870352117349526838246118046374183945"),
    "ImplementationVersionName": "EDEN_DEMO_1",
}


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file of the archive."""

    image_id: UUID
    path: Path
    seed: int
    view: View
    header: Dataset
    """The data set without pixels, with its file meta information."""


def image_files(hospital: Hospital) -> tuple[ImageFile, ...]:
    """Return the file of every image whose file_path is not NULL.

    Raises:
        ValueError: its study has no machine, place or technician, or the machine is not CR or DX.
    """
    rows = {one.id: one for attribute in TABLES for one in getattr(hospital, attribute)}
    readers = {one.study_id: rows[one.signed_by_id] for one in hospital.reports if one.signed_by_id}
    return tuple(
        ImageFile(
            image_id=image.id,
            path=Path(image.file_path),
            seed=_number(image.sop_instance_uid, 2**63),
            view=hospital.views[image.id],
            header=_header(_Origin.of(hospital, image, rows, readers)),
        )
        for image in hospital.images
        if image.file_path is not None
    )


def file_size(header: Dataset) -> int:
    """Return the bytes of the file that `write_dicom` writes with this header."""
    buffer = BytesIO()
    dcmwrite(buffer, header, enforce_file_format=True)
    pixels: int = header.Rows * header.Columns * 2
    return len(buffer.getbuffer()) + _PIXEL_DATA_ELEMENT_HEADER + pixels


def write_dicom(path: Path, picture: Picture, header: Dataset) -> None:
    """Write a DICOM file, Explicit VR Little Endian, uncompressed, whole or not at all.

    `picture` is MONOCHROME2 and is stored as the header's PhotometricInterpretation asks. Missing
    folders are made.

    Raises:
        ValueError: the picture is not uint16, or not of the header's Rows and Columns.
    """
    if picture.shape != (header.Rows, header.Columns) or picture.dtype != np.uint16:
        raise ValueError(
            f"the header is of {header.Rows} x {header.Columns} uint16, "
            f"the picture is {picture.shape} {picture.dtype}"
        )
    dataset = deepcopy(header)
    stored = as_photometric(picture, header.PhotometricInterpretation)
    dataset.add_new("PixelData", "OW", stored.astype("<u2").tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        dcmwrite(partial, dataset, enforce_file_format=True)
        partial.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            partial.unlink()
        raise


def write_archive(
    hospital: Hospital,
    *,
    workers: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write every file of the hospital's images, and return how many were written now.

    A file that has the size of its row is left alone, so an interrupted run can be repeated.
    `on_progress(done, total)` is called in this process, at the start and after every file.
    `workers` processes share the work; with 1, this process does it.

    Raises:
        ValueError: workers is less than 1.
    """
    if workers < 1:
        raise ValueError("at least one worker is needed")
    sizes = {image.id: image.file_size for image in hospital.images}
    every = image_files(hospital)
    missing = [file for file in every if _size_of(file.path) != sizes[file.image_id]]
    done = len(every) - len(missing)
    if on_progress:
        on_progress(done, len(every))
    for _ in _written(missing, workers):
        done += 1
        if on_progress:
            on_progress(done, len(every))
    return len(missing)


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None


def _written(missing: list[ImageFile], workers: int) -> Iterator[None]:
    """Write the files, and yield after each."""
    if workers == 1 or len(missing) < 2:
        for file in missing:
            _write(file)
            yield
        return
    # Not fork: the calling process may have threads (a progress bar, a server).
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        for future in as_completed([pool.submit(_write, file) for file in missing]):
            future.result()
            yield
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _write(file: ImageFile) -> None:
    picture = render(file.seed, file.header.Rows, file.header.Columns, file.view)
    write_dicom(file.path, picture, file.header)


# --------------------------------------------------------------------------------------------
# Headers
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Origin:
    """The rows that the header of one image is made of."""

    image: Row
    series: Row
    study: Row
    organization: Row
    facility: Row
    machine: Row
    technician: Row
    body_part: Row | None
    referring: Row | None
    reader: Row | None
    view: View
    size: int

    @classmethod
    def of(
        cls,
        hospital: Hospital,
        image: Row,
        rows: dict[UUID, Row],
        readers: dict[UUID, Row],
    ) -> _Origin:
        series = rows[image.series_id]
        study = rows[series.study_id]
        if None in (study.modality_id, study.facility_id, study.technician_id):
            raise ValueError(f"study {study.id} has files but no machine, place or technician")
        machine = rows[study.modality_id]
        if machine.identifier not in _SOP_CLASSES:
            raise ValueError(f"no files are generated for modality {machine.identifier}")
        return cls(
            image=image,
            series=series,
            study=study,
            organization=rows[study.organization_id],
            facility=rows[study.facility_id],
            machine=machine,
            technician=rows[study.technician_id],
            body_part=rows.get(study.body_part_id),
            referring=rows.get(study.referring_practitioner_id),
            reader=readers.get(study.id),
            view=hospital.views[image.id],
            size=hospital.picture_size,
        )

    @property
    def patient(self) -> Patient:
        """The person behind the study's patient_id."""
        language = language_of(self.organization.country)
        return patient_of(self.study.patient_id or self.study.id, language)

    @property
    def performed_at(self) -> datetime:
        """When the image was taken."""
        moment: datetime = self.study.performed_at or self.study.created_at
        return moment

    @property
    def is_inverted(self) -> bool:
        """About one study in five is stored like a film: bone dark."""
        return _number(str(self.study.id), 5) == 0


def _header(origin: _Origin) -> Dataset:
    """Return a data set without pixels, with its file meta information."""
    sop_class = _SOP_CLASSES[origin.machine.identifier]
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    _set(
        dataset.file_meta,
        MediaStorageSOPClassUID=sop_class,
        MediaStorageSOPInstanceUID=UID(origin.image.sop_instance_uid),
        TransferSyntaxUID=ExplicitVRLittleEndian,
        SourceApplicationEntityTitle=_station(origin),
        **_IMPLEMENTATION,
    )
    # Two habits of real archives: Latin-1 in the older kind of file, UTF-8 in the newer.
    character_set = "ISO_IR 100" if origin.machine.identifier == "CR" else "ISO_IR 192"
    _set(dataset, SpecificCharacterSet=character_set, SOPClassUID=sop_class)
    _describe_patient(dataset, origin.patient, origin.performed_at)
    _describe_study(dataset, origin)
    _describe_equipment(dataset, origin)
    _describe_exposure(dataset, origin)
    _describe_pixels(dataset, origin)
    if origin.machine.identifier == "DX":
        _describe_digital_xray(dataset, origin)
    return dataset


def _describe_patient(dataset: Dataset, patient: Patient, performed_at: datetime) -> None:
    _set(
        dataset,
        PatientName=patient.dicom_name,
        PatientID=patient.record_number,
        PatientBirthDate=f"{patient.birth_date:%Y%m%d}",
        PatientSex=patient.sex,
        PatientAge=f"{patient.age_at(performed_at.date()):03d}Y",
    )


def _describe_study(dataset: Dataset, origin: _Origin) -> None:
    study, accession_number = origin.study, origin.study.accession_number or ""
    described = study.dicom_description or (origin.body_part.name if origin.body_part else "")
    for part in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{part}Date", f"{origin.performed_at:%Y%m%d}")
        setattr(dataset, f"{part}Time", f"{origin.performed_at:%H%M%S.%f}")
    _set(
        dataset,
        SOPInstanceUID=origin.image.sop_instance_uid,
        StudyInstanceUID=study.study_instance_uid,
        SeriesInstanceUID=origin.series.series_instance_uid,
        TimezoneOffsetFromUTC="+0000",
        AccessionNumber=accession_number[:16],
        StudyID=accession_number[-4:],
        # Latin-1 has no combining marks.
        StudyDescription=normalize("NFC", described)[:64],
        SeriesDescription="TORAX PA" if origin.view == "PA" else "TORAX PERFIL",
        SeriesNumber=origin.series.series_number,
        InstanceNumber=origin.image.instance_number,
        ReferringPhysicianName=_person_name(origin.referring),
        NameOfPhysiciansReadingStudy=_person_name(origin.reader),
        OperatorsName=_person_name(origin.technician),
        Modality=origin.machine.identifier,
    )


def _describe_equipment(dataset: Dataset, origin: _Origin) -> None:
    _set(
        dataset,
        Manufacturer=origin.machine.manufacturer or "",
        ManufacturerModelName=f"Torso {origin.machine.identifier} 300",
        InstitutionName=f"{origin.organization.name} - {origin.facility.name}"[:64],
        StationName=_station(origin),
        DeviceSerialNumber=f"SN{_number(origin.machine.ae_title or '', 10**6):06d}",
        SoftwareVersions="4.2.1",
    )
    # Vendors repeat the patient in private elements: de-identification has something to find.
    private = dataset.private_block(0x0029, "EDEN DEMO CONSOLE", create=True)
    private.add_new(0x10, "LO", origin.patient.full_name)
    private.add_new(0x11, "DS", "1.25")


def _describe_exposure(dataset: Dataset, origin: _Origin) -> None:
    lateral = origin.view == "LL"
    varied = _number(origin.image.sop_instance_uid, 5)
    spacing = f"{430 / origin.size:.4f}"  # millimetres: a detector 43 cm wide
    _set(
        dataset,
        BodyPartExamined="CHEST",
        ViewPosition=origin.view,
        PatientOrientation=["P", "F"] if lateral else ["L", "F"],
        KVP=120 + varied,
        DistanceSourceToDetector=1800,
        ExposureTime=(18 if lateral else 8) + varied,
        XRayTubeCurrent=320,
        Exposure=(6 if lateral else 3) + varied // 2,
        Grid=["FOCUSED", "RECIPROCATING"],
        ImagerPixelSpacing=[spacing, spacing],
    )
    if origin.machine.identifier == "CR":
        _set(dataset, PlateType="STANDARD", Laterality="")


def _describe_pixels(dataset: Dataset, origin: _Origin) -> None:
    _set(
        dataset,
        ImageType=["ORIGINAL", "PRIMARY"],
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME1" if origin.is_inverted else "MONOCHROME2",
        Rows=origin.size,
        Columns=origin.size,
        BitsAllocated=16,
        BitsStored=BITS_STORED,
        HighBit=BITS_STORED - 1,
        PixelRepresentation=0,
        WindowCenter=MAXIMUM - 1900 if origin.is_inverted else 1900,
        WindowWidth=3700,
        LossyImageCompression="00",
        BurnedInAnnotation="NO",
    )


def _describe_digital_xray(dataset: Dataset, origin: _Origin) -> None:
    """Add the attributes that the DX modules ask for beyond CR (PS3.3, A.26)."""
    frontal = _code("272479007", "postero-anterior")
    lateral = _code("399173006", "left lateral")
    _set(
        dataset,
        ImageType=["ORIGINAL", "PRIMARY", ""],
        PresentationIntentType="FOR PRESENTATION",
        PixelIntensityRelationship="LOG",
        PixelIntensityRelationshipSign=1 if origin.is_inverted else -1,
        RescaleIntercept=0,
        RescaleSlope=1,
        RescaleType="US",
        PresentationLUTShape="INVERSE" if origin.is_inverted else "IDENTITY",
        DetectorType="SCINTILLATOR",
        ImageLaterality="U",
        AcquisitionContextSequence=[],
        AnatomicRegionSequence=[_code("816094009", "Chest")],
        ViewCodeSequence=[lateral if origin.view == "LL" else frontal],
    )


def _code(value: str, meaning: str) -> Dataset:
    """Return one item of a code sequence, in SNOMED CT."""
    item = Dataset()
    _set(item, CodeValue=value, CodingSchemeDesignator="SCT", CodeMeaning=meaning)
    return item


def _set(dataset: Dataset, **values: object) -> None:
    for keyword, value in values.items():
        setattr(dataset, keyword, value)


def _station(origin: _Origin) -> str:
    return (origin.machine.ae_title or "")[:16]


def _person_name(person: Row | None) -> str:
    """Return a DICOM person name (PN): 'FAMILY^GIVEN', or an empty one."""
    return f"{person.last_name}^{person.first_name}" if person else ""


def _number(text: str, below: int) -> int:
    """Return a number that depends on the text alone: hash() differs from run to run."""
    return int.from_bytes(sha256(text.encode()).digest()[:8]) % below

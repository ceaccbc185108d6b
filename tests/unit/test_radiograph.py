"""Generated pictures and files: what is promised of the bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels.utils import get_expected_length

from eden.demo.dicom_files import image_files, write_archive, write_dicom
from eden.demo.generate import generate
from eden.demo.hospital import Hospital
from eden.demo.radiograph import MAXIMUM, Picture, View, as_photometric, render


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archive")


@pytest.fixture(scope="module")
def hospital(archive: Path) -> Hospital:
    """A small hospital whose archive has been written by two processes."""
    made = generate(archive=archive, small=True)
    write_archive(made, workers=2)
    return made


@pytest.mark.parametrize("view", ["PA", "LL"])
@pytest.mark.parametrize(("rows", "columns"), [(256, 256), (600, 500), (1024, 1100)])
def test_a_picture_keeps_its_promises(view: View, rows: int, columns: int) -> None:
    picture = render(1, rows, columns, view)
    assert picture.shape == (rows, columns)
    assert picture.dtype == np.uint16
    assert picture.max() <= MAXIMUM
    assert picture.max() > 0.9 * MAXIMUM  # the lead marker
    assert np.array_equal(picture, render(1, rows, columns, view))
    assert not np.array_equal(picture, render(2, rows, columns, view))


def test_a_frontal_picture_has_dark_lungs_beside_a_bright_middle() -> None:
    for seed in range(6):
        picture = render(seed, 256, 256, "PA").astype(float)
        lungs = np.mean([picture[90:110, 70:90].mean(), picture[90:110, 170:190].mean()])
        middle = picture[160:180, 120:145].mean()
        assert middle > 1.8 * lungs
        assert picture[:12, :12].mean() < 0.5 * lungs  # air beside the neck


def test_a_lateral_picture_has_air_behind_the_heart() -> None:
    for seed in range(6):
        picture = render(seed, 256, 256, "LL").astype(float)
        assert picture[150:165, 75:95].mean() > 1.3 * picture[120:135, 150:165].mean()


def test_too_small_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="64"):
        render(1, 32, 256, "PA")


def test_inverted_storage_shows_the_same_picture() -> None:
    picture = render(3, 128, 128, "PA")
    assert np.array_equal(as_photometric(picture, "MONOCHROME2"), picture)
    inverted = as_photometric(picture, "MONOCHROME1")
    assert inverted.dtype == np.uint16
    assert np.array_equal(MAXIMUM - inverted, picture)


@pytest.mark.slow
def test_every_named_file_has_the_size_its_row_says(hospital: Hospital, archive: Path) -> None:
    named = [image for image in hospital.images if image.file_path is not None]
    assert len(named) == len(image_files(hospital)) > 60
    for image in named:
        assert image.file_path is not None
        assert Path(image.file_path).stat().st_size == image.file_size
    written = {path for path in archive.rglob("*") if path.is_file()}
    assert written == {Path(image.file_path) for image in named if image.file_path}


def test_full_size_is_computed_without_drawing(tmp_path: Path) -> None:
    made = generate(archive=tmp_path)
    file = image_files(made)[0]
    picture = np.zeros((file.header.Rows, file.header.Columns), dtype=np.uint16)
    write_dicom(file.path, picture, file.header)
    assert file.path.stat().st_size == made.images[0].file_size


@pytest.mark.slow
def test_files_are_whole_and_belong_to_their_rows(hospital: Hospital) -> None:
    series = {one.id: one for one in hospital.series}
    studies = {one.id: one for one in hospital.studies}
    codes = {one.id: one.identifier for one in hospital.modalities}
    for image in hospital.images:
        if image.file_path is None:
            continue
        dataset = pydicom.dcmread(image.file_path)
        study = studies[series[image.series_id].study_id]
        assert dataset.SOPInstanceUID == image.sop_instance_uid
        assert dataset.file_meta.MediaStorageSOPInstanceUID == image.sop_instance_uid
        assert dataset.SeriesInstanceUID == series[image.series_id].series_instance_uid
        assert dataset.StudyInstanceUID == study.study_instance_uid
        assert dataset.AccessionNumber == study.accession_number
        assert study.modality_id and dataset.Modality == codes[study.modality_id]
        assert dataset.InstanceNumber == image.instance_number
        assert len(dataset.PixelData) == get_expected_length(dataset) == 2 * 256 * 256
        assert dataset.pixel_array.max() <= MAXIMUM


@pytest.mark.slow
def test_a_patient_is_the_same_person_in_every_file(hospital: Hospital) -> None:
    people: dict[str, tuple[str, str, str]] = {}
    subjects: dict[str, str] = {}
    studies = {one.study_instance_uid: one for one in hospital.studies}
    for file in image_files(hospital):
        dataset = pydicom.dcmread(file.path, stop_before_pixels=True)
        person = (str(dataset.PatientName), dataset.PatientBirthDate, dataset.PatientSex)
        assert people.setdefault(dataset.PatientID, person) == person
        study = studies[dataset.StudyInstanceUID]
        subject = str(study.patient_id or study.id)
        assert subjects.setdefault(subject, dataset.PatientID) == dataset.PatientID
    assert len(set(subjects.values())) == len(subjects)


@pytest.mark.slow
def test_both_kinds_of_file_and_of_storage_occur(hospital: Hospital) -> None:
    found = {
        (file.header.Modality, file.header.PhotometricInterpretation)
        for file in image_files(hospital)
    }
    assert found == {
        (modality, photometric)
        for modality in ("CR", "DX")
        for photometric in ("MONOCHROME1", "MONOCHROME2")
    }


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(hospital: Hospital, tmp_path: Path) -> None:
    again = generate(archive=tmp_path, small=True)
    write_archive(again, workers=1)
    for first, second in zip(image_files(hospital), image_files(again), strict=True):
        assert digest(first.path) == digest(second.path)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_only_what_is_missing_or_cut_short_is_written(hospital: Hospital) -> None:
    every = image_files(hospital)
    before = digest(every[0].path)
    times = {file.path: file.path.stat().st_mtime_ns for file in every}
    every[0].path.write_bytes(every[0].path.read_bytes()[:1000])
    every[1].path.unlink()
    seen: list[tuple[int, int]] = []
    assert write_archive(hospital, workers=1, on_progress=lambda *at: seen.append(at)) == 2
    total = len(every)
    assert seen == [(total - 2, total), (total - 1, total), (total, total)]
    assert digest(every[0].path) == before
    assert all(file.path.stat().st_mtime_ns == times[file.path] for file in every[2:])
    assert write_archive(hospital) == 0


@pytest.mark.slow
def test_a_failed_write_leaves_nothing(
    hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = image_files(hospital)[0].header

    def fails(source: Path, target: Path) -> None:
        raise OSError("no space")

    monkeypatch.setattr("eden.demo.dicom_files.Path.replace", fails)
    with pytest.raises(OSError, match="no space"):
        write_dicom(tmp_path / "a" / "b.dcm", _blank(header), header)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_a_picture_of_another_shape_is_refused(hospital: Hospital, tmp_path: Path) -> None:
    header = image_files(hospital)[0].header
    with pytest.raises(ValueError, match="256 x 256"):
        write_dicom(tmp_path / "b.dcm", np.zeros((8, 8), dtype=np.uint16), header)


def _blank(header: pydicom.Dataset) -> Picture:
    return np.zeros((header.Rows, header.Columns), dtype=np.uint16)

"""A header is read once: the checks judge it, de-identification cleans it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.uid import ExplicitVRLittleEndian

from dicom_export import dicom_file
from dicom_export.blobs import Budget, Workspace
from dicom_export.deidentify import Deidentifier, Identifiers, PassThrough
from dicom_export.prepare.checks import inspect
from dicom_export.prepare.study import PreparedStudy, prepare
from dicom_export.sources import Sources
from dicom_export.sources.local import LocalSource
from tests.support.deidentified import basic
from tests.support.dicom import radiograph, rows, sample, written
from tests.support.sources import a_study, an_image


def prepared(
    content: bytes, folder: Path, deidentifier: Deidentifier, workspace: Workspace
) -> PreparedStudy:
    path = folder / "image.dcm"
    path.write_bytes(content)
    study, image = rows(content)
    row = an_image(
        str(path),
        series_instance_uid=image.series_instance_uid,
        sop_instance_uid=image.sop_instance_uid,
    )
    study = a_study(row, study_instance_uid=study.study_instance_uid)
    with Sources({"file": LocalSource((str(folder),))}) as sources:
        found = prepare(study, sources, deidentifier, workspace)
    assert found.images[0].code is None
    return found


@pytest.mark.parametrize(("deidentifier", "headers"), [(PassThrough(), 1), (basic(), 2)])
def test_every_header_is_parsed_once(
    deidentifier: Deidentifier, headers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source's, and under ``basic`` that of the file that was written."""
    parsed: list[str] = []
    read_partial = dicom_file.read_partial

    def counted(*arguments: Any, **options: Any) -> Any:
        parsed.append("header")
        return read_partial(*arguments, **options)

    monkeypatch.setattr(dicom_file, "read_partial", counted)
    with Workspace(Budget()) as workspace:
        prepared(written(radiograph()), tmp_path, deidentifier, workspace)
    assert len(parsed) == headers


def test_the_checks_leave_the_raw_bytes_of_identifiers() -> None:
    content = written(radiograph(SpecificCharacterSet="ISO_IR 100", AccessionNumber="Ñandú-77"))
    study, image = rows(content)
    with Workspace(Budget()) as workspace:
        found = inspect(workspace.keep(content), study, image, workspace)
        assert found.file is not None
        dataset = found.file.dataset
        assert isinstance(dataset.get_item("AccessionNumber"), RawDataElement)
        known = Identifiers()
        known.learn_file(dataset)
    assert "Ñandú-77".encode("latin-1") in known.raw


@pytest.mark.parametrize("deidentifier", [PassThrough(), basic()])
def test_only_outgoing_objects_stay_in_memory(deidentifier: Deidentifier, tmp_path: Path) -> None:
    """Neither the original nor its inflated copy waits for the end of the study."""
    limit = 64 * 1024**2
    budget = Budget(limit)
    with Workspace(budget) as workspace:
        found = prepared(sample("image_dfl.dcm"), tmp_path, deidentifier, workspace)
        kept = [part.blob for part in (*found.images, *found.reports) if part.blob]
        assert kept
        assert budget.take(limit - sum(blob.size for blob in kept))
        assert not budget.take(1)


def test_a_deflated_file_is_described_as_it_came_and_read_inflated() -> None:
    content = sample("image_dfl.dcm")
    with Workspace(Budget()) as workspace:
        original = workspace.keep(content)
        file = dicom_file.read(original, workspace)
        assert file.transfer_syntax == "1.2.840.10008.1.2.1.99"
        assert file.encoding == ExplicitVRLittleEndian
        assert file.original is original
        assert file.size > original.size

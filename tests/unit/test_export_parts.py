"""Small parts of the export: room for files, keys, codes, errors, what is shown of a study."""

from __future__ import annotations

import contextlib
import hashlib
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from dicom_export.blobs import Budget, Workspace
from dicom_export.codes import Code, ImageStatus
from dicom_export.errors import SourceFailed, describe
from dicom_export.model import EligibleImage, EligibleReport, EligibleStudy, StudyResult
from dicom_export.sources.local import LocalSource
from eden.errors import ConfigurationError


def image(file_path: str) -> EligibleImage:
    return EligibleImage("i", "s", "1.2", 1, None, None, "1.3", 1, file_path, None)


def study(*images: EligibleImage) -> EligibleStudy:
    report = EligibleReport("r", 2, "ZZPLANTED", None)
    return EligibleStudy(
        "study", "org", "1.2", "ZZPLANTED", "ZZPLANTED", "CR", None, None, None, None, 2, "f",
        (report,), images,
    )  # fmt: skip


def test_a_file_that_does_not_fit_in_memory_goes_to_disk_and_leaves_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    budget = Budget(100)
    with Workspace(budget) as workspace:
        small, large = workspace.keep(b"s" * 60), workspace.writer()
        for _ in range(10):
            large.write(b"l" * 30)
        blob = large.finish()
        assert isinstance(small.open(), BytesIO)
        assert not isinstance(blob.open(), BytesIO)
        assert blob.open().read() == b"l" * 300
        assert (blob.size, blob.sha256) == (300, hashlib.sha256(b"l" * 300).hexdigest())
        assert list(tmp_path.iterdir()) == []
        assert not budget.take(41)
        assert budget.take(40)
        budget.give(40)
    assert budget.take(100)


def test_a_file_that_never_ends_is_refused() -> None:
    with Workspace(Budget(), limit=100) as workspace:
        writer = workspace.writer()
        with pytest.raises(SourceFailed) as caught:
            for _ in range(11):
                writer.write(b"x" * 10)
    assert caught.value.code is Code.TOO_LARGE


def test_nothing_of_a_patient_is_in_a_repr() -> None:
    assert "ZZPLANTED" not in repr(study(image("/archive/ZZPLANTED.dcm")))


def test_an_unexpected_error_is_described_without_its_message() -> None:
    with pytest.raises(KeyError) as caught:
        _ = {}["ZZPLANTED"]
    assert describe(caught.value).startswith("KeyError at test_export_parts.py:")


@pytest.mark.parametrize("code", Code)
def test_every_code_leads_to_a_status(code: Code) -> None:
    assert code.image_status in ImageStatus
    assert code.image_status is not ImageStatus.EXPORTED


def test_a_result_survives_the_ledger() -> None:
    result = StudyResult("s", "o", False, 1, 2, False, ("a", "b"))
    assert StudyResult.from_dict(dict(sorted(result.to_dict().items()))) == result


# Files on disk ------------------------------------------------------------------------------------


def read(source: LocalSource, path: Path | str) -> bytes | Code:
    with Workspace(Budget()) as workspace:
        writer = workspace.writer()
        try:
            source.fetch(study(), image(str(path)), writer)
        except SourceFailed as failure:
            return failure.code
        return writer.finish().open().read()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(b"outside")
    return folder


def test_only_files_inside_the_roots_are_read(root: Path, tmp_path: Path) -> None:
    source = LocalSource((str(root),))
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder-link").symlink_to(root / "inner")
    os.mkfifo(root / "fifo")
    assert read(source, root / "inner" / "file") == b"inside"
    refused = ("link", "folder-link/file", "fifo", "inner", "../secret", "inner/../inner/file")
    for name in refused:
        assert read(source, f"{root}/{name}") == Code.PATH_REFUSED, name
    assert read(source, root) == Code.PATH_REFUSED
    assert read(source, tmp_path / "secret") == Code.PATH_REFUSED
    assert read(source, f"{root}2/file") == Code.PATH_REFUSED
    assert read(source, root / "none") == Code.SOURCE_MISSING
    assert read(source, root / ("x" * 300)) == Code.SOURCE_MISSING
    assert read(source, root / "inner" / "file" / "x") == Code.SOURCE_MISSING
    source.close()


def open_within(folder: Path) -> int:
    """Count this process's descriptors of a folder and of what lies in it."""
    files = [path.stat() for path in (folder, *folder.rglob("*"))]
    found = 0
    for path in list(Path("/dev/fd").iterdir()):
        # Others come and go meanwhile: what was left open before is collected at any time.
        with contextlib.suppress(OSError):
            opened = os.fstat(int(path.name))
            found += any(os.path.samestat(opened, file) for file in files)
    return found


def test_descriptors_are_not_leaked(root: Path, tmp_path: Path) -> None:
    source = LocalSource((str(root),))
    before = open_within(tmp_path)
    assert before == 1
    for name in ("inner/file", "none", "inner", "inner/file/x", "../secret"):
        read(source, f"{root}/{name}")
    assert open_within(tmp_path) == before
    source.close()
    assert open_within(tmp_path) == 0


@pytest.mark.parametrize(
    ("opened", "expected"), [("inner", Code.PATH_REFUSED), ("file", b"inside")]
)
def test_a_folder_that_turns_into_a_link_is_never_followed(
    opened: str,
    expected: bytes | Code,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was checked is what is read, whatever is swapped in just before an opening."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"outside")
    source = LocalSource((str(root),))
    really_open = os.open

    def swap_and_open(path: str, *arguments: Any, **named: Any) -> int:
        if str(path).endswith(opened) and not (root / "aside").exists():
            (root / "inner").rename(root / "aside")
            (root / "inner").symlink_to(tmp_path / "outside")
        return really_open(path, *arguments, **named)

    monkeypatch.setattr(os, "open", swap_and_open)
    assert read(source, root / "inner" / "file") == expected
    assert (root / "inner").is_symlink()
    source.close()


def test_a_root_may_be_reached_through_a_link(root: Path, tmp_path: Path) -> None:
    alias = tmp_path / "alias"
    alias.symlink_to(root)
    source = LocalSource((str(alias),))
    assert read(source, alias / "inner" / "file") == b"inside"
    assert read(source, root / "inner" / "file") == Code.PATH_REFUSED
    source.close()


@pytest.mark.parametrize("bad", ["relative", "/no/such/folder", "/etc/passwd", "/tmp/../etc"])
def test_a_root_must_be_a_folder(bad: str, root: Path) -> None:
    with pytest.raises(ConfigurationError, match="DICOM_ROOTS"):
        LocalSource((str(root), bad))


def test_a_file_without_permission_is_unreachable(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = LocalSource((str(root),))
    original = os.read

    def failing(descriptor: int, count: int) -> Any:
        raise OSError(5, "Input/output error", BytesIO(original(descriptor, count)))

    monkeypatch.setattr("os.read", failing)
    assert read(source, root / "inner" / "file") == Code.SOURCE_UNREACHABLE
    source.close()

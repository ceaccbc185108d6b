"""Sources of images as a whole: which is asked, how often, and how another one is added."""

from __future__ import annotations

from io import BytesIO
from typing import ClassVar, Self

import pytest

from dicom_export import sources
from dicom_export.blobs import BlobWriter, Budget, Workspace
from dicom_export.codes import Code
from dicom_export.errors import SourceFailed
from dicom_export.model import EligibleImage, EligibleStudy
from eden.errors import ConfigurationError
from eden.settings import Export, ObjectStore
from tests.support.sources import a_study, an_image, bring


class MemorySource:
    """Files that a test keeps in memory, the first tries of which may fail."""

    schemes: ClassVar[tuple[str, ...]] = ("memory", "mem")
    files: ClassVar[dict[str, bytes]] = {}
    failures: ClassVar[list[SourceFailed]] = []
    closed: ClassVar[int] = 0

    @classmethod
    def configured(cls, export: Export, store: ObjectStore) -> Self | None:
        return cls() if cls.files else None

    def fetch(self, study: EligibleStudy, image: EligibleImage, writer: BlobWriter) -> None:
        assert image.file_path
        content = self.files[image.file_path.partition("://")[2]]
        writer.write(content[:5])
        if self.failures:
            raise self.failures.pop(0)
        writer.write(content[5:])

    def close(self) -> None:
        type(self).closed += 1


@pytest.fixture(autouse=True)
def _memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDENTIFICATION", "off")
    monkeypatch.setattr(sources, "KINDS", (*sources.KINDS, MemorySource))
    monkeypatch.setattr(sources, "PAUSES_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(MemorySource, "files", {"a": b"0123456789"})
    monkeypatch.setattr(MemorySource, "failures", [])
    monkeypatch.setattr(MemorySource, "closed", 0)


def test_another_source_is_a_class_and_its_name() -> None:
    with sources.configured(Export(), ObjectStore()) as reading:
        assert bring(reading, "memory://a") == b"0123456789"
        assert bring(reading, "MEM://a") == b"0123456789"
        assert bring(reading, "other://a") == Code.SCHEME_REFUSED
    assert MemorySource.closed == 1


def test_a_source_that_is_not_configured_takes_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemorySource, "files", {})
    with sources.configured(Export(), ObjectStore()) as reading:
        assert bring(reading, "memory://a") == Code.SCHEME_REFUSED


def test_what_may_pass_is_tried_three_times_from_the_start() -> None:
    passing = SourceFailed(Code.TRUNCATED, may_pass=True)
    with sources.configured(Export(), ObjectStore()) as reading:
        MemorySource.failures.extend([passing] * 2)
        budget, image = Budget(10), an_image("memory://a")
        with Workspace(budget) as workspace:
            blob = reading.fetch(a_study(image), image, workspace)
            assert blob.open().read() == b"0123456789"
            # The halves that failed take no room.
            assert isinstance(blob.open(), BytesIO)
        assert budget.take(10)
        MemorySource.failures.extend([passing] * 3)
        assert bring(reading, "memory://a") == Code.TRUNCATED
        assert MemorySource.failures == []


def test_what_does_not_pass_is_tried_once() -> None:
    with sources.configured(Export(), ObjectStore()) as reading:
        MemorySource.failures.extend([SourceFailed(Code.SOURCE_MISSING)] * 2)
        assert bring(reading, "memory://a") == Code.SOURCE_MISSING
        assert len(MemorySource.failures) == 1


def test_a_setting_of_no_use_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "KINDS", (MemorySource, *sources.KINDS[:-1]))
    monkeypatch.setenv("DICOM_HTTP_HOSTS", "*")
    with pytest.raises(ConfigurationError, match="DICOM_HTTP_HOSTS"):
        sources.configured(Export(), ObjectStore())
    assert MemorySource.closed == 1

"""DEIDENTIFICATION=off: files byte for byte, reports word for word, rows as they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dicom_export.blobs import Scratch
from dicom_export.deidentify.api import OutgoingImage
from dicom_export.deidentify.final_search import Residue
from dicom_export.dicom_file import DicomFile
from dicom_export.model import EligibleStudy


class PassThrough:
    """Leaves everything as it is."""

    mode = "off"
    rules_version = "1"
    key_id = None

    def begin(self, study: EligibleStudy) -> PassedStudy:
        """Begin a study."""
        return PassedStudy(study)


class PassedStudy:
    """A study that goes out as it is."""

    def __init__(self, study: EligibleStudy) -> None:
        self._study = study

    def disclosed(self) -> EligibleStudy:
        """Give the rows as they are."""
        return self._study

    def statement(self) -> Mapping[str, str | None]:
        """Say that nothing was done."""
        return {
            "mode": PassThrough.mode,
            "rules_version": PassThrough.rules_version,
            "key_id": PassThrough.key_id,
        }

    def may_report(self, *, is_whole: bool) -> bool:  # noqa: ARG002
        """Say yes: nothing is taken out of reports."""
        return True

    def image(self, source: DicomFile, scratch: Scratch) -> OutgoingImage:  # noqa: ARG002
        """Give the file as it is."""
        return OutgoingImage(source.original)

    def report(self, text: str) -> str:
        """Give the text as it is."""
        return text

    def search_image(self, outgoing: OutgoingImage) -> Collection[Residue]:  # noqa: ARG002
        """Look for nothing: everything may be there."""
        return ()

    def search_report(self, text: str) -> Collection[Residue]:  # noqa: ARG002
        """Look for nothing."""
        return ()

    def search_metadata(self, content: bytes, made: Collection[str]) -> Collection[Residue]:  # noqa: ARG002
        """Look for nothing."""
        return ()

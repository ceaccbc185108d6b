"""DEIDENTIFICATION=off: files byte for byte, reports word for word, rows as they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dicom_export.blobs import Workspace
from dicom_export.deidentify.api import OutgoingImage
from dicom_export.deidentify.final_search import Residue
from dicom_export.dicom_file import DicomFile
from dicom_export.model import EligibleStudy


class PassThrough:
    """Changes nothing."""

    mode = "off"
    rules_version = "1"
    key_id = None

    def begin(self, study: EligibleStudy) -> PassedStudy:
        """Begin a study."""
        return PassedStudy(study)


class PassedStudy:
    """A study that is sent unchanged."""

    def __init__(self, study: EligibleStudy) -> None:
        self._study = study

    def disclosed(self) -> EligibleStudy:
        """Return the rows unchanged."""
        return self._study

    def statement(self) -> Mapping[str, str | None]:
        """State that nothing was changed."""
        return {
            "mode": PassThrough.mode,
            "rules_version": PassThrough.rules_version,
            "key_id": PassThrough.key_id,
        }

    def may_report(self, *, is_whole: bool) -> bool:  # noqa: ARG002
        """Always: reports are sent unchanged."""
        return True

    def image(self, source: DicomFile, workspace: Workspace) -> OutgoingImage:  # noqa: ARG002
        """Return the file unchanged."""
        return OutgoingImage(source.original)

    def report(self, text: str) -> str:
        """Return the text unchanged."""
        return text

    def search_image(self, outgoing: OutgoingImage) -> Collection[Residue]:  # noqa: ARG002
        """Search nothing: every identifier may be sent."""
        return ()

    def search_report(self, text: str) -> Collection[Residue]:  # noqa: ARG002
        """Search nothing."""
        return ()

    def search_metadata(self, content: bytes, made: Collection[str]) -> Collection[Residue]:  # noqa: ARG002
        """Search nothing."""
        return ()

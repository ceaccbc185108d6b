"""What a source of images is."""

from __future__ import annotations

from typing import Protocol

from dicom_export.model import EligibleImage, EligibleStudy
from dicom_export.scratch import Intake


class ImageSource(Protocol):
    """Brings the files of one kind of address. Used by several threads at once."""

    def fetch(self, study: EligibleStudy, image: EligibleImage, intake: Intake) -> None:
        """Write the image's file into ``intake``, a piece at a time.

        Raises:
            SourceFailed: the file is not there or must not be read; its code says which.
        """

    def close(self) -> None:
        """Let go of connections and descriptors."""

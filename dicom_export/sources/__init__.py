"""Where images come from, chosen by the scheme of their address (design, section 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType

from dicom_export.codes import Code
from dicom_export.errors import SourceFailed
from dicom_export.model import EligibleImage, EligibleStudy
from dicom_export.scratch import Blob, Scratch
from dicom_export.sources.base import ImageSource
from dicom_export.sources.local import LocalSource
from eden.settings import Export

PLAIN_PATH = "file"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def configured(settings: Export) -> Sources:
    """Make the sources that the settings allow: the one place that knows every kind.

    Raises:
        ConfigurationError: a setting of a source is of no use.
    """
    return Sources({PLAIN_PATH: LocalSource(settings.dicom_roots)})


class Sources:
    """Fetches each image from the source of its address's scheme."""

    def __init__(self, by_scheme: Mapping[str, ImageSource]) -> None:
        self._by_scheme = by_scheme

    def fetch(self, study: EligibleStudy, image: EligibleImage, scratch: Scratch) -> Blob:
        """Bring one image.

        Raises:
            SourceFailed: NO_PATH, SCHEME_REFUSED, or what the source says.
        """
        source = self._by_scheme.get(scheme_of(image.file_path))
        if source is None:
            raise SourceFailed(Code.SCHEME_REFUSED)
        intake = scratch.intake()
        source.fetch(study, image, intake)
        return intake.finish()

    def __enter__(self) -> Sources:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for source in self._by_scheme.values():
            source.close()


def scheme_of(address: str | None) -> str:
    """Name the scheme of an address in lower case; a plain path is 'file'.

    Raises:
        SourceFailed: NO_PATH, where there is no address.
    """
    if address is None or not address.strip():
        raise SourceFailed(Code.NO_PATH)
    found = _SCHEME.match(address)
    return found.group(1).lower() if found else PLAIN_PATH

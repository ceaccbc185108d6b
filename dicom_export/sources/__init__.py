"""Sources of images, chosen by the scheme of an image's address (design, section 5)."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType

from dicom_export.blobs import Blob, BlobWriter, Workspace
from dicom_export.codes import Code
from dicom_export.errors import SourceFailed
from dicom_export.model import EligibleImage, EligibleStudy
from dicom_export.sources.base import NO_ADDRESS, ImageSource
from dicom_export.sources.dicomweb import DicomWebSource
from dicom_export.sources.local import LocalSource
from dicom_export.sources.s3 import S3Source
from dicom_export.sources.web import WebSource
from eden.settings import Export, ObjectStore

KINDS: tuple[type[ImageSource], ...] = (LocalSource, S3Source, WebSource, DicomWebSource)
"""All kinds of sources; a new one is a class and its name here."""

PLAIN_PATH = "file"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")

PAUSES_SECONDS = (0.5, 2.0)
"""Pauses before the second and the third try. The ledger retries after longer failures."""
PATIENCE_SECONDS = 30.0
"""After this time a file is not requested again at once, since its worker has others to fetch."""


def configured(export: Export, store: ObjectStore) -> Sources:
    """Make the sources that the settings allow.

    Raises:
        ConfigurationError: a setting of a source is invalid.
    """
    by_scheme: dict[str, ImageSource] = {}
    with ExitStack() as opened:
        for kind in KINDS:
            source = kind.configured(export, store)
            if source is not None:
                opened.callback(source.close)
                by_scheme |= dict.fromkeys(source.schemes, source)
        opened.pop_all()
    return Sources(by_scheme, ignore_addresses=export.dicomweb_mode == "always")


class Sources:
    """Fetches each image from the source of its address's scheme."""

    def __init__(
        self, by_scheme: Mapping[str, ImageSource], *, ignore_addresses: bool = False
    ) -> None:
        self._by_scheme = by_scheme
        self._ignore_addresses = ignore_addresses

    def fetch(self, study: EligibleStudy, image: EligibleImage, workspace: Workspace) -> Blob:
        """Fetch one image.

        Raises:
            SourceFailed: NO_PATH, SCHEME_REFUSED, or the source's code.
        """
        source = self._source_of(image)
        started = time.monotonic()
        for pause in PAUSES_SECONDS:
            try:
                return _fetched(source, study, image, workspace.writer())
            except SourceFailed as failure:
                if not failure.may_pass or time.monotonic() - started > PATIENCE_SECONDS:
                    raise
            time.sleep(pause)
        return _fetched(source, study, image, workspace.writer())

    def _source_of(self, image: EligibleImage) -> ImageSource:
        scheme = NO_ADDRESS if self._ignore_addresses else scheme_of(image.file_path)
        source = self._by_scheme.get(scheme)
        if source is None:
            raise SourceFailed(Code.SCHEME_REFUSED if scheme else Code.NO_PATH)
        return source

    def __enter__(self) -> Sources:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for source in set(self._by_scheme.values()):
            source.close()


def scheme_of(address: str | None) -> str:
    """Return an address's scheme in lower case: 'file' for a plain path, NO_ADDRESS for none."""
    if address is None or not address.strip():
        return NO_ADDRESS
    found = _SCHEME.match(address)
    return found.group(1).lower() if found else PLAIN_PATH


def _fetched(
    source: ImageSource, study: EligibleStudy, image: EligibleImage, writer: BlobWriter
) -> Blob:
    try:
        source.fetch(study, image, writer)
    except BaseException:
        # The next try needs the memory of this unfinished file.
        writer.close()
        raise
    return writer.finish()

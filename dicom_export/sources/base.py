"""The protocol of a source of images, and the least speed of a file."""

from __future__ import annotations

import http.client
import time
from typing import ClassVar, Protocol, Self

from botocore.exceptions import IncompleteReadError

from dicom_export.blobs import BlobWriter
from dicom_export.codes import Code
from dicom_export.errors import SourceFailed
from dicom_export.model import EligibleImage, EligibleStudy
from eden.settings import Export, ObjectStore

NO_ADDRESS = ""
"""The scheme of rows without an address."""

PIECE_BYTES = 64 * 1024
"""Size of one read from a remote source; small, since the speed is checked between two reads."""

GRACE_SECONDS = 60.0
BYTES_PER_SECOND = 32 * 1024
"""Least speed of a file after ``GRACE_SECONDS``. A radiograph of 30 MB may take a quarter of an
hour; a server that sends a byte a minute does not block a worker."""


class ImageSource(Protocol):
    """Fetches the files of one kind of address. Used by several threads at once."""

    schemes: ClassVar[tuple[str, ...]]
    """The schemes that it serves, in lower case; NO_ADDRESS for rows without an address."""

    @classmethod
    def configured(cls, export: Export, store: ObjectStore) -> Self | None:
        """Make it from the settings; None if they do not use it.

        Raises:
            ConfigurationError: a setting is invalid; the message names its variable.
        """

    def fetch(self, study: EligibleStudy, image: EligibleImage, writer: BlobWriter) -> None:
        """Write the image's file into ``writer``, piece by piece.

        Raises:
            SourceFailed: the file is absent, unreachable or not allowed, as its code says. With
                ``may_pass`` it is requested again at once.
        """

    def close(self) -> None:
        """Close connections and descriptors."""


class Pace:
    """Checks that a file arrives at the least speed."""

    def __init__(
        self, *, grace: float = GRACE_SECONDS, bytes_per_second: int = BYTES_PER_SECOND
    ) -> None:
        self._started = time.monotonic()
        self._grace = grace
        self._bytes_per_second = bytes_per_second
        self._received = 0

    def note(self, count: int) -> None:
        """Count ``count`` more received bytes.

        Raises:
            SourceFailed: SOURCE_UNREACHABLE, if the file is too slow.
        """
        self._received += count
        allowed = self._grace + self._received / self._bytes_per_second
        if time.monotonic() - self._started > allowed:
            raise SourceFailed(Code.SOURCE_UNREACHABLE, may_pass=True)


def broken_off(error: BaseException) -> SourceFailed:
    """Convert an error in the middle of a file: TRUNCATED if it ended early, else unreachable."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, http.client.IncompleteRead | IncompleteReadError):
            return SourceFailed(Code.TRUNCATED, may_pass=True)
        cause = cause.__cause__ or cause.__context__
    return SourceFailed(Code.SOURCE_UNREACHABLE, may_pass=True)

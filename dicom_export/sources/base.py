"""What a source of images is, and how much patience all of them have."""

from __future__ import annotations

import http.client
import time
from typing import ClassVar, Protocol, Self

from botocore.exceptions import IncompleteReadError

from dicom_export.blobs import Intake
from dicom_export.codes import Code
from dicom_export.errors import SourceFailed
from dicom_export.model import EligibleImage, EligibleStudy
from eden.settings import Export, ObjectStore

NO_ADDRESS = ""
"""What stands for a scheme where an image's row has no address."""

PIECE_BYTES = 64 * 1024
"""What a remote source reads at a time: little, since the time is looked at between two pieces."""

GRACE_SECONDS = 60.0
BYTES_PER_SECOND = 32 * 1024
"""A file that comes more slowly than this, after a minute of grace, is given up. A radiograph of
30 MB may take a quarter of an hour; a server that sends a byte a minute does not hold a worker."""


class ImageSource(Protocol):
    """Brings the files of one kind of address. Used by several threads at once."""

    schemes: ClassVar[tuple[str, ...]]
    """The addresses that it takes, in lower case; NO_ADDRESS for rows that have none."""

    @classmethod
    def configured(cls, export: Export, store: ObjectStore) -> Self | None:
        """Make it as the settings say; None where they do not ask for it.

        Raises:
            ConfigurationError: a setting is of no use; the message names its variable.
        """

    def fetch(self, study: EligibleStudy, image: EligibleImage, intake: Intake) -> None:
        """Write the image's file into ``intake``, a piece at a time.

        Raises:
            SourceFailed: the file is not there or must not be read; its code says which. Where
                ``may_pass`` is set, it is asked for again at once.
        """

    def close(self) -> None:
        """Let go of connections and descriptors."""


class Pace:
    """Watches that a file comes in at a bearable speed."""

    def __init__(
        self, *, grace: float = GRACE_SECONDS, bytes_per_second: int = BYTES_PER_SECOND
    ) -> None:
        self._started = time.monotonic()
        self._grace = grace
        self._bytes_per_second = bytes_per_second
        self._received = 0

    def note(self, count: int) -> None:
        """Note that ``count`` bytes more have come.

        Raises:
            SourceFailed: with SOURCE_UNREACHABLE, where the file is too slow.
        """
        self._received += count
        allowed = self._grace + self._received / self._bytes_per_second
        if time.monotonic() - self._started > allowed:
            raise SourceFailed(Code.SOURCE_UNREACHABLE, may_pass=True)


def broken_off(error: BaseException) -> SourceFailed:
    """Judge an error in the middle of a file: did it end early, or did the connection fail?"""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, http.client.IncompleteRead | IncompleteReadError):
            return SourceFailed(Code.TRUNCATED, may_pass=True)
        cause = cause.__cause__ or cause.__context__
    return SourceFailed(Code.SOURCE_UNREACHABLE, may_pass=True)

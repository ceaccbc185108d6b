"""Room for the files of a study between fetching and sending: memory first, then nameless files.

All studies of a process share one :class:`Budget` of memory. What does not fit goes to temporary
files that have no name, so that they vanish with the process, however it ends.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import threading
from types import TracebackType
from typing import IO

from dicom_export.codes import Code
from dicom_export.errors import SourceFailed

MAX_IMAGE_BYTES = 2 * 1024**3
"""A single PUT takes 5 GB, a radiograph 30 MB; what is larger than this is no radiograph."""

MEMORY_BYTES = 384 * 1024**2
"""For all studies that a process prepares at once."""


class Budget:
    """Bytes of memory that may be taken at the same time; shared by threads."""

    def __init__(self, limit: int = MEMORY_BYTES) -> None:
        self._free = limit
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        """Take ``count`` bytes, or none and say so."""
        with self._lock:
            if count > self._free:
                return False
            self._free -= count
            return True

    def give(self, count: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self._free += count


class Blob:
    """Bytes that were taken in whole, with their length and SHA-256 (hexadecimal)."""

    def __init__(self, file: IO[bytes], size: int, sha256: str) -> None:
        self._file = file
        self.size = size
        self.sha256 = sha256

    def open(self) -> IO[bytes]:
        """Give the bytes from the start; readers take turns, since they share one position."""
        self._file.seek(0)
        return self._file

    def is_in(self, file: IO[bytes]) -> bool:
        """Whether these are the bytes of a file."""
        return self._file is file


class Intake:
    """Takes in one file in pieces, hashing on the way."""

    def __init__(self, budget: Budget, limit: int) -> None:
        self._budget = budget
        self._limit = limit
        self._file: IO[bytes] = io.BytesIO()
        self._hash = hashlib.sha256()
        self._size = 0
        self._taken = 0

    def expect(self, size: int) -> None:
        """Refuse a file by the size that its source announces, before any of it is brought.

        Raises:
            SourceFailed: with TOO_LARGE.
        """
        if size > self._limit:
            raise SourceFailed(Code.TOO_LARGE)

    def write(self, piece: bytes) -> None:
        """Take in the next piece.

        Raises:
            SourceFailed: with TOO_LARGE, when the file grows beyond the limit.
        """
        self._size += len(piece)
        if self._size > self._limit:
            raise SourceFailed(Code.TOO_LARGE)
        if isinstance(self._file, io.BytesIO):
            self._make_room(self._file, len(piece))
        self._hash.update(piece)
        self._file.write(piece)

    def finish(self) -> Blob:
        """Give what was taken in."""
        return Blob(self._file, self._size, self._hash.hexdigest())

    def holds(self, blob: Blob) -> bool:
        """Whether a blob's bytes lie here."""
        return blob.is_in(self._file)

    def close(self) -> None:
        """Free memory and disk."""
        self._file.close()
        self._budget.give(self._taken)
        self._taken = 0

    def _make_room(self, memory: io.BytesIO, count: int) -> None:
        if self._budget.take(count):
            self._taken += count
            return
        disk = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the intake
        disk.write(memory.getbuffer())
        self._file = disk
        self._budget.give(self._taken)
        self._taken = 0


class Scratch:
    """The room of one study; leaving the context frees all of it."""

    def __init__(self, budget: Budget, limit: int = MAX_IMAGE_BYTES) -> None:
        self._budget = budget
        self._limit = limit
        self._intakes: list[Intake] = []

    def intake(self) -> Intake:
        """Begin to take in a file."""
        intake = Intake(self._budget, self._limit)
        self._intakes.append(intake)
        return intake

    def keep(self, content: bytes) -> Blob:
        """Take in bytes that are at hand."""
        intake = self.intake()
        intake.write(content)
        return intake.finish()

    def release(self, blob: Blob) -> None:
        """Free a blob that nobody reads any more before the others."""
        for intake in [one for one in self._intakes if one.holds(blob)]:
            intake.close()
            self._intakes.remove(intake)

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for intake in self._intakes:
            intake.close()

"""Holds the files of a study between fetching and sending: in memory, then in nameless files.

All studies of a process share one :class:`Budget` of memory. A file that exceeds it goes to a
temporary file without a name, which vanishes with the process, however the process ends.
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
"""Limit of one file. A single PUT takes 5 GB; a radiograph has 30 MB."""

MEMORY_BYTES = 384 * 1024**2
"""Memory for all studies that a process prepares at the same time."""


class Budget:
    """The memory that blobs may use, in bytes; shared by threads."""

    def __init__(self, limit: int = MEMORY_BYTES) -> None:
        self._free = limit
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        """Reserve ``count`` bytes; False if fewer are free."""
        with self._lock:
            if count > self._free:
                return False
            self._free -= count
            return True

    def give(self, count: int) -> None:
        """Release ``count`` reserved bytes."""
        with self._lock:
            self._free += count


class Blob:
    """The bytes of a whole file, with their number and SHA-256 (hexadecimal)."""

    def __init__(self, file: IO[bytes], size: int, sha256: str) -> None:
        self._file = file
        self.size = size
        self.sha256 = sha256

    def open(self) -> IO[bytes]:
        """Return the bytes as a file at its start; all readers share one position."""
        self._file.seek(0)
        return self._file

    def is_in(self, file: IO[bytes]) -> bool:
        """Whether ``file`` holds these bytes."""
        return self._file is file


class BlobWriter:
    """Stores one file piece by piece, and hashes it."""

    def __init__(self, budget: Budget, limit: int) -> None:
        self._budget = budget
        self._limit = limit
        self._file: IO[bytes] = io.BytesIO()
        self._hash = hashlib.sha256()
        self._size = 0
        self._taken = 0

    def expect(self, size: int) -> None:
        """Check the size that a source announces, before any byte is transferred.

        Raises:
            SourceFailed: TOO_LARGE.
        """
        if size > self._limit:
            raise SourceFailed(Code.TOO_LARGE)

    def write(self, piece: bytes) -> None:
        """Store the next piece.

        Raises:
            SourceFailed: TOO_LARGE, when the file exceeds the limit.
        """
        self._size += len(piece)
        if self._size > self._limit:
            raise SourceFailed(Code.TOO_LARGE)
        if isinstance(self._file, io.BytesIO):
            self._make_room(self._file, len(piece))
        self._hash.update(piece)
        self._file.write(piece)

    def finish(self) -> Blob:
        """Return the whole file."""
        return Blob(self._file, self._size, self._hash.hexdigest())

    def holds(self, blob: Blob) -> bool:
        """Whether a blob was written here."""
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
        disk = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the writer
        disk.write(memory.getbuffer())
        self._file = disk
        self._budget.give(self._taken)
        self._taken = 0


class Workspace:
    """The blobs of one study; leaving the context frees them all."""

    def __init__(self, budget: Budget, limit: int = MAX_IMAGE_BYTES) -> None:
        self._budget = budget
        self._limit = limit
        self._writers: list[BlobWriter] = []

    def writer(self) -> BlobWriter:
        """Return a writer for a new file."""
        writer = BlobWriter(self._budget, self._limit)
        self._writers.append(writer)
        return writer

    def keep(self, content: bytes) -> Blob:
        """Store bytes as a blob."""
        writer = self.writer()
        writer.write(content)
        return writer.finish()

    def release(self, blob: Blob) -> None:
        """Free one blob before the others."""
        for writer in [one for one in self._writers if one.holds(blob)]:
            writer.close()
            self._writers.remove(writer)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in self._writers:
            writer.close()

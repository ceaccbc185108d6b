"""Files on a mounted disk: plain absolute paths and ``file://``, inside ``DICOM_ROOTS`` only.

A path is opened component by component from the root's descriptor, and no component may be a link.
So the file that was checked is the file that is read, even if the path changes meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import ClassVar, NoReturn, Self
from urllib.parse import unquote_to_bytes, urlsplit

from dicom_export.blobs import BlobWriter
from dicom_export.codes import Code
from dicom_export.errors import SourceFailed
from dicom_export.model import EligibleImage, EligibleStudy
from eden.errors import ConfigurationError
from eden.settings import Export, ObjectStore

PIECE_BYTES = 1024 * 1024
LOCAL_HOSTS = ("", "localhost")

# O_PATH needs no permission to list a folder, only to pass through it; macOS lacks it.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK, so that a FIFO does not block the worker until another process writes to it.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_MISSING = (errno.ENOENT, errno.ENAMETOOLONG)
_NO_REGULAR_FILE = (errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR)


@dataclass(frozen=True, slots=True)
class _Root:
    parts: tuple[str, ...]
    descriptor: int


class LocalSource:
    """Reads regular files inside the roots.

    The path of a root itself may have links, since the operator who sets it is trusted.

    Raises:
        ConfigurationError: a root is not an absolute path of an existing folder. An archive that
            is not mounted would otherwise look like an archive without files.
    """

    schemes: ClassVar[tuple[str, ...]] = ("file",)

    @classmethod
    def configured(cls, export: Export, store: ObjectStore) -> Self:  # noqa: ARG003
        """Read from DICOM_ROOTS; without a root, every path is refused."""
        return cls(export.dicom_roots)

    def __init__(self, roots: tuple[str, ...]) -> None:
        self._roots: list[_Root] = []
        try:
            for root in roots:
                self._roots.append(_open_root(root))
        except ConfigurationError:
            self.close()
            raise

    def fetch(self, study: EligibleStudy, image: EligibleImage, writer: BlobWriter) -> None:  # noqa: ARG002
        """Read the file that ``file_path`` names.

        Raises:
            SourceFailed: PATH_REFUSED, HOST_REFUSED, TOO_LARGE, SOURCE_MISSING or
                SOURCE_UNREACHABLE.
        """
        parts = _parts(_path_of(image.file_path or ""))
        try:
            descriptor = self._open(parts)
            try:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise SourceFailed(Code.PATH_REFUSED)
                writer.expect(found.st_size)
                while piece := os.read(descriptor, PIECE_BYTES):
                    writer.write(piece)
            finally:
                os.close(descriptor)
        except OSError as error:
            _refuse(error)

    def close(self) -> None:
        """Close the roots' descriptors."""
        while self._roots:
            os.close(self._roots.pop().descriptor)

    def _open(self, parts: tuple[str, ...]) -> int:
        root = self._root_of(parts)
        *folders, name = parts[len(root.parts) :]
        descriptor = os.dup(root.descriptor)
        try:
            for folder in folders:
                inner = _open_folder(folder, descriptor)
                os.close(descriptor)
                descriptor = inner
            return os.open(name, _FILE, dir_fd=descriptor)
        finally:
            os.close(descriptor)

    def _root_of(self, parts: tuple[str, ...]) -> _Root:
        for root in self._roots:
            if len(parts) > len(root.parts) and parts[: len(root.parts)] == root.parts:
                return root
        raise SourceFailed(Code.PATH_REFUSED)


def _open_root(root: str) -> _Root:
    try:
        parts = _parts(root)
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (SourceFailed, OSError, ValueError):
        raise ConfigurationError(
            f"DICOM_ROOTS: {root} is not an absolute path of a folder"
        ) from None
    return _Root(parts, descriptor)


def _open_folder(name: str, parent: int) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except NotADirectoryError:
        # With O_NOFOLLOW and O_DIRECTORY, Linux raises the same error for a link and for a file.
        if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise SourceFailed(Code.PATH_REFUSED) from None
        raise SourceFailed(Code.SOURCE_MISSING) from None


def _path_of(address: str) -> str:
    """Return the path of a plain path or a ``file://`` URL (RFC 8089)."""
    if "://" not in address:
        return address
    try:
        url = urlsplit(address)
    except ValueError:
        raise SourceFailed(Code.PATH_REFUSED) from None
    if url.netloc.lower() not in LOCAL_HOSTS:
        raise SourceFailed(Code.HOST_REFUSED)
    if url.query or url.fragment:
        raise SourceFailed(Code.PATH_REFUSED)
    return os.fsdecode(unquote_to_bytes(url.path))


def _parts(path: str) -> tuple[str, ...]:
    """Split an absolute path, without interpreting '..'."""
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if not path.startswith("/") or ".." in parts or "\0" in path:
        raise SourceFailed(Code.PATH_REFUSED)
    return parts


def _refuse(error: OSError) -> NoReturn:
    if error.errno in _MISSING:
        raise SourceFailed(Code.SOURCE_MISSING) from None
    if error.errno in _NO_REGULAR_FILE:
        raise SourceFailed(Code.PATH_REFUSED) from None
    raise SourceFailed(Code.SOURCE_UNREACHABLE) from None

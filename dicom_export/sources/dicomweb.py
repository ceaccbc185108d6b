"""Instances of a DICOMweb server (``DICOMWEB_URL``), by their UIDs (PS3.18, section 10.4).

For images without a path, or for all images if ``DICOMWEB_MODE`` is ``always``.
"""

from __future__ import annotations

import base64
import logging
import re
from typing import ClassVar, Self
from urllib.parse import unquote_to_bytes

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from dicom_export.blobs import BlobWriter
from dicom_export.codes import Code
from dicom_export.errors import SourceFailed
from dicom_export.model import EligibleImage, EligibleStudy
from dicom_export.sources.base import NO_ADDRESS
from dicom_export.sources.http_client import DEFAULT_PORTS, AllowedHosts, Answer, HttpClient
from eden.errors import ConfigurationError
from eden.settings import Export, ObjectStore

# Its errors about a broken message quote the message.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL + 1)

# '*' asks for the stored syntax. Without it a server may decompress (PS3.18, section 8.7.3.5.2).
ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
MULTIPART = b"multipart/related"
DICOM = b"application/dicom"
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
MAX_UID_LENGTH = 64


class DicomWebSource:
    """Retrieves one instance per request, as it is stored, from this server only."""

    schemes: ClassVar[tuple[str, ...]] = (NO_ADDRESS,)

    @classmethod
    def configured(cls, export: Export, store: ObjectStore) -> Self | None:  # noqa: ARG003
        """Read from DICOMWEB_URL, if it is set.

        Raises:
            ConfigurationError: it is not an http(s) URL, or missing although the mode needs it.
        """
        if export.dicomweb_url is None:
            if export.dicomweb_mode == "always":
                raise ConfigurationError("DICOMWEB_URL is not set, but DICOMWEB_MODE is always")
            return None
        url = _base_url(export.dicomweb_url.get_secret_value())
        allowed = AllowedHosts(frozenset({(url.host or "", _port(url))}))
        return cls(url, HttpClient(allowed, connections=export.concurrency))

    def __init__(self, url: Url, client: HttpClient) -> None:
        self._base = url._replace(auth=None, path=(url.path or "").rstrip("/")).url
        self._headers = {"Accept": ACCEPT, **_credentials(url.auth)}
        self._client = client

    def fetch(self, study: EligibleStudy, image: EligibleImage, writer: BlobWriter) -> None:
        """Retrieve the instance that the three UIDs name; ``prepare`` checks that it is this one.

        Raises:
            SourceFailed: PATH_REFUSED (no UIDs), HOST_REFUSED, TOO_LARGE, SOURCE_MISSING,
                SOURCE_UNREACHABLE, TRUNCATED or NOT_DICOM.
        """
        address = (
            f"{self._base}/studies/{_uid(study.study_instance_uid)}"
            f"/series/{_uid(image.series_instance_uid)}/instances/{_uid(image.sop_instance_uid)}"
        )
        with self._client.get(address, self._headers) as answer:
            writer.expect(answer.announced_bytes)
            _read(answer, writer)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _base_url(text: str) -> Url:
    try:
        url = parse_url(text)
    except LocationParseError:
        url = Url()
    if url.scheme not in DEFAULT_PORTS or not url.host or url.query or url.fragment:
        raise ConfigurationError("DICOMWEB_URL is not an http:// or https:// URL of a service")
    return url


def _port(url: Url) -> int:
    return url.port or DEFAULT_PORTS[url.scheme or ""]


def _credentials(userinfo: str | None) -> dict[str, str]:
    """Return the header for a URL's percent-encoded ``name:password``."""
    if userinfo is None:
        return {}
    name, _, password = userinfo.partition(":")
    token = base64.b64encode(unquote_to_bytes(f"{name}:{password}")).decode()
    return {"Authorization": f"Basic {token}"}


def _uid(value: str | None) -> str:
    uid = (value or "").strip(" \0")
    if len(uid) > MAX_UID_LENGTH or not _UID.fullmatch(uid):
        raise SourceFailed(Code.PATH_REFUSED)
    return uid


def _read(answer: Answer, writer: BlobWriter) -> None:
    media_type, parameters = parse_options_header(answer.content_type)
    boundary = parameters.get(b"boundary")
    if media_type == MULTIPART and boundary:
        _read_part(answer, boundary, writer)
    elif media_type in (MULTIPART, DICOM):
        # Some servers send the bare instance, even with the type of a multipart message.
        for piece in answer.pieces():
            writer.write(piece)
    else:
        raise SourceFailed(Code.NOT_DICOM)


def _read_part(answer: Answer, boundary: bytes, writer: BlobWriter) -> None:
    message = _Message(writer)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": message.begin_part,
                "on_part_data": message.take,
                "on_end": message.end,
            },
        )
        for piece in answer.pieces():
            parser.write(piece)
    except FormParserError:
        raise SourceFailed(Code.NOT_DICOM) from None
    message.check()


class _Message:
    """A multipart message of one part, whose content goes to the writer."""

    def __init__(self, writer: BlobWriter) -> None:
        self._writer = writer
        self._parts = 0
        self._has_ended = False

    def begin_part(self) -> None:
        self._parts += 1
        if self._parts > 1:
            # One instance was requested.
            raise SourceFailed(Code.NOT_DICOM)

    def take(self, data: bytes, start: int, end: int) -> None:
        self._writer.write(data[start:end])

    def end(self) -> None:
        self._has_ended = True

    def check(self) -> None:
        if not self._has_ended:
            raise SourceFailed(Code.TRUNCATED, may_pass=True)
        if not self._parts:
            raise SourceFailed(Code.NOT_DICOM)

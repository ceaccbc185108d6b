"""Files on web servers: ``http://`` and ``https://``, from ``DICOM_HTTP_HOSTS`` only."""

from __future__ import annotations

from typing import ClassVar, Self

from dicom_export.blobs import BlobWriter
from dicom_export.model import EligibleImage, EligibleStudy
from dicom_export.sources.http_client import AllowedHosts, HttpClient
from eden.errors import ConfigurationError
from eden.settings import Export, ObjectStore


class WebSource:
    """Reads the content of a URL, of any content type."""

    schemes: ClassVar[tuple[str, ...]] = ("http", "https")

    @classmethod
    def configured(cls, export: Export, store: ObjectStore) -> Self:  # noqa: ARG003
        """Read from DICOM_HTTP_HOSTS; without a host, every address is refused.

        Raises:
            ConfigurationError: an entry is neither a host nor host:port.
        """
        try:
            allowed = AllowedHosts.parse(export.dicom_http_hosts)
        except ValueError as error:
            raise ConfigurationError(f"DICOM_HTTP_HOSTS: {error}") from None
        return cls(HttpClient(allowed, connections=export.concurrency))

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def fetch(self, study: EligibleStudy, image: EligibleImage, writer: BlobWriter) -> None:  # noqa: ARG002
        """Read the file that ``file_path`` names.

        Raises:
            SourceFailed: PATH_REFUSED, SCHEME_REFUSED, HOST_REFUSED, TOO_LARGE, SOURCE_MISSING,
                SOURCE_UNREACHABLE, TRUNCATED or NOT_DICOM.
        """
        with self._client.get(image.file_path or "", {"Accept": "*/*"}) as answer:
            writer.expect(answer.announced_bytes)
            for piece in answer.pieces():
                writer.write(piece)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

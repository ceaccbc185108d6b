"""Objects of an S3-compatible server: ``s3://bucket/key``, from ``DICOM_S3_BUCKETS`` only.

Endpoint and credentials are those of the dataset's bucket.
"""

from __future__ import annotations

import re
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, Self

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from dicom_export.blobs import BlobWriter
from dicom_export.codes import Code
from dicom_export.errors import SourceFailed
from dicom_export.model import EligibleImage, EligibleStudy
from dicom_export.s3_client import make_client
from dicom_export.sources.base import PIECE_BYTES, Pace, broken_off
from eden.errors import ConfigurationError
from eden.settings import Export, ObjectStore

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 3
"""botocore's attempts of one request; it knows the errors of a busy S3."""
MAX_KEY_BYTES = 1024
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


class S3Source:
    """Reads objects of the allowed buckets.

    Raises:
        ConfigurationError: an entry of DICOM_S3_BUCKETS is not the name of a bucket.
    """

    schemes: ClassVar[tuple[str, ...]] = ("s3",)

    @classmethod
    def configured(cls, export: Export, store: ObjectStore) -> Self:
        """Read from DICOM_S3_BUCKETS; without a bucket, every address is refused."""
        for number, bucket in enumerate(export.dicom_s3_buckets, start=1):
            if not _BUCKET.fullmatch(bucket):
                raise ConfigurationError(
                    f"DICOM_S3_BUCKETS: entry {number} is not the name of a bucket"
                )
        client = None
        if export.dicom_s3_buckets:
            client = make_client(store, connections=export.concurrency, attempts=ATTEMPTS)
        return cls(export.dicom_s3_buckets, client)

    def __init__(self, buckets: tuple[str, ...], client: S3Client | None) -> None:
        self._buckets = frozenset(buckets)
        self._client = client

    def fetch(self, study: EligibleStudy, image: EligibleImage, writer: BlobWriter) -> None:  # noqa: ARG002
        """Read the object that ``file_path`` names.

        Raises:
            SourceFailed: HOST_REFUSED (the bucket), PATH_REFUSED, TOO_LARGE, SOURCE_MISSING,
                SOURCE_UNREACHABLE or TRUNCATED.
        """
        bucket, key = _place(image.file_path or "")
        if self._client is None or bucket not in self._buckets:
            raise SourceFailed(Code.HOST_REFUSED)
        try:
            answer = self._client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise _refusal(error) from None
        except BotoCoreError:
            raise SourceFailed(Code.SOURCE_UNREACHABLE) from None
        with closing(answer["Body"]) as body:
            writer.expect(answer["ContentLength"])
            _read(body, writer)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()


def _place(address: str) -> tuple[str, str]:
    """Split an address. Its key is literal: '%', '?' and '#' have no special meaning.

    '..' is refused, because a server that keeps its buckets in folders may follow it.
    """
    bucket, _, key = address.partition("://")[2].partition("/")
    is_key = key and len(key.encode(errors="replace")) <= MAX_KEY_BYTES
    if not is_key or ".." in key.split("/"):
        raise SourceFailed(Code.PATH_REFUSED)
    return bucket, key


def _read(body: StreamingBody, writer: BlobWriter) -> None:
    pace = Pace()
    try:
        for piece in body.iter_chunks(PIECE_BYTES):
            pace.note(len(piece))
            writer.write(piece)
    except (BotoCoreError, HTTPError, OSError) as error:
        raise broken_off(error) from None


def _refusal(error: ClientError) -> SourceFailed:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status == HTTPStatus.NOT_FOUND:
        return SourceFailed(Code.SOURCE_MISSING)
    # An object that is forbidden or archived exists, but cannot be read.
    return SourceFailed(Code.SOURCE_UNREACHABLE)

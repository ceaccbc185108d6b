"""The bucket: an S3 client that sends each object in one request, hashed once."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.handlers import add_expect_header

from dicom_export.errors import StoreFailed
from dicom_export.scratch import Blob
from eden.errors import StoreUnavailable
from eden.settings import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# At DEBUG it logs the body of every request.
logging.getLogger("botocore").setLevel(logging.INFO)

CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
ATTEMPTS = 5


class Store:
    """One bucket. Shared by threads; ``connections`` of them send at once."""

    def __init__(
        self, settings: ObjectStore, *, connections: int = 8, attempts: int = ATTEMPTS
    ) -> None:
        self._settings = settings
        self._client = make_client(settings, connections=connections, attempts=attempts)
        self._storage_options = _storage_options(settings)

    def check_bucket(self) -> None:
        """Make sure that the bucket can be reached.

        Raises:
            StoreUnavailable: names bucket, endpoint and S3's reason, never a key.
        """
        try:
            self._client.head_bucket(Bucket=self._settings.bucket)
        except (ClientError, BotoCoreError, ValueError) as error:
            endpoint = self._settings.endpoint_url or "AWS"
            raise StoreUnavailable(
                f"bucket {self._settings.bucket} at {endpoint}: {_reason(error)}"
            ) from None

    def put(
        self, key: str, blob: Blob, content_type: str, guard: Callable[[], None] = lambda: None
    ) -> None:
        """Send one object in one request; S3 verifies its SHA-256.

        ``guard`` is called before every piece, also when S3's client tries again: what it raises
        breaks the request off, and S3 keeps the object that it had.

        Raises:
            StoreFailed: the bucket may hold the old object, the new one, or none.
        """
        try:
            self._client.put_object(
                Bucket=self._settings.bucket,
                Key=key,
                Body=cast(IO[bytes], _Guarded(blob.open(), guard)),
                ContentType=content_type,
                ChecksumSHA256=base64.b64encode(bytes.fromhex(blob.sha256)).decode(),
                **self._storage_options,
            )
        except _BrokenOff as broken:
            raise broken.reason from None
        except (ClientError, BotoCoreError) as error:
            raise StoreFailed(key, _reason(error)) from None

    def delete(self, key: str) -> None:
        """Remove one object; none there is as good.

        Raises:
            StoreFailed: the object may still be there.
        """
        try:
            self._client.delete_object(Bucket=self._settings.bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise StoreFailed(key, _reason(error)) from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class _BrokenOff(BaseException):
    """Passes through S3's client, which takes every ``Exception`` for a reason to try again."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason = reason


class _Guarded:
    """A body that asks before it gives its next piece."""

    def __init__(self, file: IO[bytes], guard: Callable[[], None]) -> None:
        self._file = file
        self._guard = guard

    def read(self, size: int = -1) -> bytes:
        try:
            self._guard()
        except Exception as reason:  # noqa: BLE001  # whatever the guard says
            raise _BrokenOff(reason) from None
        return self._file.read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        return self._file.seek(position, whence)

    def tell(self) -> int:
        return self._file.tell()


def make_client(settings: ObjectStore, *, connections: int, attempts: int) -> S3Client:
    """Make a client for the server and the credentials of the settings.

    Raises:
        StoreUnavailable: the settings name no server that there can be.
    """
    is_encrypted = (settings.endpoint_url or "https://").startswith("https://")
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=connections + 1,
        tcp_keepalive=True,
        # Every PUT carries a SHA-256; servers that are not AWS refuse the default CRC in others.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            # Signing hashes the payload a second time, which TLS and the checksum make needless.
            "payload_signing_enabled": not is_encrypted,
            "addressing_style": "path" if settings.endpoint_url else "auto",
        },
    )
    secret = settings.secret_access_key
    session = boto3.session.Session(
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        region_name=settings.region,
    )
    try:
        client = session.client("s3", endpoint_url=settings.endpoint_url, config=config)
    except (BotoCoreError, ValueError) as error:
        endpoint = settings.endpoint_url or "AWS"
        raise StoreUnavailable(
            f"bucket {settings.bucket} at {endpoint}: {_reason(error)}"
        ) from None
    # It would wait for a "100 Continue" before every object: one more way there and back.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    return client


def _storage_options(settings: ObjectStore) -> dict[str, Any]:
    options = {
        "StorageClass": settings.storage_class,
        "ServerSideEncryption": settings.sse,
        "SSEKMSKeyId": settings.kms_key_id,
    }
    return {name: value for name, value in options.items() if value}


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", "")) or "no reason given"
        return {"404": "NoSuchBucket", "403": "Forbidden"}.get(code, code)
    return type(error).__name__

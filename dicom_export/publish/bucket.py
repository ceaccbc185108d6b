"""The bucket: an S3 client that sends each object in one request, hashed once.

A single PUT takes 5 GB and no image is larger than ``blobs.MAX_IMAGE_BYTES``, so no upload has
parts: one request with one checksum, and no unfinished upload stays behind.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, TYPE_CHECKING, Any, cast

from botocore.auth import AUTH_TYPE_MAPS, S3SigV4Auth
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import determine_content_length

from dicom_export.blobs import Blob
from dicom_export.errors import StoreFailed
from dicom_export.s3_client import make_client, reason_of
from eden.errors import StoreUnavailable
from eden.settings import ObjectStore

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 5
"""Attempts of one request, up to 1, 2, 4 and 8 s apart (botocore's standard mode)."""

EXPECT_CONTINUE_BYTES = 1024 * 1024
"""Smaller bodies are sent without waiting for "100 Continue": the wait takes longer."""

_CHECKSUM_HEADER = "x-amz-checksum-sha256"
_HASHED_ONCE = "eden-s3v4-hashed-once"

_guard: ContextVar[Callable[[], None]] = ContextVar("guard", default=lambda: None)


@contextmanager
def _guarded_by(guard: Callable[[], None]) -> Iterator[None]:
    """Call the guard before every attempt of a request, and before every piece of its body."""
    token = _guard.set(guard)
    try:
        yield
    except _BrokenOff as broken:
        raise broken.reason from None
    finally:
        _guard.reset(token)


class Bucket:
    """One bucket. Shared by threads; ``connections`` of them send at once.

    Without keys in the settings, boto3's default chain applies (profiles, roles).

    Raises:
        ConfigurationError: half a pair of keys is set.
        StoreUnavailable: the settings, or AWS's own files, are invalid.
    """

    def __init__(
        self, settings: ObjectStore, *, connections: int = 8, attempts: int = ATTEMPTS
    ) -> None:
        self._settings = settings
        self._client = make_client(settings, connections=connections, attempts=attempts)
        _register_handlers(self._client)
        self._storage_options = _storage_options(settings)

    def check_bucket(self) -> None:
        """Check that the bucket can be reached.

        Raises:
            StoreUnavailable: names bucket, endpoint and S3's reason, never a key.
        """
        try:
            self._client.head_bucket(Bucket=self._settings.bucket)
        except (ClientError, BotoCoreError, ValueError) as error:
            endpoint = self._settings.endpoint_url or "AWS"
            raise StoreUnavailable(
                f"bucket {self._settings.bucket} at {endpoint}: {reason_of(error)}"
            ) from None

    def put(
        self, key: str, blob: Blob, content_type: str, guard: Callable[[], None] = lambda: None
    ) -> None:
        """Send one object in one request; S3 verifies its SHA-256.

        ``guard`` is called before every attempt and before every piece of the body. An exception
        from it breaks the request off, and S3 keeps the object that it had.

        Raises:
            StoreFailed: the bucket may hold the old object, the new one, or none.
        """
        try:
            with _guarded_by(guard):
                self._client.put_object(
                    Bucket=self._settings.bucket,
                    Key=key,
                    Body=cast(IO[bytes], _Guarded(blob.open())),
                    ContentType=content_type,
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(blob.sha256)).decode(),
                    **self._storage_options,
                )
        except (ClientError, BotoCoreError) as error:
            raise _failure(key, error) from None

    def delete(self, key: str, guard: Callable[[], None] = lambda: None) -> None:
        """Remove one object, if it exists. ``guard`` as in :meth:`put`.

        Raises:
            StoreFailed: the object may still be there.
        """
        try:
            with _guarded_by(guard):
                self._client.delete_object(Bucket=self._settings.bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise _failure(key, error) from None

    def sizes(self, prefix: str, guard: Callable[[], None] = lambda: None) -> dict[str, int]:
        """List the objects under a prefix: bytes by key. One request for every thousand keys.

        ``guard`` as in :meth:`put`. Objects of other programs may have any key.

        Raises:
            StoreFailed: the list is missing or incomplete; the error's key is the prefix.
        """
        pages = self._client.get_paginator("list_objects_v2")
        try:
            with _guarded_by(guard):
                return {
                    entry["Key"]: entry["Size"]
                    for page in pages.paginate(Bucket=self._settings.bucket, Prefix=prefix)
                    for entry in page.get("Contents", [])
                }
        except (ClientError, BotoCoreError) as error:
            raise _failure(prefix, error) from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class _HashedOnce(S3SigV4Auth):
    """Signs with the SHA-256 that the request states; botocore's signer reads the body again.

    S3 checks the body against two headers. Every server with SigV4 knows one of them.
    """

    def payload(self, request: AWSRequest) -> str:
        stated = request.headers.get(_CHECKSUM_HEADER)
        return base64.b64decode(stated).hex() if stated else super().payload(request)


class _BrokenOff(BaseException):
    """Passes through S3's client, which retries after every ``Exception``."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason = reason


class _Guarded:
    """A request body that calls the guard before each piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        _ask()
        return self._file.read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        return self._file.seek(position, whence)

    def tell(self) -> int:
        return self._file.tell()


def _register_handlers(client: S3Client) -> None:
    AUTH_TYPE_MAPS[_HASHED_ONCE] = _HashedOnce
    events = client.meta.events
    events.register_first("choose-signer.s3.PutObject", _choose_signer)
    events.register_last("before-call.s3", _expect_nothing)
    events.register("before-send.s3", _ask)


def _choose_signer(signature_version: str, **_: object) -> Any:  # noqa: ANN401  # as it is typed
    return _HASHED_ONCE if signature_version in {"v4", "s3v4"} else None


def _expect_nothing(params: dict[str, Any], **_: object) -> None:
    """Send a small body without waiting for the server's "100 Continue"."""
    headers = params["headers"]
    length = determine_content_length(params["body"]) if "Expect" in headers else None
    if length is not None and length < EXPECT_CONTINUE_BYTES:
        del headers["Expect"]


def _ask(**_: object) -> None:
    try:
        _guard.get()()
    except Exception as reason:  # noqa: BLE001  # a guard may raise anything
        raise _BrokenOff(reason) from None


def _storage_options(settings: ObjectStore) -> dict[str, Any]:
    options = {
        "StorageClass": settings.storage_class,
        "ServerSideEncryption": settings.sse,
        "SSEKMSKeyId": settings.kms_key_id,
    }
    return {name: value for name, value in options.items() if value}


def _failure(key: str, error: Exception) -> StoreFailed:
    return StoreFailed(key, reason_of(error), was_answered=isinstance(error, ClientError))

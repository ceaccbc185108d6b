"""The S3 client of the export: credentials, endpoint, timeouts. The bucket and sources share it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from eden.errors import ConfigurationError, StoreUnavailable
from eden.settings import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from pydantic import SecretStr

# At DEBUG, botocore logs the body of every request.
logging.getLogger("botocore").setLevel(logging.INFO)

CONNECT_TIMEOUT_SECONDS = 10
"""Timeout of connecting, and of sending each piece of 128 KB: a slow line may take longer."""

READ_TIMEOUT_SECONDS = 30
"""Timeout of the response, from the last byte given to the kernel, which may have megabytes left to
send. S3 responds within a second of the last byte.

The sum of both timeouts is shorter than a lease (``claims.LEASE_SECONDS``), so that a hanging
attempt ends while the worker still has the study. botocore's defaults, 60 s each, are longer.
"""


def make_client(settings: ObjectStore, *, connections: int, attempts: int) -> S3Client:
    """Make a client for the server and the credentials of the settings.

    Raises:
        ConfigurationError: half a pair of keys is set.
        StoreUnavailable: the settings name no server that there can be.
    """
    if bool(settings.access_key_id) != bool(settings.secret_access_key):
        raise ConfigurationError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: set both or none")
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=connections + 1,
        tcp_keepalive=True,
        # Every PUT carries a SHA-256; servers that are not AWS refuse the default CRC in others.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if settings.endpoint_url else "auto"},
    )
    session = boto3.session.Session(
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=_secret(settings.secret_access_key),
        aws_session_token=_secret(settings.session_token) if settings.access_key_id else None,
        region_name=settings.region,
    )
    try:
        client = session.client("s3", endpoint_url=settings.endpoint_url, config=config)
    except (BotoCoreError, ValueError) as error:
        endpoint = settings.endpoint_url or "AWS"
        raise StoreUnavailable(
            f"bucket {settings.bucket} at {endpoint}: {reason_of(error)}"
        ) from None
    return client


def reason_of(error: Exception) -> str:
    """Return S3's error code, or the name of the exception's class: never a key or a value."""
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", "")) or "no reason given"
        # A HEAD has no body that could name the reason.
        return {"404": "NoSuchBucket", "403": "Forbidden", "400": "BadRequest"}.get(code, code)
    return type(error).__name__


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None

"""What a request to the bucket looks like, and with whose keys it is signed. Nothing is sent."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from dicom_export.blobs import Blob
from dicom_export.publish.bucket import Bucket
from eden.errors import ConfigurationError, StoreUnavailable
from eden.settings import ObjectStore, load

CONTENT = b"not for the network" * 1000
SHA256 = hashlib.sha256(CONTENT)


class Body(io.BytesIO):
    """Counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


class Nothing(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield b""


@pytest.fixture(autouse=True)
def _no_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a person's own configuration nor a machine's role."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOFTHESETTINGS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION_NAME", "sa-east-1")


def put(body: Body | None = None) -> AWSPreparedRequest:
    """Give the request that would be sent for an object."""
    caught: list[AWSPreparedRequest] = []

    def catch(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        caught.append(request)
        return AWSResponse(request.url, 200, {}, Nothing())

    store = Bucket(load(ObjectStore))
    store._client.meta.events.register("before-send.s3", catch)
    store.put("a/key", Blob(body or Body(CONTENT), len(CONTENT), SHA256.hexdigest()), "text/plain")
    store.close()
    (request,) = caught
    return request


def text(request: AWSPreparedRequest, name: str) -> str:
    value = request.headers[name]
    return value.decode() if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize("endpoint", [None, "https://s3.example.test", "http://s3.example.test"])
def test_the_hash_that_is_known_is_stated_twice_and_never_taken_again(
    keys: None, monkeypatch: pytest.MonkeyPatch, endpoint: str | None
) -> None:
    monkeypatch.setenv("S3_ENDPOINT_URL", endpoint or "")
    body = Body(CONTENT)
    request = put(body)
    assert body.taken == 0
    assert text(request, "X-Amz-Content-SHA256") == SHA256.hexdigest()
    assert text(request, "x-amz-checksum-sha256") == base64.b64encode(SHA256.digest()).decode()
    signed = text(request, "Authorization").split("SignedHeaders=")[1].split(",")[0].split(";")
    assert {"x-amz-content-sha256", "x-amz-checksum-sha256", "host"} <= set(signed)
    assert "Expect" not in request.headers


def test_a_bucket_of_aws_is_a_host_and_one_of_others_a_folder(
    keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_BUCKET_NAME", "images")
    assert put().url == "https://images.s3.sa-east-1.amazonaws.com/a/key"
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:1")
    assert put().url == "http://127.0.0.1:1/images/a/key"


def test_the_storage_options_are_sent_where_they_are_set(
    keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {
        "S3_STORAGE_CLASS": ("x-amz-storage-class", "STANDARD_IA"),
        "S3_SSE": ("x-amz-server-side-encryption", "aws:kms"),
        "S3_KMS_KEY_ID": ("x-amz-server-side-encryption-aws-kms-key-id", "a-key"),
    }
    request = put()
    assert not any(header in request.headers for header, _ in options.values())
    for variable, (_, value) in options.items():
        monkeypatch.setenv(variable, value)
    request = put()
    assert all(text(request, header) == value for header, value in options.values())


def signer(request: AWSPreparedRequest) -> str:
    return text(request, "Authorization").split("Credential=")[1].split("/")[0]


def test_the_keys_of_the_settings_sign(keys: None) -> None:
    request = put()
    assert signer(request) == "AKIDOFTHESETTINGS"
    assert "X-Amz-Security-Token" not in request.headers


def test_temporary_keys_come_with_their_token(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")
    request = put()
    assert signer(request) == "AKIDOFTHESETTINGS"
    assert text(request, "X-Amz-Security-Token") == "a-token"


def test_without_keys_a_profile_signs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[archive]\naws_access_key_id = AKIDOFTHEPROFILE\naws_secret_access_key = secret\n"
    )
    (tmp_path / "config").write_text("[profile archive]\nregion = us-west-2\n")
    monkeypatch.setenv("AWS_PROFILE", "archive")
    request = put()
    assert signer(request) == "AKIDOFTHEPROFILE"
    assert "/us-west-2/s3/" in text(request, "Authorization")


def test_without_keys_a_containers_role_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {
        "AccessKeyId": "AKIDOFTHEROLE",
        "SecretAccessKey": "secret",
        "Token": "token-of-the-role",
        "Expiration": "2099-01-01T00:00:00Z",
    }

    class Role(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Role) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/role"
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
        monkeypatch.setenv("AWS_REGION_NAME", "us-east-1")
        request = put()
        server.shutdown()
        thread.join()
    assert signer(request) == "AKIDOFTHEROLE"
    assert text(request, "X-Amz-Security-Token") == "token-of-the-role"


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_a_pair_of_keys_is_told(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "HALFAPAIR")
    with pytest.raises(ConfigurationError, match="set both or none") as caught:
        Bucket(load(ObjectStore))
    assert "HALFAPAIR" not in str(caught.value)


def test_no_keys_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION_NAME", "us-east-1")
    with pytest.raises(StoreUnavailable, match="NoCredentialsError"):
        Bucket(load(ObjectStore)).check_bucket()

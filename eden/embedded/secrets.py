"""Generated passwords of the embedded services, readable by their owner alone."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made once per ``EDEN_HOME``. ``home_id`` is no secret: it tells two homes apart."""

    home_id: str
    postgres_password: SecretStr
    s3_access_key: str
    s3_secret_key: SecretStr
    deidentification_key: SecretStr

    @classmethod
    def of(cls, home: Path) -> Secrets:
        """Read the secrets of ``home``, made now if there are none."""
        values = _made_once(home / "secrets.json", _passwords)
        # In a file of its own: a dataset outlives the passwords of the servers.
        key = _made_once(home / "deidentification-key.json", _key)
        return cls(
            home_id=values["home_id"],
            postgres_password=SecretStr(values["postgres_password"]),
            s3_access_key=values["s3_access_key"],
            s3_secret_key=SecretStr(values["s3_secret_key"]),
            deidentification_key=SecretStr(key["deidentification_key"]),
        )


def _passwords() -> dict[str, str]:
    return {
        "home_id": secrets.token_hex(6),
        "postgres_password": secrets.token_urlsafe(24),
        # rclone wants keys of eight characters or more.
        "s3_access_key": f"eden{secrets.token_hex(8)}",
        "s3_secret_key": secrets.token_urlsafe(24),
    }


def _key() -> dict[str, str]:
    return {"deidentification_key": secrets.token_urlsafe(48)}


def _made_once(path: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    if not path.exists():
        _write_once(path, make())
    values: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return values


def _write_once(path: Path, values: dict[str, str]) -> None:
    own = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(values, file)
    # Linking fails if another process was first; its file is then valid.
    with suppress(FileExistsError):
        path.hardlink_to(own)
    own.unlink()

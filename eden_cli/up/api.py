"""The few questions that ``eden up`` asks of a Prefect server, over its HTTP API."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from eden.errors import ConfigurationError, EdenError

TIMEOUT_SECONDS = 10


class ServerUnavailable(EdenError):
    """Prefect's server does not answer as it should; nothing was deployed."""

    code = "PREFECT_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class PrefectApi:
    """A server's API; ``login`` is ``name:password``, ``key`` one of Prefect Cloud."""

    url: str
    login: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)

    def is_healthy(self) -> bool:
        """Whether the server answers; no login is needed for that."""
        try:
            return self._call("/health") is True
        except (ServerUnavailable, ConfigurationError):
            return False

    def work_pool_type(self, name: str) -> str | None:
        """The type of a work pool; None where there is no such pool.

        Raises:
            ConfigurationError: the server refuses the login.
            ServerUnavailable: it does not answer.
        """
        found = self._call(f"/work_pools/{name}")
        return None if found is None else str(found["type"])

    def deployments(self, pool: str) -> int:
        """How many deployments the work pool has.

        Raises:
            ServerUnavailable: the server does not answer.
        """
        return int(self._call("/deployments/count", {"work_pools": {"name": {"any_": [pool]}}}))

    def _call(self, path: str, document: object = None) -> Any:  # noqa: ANN401  # any JSON
        """Ask; None where there is no such thing."""
        try:
            request = urllib.request.Request(  # noqa: S310  # the server that the settings name
                self.url + path,
                data=None if document is None else json.dumps(document).encode(),
                headers={"Content-Type": "application/json", **self._authorization()},
            )
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            if error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise ConfigurationError(
                    f"PREFECT_API_AUTH_STRING: Prefect's server at {self.url} refuses the login"
                ) from None
            raise ServerUnavailable(f"{self.url} answers with status {error.code}") from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ServerUnavailable(f"{self.url}: {_reason(error)}") from None

    def _authorization(self) -> dict[str, str]:
        if self.login is not None:
            return {"Authorization": f"Basic {base64.b64encode(self.login.encode()).decode()}"}
        return {"Authorization": f"Bearer {self.key}"} if self.key is not None else {}


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return "what answers there is not Prefect's API"
    # urllib wraps the socket's error.
    cause = getattr(error, "reason", error)
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__

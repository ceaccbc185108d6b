"""Rate limits: Prefect's global concurrency limits (design, section 8), where they exist.

The limit :data:`STUDIES` holds over all workers and machines. With a slot decay it limits the
studies that begin per second, without one the studies that are exported at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.concurrency.sync import concurrency, rate_limit
from prefect.exceptions import ObjectNotFound, PrefectException

from dicom_export import Throttle

log = logging.getLogger(__name__)

STUDIES = "export-studies"


def throttle() -> Throttle:
    """Return a throttle that applies the limit to each study; without a limit it never waits.

    If Prefect's server does not answer, studies go on without a limit, and a warning is logged.
    """
    limit = _find(STUDIES)
    if limit is None:
        return nullcontext
    if limit.slot_decay_per_second > 0:
        return _Pace(limit)
    return _slot


def _find(name: str) -> GlobalConcurrencyLimitResponse | None:
    try:
        with get_client(sync_client=True) as client:
            found = client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        return None
    except (httpx.HTTPError, PrefectException) as error:
        _warn(error)
        return None
    return found if found.active else None


@contextmanager
def _slot() -> Iterator[None]:
    """Hold one slot of the limit."""
    with ExitStack() as stack:
        try:
            stack.enter_context(concurrency(STUDIES, occupy=1, strict=False))
        except Exception as error:  # noqa: BLE001  # Prefect wraps what happened, privately
            _warn(error)
        yield


class _Pace:
    """Lets so many studies begin per second; asks the server for those of a second at once."""

    def __init__(self, limit: GlobalConcurrencyLimitResponse) -> None:
        self._lock = threading.Lock()
        self._portion = _portion(limit)
        self._in_hand = 0

    def __call__(self) -> AbstractContextManager[None]:
        with self._lock:
            if self._in_hand == 0:
                self._in_hand = self._fetch()
            self._in_hand -= 1
        return nullcontext()

    def _fetch(self) -> int:
        try:
            rate_limit(STUDIES, occupy=self._portion, strict=False)
        except Exception as error:  # noqa: BLE001  # Prefect wraps what happened, privately
            _warn(error)
            # The limit may have been lowered below this request.
            if limit := _find(STUDIES):
                self._portion = _portion(limit)
        return self._portion


def _portion(limit: GlobalConcurrencyLimitResponse) -> int:
    return max(1, min(limit.limit, int(limit.slot_decay_per_second)))


def _warn(error: Exception) -> None:
    log.warning("the limit %s could not be asked for: %s", STUDIES, type(error).__name__)

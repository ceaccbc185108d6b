"""Renews the leases of this process, so that no other worker takes over its studies."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dicom_export.ledger.claims import Claims
from eden.errors import EdenError

log = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 5


@contextmanager
def heartbeat(ledger: Claims) -> Iterator[None]:
    """Renew this process's leases in a thread for as long as the context lasts."""
    stopped = threading.Event()

    def beat() -> None:
        while not stopped.wait(ledger.lease_seconds / RENEWALS_PER_LEASE):
            try:
                ledger.renew_all()
            except EdenError as error:
                # Leases that are not renewed expire, and their workers stop by themselves.
                log.warning("leases were not renewed: %s", error)

    thread = threading.Thread(target=beat, name="export-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()

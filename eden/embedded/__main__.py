"""The keeper's process: ``python -m eden.embedded module:class HOME``."""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from pathlib import Path

from eden.embedded.keeper import Service, keep
from eden.errors import EdenError

logger = logging.getLogger("eden.embedded")


def main() -> None:
    """Keep the named service running until no process uses it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    module, _, kind = sys.argv[1].partition(":")
    service: Service = getattr(import_module(module), kind)(Path(sys.argv[2]))
    os.chdir("/")
    try:
        keep(service)
    except EdenError:
        logger.exception("the service %s is not available", service.name)
        sys.exit(1)


if __name__ == "__main__":
    main()

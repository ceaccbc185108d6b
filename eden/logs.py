"""Logging: to standard error, or to a file where the terminal shows something better."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

NOISY = ("botocore", "boto3", "urllib3", "httpx", "httpcore", "asyncio", "dbt", "pydicom")
"""Libraries whose information is of use only to their authors; their warnings are kept."""


def set_up(level: str, file: Path | None = None) -> None:
    """Send all records of at least ``level`` to ``file``, or to standard error; warnings too.

    Called once by a command line, before Prefect is imported: it leaves alone what it finds.
    """
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)

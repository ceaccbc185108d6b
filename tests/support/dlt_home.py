"""What dlt keeps of the runs in ``EDEN_HOME/dlt``."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import dlt


def dlt_home() -> Path:
    """The folder that ``DLT_DATA_DIR`` names for dlt's own commands."""
    return Path(os.environ["EDEN_HOME"]) / "dlt"


def pending_packages() -> list[str]:
    """The load packages that dlt would load later, as dlt itself lists them."""
    pipeline = dlt.attach("pacs", pipelines_dir=str(dlt_home() / "pipelines"))
    return [
        *pipeline.list_extracted_load_packages(),
        *pipeline.list_normalized_load_packages(),
    ]


def files_with(value: str) -> list[str]:
    """The files that hold a value, as text or within a pickle."""
    found = []
    for path in dlt_home().rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".pickle":
                content += str(pickle.loads(content).asdict()).encode()
            if value.encode() in content:
                found.append(str(path.relative_to(dlt_home())))
    return found

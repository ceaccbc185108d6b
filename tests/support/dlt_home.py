"""What dlt keeps of the runs in ``EDEN_HOME/dlt``."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Mapping
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
                content += shown(pickle.loads(content)).encode()
            if value.encode() in content:
                found.append(str(path.relative_to(dlt_home())))
    return found


def shown(value: object) -> str:
    """Everything that an unpickled object holds, at any depth, as text.

    dlt's own ``asdict`` refuses a trace whose step was tried twice.
    """
    texts: list[str] = []
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        texts.append(str(one))
        if isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, Iterable) and not isinstance(one, str | bytes):
            waiting += list(one)
        waiting += list(getattr(one, "__dict__", {}).values())
        if isinstance(one, BaseException):
            waiting += list(one.args)
    return "\n".join(texts)

"""docs/json.md publishes the shapes of what ``--json`` prints: the same keys, no more, no fewer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from dlt_pipelines.etl import EtlSummary
from dlt_pipelines.sync import SyncSummary
from dlt_pipelines.validate import Difference, ValidationSummary
from eden.paths import PROJECT_ROOT
from eden.warehouse.builds import BuildSummary
from eden.warehouse.tenants import Tenant
from eden_cli import alarms
from eden_cli.report import Figures
from eden_cli.status_page import Failure, OrganizationStatus, Status
from eden_cli.up import Up
from eden_cli.up.server import PrefectApi, PrefectServer
from eden_cli.up.services import Places

ID = UUID(int=1)
SYNC = SyncSummary(ID, 1, 0, (), (), 0.0)
STATUS = Status(None, None, False, None, (), (), None, (), datetime(2026, 1, 1, tzinfo=UTC))
UP = Up(
    Places("a", "b", "c"), PrefectServer(PrefectApi("u/api"), {}), "w", 4, 8, "UTC", Path("logs")
)
PAGE = (PROJECT_ROOT / "docs" / "json.md").read_text(encoding="utf-8")


def fields(kind: type) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


def row(command: str) -> list[str]:
    found = re.search(rf"^\| `{command}` \| (.*) \|$", PAGE, re.M)
    assert found
    return re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", found[1]))


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        ("etl", EtlSummary(SYNC, BuildSummary(built=False)).to_dict()),
        ("validate", ValidationSummary(ID, 1, (), (), 0.0).to_dict()),
        ("status", STATUS.to_dict() | alarms.to_dict(())),
        (
            "demo",
            ["success", "is_idle", "seconds", "bucket_folder", "log", *fields(Figures)],
        ),
        ("up", UP.to_dict()),
    ],
)
def test_a_commands_keys_are_published(command: str, keys: Iterable[str]) -> None:
    assert row(command) == list(keys)


def test_the_keys_of_a_sync_are_published() -> None:
    table = PAGE.partition("A **sync**:")[2].partition("\n\n`differences`")[0]
    first = re.findall(r"^\| (`.*?`) \|", table, re.M)
    assert re.findall(r"`(\w+)`", " ".join(first)) == list(SYNC.to_dict())


@pytest.mark.parametrize("kind", [Difference, OrganizationStatus, Failure, Tenant, BuildSummary])
def test_the_keys_of_a_part_are_published(kind: type) -> None:
    words = " ".join(PAGE.split())
    assert "{" + ", ".join(f'"{name}"' for name in fields(kind)) + "}" in words

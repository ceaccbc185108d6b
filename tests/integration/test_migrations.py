"""Numbered files, each applied once, in whatever order they arrive."""

from __future__ import annotations

import pytest

from eden.warehouse import schema
from tests.conftest import Services


def test_a_file_with_a_lower_number_that_arrives_later_is_applied(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = schema._files()
    late = ("0004_late.sql", "CREATE TABLE ops.late ()")
    assert known[-1][0] > late[0]
    monkeypatch.setattr(schema, "_files", lambda: sorted([*known, late]))
    with services.warehouse() as warehouse:
        assert schema.migrate(warehouse) == [late[0]]
        assert schema.migrate(warehouse) == []


def test_a_file_that_fails_leaves_nothing_behind(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = ("9999_bad.sql", "CREATE TABLE ops.half (); SELECT 1 / 0")
    monkeypatch.setattr(schema, "_files", lambda: [bad])
    with services.warehouse() as warehouse:
        with pytest.raises(Exception, match="division by zero"):
            schema.migrate(warehouse)
        row = warehouse.execute("SELECT to_regclass('ops.half')").fetchone()
        assert row == (None,)

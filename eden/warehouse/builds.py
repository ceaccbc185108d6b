"""The marts: built when something changed, tested before anything leaves (design, section 4)."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eden import postgres
from eden.errors import WarehouseNotBuilt
from eden.paths import PROJECT_ROOT
from eden.postgres import Connection
from eden.settings import DestinationDatabase, Machine, load
from eden.warehouse import schema, tenants
from eden.warehouse.dbt import run_dbt
from eden.warehouse.lock import warehouse_lock

logger = logging.getLogger(__name__)

# Tenants' views count by name alone: reading thousands of definitions takes longer than a tick.
_RELATIONS_HASH = r"""
SELECT coalesce(md5(string_agg(
    concat_ws(
        ':', nspname, relname, relkind,
        CASE WHEN nspname = 'analytics' AND relkind = 'v' THEN pg_get_viewdef(pg_class.oid) END
    ),
    ';' ORDER BY nspname, relname
)), '')
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'v') AND (
    -- Without the intermediate and backup tables of a dbt that runs now.
    nspname = 'analytics' AND relname NOT LIKE '%\_\_dbt\_%'
    OR nspname IN (SELECT tenant_schema FROM ops.organizations)
    AND relname IN (SELECT name FROM ops.tenant_marts)
)
"""

PROJECT_FILES = ("dbt_project.yml", "models", "macros", "seeds")


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """The result of a build; ``built`` is false if nothing had changed since the last one."""

    built: bool
    models: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """A document for ``--json``."""
        return asdict(self)


def build() -> BuildSummary:
    """Build the marts if a load, a deletion, a seed or a model is newer than the last build.

    A change of the data rebuilds single studies. A change of the project (a model, a macro, a seed)
    rebuilds everything, reference data included. A table or view that was dropped since the last
    build is created again, even if nothing else changed.

    Raises:
        BuildFailed: names the models; the next build starts again from the same changes.
        LockHeld: another run works on the warehouse.
    """
    warehouse = load(DestinationDatabase)
    with warehouse_lock(warehouse, "build") as connection:
        schema.migrate(connection)
        requests, project = _newest_request(connection), _project_hash()
        last = _last_build(connection)
        if (
            last
            and (requests, project) == (last.requests_seen, last.project_hash)
            and _is_as_built(connection, last)
        ):
            return BuildSummary(built=False)
        started_at, started = datetime.now(UTC), time.monotonic()
        summary = run_dbt(_command(connection, last, project), warehouse)
        for remedy in tenants.remedies(tenants.read(connection)):
            logger.warning("tenants: %s", remedy)
        connection.execute(
            "INSERT INTO ops.builds (requests_seen, project_hash, relations_hash, started_at) "
            "VALUES (%s, %s, %s, %s)",
            (requests, project, _relations_hash(connection), started_at),
        )
        return BuildSummary(True, summary.passed, round(time.monotonic() - started, 3))


def _is_as_built(connection: Connection, last: _Build) -> bool:
    """Restore the tenants' views; tell whether all tables and views of the last build exist."""
    if _relations_hash(connection) == last.relations_hash:
        return True
    # Tenants' views need no dbt.
    tenants.restore(connection)
    return _relations_hash(connection) == last.relations_hash


def _command(connection: Connection, last: _Build | None, project: str) -> list[str]:
    """Choose the smallest dbt command that brings the marts up to date."""
    if last is None or last.project_hash != project:
        return ["build", "--full-refresh", "--selector", "tick"]
    if last.relations_hash == _relations_hash(connection):
        return ["run", "--selector", "tick_rows"]
    # Dropped or replaced tables are built again, with all views. Existing reference data stay: they
    # may be newer than the seeds of the project.
    return ["run" if _has_reference_data(connection) else "build", "--selector", "tick"]


def _has_reference_data(connection: Connection) -> bool:
    names = [file.stem for file in (PROJECT_ROOT / "seeds").rglob("*.csv")]
    row = connection.execute(
        "SELECT bool_and(to_regclass(format('analytics.%%I', name)) IS NOT NULL) "
        "FROM unnest(%s::text[]) AS name",
        (names,),
    ).fetchone()
    return row is not None and bool(row[0])


def check_export_gate() -> int:
    """Run the tests of the models that the export reads; return how many passed.

    Some tests compare the marts with ``staging``: the lock keeps a load from changing one of them.

    Raises:
        WarehouseNotBuilt: the marts do not exist; nothing may be exported.
        BuildFailed: names the tests that failed; nothing may be exported.
        LockHeld: another run works on the warehouse.
    """
    warehouse = load(DestinationDatabase)
    with warehouse_lock(warehouse, "export gate") as connection:
        if not _has_marts(connection):
            raise WarehouseNotBuilt(warehouse.label)
        return run_dbt(["test", "--selector", "export_gate"], warehouse).passed


def check_data() -> int:
    """Run every test of the data; return how many passed.

    Raises:
        BuildFailed: names the tests that failed.
        LockHeld: another run works on the warehouse.
    """
    warehouse = load(DestinationDatabase)
    with warehouse_lock(warehouse, "tests"):
        return run_dbt(["test", "--selector", "data_tests"], warehouse).passed


def write_docs() -> Path:
    """Write dbt's docs of every model and column of the warehouse; return the path of the page.

    The page is one self-contained file.

    Raises:
        BuildFailed: a model does not compile.
        DatabaseUnavailable: the warehouse is out of reach.
    """
    warehouse = load(DestinationDatabase)
    # Not the folder of builds: one may run now.
    target = load(Machine).home / "dbt" / "docs"
    run_dbt(["docs", "generate", "--static"], warehouse, target=target)
    return target / "static_index.html"


def migrate() -> list[str]:
    """Bring ``ops`` and ``staging`` up to date; return the files applied."""
    name = "vlm-eden-dataset-etl migrate"
    warehouse = load(DestinationDatabase)
    with postgres.connect(warehouse, application_name=name, autocommit=True) as connection:
        return schema.migrate(connection)


def was_ever_built(connection: Connection) -> bool:
    """Whether a build has ever succeeded."""
    return _last_build(connection) is not None


def _has_marts(connection: Connection) -> bool:
    """Whether the marts exist; a dbt command typed by hand may have built them."""
    row = connection.execute(
        "SELECT to_regclass('analytics.eligible_studies') IS NOT NULL"
    ).fetchone()
    return row is not None and bool(row[0])


def is_build_due(connection: Connection) -> bool:
    """Whether a load or a deletion is newer than the last build."""
    last = _last_build(connection)
    return _newest_request(connection) > (0 if last is None else last.requests_seen)


def _newest_request(connection: Connection) -> int:
    row = connection.execute(
        "SELECT coalesce(max(request_id), 0) FROM ops.build_requests"
    ).fetchone()
    assert row is not None
    return int(row[0])


@dataclass(frozen=True, slots=True)
class _Build:
    """A row of ``ops.builds``."""

    requests_seen: int
    project_hash: str
    relations_hash: str | None


def _last_build(connection: Connection) -> _Build | None:
    row = connection.execute(
        "SELECT requests_seen, project_hash, relations_hash FROM ops.builds "
        "ORDER BY build_id DESC LIMIT 1"
    ).fetchone()
    return _Build(*row) if row else None


def _relations_hash(connection: Connection) -> str:
    """A hash of the names of the marts and the tenants' views, and of the text of dbt's views."""
    row = connection.execute(_RELATIONS_HASH).fetchone()
    assert row is not None
    return str(row[0])


def _project_hash() -> str:
    """A hash of the project's models, macros and seeds."""
    digest = hashlib.sha256()
    for name in PROJECT_FILES:
        path = PROJECT_ROOT / name
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        for file in files:
            digest.update(f"{file.relative_to(PROJECT_ROOT)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()

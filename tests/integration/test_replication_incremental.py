"""What a run reads and writes when little or nothing has changed, and that nothing is ever lost.

``EDEN_TEST_SEED`` repeats the random test of a run that failed.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

import dlt_pipelines
from dlt_pipelines import ledger
from dlt_pipelines.tables import TABLES
from eden.demo.hospital import Hospital
from eden.warehouse import builds
from tests.conftest import Services
from tests.support.seeds import chosen_seed
from tests.support.warehouse import differing_tables
from tests.support.zoo import differing_cells, strays

RANDOM_STEPS = 14
IDLE_RUN = """
import json, sys
import dlt_pipelines
summary = dlt_pipelines.sync()
heavy = {"dlt", "dbt", "pandas", "pyarrow", "psycopg2", "sqlalchemy", "boto3", "prefect"}
print(json.dumps([summary.is_idle, sorted(heavy & sys.modules.keys())]))
"""


def written(warehouse: psycopg.Connection) -> Counter[tuple[str, str, str]]:
    """Rows inserted, updated and deleted since the database was made, by schema and table.

    Catalogs count too; what autovacuum and statistics do to them does not.
    """
    deadline = time.monotonic() + 120
    # A connection reports what it did at the latest when it ends, and it ends after its client.
    while warehouse.execute(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    ).fetchall():
        assert time.monotonic() < deadline, "somebody is still connected"
        time.sleep(0.05)
    warehouse.execute("SELECT pg_stat_clear_snapshot()")
    counts: Counter[tuple[str, str, str]] = Counter()
    for schema, table, *numbers in warehouse.execute(
        """
        SELECT schemaname, relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_all_tables
        WHERE schemaname <> 'pg_toast' AND relname NOT LIKE 'pg\\_statistic%'
        """
    ):
        for name, number in zip(("inserted", "updated", "deleted"), numbers, strict=True):
            counts[schema, table, name] += number
    return counts


def written_by(warehouse: psycopg.Connection, run: Callable[[], object]) -> dict[str, int]:
    """What a run writes, by schema.table and kind; the merge tables left out."""
    before = written(warehouse)
    run()
    change = written(warehouse) - before
    return {
        f"{schema}.{table} {kind}": number
        for (schema, table, kind), number in change.items()
        if schema != "_dlt_merge_staging"
    }


def in_staging(changes: dict[str, int]) -> Counter[str]:
    """Rows inserted, updated and deleted in ``staging`` and the organizations' partitions."""
    counts: Counter[str] = Counter()
    for name, number in changes.items():
        if name.startswith("staging") and "._dlt" not in name:
            counts[name.rpartition(" ")[2]] += number
    return counts


def touch_everything(source: psycopg.Connection) -> None:
    with source.transaction():
        for table in TABLES:
            source.execute(f"UPDATE {table.name} SET updated_at = now()")


def test_an_overlap_that_is_read_again_is_not_written_again(
    services: Services, hospital: Hospital
) -> None:
    with services.source() as source, services.warehouse() as warehouse:
        touch_everything(source)
        dlt_pipelines.sync()
        changed = 0
        with source.transaction():
            for table in TABLES:
                cursor = source.execute(
                    f"UPDATE {table.name} SET updated_at = clock_timestamp() "
                    f"WHERE id IN (SELECT id FROM {table.name} ORDER BY id LIMIT 3)"
                )
                changed += cursor.rowcount
        summaries: list[dlt_pipelines.SyncSummary] = []
        changes = written_by(warehouse, lambda: summaries.append(dlt_pipelines.sync()))
        assert in_staging(changes) == {"updated": changed}
        assert summaries[0].rows_written == changed
        assert summaries[0].rows_read > 3 * changed
        assert differing_tables(source, warehouse) == []


def test_a_window_that_looks_different_but_brings_nothing_new_writes_no_row(
    services: Services, hospital: Hospital
) -> None:
    with services.source() as source, services.warehouse() as warehouse:
        touch_everything(source)
        dlt_pipelines.sync()
        # Its absence changes the window of every table that hangs from it.
        source.execute("DELETE FROM pacs_studies WHERE id = %s", (hospital.studies[0].id,))
        summaries: list[dlt_pipelines.SyncSummary] = []
        changes = written_by(warehouse, lambda: summaries.append(dlt_pipelines.sync()))
        assert summaries[0].rows_read > 0
        assert summaries[0].rows_written == 0
        assert in_staging(changes) == {}
        assert dlt_pipelines.sync().is_idle


def test_an_idle_run_writes_one_row_and_imports_no_dlt(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.sync()
    outputs: list[str] = []

    def run() -> None:
        outputs.append(subprocess.check_output([sys.executable, "-c", IDLE_RUN], text=True))

    with services.warehouse() as warehouse:
        assert written_by(warehouse, run) == {"ops.sync_heartbeats inserted": 1}
        assert json.loads(outputs[0]) == [True, []]
        assert warehouse.execute(
            "SELECT rows_read, is_idle FROM ops.sync_heartbeats ORDER BY finished_at"
        ).fetchall()[1:] == [(0, True)]


def test_a_transaction_that_was_open_during_a_sync_arrives_with_the_next(
    services: Services, hospital: Hospital
) -> None:
    late_report, late_image = hospital.reports[0].id, hospital.images[0].id
    dlt_pipelines.sync()
    with services.source() as source, services.source() as late, services.warehouse() as warehouse:
        late.autocommit = False
        late.execute(
            "UPDATE pacs_reports SET content = 'late', updated_at = now() WHERE id = %s",
            (late_report,),
        )
        # An hour-long import would be too long for the overlap; fourteen minutes are not.
        late.execute(
            "UPDATE pacs_images SET file_size = -1, updated_at = now() - interval '14 minutes' "
            "WHERE id = %s",
            (late_image,),
        )
        late.execute(
            "INSERT INTO pacs_body_part VALUES (%s, 'LATE', 'Late', now(), now())", (uuid4(),)
        )
        source.execute(
            "UPDATE pacs_reports SET content = 'early', updated_at = clock_timestamp() "
            "WHERE id = %s",
            (hospital.reports[1].id,),
        )
        source.execute(
            "UPDATE pacs_images SET file_size = -2, updated_at = clock_timestamp() WHERE id = %s",
            (hospital.images[1].id,),
        )
        dlt_pipelines.sync()
        assert differing_tables(source, warehouse) == []
        ahead = warehouse.execute(
            "SELECT bool_and(watermark > %s) FROM ops.sync_watermarks "
            "WHERE table_name IN ('pacs_reports', 'pacs_images')",
            (late.execute("SELECT now()").fetchall()[0][0],),
        ).fetchall()
        assert ahead == [(True,)]
        late.commit()
        assert differing_tables(source, warehouse) == [
            "pacs_body_part",
            "pacs_images",
            "pacs_reports",
        ]
        summary = dlt_pipelines.sync()
        assert summary.rows_written == 3
        assert differing_tables(source, warehouse) == []


class Life:
    """Random changes of the source, as its application makes them."""

    def __init__(self, source: psycopg.Connection, dice: random.Random) -> None:
        self._source = source
        self._dice = dice
        self._used: set[tuple[UUID, datetime]] = set()
        self._shared = datetime.now(UTC)
        self.log: list[str] = []

    def step(self) -> None:
        steps: list[tuple[Callable[[], None], int]] = [
            (self._update, 5),
            (self._insert, 4),
            (self._organization, 1),
            (self._move, 1),
            (self._sync_one, 4),
            (self._sync_all, 2),
            (self._sync_organizations, 1),
        ]
        chosen = self._dice.choices([s for s, _ in steps], [weight for _, weight in steps])[0]
        chosen()

    def _moment(self, row_id: UUID) -> datetime:
        """Now, older within the overlap, or one that many rows share; never the row's own again."""
        while True:
            older = timedelta(seconds=self._dice.uniform(0, 12 * 60))
            moment = self._dice.choice(
                (datetime.now(UTC), datetime.now(UTC) - older, self._shared, self._shared)
            )
            if (row_id, moment) not in self._used:
                self._used.add((row_id, moment))
                return moment

    def _ids(self, table: str, most: int) -> list[UUID]:
        rows = self._source.execute(f"SELECT id FROM {table} ORDER BY id").fetchall()
        return self._dice.sample([row_id for (row_id,) in rows], min(most, len(rows)))

    def _update(self) -> None:
        with self._source.transaction():
            for table in self._dice.sample(TABLES, 3):
                for row_id in self._ids(table.name, self._dice.choice((1, 1, 20))):
                    self._source.execute(
                        f"UPDATE {table.name} SET updated_at = %s, created_at = %s WHERE id = %s",
                        (self._moment(row_id), datetime.now(UTC), row_id),
                    )
                self.log.append(f"update {table.name}")

    def _insert(self) -> None:
        for study_id in self._ids("pacs_studies", 3):
            self._insert_study(study_id)
        self.log.append("insert studies")

    def _insert_study(self, like: UUID) -> None:
        owner = "(SELECT organization_id FROM pacs_studies WHERE id = %(like)s)"
        ids = {name: uuid4() for name in ("study", "series", "image", "report", "doctor")}
        values = {"like": like, **ids} | {f"{n}_at": self._moment(i) for n, i in ids.items()}
        statements = [
            "pacs_practitioners (id, organization_id, first_name, last_name, created_at, "
            f"updated_at) VALUES (%(doctor)s, {owner}, 'N', 'N', now(), %(doctor_at)s)",
            "pacs_studies (id, organization_id, study_instance_uid, status, created_at, updated_at)"
            f" VALUES (%(study)s, {owner}, '1.2', 'REPORTED', now(), %(study_at)s)",
            "pacs_series (id, study_id, series_instance_uid, created_at, updated_at) "
            "VALUES (%(series)s, %(study)s, '1.2.3', now(), %(series_at)s)",
            "pacs_images (id, series_id, sop_instance_uid, created_at, updated_at) "
            "VALUES (%(image)s, %(series)s, '1.2.3.4', now(), %(image_at)s)",
            "pacs_reports (id, study_id, signed_by_id, status, created_at, updated_at) "
            "VALUES (%(report)s, %(study)s, %(doctor)s, 'SIGNED', now(), %(report_at)s)",
        ]
        for statement in statements:
            self._source.execute(f"INSERT INTO {statement}", values)

    def _organization(self) -> None:
        new = uuid4()
        self._source.execute(
            "INSERT INTO pacs_organizations (id, slug, name, created_at, updated_at) "
            "VALUES (%s, %s, 'New', now(), %s)",
            (new, f"new {new}", self._moment(new)),
        )
        study = uuid4()
        # As old as rows of an organization are that was imported.
        self._source.execute(
            "INSERT INTO pacs_studies (id, organization_id, study_instance_uid, status, "
            "created_at, updated_at) VALUES (%s, %s, '9', 'ACQUIRED', now(), '2011-01-01')",
            (study, new),
        )
        self._insert_study(study)
        self.log.append("new organization")

    def _move(self) -> None:
        (study_id,), (owner,) = self._ids("pacs_studies", 1), self._ids("pacs_organizations", 1)
        self._source.execute(
            "UPDATE pacs_studies SET organization_id = %s, updated_at = %s WHERE id = %s",
            (owner, self._moment(study_id), study_id),
        )
        self.log.append(f"move {study_id} to {owner}")

    def _sync_one(self) -> None:
        (owner,) = self._ids("pacs_organizations", 1)
        dlt_pipelines.sync([str(owner)])
        self.log.append(f"sync {owner}")

    def _sync_all(self) -> None:
        dlt_pipelines.sync()
        self.log.append("sync")

    def _sync_organizations(self) -> None:
        dlt_pipelines.sync_organizations()
        self.log.append("sync organizations")


def test_random_changes_and_syncs_in_any_order_lose_nothing(
    services: Services, hospital: Hospital
) -> None:
    seed = chosen_seed()
    with services.source() as source, services.warehouse() as warehouse:
        life = Life(source, random.Random(seed))
        for _ in range(RANDOM_STEPS):
            life.step()
        dlt_pipelines.sync()
        assert differing_cells(source, warehouse) == [], life.log
        assert strays(source, warehouse) == [], life.log
        assert dlt_pipelines.sync().is_idle


def test_a_crash_between_load_and_build_still_builds(
    services: Services, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    dlt_pipelines.etl()
    study = hospital.studies[0].id

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def accession() -> object:
        with services.warehouse() as warehouse:
            (row,) = warehouse.execute(
                "SELECT accession_number FROM analytics.fact_studies WHERE study_id = %s", (study,)
            ).fetchall()
            return row[0]

    def change(value: str) -> None:
        with services.source() as source:
            source.execute(
                "UPDATE pacs_studies SET accession_number = %s, updated_at = clock_timestamp() "
                "WHERE id = %s",
                (value, study),
            )

    # Between the load and what is remembered of it, and between the sync and the build.
    change("FIRST")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ledger, "advance", crash)
        dlt_pipelines.etl()
    assert accession() != "FIRST"
    assert builds.build().built
    assert accession() == "FIRST"
    change("SECOND")
    with pytest.raises(KeyboardInterrupt):
        dlt_pipelines.etl(build_step=crash)
    assert dlt_pipelines.sync().is_idle
    assert accession() == "FIRST"
    rows_alone = builds.build()
    assert rows_alone.built
    assert accession() == "SECOND"

    # Views that are as the last build left them are let alone; others are made anew.
    change("THIRD")
    dlt_pipelines.sync()
    with services.warehouse() as warehouse:
        warehouse.execute("DROP VIEW analytics.stg_pacs__studies CASCADE")
    everything = builds.build()
    assert everything.models > rows_alone.models
    assert accession() == "THIRD"
    change("FOURTH")
    dlt_pipelines.sync()
    with services.warehouse() as warehouse:
        warehouse.execute("ALTER VIEW analytics.fact_study_exports RENAME TO made_by_hand")
    assert builds.build().models == everything.models
    change("FIFTH")
    dlt_pipelines.sync()
    assert builds.build().models == rows_alone.models
    assert accession() == "FIFTH"

    with services.warehouse() as warehouse:
        assert written_by(warehouse, builds.build) == {}
        assert written_by(warehouse, dlt_pipelines.etl) == {"ops.sync_heartbeats inserted": 1}
        assert not builds.build().built


def test_a_study_that_moves_before_all_its_rows_were_read_loses_none(
    services: Services, hospital: Hospital
) -> None:
    study = hospital.studies[0]
    other = next(s for s in hospital.studies if s.organization_id != study.organization_id)
    series = "INSERT INTO pacs_series (id, study_id, series_instance_uid, created_at, updated_at) "
    dlt_pipelines.sync()
    with services.source() as source, services.warehouse() as warehouse:
        # Not read yet when its study moves, and older than the overlap of the new organization,
        # which was replicated alone since.
        source.execute(
            f"{series} VALUES (%s, %s, '1', now(), now() - interval '1 hour')", (uuid4(), study.id)
        )
        source.execute(f"{series} VALUES (%s, %s, '2', now(), now())", (uuid4(), other.id))
        dlt_pipelines.sync([str(other.organization_id)])
        source.execute(
            "UPDATE pacs_studies SET organization_id = %s, updated_at = now() WHERE id = %s",
            (other.organization_id, study.id),
        )
        dlt_pipelines.sync()
        assert differing_cells(source, warehouse) == []


def test_a_study_that_moves_away_before_its_organization_was_ever_read_loses_no_row(
    services: Services, hospital: Hospital
) -> None:
    study_id = hospital.reports[0].study_id
    study = next(s for s in hospital.studies if s.id == study_id)
    other = next(o.id for o in hospital.organizations if o.id != study.organization_id)
    dlt_pipelines.sync([str(other)])
    with services.source() as source, services.warehouse() as warehouse:
        source.execute(
            "UPDATE pacs_studies SET organization_id = %s, updated_at = now() WHERE id = %s",
            (other, study_id),
        )
        dlt_pipelines.sync()
        assert differing_cells(source, warehouse) == []


@pytest.mark.parametrize("table", ["pacs_series", "pacs_reports"])
def test_a_row_that_is_hung_to_a_study_of_another_organization_is_there_once(
    services: Services, hospital: Hospital, table: str
) -> None:
    owners = {study.id: study.organization_id for study in hospital.studies}
    rows = hospital.series if table == "pacs_series" else hospital.reports
    row = rows[0]
    other = next(s.id for s in hospital.studies if s.organization_id != owners[row.study_id])
    dlt_pipelines.sync()
    with services.source() as source, services.warehouse() as warehouse:
        source.execute(
            f"UPDATE {table} SET study_id = %s, updated_at = now() WHERE id = %s", (other, row.id)
        )
        dlt_pipelines.sync()
        assert differing_cells(source, warehouse) == []
        assert strays(source, warehouse) == []


def test_an_overlap_of_days_works_with_a_table_that_is_still_empty(
    services: Services, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_OVERLAP_MINUTES", "2880")
    with services.source() as source, services.warehouse() as warehouse:
        source.execute("DELETE FROM pacs_reports")
        dlt_pipelines.sync()
        assert dlt_pipelines.sync().is_idle
        assert differing_tables(source, warehouse) == []

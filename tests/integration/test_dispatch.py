"""Studies handed out in batches: whatever becomes of a worker, each study is done, and once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
import pytest

from dicom_export.connections import Connections
from dicom_export.dispatch import SENDS, Batches, BatchState, Timeouts, dispatch
from dicom_export.errors import BatchesFailed, NoWorkers
from dicom_export.ledger.ledger import Ledger
from dicom_export.model import StudyResult
from eden import postgres
from eden.embedded import EmbeddedServices
from eden.settings import DestinationDatabase, load
from eden.warehouse import schema
from tests.conftest import administrator
from tests.support.marts import create_marts

IMPATIENCE = Timeouts(poll=0.01, start=0.2, claim=0.2, queue=0.5)
MAX_ATTEMPTS = 5

Behaviour = Callable[["World", "Batch"], None]
"""What a worker does between two looks at its batch."""


@dataclass
class Batch:
    study_ids: list[str]
    behave: Behaviour
    state: BatchState = BatchState.QUEUED
    looks: int = 0
    was_recalled: bool = False


@dataclass
class World:
    """A warehouse with a ledger, and a pool whose every batch behaves as the test says."""

    database: psycopg.Connection
    ledger: Ledger
    window: int = 2
    behaviours: list[Behaviour] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    taken: list[tuple[str, StudyResult]] = field(default_factory=list)
    most_outstanding: int = 0

    # As a pool of workers.

    def send(self, study_ids: Sequence[str]) -> str:
        number = len(self.batches)
        behave = self.behaviours[number] if number < len(self.behaviours) else works
        self.batches.append(Batch(list(study_ids), behave))
        outstanding = (BatchState.QUEUED, BatchState.STARTING, BatchState.RUNNING)
        count = sum(batch.state in outstanding for batch in self.batches)
        self.most_outstanding = max(self.most_outstanding, count)
        return str(number)

    def states(self, batches: Collection[str]) -> Mapping[str, BatchState]:
        for name in batches:
            batch = self.batches[int(name)]
            batch.looks += 1
            batch.behave(self, batch)
        return {name: self.batches[int(name)].state for name in batches}

    def cancel(self, batch: str) -> None:
        self.batches[int(batch)].was_recalled = True
        self.batches[int(batch)].state = BatchState.CANCELLED

    # As a warehouse.

    def add_studies(self, count: int) -> list[str]:
        rows = self.database.execute(
            "INSERT INTO analytics.eligible_studies "
            "(study_id, organization_id, doctor_rank, fingerprint) "
            "SELECT gen_random_uuid(), gen_random_uuid(), 2, '' FROM generate_series(1, %s) "
            "RETURNING study_id::text",
            (count,),
        )
        return [study_id for (study_id,) in rows]

    def claim(self, batch: Batch) -> None:
        self.ledger.claim_these(batch.study_ids)

    def export(self, study_ids: Sequence[str]) -> None:
        self.database.execute(
            """
            UPDATE ops.study_exports SET status = 'exported', lease_owner = NULL,
                lease_until = NULL, result = jsonb_build_object(
                    'study_id', study_id, 'organization_id', organization_id, 'success', true,
                    'dicom_files_uploaded', 1, 'reports_uploaded', 1, 'metadata_uploaded', true,
                    'errors', '[]'::jsonb)
            WHERE study_id = ANY (%s::uuid[]) AND status = 'exporting'
            """,
            (study_ids,),
        )

    def end_leases(self, study_ids: Sequence[str]) -> None:
        self.database.execute(
            "UPDATE ops.study_exports SET lease_until = now() - interval '1 s' "
            "WHERE study_id = ANY (%s::uuid[]) AND status = 'exporting'",
            (study_ids,),
        )

    def attempts(self) -> dict[int, int]:
        query = "SELECT attempts, count(*) FROM ops.study_exports GROUP BY 1"
        return dict(self.database.execute(query).fetchall())

    def run(self, *, limit: int = 1000, batch_size: int = 4) -> dict[str, int]:
        """Hand out; count the studies by the status that was told of them."""
        due: datetime = self.ledger.refresh("policy")
        order = Batches(due, min(limit, self.ledger.count_due(due)), batch_size)

        def take(status: str, result: StudyResult) -> None:
            self.taken.append((status, result))

        try:
            dispatch(self.ledger, self, order, take, IMPATIENCE)
        finally:
            told = [result.study_id for _, result in self.taken]
            assert len(told) == len(set(told)), "a study was told of twice"
        return {s: [t for t, _ in self.taken].count(s) for s in {t for t, _ in self.taken}}

    @property
    def sizes(self) -> list[int]:
        return [len(batch.study_ids) for batch in self.batches]


# What workers do ----------------------------------------------------------------------------------


def works(world: World, batch: Batch) -> None:
    if batch.looks == 1:
        batch.state = BatchState.STARTING
    elif batch.looks == 2:
        batch.state = BatchState.RUNNING
        world.claim(batch)
    elif batch.looks == 3:
        world.export(batch.study_ids[:1])
    elif batch.state is BatchState.RUNNING:
        world.export(batch.study_ids)
        batch.state = BatchState.ENDED


def is_killed_with_its_process(world: World, batch: Batch) -> None:
    """Prefect goes on believing that it runs."""
    if batch.looks == 1:
        batch.state = BatchState.RUNNING
        world.claim(batch)
    elif batch.looks == 3:
        world.export(batch.study_ids[:1])
        world.end_leases(batch.study_ids)


def crashes_before_its_leases_end(world: World, batch: Batch) -> None:
    if batch.looks == 1:
        world.claim(batch)
        batch.state = BatchState.ENDED
        world.database.execute(
            "UPDATE ops.study_exports SET lease_until = now() + interval '0.3 s' "
            "WHERE status = 'exporting'"
        )


def dies_before_it_claims(world: World, batch: Batch) -> None:
    batch.state = BatchState.RUNNING


def never_begins(world: World, batch: Batch) -> None:
    batch.state = BatchState.STARTING


def is_never_taken(world: World, batch: Batch) -> None:
    batch.state = BatchState.QUEUED


def begins_slowly(world: World, batch: Batch) -> None:
    """Runs for a while before it claims what its predecessor has left."""
    batch.state = BatchState.RUNNING
    if batch.looks == 5:
        world.claim(batch)
    elif batch.looks == 6:
        world.export(batch.study_ids)
        batch.state = BatchState.ENDED


def fails(world: World, batch: Batch) -> None:
    batch.state = BatchState.FAILED


def is_cancelled_by_a_person(world: World, batch: Batch) -> None:
    batch.state = BatchState.CANCELLED


def kills_its_worker(poison: str) -> Behaviour:
    def behave(world: World, batch: Batch) -> None:
        if poison not in batch.study_ids:
            works(world, batch)
        elif batch.looks == 1:
            world.claim(batch)
            world.end_leases(batch.study_ids)
            batch.state = BatchState.ENDED

    return behave


@pytest.fixture(scope="module")
def warehouse(running: EmbeddedServices) -> Iterator[DestinationDatabase]:
    """One for all tests of this file: making it takes longer than all that they do."""
    name = "test_handing_out"
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in (running.environment | {"DESTINATION_DATABASE_NAME": name}).items():
            patch.setenv(variable, value)
        settings = load(DestinationDatabase)
    with administrator(running) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with postgres.connect(settings, application_name="test", autocommit=True) as database:
        schema.migrate(database)
        create_marts(database, "eligible_studies")
    yield settings
    with administrator(running) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Clock:
    """Time that goes by while somebody sleeps, and at no other time: no machine is too slow."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds
        assert self._now < 60, "nothing moves any more"
        # The database has its own time, by which leases end.
        time.sleep(0.001)


@pytest.fixture
def world(warehouse: DestinationDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("dicom_export.dispatch.time", Clock())
    with (
        postgres.connect(warehouse, application_name="test", autocommit=True) as database,
        Connections(warehouse) as connections,
    ):
        database.execute("TRUNCATE ops.study_exports, analytics.eligible_studies CASCADE")
        yield World(database, Ledger(connections, max_attempts=MAX_ATTEMPTS))


# What comes of it ---------------------------------------------------------------------------------


def test_every_study_is_sent_once_within_the_window(world: World) -> None:
    studies = world.add_studies(19)
    assert world.run() == {"exported": 19}
    assert world.sizes == [4, 4, 4, 4, 3]
    assert sorted(i for batch in world.batches for i in batch.study_ids) == sorted(studies)
    assert world.most_outstanding == 2
    assert world.attempts() == {1: 19}


def test_a_limit_is_kept_and_nothing_due_is_nothing_sent(world: World) -> None:
    world.add_studies(9)
    assert world.run(limit=6) == {"exported": 6}
    assert world.sizes == [4, 2]
    world.taken.clear()
    assert world.run() == {"exported": 3}
    world.taken.clear()
    assert world.run() == {}
    assert len(world.batches) == 3


@pytest.mark.parametrize(
    ("behaviour", "attempts"),
    [
        (is_killed_with_its_process, {1: 9, 2: 3}),
        (crashes_before_its_leases_end, {1: 8, 2: 4}),
        (dies_before_it_claims, {1: 12}),
        (never_begins, {1: 12}),
        (fails, {1: 12}),
    ],
)
def test_what_a_worker_leaves_is_taken_over_by_another(
    world: World, behaviour: Behaviour, attempts: dict[int, int]
) -> None:
    world.behaviours = [works, behaviour]
    world.add_studies(12)
    assert world.run() == {"exported": 12}
    assert world.attempts() == attempts
    lost = world.batches[1]
    assert lost.was_recalled == (lost.state is BatchState.CANCELLED)
    assert lost.was_recalled or behaviour in (crashes_before_its_leases_end, fails)


def test_a_successor_that_has_not_begun_is_not_taken_for_dead(world: World) -> None:
    world.behaviours = [is_killed_with_its_process, *[begins_slowly] * 10]
    world.add_studies(4)
    assert world.run() == {"exported": 4}
    assert [batch.was_recalled for batch in world.batches] == [True, False, False]


def test_a_study_that_kills_its_workers_is_soon_alone_and_fails(world: World) -> None:
    poison = world.add_studies(12)[0]
    world.behaviours = [kills_its_worker(poison)] * 100
    assert world.run() == {"exported": 11, "failed": 1}
    (status,) = [status for status, result in world.taken if result.study_id == poison]
    assert status == "failed"
    assert [len(b.study_ids) for b in world.batches if poison in b.study_ids] == [4, 2, 2, 1, 1]


def test_workers_that_can_not_work_end_the_run(world: World) -> None:
    world.behaviours = [fails] * 100
    world.add_studies(100)
    with pytest.raises(BatchesFailed, match="failed at their workers"):
        world.run()
    assert len(world.batches) < 10
    assert world.attempts() == {0: 100}


def test_a_study_that_no_worker_ever_begins_is_given_up(world: World) -> None:
    world.behaviours = [dies_before_it_claims] * 100
    world.add_studies(1)
    with pytest.raises(BatchesFailed, match="1 studies were given up"):
        world.run()
    assert len(world.batches) == SENDS


def test_nobody_there_ends_the_run_and_recalls_its_batches(world: World) -> None:
    world.behaviours = [works, *[is_never_taken] * 100]
    world.add_studies(12)
    with pytest.raises(NoWorkers):
        world.run()
    assert [batch.was_recalled for batch in world.batches] == [False, True, True]
    assert world.attempts() == {1: 4, 0: 8}


def test_a_batch_cancelled_by_a_person_is_not_sent_again(world: World) -> None:
    world.behaviours = [works, is_cancelled_by_a_person]
    world.add_studies(12)
    assert world.run() == {"exported": 8}
    assert len(world.batches) == 3


def test_an_interrupted_run_recalls_what_waits(world: World) -> None:
    def interrupts(world: World, batch: Batch) -> None:
        raise KeyboardInterrupt

    world.behaviours = [is_never_taken, interrupts]
    world.add_studies(8)
    with pytest.raises(KeyboardInterrupt):
        world.run()
    assert [batch.was_recalled for batch in world.batches] == [True, True]


def test_a_study_that_somebody_else_holds_is_waited_for(world: World) -> None:
    """Claimed by a worker of another run between sending and beginning."""

    def finds_one_taken(world: World, batch: Batch) -> None:
        if batch.looks == 1:
            world.ledger.claim_these(batch.study_ids[:1])
        elif batch.looks == 2:
            world.claim(batch)
            world.export(batch.study_ids[1:])
            batch.state = BatchState.ENDED

    def takes_a_while(world: World, batch: Batch) -> None:
        if batch.looks == 1:
            world.claim(batch)
            batch.state = BatchState.RUNNING
        elif batch.looks == 9:
            world.export([*world.batches[0].study_ids, *batch.study_ids])
            batch.state = BatchState.ENDED

    world.behaviours = [finds_one_taken, takes_a_while]
    world.add_studies(8)
    assert world.run() == {"exported": 8}
    assert world.attempts() == {1: 8}

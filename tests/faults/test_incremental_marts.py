"""Marts that are rebuilt study by study equal marts that are built anew, whatever happens.

Random sequences of changes go through sync, validation and build. After every whole build the marts
are compared with plain Python, and in the end with a full refresh, row by row.

``EDEN_FAULT_ROUNDS`` sets how many sequences (a short round by default) and ``EDEN_FAULT_SEED``
repeats a round that failed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from psycopg import sql

import dlt_pipelines
from dlt_pipelines import remove_organization
from eden import postgres
from eden.demo.hospital import TABLES, Hospital, new_row, row_type
from eden.settings import DestinationDatabase, SourceDatabase, load
from eden.warehouse import builds
from eden.warehouse.dbt import run_dbt
from eden.warehouse.lock import warehouse_lock
from tests.conftest import Services
from tests.support import oracle, zoo
from tests.support.seeds import chosen_seed

ROUNDS = int(os.environ.get("EDEN_FAULT_ROUNDS", "2"))
SEED = chosen_seed("EDEN_FAULT_SEED")

MARTS = (
    "dim_organizations",
    "dim_facilities",
    "dim_modalities",
    "dim_practitioners",
    "dim_technicians",
    "int_body_parts_classified",
    "fact_study_signers",
    "fact_studies",
    "doctor_rank",
    "study_eligibility",
    "eligible_studies",
    "eligible_reports",
    "eligible_images",
)
CRITERIA = (
    "has_eligible_modality",
    "is_chest",
    "has_signed_report",
    "has_ranked_signer",
    "is_not_demo",
    "is_not_migrated",
)
DESCRIPTIONS = ("RX TÓRAX PA", "chest ap", "Abdomen", "MANO", None, "")
CODES = ("CR", "DX", "PX", "CT")
PARTS = ("Tórax", "Chest PA", "Mão", "Knee")
TERMS = list(oracle.CHEST_TERMS)


@dataclass
class World:
    """A source that changes, and how its changes get into the warehouse."""

    source: psycopg.Connection
    warehouse: psycopg.Connection
    dice: random.Random
    terms: tuple[str, ...] = tuple(TERMS)
    eligible: frozenset[str] = oracle.ELIGIBLE_MODALITIES
    is_whole: bool = True
    """Whether every model has been built since the last change."""

    def pick(self, table: str, where: str = "true") -> UUID | None:
        rows = self.source.execute(f"SELECT id FROM {table} WHERE {where} ORDER BY id").fetchall()
        return self.dice.choice(rows)[0] if rows else None

    def update(self, table: str, row: UUID | None, *, late: bool = False, **values: object) -> None:
        """``late``: the change commits with an ``updated_at`` that no watermark reaches back to."""
        moved = "updated_at - interval '1 hour'" if late else "clock_timestamp()"
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value))
            for name, value in values.items()
        )
        self.source.execute(
            sql.SQL("UPDATE {} SET {}, updated_at = {} WHERE id = %s").format(
                sql.Identifier(table), assignments, sql.SQL(moved)
            ),
            (row,),
        )

    def insert(self, table: str, *, late: bool = False, **values: object) -> UUID:
        made = uuid4()
        age = "interval '3 hours'" if late else "interval '0'"
        names = sql.SQL(", ").join(map(sql.Identifier, ("id", *values)))
        given_values = sql.SQL(", ").join(map(sql.Literal, (made, *values.values())))
        self.source.execute(
            sql.SQL(
                "INSERT INTO {} ({}, created_at, updated_at)"
                " VALUES ({}, now(), clock_timestamp() - {})"
            ).format(sql.Identifier(table), names, given_values, sql.SQL(age))
        )
        return made


def add_organization(world: World) -> None:
    organization = world.insert(
        "pacs_organizations", slug=f"new {uuid4()}", name="New", is_demo=world.dice.random() < 0.3
    )
    for _ in range(world.dice.randint(0, 3)):
        add_study(world, organization)


def add_study(world: World, organization: UUID | None = None) -> None:
    late = world.dice.random() < 0.3
    study = world.insert(
        "pacs_studies",
        late=late,
        organization_id=organization or world.pick("pacs_organizations"),
        modality_id=world.pick("pacs_modalities"),
        body_part_id=world.dice.choice([None, world.pick("pacs_body_part")]),
        study_instance_uid=f"1.2.{world.dice.randint(1, 10**9)}",
        dicom_description=world.dice.choice(DESCRIPTIONS),
        status="REPORTED",
        migrated=world.dice.random() < 0.2,
    )
    for _ in range(world.dice.randint(0, 2)):
        series = world.insert("pacs_series", late=late, study_id=study, series_instance_uid="1.2.3")
        for number in range(world.dice.randint(0, 2)):
            world.insert(
                "pacs_images",
                late=late,
                series_id=series,
                sop_instance_uid=f"1.2.3.{number}",
                instance_number=number,
                file_path="/a",
            )
    for _ in range(world.dice.randint(0, 2)):
        add_report(world, study)


def add_report(world: World, study: UUID | None = None) -> None:
    study = study or world.pick("pacs_studies")
    if study:
        world.insert(
            "pacs_reports",
            late=world.dice.random() < 0.3,
            study_id=study,
            signed_by_id=world.dice.choice([None, *[world.pick("pacs_practitioners")] * 5]),
            status=world.dice.choice(["SIGNED"] * 4 + ["DRAFT"]),
            content=f"Report {world.dice.randint(1, 10**6)}",
            signed_at="2026-01-02 03:04:05+00",
        )


def change_study(world: World) -> None:
    change = world.dice.choice(
        [
            {"dicom_description": world.dice.choice(DESCRIPTIONS)},
            {"modality_id": world.pick("pacs_modalities")},
            {"body_part_id": world.dice.choice([None, world.pick("pacs_body_part")])},
            {"migrated": world.dice.random() < 0.5},
        ]
    )
    world.update(
        "pacs_studies", world.pick("pacs_studies"), late=world.dice.random() < 0.2, **change
    )


def move_study(world: World) -> None:
    organization = world.pick("pacs_organizations")
    world.update("pacs_studies", world.pick("pacs_studies"), organization_id=organization)


def change_report(world: World) -> None:
    change = world.dice.choice(
        [
            {"signed_by_id": world.pick("pacs_practitioners")},
            {"signed_by_id": None},
            {"status": world.dice.choice(["SIGNED", "CANCELLED"])},
            {"is_active": world.dice.random() < 0.5},
            {"deleted": world.dice.random() < 0.5},
            {"content": f"Text {world.dice.randint(1, 10**6)}"},
            {"study_id": world.pick("pacs_studies")},
        ]
    )
    report = world.pick("pacs_reports")
    if report:
        world.update("pacs_reports", report, late=world.dice.random() < 0.2, **change)


def change_series(world: World) -> None:
    change = world.dice.choice(
        [{"deleted": world.dice.random() < 0.5}, {"study_id": world.pick("pacs_studies")}]
    )
    series = world.pick("pacs_series")
    if series:
        world.update("pacs_series", series, **change)


def change_image(world: World) -> None:
    image = world.pick("pacs_images")
    if not image:
        return
    # Within the organization: one that leaves it alone is left to validation.
    series = world.pick(
        "pacs_series",
        f"study_id IN (SELECT id FROM pacs_studies WHERE organization_id = (SELECT organization_id "
        f"FROM pacs_studies JOIN pacs_series ON study_id = pacs_studies.id "
        f"JOIN pacs_images ON series_id = pacs_series.id WHERE pacs_images.id = '{image}'))",
    )
    change = world.dice.choice(
        [{"deleted": world.dice.random() < 0.5}, {"series_id": series}, {"file_size": 5}]
    )
    world.update("pacs_images", image, **change)


def delete_study(world: World) -> None:
    delete(world, "pacs_studies")


def delete_series(world: World) -> None:
    delete(world, "pacs_series")


def delete_image(world: World) -> None:
    delete(world, "pacs_images")


def delete_report(world: World) -> None:
    delete(world, "pacs_reports")


def delete(world: World, table: str) -> None:
    row = world.pick(table)
    if row:
        world.source.execute(f"DELETE FROM {table} WHERE id = '{row}'")


def rename_body_part(world: World) -> None:
    world.update("pacs_body_part", world.pick("pacs_body_part"), name=world.dice.choice(PARTS))


def change_machine(world: World) -> None:
    machine = world.pick("pacs_modalities")
    world.update("pacs_modalities", machine, identifier=world.dice.choice(CODES))


def change_organization(world: World) -> None:
    organization = world.pick("pacs_organizations")
    world.update("pacs_organizations", organization, is_demo=world.dice.random() < 0.4)


def change_chest_terms(world: World) -> None:
    """As if the seed had another content: ``dbt seed`` by hand."""
    world.terms = tuple(world.dice.sample(TERMS, world.dice.randint(1, len(TERMS))))
    with world.warehouse.transaction():
        world.warehouse.execute("DELETE FROM analytics.chest_terms")
        for term in world.terms:
            world.warehouse.execute("INSERT INTO analytics.chest_terms VALUES (%s)", (term,))
    world.is_whole = False


def change_modality_codes(world: World) -> None:
    world.eligible = frozenset(world.dice.sample(["CR", "DX", "PX"], world.dice.randint(1, 3)))
    world.warehouse.execute(
        "UPDATE analytics.modality_codes SET is_eligible = code = ANY(%s)", (list(world.eligible),)
    )
    world.is_whole = False


def sync(world: World) -> None:
    if not dlt_pipelines.sync().is_idle:
        world.is_whole = False


def validate(world: World) -> None:
    found = dlt_pipelines.validate(allow_mass_delete=True).differences
    world.is_whole &= not any(one.missing + one.stale + one.deleted for one in found)


def build(world: World) -> None:
    """A tick's build; where only the reference data changed, a ``dbt run`` by hand."""
    if not builds.build().built and not world.is_whole:
        run_dbt(["run", "--selector", "tick"], load(DestinationDatabase))
    world.is_whole = True
    compare_with_plain_python(world)


def build_partly(world: World) -> None:
    """As if dbt had been stopped midway, or been told to build some models."""
    chosen = world.dice.sample(MARTS, world.dice.randint(1, 4))
    run_dbt(["run", "--select", *chosen], load(DestinationDatabase))


def forget_or_restore(world: World) -> None:
    """An organization leaves the warehouse, or comes back if it had left."""
    chosen = world.warehouse.execute(
        "SELECT organization_id FROM ops.organizations ORDER BY 1"
    ).fetchall()
    name = str(world.dice.choice(chosen)[0])
    with warehouse_lock(load(DestinationDatabase), "test") as connection:
        if remove_organization.find(connection, name).is_forgotten:
            remove_organization.restore(connection, remove_organization.find(connection, name))
        else:
            connection.execute(
                "UPDATE ops.organizations SET forgotten_at = now() WHERE organization_id = %s",
                (name,),
            )
            remove_organization.remove(connection, remove_organization.find(connection, name))
    world.is_whole = False


CHANGES: tuple[Callable[[World], None], ...] = (
    add_study,
    add_report,
    change_study,
    move_study,
    change_report,
    change_report,
    change_series,
    change_image,
    delete_study,
    delete_series,
    delete_image,
    delete_report,
    rename_body_part,
    change_machine,
    change_organization,
    add_organization,
    change_chest_terms,
    change_modality_codes,
    forget_or_restore,
)
STEPS = st.one_of(
    st.lists(st.sampled_from(CHANGES), min_size=5, max_size=20),
    st.sampled_from(
        [
            [sync],
            [sync],
            [validate],
            [build_partly],
            [sync, build],
            [validate, build],
            [forget_or_restore, build],
        ]
    ),
)


def staged(world: World) -> Hospital:
    """What the warehouse holds of the source, as the oracle takes it."""
    rows = {}
    for name, table in TABLES.items():
        columns = [field.name for field in fields(row_type(table))]
        query = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier("staging", table)
        )
        rows[name] = tuple(
            new_row(table, **dict(zip(columns, found, strict=True)))
            for found in world.warehouse.execute(query)
        )
    return Hospital(**rows, picture_size=0, views={})


def compare_with_plain_python(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oracle, "CHEST_TERMS", world.terms)
        patch.setattr(oracle, "ELIGIBLE_MODALITIES", world.eligible)
        group = staged(world)
        rows = world.warehouse.execute(
            "SELECT practitioner_id, total_signed_chest_studies, doctor_rank "
            "FROM analytics.doctor_rank"
        )
        assert {row[0]: row[1:] for row in rows} == oracle.doctor_ranks(group)
        rows = world.warehouse.execute(
            f"SELECT study_id, {', '.join(CRITERIA)} FROM analytics.study_eligibility"
        )
        assert {row[0]: row[1:] for row in rows} == {
            study: tuple(met.values()) for study, met in oracle.criteria(group).items()
        }
        eligible = oracle.eligible_studies(group)
        rows = world.warehouse.execute(
            "SELECT study_id, organization_id, doctor_rank FROM analytics.eligible_studies"
        )
        assert {row[0]: row[1:] for row in rows} == {
            study: (found.organization_id, found.doctor_rank) for study, found in eligible.items()
        }
        for kind in ("report", "image"):
            rows = world.warehouse.execute(
                f"SELECT study_id, {kind}_id FROM analytics.eligible_{kind}s"
            )
            assert sorted(rows.fetchall()) == sorted(
                (study, member)
                for study, found in eligible.items()
                for member in getattr(found, f"{kind}_ids")
            )


def contents(world: World) -> dict[str, list[str]]:
    return {
        mart: sorted(
            row
            for (row,) in world.warehouse.execute(
                f"SELECT to_jsonb(m)::text FROM analytics.{mart} m"
            )
        )
        for mart in MARTS
    }


@pytest.fixture
def templates(services: Services) -> Iterator[Callable[[], None]]:
    """A small world, loaded and built once; called, it is as it was."""
    with services.source() as source, services.warehouse() as warehouse:
        zoo.create_source(source)
        world = World(source, warehouse, random.Random(SEED))
        for number in range(3):
            organization = world.insert(
                "pacs_organizations", slug=f"org {number}", name="x", is_demo=number == 2
            )
            for _ in range(3):
                world.insert(
                    "pacs_practitioners",
                    organization_id=organization,
                    first_name="A",
                    last_name="B",
                )
            for code in CODES:
                world.insert(
                    "pacs_modalities", organization_id=organization, identifier=code, name="m"
                )
        for part in PARTS:
            world.insert("pacs_body_part", identifier="X", name=part)
        for _ in range(40):
            add_study(world)
        dlt_pipelines.validate()
        build(world)
    copies = {name: f"{name}_template" for name in ("test_source", "test_warehouse")}
    with administrator(services) as connection:
        for name, copy in copies.items():
            copy_database(connection, name, copy)

        def restore() -> None:
            for name, copy in copies.items():
                copy_database(connection, copy, name)

        yield restore
        for copy in copies.values():
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(copy))
            )


def administrator(services: Services) -> psycopg.Connection:
    database = load(SourceDatabase).model_copy(update={"name": "postgres"})
    return postgres.connect(database, application_name="test", autocommit=True)


def copy_database(connection: psycopg.Connection, origin: str, copy: str) -> None:
    for statement in (
        "DROP DATABASE IF EXISTS {copy} WITH (FORCE)",
        "CREATE DATABASE {copy} TEMPLATE {origin}",
    ):
        connection.execute(
            sql.SQL(statement).format(copy=sql.Identifier(copy), origin=sql.Identifier(origin))
        )


@pytest.mark.timeout(600 + 90 * ROUNDS)
def test_marts_rebuilt_study_by_study_equal_a_full_refresh(
    services: Services, templates: Callable[[], None]
) -> None:
    print(f"EDEN_FAULT_SEED={SEED}")

    @seed(SEED)
    @settings(
        max_examples=ROUNDS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(steps=st.lists(STEPS, min_size=4, max_size=10), number=st.integers(0, 2**32))
    def check(steps: list[list[Callable[[World], None]]], number: int) -> None:
        templates()
        with services.source() as source, services.warehouse() as warehouse:
            world = World(source, warehouse, random.Random(number))
            for step in [*steps, [sync, build, validate, build]]:
                print([act.__name__ for act in step])
                for act in step:
                    act(world)
            rebuilt = contents(world)
            run_dbt(["run", "--full-refresh", "--selector", "tick"], load(DestinationDatabase))
            anew = contents(world)
            for mart in MARTS:
                assert rebuilt[mart] == anew[mart], mart

    check()

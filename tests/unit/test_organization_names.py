"""Names of organizations: readable, valid and unlike each other, whatever slugs people type."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_pipelines.organizations import MAX_NAME_BYTES, name_of

SOMEONE = UUID(int=7)


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("clinica-del-valle", "clinica_del_valle"),
        ("Clínica d'Or", "clinica_d_or"),
        ("São João 2", "sao_joao_2"),
        ("a--b", "a_b"),
        ("'; DROP SCHEMA staging; --", "drop_schema_staging"),
        ("pg_catalog", "pg_catalog"),
    ],
)
def test_a_plain_slug_stays_readable(slug: str, name: str) -> None:
    assert name_of(slug, SOMEONE, set()) == name


@pytest.mark.parametrize(
    "slug", ["staging", "public", "ops", "analytics", "", "---", "日本", "x" * 80]
)
def test_what_cannot_be_used_as_it_is_gets_a_hash(slug: str) -> None:
    assert re.fullmatch(r"[a-z0-9_]+_[0-9a-f]{8}", name_of(slug, SOMEONE, set()))


@given(st.lists(st.text(max_size=90), min_size=2, max_size=12))
def test_names_are_valid_and_unlike_each_other(slugs: list[str]) -> None:
    taken: set[str] = set()
    for slug in [*slugs, *slugs]:
        name = name_of(slug, uuid4(), taken)
        assert re.fullmatch(r"[a-z0-9][a-z0-9_]*", name)
        assert len(name.encode()) <= MAX_NAME_BYTES
        assert name not in taken
        taken.add(name)


def test_slugs_that_differ_only_in_case_or_punctuation_are_told_apart() -> None:
    taken: set[str] = set()
    for slug in ("Centro-Sur", "centro_sur", "CENTRO SUR"):
        taken.add(name_of(slug, uuid4(), taken))
    assert len(taken) == 3


def test_the_same_organization_gets_the_same_hash_in_every_warehouse() -> None:
    assert name_of("x" * 80, SOMEONE, set()) == name_of("x" * 80, SOMEONE, set())

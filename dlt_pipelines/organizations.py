"""Names and schemas of organizations, which never change (design, section 3, "Names")."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from psycopg import sql

from dlt_pipelines.tables import TABLES, TableSpec
from eden.errors import OrganizationForgotten, UnknownOrganization, UsageError
from eden.postgres import Connection
from eden.warehouse import tenants

MAX_NAME_BYTES = 40
"""PostgreSQL keeps 63 bytes of an identifier; the role's prefix takes 14."""

AT_ONCE = 20
"""Organizations created in one transaction: it locks each new partition until its end, and the lock
table of PostgreSQL has room for some thousands."""

RESERVED_NAMES = frozenset({"staging", "public", "ops", "analytics"})
"""Allowed by the rules, but ``staging_staging`` would mislead a reader."""


@dataclass(frozen=True, slots=True)
class SourceOrganization:
    """An organization as the source names it."""

    id: UUID
    slug: str


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization as the warehouse names it."""

    id: UUID
    slug: str
    schema_name: str


def name_of(slug: str, organization_id: UUID, taken: Collection[str]) -> str:
    """A readable name of ``[a-z0-9_]`` that is not in ``taken``.

    Accents are dropped, and each other character that is no letter or digit becomes ``_``. If the
    result is taken or too long, part of a hash of the organization's id is appended.
    """
    letters = unicodedata.normalize("NFKD", slug).casefold().encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")
    short = name[:MAX_NAME_BYTES].rstrip("_")
    if short and short == name and name not in taken and name not in RESERVED_NAMES:
        return name
    digest = hashlib.sha256(organization_id.bytes).hexdigest()
    for length in range(8, len(digest) + 1):
        stem = short[: max(0, MAX_NAME_BYTES - length - 1)].rstrip("_") or "organization"
        unique = f"{stem}_{digest[:length]}"
        if unique not in taken:
            return unique
    raise ValueError(f"no name is left for organization {organization_id}")


def register(
    warehouse: Connection, organizations: Iterable[SourceOrganization]
) -> list[Organization]:
    """Give each new organization its names, schemas and partitions; return the new ones.

    A known organization keeps its names when its slug changes.
    """
    known = {
        organization_id
        for (organization_id,) in warehouse.execute(
            "SELECT organization_id FROM ops.organizations"
        ).fetchall()
    }
    new = [found for found in organizations if found.id not in known]
    if not new:
        return []
    taken = _taken_names(warehouse)
    cluster = _warehouse_hash(warehouse)
    registered: list[Organization] = []
    for start in range(0, len(new), AT_ONCE):
        with warehouse.transaction():
            # A name that is lost in a crash was never used.
            warehouse.execute("SET LOCAL synchronous_commit = off")
            for found in sorted(new, key=lambda one: one.id)[start : start + AT_ONCE]:
                name = name_of(found.slug, found.id, taken)
                taken.add(name)
                registered.append(_create(warehouse, found, name, cluster))
    tenants.restore(warehouse)
    return registered


def choose(
    everyone: Collection[SourceOrganization], names: Collection[str], forgotten: Collection[UUID]
) -> list[UUID]:
    """The ids of the named organizations (slugs or ids), or of all that are not forgotten.

    Raises:
        UnknownOrganization: no organization has this slug or id.
        UsageError: several organizations have this slug.
        OrganizationForgotten: a named organization was forgotten.
    """
    if not names:
        return [found.id for found in everyone if found.id not in forgotten]
    called = {name: {o.id for o in everyone if name in (o.slug, str(o.id))} for name in names}
    unknown = [name for name, ids in called.items() if not ids]
    if unknown:
        raise UnknownOrganization(f"no organization is called {', '.join(unknown)}")
    for name, ids in called.items():
        if len(ids) > 1:
            raise several_called(name, ids)
    gone = [name for name, ids in called.items() if ids & set(forgotten)]
    if gone:
        raise OrganizationForgotten(
            f"{', '.join(gone)}: forgotten here; eden forget-organization --restore brings it back"
        )
    return list(dict.fromkeys(found for ids in called.values() for found in ids))


def several_called(name: str, ids: Collection[UUID]) -> UsageError:
    """The error for a slug that several organizations share."""
    listed = ", ".join(sorted(map(str, ids)))
    return UsageError(f"{len(ids)} organizations are called {name}: say which of {listed}")


def create_partition(
    warehouse: Connection,
    table: TableSpec,
    organization_id: UUID,
    schema: str,
) -> None:
    """Create the partition of a table for one organization, in the organization's schema."""
    warehouse.execute(_partition(table, organization_id, schema))


def _partition(table: TableSpec, organization_id: UUID, schema: str) -> sql.Composed:
    return sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES IN ({})").format(
        sql.Identifier(schema, table.name),
        sql.Identifier("staging", table.name),
        sql.Literal(organization_id),
    )


def _taken_names(warehouse: Connection) -> set[str]:
    rows = warehouse.execute(
        """
        SELECT name FROM ops.organizations
        UNION ALL
        SELECT regexp_replace(nspname, '^(staging|org)_', '') FROM pg_namespace
        WHERE nspname ~ '^(staging|org)_'
        """
    )
    return {name for (name,) in rows}


def _warehouse_hash(warehouse: Connection) -> str:
    """Eight characters that differ between the warehouses of a cluster, which share their roles."""
    row = warehouse.execute(
        "SELECT substr(md5(system_identifier || current_database()), 1, 8) FROM pg_control_system()"
    ).fetchone()
    assert row is not None
    return str(row[0])


def _create(
    warehouse: Connection,
    found: SourceOrganization,
    name: str,
    cluster: str,
) -> Organization:
    schema = f"staging_{name}"
    warehouse.execute(
        """
        INSERT INTO ops.organizations
            (organization_id, slug, name, schema_name, tenant_schema, tenant_role)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (found.id, found.slug, name, schema, f"org_{name}", f"eden_{cluster}_{name}"),
    )
    statements = [sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema))]
    statements += [_partition(table, found.id, schema) for table in TABLES if table.owned]
    # In one request: most of their cost is the round trip.
    warehouse.execute(sql.SQL("; ").join(statements))
    return Organization(found.id, found.slug, schema)

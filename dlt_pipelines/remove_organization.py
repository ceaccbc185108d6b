"""Removal of an organization from the warehouse, and its return (design, section 8).

Its names stay, so that it gets the same names when it returns. The source still lists it; sync and
validate leave it out while it is forgotten (``organizations.choose``).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg import sql

from dlt_pipelines import ledger
from dlt_pipelines.organizations import create_partition
from dlt_pipelines.tables import TABLES
from eden.errors import NotForgotten, UnknownOrganization, UsageError
from eden.postgres import Connection
from eden.warehouse import tenants

KEPT = ("ops.organizations", "ops.tenant_roles", "ops.study_changes")
"""Tables of ``ops`` that keep rows of a forgotten organization: its names, its role until that is
dropped, and the changes that the marts have not used yet."""

_KNOWN = """
SELECT
    known.organization_id, coalesce(named.slug, known.slug), schema_name, tenant_schema,
    tenant_role, forgotten_at IS NOT NULL, removed_at IS NOT NULL
FROM ops.organizations AS known
LEFT JOIN staging.pacs_organizations AS named ON named.id = known.organization_id
WHERE known.organization_id::text = lower(%(name)s) OR %(name)s IN (known.slug, named.slug)
"""

# Each table with a column organization_id, future tables included. Views have no rows of their own,
# and partitions lie in the organizations' schemas.
_TABLES_WITH_AN_OWNER = """
SELECT format('%%s.%%s', nspname, relname), nspname, relname
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'organization_id'
WHERE nspname = ANY (%(schemas)s) AND relkind = 'r' AND relpersistence <> 't' AND NOT attisdropped
    AND format('%%s.%%s', nspname, relname) <> ALL (%(kept)s)
ORDER BY 1
"""

_LEDGER_OF_STUDIES = """
SELECT 'ops.image_exports', count(*) FROM ops.image_exports
    JOIN ops.study_exports USING (study_id) WHERE organization_id = %(id)s
UNION ALL
SELECT 'ops.exported_objects', count(*) FROM ops.exported_objects
    JOIN ops.study_exports USING (study_id) WHERE organization_id = %(id)s
UNION ALL
SELECT 'ops.acceptances', count(*) FROM ops.acceptances
    JOIN ops.study_exports USING (study_id) WHERE organization_id = %(id)s
"""

# Dropping a partition fires no trigger. The marts lose its rows in the same transaction; the
# changes are for a model that is being built by hand at that moment and writes old rows after it.
# A study that moved to another organization still names the modality that made it.
_RECORD_STUDIES = """
INSERT INTO ops.study_changes (relation, organization_id, key)
SELECT 'pacs_studies', organization_id, id FROM staging.pacs_studies
WHERE organization_id = %(id)s OR modality_id IN (
    SELECT id FROM staging.pacs_modalities WHERE organization_id = %(id)s
)
"""


@dataclass(frozen=True, slots=True)
class KnownOrganization:
    """An organization that is or was registered, with the names that the warehouse gave it."""

    id: UUID
    slug: str
    """The current slug in the source."""
    schema_name: str
    tenant_schema: str
    tenant_role: str
    is_forgotten: bool
    is_removed: bool
    """Whether its rows have left the warehouse."""


@dataclass(frozen=True, slots=True)
class Belongings:
    """The schemas, role and rows of an organization in the warehouse."""

    schemas: tuple[str, ...]
    role: str | None
    rows: Mapping[str, int]
    """The number of rows per table that has any."""


def find(warehouse: Connection, name: str) -> KnownOrganization:
    """The organization with this slug, current or first, or this id.

    Raises:
        UnknownOrganization: no organization has it.
        UsageError: several organizations have this slug.
    """
    found = [KnownOrganization(*row) for row in warehouse.execute(_KNOWN, {"name": name})]
    if not found:
        raise UnknownOrganization(f"no organization of the warehouse is called {name}")
    if len(found) > 1:
        ids = ", ".join(sorted(str(one.id) for one in found))
        raise UsageError(
            f"{len(found)} organizations are or were called {name}: say which of {ids}"
        )
    return found[0]


def belongings(warehouse: Connection, organization: KnownOrganization) -> Belongings:
    """The belongings that :func:`remove` would delete."""
    schemas = warehouse.execute(
        """
        SELECT schema_name FROM ops.organizations
        WHERE organization_id = %(id)s AND to_regnamespace(quote_ident(schema_name)) IS NOT NULL
        UNION ALL
        SELECT tenant_schema FROM ops.tenants
        WHERE organization_id = %(id)s AND schema_state = 'ours'
        """,
        {"id": organization.id},
    ).fetchall()
    role = warehouse.execute(
        "SELECT tenant_role FROM ops.tenants WHERE organization_id = %s AND role_state = 'ours'",
        (organization.id,),
    ).fetchone()
    counts = {
        f"{organization.schema_name}.{table.name}": _count(
            warehouse, sql.Identifier("staging", table.name), organization.id
        )
        for table in TABLES
        if table.owned and _exists(warehouse, f"staging.{table.name}")
    }
    for label, table_name in _owned_tables(warehouse, "analytics", "ops"):
        counts[label] = _count(warehouse, table_name, organization.id)
    counts |= dict(warehouse.execute(_LEDGER_OF_STUDIES, {"id": organization.id}).fetchall())
    return Belongings(
        schemas=tuple(name for (name,) in schemas),
        role=role[0] if role else None,
        rows={label: count for label, count in sorted(counts.items()) if count},
    )


def remove(warehouse: Connection, organization: KnownOrganization) -> None:
    """Delete a forgotten organization from staging, marts and ledgers, and drop its tenant.

    One transaction, except for the tenant: the next call or dbt command completes that part. The
    caller holds the warehouse's lock and has emptied the bucket, since the ledger's rows go, too.

    Raises:
        NotForgotten: foreign objects or rights keep something; the message names them.
    """
    try:
        if not organization.is_removed:
            with warehouse.transaction():
                _remove(warehouse, organization)
    except psycopg.Error as error:
        # The message can quote a row.
        reason = f"{type(error).__name__} (SQLSTATE {error.sqlstate or 'none'})"
        raise NotForgotten(
            f"organization {organization.id}: {reason}; its rows are all still there, run it again"
        ) from None
    tenants.restore(warehouse)
    left = [one for one in tenants.read(warehouse) if one.organization_id == organization.id]
    for tenant in left:
        raise NotForgotten(f"organization {organization.id}: {tenant.remedy}; all else is gone")


def _remove(warehouse: Connection, organization: KnownOrganization) -> None:
    parameters = {"id": organization.id}
    ledger.announce(warehouse, uuid.uuid4(), "organization forgotten")
    warehouse.execute(_RECORD_STUDIES, parameters)
    # Drops the partitions, too, and by CASCADE the foreign views on them: they show the same rows.
    warehouse.execute(
        sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(organization.schema_name))
    )
    for _, table_name in _owned_tables(warehouse, "analytics", "ops"):
        warehouse.execute(
            sql.SQL("DELETE FROM {} WHERE organization_id = %(id)s").format(table_name), parameters
        )
    warehouse.execute(
        "UPDATE ops.organizations SET removed_at = coalesce(removed_at, clock_timestamp()) "
        "WHERE organization_id = %(id)s",
        parameters,
    )


def restore(warehouse: Connection, organization: KnownOrganization) -> None:
    """Have an organization replicated again; the next sync loads all its rows.

    The caller holds the warehouse's lock. Rows that an unfinished removal left are kept.

    Raises:
        NotForgotten: a foreign schema has its name; nothing changed.
    """
    try:
        with warehouse.transaction():
            warehouse.execute(
                "UPDATE ops.organizations SET forgotten_at = NULL, removed_at = NULL "
                "WHERE organization_id = %s",
                (organization.id,),
            )
            ledger.announce(warehouse, uuid.uuid4(), "organization restored")
            if organization.is_removed:
                schema = sql.Identifier(organization.schema_name)
                warehouse.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
                for table in TABLES:
                    if table.owned and _exists(warehouse, f"staging.{table.name}"):
                        create_partition(
                            warehouse, table, organization.id, organization.schema_name
                        )
    except psycopg.errors.DuplicateSchema:
        raise NotForgotten(
            f"organization {organization.id}: the schema {organization.schema_name} is there and "
            "was not made for it: rename or drop it"
        ) from None


def _owned_tables(warehouse: Connection, *schemas: str) -> list[tuple[str, sql.Identifier]]:
    rows = warehouse.execute(
        _TABLES_WITH_AN_OWNER, {"schemas": list(schemas), "kept": list(KEPT)}
    ).fetchall()
    return [(label, sql.Identifier(schema, name)) for label, schema, name in rows]


def _exists(warehouse: Connection, table: str) -> bool:
    row = warehouse.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
    return bool(row and row[0])


def _count(warehouse: Connection, table: sql.Identifier, organization_id: UUID) -> int:
    row = warehouse.execute(
        sql.SQL("SELECT count(*) FROM {} WHERE organization_id = %s").format(table),
        (organization_id,),
    ).fetchone()
    return int(row[0]) if row else 0

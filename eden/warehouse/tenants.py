"""Tenants: what each organization may see of the marts (design, section 4, "Tenants").

The SQL is in ``migrations/0004_tenants.sql``, because a dbt run by hand restores tenants too; this
module calls it and reads the state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from eden.postgres import Connection


@dataclass(frozen=True, slots=True)
class Tenant:
    """One organization's schema of views and its group role."""

    organization_id: UUID
    slug: str
    """As the source calls it now."""
    schema: str
    role: str
    problem: str | None
    """A code such as ``ROLE_MISSING``; None where the tenant is as it should be."""
    remedy: str | None
    """The problem and what to do about it, in a sentence."""


def restore(connection: Connection) -> None:
    """Make whatever tenants lack; nothing is written where they lack nothing.

    What can't be done fails for nobody: :func:`read` says it.
    """
    connection.execute("SELECT ops.restore_tenants()")


def read(connection: Connection) -> tuple[Tenant, ...]:
    """How every tenant stands; forgotten organizations only while something of them is left."""
    # A warehouse of an older version, which only `eden status` meets, has none.
    row = connection.execute("SELECT to_regclass('ops.tenants') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return ()
    rows = connection.execute(
        """
        SELECT
            organization_id, coalesce(named.slug, tenant.slug) AS slug, tenant_schema, tenant_role,
            problem, remedy
        FROM ops.tenants AS tenant
        LEFT JOIN staging.pacs_organizations AS named ON named.id = organization_id
        WHERE NOT is_forgotten OR problem IS NOT NULL
        ORDER BY slug, organization_id
        """
    )
    return tuple(Tenant(*row) for row in rows)


def remedies(tenants: Iterable[Tenant]) -> list[str]:
    """Each problem once, with the number of tenants that have it."""
    found = Counter(tenant.remedy for tenant in tenants if tenant.remedy)
    return [f"{remedy} ({count} of the tenants)" for remedy, count in found.items()]

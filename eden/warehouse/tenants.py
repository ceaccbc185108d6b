"""Tenants: the rows of the marts that each organization may read (design, section 4, "Tenants").

The SQL is in ``repeatable/tenants.sql``, because a dbt run by hand restores tenants too; this
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
    """The slug in the source now."""
    schema: str
    role: str
    problem: str | None
    """A code such as ``ROLE_MISSING``; None if the tenant is complete."""
    remedy: str | None
    """The problem and what to do about it, in a sentence."""


def restore(connection: Connection) -> None:
    """Create the missing schemas, roles, views and grants; write nothing if none is missing.

    A tenant that cannot be restored raises no error: :func:`read` returns its problem.
    """
    connection.execute("SELECT ops.restore_tenants()")


def read(connection: Connection) -> tuple[Tenant, ...]:
    """The tenants; of a forgotten organization only while its schema or role exists."""
    # `eden status` does not migrate: a warehouse of an older version may lack the view.
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
    """Each problem once, with the number of its tenants."""
    found = Counter(tenant.remedy for tenant in tenants if tenant.remedy)
    return [f"{remedy} ({count} of the tenants)" for remedy, count in found.items()]

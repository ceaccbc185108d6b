"""Figures of a warehouse, as the demo shows them at its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from psycopg import sql

from dicom_export.criteria import CRITERIA
from eden.postgres import Connection


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    """The replicated rows of one organization."""

    slug: str
    kind: str
    schema: str
    studies: int
    images: int
    reports: int
    rows: int
    """Rows of all its tables."""


@dataclass(frozen=True, slots=True)
class DoctorRow:
    """One doctor's place; names are those of the generated hospital."""

    rank: int
    name: str
    total: int
    eligible: int
    """Studies that are eligible through a report of this doctor."""


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """How many studies are left after one more criterion."""

    step: str
    studies: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything the table at the end is made of."""

    organizations: tuple[OrganizationRow, ...]
    doctors: tuple[DoctorRow, ...]
    funnel: tuple[FunnelRow, ...]
    objects: int
    bytes: int
    example_key: str | None
    """The metadata.json of one exported study."""

    def to_dict(self) -> dict[str, Any]:
        """A document for ``--json``."""
        return asdict(self)


def figures(warehouse: Connection) -> Figures:
    """Read the figures of the warehouse as it is now."""
    return Figures(
        organizations=_organizations(warehouse),
        doctors=_doctors(warehouse),
        funnel=_funnel(warehouse),
        **_objects(warehouse),
    )


def _organizations(warehouse: Connection) -> tuple[OrganizationRow, ...]:
    rows = warehouse.execute(
        """
        WITH counted AS (
            SELECT organization_id, 'facilities' AS name, count(*) AS rows
            FROM staging.pacs_facilities GROUP BY 1
            UNION ALL SELECT organization_id, 'modalities', count(*)
            FROM staging.pacs_modalities GROUP BY 1
            UNION ALL SELECT organization_id, 'practitioners', count(*)
            FROM staging.pacs_practitioners GROUP BY 1
            UNION ALL SELECT organization_id, 'technicians', count(*)
            FROM staging.pacs_technicians GROUP BY 1
            UNION ALL SELECT organization_id, 'studies', count(*)
            FROM staging.pacs_studies GROUP BY 1
            UNION ALL SELECT organization_id, 'series', count(*)
            FROM staging.pacs_series GROUP BY 1
            UNION ALL SELECT organization_id, 'images', count(*)
            FROM staging.pacs_images GROUP BY 1
            UNION ALL SELECT organization_id, 'reports', count(*)
            FROM staging.pacs_reports GROUP BY 1
        )
        SELECT
            organization.slug,
            CASE WHEN organization.is_demo THEN 'demo'
                WHEN organization.is_active THEN 'active' ELSE 'inactive' END,
            registered.schema_name,
            coalesce(sum(rows) FILTER (WHERE counted.name = 'studies'), 0)::bigint,
            coalesce(sum(rows) FILTER (WHERE counted.name = 'images'), 0)::bigint,
            coalesce(sum(rows) FILTER (WHERE counted.name = 'reports'), 0)::bigint,
            coalesce(sum(rows), 0)::bigint
        FROM staging.pacs_organizations AS organization
        JOIN ops.organizations AS registered ON registered.organization_id = organization.id
        LEFT JOIN counted ON counted.organization_id = organization.id
        GROUP BY 1, 2, 3 ORDER BY 1
        """
    )
    return tuple(OrganizationRow(*row) for row in rows)


def _doctors(warehouse: Connection) -> tuple[DoctorRow, ...]:
    rows = warehouse.execute(
        """
        SELECT
            ranked.doctor_rank,
            concat_ws(' ', doctor.first_name, doctor.last_name),
            ranked.total_signed_chest_studies,
            count(DISTINCT report.study_id)
        FROM analytics.doctor_rank AS ranked
        LEFT JOIN analytics.dim_practitioners AS doctor USING (practitioner_id)
        LEFT JOIN analytics.eligible_reports AS report USING (practitioner_id)
        GROUP BY 1, 2, 3 ORDER BY 1
        """
    )
    return tuple(DoctorRow(*row) for row in rows)


def _funnel(warehouse: Connection) -> tuple[FunnelRow, ...]:
    met = [sql.Identifier(each.column) for each in CRITERIA]
    counts = [
        sql.SQL("count(*) FILTER (WHERE {})").format(sql.SQL(" AND ").join(met[: number + 1]))
        for number in range(len(met))
    ]
    query = sql.SQL(
        "SELECT count(*), {}, (SELECT count(*) FROM ops.study_exports WHERE status = 'exported') "
        "FROM analytics.study_eligibility"
    ).format(sql.SQL(", ").join(counts))
    row = warehouse.execute(query).fetchone()
    assert row is not None
    steps = ("replicated", *(each.step for each in CRITERIA), "exported")
    return tuple(FunnelRow(step, count) for step, count in zip(steps, row, strict=True))


def _objects(warehouse: Connection) -> dict[str, Any]:
    row = warehouse.execute(
        """
        SELECT count(*), coalesce(sum(bytes), 0)::bigint, min(key) FILTER (WHERE kind = 'metadata')
        FROM ops.exported_objects
        """
    ).fetchone()
    assert row is not None
    return {"objects": row[0], "bytes": row[1], "example_key": row[2]}

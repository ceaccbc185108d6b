"""Why a study is in the dataset, or why not (design, section 4 "Eligible", section 5 "Ledger").

The marts give the answers; the reason beside a "no" is looked up and decides nothing. No
description, report, path or name of a patient is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row

from dicom_export.codes import StudyStatus
from dicom_export.connections import Connections
from dicom_export.criteria import CRITERIA
from dicom_export.errors import MalformedStudyId, StudyUnknown
from dicom_export.ledger.results import MODE_OF_POLICY
from eden.errors import WarehouseNotBuilt
from eden.postgres import Connection
from eden.settings import DestinationDatabase
from eden.warehouse import builds

Row = Mapping[str, Any]

LONGEST_LABEL = 40

_ORIGIN = """
SELECT
    coalesce(replicated.organization_id, exported.organization_id)::text AS organization_id,
    coalesce(named.slug, organization.slug) AS organization_slug,
    replicated.organization_id IS NOT NULL AS is_replicated,
    exported.study_id IS NOT NULL AS is_in_ledger,
    deletion.deleted_at
FROM (SELECT %(id)s::uuid AS study_id) AS asked
LEFT JOIN staging.pacs_studies AS replicated ON replicated.id = asked.study_id
LEFT JOIN ops.study_exports AS exported ON exported.study_id = asked.study_id
LEFT JOIN ops.organizations AS organization
    ON organization.organization_id
        = coalesce(replicated.organization_id, exported.organization_id)
LEFT JOIN staging.pacs_organizations AS named ON named.id = organization.organization_id
LEFT JOIN (
    SELECT id, max(deleted_at) AS deleted_at FROM ops.deletions
    WHERE table_name = 'pacs_studies' AND id = %(id)s
    GROUP BY id
) AS deletion ON deletion.id = asked.study_id AND replicated.id IS NULL
"""

# One statement, because a build may replace the tables between two statements.
_ELIGIBILITY = """
SELECT
    eligibility.*,
    organization.organization_id IS NOT NULL AS is_organization_known,
    study.modality_code,
    study.body_part_identifier,
    eligible.doctor_rank,
    (SELECT array_agg(code ORDER BY code) FROM analytics.modality_codes WHERE is_eligible)
        AS eligible_codes,
    (SELECT min(doctor_rank) FROM analytics.doctor_rank WHERE is_selected) AS first_rank,
    (SELECT max(doctor_rank) FROM analytics.doctor_rank WHERE is_selected) AS last_rank
FROM analytics.study_eligibility AS eligibility
LEFT JOIN analytics.fact_studies AS study USING (study_id)
LEFT JOIN analytics.eligible_studies AS eligible USING (study_id)
LEFT JOIN analytics.dim_organizations AS organization
    ON organization.organization_id = eligibility.organization_id
WHERE eligibility.study_id = %(id)s
"""

_SIGNERS = """
SELECT
    report.practitioner_id::text AS practitioner_id, doctor.doctor_rank,
    coalesce(doctor.is_selected, false) AS is_selected
FROM analytics.int_reports_signed AS report
LEFT JOIN analytics.doctor_rank AS doctor USING (practitioner_id)
WHERE report.study_id = %(id)s AND report.organization_id = %(organization_id)s
GROUP BY 1, 2, 3
ORDER BY doctor.doctor_rank NULLS LAST, 1
"""

_REPORTS = """
SELECT
    report_status, is_active, is_deleted, signed_by_id IS NOT NULL AS has_signer,
    count(*) AS reports
FROM analytics.stg_pacs__reports
WHERE study_id = %(id)s AND organization_id = %(organization_id)s
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
"""

_LEDGER = f"""
SELECT
    status, attempts, doctor_rank, first_seen_at, exported_at, updated_at,
    CASE WHEN status IN ('waiting', 'incomplete') THEN next_attempt_at END AS next_attempt_at,
    lease_owner, lease_until, result, {MODE_OF_POLICY} AS deidentification
FROM ops.study_exports AS s
WHERE study_id = %(id)s
"""

_IMAGES = """
SELECT status, reason, count(*) AS images
FROM ops.image_exports
WHERE study_id = %(id)s
GROUP BY 1, 2
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One of the six criteria, as the last build decided it."""

    name: str
    """The column of ``analytics.study_eligibility``."""
    title: str
    is_met: bool
    reason: str | None
    """The reason why not; None if it is met."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A doctor who signed a report of the study."""

    practitioner_id: str
    doctor_rank: int | None
    """None if none of the doctor's studies counts for the rank."""
    is_selected: bool
    """Whether the rank is one of the chosen."""


@dataclass(frozen=True, slots=True)
class ImageCount:
    """How many of the study's images the ledger has with this status, for this reason."""

    status: str
    reason: str | None
    images: int


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The study's row in the ledger."""

    status: StudyStatus
    attempts: int
    doctor_rank: int | None
    """At the discovery; it may have changed since."""
    first_seen_at: datetime
    exported_at: datetime | None
    updated_at: datetime
    next_attempt_at: datetime | None
    """The earliest next attempt; None if no discovery takes it."""
    lease_owner: str | None
    lease_until: datetime | None
    deidentification: str | None
    """DEIDENTIFICATION of the last attempt; None without an attempt."""
    error_codes: Mapping[str, int]
    """Codes of the last result's errors, and how often each stands there."""
    errors: tuple[str, ...]
    """The last result's errors, made of codes and UUIDs."""
    images: tuple[ImageCount, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """All facts about a study that identify no patient."""

    study_id: str
    organization_id: str | None
    organization_slug: str | None
    is_replicated: bool
    """Whether the warehouse holds the source's row."""
    deleted_at: datetime | None
    """When ``validate`` found that the source has deleted it."""
    is_build_due: bool
    """Whether something has changed since the answers were built."""
    is_eligible: bool | None
    """None if the marts do not have the study."""
    doctor_rank: int | None
    """Best rank of the doctors of its exported reports; None unless it is eligible."""
    criteria: tuple[Criterion, ...]
    """All six in their order; empty if the marts do not have the study."""
    signers: tuple[Signer, ...]
    ledger: LedgerEntry | None
    """None if the study was never eligible at a discovery."""

    def to_dict(self) -> dict[str, Any]:
        """A document for ``--json``; its moments are still to be written out."""
        return asdict(self)


def explain(warehouse: DestinationDatabase, study_id: str) -> Explanation:
    """Return the criteria that a study meets and its state in the export.

    Raises:
        MalformedStudyId: ``study_id`` is not a UUID.
        StudyUnknown: neither the replicated rows nor the marts nor the ledger have it.
        DatabaseUnavailable: the warehouse is out of reach.
    """
    try:
        wanted = str(UUID(study_id))
    except ValueError:
        raise MalformedStudyId(f"{study_id!r} is not a study's id (a UUID)") from None
    with Connections(warehouse) as connections:
        with connections.borrow() as connection:
            origin = _rows(connection, _ORIGIN, id=wanted)[0]
            found = Explanation(
                study_id=wanted,
                organization_id=origin["organization_id"],
                organization_slug=origin["organization_slug"],
                is_replicated=origin["is_replicated"],
                deleted_at=origin["deleted_at"],
                is_build_due=builds.is_build_due(connection),
                is_eligible=None,
                doctor_rank=None,
                criteria=(),
                signers=(),
                ledger=_ledger(connection, wanted),
            )
        found = _with_criteria(connections, found)
    is_known = (found.is_replicated, found.deleted_at, found.ledger, found.criteria)
    if not any(is_known):
        raise StudyUnknown(f"study {wanted}: the warehouse does not know it")
    return found


def _with_criteria(connections: Connections, found: Explanation) -> Explanation:
    """Add the answers of the marts, if the marts exist."""
    try:
        with connections.borrow() as connection:
            rows = _rows(connection, _ELIGIBILITY, id=found.study_id)
            if not rows:
                return found
            row = rows[0]
            its = {"id": found.study_id, "organization_id": row["organization_id"]}
            signers = tuple(Signer(**signer) for signer in _rows(connection, _SIGNERS, **its))
            reports = _rows(connection, _REPORTS, **its)
    except WarehouseNotBuilt:
        return found
    reasons = {
        "has_eligible_modality": _why_not_the_modality(row),
        "is_chest": _why_not_the_chest(row),
        "has_signed_report": _why_no_signed_report(reports),
        "has_ranked_signer": _why_no_ranked_signer(signers, row),
        "is_not_demo": _why_not_the_organization(row),
        "is_not_migrated": "it was imported from an older PACS, or that is not known",
    }
    return replace(
        found,
        organization_id=str(row["organization_id"]),
        is_eligible=row["is_eligible"],
        doctor_rank=row["doctor_rank"],
        signers=signers,
        criteria=tuple(
            Criterion(
                each.column,
                each.title,
                row[each.column],
                None if row[each.column] else reasons[each.column],
            )
            for each in CRITERIA
        ),
    )


def _why_not_the_modality(row: Row) -> str:
    taken = " and ".join(row["eligible_codes"] or ["no modality"])
    if row["modality_code"] is None:
        return f"it names no machine that is known; the dataset takes {taken}"
    return f"it is {label(row['modality_code'])}; the dataset takes {taken}"


def _why_not_the_chest(row: Row) -> str:
    if row["body_part_identifier"] is None:
        return "its description has no chest term, and it names no body part that is known"
    part = label(row["body_part_identifier"])
    return f"neither its description nor its body part ({part}) has a chest term"


def _why_no_signed_report(reports: Sequence[Row]) -> str:
    if not reports:
        return "it has no report"
    kinds = ", ".join(f"{report['reports']} {_kind(report)}" for report in reports)
    return f"no report of it is signed, active and not deleted, with a signer: {kinds}"


def _kind(report: Row) -> str:
    words = [label(report["report_status"] or "without status")]
    words += [] if report["is_active"] else ["replaced"]
    words += ["deleted"] if report["is_deleted"] is not False else []
    words += [] if report["has_signer"] else ["without signer"]
    return " ".join(words)


def _why_no_ranked_signer(signers: Sequence[Signer], row: Row) -> str:
    if not signers:
        return "nobody signed a report of it"
    best = signers[0].doctor_rank
    if best is None:
        return "no doctor who signed it has a rank"
    if row["first_rank"] is None:
        return f"its best-ranked signer has rank {best}; none is chosen yet"
    chosen = f"{row['first_rank']} to {row['last_rank']}"
    return f"its best-ranked signer has rank {best}; chosen are {chosen}"


def _why_not_the_organization(row: Row) -> str:
    if not row["is_organization_known"]:
        return "its organization is not known"
    return "it is a demo, or that is not known"


def _ledger(connection: Connection, study_id: str) -> LedgerEntry | None:
    rows = _rows(connection, _LEDGER, id=study_id)
    if not rows:
        return None
    row = dict(rows[0])
    result = row.pop("result") or {}
    errors = tuple(result.get("errors", ()))
    return LedgerEntry(
        **row | {"status": StudyStatus(row["status"])},
        errors=errors,
        error_codes=dict(sorted(Counter(error.split(":")[0] for error in errors).items())),
        images=tuple(ImageCount(**image) for image in _rows(connection, _IMAGES, id=study_id)),
    )


def _rows(connection: Connection, query: LiteralString, **values: object) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def label(text: str) -> str:
    """Shorten a code or slug of the source to one line of a terminal."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return shown if len(shown) <= LONGEST_LABEL else f"{shown[:LONGEST_LABEL]}…"

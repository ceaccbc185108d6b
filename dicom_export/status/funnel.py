"""The states of eligible studies, in numbers that add up (``eden status``; design, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from dicom_export.codes import StudyStatus
from dicom_export.withdraw.verdicts import MASS_PERCENT, WEIGHED
from eden.postgres import Connection

LISTED = 20
"""Studies in need of a person that are listed; the others are only counted."""

ERRORS_LISTED = 5

ELIGIBLE = (
    StudyStatus.WAITING,
    StudyStatus.EXPORTING,
    StudyStatus.EXPORTED,
    StudyStatus.INCOMPLETE,
    StudyStatus.FAILED,
    StudyStatus.QUARANTINED,
)
"""The statuses of an eligible study. A study that no discovery has seen yet counts as waiting."""

# One statement, so that its counts add up while other runs write.
_COUNTS = f"""
WITH {WEIGHED}
SELECT 'eligible', CASE
        WHEN s.study_id IS NULL OR s.status = 'withdrawn' THEN 'waiting'
        ELSE s.status
    END, count(*)
FROM analytics.eligible_studies AS e LEFT JOIN ops.study_exports AS s USING (study_id)
GROUP BY 2
UNION ALL
SELECT 'others', coalesce(v.verdict, s.status), count(*)
FROM ops.study_exports AS s LEFT JOIN verdicts AS v USING (study_id)
WHERE NOT EXISTS (SELECT FROM analytics.eligible_studies AS e WHERE e.study_id = s.study_id)
GROUP BY 2
UNION ALL
SELECT 'others', 'refused', CASE WHEN is_allowed THEN 0 ELSE published END FROM weighed
"""

_OLDEST = """
SELECT study_id::text, next_attempt_at FROM ops.study_exports
JOIN analytics.eligible_studies USING (study_id)
WHERE status = 'waiting'
ORDER BY next_attempt_at, study_id LIMIT 1
"""

# STUDY_QUARANTINED: an image held back only because of another image has no cause of its own.
_NEEDY = """
SELECT s.study_id::text, s.organization_id::text, s.status, s.updated_at,
    ARRAY(
        SELECT error FROM jsonb_array_elements_text(s.result -> 'errors') WITH ORDINALITY
            AS said (error, place)
        WHERE error NOT LIKE 'STUDY_QUARANTINED:%%'
        ORDER BY place
    ),
    count(*) OVER ()
FROM ops.study_exports AS s JOIN analytics.eligible_studies USING (study_id)
WHERE s.status IN ('failed', 'quarantined')
ORDER BY s.updated_at DESC, s.study_id
LIMIT %(listed)s
"""

_IMAGES = """
SELECT image.status, image.reason, count(*)
FROM ops.image_exports AS image JOIN analytics.eligible_studies USING (study_id)
GROUP BY 1, 2
ORDER BY 3 DESC, 1, 2
"""


@dataclass(frozen=True, slots=True)
class NotEligible:
    """Studies of the ledger that are no longer eligible; they are not in the funnel."""

    frozen: int
    """Exported, and only the doctor's rank fails: they stay as they are.

    Without those sent under ``off`` if a discovery would de-identify.
    """
    to_withdraw: int
    """The next discovery withdraws them."""
    refused: int
    """The exported studies among these, if they are so many that a person must allow it."""
    withdrawn: int
    """None of their objects is in the bucket."""
    quarantined: int
    """None of their objects is in the bucket; no person needs to look any more."""
    exporting: int
    """A worker that began before still has them."""
    unexplained: int
    """Neither the marts nor a recorded deletion explains them: they stay as they are."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The study in the queue that has waited longest."""

    study_id: str
    since: datetime


@dataclass(frozen=True, slots=True)
class NeedyStudy:
    """A study that is not tried again without ``eden retry``."""

    study_id: str
    organization_id: str
    status: StudyStatus
    since: datetime
    codes: tuple[str, ...]
    errors: tuple[str, ...]
    """``CODE: SUBJECT``, the first :data:`ERRORS_LISTED` errors."""


@dataclass(frozen=True, slots=True)
class ImageCount:
    """Images of eligible studies with one outcome."""

    status: str
    code: str | None
    images: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """The states of the studies.

    ``eligible`` is the sum of the six statuses that follow it.
    """

    eligible: int
    waiting: int
    exporting: int
    exported: int
    incomplete: int
    failed: int
    quarantined: int
    not_eligible: NotEligible
    oldest_waiting: Waiting | None
    needs_person: tuple[NeedyStudy, ...]
    """The latest of them; at most :data:`LISTED`."""
    needs_person_unlisted: int
    images: tuple[ImageCount, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give all of it; moments are :class:`datetime`."""
        return asdict(self)


def read_funnel(connection: Connection, *, deidentifies: bool = False) -> Funnel | None:
    """Read the states of the studies; None if the marts were never built.

    ``deidentifies``: a discovery would de-identify (:func:`verdicts.decide`).
    """
    if not _is_built(connection):
        return None
    parameters = {"percent": MASS_PERCENT, "allow_mass": False, "deidentifies": deidentifies}
    counts = connection.execute(_COUNTS, parameters).fetchall()
    eligible = {name: count for kind, name, count in counts if kind == "eligible"}
    others = {name: count for kind, name, count in counts if kind == "others"}
    oldest = connection.execute(_OLDEST).fetchone()
    needy = connection.execute(_NEEDY, {"listed": LISTED}).fetchall()
    return Funnel(
        eligible=sum(eligible.values()),
        **{status.value: eligible.get(status.value, 0) for status in ELIGIBLE},
        not_eligible=_not_eligible(others),
        oldest_waiting=Waiting(*oldest) if oldest else None,
        needs_person=tuple(_needy(*row) for row in needy),
        needs_person_unlisted=needy[0][-1] - len(needy) if needy else 0,
        images=tuple(ImageCount(*row) for row in connection.execute(_IMAGES)),
    )


def _is_built(connection: Connection) -> bool:
    row = connection.execute(
        "SELECT to_regclass('analytics.eligible_studies') IS NOT NULL "
        "AND to_regclass('analytics.study_eligibility') IS NOT NULL"
    ).fetchone()
    return bool(row and row[0])


def _not_eligible(counts: Mapping[str, int]) -> NotEligible:
    return NotEligible(
        **{
            name: counts.get(name, 0)
            for name in (
                "frozen", "to_withdraw", "refused", "withdrawn", "quarantined", "exporting",
                "unexplained",
            )
        }
    )  # fmt: skip


def _needy(
    study_id: str, organization_id: str, status: str, since: datetime, errors: list[str], _: int
) -> NeedyStudy:
    return NeedyStudy(
        study_id=study_id,
        organization_id=organization_id,
        status=StudyStatus(status),
        since=since,
        codes=tuple(sorted({error.split(":")[0] for error in errors})),
        errors=tuple(errors[:ERRORS_LISTED]),
    )

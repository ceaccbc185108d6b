"""A forecast of a discovery from warehouse and ledger alone (``eden discover --dry-run``).

Nothing is fetched. A file is counted unless its object is in place, its row has the same
``updated_at`` as then, and the policy is the same. Only the discovery itself notices a file that
changed without its row, or a row that changed without its file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dicom_export.connections import Connections
from dicom_export.withdraw.verdicts import Decision

_FORECAST = """
WITH planned AS (
    SELECT e.study_id, e.organization_id,
        s.policy IS NOT DISTINCT FROM %(policy)s AS is_same_policy,
        CASE
            WHEN s.study_id IS NULL THEN now()
            WHEN s.status = 'exporting'
                THEN CASE WHEN s.lease_until <= now() THEN '-infinity'::timestamptz END
            WHEN ops.is_changed(s.status, s.withdrawal, s.fingerprint, e.fingerprint)
                AND NOT ops.keeps_status(s.status, s.fingerprint, e.fingerprint) THEN now()
            ELSE s.due_at
        END AS due_at
    FROM ops.exportable_studies(%(policy)s) AS e
    LEFT JOIN ops.study_exports AS s ON s.study_id = e.study_id
), due AS MATERIALIZED (
    SELECT * FROM planned WHERE due_at <= now()
    ORDER BY due_at, study_id
    LIMIT %(limit)s
), images AS (
    SELECT due.study_id, image.file_size
    FROM due
    JOIN analytics.eligible_images AS image USING (study_id)
    LEFT JOIN ops.image_exports AS known
        ON known.image_id = image.image_id AND known.study_id = due.study_id
            AND known.source_updated_at IS NOT DISTINCT FROM image.updated_at
            AND due.is_same_policy
    LEFT JOIN ops.exported_objects AS placed
        ON placed.study_id = due.study_id AND placed.key = known.key AND NOT placed.in_doubt
            AND placed.key LIKE due.organization_id || '/%%'
    -- A file that is no image is not sent this time either.
    WHERE placed.key IS NULL AND known.status IS DISTINCT FROM 'skipped'
), reports AS (
    SELECT due.study_id, octet_length(report.content) AS file_size
    FROM due
    JOIN analytics.eligible_reports AS report USING (study_id)
    LEFT JOIN ops.exported_objects AS placed
        ON placed.study_id = due.study_id AND NOT placed.in_doubt AND due.is_same_policy
            AND placed.source_updated_at IS NOT DISTINCT FROM report.updated_at
            AND placed.key = due.organization_id || '/' || due.study_id
                || '/reports/' || report.report_id || '.txt'
    WHERE placed.key IS NULL AND report.content ~ '[^[:space:]]'
)
SELECT
    (SELECT count(*) FROM due),
    (SELECT count(*) FROM images),
    (SELECT count(*) FROM reports),
    (SELECT coalesce(sum(file_size), 0)::bigint FROM images)
        + (SELECT coalesce(sum(file_size), 0)::bigint FROM reports),
    (SELECT count(*) FROM images WHERE file_size IS NULL)
"""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The work of a discovery now, if every file is there and good."""

    studies: int
    images: int
    """DICOM files to be sent."""
    reports: int
    bytes: int
    """The size of these files, as far as the PACS has recorded it."""
    files_of_unknown_size: int
    withdrawn: int
    """Studies to withdraw."""
    objects_removed: int
    withdrawals_refused: int
    """Exported studies that would stay, because too many are no longer eligible."""
    exported: int
    """All exported studies."""

    @property
    def files(self) -> int:
        """Images and reports."""
        return self.images + self.reports

    @property
    def put_requests(self) -> int:
        """One per file, and one per study for its ``metadata.json``."""
        return self.files + self.studies

    def to_dict(self) -> dict[str, Any]:
        """Give a document for JSON."""
        return {
            "dry_run": True,
            "studies": self.studies,
            "images": self.images,
            "reports": self.reports,
            "files": self.files,
            "bytes": self.bytes,
            "files_of_unknown_size": self.files_of_unknown_size,
            "put_requests": self.put_requests,
            "withdrawals": {
                "studies": self.withdrawn,
                "objects": self.objects_removed,
                "refused": self.withdrawals_refused,
            },
        }


def read(connections: Connections, policy: str, limit: int | None, decision: Decision) -> Forecast:
    """Count the files that the discovery after this decision would send."""
    with connections.borrow() as connection:
        row = connection.execute(_FORECAST, {"policy": policy, "limit": limit}).fetchone()
    if row is None:
        raise AssertionError("an aggregate gives a row")
    studies, images, reports, size, unknown = row
    return Forecast(
        studies=studies,
        images=images,
        reports=reports,
        bytes=size,
        files_of_unknown_size=unknown,
        withdrawn=decision.pending,
        objects_removed=0 if decision.refused else decision.objects,
        withdrawals_refused=decision.refused,
        exported=decision.exported,
    )

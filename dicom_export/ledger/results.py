"""The result of a study, read back from the ledger (design, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dicom_export.codes import Code, StudyStatus
from dicom_export.ledger.part import LedgerPart
from dicom_export.model import Acceptance, StudyResult

RESULT = """jsonb_build_object(
    'study_id', s.study_id,
    'organization_id', s.organization_id,
    'success', {success},
    'dicom_files_uploaded', (
        SELECT count(*) FROM ops.exported_objects AS o
        WHERE o.study_id = s.study_id AND o.kind = 'dicom' AND NOT o.in_doubt
    ),
    'reports_uploaded', (
        SELECT count(*) FROM ops.exported_objects AS o
        WHERE o.study_id = s.study_id AND o.kind = 'report' AND NOT o.in_doubt
    ),
    'metadata_uploaded', EXISTS (
        SELECT FROM ops.exported_objects AS o
        WHERE o.study_id = s.study_id AND o.kind = 'metadata' AND NOT o.in_doubt
    ),
    'errors', {errors}
)"""
"""The result of a study in SQL, for queries in which ``s`` is ``ops.study_exports``."""

HELD_BACK = RESULT.format(success="false", errors="jsonb_build_array(%(error)s::text)")
"""The result of a study that stopped with one error, parameter ``error``."""

MODE_OF_POLICY = "substring(s.policy FROM 'mode=([^/]*)')"
"""DEIDENTIFICATION in ``s.policy``, as ``policy.policy_text`` writes it; NULL without a policy."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The state of one study."""

    organization_id: str
    status: StudyStatus
    result: StudyResult | None


class Results(LedgerPart):
    """Reads single studies."""

    def rows(self, study_ids: Sequence[str]) -> dict[str, LedgerRow]:
        """Read studies by id; a study that was never eligible is absent."""
        query = """
            SELECT study_id::text, organization_id::text, status, result
            FROM ops.study_exports WHERE study_id = ANY (%s::uuid[])
        """
        with self._connections.borrow() as connection:
            rows = connection.execute(query, (list(study_ids),)).fetchall()
        return {
            study_id: LedgerRow(
                organization_id,
                StudyStatus(status),
                None if result is None else StudyResult.from_dict(result),
            )
            for study_id, organization_id, status, result in rows
        }

    def held_back(self, study_id: str, error: str) -> StudyResult | None:
        """Return the result of a study that was not worked on: the error, and its objects."""
        query = f"SELECT {HELD_BACK} FROM ops.study_exports AS s WHERE study_id = %(study_id)s"
        with self._connections.borrow() as connection:
            row = connection.execute(query, {"study_id": study_id, "error": error}).fetchone()
        return None if row is None else StudyResult.from_dict(row[0])

    def acceptances(self, study_ids: Sequence[str]) -> dict[str, frozenset[Acceptance]]:
        """Read the images that a person lets through, by study; a study without any is absent."""
        query = """
            SELECT study_id::text, image_id::text, code, source_sha256
            FROM ops.acceptances WHERE study_id = ANY (%s::uuid[])
        """
        found: dict[str, set[Acceptance]] = {}
        with self._connections.borrow() as connection:
            for study_id, image_id, code, sha256 in connection.execute(query, (list(study_ids),)):
                found.setdefault(study_id, set()).add(Acceptance(image_id, Code(code), sha256))
        return {study_id: frozenset(accepted) for study_id, accepted in found.items()}

    def policy_of(self, study_id: str) -> str | None:
        """Return the policy of a study's last attempt; None without an attempt."""
        query = "SELECT policy FROM ops.study_exports WHERE study_id = %s"
        with self._connections.borrow() as connection:
            row = connection.execute(query, (study_id,)).fetchone()
        return row[0] if row else None

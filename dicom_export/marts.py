"""Reads the marts of the export. What is eligible is decided there, and nowhere here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from dicom_export.connections import Connections
from dicom_export.errors import StudyNotEligible, StudyUnknown
from dicom_export.model import (
    EligibleImage,
    EligibleReport,
    EligibleStudy,
    OrganizationNames,
)

# One statement, since a build may replace the tables between two: the names are resolved and
# locked before the snapshot is taken. (In REPEATABLE READ a table that was replaced after the
# snapshot would look empty.) JSON carries timestamps such as 'infinity' that Python cannot.
_STUDIES = """
WITH chosen_reports AS (
    SELECT study_id, json_agg(json_build_object(
        'report_id', report_id, 'doctor_rank', doctor_rank,
        'content', content, 'signed_at', signed_at, 'updated_at', updated_at,
        'practitioner_id', practitioner_id
    ) ORDER BY report_id) AS reports
    FROM analytics.eligible_reports
    WHERE study_id = ANY (%(ids)s::uuid[])
    GROUP BY study_id
), chosen_images AS (
    SELECT study_id, json_agg(json_build_object(
        'image_id', image_id, 'series_id', series_id,
        'series_instance_uid', series_instance_uid, 'series_number', series_number,
        'series_description', series_description, 'series_modality', series_modality,
        'sop_instance_uid', sop_instance_uid, 'instance_number', instance_number,
        'file_path', file_path, 'file_size', file_size, 'updated_at', updated_at
    ) ORDER BY image_id) AS images
    FROM analytics.eligible_images
    WHERE study_id = ANY (%(ids)s::uuid[])
    GROUP BY study_id
)
SELECT json_build_object(
    'study_id', study_id, 'organization_id', organization_id, 'patient_id', patient_id,
    'study_instance_uid', study_instance_uid, 'accession_number', accession_number,
    'dicom_description', dicom_description, 'modality_code', modality_code,
    'body_part_identifier', body_part_identifier, 'body_part_name', body_part_name,
    'facility_id', facility_id, 'performed_at', performed_at, 'doctor_rank', doctor_rank,
    'fingerprint', fingerprint
), coalesce(reports, '[]'), coalesce(images, '[]')
FROM analytics.eligible_studies
LEFT JOIN chosen_reports USING (study_id)
LEFT JOIN chosen_images USING (study_id)
WHERE study_id = ANY (%(ids)s::uuid[])
    -- A build replaces one table after the other. A study that is about to leave has lost reports
    -- and images already: it is not one without images, it is not to be judged now.
    AND reports IS NOT NULL AND (image_count = 0 OR images IS NOT NULL)
"""

_NAMES = """
WITH signers AS (
    SELECT DISTINCT practitioner_id FROM analytics.eligible_reports
    WHERE organization_id = %(id)s
), doctors AS (
    SELECT practitioner_id, concat_ws(' ', first_name, last_name) AS name
    FROM analytics.dim_practitioners
    LEFT JOIN signers USING (practitioner_id)
    WHERE organization_id = %(id)s OR signers.practitioner_id IS NOT NULL
), technicians AS (
    SELECT DISTINCT concat_ws(' ', first_name, last_name) AS name
    FROM analytics.dim_technicians
    WHERE organization_id = %(id)s
), places AS (
    SELECT organization_name AS name
    FROM analytics.dim_organizations
    WHERE organization_id = %(id)s
    UNION
    SELECT unnest(ARRAY[facility_name, city])
    FROM analytics.dim_facilities
    WHERE organization_id = %(id)s
    UNION
    -- An address has any shape: every text in it, street and city alike.
    SELECT jsonb_path_query(address, '$.** ? (@.type() == "string")') #>> '{}'
    FROM analytics.dim_facilities
    WHERE organization_id = %(id)s
)
SELECT
    (SELECT json_object_agg(practitioner_id, name ORDER BY practitioner_id) FROM doctors),
    (SELECT array_agg(name ORDER BY name) FROM technicians),
    (SELECT array_agg(name ORDER BY name) FROM places WHERE name IS NOT NULL)
"""

CRITERIA = {
    "has_eligible_modality": "its modality is not one of the dataset's",
    "is_chest": "it is not a chest study",
    "has_signed_report": "it has no signed report",
    "has_ranked_signer": "no doctor of the chosen ranks signed a report of it",
    "is_not_demo": "its organization is a demo",
    "is_not_migrated": "it was migrated from an older PACS",
}
"""The columns of ``analytics.study_eligibility``, and what to say where one is false."""

FAILED_CRITERIA = f"""array_remove(ARRAY[{
    ", ".join(f"CASE WHEN NOT j.{name} THEN '{name}' END" for name in CRITERIA)
}], NULL)"""
"""The names of those that a study fails, for queries in which ``j`` is ``study_eligibility``."""

_FAILED_BY = f"""
SELECT {FAILED_CRITERIA}, gone.organization_id IS NOT NULL
FROM analytics.study_eligibility AS j
LEFT JOIN ops.organizations AS gone
    ON gone.organization_id = j.organization_id AND gone.forgotten_at IS NOT NULL
WHERE study_id = %(id)s
"""


class Warehouse:
    """The marts, read through borrowed connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def studies(self, study_ids: Sequence[str]) -> dict[str, EligibleStudy]:
        """Read eligible studies with their reports and images.

        Those that are not eligible are absent, and those that a build is about to take away.
        """
        with self._connections.borrow() as connection:
            rows = connection.execute(_STUDIES, {"ids": list(study_ids)}).fetchall()
        return {row[0]["study_id"]: _study(*row) for row in rows}

    def eligible(self, study_ids: Sequence[str]) -> set[str]:
        """Tell which of the given studies are eligible."""
        query = """
            SELECT study_id::text FROM analytics.eligible_studies AS e
            WHERE study_id = ANY (%s) AND NOT EXISTS (
                SELECT FROM ops.organizations AS gone
                WHERE gone.organization_id = e.organization_id AND gone.forgotten_at IS NOT NULL
            )
        """
        with self._connections.borrow() as connection:
            ids = [UUID(study_id) for study_id in study_ids]
            return {study_id for (study_id,) in connection.execute(query, (ids,))}

    def names_of(self, organization_id: str) -> OrganizationNames:
        """Read the names of an organization's staff and places, deleted and inactive ones too."""
        with self._connections.borrow() as connection:
            row = connection.execute(_NAMES, {"id": organization_id}).fetchone()
        doctors, technicians, places = row or (None, None, None)
        return OrganizationNames(doctors or {}, tuple(technicians or ()), tuple(places or ()))

    def explain_absence(self, study_id: str) -> StudyUnknown | StudyNotEligible:
        """Say, as an error to raise, why a study is not among the eligible ones."""
        with self._connections.borrow() as connection:
            row = connection.execute(_FAILED_BY, {"id": study_id}).fetchone()
        if row is None:
            return StudyUnknown(f"study {study_id}: the warehouse does not know it")
        failures = [CRITERIA[name] for name in row[0]]
        if row[1]:
            failures.append("its organization is being forgotten")
        reason = "; ".join(failures) or "the marts are being built, try again"
        return StudyNotEligible(f"study {study_id} is not eligible: {reason}")


def _study(
    study: Mapping[str, Any], reports: list[dict[str, Any]], images: list[dict[str, Any]]
) -> EligibleStudy:
    return EligibleStudy(
        **study,
        reports=tuple(EligibleReport(**report) for report in reports),
        images=tuple(EligibleImage(**image) for image in images),
    )

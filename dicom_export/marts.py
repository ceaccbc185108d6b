"""Reads the marts of the export; the dbt models alone decide which studies are eligible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from dicom_export.connections import Connections
from dicom_export.criteria import CRITERIA, FAILED_CRITERIA
from dicom_export.errors import StudyNotEligible, StudyUnknown
from dicom_export.model import (
    EligibleImage,
    EligibleReport,
    EligibleStudy,
    OrganizationNames,
)

# One statement, because a build may replace the tables between two statements. PostgreSQL resolves
# and locks the names before it takes the snapshot; under REPEATABLE READ a table that was replaced
# after the snapshot would look empty. JSON carries timestamps that Python cannot, such as
# 'infinity'.
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
    -- A build replaces one table after the other: a study that is about to leave may have lost its
    -- reports and images already. It is left out here, and judged after the build.
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

_FAILED_BY = f"""
SELECT {FAILED_CRITERIA}, forgotten.organization_id IS NOT NULL
FROM analytics.study_eligibility AS j
LEFT JOIN ops.forgotten_organizations AS forgotten
    ON forgotten.organization_id = j.organization_id
WHERE study_id = %(id)s
"""


class Marts:
    """Reads the marts through borrowed connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def studies(self, study_ids: Sequence[str]) -> dict[str, EligibleStudy]:
        """Read eligible studies with their reports and images.

        A study that is not eligible, or that a running build takes away, is absent.
        """
        with self._connections.borrow() as connection:
            rows = connection.execute(_STUDIES, {"ids": list(study_ids)}).fetchall()
        return {row[0]["study_id"]: _study(*row) for row in rows}

    def eligible(self, study_ids: Sequence[str]) -> set[str]:
        """Return those of the given studies that the export may send."""
        query = """
            SELECT study_id::text FROM ops.exportable_studies(NULL)
            WHERE study_id = ANY (%s)
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
        """Return the error to raise for a study that is not eligible, with its reason."""
        with self._connections.borrow() as connection:
            row = connection.execute(_FAILED_BY, {"id": study_id}).fetchone()
        if row is None:
            return StudyUnknown(f"study {study_id}: the warehouse does not know it")
        failures = [each.failure for each in CRITERIA if each.column in row[0]]
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

with studies as (
    select * from {{ ref('stg_pacs__studies') }}
),

body_parts as (
    select * from {{ ref('int_body_parts_classified') }}
),

chest as (
    {{ chest_patterns(ref('chest_terms')) }}
),

final as (
    select
        -- ids
        studies.study_id,
        studies.organization_id,
        studies.facility_id,
        studies.modality_id,
        studies.body_part_id,
        studies.technician_id,
        studies.referring_practitioner_id,
        studies.patient_id,

        -- text
        studies.study_instance_uid,
        studies.accession_number,
        studies.dicom_description,
        studies.study_status,
        body_parts.body_part_identifier,
        body_parts.body_part_name,

        -- timestamps
        studies.performed_at,
        studies.created_at,
        studies.updated_at,

        -- rules
        coalesce(
            body_parts.is_chest
            or {{ fold_text('studies.dicom_description') }} like any(chest.patterns),
            false
        ) as is_chest,
        -- Unknown counts as migrated: a missing study is better than a wrong one.
        coalesce(studies.is_migrated, true) as is_migrated
    from studies
    cross join chest
    left join body_parts on studies.body_part_id = body_parts.body_part_id
)

select * from final

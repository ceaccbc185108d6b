with studies as (
    select * from {{ ref('stg_pacs__studies') }}
),

modalities as (
    select * from {{ ref('dim_modalities') }}
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
        modalities.modality_code,
        body_parts.body_part_identifier,
        body_parts.body_part_name,

        -- timestamps
        studies.performed_at,
        studies.created_at,
        studies.updated_at,

        -- decided here
        coalesce(
            body_parts.is_chest
            or {{ fold_text('studies.dicom_description') }} like any(chest.patterns),
            false
        ) as is_chest,
        -- Not known counts as migrated: a study too few is better than one too many.
        coalesce(studies.is_migrated, true) as is_migrated
    from studies
    cross join chest
    -- By id alone: a study that moved to another organization keeps the machine that made it.
    left join modalities on studies.modality_id = modalities.modality_id
    left join body_parts on studies.body_part_id = body_parts.body_part_id
)

select * from final

with studies as (
    select * from {{ ref('stg_pacs__studies') }}
),

modalities as (
    select * from {{ ref('stg_pacs__modalities') }}
),

body_parts as (
    select * from {{ ref('stg_pacs__body_parts') }}
),

chest_terms as (
    select {{ fold_text('btrim(term)') }} as folded_term
    from {{ ref('chest_terms') }}
),

-- Always one row. Its array is NULL where there are no terms, and then nothing is a chest study.
chest as (
    -- A term is text and not a pattern: its %, _ and \ stand for themselves.
    select array_agg('%' || regexp_replace(folded_term, '([\\%_])', '\\\1', 'g') || '%') as patterns
    from chest_terms
    -- An empty term would be found in everything.
    where folded_term <> ''
),

body_parts_classified as (
    select
        body_parts.body_part_id,
        body_parts.body_part_identifier,
        body_parts.body_part_name,
        -- One by one: joined together, the end of one and the start of the other could make a term.
        coalesce(
            {{ fold_text('body_parts.body_part_name') }} like any(chest.patterns)
            or {{ fold_text('body_parts.body_part_identifier') }} like any(chest.patterns),
            false
        ) as is_chest
    from body_parts
    cross join chest
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
        body_parts_classified.body_part_identifier,
        body_parts_classified.body_part_name,

        -- timestamps
        studies.performed_at,
        studies.created_at,
        studies.updated_at,

        -- decided here
        coalesce(
            body_parts_classified.is_chest
            or {{ fold_text('studies.dicom_description') }} like any(chest.patterns),
            false
        ) as is_chest,
        -- Not known counts as migrated: a study too few is better than one too many.
        coalesce(studies.is_migrated, true) as is_migrated
    from studies
    cross join chest
    -- By id alone: a study that moved to another organization keeps the machine that made it.
    left join modalities on studies.modality_id = modalities.modality_id
    left join body_parts_classified on studies.body_part_id = body_parts_classified.body_part_id
)

select * from final

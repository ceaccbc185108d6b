{{ config(
    incremental_strategy='append',
    indexes=[{'columns': ['organization_id']}],
    pre_hook="{{ start_study_rebuild(
        all_studies=ref('stg_pacs__studies'),
        by_study=['pacs_studies', 'pacs_series', 'pacs_reports'],
        by_row=[
            ('pacs_images', ref('stg_pacs__series'), 'series_id'),
            ('dim_modalities', this, 'modality_id'),
            ('int_body_parts_classified', this, 'body_part_id'),
        ],
        seeds=[ref('chest_terms')],
    ) }}",
) }}

with studies as (
    select * from {{ rows_to_rebuild(ref('int_studies_classified')) }}
),

modalities as (
    select * from {{ ref('dim_modalities') }}
),

series as (
    select * from {{ rows_to_rebuild(ref('stg_pacs__series')) }}
),

images as (
    -- Through the series: images have no index on the study.
    select *
    from {{ rows_to_rebuild(
        ref('int_images_kept'), through=ref('stg_pacs__series'), column='series_id'
    ) }}
),

reports as (
    select * from {{ rows_to_rebuild(ref('int_reports_signed')) }}
),

series_per_study as (
    select
        study_id,
        organization_id,
        count(*) as series_count
    from series
    where not is_deleted
    group by study_id, organization_id
),

images_per_study as (
    select
        study_id,
        organization_id,
        count(*) as image_count
    from images
    group by study_id, organization_id
),

reports_per_study as (
    select
        study_id,
        organization_id,
        count(*) as signed_report_count,
        min(signed_at) as first_signed_at,
        (array_agg(practitioner_id order by signed_at, report_id))[1] as first_signed_by_id
    from reports
    group by study_id, organization_id
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
        reports_per_study.first_signed_by_id,
        studies.patient_id,

        -- text
        studies.study_instance_uid,
        studies.accession_number,
        studies.dicom_description,
        studies.study_status,
        modalities.modality_code,
        studies.body_part_identifier,
        studies.body_part_name,

        -- booleans
        studies.is_chest,
        studies.is_migrated,

        -- timestamps
        reports_per_study.first_signed_at,
        studies.performed_at,
        studies.created_at,
        studies.updated_at,

        -- numbers
        coalesce(series_per_study.series_count, 0) as series_count,
        coalesce(images_per_study.image_count, 0) as image_count,
        coalesce(reports_per_study.signed_report_count, 0) as signed_report_count
    from studies
    -- By id alone: a study that moved to another organization keeps the modality that made it.
    left join modalities on studies.modality_id = modalities.modality_id
    -- By organization too: rows of another organization do not belong to the study.
    left join series_per_study
        on
            studies.study_id = series_per_study.study_id
            and studies.organization_id = series_per_study.organization_id
    left join images_per_study
        on
            studies.study_id = images_per_study.study_id
            and studies.organization_id = images_per_study.organization_id
    left join reports_per_study
        on
            studies.study_id = reports_per_study.study_id
            and studies.organization_id = reports_per_study.organization_id
)

select * from final

{{ config(
    incremental_strategy='stale_studies',
    indexes=[{'columns': ['organization_id']}],
    pre_hook="{{ take_stale_studies(
        studies=ref('stg_pacs__studies'),
        reads=[
            ref('int_studies_classified'),
            ref('stg_pacs__series'),
            ref('int_reports_signed'),
        ],
        reads_through=[(ref('int_images_kept'), ref('stg_pacs__series'), 'series_id')],
        changes=ref('int_studies_changed'),
        references=[
            (ref('dim_modalities'), this, 'modality_id'),
            (ref('int_body_parts_classified'), this, 'body_part_id'),
        ],
        seeds=[ref('chest_terms')],
    ) }}",
    post_hook='{{ analyze_when_new() }}',
) }}

with studies as (
    select * from {{ only_stale(ref('int_studies_classified')) }}
),

series as (
    select * from {{ only_stale(ref('stg_pacs__series')) }}
),

images as (
    select * from {{ only_stale(ref('int_images_kept')) }}
),

reports as (
    select * from {{ only_stale(ref('int_reports_signed')) }}
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
        studies.modality_code,
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
    -- By organization too: what is not in the study's organization is not the study's.
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

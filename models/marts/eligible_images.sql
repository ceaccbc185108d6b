{{ config(
    incremental_strategy='append',
    indexes=[{'columns': ['study_id']}],
    pre_hook="{{ start_study_rebuild(
        all_studies=ref('study_eligibility'),
        by_study=['study_eligibility'],
    ) }}",
) }}

with eligibility as (
    select * from {{ rows_to_rebuild(ref('study_eligibility')) }}
),

images as (
    -- Through the series: images have no index on the study.
    select *
    from {{ rows_to_rebuild(
        ref('int_images_kept'), through=ref('stg_pacs__series'), column='series_id'
    ) }}
),

final as (
    select
        -- ids
        images.image_id,
        images.series_id,
        images.study_id,
        images.organization_id,

        -- the series
        images.series_instance_uid,
        images.series_number,
        images.series_description,
        images.series_modality,

        -- the image
        images.sop_instance_uid,
        images.instance_number,
        images.file_path,
        images.file_size,

        -- timestamps
        images.updated_at
    from images
    inner join eligibility
        on
            images.study_id = eligibility.study_id
            and images.organization_id = eligibility.organization_id
    where eligibility.is_eligible
)

select * from final

{{ config(
    incremental_strategy='stale_studies',
    indexes=[{'columns': ['study_id']}],
    pre_hook="{{ take_stale_studies(
        studies=ref('study_eligibility'),
        reads=[
            ref('study_eligibility'),
            ref('stg_pacs__series'),
        ],
        reads_through=[(ref('int_images_kept'), ref('stg_pacs__series'), 'series_id')],
    ) }}",
    post_hook='{{ analyze_when_new() }}',
) }}

with eligibility as (
    select * from {{ only_stale(ref('study_eligibility')) }}
),

images as (
    select * from {{ only_stale(ref('int_images_kept')) }}
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

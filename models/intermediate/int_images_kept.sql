with series as (
    select * from {{ ref('stg_pacs__series') }}
),

images as (
    select * from {{ ref('stg_pacs__images') }}
),

final as (
    select
        -- ids
        images.image_id,
        images.organization_id,
        series.study_id,
        images.series_id,

        -- text
        series.series_instance_uid,
        series.series_modality,
        series.series_description,
        images.sop_instance_uid,
        images.file_path,

        -- numbers
        series.series_number,
        images.instance_number,
        images.file_size,

        -- timestamps
        images.updated_at
    from images
    -- An image and a series of different organizations do not belong together.
    inner join series
        on
            images.series_id = series.series_id
            and images.organization_id = series.organization_id
    -- NULL counts as deleted: it satisfies neither condition.
    where
        not images.is_deleted
        and not series.is_deleted
)

select * from final

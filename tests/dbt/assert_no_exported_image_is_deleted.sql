-- A failing row is an image that would be exported although it, or its series, is deleted in
-- the replicated rows, or although its series is of another study.
with eligible as (
    select * from {{ ref('eligible_images') }}
),

images as (
    select * from {{ ref('stg_pacs__images') }}
),

series as (
    select * from {{ ref('stg_pacs__series') }}
)

select eligible.image_id
from eligible
left join images on eligible.image_id = images.image_id
left join series
    on
        images.series_id = series.series_id
        and eligible.study_id = series.study_id
where
    coalesce(images.is_deleted, true)
    or coalesce(series.is_deleted, true)

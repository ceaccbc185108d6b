-- A failing row is a series, image or report that lies in another organization than its study:
-- the replication moved one without the other. The marts leave it out; a person should ask
-- why.
with studies as (
    select * from {{ ref('stg_pacs__studies') }}
),

series as (
    select * from {{ ref('stg_pacs__series') }}
),

images as (
    select * from {{ ref('stg_pacs__images') }}
),

reports as (
    select * from {{ ref('stg_pacs__reports') }}
)

select
    'series' as kind,
    series.series_id as id
from series
inner join studies on series.study_id = studies.study_id
where series.organization_id <> studies.organization_id
union all
select
    'image' as kind,
    images.image_id as id
from images
inner join series on images.series_id = series.series_id
where images.organization_id <> series.organization_id
union all
select
    'report' as kind,
    reports.report_id as id
from reports
inner join studies on reports.study_id = studies.study_id
where reports.organization_id <> studies.organization_id

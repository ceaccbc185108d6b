-- A failing row is an eligible study whose counts are not the number of its eligible_reports,
-- eligible_images and their series: the export would wait for objects that are not there.
with studies as (
    select * from {{ ref('eligible_studies') }}
),

reports as (
    select
        study_id,
        count(*) as report_count
    from {{ ref('eligible_reports') }}
    group by study_id
),

images as (
    select
        study_id,
        count(*) as image_count,
        count(distinct series_id) as series_count
    from {{ ref('eligible_images') }}
    group by study_id
)

select studies.study_id
from studies
left join reports on studies.study_id = reports.study_id
left join images on studies.study_id = images.study_id
where
    studies.report_count <> coalesce(reports.report_count, 0)
    or studies.report_count < 1
    or studies.image_count <> coalesce(images.image_count, 0)
    or studies.series_count <> coalesce(images.series_count, 0)

with changes as (
    select * from {{ ref('stg_ops__changed_studies') }}
),

series as (
    select * from {{ ref('stg_pacs__series') }}
),

studies as (
    select * from {{ ref('stg_pacs__studies') }}
),

by_study as (
    select
        organization_id,
        study_id
    from changes
    where study_id is not null
),

-- A series that is not there, or not any more, has noted its studies itself.
by_series as (
    select
        series.organization_id,
        series.study_id
    from changes
    inner join series
        on
            changes.organization_id = series.organization_id
            and changes.series_id = series.series_id
    where series.study_id is not null
),

by_organization as (
    select
        studies.organization_id,
        studies.study_id
    from changes
    inner join studies on changes.organization_id = studies.organization_id
    where
        changes.study_id is null
        and changes.series_id is null
),

final as (
    select * from by_study
    union
    select * from by_series
    union
    select * from by_organization
)

select * from final

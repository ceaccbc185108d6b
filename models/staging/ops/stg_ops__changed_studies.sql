with source as (
    select * from {{ source('ops', 'changed_studies') }}
),

renamed as (
    select
        -- ids
        organization_id,
        study_id,
        series_id
    from source
)

select * from renamed

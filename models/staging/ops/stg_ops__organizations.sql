with source as (
    select * from {{ source('ops', 'organizations') }}
),

renamed as (
    select
        organization_id,
        forgotten_at,
        removed_at
    from source
)

select * from renamed

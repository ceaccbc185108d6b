with source as (
    select * from {{ source('pacs', 'pacs_technicians') }}
),

renamed as (
    select
        -- ids
        id as technician_id,
        organization_id,
        facility_id,

        -- text
        first_name,
        last_name,

        -- booleans
        is_active,
        deleted as is_deleted,

        -- timestamps
        created_at,
        updated_at
    from source
)

select * from renamed

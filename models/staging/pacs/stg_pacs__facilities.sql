with source as (
    select * from {{ source('pacs', 'pacs_facilities') }}
),

renamed as (
    select
        -- ids
        id as facility_id,
        organization_id,

        -- text
        name as facility_name,
        identifier as facility_identifier,
        city,

        -- json
        address,

        -- booleans
        is_active,
        deleted as is_deleted,

        -- timestamps
        created_at,
        updated_at
    from source
)

select * from renamed

with source as (
    select * from {{ source('pacs', 'pacs_practitioners') }}
),

renamed as (
    select
        -- ids
        id as practitioner_id,
        organization_id,

        -- text
        first_name,
        last_name,
        license_number,
        specialty,
        email,

        -- booleans
        is_active,
        deleted as is_deleted,

        -- timestamps
        created_at,
        updated_at
    from source
)

select * from renamed

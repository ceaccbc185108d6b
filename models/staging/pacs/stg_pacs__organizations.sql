with source as (
    select * from {{ source('pacs', 'pacs_organizations') }}
),

renamed as (
    select
        -- ids
        id as organization_id,

        -- text
        slug as organization_slug,
        name as organization_name,
        country,
        time_zone,

        -- booleans
        is_demo,
        is_active,

        -- timestamps
        created_at,
        updated_at
    from source
)

select * from renamed

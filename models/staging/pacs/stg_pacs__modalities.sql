with source as (
    select * from {{ source('pacs', 'pacs_modalities') }}
),

renamed as (
    select
        -- ids
        id as modality_id,
        organization_id,
        facility_id,

        -- text
        identifier as modality_code,
        name as modality_name,
        ae_title,
        manufacturer,

        -- booleans
        is_active,
        deleted as is_deleted,

        -- timestamps
        created_at,
        updated_at
    from source
)

select * from renamed

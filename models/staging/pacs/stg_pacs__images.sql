with source as (
    select * from {{ source('pacs', 'pacs_images') }}
),

renamed as (
    select
        -- ids
        id as image_id,
        organization_id,
        series_id,

        -- text
        sop_instance_uid,
        file_path,

        -- numbers
        instance_number,
        file_size,

        -- booleans
        deleted as is_deleted,

        -- timestamps
        created_at,
        updated_at
    from source
)

select * from renamed

with source as (
    select * from {{ source('pacs', 'pacs_body_part') }}
),

renamed as (
    select
        -- ids
        id as body_part_id,

        -- text
        identifier as body_part_identifier,
        name as body_part_name,

        -- timestamps
        created_at,
        updated_at
    from source
)

select * from renamed

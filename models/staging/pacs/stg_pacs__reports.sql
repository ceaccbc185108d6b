with source as (
    select * from {{ source('pacs', 'pacs_reports') }}
),

renamed as (
    select
        -- ids
        id as report_id,
        organization_id,
        study_id,
        signed_by_id,

        -- text
        status as report_status,
        content,

        -- booleans
        is_active,
        deleted as is_deleted,

        -- timestamps
        signed_at,
        created_at,
        updated_at
    from source
)

select * from renamed

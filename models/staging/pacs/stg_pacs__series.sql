with source as (
    select * from {{ source('pacs', 'pacs_series') }}
),

renamed as (
    select
        -- ids
        id as series_id,
        organization_id,
        study_id,

        -- text
        series_instance_uid,
        modality as series_modality,
        description as series_description,

        -- numbers
        series_number,

        -- booleans
        deleted as is_deleted,

        -- timestamps
        created_at,
        updated_at
    from source
)

select * from renamed

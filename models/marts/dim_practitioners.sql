{{ config(unique_key='practitioner_id') }}

with practitioners as (
    select * from {{ ref('stg_pacs__practitioners') }}
),

final as (
    select
        -- ids
        practitioner_id,
        organization_id,

        -- text
        first_name,
        last_name,
        license_number,
        specialty,
        email,

        -- booleans
        is_active,
        is_deleted,

        -- timestamps
        created_at,
        updated_at
    from practitioners
)

select * from final

{{ config(unique_key='technician_id') }}

with technicians as (
    select * from {{ ref('stg_pacs__technicians') }}
),

final as (
    select
        -- ids
        technician_id,
        organization_id,
        facility_id,

        -- text
        first_name,
        last_name,

        -- booleans
        is_active,
        is_deleted,

        -- timestamps
        created_at,
        updated_at
    from technicians
)

select * from final

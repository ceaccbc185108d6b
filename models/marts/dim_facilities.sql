{{ config(unique_key='facility_id') }}

with facilities as (
    select * from {{ ref('stg_pacs__facilities') }}
),

final as (
    select
        -- ids
        facility_id,
        organization_id,

        -- text
        facility_name,
        facility_identifier,
        city,

        -- json
        address,

        -- booleans
        is_active,
        is_deleted,

        -- timestamps
        created_at,
        updated_at
    from facilities
)

select * from final

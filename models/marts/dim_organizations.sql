{{ config(unique_key='organization_id', meta={'told': 'is_demo'}) }}

with organizations as (
    select * from {{ ref('stg_pacs__organizations') }}
),

final as (
    select
        -- ids
        organization_id,

        -- text
        organization_slug,
        organization_name,
        country,
        time_zone,

        -- booleans
        is_active,

        -- timestamps
        created_at,
        updated_at,

        -- Not known counts as demo: nothing of such an organization is ranked or exported.
        coalesce(is_demo, true) as is_demo
    from organizations
)

select * from final

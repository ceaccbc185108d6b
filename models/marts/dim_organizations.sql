{{ config(unique_key='organization_id', meta={'feed_columns': ['is_demo']}) }}

with organizations as (
    select * from {{ ref('stg_pacs__organizations') }}
),

registered as (
    select * from {{ ref('stg_ops__organizations') }}
),

final as (
    select
        -- ids
        organizations.organization_id,

        -- text
        organizations.organization_slug,
        organizations.organization_name,
        organizations.country,
        organizations.time_zone,

        -- booleans
        organizations.is_active,

        -- timestamps
        organizations.created_at,
        organizations.updated_at,

        -- Unknown counts as demo: a demo organization is neither ranked nor exported.
        coalesce(organizations.is_demo, true) as is_demo
    from organizations
    -- The source still lists organizations that were removed from the warehouse.
    left join registered on organizations.organization_id = registered.organization_id
    where registered.removed_at is null
)

select * from final

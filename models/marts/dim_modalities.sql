{{ config(unique_key='modality_id', meta={'feed_columns': ['modality_code']}) }}

with modalities as (
    select * from {{ ref('stg_pacs__modalities') }}
),

final as (
    select
        -- ids
        modality_id,
        organization_id,
        facility_id,

        -- text
        modality_code,
        modality_name,
        ae_title,
        manufacturer,

        -- booleans
        is_active,
        is_deleted,

        -- timestamps
        created_at,
        updated_at
    from modalities
)

select * from final

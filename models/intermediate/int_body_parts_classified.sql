{#- Small, and a change of one row makes studies stale: hence a table that tells them. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='differences',
    unique_key='body_part_id',
    meta={'told': 'jsonb_build_array(body_part_identifier, body_part_name, is_chest)'},
    pre_hook='{{ tell_when_new() }}',
) }}

with body_parts as (
    select * from {{ ref('stg_pacs__body_parts') }}
),

chest as (
    {{ chest_patterns(ref('chest_terms')) }}
),

final as (
    select
        -- ids
        body_parts.body_part_id,

        -- text
        body_parts.body_part_identifier,
        body_parts.body_part_name,

        -- booleans
        -- One by one: joined together, the end of one and the start of the other could make a term.
        coalesce(
            {{ fold_text('body_parts.body_part_name') }} like any(chest.patterns)
            or {{ fold_text('body_parts.body_part_identifier') }} like any(chest.patterns),
            false
        ) as is_chest
    from body_parts
    cross join chest
)

select * from final

{#- A table, because models with a row per study follow its changes. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='replace_changed_rows',
    unique_key='body_part_id',
    meta={'feed_columns': ['body_part_identifier', 'body_part_name', 'is_chest']},
    pre_hook='{{ publish_full_build() }}',
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
        -- Not joined into one text: the end of one and the start of the other could make a term.
        coalesce(
            {{ fold_text('body_parts.body_part_name') }} like any(chest.patterns)
            or {{ fold_text('body_parts.body_part_identifier') }} like any(chest.patterns),
            false
        ) as is_chest
    from body_parts
    cross join chest
)

select * from final

{{ config(
    unique_key='practitioner_id',
    meta={'feed_columns': ['doctor_rank'], 'feed_rows': 'is_selected'},
) }}

with signers as (
    select * from {{ ref('fact_study_signers') }}
),

organizations as (
    select * from {{ ref('dim_organizations') }}
),

modality_codes as (
    select * from {{ ref('modality_codes') }}
),

totals as (
    -- Migrated studies count: the rank is about signing, in whatever system.
    select
        signers.practitioner_id,
        count(*) as total_signed_chest_studies
    from signers
    inner join organizations on signers.organization_id = organizations.organization_id
    inner join modality_codes on signers.modality_code = modality_codes.code
    where
        signers.is_chest
        and not organizations.is_demo
        and modality_codes.counts_for_rank
    group by signers.practitioner_id
),

ranked as (
    select
        practitioner_id,
        total_signed_chest_studies,
        -- Equal totals need a stable order: else doctors would enter and leave the chosen ranks.
        row_number() over (order by total_signed_chest_studies desc, practitioner_id asc)::integer
            as doctor_rank
    from totals
),

final as (
    select
        practitioner_id,
        total_signed_chest_studies,
        doctor_rank,
        doctor_rank between {{ var('first_rank') }} and {{ var('last_rank') }} as is_selected
    from ranked
)

select * from final

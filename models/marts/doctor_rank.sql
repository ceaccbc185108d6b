with reports as (
    select * from {{ ref('int_reports_signed') }}
),

studies as (
    select * from {{ ref('fact_studies') }}
),

organizations as (
    select * from {{ ref('dim_organizations') }}
),

modality_codes as (
    select * from {{ ref('modality_codes') }}
),

-- Migrated studies are among them: who signed them signed them, whatever system they came from.
counted_studies as (
    select
        studies.study_id,
        studies.organization_id
    from studies
    inner join organizations on studies.organization_id = organizations.organization_id
    inner join modality_codes on studies.modality_code = modality_codes.code
    where
        studies.is_chest
        and not organizations.is_demo
        and modality_codes.counts_for_rank
),

totals as (
    select
        reports.practitioner_id,
        -- A study counts once for each of its signers, however many reports they signed on it.
        count(distinct reports.study_id) as total_signed_chest_studies
    from reports
    inner join counted_studies
        on
            reports.study_id = counted_studies.study_id
            and reports.organization_id = counted_studies.organization_id
    group by reports.practitioner_id
),

final as (
    select
        practitioner_id,
        total_signed_chest_studies,
        -- Equal totals need an order that is the same at every build, or studies would come and go.
        row_number() over (order by total_signed_chest_studies desc, practitioner_id asc)::integer
            as doctor_rank
    from totals
)

select * from final

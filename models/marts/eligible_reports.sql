{{ config(
    incremental_strategy='append',
    indexes=[{'columns': ['study_id']}],
    pre_hook="{{ start_study_rebuild(
        all_studies=ref('study_eligibility'),
        by_study=['study_eligibility'],
    ) }}",
) }}

with eligibility as (
    select * from {{ rows_to_rebuild(ref('study_eligibility')) }}
),

reports as (
    select * from {{ rows_to_rebuild(ref('int_reports_signed')) }}
),

doctors as (
    select * from {{ ref('doctor_rank') }}
),

final as (
    select
        -- ids
        reports.report_id,
        reports.study_id,
        reports.organization_id,
        reports.practitioner_id,

        -- numbers
        doctors.doctor_rank,

        -- text
        reports.content,

        -- timestamps
        reports.signed_at,
        reports.updated_at
    from reports
    inner join doctors on reports.practitioner_id = doctors.practitioner_id
    inner join eligibility
        on
            reports.study_id = eligibility.study_id
            and reports.organization_id = eligibility.organization_id
    where
        doctors.is_selected
        and eligibility.is_eligible
)

select * from final

{{ config(
    indexes=[{'columns': ['study_id']}],
    post_hook='analyze {{ this }}',
) }}

with eligibility as (
    select * from {{ ref('study_eligibility') }}
),

selected_reports as (
    select * from {{ ref('int_reports_selected') }}
),

reports as (
    select * from {{ ref('int_reports_signed') }}
),

final as (
    select
        -- ids
        selected_reports.report_id,
        selected_reports.study_id,
        selected_reports.organization_id,
        selected_reports.practitioner_id,

        -- numbers
        selected_reports.doctor_rank,

        -- text
        reports.content,

        -- timestamps
        reports.signed_at,
        reports.updated_at
    from selected_reports
    inner join reports
        on
            selected_reports.report_id = reports.report_id
            and selected_reports.organization_id = reports.organization_id
    inner join eligibility
        on
            selected_reports.study_id = eligibility.study_id
            and selected_reports.organization_id = eligibility.organization_id
    where eligibility.is_eligible
)

select * from final

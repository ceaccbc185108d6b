{#- A view on doctor_rank would be dropped together with the table that dbt replaces. -#}
{{ config(
    materialized='table',
    post_hook='analyze {{ this }}',
) }}

with reports as (
    select * from {{ ref('int_reports_signed') }}
),

doctors as (
    select * from {{ ref('doctor_rank') }}
),

final as (
    select
        reports.report_id,
        reports.organization_id,
        reports.study_id,
        reports.practitioner_id,
        doctors.doctor_rank
    from reports
    inner join doctors on reports.practitioner_id = doctors.practitioner_id
    where doctors.doctor_rank between {{ var('first_rank') }} and {{ var('last_rank') }}
)

select * from final

-- A failing row is a report that would be exported although the replicated row is no longer
-- signed, active and undeleted, or although its signer's rank is outside the window.
with eligible as (
    select * from {{ ref('eligible_reports') }}
),

reports as (
    select * from {{ ref('stg_pacs__reports') }}
),

doctors as (
    select * from {{ ref('doctor_rank') }}
)

select eligible.report_id
from eligible
left join reports
    on
        eligible.report_id = reports.report_id
        and eligible.study_id = reports.study_id
left join doctors on reports.signed_by_id = doctors.practitioner_id
where
    coalesce(reports.report_status <> 'SIGNED', true)
    or coalesce(not reports.is_active, true)
    or coalesce(reports.is_deleted, true)
    or coalesce(
        doctors.doctor_rank not between {{ var('first_rank') }} and {{ var('last_rank') }}, true
    )

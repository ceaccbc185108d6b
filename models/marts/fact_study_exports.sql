{#- A view, because the ledger changes between builds. -#}
{{ config(
    materialized='view',
) }}

with exports as (
    select * from {{ ref('stg_ops__study_exports') }}
),

final as (
    select
        -- ids
        study_id,
        organization_id,

        -- text
        exported_fingerprint,

        -- numbers
        doctor_rank,
        dicom_file_count,
        report_count,

        -- timestamps
        first_seen_at,
        exported_at
    from exports
    where export_status = 'exported'
)

select * from final

with reports as (
    select * from {{ ref('stg_pacs__reports') }}
),

final as (
    select
        -- ids
        report_id,
        organization_id,
        study_id,
        signed_by_id as practitioner_id,

        -- text
        content,

        -- timestamps
        signed_at,
        updated_at
    from reports
    -- NULL counts as inactive and as deleted: it satisfies neither condition.
    where
        report_status = 'SIGNED'
        and is_active
        and not is_deleted
        and signed_by_id is not null
)

select * from final

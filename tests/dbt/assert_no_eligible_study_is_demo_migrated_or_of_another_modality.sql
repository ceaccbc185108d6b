-- A failing row is a study that must not leave the warehouse and is about to: its organization
-- is demo or unknown, it was migrated, or its machine is neither CR nor DX. Asked of the
-- replicated rows, past the models and the seeds that decide it.
with eligible as (
    select * from {{ ref('eligible_studies') }}
),

studies as (
    select * from {{ ref('stg_pacs__studies') }}
),

modalities as (
    select * from {{ ref('stg_pacs__modalities') }}
),

organizations as (
    select * from {{ ref('stg_pacs__organizations') }}
)

select eligible.study_id
from eligible
left join studies
    on
        eligible.study_id = studies.study_id
        and eligible.organization_id = studies.organization_id
left join modalities on studies.modality_id = modalities.modality_id
left join organizations on studies.organization_id = organizations.organization_id
where
    coalesce(organizations.is_demo, true)
    or coalesce(studies.is_migrated, true)
    or coalesce(modalities.modality_code not in ('CR', 'DX'), true)

-- A failing row is a study that was replicated and is not in fact_studies, or the other way round:
-- the marts are older than the data they lie beside, and the next build did not help.
with studies as (
    select * from {{ ref('stg_pacs__studies') }}
),

facts as (
    select * from {{ ref('fact_studies') }}
)

select
    studies.study_id as study_id_replicated,
    facts.study_id as study_id_in_facts
from studies
full outer join facts
    on
        studies.study_id = facts.study_id
        and studies.organization_id = facts.organization_id
where
    studies.study_id is null
    or facts.study_id is null

-- A failing row is a study without a row in study_eligibility, or with another organization there:
-- nobody can say why it is not in the dataset, and its withdrawal has no evidence.
with facts as (
    select * from {{ ref('fact_studies') }}
),

eligibility as (
    select * from {{ ref('study_eligibility') }}
)

select facts.study_id
from facts
left join eligibility
    on
        facts.study_id = eligibility.study_id
        and facts.organization_id = eligibility.organization_id
where eligibility.study_id is null

-- A failing row is a study that is in one of study_eligibility (as eligible) and
-- eligible_studies but not in the other: the answer to "why is it not in the dataset?" is not
-- what the export acts on.
with eligibility as (
    select * from {{ ref('study_eligibility') }}
    where is_eligible
),

studies as (
    select * from {{ ref('eligible_studies') }}
)

select
    eligibility.study_id as study_id_by_criteria,
    studies.study_id as study_id_exported
from eligibility
full outer join studies on eligibility.study_id = studies.study_id
where
    eligibility.study_id is null
    or studies.study_id is null

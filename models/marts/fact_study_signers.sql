{{ config(
    incremental_strategy='append',
    indexes=[
        {'columns': ['study_id', 'practitioner_id'], 'unique': true},
        {'columns': ['practitioner_id']},
    ],
    pre_hook="{{ start_study_rebuild(
        all_studies=ref('fact_studies'),
        by_study=['fact_studies'],
    ) }}",
) }}

with studies as (
    select * from {{ rows_to_rebuild(ref('fact_studies')) }}
),

reports as (
    select * from {{ rows_to_rebuild(ref('int_reports_signed')) }}
),

final as (
    -- A doctor may have signed several reports of a study.
    select distinct
        -- ids
        studies.study_id,
        studies.organization_id,
        reports.practitioner_id,

        -- of the study
        studies.modality_code,
        studies.is_chest
    from reports
    inner join studies
        on
            reports.study_id = studies.study_id
            and reports.organization_id = studies.organization_id
)

select * from final

{{ config(
    materialized='incremental',
    incremental_strategy='stale_studies',
    indexes=[
        {'columns': ['study_id', 'practitioner_id'], 'unique': true},
        {'columns': ['practitioner_id']},
    ],
    pre_hook=[
        '{{ tell_when_new() }}',
        "{{ take_stale_studies(
            studies=ref('fact_studies'),
            reads=[
                ref('fact_studies'),
                ref('int_reports_signed'),
            ],
        ) }}",
    ],
    post_hook='{{ analyze_when_new() }}',
) }}

with studies as (
    select * from {{ only_stale(ref('fact_studies')) }}
),

reports as (
    select * from {{ only_stale(ref('int_reports_signed')) }}
),

final as (
    -- Once for each signer, however many reports they signed on it.
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

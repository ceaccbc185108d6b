{{ config(
    incremental_strategy='stale_studies',
    pre_hook="{{ take_stale_studies(
        studies=ref('fact_studies'),
        reads=[
            ref('fact_studies'),
            ref('int_study_signers'),
        ],
        references=[
            (ref('dim_organizations'), this, 'organization_id'),
            (ref('doctor_rank'), ref('int_study_signers'), 'practitioner_id'),
        ],
        seeds=[ref('modality_codes')],
    ) }}",
    post_hook='{{ analyze_when_new() }}',
) }}

with studies as (
    select * from {{ only_stale(ref('fact_studies')) }}
),

organizations as (
    select * from {{ ref('dim_organizations') }}
),

modality_codes as (
    select * from {{ ref('modality_codes') }}
),

signers as (
    select * from {{ only_stale(ref('int_study_signers')) }}
),

doctors as (
    select * from {{ ref('doctor_rank') }}
),

studies_of_selected_doctors as (
    select distinct
        signers.study_id,
        signers.organization_id
    from signers
    inner join doctors on signers.practitioner_id = doctors.practitioner_id
    where doctors.is_selected
),

-- Every criterion is true or false, never NULL, and false where the data do not say.
criteria as (
    select
        studies.study_id,
        studies.organization_id,
        studies.is_chest,
        coalesce(modality_codes.is_eligible, false) as has_eligible_modality,
        studies.signed_report_count > 0 as has_signed_report,
        studies_of_selected_doctors.study_id is not null as has_ranked_signer,
        coalesce(not organizations.is_demo, false) as is_not_demo,
        not studies.is_migrated as is_not_migrated
    from studies
    left join organizations on studies.organization_id = organizations.organization_id
    left join modality_codes on studies.modality_code = modality_codes.code
    left join studies_of_selected_doctors
        on
            studies.study_id = studies_of_selected_doctors.study_id
            and studies.organization_id = studies_of_selected_doctors.organization_id
),

final as (
    select
        *,
        has_eligible_modality
        and is_chest
        and has_signed_report
        and has_ranked_signer
        and is_not_demo
        and is_not_migrated as is_eligible
    from criteria
)

select * from final

{{ config(
    incremental_strategy='append',
    pre_hook="{{ start_study_rebuild(
        all_studies=ref('fact_studies'),
        by_study=['fact_study_signers'],
        by_row=[
            ('dim_organizations', this, 'organization_id'),
            ('doctor_rank', ref('fact_study_signers'), 'practitioner_id'),
        ],
        seeds=[ref('modality_codes')],
    ) }}",
) }}

with studies as (
    select * from {{ rows_to_rebuild(ref('fact_studies')) }}
),

organizations as (
    select * from {{ ref('dim_organizations') }}
),

modality_codes as (
    select * from {{ ref('modality_codes') }}
),

signers as (
    select * from {{ rows_to_rebuild(ref('fact_study_signers')) }}
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

-- A criterion is true or false, never NULL; missing data make it false.
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

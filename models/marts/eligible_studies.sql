{{ config(
    incremental_strategy='stale_studies',
    indexes=[{'columns': ['organization_id']}],
    pre_hook="{{ take_stale_studies(
        studies=ref('study_eligibility'),
        reads=[
            ref('study_eligibility'),
            ref('fact_studies'),
            ref('eligible_reports'),
            ref('eligible_images'),
        ],
    ) }}",
    post_hook='{{ analyze_when_new() }}',
) }}

with eligibility as (
    select * from {{ only_stale(ref('study_eligibility')) }}
),

studies as (
    select * from {{ only_stale(ref('fact_studies')) }}
),

reports as (
    select * from {{ only_stale(ref('eligible_reports')) }}
),

images as (
    select * from {{ only_stale(ref('eligible_images')) }}
),

-- The fingerprint is taken over JSON: arrays tell neighbours apart, and NULL from ''. Everything in
-- it has one form only: ids order as bytes, timestamps are numbers, and a report's text stands as
-- its hash, so that long reports do not add up.
reports_per_study as (
    select
        study_id,
        count(*) as report_count,
        min(doctor_rank) as doctor_rank,
        jsonb_agg(
            jsonb_build_array(
                report_id,
                {{ sha256_hex('content') }},
                practitioner_id,
                {{ canonical_timestamp('signed_at') }}
            )
            order by report_id
        ) as report_entries
    from reports
    group by study_id
),

images_per_study as (
    select
        study_id,
        count(*) as image_count,
        count(distinct series_id) as series_count,
        jsonb_agg(
            jsonb_build_array(
                image_id,
                series_id,
                series_instance_uid,
                sop_instance_uid,
                instance_number,
                file_path,
                file_size,
                {{ canonical_timestamp('updated_at') }}
            )
            order by image_id
        ) as image_entries
    from images
    group by study_id
),

counted as (
    select
        -- ids
        studies.study_id,
        studies.organization_id,
        studies.patient_id,
        studies.facility_id,

        -- text
        studies.study_instance_uid,
        studies.accession_number,
        studies.dicom_description,
        studies.modality_code,
        studies.body_part_identifier,
        studies.body_part_name,

        -- timestamps
        studies.performed_at,

        -- numbers
        reports_per_study.doctor_rank,
        reports_per_study.report_count,

        -- for the fingerprint
        reports_per_study.report_entries,

        -- where there is no image
        coalesce(images_per_study.series_count, 0) as series_count,
        coalesce(images_per_study.image_count, 0) as image_count,
        coalesce(images_per_study.image_entries, '[]'::jsonb) as image_entries
    from eligibility
    inner join studies on eligibility.study_id = studies.study_id
    -- Criteria 3 and 4 see to it that there is a report. There may be no image: the export says so.
    inner join reports_per_study on eligibility.study_id = reports_per_study.study_id
    left join images_per_study on eligibility.study_id = images_per_study.study_id
    where eligibility.is_eligible
),

final as (
    select
        study_id,
        organization_id,
        patient_id,
        study_instance_uid,
        accession_number,
        dicom_description,
        modality_code,
        body_part_identifier,
        body_part_name,
        facility_id,
        performed_at,
        doctor_rank,
        series_count,
        image_count,
        report_count,
        {{ sha256_hex(
            "jsonb_build_array("
            ~ "organization_id, patient_id, study_instance_uid, accession_number, "
            ~ "dicom_description, " ~ canonical_timestamp("performed_at") ~ ", "
            ~ "report_entries, image_entries"
            ~ ")::text"
        ) }} as fingerprint
    from counted
)

select * from final

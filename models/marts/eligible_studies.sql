{{ config(
    incremental_strategy='append',
    indexes=[{'columns': ['organization_id']}],
    pre_hook="{{ start_study_rebuild(
        all_studies=ref('study_eligibility'),
        by_study=['eligible_reports', 'eligible_images'],
    ) }}",
) }}

with eligibility as (
    select * from {{ rows_to_rebuild(ref('study_eligibility')) }}
),

studies as (
    select * from {{ rows_to_rebuild(ref('fact_studies')) }}
),

reports as (
    select * from {{ rows_to_rebuild(ref('eligible_reports')) }}
),

images as (
    select * from {{ rows_to_rebuild(ref('eligible_images')) }}
),

-- The fingerprint is a hash of JSON: arrays keep neighbours apart, and NULL apart from ''. Every
-- value has one form only: rows are ordered by id, timestamps are numbers. A report's text enters
-- as its hash, which keeps the JSON short.
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
    -- Criteria 3 and 4 imply a report. A study may have no image: the export reports that.
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

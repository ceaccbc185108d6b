with source as (
    select * from {{ source('ops', 'study_exports') }}
),

renamed as (
    select
        -- ids
        study_id,
        organization_id,

        -- text
        status as export_status,
        exported_fingerprint,

        -- numbers
        doctor_rank,

        -- timestamps
        first_seen_at,
        exported_at,

        -- from the result document
        (result ->> 'dicom_files_uploaded')::bigint as dicom_file_count,
        (result ->> 'reports_uploaded')::bigint as report_count
    from source
)

select * from renamed

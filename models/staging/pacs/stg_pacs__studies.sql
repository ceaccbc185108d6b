with source as (
    select * from {{ source('pacs', 'pacs_studies') }}
),

renamed as (
    select
        -- ids
        id as study_id,
        organization_id,
        facility_id,
        modality_id,
        body_part_id,
        technician_id,
        referring_practitioner_id,
        patient_id,

        -- text
        study_instance_uid,
        accession_number,
        dicom_description,
        status as study_status,
        priority,

        -- json
        attributes,

        -- booleans
        migrated as is_migrated,

        -- timestamps
        performed_at,
        created_at,
        updated_at,

        -- jsonb, because dbt's unit tests cannot make a row with an array
        to_jsonb(tags) as tags
    from source
)

select * from renamed

-- The source's ten tables as the warehouse keeps them (design, section 3): the source's columns and
-- types, '' and NULL apart, nothing renamed. Only keys are NOT NULL, so that a column dropped by the
-- source can stay. Tables that belong to an organization are partitioned by it; their partitions lie
-- in the organizations' schemas. Those that belong to a study get its organization_id on the way in.

CREATE TABLE staging.pacs_organizations (
    id         uuid NOT NULL,
    slug       text,
    name       text,
    country    text,
    time_zone  text,
    is_demo    boolean,
    is_active  boolean,
    created_at timestamptz,
    updated_at timestamptz,
    PRIMARY KEY (id)
);

CREATE TABLE staging.pacs_body_part (
    id         uuid NOT NULL,
    identifier text,
    name       text,
    created_at timestamptz,
    updated_at timestamptz,
    PRIMARY KEY (id)
);

CREATE TABLE staging.pacs_facilities (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL,
    name            text,
    identifier      text,
    city            text,
    address         jsonb,
    is_active       boolean,
    deleted         boolean,
    created_at      timestamptz,
    updated_at      timestamptz,
    PRIMARY KEY (organization_id, id)
) PARTITION BY LIST (organization_id);

CREATE TABLE staging.pacs_modalities (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL,
    facility_id     uuid,
    identifier      text,
    name            text,
    ae_title        text,
    manufacturer    text,
    is_active       boolean,
    deleted         boolean,
    created_at      timestamptz,
    updated_at      timestamptz,
    PRIMARY KEY (organization_id, id)
) PARTITION BY LIST (organization_id);

CREATE TABLE staging.pacs_practitioners (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL,
    first_name      text,
    last_name       text,
    license_number  text,
    specialty       text,
    email           text,
    is_active       boolean,
    deleted         boolean,
    created_at      timestamptz,
    updated_at      timestamptz,
    PRIMARY KEY (organization_id, id)
) PARTITION BY LIST (organization_id);

CREATE TABLE staging.pacs_technicians (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL,
    facility_id     uuid,
    first_name      text,
    last_name       text,
    is_active       boolean,
    deleted         boolean,
    created_at      timestamptz,
    updated_at      timestamptz,
    PRIMARY KEY (organization_id, id)
) PARTITION BY LIST (organization_id);

CREATE TABLE staging.pacs_studies (
    id                        uuid NOT NULL,
    organization_id           uuid NOT NULL,
    facility_id               uuid,
    modality_id               uuid,
    body_part_id              uuid,
    technician_id             uuid,
    referring_practitioner_id uuid,
    patient_id                uuid,
    study_instance_uid        text,
    accession_number          text,
    dicom_description         text,
    status                    text,
    priority                  text,
    migrated                  boolean,
    tags                      text[],
    attributes                jsonb,
    performed_at              timestamptz,
    created_at                timestamptz,
    updated_at                timestamptz,
    PRIMARY KEY (organization_id, id)
) PARTITION BY LIST (organization_id);

CREATE TABLE staging.pacs_series (
    id                  uuid NOT NULL,
    organization_id     uuid NOT NULL,
    study_id            uuid,
    series_instance_uid text,
    series_number       integer,
    modality            text,
    description         text,
    deleted             boolean,
    created_at          timestamptz,
    updated_at          timestamptz,
    PRIMARY KEY (organization_id, id)
) PARTITION BY LIST (organization_id);

CREATE TABLE staging.pacs_images (
    id               uuid NOT NULL,
    organization_id  uuid NOT NULL,
    series_id        uuid,
    sop_instance_uid text,
    instance_number  integer,
    file_path        text,
    file_size        bigint,
    deleted          boolean,
    created_at       timestamptz,
    updated_at       timestamptz,
    PRIMARY KEY (organization_id, id)
) PARTITION BY LIST (organization_id);

CREATE TABLE staging.pacs_reports (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL,
    study_id        uuid,
    signed_by_id    uuid,
    status          text,
    is_active       boolean,
    deleted         boolean,
    content         text,
    signed_at       timestamptz,
    created_at      timestamptz,
    updated_at      timestamptz,
    PRIMARY KEY (organization_id, id)
) PARTITION BY LIST (organization_id);

-- Where dlt puts the rows of one load before they are merged: dlt would create these without a key
-- and with types of its own.
CREATE SCHEMA _dlt_merge_staging;
CREATE UNLOGGED TABLE _dlt_merge_staging.pacs_organizations (LIKE staging.pacs_organizations);
CREATE UNLOGGED TABLE _dlt_merge_staging.pacs_body_part (LIKE staging.pacs_body_part);
CREATE UNLOGGED TABLE _dlt_merge_staging.pacs_facilities (LIKE staging.pacs_facilities);
CREATE UNLOGGED TABLE _dlt_merge_staging.pacs_modalities (LIKE staging.pacs_modalities);
CREATE UNLOGGED TABLE _dlt_merge_staging.pacs_practitioners (LIKE staging.pacs_practitioners);
CREATE UNLOGGED TABLE _dlt_merge_staging.pacs_technicians (LIKE staging.pacs_technicians);
CREATE UNLOGGED TABLE _dlt_merge_staging.pacs_studies (LIKE staging.pacs_studies);
CREATE UNLOGGED TABLE _dlt_merge_staging.pacs_series (LIKE staging.pacs_series);
CREATE UNLOGGED TABLE _dlt_merge_staging.pacs_images (LIKE staging.pacs_images);
CREATE UNLOGGED TABLE _dlt_merge_staging.pacs_reports (LIKE staging.pacs_reports);

-- The ledger of the system: what was replicated, built and exported (design, sections 3 and 5).

CREATE TABLE ops.organizations (
    organization_id uuid PRIMARY KEY,
    slug            text NOT NULL,
    -- <name> as it stands in staging_<name>, org_<name> and the tenant's role; given once, never changed.
    name            text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_]*$'),
    schema_name     text NOT NULL UNIQUE CHECK (schema_name ~ '^staging_[a-z0-9_]+$'),
    tenant_schema   text NOT NULL UNIQUE CHECK (tenant_schema ~ '^org_[a-z0-9_]+$'),
    tenant_role     text NOT NULL UNIQUE,
    registered_at   timestamptz NOT NULL DEFAULT now(),
    forgotten_at    timestamptz
);

-- Up to where a table has been read: per organization, or for organization_id = the nil uuid where
-- the table belongs to nobody.
CREATE TABLE ops.sync_watermarks (
    table_name      text NOT NULL,
    organization_id uuid NOT NULL,
    watermark       timestamptz NOT NULL,
    -- What the source's overlap window held when it was last read: a window that still looks the same
    -- is not read again.
    window_rows     bigint NOT NULL,
    window_checksum text NOT NULL,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (table_name, organization_id)
);

-- One row per run, organization and table that changed, and one per table that failed.
CREATE TABLE ops.sync_runs (
    run_id          uuid NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('sync', 'validate')),
    table_name      text NOT NULL,
    organization_id uuid,
    outcome         text NOT NULL CHECK (outcome IN ('loaded', 'failed')),
    error_code      text,
    rows_read       bigint NOT NULL DEFAULT 0,
    rows_written    bigint NOT NULL DEFAULT 0,
    rows_deleted    bigint NOT NULL DEFAULT 0,
    seconds         double precision NOT NULL DEFAULT 0,
    watermark       timestamptz,
    started_at      timestamptz NOT NULL,
    finished_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON ops.sync_runs (finished_at);
CREATE INDEX ON ops.sync_runs (organization_id, table_name, finished_at);

-- Rows that the source has deleted for good, as validate found out: the evidence on which an export is
-- withdrawn.
CREATE TABLE ops.deletions (
    table_name      text NOT NULL,
    organization_id uuid,
    id              uuid NOT NULL,
    run_id          uuid NOT NULL,
    deleted_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON ops.deletions (id);

-- How many rows the load in progress wrote, table by table: filled in the transaction that writes
-- them, emptied when the next load begins.
CREATE TABLE ops.sync_written (
    table_name      text NOT NULL,
    organization_id uuid,
    rows            bigint NOT NULL
);

-- Rows that a load puts into a partition where they were not: another organization may have had them
-- until now. A row by its id is noted in the transaction that writes it; a whole partition (id is
-- NULL) before it is filled. Emptied by the transaction that looks.
CREATE TABLE ops.sync_new_rows (
    table_name      text NOT NULL,
    organization_id uuid NOT NULL,
    id              uuid
);

-- One row per run that reached its end, idle ones included: dbt's source freshness reads it.
CREATE TABLE ops.sync_heartbeats (
    run_id      uuid PRIMARY KEY,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    rows_read   bigint NOT NULL,
    is_idle     boolean NOT NULL
);
CREATE INDEX ON ops.sync_heartbeats (finished_at);

-- One row per successful build of the marts. changes_seen is the number of the newest change in
-- ops.changes when the build began: what came later is left to the next build.
CREATE TABLE ops.builds (
    build_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changes_seen    bigint NOT NULL,
    project_hash    text NOT NULL,
    started_at      timestamptz NOT NULL,
    finished_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row for everything that makes the marts stale, written before the change it announces: a crash
-- between the two costs one needless build, never a missed one.
CREATE TABLE ops.changes (
    change_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id      uuid NOT NULL,
    reason      text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row per study that was ever eligible (design, section 5).
CREATE TABLE ops.study_exports (
    study_id        uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    status          text NOT NULL DEFAULT 'waiting' CHECK (status IN (
        'waiting', 'exporting', 'exported', 'incomplete', 'failed', 'quarantined', 'withdrawn'
    )),
    -- What the warehouse says of the study now, and what it said when it was last exported.
    fingerprint             text NOT NULL,
    exported_fingerprint    text,
    doctor_rank     integer,
    attempts        integer NOT NULL DEFAULT 0,
    lease_owner     text,
    lease_until     timestamptz,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    result          jsonb,
    first_seen_at   timestamptz NOT NULL DEFAULT now(),
    exported_at     timestamptz,
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON ops.study_exports (status, next_attempt_at);
CREATE INDEX ON ops.study_exports (organization_id);

CREATE TABLE ops.image_exports (
    image_id        uuid PRIMARY KEY,
    study_id        uuid NOT NULL REFERENCES ops.study_exports (study_id) ON DELETE CASCADE,
    status          text NOT NULL CHECK (status IN (
        'exported', 'skipped', 'missing', 'refused', 'quarantined'
    )),
    reason          text,
    source_sha256   text,
    sha256          text,
    bytes           bigint,
    key             text,
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON ops.image_exports (study_id);

-- Every object of the bucket that this ledger answers for, reports and metadata.json included: what
-- is in place already is not sent again, and what no longer belongs is removed.
CREATE TABLE ops.exported_objects (
    study_id    uuid NOT NULL REFERENCES ops.study_exports (study_id) ON DELETE CASCADE,
    key         text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('dicom', 'report', 'metadata')),
    sha256      text NOT NULL,
    bytes       bigint NOT NULL,
    -- A PUT or DELETE of the key was begun and nobody knows how it ended; noted before each of them,
    -- so that a crash in between is made good by the next attempt.
    in_doubt    boolean NOT NULL DEFAULT false,
    uploaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (study_id, key)
);

-- What the marts have to be told so that they can be rebuilt study by study (docs/decisions/0006).

-- What changed in the replicated tables since fact_studies was last built, by the study it belongs to.
-- Written in the transaction that changes the rows, emptied in the one that builds fact_studies.
CREATE TABLE ops.changed_studies (
    organization_id uuid NOT NULL,
    study_id        uuid,
    -- An image knows its series alone.
    series_id       uuid,
    -- Neither: the organization's partition was empty and was filled as a whole.
    CHECK (study_id IS NULL OR series_id IS NULL)
);

-- What the incremental models of dbt tell each other: which rows of a model below the one that was
-- built are stale. Taken in the transaction that rebuilds them.
CREATE TABLE ops.stale_keys (
    model           text NOT NULL,
    told_by         text NOT NULL,
    -- Of a study; NULL where the key is that of reference data (a machine, a doctor).
    organization_id uuid,
    -- NULL: everything.
    key             uuid
);
CREATE INDEX ON ops.stale_keys (model);

-- By which SQL and which reference data a model's rows were made.
CREATE TABLE ops.built_models (
    model           text PRIMARY KEY,
    made_by         text NOT NULL
);

-- How a changed study finds its rows.
CREATE INDEX ON staging.pacs_series (study_id);
CREATE INDEX ON staging.pacs_images (series_id);
CREATE INDEX ON staging.pacs_reports (study_id);

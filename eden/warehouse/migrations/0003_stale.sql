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

-- Updates and deletions are noted here, whoever makes them. Insertions are noted by the loader: a
-- trigger that sees inserted rows would have to keep a copy of every first load.
CREATE FUNCTION ops.note_changed_studies() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    -- The column of the table, and what it is called in ops.changed_studies.
    own text := TG_ARGV[0];
    noted text := TG_ARGV[1];
    rows text := format('SELECT organization_id, %I AS key FROM old_rows', own);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        rows := rows || format(' UNION ALL SELECT organization_id, %I FROM new_rows', own);
    END IF;
    EXECUTE format(
        'INSERT INTO ops.changed_studies (organization_id, %I)'
        ' SELECT DISTINCT organization_id, key FROM (%s) AS changed WHERE key IS NOT NULL',
        noted, rows
    );
    RETURN NULL;
END
$$;

-- Emptied by hand: nobody can say what was in it.
CREATE FUNCTION ops.note_truncation() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO ops.stale_keys (model, told_by) VALUES ('fact_studies', TG_TABLE_NAME);
    RETURN NULL;
END
$$;

CREATE TRIGGER note_updates AFTER UPDATE ON staging.pacs_studies
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.note_changed_studies('id', 'study_id');
CREATE TRIGGER note_deletions AFTER DELETE ON staging.pacs_studies
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.note_changed_studies('id', 'study_id');
CREATE TRIGGER note_truncation AFTER TRUNCATE ON staging.pacs_studies
    FOR EACH STATEMENT EXECUTE FUNCTION ops.note_truncation();

CREATE TRIGGER note_updates AFTER UPDATE ON staging.pacs_series
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.note_changed_studies('study_id', 'study_id');
CREATE TRIGGER note_deletions AFTER DELETE ON staging.pacs_series
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.note_changed_studies('study_id', 'study_id');
CREATE TRIGGER note_truncation AFTER TRUNCATE ON staging.pacs_series
    FOR EACH STATEMENT EXECUTE FUNCTION ops.note_truncation();

CREATE TRIGGER note_updates AFTER UPDATE ON staging.pacs_images
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.note_changed_studies('series_id', 'series_id');
CREATE TRIGGER note_deletions AFTER DELETE ON staging.pacs_images
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.note_changed_studies('series_id', 'series_id');
CREATE TRIGGER note_truncation AFTER TRUNCATE ON staging.pacs_images
    FOR EACH STATEMENT EXECUTE FUNCTION ops.note_truncation();

CREATE TRIGGER note_updates AFTER UPDATE ON staging.pacs_reports
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.note_changed_studies('study_id', 'study_id');
CREATE TRIGGER note_deletions AFTER DELETE ON staging.pacs_reports
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.note_changed_studies('study_id', 'study_id');
CREATE TRIGGER note_truncation AFTER TRUNCATE ON staging.pacs_reports
    FOR EACH STATEMENT EXECUTE FUNCTION ops.note_truncation();

-- How a changed study finds its rows.
CREATE INDEX ON staging.pacs_series (study_id);
CREATE INDEX ON staging.pacs_images (series_id);
CREATE INDEX ON staging.pacs_reports (study_id);

-- Everyone may call a new function unless told otherwise.
REVOKE ALL ON FUNCTION ops.note_changed_studies(), ops.note_truncation() FROM PUBLIC;

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

-- Everyone may call a new function unless told otherwise.
REVOKE ALL ON FUNCTION ops.note_changed_studies(), ops.note_truncation() FROM PUBLIC;

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

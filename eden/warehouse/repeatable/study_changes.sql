-- The change feed of the incremental models (docs/decisions/0012-change-feed.md).

-- Writes changed rows of a replicated table to the feed, for updates and deletions of any client. The
-- argument is the column that holds the key. The loader writes what it inserts itself: a trigger on
-- INSERT would keep a copy of every first load.
CREATE FUNCTION ops.record_study_changes() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    changed text := format('SELECT organization_id, %I AS key FROM old_rows', TG_ARGV[0]);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        changed := changed
            || format(' UNION ALL SELECT organization_id, %I FROM new_rows', TG_ARGV[0]);
    END IF;
    EXECUTE format(
        'INSERT INTO ops.study_changes (relation, organization_id, key)'
        ' SELECT DISTINCT %L, organization_id, key FROM (%s) AS changed WHERE key IS NOT NULL',
        TG_TABLE_NAME, changed
    );
    RETURN NULL;
END
$$;

-- TRUNCATE by hand: its rows are not known.
CREATE FUNCTION ops.record_truncation() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO ops.study_changes (relation) VALUES (TG_TABLE_NAME);
    RETURN NULL;
END
$$;

-- Returns the changes of some relations that a model has not used yet, and counts them as used once the
-- calling transaction commits. One row of NULLs stands for everything: the model has no position in this
-- cluster (a new model, a restored dump), or its definition changed.
CREATE FUNCTION ops.use_study_changes(used_by text, followed text[], current_definition text)
RETURNS TABLE (relation text, organization_id uuid, key uuid)
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    cluster bigint := (SELECT system_identifier FROM pg_control_system());
    last ops.model_positions;
    -- Taken before the changes are read: a change that commits in between is used now and once more.
    position_now pg_snapshot;
BEGIN
    -- Pruning locks the table. Before the row, so that the two cannot deadlock.
    LOCK TABLE ops.model_positions IN ROW EXCLUSIVE MODE;
    -- Two runs of one model take turns.
    SELECT * INTO last FROM ops.model_positions WHERE model = used_by FOR UPDATE;
    position_now := pg_current_snapshot();
    INSERT INTO ops.model_positions
        (model, used_snapshot, system_identifier, definition_hash, relations)
    VALUES (used_by, position_now, cluster, current_definition, followed)
    ON CONFLICT (model) DO UPDATE SET
        used_snapshot = excluded.used_snapshot,
        system_identifier = excluded.system_identifier,
        definition_hash = excluded.definition_hash,
        relations = excluded.relations,
        updated_at = excluded.updated_at;
    IF (last.system_identifier, last.definition_hash) IS DISTINCT FROM (cluster, current_definition) THEN
        RETURN QUERY SELECT NULL::text, NULL::uuid, NULL::uuid;
    ELSE
        RETURN QUERY
        SELECT change.relation, change.organization_id, change.key
        FROM ops.study_changes AS change
        WHERE change.transaction_id >= pg_snapshot_xmin(last.used_snapshot)
            AND NOT pg_visible_in_snapshot(change.transaction_id, last.used_snapshot)
            AND change.relation = ANY (followed);
    END IF;
END
$$;

-- Deletes the changes that all models that follow their relation have used. A model that has not been
-- built for 30 days while others were, such as a renamed one, loses its position: it does not hold the
-- feed up.
CREATE FUNCTION ops.prune_study_changes() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    -- Not while a model is being built: the first position of a model is not visible before its commit.
    LOCK TABLE ops.model_positions IN SHARE MODE NOWAIT;
    DELETE FROM ops.model_positions
    WHERE updated_at < (SELECT max(updated_at) FROM ops.model_positions) - interval '30 days';
    DELETE FROM ops.study_changes AS change
    -- Changes of a restored dump may have ids that this cluster has not reached.
    WHERE change.transaction_id >= pg_snapshot_xmax(pg_current_snapshot())
        OR NOT EXISTS (
            SELECT FROM ops.model_positions AS position
            WHERE change.relation = ANY (position.relations)
                AND NOT pg_visible_in_snapshot(change.transaction_id, position.used_snapshot)
        );
EXCEPTION
    WHEN lock_not_available THEN
        NULL;
END
$$;

-- PostgreSQL lets everyone call a new function.
REVOKE ALL ON FUNCTION ops.record_study_changes(), ops.record_truncation(),
    ops.use_study_changes(text, text[], text), ops.prune_study_changes()
FROM PUBLIC;

CREATE TRIGGER record_updates AFTER UPDATE ON staging.pacs_studies
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.record_study_changes('id');
CREATE TRIGGER record_deletions AFTER DELETE ON staging.pacs_studies
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.record_study_changes('id');
CREATE TRIGGER record_truncation AFTER TRUNCATE ON staging.pacs_studies
    FOR EACH STATEMENT EXECUTE FUNCTION ops.record_truncation();

CREATE TRIGGER record_updates AFTER UPDATE ON staging.pacs_series
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.record_study_changes('study_id');
CREATE TRIGGER record_deletions AFTER DELETE ON staging.pacs_series
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.record_study_changes('study_id');
CREATE TRIGGER record_truncation AFTER TRUNCATE ON staging.pacs_series
    FOR EACH STATEMENT EXECUTE FUNCTION ops.record_truncation();

-- An image names its series alone.
CREATE TRIGGER record_updates AFTER UPDATE ON staging.pacs_images
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.record_study_changes('series_id');
CREATE TRIGGER record_deletions AFTER DELETE ON staging.pacs_images
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.record_study_changes('series_id');
CREATE TRIGGER record_truncation AFTER TRUNCATE ON staging.pacs_images
    FOR EACH STATEMENT EXECUTE FUNCTION ops.record_truncation();

CREATE TRIGGER record_updates AFTER UPDATE ON staging.pacs_reports
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.record_study_changes('study_id');
CREATE TRIGGER record_deletions AFTER DELETE ON staging.pacs_reports
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ops.record_study_changes('study_id');
CREATE TRIGGER record_truncation AFTER TRUNCATE ON staging.pacs_reports
    FOR EACH STATEMENT EXECUTE FUNCTION ops.record_truncation();

-- The change feed, which replaces a queue per model (docs/decisions/0012-change-feed.md).

-- One row per change of a table that incremental models follow. Written in the transaction that makes
-- the change; pruned once every model has used it.
CREATE TABLE ops.study_changes (
    change_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- change_id follows the order of the statements, and transactions commit in another order: a model
    -- finds the changes that it has not used by their transaction.
    transaction_id  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    -- The table that changed: a replicated one (pacs_series) or a model (fact_studies).
    relation        text NOT NULL,
    -- NULL where the table belongs to no organization.
    organization_id uuid,
    -- The study; for pacs_images the series, for dim_modalities the modality, and so on. NULL: all rows,
    -- of the organization where there is one.
    key             uuid
);
CREATE INDEX ON ops.study_changes (transaction_id);

-- How far each incremental model has used the feed, and what its rows were made of.
CREATE TABLE ops.model_positions (
    model             text PRIMARY KEY,
    -- The model has used the changes of all transactions that this snapshot shows as committed.
    used_snapshot     pg_snapshot NOT NULL,
    -- Transaction ids of one cluster mean nothing in another.
    system_identifier bigint NOT NULL,
    -- The model's SQL and the rows of its seeds.
    definition_hash   text NOT NULL,
    -- The relations that it follows.
    relations         text[] NOT NULL,
    updated_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The queues go, with dbt's views on them. No change is lost: a model without a position rebuilds all
-- its studies at the next build.
DROP TABLE ops.changed_studies, ops.stale_keys, ops.built_models CASCADE;

-- dbt leaves the table of a model that was renamed (now fact_study_signers).
DO $$
BEGIN
    DROP TABLE IF EXISTS analytics.int_study_signers;
EXCEPTION
    -- A view of the site reads it.
    WHEN dependent_objects_still_exist THEN NULL;
END
$$;

-- Names that say what a table holds.
ALTER TABLE ops.changes RENAME TO build_requests;
ALTER TABLE ops.build_requests RENAME COLUMN change_id TO request_id;
ALTER TABLE ops.builds RENAME COLUMN changes_seen TO requests_seen;
ALTER TABLE ops.builds RENAME COLUMN views_hash TO relations_hash;
ALTER TABLE ops.sync_written RENAME TO load_counts;
ALTER TABLE ops.sync_new_rows RENAME TO possible_moves;

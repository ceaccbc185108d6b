-- When a study is due is decided here alone (design, section 5).

-- When a worker may claim the study; NULL if its status allows no claim.
ALTER TABLE ops.study_exports ADD COLUMN due_at timestamptz GENERATED ALWAYS AS (
    CASE WHEN status IN ('waiting', 'incomplete') AND withdrawal IS NULL THEN next_attempt_at END
) STORED;

DROP INDEX ops.study_exports_queue;
CREATE INDEX study_exports_queue ON ops.study_exports (due_at, study_id) WHERE due_at IS NOT NULL;

-- The ledger of the export, continued: what is withdrawn and why, what a person has let through, and
-- what a dry run compares (design, section 5).

ALTER TABLE ops.study_exports
    -- Why the study is being withdrawn, or was: the criteria of analytics.study_eligibility that it
    -- fails, or {deleted}. NULL where it is not. Decided for all studies at once, carried out one by
    -- one, so that a run that dies in between is completed by the next.
    ADD COLUMN withdrawal text[],
    -- Everything but the data that decided what was uploaded when the study was last worked on.
    ADD COLUMN policy text,
    -- NULL: trying it again as it is would be of no use.
    ALTER COLUMN next_attempt_at DROP NOT NULL;

-- The source's updated_at of the image or report when it was last worked on: what has another one now
-- is going to be sent again, as far as one can tell without fetching it.
ALTER TABLE ops.image_exports ADD COLUMN source_updated_at timestamptz;
ALTER TABLE ops.exported_objects ADD COLUMN source_updated_at timestamptz;

-- Claims read the front of a queue, however long it is.
DROP INDEX ops.study_exports_status_next_attempt_at_idx;
CREATE INDEX study_exports_queue ON ops.study_exports (next_attempt_at, study_id)
    WHERE status IN ('waiting', 'incomplete');
CREATE INDEX study_exports_leased ON ops.study_exports (lease_until) WHERE status = 'exporting';
CREATE INDEX study_exports_withdrawal ON ops.study_exports (study_id)
    WHERE withdrawal IS NOT NULL AND status <> 'withdrawn';
CREATE INDEX exported_objects_metadata ON ops.exported_objects (study_id) WHERE kind = 'metadata';

-- Images that a person lets through although a check stops them: for one code, and for as long as the
-- file holds the bytes that the person has seen. Never changed, never removed but with its study's row.
CREATE TABLE ops.acceptances (
    acceptance_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    study_id        uuid NOT NULL REFERENCES ops.study_exports (study_id) ON DELETE CASCADE,
    image_id        uuid NOT NULL,
    code            text NOT NULL,
    source_sha256   text NOT NULL,
    reason          text NOT NULL CHECK (reason ~ '\S'),
    os_user         text NOT NULL,
    host            text NOT NULL,
    database_user   text NOT NULL DEFAULT session_user,
    accepted_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON ops.acceptances (study_id);

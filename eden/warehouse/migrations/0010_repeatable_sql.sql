-- Functions, triggers and views move to repeatable files (docs/decisions/0013): which text of each
-- was applied last, and the objects that it created.
CREATE TABLE ops.repeatable_migrations (
    name        text PRIMARY KEY,
    sha256      text NOT NULL,
    -- Such as 'view ops.tenants', in the order of creation.
    objects     text[] NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
);

-- Earlier versions of 0003 and 0004 created these. CASCADE drops the triggers of staging.
DROP FUNCTION IF EXISTS ops.note_changed_studies, ops.note_truncation CASCADE;
DROP FUNCTION IF EXISTS
    ops.restore_tenants, ops.restore_tenant, ops.remove_tenant, ops.close_tenant, ops.attempt;
DROP VIEW IF EXISTS ops.tenants, ops.tenant_marts;

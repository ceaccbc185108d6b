-- Organizations that are forgotten (design, section 8), and how fresh each of the others is.

ALTER TABLE ops.organizations
    -- When the last of its rows left the warehouse. Until then a forgotten organization is in the
    -- marts as it was: a run that was killed has yet to be completed.
    ADD COLUMN removed_at timestamptz,
    ADD CHECK (removed_at IS NULL OR forgotten_at IS NOT NULL);

-- Which organizations a run was for; NULL stands for all of them, and a run that read only tables that
-- belong to nobody was for none.
ALTER TABLE ops.sync_heartbeats ADD COLUMN organization_ids uuid[];

-- The rules of the export's queue (design, section 5). All of them are plain SQL without side
-- effects, so that PostgreSQL inlines them into the queries that use them.

-- A new warehouse has no marts yet: their names are resolved at the call.
SET LOCAL check_function_bodies = off;

CREATE VIEW ops.forgotten_organizations AS
SELECT organization_id, forgotten_at
FROM ops.organizations
WHERE forgotten_at IS NOT NULL;

-- A study's fingerprint, and with it the export's policy: a new policy exports the study again.
-- Without a policy it is the mart's own fingerprint.
CREATE FUNCTION ops.export_fingerprint(fingerprint text, policy text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(
        encode(sha256(convert_to(fingerprint || E'\n' || policy, 'UTF8')), 'hex'), fingerprint
    )
$$;

-- The studies that the export may send: eligible, and of no forgotten organization.
CREATE FUNCTION ops.exportable_studies(policy text)
RETURNS TABLE (study_id uuid, organization_id uuid, doctor_rank integer, fingerprint text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        eligible.study_id,
        eligible.organization_id,
        eligible.doctor_rank::integer,
        ops.export_fingerprint(eligible.fingerprint, policy)
    FROM analytics.eligible_studies AS eligible
    WHERE NOT EXISTS (
        SELECT FROM ops.forgotten_organizations AS forgotten
        WHERE forgotten.organization_id = eligible.organization_id
    )
$$;

-- Whether a refresh has to look at a known study: its data or the policy changed, or it is eligible
-- again although it was or is to be withdrawn.
CREATE FUNCTION ops.is_changed(
    status text, withdrawal text[], known_fingerprint text, fingerprint text
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT known_fingerprint <> fingerprint OR status = 'withdrawn' OR withdrawal IS NOT NULL
$$;

-- Whether a study whose fingerprint is a new one keeps its status: it is in a worker's hands, waits
-- for a person, or is exported as it is now. Every other study waits for a worker again.
CREATE FUNCTION ops.keeps_status(
    status text, known_fingerprint text, fingerprint text
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT status IN ('exporting', 'quarantined')
        OR (status = 'exported' AND known_fingerprint = fingerprint)
$$;

-- The files after this one are applied in the same transaction.
SET LOCAL check_function_bodies = on;

REVOKE ALL ON FUNCTION
    ops.export_fingerprint, ops.exportable_studies, ops.is_changed, ops.keeps_status
FROM PUBLIC;

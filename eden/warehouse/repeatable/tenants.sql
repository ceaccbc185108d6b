-- Tenants (design, section 4): every organization has a schema of views that show its own rows of the
-- marts, and a group role that may read these views only. dbt drops the views with the tables that it
-- replaces: ops.restore_tenants() creates missing views again, after every dbt command and when an
-- organization is registered.

-- The marts that a tenant sees.
CREATE VIEW ops.tenant_marts (name) AS VALUES
    ('dim_facilities'), ('dim_modalities'), ('dim_practitioners'), ('dim_technicians'),
    ('fact_studies');

-- One row per organization: the state of its schema, role and views, whether ops.restore_tenants()
-- has work to do, and the problem that prevents it. Reads only catalogs.
CREATE VIEW ops.tenants AS
WITH here AS MATERIALIZED (
    SELECT
        current_user AS login,
        (SELECT oid FROM pg_database WHERE datname = current_database()) AS database_oid,
        (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)
            AS may_create_roles,
        -- dbt, which reads every row, could call a function that a tenant creates in public.
        EXISTS (
            SELECT FROM pg_namespace
            WHERE nspname = 'public' AND has_schema_privilege('public', pg_namespace.oid, 'CREATE')
        ) AS is_public_open
),

mart AS MATERIALIZED (
    SELECT
        pg_class.oid,
        relname AS name,
        attnum AS owner_column,
        (
            SELECT array_agg(ROW(attname, atttypid, atttypmod, attcollation) ORDER BY attnum)
            FROM pg_attribute
            WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
        ) AS columns
    FROM pg_class
    JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'organization_id'
    WHERE relnamespace = to_regnamespace('analytics')
        AND relname IN (SELECT name FROM ops.tenant_marts)
),

tenant AS (
    SELECT
        organization.organization_id,
        slug,
        tenant_schema,
        tenant_role,
        forgotten_at IS NOT NULL AS is_forgotten,
        namespace.oid AS schema_oid,
        nspowner,
        nspacl,
        CASE
            WHEN namespace.oid IS NULL THEN 'missing'
            -- Only the owner can comment on a schema, and comments survive dump and restore.
            WHEN pg_has_role(nspowner, 'USAGE')
                AND description = 'Tenant ' || organization.organization_id THEN 'ours'
            ELSE 'taken'
        END AS schema_state,
        role.oid AS role_oid,
        CASE
            WHEN role.oid IS NULL THEN 'missing'
            WHEN given.role_oid = role.oid AND given.database_oid = here.database_oid THEN 'ours'
            WHEN rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication
                OR rolbypassrls
                -- It owns or may read an object, in any database of the cluster.
                OR EXISTS (
                    SELECT FROM pg_shdepend
                    WHERE refclassid = 'pg_authid'::regclass AND refobjid = role.oid
                )
                OR EXISTS (SELECT FROM pg_auth_members WHERE member = role.oid)
                -- Since PostgreSQL 16 the creator of a role is a member: that may be this login.
                OR EXISTS (
                    SELECT FROM pg_auth_members
                    JOIN pg_roles AS holder ON holder.oid = pg_auth_members.member
                    WHERE roleid = role.oid AND holder.rolname <> here.login
                ) THEN 'taken'
            -- Without rights or members: left by a dropped warehouse, or created for this one.
            ELSE 'free'
        END AS role_state
    FROM ops.organizations AS organization
    CROSS JOIN here
    LEFT JOIN pg_namespace AS namespace ON nspname = tenant_schema
    LEFT JOIN pg_description
        ON objoid = namespace.oid AND classoid = 'pg_namespace'::regclass AND objsubid = 0
    LEFT JOIN pg_roles AS role ON rolname = tenant_role
    LEFT JOIN ops.tenant_roles AS given ON given.organization_id = organization.organization_id
),

-- The views that read each mart and filter it by organization. An old view may still read the table
-- that dbt has renamed and not dropped yet.
reader AS MATERIALIZED (
    SELECT DISTINCT
        ev_class AS oid,
        mart.oid AS mart_oid
    FROM mart
    JOIN pg_depend
        ON refclassid = 'pg_class'::regclass AND refobjid = mart.oid AND refobjsubid = owner_column
    JOIN pg_rewrite ON classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
),

found AS MATERIALIZED (
    SELECT
        tenant.organization_id,
        mart.name,
        coalesce(
            reader.oid IS NOT NULL
            AND relkind = 'v'
            AND pg_has_role(relowner, 'USAGE')
            AND reloptions @> '{security_barrier=true}'
            AND mart.columns = (
                SELECT array_agg(ROW(attname, atttypid, atttypmod, attcollation) ORDER BY attnum)
                FROM pg_attribute
                WHERE attrelid = view.oid AND attnum > 0
            ),
            false
        ) AS is_current,
        coalesce(
            relacl @> makeaclitem(tenant.role_oid, relowner, 'SELECT', false), false
        ) AS is_readable,
        (role_state = 'taken' OR is_public_open)
            AND EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = role_oid) AS is_exposed
    FROM tenant
    CROSS JOIN here
    CROSS JOIN mart
    LEFT JOIN pg_class AS view ON relnamespace = schema_oid AND relname = mart.name
    LEFT JOIN reader ON reader.oid = view.oid AND reader.mart_oid = mart.oid
    WHERE schema_state <> 'taken'
),

views AS (
    SELECT
        organization_id,
        array_agg(name) FILTER (WHERE NOT is_current) AS stale_views,
        array_agg(name) FILTER (WHERE is_current AND NOT is_readable) AS closed_views,
        bool_or(is_exposed) AS is_exposed
    FROM found
    GROUP BY organization_id
),

state AS (
    SELECT
        tenant.*,
        here.*,
        coalesce(stale_views, '{}') AS stale_views,
        coalesce(closed_views, '{}') AS closed_views,
        coalesce(nspacl @> makeaclitem(role_oid, nspowner, 'USAGE', false), false) AS is_open,
        schema_state = 'ours' AND (role_state = 'taken' OR is_public_open) AND (
            coalesce(is_exposed, false)
            OR EXISTS (SELECT FROM aclexplode(nspacl) WHERE grantee = role_oid)
        ) AS is_exposed
    FROM tenant
    CROSS JOIN here
    LEFT JOIN views USING (organization_id)
),

judged AS (
    SELECT
        *,
        CASE
            WHEN is_forgotten THEN
                CASE WHEN 'ours' IN (schema_state, role_state) THEN 'LEFT_OVER' END
            WHEN schema_state = 'taken' THEN 'SCHEMA_TAKEN'
            WHEN role_state = 'taken' THEN 'ROLE_TAKEN'
            WHEN is_public_open THEN 'PUBLIC_OPEN'
            WHEN role_state = 'missing' AND NOT may_create_roles THEN 'ROLE_MISSING'
            WHEN schema_state = 'missing' OR role_state <> 'ours' OR NOT is_open
                OR cardinality(stale_views || closed_views) > 0 THEN 'NOT_READY'
        END AS problem
    FROM state
)

SELECT
    organization_id,
    slug,
    tenant_schema,
    tenant_role,
    is_forgotten,
    schema_state,
    role_state,
    is_public_open,
    stale_views,
    closed_views,
    is_exposed,
    is_exposed
    OR coalesce(problem IN ('NOT_READY', 'LEFT_OVER'), false)
    -- The work that is possible despite the problem.
    OR NOT is_forgotten AND schema_state <> 'taken'
    AND (schema_state = 'missing' OR cardinality(stale_views) > 0) AS is_due,
    problem,
    CASE problem
        WHEN 'SCHEMA_TAKEN' THEN format(
            'the schema %I was not made for this organization: rename or drop it', tenant_schema
        )
        WHEN 'ROLE_TAKEN' THEN format(
            'the role %I was not made by this warehouse, and has members or rights: '
            'rename or drop it', tenant_role
        )
        WHEN 'PUBLIC_OPEN' THEN
            'everyone may make objects in the schema public, so no tenant is let in: '
            'REVOKE CREATE ON SCHEMA public FROM PUBLIC'
        WHEN 'ROLE_MISSING' THEN
            format('the login %I may not make roles: ALTER ROLE %1$I CREATEROLE', login)
        WHEN 'NOT_READY' THEN format(
            'the schema %I is not as it should be; any dbt command mends it, or: '
            'SELECT ops.restore_tenants()', tenant_schema
        )
        WHEN 'LEFT_OVER' THEN format(
            'the organization is forgotten, its schema %I or role %I is still there',
            tenant_schema, tenant_role
        )
    END AS remedy
FROM judged;

-- Runs SQL for one tenant; a failure is a warning and does not stop the other tenants.
CREATE FUNCTION ops.attempt(statements text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
BEGIN
    EXECUTE statements;
    RETURN true;
EXCEPTION
    WHEN OTHERS THEN
        RAISE WARNING 'tenants: %', SQLERRM;
        RETURN false;
END
$$;

-- Revokes all rights of the tenant's role in the tenant's schema.
CREATE FUNCTION ops.close_tenant(tenant ops.tenants) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
BEGIN
    PERFORM ops.attempt(format(
        'REVOKE ALL ON SCHEMA %1$I FROM %2$I; REVOKE ALL ON ALL TABLES IN SCHEMA %1$I FROM %2$I',
        tenant.tenant_schema, tenant.tenant_role
    ));
END
$$;

CREATE FUNCTION ops.restore_tenant(tenant ops.tenants) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    may_read boolean := tenant.role_state <> 'taken' AND NOT tenant.is_public_open;
    mart text;
BEGIN
    IF tenant.is_exposed THEN
        PERFORM ops.close_tenant(tenant);
    END IF;
    IF may_read AND tenant.role_state <> 'ours' THEN
        may_read := tenant.problem IS DISTINCT FROM 'ROLE_MISSING' AND ops.attempt(format(
            CASE tenant.role_state WHEN 'missing' THEN 'CREATE ROLE %1$I NOLOGIN; ' ELSE '' END
            || 'INSERT INTO ops.tenant_roles (organization_id, role_oid, database_oid) '
            'SELECT %2$L, pg_roles.oid, pg_database.oid FROM pg_roles, pg_database '
            'WHERE rolname = %1$L AND datname = current_database() '
            'ON CONFLICT (organization_id) DO UPDATE '
            'SET role_oid = excluded.role_oid, database_oid = excluded.database_oid',
            tenant.tenant_role, tenant.organization_id
        ));
    END IF;
    IF tenant.schema_state = 'missing' AND NOT ops.attempt(format(
        -- Default privileges may have granted access.
        'CREATE SCHEMA %1$I; REVOKE ALL ON SCHEMA %1$I FROM PUBLIC; COMMENT ON SCHEMA %1$I IS %2$L',
        tenant.tenant_schema, 'Tenant ' || tenant.organization_id
    )) THEN
        RETURN;
    END IF;
    IF may_read THEN
        PERFORM ops.attempt(
            format('GRANT USAGE ON SCHEMA %I TO %I', tenant.tenant_schema, tenant.tenant_role)
        );
    END IF;
    FOREACH mart IN ARRAY tenant.stale_views || tenant.closed_views LOOP
        PERFORM ops.attempt(format(
            CASE WHEN mart = ANY (tenant.stale_views) THEN
                -- CREATE OR REPLACE VIEW cannot remove a column.
                'DROP VIEW IF EXISTS %1$I.%2$I; '
                'CREATE VIEW %1$I.%2$I WITH (security_barrier) AS '
                'SELECT * FROM analytics.%2$I WHERE organization_id = %3$L; '
                'REVOKE ALL ON %1$I.%2$I FROM PUBLIC; '
            ELSE '' END
            || CASE WHEN may_read THEN 'GRANT SELECT ON %1$I.%2$I TO %4$I' ELSE '' END,
            tenant.tenant_schema, mart, tenant.organization_id, tenant.tenant_role
        ));
    END LOOP;
END
$$;

CREATE FUNCTION ops.remove_tenant(tenant ops.tenants) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
BEGIN
    IF tenant.schema_state = 'ours' AND tenant.role_state = 'ours' THEN
        PERFORM ops.close_tenant(tenant);
    END IF;
    IF tenant.schema_state = 'ours' THEN
        -- Objects of others stay, and the schema with them.
        PERFORM ops.attempt(format(
            'DROP VIEW IF EXISTS %s', string_agg(format('%I.%I', tenant.tenant_schema, name), ', ')
        )) FROM ops.tenant_marts;
        PERFORM ops.attempt(format('DROP SCHEMA %I', tenant.tenant_schema));
    END IF;
    IF tenant.role_state = 'ours' THEN
        PERFORM ops.attempt(format(
            'DROP ROLE %1$I; '
            'DELETE FROM ops.tenant_roles WHERE organization_id = %2$L',
            tenant.tenant_role, tenant.organization_id
        ));
    END IF;
END
$$;

-- Creates what tenants lack and removes forgotten ones. Raises no error: a failure is a warning here
-- and a problem in ops.tenants. If nothing is missing, it only reads catalogs and takes no lock.
CREATE FUNCTION ops.restore_tenants() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    tenant ops.tenants;
    mart text;
    remedy text;
BEGIN
    IF NOT EXISTS (SELECT FROM ops.tenants WHERE is_due) THEN
        RETURN;
    END IF;
    -- Two sessions would create the same objects.
    PERFORM pg_advisory_xact_lock(hashtextextended('ops.restore_tenants', 0));
    -- dbt locks the mart that it renames, then the views on it. A session that locks a view first and
    -- then waits for a table can deadlock with dbt: lock both tables first, the new one before the old.
    FOR mart IN
        SELECT name || suffix
        FROM ops.tenant_marts
        CROSS JOIN (VALUES (''), ('__dbt_backup')) AS generation (suffix)
        ORDER BY 1
    LOOP
        BEGIN
            EXECUTE format('LOCK TABLE analytics.%I IN ACCESS SHARE MODE', mart);
        EXCEPTION
            WHEN undefined_table OR invalid_schema_name OR wrong_object_type THEN
                NULL;
        END;
    END LOOP;
    FOR tenant IN SELECT * FROM ops.tenants WHERE is_due LOOP
        IF tenant.is_forgotten THEN
            PERFORM ops.remove_tenant(tenant);
        ELSE
            PERFORM ops.restore_tenant(tenant);
        END IF;
    END LOOP;
    FOR remedy IN SELECT DISTINCT tenants.remedy FROM ops.tenants WHERE problem IS NOT NULL LOOP
        RAISE WARNING 'tenants: %', remedy;
    END LOOP;
END
$$;

-- PostgreSQL lets everyone call a new function.
REVOKE ALL ON FUNCTION ops.attempt(text), ops.close_tenant(ops.tenants),
    ops.restore_tenant(ops.tenants), ops.remove_tenant(ops.tenants), ops.restore_tenants()
FROM PUBLIC;

-- Which role was given to which organization. A role is ours only if it is written down here by the
-- numbers that the cluster gave to it and to this database: roles belong to the cluster, so that by
-- its name alone it could be anybody's, or that of the warehouse which this one is a copy of.
CREATE TABLE ops.tenant_roles (
    organization_id uuid PRIMARY KEY,
    role_oid        oid NOT NULL,
    database_oid    oid NOT NULL
);

"""A generated source of any size, made by the server itself and the same at every run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources

from psycopg import sql

from benchmarks.cluster import Cluster
from eden.postgres import Connection

YEAR = timedelta(days=365)
QUIET = timedelta(days=2)
"""Between the newest row and now: room in which later changes take place."""

COMMON = """
CREATE FUNCTION pg_temp.key(kind text, number bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE RETURN md5(kind || ' ' || number)::uuid;
"""

ORGANIZATIONS = """
INSERT INTO pacs_organizations
SELECT pg_temp.key('organization', o), 'organization-' || o, 'Organization ' || o,
    (ARRAY['BR', 'CO', 'MX', NULL])[1 + o % 4], 'UTC', o % 50 = 0, true, {start}, {start}
FROM generate_series(0, {organizations} - 1) AS o
"""

BODY_PARTS = """
INSERT INTO pacs_body_part
SELECT pg_temp.key('body part', n), 'PART' || n, 'Região ' || n, {start}, {start}
FROM generate_series(0, 19) AS n
"""

# Number n of organization o is row n * organizations + o, here and in every table below.
OF_ORGANIZATIONS = (
    """
    INSERT INTO pacs_facilities
    SELECT pg_temp.key('facility', r), pg_temp.key('organization', r % {organizations}),
        'Facility ' || r, 'F' || r, 'Medellín', jsonb_build_object('street', 'Calle ' || r),
        true, false, {start}, {start}
    FROM generate_series(0, {organizations} * 2 - 1) AS r
    """,
    """
    INSERT INTO pacs_modalities
    SELECT pg_temp.key('modality', r), pg_temp.key('organization', r % {organizations}),
        pg_temp.key('facility', r % ({organizations} * 2)), (ARRAY['CR', 'DX', 'CT', 'MR'])
        [1 + r / {organizations}], 'Machine ' || r, 'AE' || r, NULL, true, false, {start}, {start}
    FROM generate_series(0, {organizations} * 4 - 1) AS r
    """,
    """
    INSERT INTO pacs_practitioners
    SELECT pg_temp.key('practitioner', r), pg_temp.key('organization', r % {organizations}),
        'First ' || r, 'Last ' || r, 'L' || r, 'Radiology', '', true, false, {start}, {start}
    FROM generate_series(0, {organizations} * 5 - 1) AS r
    """,
    """
    INSERT INTO pacs_technicians
    SELECT pg_temp.key('technician', r), pg_temp.key('organization', r % {organizations}),
        pg_temp.key('facility', r % ({organizations} * 2)), 'First ' || r, 'Last ' || r,
        true, false, {start}, {start}
    FROM generate_series(0, {organizations} * 3 - 1) AS r
    """,
)

STUDIES = """
INSERT INTO pacs_studies
SELECT pg_temp.key('study', r), pg_temp.key('organization', o),
    pg_temp.key('facility', o + {organizations} * (r % 2)),
    pg_temp.key('modality', o + {organizations} * (r % 4)),
    CASE WHEN r % 11 > 0 THEN pg_temp.key('body part', r % 20) END,
    CASE WHEN r % 3 > 0 THEN pg_temp.key('technician', o + {organizations} * (r % 3)) END,
    CASE WHEN r % 5 > 0 THEN pg_temp.key('practitioner', o + {organizations} * (r % 5)) END,
    pg_temp.key('patient', r / 3),
    '1.2.826.0.1.3680043.8.498.' || 10000000000000 + r * 7919::bigint,
    CASE r % 10 WHEN 0 THEN '' WHEN 1 THEN NULL ELSE 'ACC' || lpad(r::text, 10, '0') END,
    (ARRAY['RX TÓRAX PA Y LATERAL', 'CHEST 2 VIEWS', 'Radiografia de tórax', 'MÃO, "direita"',
        NULL])[1 + r % 5],
    (ARRAY['SCHEDULED', 'ACQUIRED', 'REPORTED', 'DELIVERED', 'CANCELLED'])[1 + r % 5],
    CASE WHEN r % 4 = 0 THEN 'URGENT' END,
    r % 7 = 0,
    CASE WHEN r % 3 = 0 THEN ARRAY['tele', 'lote ' || r % 100] END,
    jsonb_build_object('kv', 80 + r % 40, 'mas', round(r % 1000 / 7.0, 3), 'room', 'Sala ' || r % 9,
        'contrast', r % 13 = 0, 'position', jsonb_build_array('PA', 'LAT')),
    moment - interval '2 hours', moment - interval '3 hours', moment
FROM generate_series(0, {studies} - 1) AS r,
    LATERAL (SELECT r % {organizations} AS o,
        {start} + r * {step} + r % 1000 * interval '1.000001 second' AS moment) AS derived
"""

# The first study of an organization has what hangs from a study.
OF_STUDIES = (
    """
    INSERT INTO pacs_series
    SELECT pg_temp.key('series', r), pg_temp.key('study', r), '1.2.3.' || r, 1, 'CR', NULL, false,
        {start}, {start}
    FROM generate_series(0, {organizations} - 1) AS r
    """,
    """
    INSERT INTO pacs_images
    SELECT pg_temp.key('image', r), pg_temp.key('series', r % {organizations}), '1.2.3.4.' || r, 1,
        'archive/' || r, 1000 + r, false, {start}, {start}
    FROM generate_series(0, {organizations} * 2 - 1) AS r
    """,
    """
    INSERT INTO pacs_reports
    SELECT pg_temp.key('report', r), pg_temp.key('study', r),
        pg_temp.key('practitioner', r), 'SIGNED', true, false, 'Sin hallazgos.', {start}, {start},
        {start}
    FROM generate_series(0, {organizations} - 1) AS r
    """,
)


def fill(cluster: Cluster, database: str, *, studies: int, organizations: int) -> None:
    """Make ``database`` a source with this many studies, spread evenly over its organizations."""
    cluster.recreate(database)
    schema = (resources.files("eden.demo") / "source_schema.sql").read_text(encoding="utf-8")
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - QUIET - YEAR
    names = {
        "studies": sql.Literal(studies),
        "organizations": sql.Literal(organizations),
        "start": sql.Literal(start),
        "step": sql.Literal((YEAR - timedelta(hours=1)) / studies),
    }
    tables = (ORGANIZATIONS, BODY_PARTS, *OF_ORGANIZATIONS, STUDIES, *OF_STUDIES)
    with cluster.connect(database) as connection:
        connection.execute(sql.SQL(schema))
        connection.execute(COMMON)
        # Every reference is right by construction; to look up ten million of them takes minutes.
        connection.execute("SET session_replication_role = replica")
        for table in tables:
            connection.execute(sql.SQL(table).format(**names))
        connection.execute("VACUUM ANALYZE")


def study_columns(connection: Connection) -> list[str]:
    """The columns of a study in the source."""
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'pacs_studies'::regclass AND attnum > 0"
        " ORDER BY attnum"
    )
    return [name for (name,) in rows]


def change(connection: Connection, *, organizations: int, rows_each: int, moment: datetime) -> int:
    """Change the oldest studies of some organizations at ``moment``; return how many."""
    changed = connection.execute(
        """
        UPDATE pacs_studies AS study
        SET priority = 'CHANGED ' || %(moment)s::timestamptz,
            updated_at = %(moment)s::timestamptz + chosen.number * interval '1 millisecond'
        FROM (
            SELECT oldest.id, row_number() OVER () AS number
            FROM (SELECT id FROM pacs_organizations ORDER BY id LIMIT %(organizations)s) AS owner,
                LATERAL (
                    SELECT id FROM pacs_studies WHERE organization_id = owner.id
                    ORDER BY updated_at LIMIT %(rows_each)s
                ) AS oldest
        ) AS chosen
        WHERE study.id = chosen.id
        """,
        {"moment": moment, "organizations": organizations, "rows_each": rows_each},
    )
    return changed.rowcount

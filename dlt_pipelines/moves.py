"""Rows that changed their organization (design, section 3).

An id is unique across organizations, but the key of a staging table is (organization, id): a row
that is new in one partition can exist in another. The old row is deleted and its children move
along, in one transaction.
"""

from __future__ import annotations

from psycopg import sql

from dlt_pipelines.tables import TABLES, TableSpec, children_of, parents_of
from eden.postgres import Connection

FEW_ROWS = 20_000
"""Up to this number of rows, a look-up in each partition is faster than reading all partitions."""


def movable(table: TableSpec) -> bool:
    """Whether new rows of the table are searched for in other partitions.

    Tables two steps below an organization have too many rows for that: their rows follow their
    parents. A single row that got a parent of another organization is left to ``validate``.
    """
    return table.owned and len(parents_of(table)) <= 1


def apply(warehouse: Connection) -> int:
    """Finish the moves of the rows in ``ops.possible_moves``; return how many rows had moved.

    The list is emptied in the same transaction; after a crash the next run applies it.
    """
    row = warehouse.execute("SELECT EXISTS (SELECT FROM ops.possible_moves)").fetchone()
    if row is None or not row[0]:
        return 0
    with warehouse.transaction():
        moved = 0
        for table in TABLES:
            if movable(table) and _find(warehouse, table):
                moved += _move(warehouse, table)
        warehouse.execute("DELETE FROM ops.possible_moves")
    return moved


def _find(warehouse: Connection, table: TableSpec) -> bool:
    """Fill the temporary table ``moved`` with new rows that exist in another partition."""
    row = warehouse.execute(
        "SELECT count(*), count(*) - count(id) FROM ops.possible_moves WHERE table_name = %s",
        (table.name,),
    ).fetchone()
    rows, partitions = row or (0, 0)
    if not rows:
        return False
    is_few = not partitions and rows <= FEW_ROWS
    warehouse.execute(f"SET LOCAL enable_hashjoin = {'off' if is_few else 'on'}")
    warehouse.execute("DROP TABLE IF EXISTS moved")
    warehouse.execute(
        sql.SQL(
            """
            CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
            WITH noted AS (
                SELECT organization_id, id FROM ops.possible_moves WHERE table_name = {name}
            ), new AS (
                SELECT organization_id, id FROM noted WHERE id IS NOT NULL
                UNION
                SELECT organization_id, id FROM {table}
                WHERE organization_id IN (SELECT organization_id FROM noted WHERE id IS NULL)
            )
            SELECT new.id, old.organization_id AS from_id, new.organization_id AS to_id
            FROM new
            JOIN ops.organizations AS other ON other.organization_id <> new.organization_id
            JOIN {table} AS old
                ON old.organization_id = other.organization_id AND old.id = new.id
            """
        ).format(table=sql.Identifier("staging", table.name), name=sql.Literal(table.name))
    )
    row = warehouse.execute("SELECT EXISTS (SELECT FROM moved)").fetchone()
    return bool(row and row[0])


def _move(warehouse: Connection, table: TableSpec) -> int:
    for child in children_of(table):
        _move_children(warehouse, child, "moved")
    return warehouse.execute(
        sql.SQL(
            "DELETE FROM {} AS old USING moved WHERE old.organization_id = moved.from_id "
            "AND old.id = moved.id"
        ).format(sql.Identifier("staging", table.name))
    ).rowcount


def _move_children(warehouse: Connection, table: TableSpec, parents: str) -> None:
    """Move the children of the rows in ``parents``, and their children."""
    assert table.parent is not None
    own = f"moved_{table.name}"
    warehouse.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(own)))
    warehouse.execute(
        sql.SQL(
            """
            CREATE TEMPORARY TABLE {own} ON COMMIT DROP AS
            SELECT child.id, parent.from_id, parent.to_id
            FROM {table} AS child
            JOIN {parents} AS parent
                ON child.organization_id = parent.from_id AND child.{column} = parent.id
            """
        ).format(
            own=sql.Identifier(own),
            table=sql.Identifier("staging", table.name),
            parents=sql.Identifier(parents),
            column=sql.Identifier(table.parent.column),
        )
    )
    for child in children_of(table):
        _move_children(warehouse, child, own)
    names = {"own": sql.Identifier(own), "table": sql.Identifier("staging", table.name)}
    # A child that this run has loaded is in its new partition already.
    warehouse.execute(
        sql.SQL(
            """
            DELETE FROM {table} AS old USING {own} AS moved
            WHERE old.organization_id = moved.from_id AND old.id = moved.id AND EXISTS (
                SELECT FROM {table} AS new
                WHERE new.organization_id = moved.to_id AND new.id = moved.id
            )
            """
        ).format(**names)
    )
    warehouse.execute(
        sql.SQL(
            """
            UPDATE {table} AS row SET organization_id = moved.to_id FROM {own} AS moved
            WHERE row.organization_id = moved.from_id AND row.id = moved.id
            """
        ).format(**names)
    )

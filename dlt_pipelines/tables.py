"""The tables that are replicated. Adding one is an entry here, a migration and a staging model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parent:
    """The table through which a row belongs to an organization."""

    table: str
    column: str
    """The column of the child that holds the parent's ``id``."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table of the source, with ``id`` as its key and ``updated_at`` as its watermark.

    A table belongs to an organization directly (``owned``), through its ``parent``, or not at all
    (neither). The application sets ``updated_at`` within the transaction that writes the row, so a
    row can commit with an older moment than rows already read: hence the overlap (design, section
    3).
    """

    name: str
    owned: bool = True
    parent: Parent | None = None

    def __post_init__(self) -> None:
        """Refuse a parent for a table that is not owned."""
        if self.parent is not None and not self.owned:
            raise ValueError(f"{self.name}: a table with a parent belongs to its organization")


TABLES: tuple[TableSpec, ...] = (
    TableSpec("pacs_organizations", owned=False),
    TableSpec("pacs_body_part", owned=False),
    TableSpec("pacs_facilities"),
    TableSpec("pacs_modalities"),
    TableSpec("pacs_practitioners"),
    TableSpec("pacs_technicians"),
    TableSpec("pacs_studies"),
    TableSpec("pacs_series", parent=Parent("pacs_studies", "study_id")),
    TableSpec("pacs_images", parent=Parent("pacs_series", "series_id")),
    TableSpec("pacs_reports", parent=Parent("pacs_studies", "study_id")),
)

ORGANIZATIONS = TABLES[0]
STUDIES = "pacs_studies"
SERIES = "pacs_series"


def parents_of(table: TableSpec) -> list[tuple[TableSpec, Parent]]:
    """The pairs (child, parent) from a table up to the table with ``organization_id``."""
    by_name = {spec.name: spec for spec in TABLES}
    chain: list[tuple[TableSpec, Parent]] = []
    while table.parent is not None:
        chain.append((table, table.parent))
        table = by_name[table.parent.table]
    return chain


def children_of(table: TableSpec) -> list[TableSpec]:
    """The tables whose parent is this one."""
    return [spec for spec in TABLES if spec.parent is not None and spec.parent.table == table.name]


def feed_key(table: TableSpec) -> str | None:
    """The column whose value a changed row writes to ``ops.study_changes`` as its key.

    It leads to the row's study: the study's id, or for an image that of its series. None for a
    table whose rows belong to no study.
    """
    if table.name == STUDIES:
        return "id"
    if table.parent is not None and table.parent.table in (STUDIES, SERIES):
        return table.parent.column
    return None


def needed_columns(table: TableSpec) -> list[tuple[TableSpec, set[str]]]:
    """The columns that reading a table requires, its own and its parents'."""
    by_name = {spec.name: spec for spec in TABLES}
    needed = [(table, {"id", "updated_at"})]
    for child, parent in parents_of(table):
        needed.append((child, {parent.column}))
        needed.append((by_name[parent.table], {"id"}))
    if table.owned:
        needed.append((needed[-1][0], {"organization_id"}))
    return needed

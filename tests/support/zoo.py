"""Rows with every odd value that a column of the source can hold, and their comparison.

The columns are those of the database itself: a column or a table that is added to the source gets
odd values too, and a type that nobody thought of fails here first.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from uuid import UUID

import psycopg
from psycopg import sql

from dlt_pipelines.tables import ORGANIZATIONS, TABLES

LONG = "Tórax sin alteraciones. " * 43_700
"""A report of more than one megabyte, compressible as reports are."""

TEXTS = (
    "",
    " ",
    "\t",
    "\n",
    "\r\n",
    "a\tb\\n\\\\\n\r\n",
    "\\",
    "\\N",
    "\\.",
    "\\.\n",
    "NULL",
    "null",
    '"',
    "'quoted', \"twice\"",
    "a,b;c|d",
    "{a,b}",
    "'; DROP TABLE pacs_studies; --",
    "%s %(x)s $1 :y",
    "\x01\x07\x1f\x7f\x85",
    "\ufeffabc\u2028\u2029\u200b",
    "TÓRAX PÓSTERO-ANTERIOR",
    "To\u0301rax",  # the same accent, not composed
    "👩🏽‍⚕️ 🫁",
    "日本語 العربية עברית",
    "\ufffe\uffff\U0010ffff",
    "x" * 10_000,
)
MOMENTS = (
    "infinity",
    "-infinity",
    "4714-11-24 00:00:00+00 BC",
    "0044-03-15 12:00:00.123456+00 BC",
    "0001-12-31 23:59:59.999999+00 BC",
    "0001-01-01 00:00:00+00",
    "0001-01-01 00:00:00.000001+00",
    "0001-01-02 00:00:00+00",
    "1850-03-04 05:06:07.123456+00",
    "1899-12-31 23:59:59.999999+00",
    "1969-12-31 23:59:59.999999+00",
    "1970-01-01 00:00:00+00",
    "2000-01-01 00:00:00+00",
    "2016-12-31 23:59:60+00",
    "2024-02-29 12:34:56.000001+00",
    "2024-10-27 02:30:00+02",
    "9999-12-31 23:59:59.999999+00",
    "10000-01-01 00:00:00+00",
    "294276-12-31 23:59:59.999999+00",
)
AHEAD = (
    "infinity",
    "9999-12-31 23:59:59.999999+00",
    "294276-12-31 23:59:59.999999+00",
)
"""Values of ``updated_at`` past the source's clock."""

DOCUMENTS = (
    "null",
    '""',
    '"null"',
    "{}",
    "[]",
    "true",
    "0",
    "1.50",
    "1.5",
    "-0.0",
    "1E-30",
    "1" + 300 * "0",
    "123456789012345678901234567890.1234567890",
    '{"a": [null, {"b": null, "c": [[], {}]}], "d": 1.50}',
    '{"\\u00e9\\u0041": "\\ud83e\\udec1 \\"\\\\ \\n\\t\\b\\u0001"}',
    '{"": {"": ""}}',
    '"\\\\u0000 \\\\N"',
    '{"a": 1, "b": 2, "a": 3}',
    100 * "[" + "1" + 100 * "]",
    json.dumps({f"key {n}": "ñ" * 100 for n in range(900)}),
)
ARRAYS = (
    "{}",
    "{NULL}",
    '{"NULL"}',
    '{""}',
    '{" lead","trail "}',
    "{a,b,NULL,a}",
    r'{"a,b","c\"d","e\\f","{g}","h' 'i"}',
    '{"tab\there","line\nbreak","\\\\N","\\\\."}',
    "{{a,b},{NULL,d}}",
    '{{{1},{2}},{{3},{"4,5"}}}',
    "[0:1]={x,y}",
    "[-1:0][2:3]={{a,b},{c,d}}",
    "{🫁,Tórax,To\u0301rax}",
    '{""' + ",x" * 3_000 + "}",
)
VALUES: Mapping[str, Sequence[str]] = {
    "text": TEXTS,
    "timestamp with time zone": MOMENTS,
    "jsonb": DOCUMENTS,
    "text[]": ARRAYS,
    "boolean": ("false", "true"),
    "integer": ("0", "-1", "2147483647", "-2147483648"),
    "bigint": ("0", "-1", "4294967296", "9223372036854775807", "-9223372036854775808"),
    "uuid": (str(UUID(int=0)), str(UUID(int=2**128 - 1)), "6f1c6c55-66d8-4f22-9c3f-0f2a7b3b2d11"),
}
ROWS = 1 + max(map(len, VALUES.values()))
"""So many rows hold every value of every type, and NULL."""
OWNERS = 5
"""So many organizations have rows of the other tables."""


@dataclass(frozen=True)
class Column:
    name: str
    kind: str
    nullable: bool
    parent: str | None
    """The table whose id it holds."""


def create_source(connection: psycopg.Connection) -> None:
    """Make the source's tables, without rows."""
    connection.execute(files("eden.demo").joinpath("source_schema.sql").read_bytes())


def columns_of(connection: psycopg.Connection, schema: str, table: str) -> list[Column]:
    rows = connection.execute(
        """
        SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull, confrelid::regclass::text
        FROM pg_attribute
        LEFT JOIN pg_constraint
            ON conrelid = attrelid AND contype = 'f' AND conkey = ARRAY[attnum]
        WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum
        """,
        (f"{schema}.{table}",),
    )
    return [Column(*row) for row in rows]


class Zoo:
    """Fills the source's tables, and changes every one of their rows."""

    def __init__(
        self,
        connection: psycopg.Connection,
        dice: random.Random | None = None,
        *,
        rows: int = ROWS,
        organizations: int = OWNERS,
    ) -> None:
        """Without dice the values come in their order; with dice most are made up."""
        self._connection = connection
        self._dice = dice
        self._rows = {table.name: rows for table in TABLES} | {ORGANIZATIONS.name: organizations}
        self._round = 0
        self._ids: dict[str, list[UUID]] = {}

    def fill(self) -> None:
        """Insert the rows; every value of :data:`VALUES` is in every column of its type."""
        with self._connection.transaction():
            for number, table in enumerate(TABLES):
                columns = columns_of(self._connection, "public", table.name)
                self._ids[table.name] = [
                    UUID(int=(number << 64) + row + 1) for row in range(self._rows[table.name])
                ]
                statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(table.name),
                    sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
                    sql.SQL(", ").join(map(_cast, columns)),
                )
                rows = [
                    [self._value(table.name, column, row) for column in columns]
                    for row in range(self._rows[table.name])
                ]
                with self._connection.cursor() as cursor:
                    cursor.executemany(statement, rows)

    def change(self) -> None:
        """Give every cell another value, its row's ``updated_at`` included; nothing moves."""
        self._round += 1
        with self._connection.transaction():
            for table in TABLES:
                columns = [
                    column
                    for column in columns_of(self._connection, "public", table.name)
                    if column.name != "id" and not (column.parent and not column.nullable)
                ]
                statement = sql.SQL("UPDATE {} SET {} WHERE id = %s").format(
                    sql.Identifier(table.name),
                    sql.SQL(", ").join(
                        sql.SQL("{} = {}").format(sql.Identifier(column.name), _cast(column))
                        for column in columns
                    ),
                )
                rows = [
                    [self._value(table.name, column, row) for column in columns] + [row_id]
                    for row, row_id in enumerate(self._ids[table.name])
                ]
                with self._connection.cursor() as cursor:
                    cursor.executemany(statement, rows)

    def _value(self, table: str, column: Column, row: int) -> str | None:
        number = row + 7 * self._round
        match column.name, column.parent:
            case "id", _:
                value = str(self._ids[table][row])
            case "updated_at", _ if self._round:
                # Never what it was in the round before.
                value = self._now() if self._round % 2 else AHEAD[row % len(AHEAD)]
            case _, "pacs_organizations":
                value = str(self._ids["pacs_organizations"][row % OWNERS])
            case _, str(parent):
                known = self._ids[parent]
                is_null = column.nullable and not number % 5
                value = None if is_null else str(known[number % len(known)])
            case "slug", _:
                value = f"{TEXTS[number % (len(TEXTS) - 1)]}{row}"
            case "content", _ if row % 13 == 6:
                value = f"{LONG}{number}"
            case _ if self._dice is not None and self._dice.random() < 0.7:
                value = _made_up(self._dice, column.kind)
            case _:
                # One position after the last value is NULL's.
                values = VALUES[column.kind]
                place = number % (len(values) + column.nullable)
                value = values[place] if place < len(values) else None
        return value

    def _now(self) -> str:
        row = self._connection.execute("SELECT clock_timestamp()::text").fetchone()
        assert row
        return str(row[0])


def differing_cells(source: psycopg.Connection, warehouse: psycopg.Connection) -> list[str]:
    """Cells that are not the same on both sides, and rows that are on one side or there twice."""
    return [
        difference for table in TABLES for difference in _differences(source, warehouse, table.name)
    ][:20]


def differing_types(source: psycopg.Connection, warehouse: psycopg.Connection) -> list[str]:
    """Columns whose name or type is not the same on both sides, the derived owner aside."""
    found: list[str] = []
    for table in TABLES:
        theirs = {c.name: c.kind for c in columns_of(source, "public", table.name)}
        assert theirs, table.name
        if table.parent is not None:
            theirs["organization_id"] = "uuid"
        for schema in ("staging", "_dlt_merge_staging"):
            ours = {c.name: c.kind for c in columns_of(warehouse, schema, table.name)}
            found += [
                f"{schema}.{table.name}.{name}: {ours.get(name)}, not {theirs.get(name)}"
                for name in sorted(theirs.keys() | ours.keys())
                if theirs.get(name) != ours.get(name)
            ]
    return found


def strays(source: psycopg.Connection, warehouse: psycopg.Connection) -> list[str]:
    """Rows that do not lie with the organization that the source gives them."""
    owners = {
        "pacs_series": "SELECT t.id, p.organization_id FROM pacs_series t "
        "JOIN pacs_studies p ON p.id = t.study_id",
        "pacs_reports": "SELECT t.id, p.organization_id FROM pacs_reports t "
        "JOIN pacs_studies p ON p.id = t.study_id",
        "pacs_images": "SELECT t.id, p.organization_id FROM pacs_images t "
        "JOIN pacs_series s ON s.id = t.series_id JOIN pacs_studies p ON p.id = s.study_id",
    }
    found: list[str] = []
    for table in TABLES:
        if not table.owned:
            continue
        query = owners.get(table.name, f"SELECT id, organization_id FROM {table.name}")
        theirs = set(source.execute(query).fetchall())
        ours = warehouse.execute(f"SELECT id, organization_id FROM staging.{table.name}").fetchall()
        found += [f"{table.name} {row}" for row in theirs.symmetric_difference(ours)]
    return found


def _differences(
    source: psycopg.Connection, warehouse: psycopg.Connection, table: str
) -> Iterator[str]:
    names = [column.name for column in columns_of(source, "public", table)]
    theirs, ours = (
        _cells(source, "public", table, names),
        _cells(warehouse, "staging", table, names),
    )
    if len(ours) != len({row[0] for row in ours}):
        yield f"{table}: rows are there twice"
    by_id = {row[0]: row for row in ours}
    for expected in theirs:
        found = by_id.pop(expected[0], None)
        if found is None:
            yield f"{table}: {expected[0]} is missing"
            continue
        for name, value, other in zip(names, expected[1:], found[1:], strict=True):
            if value != other:
                yield f"{table}.{name} of {expected[0]}: {_short(other)}, not {_short(value)}"
    for left in by_id:
        yield f"{table}: {left} is not in the source"


def _cells(
    connection: psycopg.Connection, schema: str, table: str, names: Sequence[str]
) -> list[tuple[str | None, ...]]:
    query = sql.SQL("SELECT id::text, {} FROM {}").format(
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in names),
        sql.Identifier(schema, table),
    )
    return connection.execute(query).fetchall()


def _short(value: str | None) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:60]}... ({len(text)})"


def _cast(column: Column) -> sql.Composed:
    return sql.SQL("%s::{}").format(sql.SQL(column.kind))


def _made_up(dice: random.Random, kind: str) -> str:
    makers: Mapping[str, Callable[[random.Random], str]] = {
        "text": _text,
        "timestamp with time zone": _moment,
        "jsonb": lambda d: json.dumps(_document(d, 4), ensure_ascii=d.random() < 0.5),
        "text[]": _array,
        "boolean": lambda d: d.choice(("true", "false")),
        "integer": lambda d: str(d.randint(-(2**31), 2**31 - 1)),
        "bigint": lambda d: str(d.randint(-(2**63), 2**63 - 1)),
        "uuid": lambda d: str(UUID(int=d.getrandbits(128))),
    }
    return makers[kind](dice)


def _moment(dice: random.Random) -> str:
    year, month, day = dice.randint(1, 294_275), dice.randint(1, 12), dice.randint(1, 28)
    era = dice.choice(("", "", " BC")) if year < 4_713 else ""
    clock = f"{dice.randint(0, 23):02}:{dice.randint(0, 59):02}:{dice.randint(0, 59):02}"
    return f"{year:04}-{month:02}-{day:02} {clock}.{dice.randint(0, 999_999):06}+00{era}"


def _array(dice: random.Random) -> str:
    members = [dice.choice((None, _text(dice))) for _ in range(dice.randint(0, 6))]
    return "{" + ",".join(map(_member, members)) + "}"


def _text(dice: random.Random) -> str:
    alphabets = ("\t\n\r\\\"',{}N.;| ", "abcáéñ\u0301\u0308", "👩🏽‍⚕️🫁日\u200f")
    return "".join(
        dice.choice(dice.choice(alphabets)) if dice.random() < 0.8 else _character(dice)
        for _ in range(dice.choice((0, 1, 2, 5, 40, 400)))
    )


def _character(dice: random.Random) -> str:
    while True:
        code = dice.randint(1, 0x10FFFF)
        if not 0xD800 <= code <= 0xDFFF:
            return chr(code)


def _document(dice: random.Random, depth: int) -> object:
    if depth and dice.random() < 0.3:
        members = [_document(dice, depth - 1) for _ in range(dice.randint(0, 4))]
        return members if dice.random() < 0.5 else {_text(dice): member for member in members}
    number = dice.randint(-(10**30), 10**30)
    return dice.choice((None, True, False, number, dice.uniform(-1e9, 1e9), _text(dice)))


def _member(member: str | None) -> str:
    if member is None:
        return "NULL"
    return '"' + member.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""Rows on their way: COPY from the source's snapshot straight into the warehouse.

Nothing of a patient touches the disk: what dlt is given to load is a file that names a stream, and
its loader job asks for the stream's rows here (``destination.py``).
"""

from __future__ import annotations

import queue
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import psycopg
from psycopg import sql

from dlt_pipelines.source import Snapshot
from dlt_pipelines.tables import TableSpec
from eden.postgres import Connection

BLOCK_BYTES = 1 << 18
PART_BYTES = 64 << 20
"""A table larger than this is read in several parts at once."""

BINARY_TYPES = frozenset(
    {
        "bigint",
        "boolean",
        "bytea",
        "character varying",
        "date",
        "double precision",
        "integer",
        "json",
        "jsonb",
        "numeric",
        "real",
        "smallint",
        "text",
        "time without time zone",
        "timestamp with time zone",
        "timestamp without time zone",
        "uuid",
    }
)
"""Types whose binary form is the same in every version since PostgreSQL 13, and their arrays."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The rows that one COPY brings."""

    table: TableSpec
    columns: Mapping[str, str]
    """Names and types."""
    since: Mapping[UUID, datetime | None]
    """Which rows: per organization, from when on; None means all."""
    into: Literal["target", "merge"]
    """Straight into an empty partition, or into the merge table first."""
    parents: Sequence[UUID] = ()
    """And all rows that hang from these."""
    ids: Sequence[UUID] | None = None
    """Only rows with these ids."""
    blocks: tuple[int, int | None] | None = None
    """Only rows in these blocks of the source's table: from, and up to but not including."""

    @property
    def copy_options(self) -> str:
        """Binary where both sides surely agree on it, else text, which tells '' from NULL too."""
        return "(FORMAT binary)" if all(map(_is_binary, self.columns.values())) else "(FORMAT text)"


class Streams:
    """The streams of one run, by name, and the connections that read them. Used by threads."""

    def __init__(self, view: Snapshot, streams: Mapping[str, Stream], readers: int) -> None:
        self._view = view
        self._streams = streams
        self._readers: queue.LifoQueue[Connection | None] = queue.LifoQueue()
        for _ in range(readers):
            self._readers.put(None)

    def __getitem__(self, name: str) -> Stream:
        """The stream of that name."""
        return self._streams[name]

    @contextmanager
    def rows(self, name: str) -> Iterator[Rows]:
        """Read a stream from the snapshot, on a connection of this run's few."""
        reader = self._readers.get()
        try:
            if reader is None:
                reader = self._view.reader()
            query, parameters = self._view.rows_query(self._streams[name])
            statement = sql.SQL("COPY ({}) TO STDOUT {}").format(
                query, sql.SQL(self._streams[name].copy_options)
            )
            with reader.cursor() as cursor, cursor.copy(statement, parameters) as copy:
                yield Rows(copy)
        except BaseException:
            # Its transaction is over: the next stream gets a new one.
            if reader is not None:
                reader.close()
            reader = None
            raise
        finally:
            self._readers.put(reader)

    def close(self) -> None:
        """Close the connections; no stream may be open."""
        while not self._readers.empty():
            reader = self._readers.get()
            if reader is not None:
                reader.close()


class Rows:
    """A file to read from, as psycopg2's COPY wants one, made of psycopg 3's blocks."""

    def __init__(self, blocks: psycopg.Copy) -> None:
        self._blocks = iter(blocks)

    def read(self, _size: int = -1) -> bytes:
        """The next rows, about :data:`BLOCK_BYTES` of them; b'' at the end."""
        parts: list[bytes] = []
        length = 0
        for block in self._blocks:
            parts.append(bytes(block))
            length += len(block)
            if length >= BLOCK_BYTES:
                break
        return b"".join(parts)


def parts_of(size_in_blocks: int, block_bytes: int, most: int) -> list[tuple[int, int | None]]:
    """Cut a table into up to ``most`` ranges of blocks; the last one is open."""
    parts = min(most, 1 + size_in_blocks * block_bytes // PART_BYTES)
    edges = [size_in_blocks * number // parts for number in range(parts)]
    ends: Sequence[int | None] = [*edges[1:], None]
    return list(zip(edges, ends, strict=True))


def _is_binary(kind: str) -> bool:
    return re.sub(r"\(.*\)|\[\]", "", kind) in BINARY_TYPES

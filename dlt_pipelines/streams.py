"""The rows of a run's streams: COPY out of the source's snapshot, for COPY into the warehouse.

No row touches the disk: dlt loads a file that names a stream, and the load job reads the stream's
rows here (``destination.py``).
"""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from dlt_pipelines.source import Snapshot, Stream
from eden.postgres import Connection

BLOCK_BYTES = 1 << 18
PART_BYTES = 64 << 20
"""A table larger than this is read in several parts at once."""


class Streams:
    """The streams of one run by name, and a few connections that read them; thread-safe."""

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
        """Read a stream from the snapshot; waits for a free connection."""
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
            # The transaction of this connection is aborted: the next stream gets a new one.
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
    """The blocks of psycopg 3's COPY as a file, which psycopg2's COPY reads."""

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

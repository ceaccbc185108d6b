"""The bare probe: the statements that an idle run sends to the source, without the run."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.cluster import Cluster
from benchmarks.results import NotMeasured
from eden.postgres import Connection

PREFIX = "bench|"
LINE = re.compile(r"bench\|(?P<database>[^|]*)\|(?P<pid>\d+)\|(?P<level>[A-Z]+):  (?P<text>.*)")
STATEMENT = re.compile(r"(?:statement|execute [^:]*): (?P<query>.*)", re.DOTALL)
PARAMETER = re.compile(r"\$\d+ = (?:NULL|'((?:[^']|'')*)')", re.DOTALL)

OF_ANOTHER_SESSION = re.compile(r"SET TRANSACTION SNAPSHOT", re.IGNORECASE)
"""Sessions that share a snapshot become one here."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as the server's log shows it, its parameters apart."""

    query: str
    parameters: tuple[str | None, ...]


@contextmanager
def statements_of(cluster: Cluster, database: str, found: list[Statement]) -> Iterator[None]:
    """Collect in ``found`` the statements sent to ``database`` within the context, by session."""
    cluster.configure(log_line_prefix=f"{PREFIX}%d|%p|", log_statement="all")
    log = cluster.folder() / "postgres.log"
    begin = log.stat().st_size
    try:
        yield
    finally:
        cluster.configure(log_line_prefix=None, log_statement=None)
    found.extend(_read(log, begin, database))


class BareProbe:
    """The statements of one idle run, sent again on one open connection."""

    def __init__(self, connection: Connection, statements: list[Statement]) -> None:
        """Find for each statement a form in which its parameters can be sent.

        Raises:
            NotMeasured: A statement of the log cannot be sent again.
        """
        if not statements:
            raise NotMeasured("the server's log shows no statement of an idle run")
        # Each run of sync() plans its statements anew; so does this.
        connection.prepare_threshold = None
        self._connection = connection
        self._cursor = psycopg.RawCursor(connection)
        self._calls = [
            (statement.query, self._parameters(statement))
            for statement in statements
            if not OF_ANOTHER_SESSION.match(statement.query)
        ]
        self._end()

    def run(self) -> float:
        """Send them all and take their answers; return the seconds."""
        started = time.perf_counter()
        for query, parameters in self._calls:
            self._send(query, parameters)
        seconds = time.perf_counter() - started
        self._end()
        return seconds

    def _parameters(self, statement: Statement) -> list[Any]:
        """Parameters as texts whose types the server infers, or as the values they look like."""
        if not statement.parameters:
            self._send(statement.query, [])
            return []
        failure: psycopg.Error | None = None
        for convert in (_as_text, _as_value):
            parameters = [convert(value) for value in statement.parameters]
            try:
                with self._connection.transaction():
                    self._send(statement.query, parameters)
            except psycopg.Error as error:
                failure = error
            else:
                return parameters
        raise NotMeasured(f"a statement of the probe can't be repeated: {failure}")

    def _send(self, query: str, parameters: list[Any]) -> None:
        if query.upper().startswith("COPY"):
            with self._cursor.copy(query) as copy:
                for _ in copy:
                    pass
            return
        self._cursor.execute(query, parameters or None)
        if self._cursor.description:
            self._cursor.fetchall()

    def _end(self) -> None:
        if self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            self._connection.execute("ROLLBACK")


def _read(log: Path, begin: int, database: str) -> list[Statement]:
    with log.open("rb") as file:
        file.seek(begin)
        text = file.read().decode("utf-8")
    sessions: dict[str, list[Statement]] = {}
    for line in _lines(text):
        match = LINE.match(line.partition("\n")[0])
        if match is None or match["database"] != database:
            continue
        message = match["text"] + line[match.end() :]
        statements = sessions.setdefault(match["pid"], [])
        if match["level"] == "LOG" and (statement := STATEMENT.match(message)):
            statements.append(Statement(statement["query"], ()))
        elif match["level"] == "DETAIL" and statements:
            values = tuple(_unquoted(value) for value in PARAMETER.finditer(message))
            statements[-1] = Statement(statements[-1].query, values)
    return [statement for session in sessions.values() for statement in session]


def _lines(text: str) -> Iterator[str]:
    """Messages of the log; the server puts a tab before each further line of one."""
    message = ""
    for line in text.splitlines(keepends=True):
        if not line.startswith("\t"):
            yield message.rstrip("\n")
            message = ""
        message += line.removeprefix("\t") if message else line
    yield message.rstrip("\n")


def _unquoted(match: re.Match[str]) -> str | None:
    return None if match[1] is None else match[1].replace("''", "'")


def _as_text(value: str | None) -> object:
    return value


def _as_value(value: str | None) -> object:
    """The value that a text looks like: an id, a moment, or a list of them."""
    if value is None:
        return None
    if value.startswith("{") and value.endswith("}"):
        return [_as_scalar(item.strip('"')) for item in value[1:-1].split(",") if item]
    return _as_scalar(value)


def _as_scalar(value: str) -> object:
    kinds: tuple[Callable[[str], object], ...] = (UUID, int, datetime.fromisoformat)
    for kind in kinds:
        try:
            return kind(value)
        except ValueError:
            continue
    return value

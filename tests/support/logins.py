"""Logins of the warehouse's cluster, for as long as a test needs them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql


@dataclass(frozen=True)
class Login:
    """A role that can log in, and how."""

    name: str
    password: str
    host: str
    port: int

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self.name,
            password=self.password,
            dbname=database,
            autocommit=True,
        )


@contextmanager
def login(administrator: psycopg.Connection, *groups: str, options: str = "") -> Iterator[Login]:
    """A login that is in these groups; at the end it must own nothing any more."""
    name = sql.Identifier(f"login_{uuid.uuid4().hex[:12]}")
    password = uuid.uuid4().hex
    administrator.execute(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + options).format(name, sql.Literal(password))
    )
    try:
        for group in groups:
            administrator.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), name))
        info = administrator.info
        yield Login(name.as_string().strip('"'), password, info.host, info.port)
    finally:
        _wait_until_gone(administrator, name.as_string().strip('"'))
        administrator.execute(sql.SQL("DROP ROLE {}").format(name))


def _wait_until_gone(administrator: psycopg.Connection, name: str) -> None:
    """A session that was closed still drops its temporary objects, which hold on to the role."""
    deadline = time.monotonic() + 60
    sessions = "SELECT FROM pg_stat_activity WHERE usename = %s"
    while administrator.execute(sessions, (name,)).rowcount and time.monotonic() < deadline:
        time.sleep(0.01)

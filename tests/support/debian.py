"""A PostgreSQL of Debian's packages: an older version, another locale, an owner without powers."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from eden.embedded.ports import LOOPBACK, free_port

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
ADMINISTRATOR = "administrator"
ATTEMPTS = 5

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    # Nothing of a test has to outlive a crash of the machine.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


@dataclass(frozen=True)
class DebianCluster:
    """One running cluster on loopback; every login needs its password."""

    port: int
    password: str = field(repr=False)

    def connect(self, database: str) -> psycopg.Connection:
        """As the administrator, in autocommit mode."""
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=ADMINISTRATOR,
            password=self.password,
            dbname=database,
            autocommit=True,
        )

    def make_role(self, name: str) -> str:
        """Make a login that owns nothing and may nothing; return its password."""
        password = secrets.token_urlsafe(16)
        with self.connect("postgres") as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(name), sql.Literal(password)
                )
            )
        return password

    def make_database(self, name: str, owner: str = ADMINISTRATOR) -> None:
        with self.connect("postgres") as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(name), sql.Identifier(owner)
                )
            )


@contextmanager
def running_cluster() -> Iterator[DebianCluster]:
    """A new cluster in the locale C, gone with the context."""
    # Not tmp_path: the user that PostgreSQL runs as under root could not reach it.
    folder = Path(tempfile.mkdtemp(prefix="eden-test-"))
    user = _unprivileged_user()
    password = secrets.token_urlsafe(16)
    password_file = folder / "password"
    password_file.touch(0o600)
    password_file.write_text(password, encoding="utf-8")
    for path in (folder, password_file):
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid)
    data = folder / "data"
    try:
        _run(
            user,
            "initdb",
            f"--pgdata={data}",
            f"--username={ADMINISTRATOR}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        port = _launch(user, data)
        try:
            yield DebianCluster(port, password)
        finally:
            _run(user, "pg_ctl", "stop", f"--pgdata={data}", "--mode=immediate", "--wait")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _launch(user: pwd.struct_passwd | None, data: Path) -> int:
    for attempt in range(1, ATTEMPTS + 1):
        port = free_port()
        try:
            _run(
                user,
                "pg_ctl",
                "start",
                f"--pgdata={data}",
                f"--log={data.parent / 'log'}",
                f"--options=-p {port}",
                "--wait",
            )
        except subprocess.CalledProcessError:
            # Most often the port was taken in between.
            if attempt == ATTEMPTS:
                raise
        else:
            return port
    raise AssertionError("the loop returns or raises")


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Who runs the server where root would: PostgreSQL refuses to."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _run(user: pwd.struct_passwd | None, program: str, *arguments: str) -> None:
    subprocess.run(
        [PROGRAMS / program, *arguments],
        check=True,
        # pg_ctl leaves the server holding its output, so that a pipe would never end.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        user=None if user is None else user.pw_uid,
        group=None if user is None else user.pw_gid,
        extra_groups=None if user is None else [],
        timeout=180,
    )

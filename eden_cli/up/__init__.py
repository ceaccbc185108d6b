"""``eden up``: services, Prefect's server, the deployments and a worker, in one terminal.

This process starts the others and does none of their work; it does not import Prefect.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from eden import progress
from eden.embedded.keeper import Service, is_kept, log_file
from eden.embedded.postgres import PostgresService
from eden.errors import AlreadyRunning, ConfigurationError, ServiceFailed
from eden.paths import PROJECT_ROOT
from eden.settings import Machine, Prefect, load
from eden.warehouse import builds
from eden_cli import output
from eden_cli.up.children import Child, Children, Stopped, StopSignals, end_marked
from eden_cli.up.server import PrefectServer, prefect_server
from eden_cli.up.services import Places, places

POOL = "eden"
POOL_TYPE = "process"
WORKER_PAGE = "PREFECT_WORKER_WEBSERVER_PORT"
"""The port of the worker's health check; none if it is not set."""
POLL_SECONDS = 0.2
START_SECONDS = 120
STOP_SECONDS = 15


class ChildFailed(ServiceFailed):
    """A process ended by itself, or did not begin to work; ``lines`` are the end of its ``log``."""

    def __init__(self, child: Child, what: str) -> None:
        self.log = output.short(child.log)
        super().__init__(f"{child.title} {what}; its log is {self.log}")
        self.lines = child.last_lines()


@dataclass(frozen=True, slots=True)
class Up:
    """The running services and their addresses."""

    places: Places
    server: PrefectServer
    worker: str
    runs_at_once: int
    deployments: int
    time_zone: str
    logs: Path

    def to_dict(self) -> dict[str, Any]:
        """A document for ``--json``."""
        return {
            "source": self.places.source,
            "warehouse": self.places.warehouse,
            "bucket": self.places.bucket,
            "is_embedded": bool(self.places.embedded),
            "ui_url": self.server.ui_url,
            "api_url": self.server.api.url,
            "prefect_database": self.server.database,
            "login": self.server.api.login is not None,
            "deployments": self.deployments,
            "time_zone": self.time_zone,
            "work_pool": POOL,
            "worker": self.worker,
            "logs": str(self.logs),
            "notes": [*self.places.notes, *self.server.notes],
        }


def up(*, port: int | None, limit: int, grace_seconds: float, as_json: bool) -> bool:
    """Run everything until Ctrl-C or SIGTERM; True where these ended it.

    Raises:
        AlreadyRunning: another one does, on the same ``EDEN_HOME``.
        ConfigurationError: a setting is missing or malformed; nothing was started.
        ServiceFailed: something did not start or ended by itself; everything else was stopped.
    """
    try:
        _up(port=port, limit=limit, grace_seconds=grace_seconds, as_json=as_json)
    except ChildFailed as failure:
        if failure.lines:
            output.say(f"The last lines of {failure.log}, whatever they are about:")
        for line in failure.lines:
            output.say(f"  {line}")
        raise
    output.say("Stopped.")
    return True


def _up(*, port: int | None, limit: int, grace_seconds: float, as_json: bool) -> None:
    home, prefect = load(Machine).home, load(Prefect)
    with StopSignals() as signals, _only_one(home) as tell_others, suppress(Stopped):
        if leftovers := end_marked(str(home)):
            output.say(f"Ended {leftovers} processes that an earlier eden up had left.")
        children = Children(str(home), signals, grace_seconds)
        with ExitStack() as stack:
            stack.callback(_let_services_end, home, signals)
            bars = stack.enter_context(_progress(signals, shown=not as_json))
            with _stage("services"):
                where = stack.enter_context(places(home))
                server = stack.enter_context(prefect_server(home, prefect, port))
                builds.migrate()
            stack.callback(_stop, children, signals)
            stack.callback(bars.close)
            running = _start(children, where, server, limit, signals)
            bars.close()
            tell_others(server.ui_url)
            _tell(running, as_json=as_json)
            _watch(children, _embedded(home, where, server), signals)


@contextmanager
def _only_one(home: Path) -> Iterator[Callable[[str], None]]:
    """Hold the lock of ``home``; yield a function that records the address of the pages."""
    path = home / "run" / "up.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRunning(_describe(file.read())) from None

        def tell(url: str) -> None:
            file.seek(0)
            file.truncate()
            file.write(json.dumps({"pid": os.getpid(), "ui_url": url}))
            file.flush()

        tell("")
        yield tell


def _describe(note: str) -> str:
    try:
        found = json.loads(note)
        pid, url = found["pid"], found["ui_url"] or "it is starting"
    except (ValueError, KeyError):
        return "eden up runs already"
    return (
        f"eden up runs already, as process {pid} ({url}); "
        f"Ctrl-C in its terminal or `kill {pid}` stops it"
    )


@contextmanager
def _progress(signals: StopSignals, *, shown: bool) -> Iterator[ExitStack]:
    """Show how far the start is, until it is closed; a step is not begun where one should stop."""
    with ExitStack() as bars:
        bars.enter_context(output.progress_bar(shown=shown))
        bars.enter_context(progress.reporting_to(lambda *_: signals.check()))
        yield bars


def _start(
    children: Children, where: Places, server: PrefectServer, limit: int, signals: StopSignals
) -> Up:
    machine = load(Machine)
    logs = machine.home / "logs"
    if server.command:
        with _stage("prefect"):
            # Not where .env is: Prefect would read that too, and take an empty variable for set.
            child = children.start(
                "Prefect's server",
                server.command,
                server.settings,
                logs / "prefect-server.log",
                folder=machine.home,
            )
            _wait(child, server.api.is_healthy, signals)
    log = logs / "prefect-deploy.log"
    name = f"eden-up-{socket.gethostname()}"
    words = ["worker", "start", f"--pool={POOL}", f"--name={name}", f"--limit={limit}"]
    if WORKER_PAGE in server.clients:
        words.append("--with-healthcheck")
    with _stage("deploy"):
        _have_pool(children, server, log)
        # Beside the deployment, which takes as long.
        worker = children.start(
            "the worker",
            _prefect(*words),
            server.clients,
            logs / "prefect-worker.log",
            folder=machine.home,
        )
        _run(children, server, log, "deploy", "--all")
    with _stage("worker"):
        _wait(worker, lambda: worker.has_said("started!"), signals)
    count = server.api.deployments(POOL)
    return Up(where, server, name, limit, count, machine.time_zone, logs)


def _have_pool(children: Children, server: PrefectServer, log: Path) -> None:
    kind = server.api.work_pool_type(POOL)
    if kind is None:
        _run(children, server, log, "work-pool", "create", POOL, f"--type={POOL_TYPE}")
    elif kind != POOL_TYPE:
        raise ConfigurationError(
            f"PREFECT_API_URL: the work pool {POOL} there is of type {kind}, and eden up has "
            "process workers alone; say `prefect deploy --all` and start workers of that type"
        )


def _prefect(*words: str) -> list[str]:
    return [sys.executable, "-m", "prefect", "--no-prompt", *words]


def _run(children: Children, server: PrefectServer, log: Path, *words: str) -> None:
    """Run a command of Prefect to its end."""
    title = f"prefect {' '.join(words)}"
    child = children.start(title, _prefect(*words), server.clients, log, folder=PROJECT_ROOT)
    if children.wait_for(child) != 0:
        raise ChildFailed(child, child.ending)


def _wait(child: Child, is_ready: Callable[[], bool], signals: StopSignals) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        signals.check()
        if child.process.poll() is not None:
            raise ChildFailed(child, child.ending)
        if time.monotonic() > deadline:
            raise ChildFailed(child, f"was not ready after {START_SECONDS} s")
        time.sleep(POLL_SECONDS)


@contextmanager
def _stage(name: str) -> Iterator[None]:
    progress.report(name, 0, 1)
    yield
    progress.report(name, 1, 1)


def _embedded(home: Path, where: Places, server: PrefectServer) -> list[Service]:
    if server.is_embedded and not where.embedded:
        return [PostgresService(home)]
    return list(where.embedded)


def _watch(children: Children, services: list[Service], signals: StopSignals) -> None:
    """Wait until a signal arrives or a child ends; never returns.

    Raises:
        Stopped: a signal arrived.
        ServiceFailed: a child ended; names the child, its exit and its log.
    """
    while True:
        signals.check()
        if (child := children.ended()) is not None:
            raise ChildFailed(child, child.ending)
        for service in services:
            if not is_kept(service):
                log = output.short(log_file(service))
                raise ServiceFailed(f"{service.name} has ended by itself; its log is {log}")
        time.sleep(POLL_SECONDS)


def _stop(children: Children, signals: StopSignals) -> None:
    # The terminal may be gone, which is no reason to leave anything behind.
    with suppress(OSError):
        if signals.count:
            output.say("Stopping. Ctrl-C once more ends everything at once.")
        elif children.are_there:
            output.say("That did not go well: stopping what was started.")
    hung = children.stop()
    with suppress(OSError):
        for title in hung:
            output.say(f"{title[0].upper()}{title[1:]} did not end in time and was killed.")


def _let_services_end(home: Path, signals: StopSignals) -> None:
    """Wait until the embedded services have ended, unless another process uses them."""
    deadline = time.monotonic() + STOP_SECONDS
    while left := sorted(path.stem for path in (home / "run").glob("*.json")):
        if time.monotonic() > deadline or signals.are_insisting:
            output.say(f"Still in use by another command, or about to end: {', '.join(left)}.")
            return
        time.sleep(POLL_SECONDS)


def _tell(running: Up, *, as_json: bool) -> None:
    if as_json:
        output.document(running.to_dict())
        return
    kind = " (embedded)" if running.places.embedded else ""
    server = running.server
    login = "with the login of PREFECT_SERVER_API_AUTH_STRING" if server.api.login else "no login"
    rows = {
        "source": running.places.source + kind,
        "warehouse": running.places.warehouse + kind,
        "bucket": running.places.bucket + kind,
        "Prefect": f"{server.ui_url}  ({login})",
        "its database": server.database or "the server's own",
        "deployments": f"{running.deployments}, schedules in {running.time_zone}",
        "worker": f"{running.worker}, {running.runs_at_once} runs at once",
        "logs": output.short(running.logs),
    }
    page = Table.grid(padding=(0, 3))
    for name, value in rows.items():
        page.add_row(f"  {name}", value)
    console = output.console()
    console.print(page, soft_wrap=True)
    for note in (*running.places.notes, *server.notes):
        output.say(f"Note: {note}.")
    output.say("Everything runs. Ctrl-C stops it.")

"""``eden demo``: the whole system on embedded services and a generated hospital."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group

from eden import logs, postgres, progress
from eden.demo import hospital
from eden.demo.dicom_files import write_archive
from eden.demo.generate import generate
from eden.embedded import EmbeddedServices, embedded_services
from eden.errors import UsageError
from eden.settings import DestinationDatabase, Machine, SourceDatabase, load
from eden_cli import output
from eden_cli.report import Figures, figures

PREFECT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answers of the three flows of the demo."""

    organizations: dict[str, Any]
    etl: dict[str, Any]
    discovery: dict[str, Any]

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing left to do."""
        return bool(self.etl["is_idle"]) and not self.discovery["results"]

    @property
    def success(self) -> bool:
        """Whether every study that was worked on is in place."""
        return all(result["success"] for result in self.discovery["results"])


def run_demo(*, seed: int, small: bool, as_json: bool) -> bool:
    """Run the demo; True where every eligible study is in the bucket."""
    machine = load(Machine)
    log = machine.home / "logs" / "demo.log"
    logs.set_up(machine.logging_level, log, style=machine.logging_format)
    try:
        return _run_demo(machine, log, seed=seed, small=small, as_json=as_json)
    except BaseException:
        # The command line prints the error that ends a command.
        logs.set_up(machine.logging_level, style=machine.logging_format)
        raise


def _run_demo(machine: Machine, log: Path, *, seed: int, small: bool, as_json: bool) -> bool:
    console = output.console()
    started = time.monotonic()
    with output.progress_bar(shown=not as_json):
        progress.report("Starting the services", 0, 1)
        with embedded_services(machine.home, prefect=True) as services:
            progress.report("Starting the services", 1, 1)
            said = {"DEIDENTIFICATION": "basic", "PREFECT_LOGGING_LEVEL": machine.logging_level}
            with environment(services.environment | PREFECT | said):
                open_hospital(services, seed=seed, small=small)
                outcome = _run_flows()
                with postgres.connect(load(DestinationDatabase), application_name="demo") as reader:
                    found = figures(reader)
    seconds = time.monotonic() - started
    if as_json:
        document = {
            "success": outcome.success,
            "is_idle": outcome.is_idle,
            "seconds": round(seconds, 1),
            "bucket_folder": str(services.bucket_folder),
            "log": str(log),
            **found.to_dict(),
        }
        output.document(document)
    else:
        for note in services.notes:
            console.print(f"Note: {note}.")
        console.print(_page(found))
        console.print(
            _closing(outcome, found, services.bucket_folder, seconds=seconds, log=log),
            soft_wrap=True,
        )
    return outcome.success


def open_hospital(services: EmbeddedServices, *, seed: int, small: bool) -> None:
    """Have the generated hospital in the embedded source, and its files in the archive.

    Raises:
        UsageError: another one is there.
    """
    _remember_hospital(services.home, {"seed": seed, "small": small})
    group = generate(seed, archive=services.archive, small=small)
    write_archive(
        group,
        workers=os.cpu_count() or 1,
        on_progress=lambda done, total: progress.report("archive", done, total),
    )
    with postgres.connect(load(SourceDatabase), application_name="demo") as source:
        if not hospital.already_loaded(source):
            hospital.load(group, source)


def _remember_hospital(home: Path, choice: dict[str, Any]) -> None:
    """Refuse to mix two hospitals in one home.

    Raises:
        UsageError: the home holds another one.
    """
    path = home / "hospital.json"
    if path.exists():
        held = json.loads(path.read_text(encoding="utf-8"))
        if held != choice:
            raise UsageError(
                f"{home} holds the hospital of seed {held['seed']}, small={held['small']}; "
                "remove that folder, or set EDEN_HOME to another"
            )
    path.write_text(json.dumps(choice), encoding="utf-8")


def _run_flows() -> Outcome:
    # Prefect reads its settings when it is imported.
    import flows  # noqa: PLC0415

    try:
        return Outcome(
            organizations=flows.sync_organizations(),
            etl=flows.etl(),
            discovery=flows.discover_chest_dicom_studies(),
        )
    finally:
        # Prefect sends its records in the background; the server is about to stop.
        for handler in logging.getLogger("prefect.flow_runs").handlers:
            handler.flush()


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Have these variables set for as long as the context lasts."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _page(found: Figures) -> Group:
    organizations = output.table(
        "Replicated", "organization", "kind", "studies", "images", "reports", "rows"
    )
    for row in found.organizations:
        counts = (row.studies, row.images, row.reports, row.rows)
        organizations.add_row(row.slug, row.kind, *(f"{n:,}" for n in counts))
    doctors = output.table(
        "Doctors by signed chest studies", "rank", "doctor", "studies", "eligible"
    )
    for doctor in found.doctors:
        doctors.add_row(str(doctor.rank), doctor.name, str(doctor.total), str(doctor.eligible))
    funnel = output.table("From studies to the dataset", "studies", "that are")
    for step in found.funnel:
        funnel.add_row(f"{step.studies:,}", step.step)
    return Group(organizations, doctors, funnel)


def _closing(outcome: Outcome, found: Figures, bucket: Path, *, seconds: float, log: Path) -> str:
    if outcome.is_idle:
        done = "Nothing to do: the warehouse is in step, and every eligible study is in the bucket."
    elif outcome.success:
        done = "Done: the warehouse is in step, and every eligible study is in the bucket."
    else:
        done = "Some studies were held back; the log says which and why."
    lines = [
        f"{done} ({seconds:.0f} s)",
        f"{found.objects:,} objects, {found.bytes / 1e6:,.0f} MB: {output.short(bucket)}",
        f"The full log: {output.short(log)}",
    ]
    if found.example_key is not None:
        eden = output.short(Path(sys.executable).parent / "eden")
        study = found.example_key.split("/")[1]
        lines += [
            "",
            "What to type next:",
            f"  less {output.short(bucket / found.example_key)}",
            f"  {eden} embedded eden process-study {study} --json",
            f"  {eden} embedded eden explain {study}",
            f"  {eden} embedded eden docs",
            f"  {eden} demo    finds nothing to do",
        ]
    return "\n".join(lines)

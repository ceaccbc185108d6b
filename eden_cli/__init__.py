"""The command line (design, section 8).

The roof of the house: it calls the same functions as the flows, and needs no Prefect server except
for ``demo`` and ``up``.

Every command takes ``--json``: one document on standard output, everything else on standard error.
Exit codes: 0, all that was asked for is done; 1, something failed or was held back; 2, wrong usage
or configuration.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from eden import logs, sentry
from eden.errors import EdenError, UsageError
from eden.paths import PROJECT_ROOT
from eden.settings import Machine, load
from eden_cli import output

logger = logging.getLogger(__name__)

FAILED = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vlm-eden-dataset-etl")
def cli() -> None:
    """Keep a warehouse in step with a PACS/RIS, and turn chest radiographs into a dataset in S3."""


def command(name: str, summary: str) -> Callable[[Callable[..., bool]], click.Command]:
    """A command with ``--json``, logging and errors as all have them.

    ``summary`` is its line in the list of commands, whole on a terminal of eighty columns.
    The function gets ``as_json`` and returns True if everything that it was asked to do is done.
    """

    def register(function: Callable[..., bool]) -> click.Command:
        @cli.command(name, short_help=summary)
        @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
        @wraps(function)
        def run(*args: Any, as_json: bool, **options: Any) -> None:  # noqa: ANN401  # click's
            with logs.about(run_id=uuid4()):
                sys.exit(_run(name, partial(function, *args, as_json=as_json, **options), as_json))

        return run

    return register


def _run(name: str, function: Callable[[], bool], as_json: bool) -> int:
    """Run a command to its end; return its exit code."""
    machine: Machine | None = None
    try:
        machine = load(Machine)
        logs.set_up(machine.logging_level, style=machine.logging_format)
        return 0 if function() else FAILED
    except EdenError as error:
        _tell_sentry(machine, error, name)
        _fail(error.code, str(error), as_json=as_json, machine=machine)
        return error.exit_code
    except Exception as error:  # noqa: BLE001  # the last one to see it
        _tell_sentry(machine, error, name)
        # Without the message: a library may have put a row's values into it.
        trail = "".join(traceback.format_tb(error.__traceback__))
        logger.error("unexpected %s\n%s", type(error).__name__, trail)  # noqa: TRY400
        message = f"unexpected {type(error).__name__}"
        _fail("INTERNAL_ERROR", message, as_json=as_json, machine=machine)
        return FAILED


def _tell_sentry(machine: Machine | None, error: Exception, name: str) -> None:
    if machine is not None:
        sentry.capture(machine.sentry_dsn, error, name)


def _fail(code: str, message: str, *, as_json: bool, machine: Machine | None = None) -> None:
    if as_json and not output.has_document():
        output.document({"success": False, "error": {"code": code, "message": message}})
    if machine is not None and machine.logging_format == "json":
        logger.error("%s", message, extra={"code": code})
    else:
        click.echo(f"{code}: {message}", err=True)


organization_option = click.option(
    "--organization",
    "organizations",
    multiple=True,
    metavar="SLUG|ID",
    help="Only this organization; may be given several times.",
)


@command("sync-organizations", "Bring the list of organizations up to date.")
def sync_organizations(*, as_json: bool) -> bool:
    """Bring the list of organizations up to date and give new ones their schemas."""
    import dlt_pipelines  # noqa: PLC0415

    summary = dlt_pipelines.sync_organizations()
    if as_json:
        output.document(summary.to_dict())
    else:
        output.say(
            f"{summary.organizations} organizations, {summary.new_organizations} of them new"
        )
    return True


@command("etl", "Sync the warehouse, then build what changed.")
@organization_option
def etl(*, organizations: tuple[str, ...], as_json: bool) -> bool:
    """Sync the warehouse with the source, then build what changed."""
    import dlt_pipelines  # noqa: PLC0415

    with output.progress_bar(shown=not as_json):
        summary = dlt_pipelines.etl(organizations)
    if as_json:
        output.document(summary.to_dict())
        return True
    for note in summary.sync.notes:
        output.say(f"Note: {note}")
    if summary.is_idle:
        output.say("Nothing to do: the warehouse is in step with the source.")
        return True
    built = f"{summary.build.models} models built" if summary.build.built else "nothing to build"
    output.say(
        f"{summary.sync.rows_read} rows read, {summary.sync.rows_written} written, "
        f"{summary.sync.new_organizations} new organizations; {built}"
    )
    return True


@command("validate", "Compare staging with the source, and repair it.")
@organization_option
@click.option("--allow-mass-delete", is_flag=True, help="Delete however much the source deleted.")
def validate(*, organizations: tuple[str, ...], allow_mass_delete: bool, as_json: bool) -> bool:
    """Compare all of staging with the source; load what is missing, remove what is deleted."""
    import dlt_pipelines  # noqa: PLC0415
    from eden_cli import tables  # noqa: PLC0415

    with output.progress_bar(shown=not as_json):
        summary = dlt_pipelines.validate(organizations, allow_mass_delete=allow_mass_delete)
    if as_json:
        output.document(summary.to_dict())
    else:
        tables.show_validation(output.console(), summary)
    return summary.success


@command("status", "How fresh all is, and what needs a person.")
@click.option("--check", is_flag=True, help="Exit with 1 where something needs a person.")
def status(*, check: bool, as_json: bool) -> bool:
    """Say how fresh each organization is, what failed last, and what needs a person."""
    from eden_cli import alarms, status_page  # noqa: PLC0415

    found = status_page.read_status()
    raised = alarms.raised_by(found)
    if as_json:
        output.document(found.to_dict() | alarms.to_dict(raised))
    else:
        status_page.show(output.console(), found)
        if check:
            alarms.show(raised)
    return not (check and any(alarm.is_error for alarm in raised))


@command("discover", "Export what is due, withdraw what has to go.")
@click.option("--limit", type=click.IntRange(min=1), help="Export at most this many studies.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing anywhere.")
@click.option(
    "--allow-mass-withdraw",
    is_flag=True,
    help="Withdraw what is no longer eligible, however much of the dataset that is.",
)
def discover(*, limit: int | None, dry_run: bool, allow_mass_withdraw: bool, as_json: bool) -> bool:
    """Export every eligible study that is not in the bucket as it is now.

    Studies that are no longer eligible are withdrawn first.
    """
    from eden_cli import exporting  # noqa: PLC0415

    do = exporting.dry_run if dry_run else exporting.discover
    return do(limit, allow_mass_withdraw=allow_mass_withdraw, as_json=as_json)


@command("process-study", "Export one study.")
@click.argument("study_id")
def process_study(*, study_id: str, as_json: bool) -> bool:
    """Export one study."""
    from eden_cli import exporting  # noqa: PLC0415

    return exporting.process_study(study_id, as_json=as_json)


@command("process-batch", "Export these studies.")
@click.argument("study_ids", nargs=-1, required=True)
def process_batch(*, study_ids: tuple[str, ...], as_json: bool) -> bool:
    """Export these studies."""
    from eden_cli import exporting  # noqa: PLC0415

    return exporting.process_batch(study_ids, as_json=as_json)


@command("explain", "Why a study is in the dataset, or why not.")
@click.argument("study_id")
def explain(*, study_id: str, as_json: bool) -> bool:
    """Say why a study is in the dataset, or why not: the six criteria, and the export's ledger."""
    from eden_cli import explaining  # noqa: PLC0415

    return explaining.explain(study_id, as_json=as_json)


@command("docs", "Models, columns and lineage, in the browser.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="By default 8081, or a free one where it is taken.",
)
@click.option("--serve/--no-serve", default=True, help="Only write the page, and say where it is.")
def docs(*, port: int | None, serve: bool, as_json: bool) -> bool:
    """Describe the models, the columns and where they come from, on a page in the browser."""
    from eden_cli import docs_page  # noqa: PLC0415

    return docs_page.docs(port=port, serve=serve, as_json=as_json)


@command("retry", "Put a failed or quarantined study back.")
@click.argument("study_id")
@click.option(
    "--accept",
    multiple=True,
    metavar="IMAGE_ID:CODE",
    help="Let this image through for this code; may be given several times.",
)
@click.option("--reason", metavar="TEXT", help="Why it is let through; kept in the ledger.")
def retry(*, study_id: str, accept: tuple[str, ...], reason: str | None, as_json: bool) -> bool:
    """Put a failed or quarantined study back: the next discovery tries it again."""
    from eden_cli import exporting  # noqa: PLC0415

    return exporting.retry(study_id, accept, reason, as_json=as_json)


@command("forget-organization", "Remove all of an organization, or bring it back.")
@click.argument("organization", metavar="SLUG|ID")
@click.option("--dry-run", is_flag=True, help="Say what would go; change nothing.")
@click.option("--restore", is_flag=True, help="Have it replicated again.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal.")
def forget_organization(
    *, organization: str, dry_run: bool, restore: bool, yes: bool, as_json: bool
) -> bool:
    """Remove all of an organization from the warehouse and the bucket; sync leaves it out then."""
    from eden_cli import forgetting  # noqa: PLC0415

    if restore:
        if dry_run:
            raise UsageError("--restore and --dry-run: say one of them")
        return forgetting.restore(organization, as_json=as_json)
    if dry_run:
        return forgetting.dry_run(organization, as_json=as_json)
    return forgetting.forget(organization, is_confirmed=yes, as_json=as_json)


@command("demo", "Everything, on embedded services.")
@click.option("--small", is_flag=True, help="Small pictures, for a quick look.")
@click.option("--seed", default=7, show_default=True, help="Another hospital for another number.")
def demo(*, small: bool, seed: int, as_json: bool) -> bool:
    """Run everything on embedded services and a generated hospital."""
    from eden_cli.demo import run_demo  # noqa: PLC0415

    return run_demo(seed=seed, small=small, as_json=as_json)


@command("up", "Services, Prefect's server and a worker.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Of Prefect's pages. By default 4200, or a free one where it is taken.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=2),
    default=4,
    show_default=True,
    help="Runs at once. A discovery that hands its work out takes one while it waits.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=20,
    show_default=True,
    metavar="SECONDS",
    help="How long a process may take to end before it is killed.",
)
def up(*, port: int | None, limit: int, grace: float, as_json: bool) -> bool:
    """Run services, Prefect's server, the deployments and a worker, until Ctrl-C."""
    from eden_cli.up import up as run_up  # noqa: PLC0415

    return run_up(port=port, limit=limit, grace_seconds=grace, as_json=as_json)


@cli.command(
    "embedded",
    short_help="Run any command on the embedded services.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
def embedded(words: tuple[str, ...]) -> None:
    """Run any command on the embedded services, as in: eden embedded dbt docs generate."""
    from eden.embedded import embedded_services  # noqa: PLC0415

    try:
        with embedded_services(load(Machine).home) as services:
            programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
            environment = os.environ | services.environment | {"PATH": programs}
            environment.setdefault("DEIDENTIFICATION", "basic")
            environment.setdefault("DO_NOT_TRACK", "1")
            exit_code = _run_to_its_end(words, environment)
    except EdenError as error:
        _fail(error.code, str(error), as_json=False)
        sys.exit(error.exit_code)
    except FileNotFoundError:
        _fail("USAGE", f"there is no command {words[0]}", as_json=False)
        sys.exit(2)
    sys.exit(exit_code)


def _run_to_its_end(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command; Ctrl-C, which it gets as well, is its business."""
    with subprocess.Popen(words, env=environment, cwd=PROJECT_ROOT) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def main() -> None:
    """Start the command line."""
    cli()

"""``eden forget-organization``: an organization leaves, or comes back (design, section 8).

The order makes every crash harmless. From the first step on, no run brings rows or objects back;
the bucket is emptied while the ledger still lists its objects; the warehouse goes last.
"""

from __future__ import annotations

import sys
from typing import Any

import click

import dicom_export
from dicom_export import InBucket
from dlt_pipelines import remove_organization
from dlt_pipelines.remove_organization import Belongings, KnownOrganization
from eden import postgres
from eden.errors import NotForgotten, UsageError
from eden.postgres import Connection
from eden.settings import DestinationDatabase, ObjectStore, load
from eden.warehouse import builds
from eden.warehouse.lock import warehouse_lock
from eden_cli import output


def dry_run(name: str, *, as_json: bool) -> bool:
    """Print the rows and objects that would go; nothing is changed."""
    builds.migrate()
    with _reading() as connection:
        organization, holds, objects = _look(connection, name)
    if as_json:
        output.document(_document(organization, holds, objects, dry_run=True))
    else:
        _show(organization, holds, objects)
    return True


def forget(name: str, *, is_confirmed: bool, as_json: bool) -> bool:
    """Remove the organization, then build the marts without it.

    Raises:
        UsageError: there is no terminal to ask on, and no ``--yes``.
        NotForgotten: it was not confirmed; or something is left, and the next call continues.
        LockHeld: another run works on the warehouse; nothing was done.
        BuildFailed: the organization is gone; the next build counts without it.
    """
    database, store = load(DestinationDatabase), load(ObjectStore)
    if not is_confirmed and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on: say --yes")
    builds.migrate()
    with _reading() as connection:
        organization, holds, objects = _look(connection, name)
    if not is_confirmed:
        _show(organization, holds, objects)
        _ask(organization)
    with (
        warehouse_lock(database, "forget-organization") as connection,
        output.progress_bar(shown=not as_json),
    ):
        # As it is under the lock.
        organization = remove_organization.find(connection, str(organization.id))
        dicom_export.empty_bucket(database, store, organization.id)
        remove_organization.remove(connection, organization)
        has_marts = builds.was_ever_built(connection)
    if not as_json:
        output.say(f"{_label(organization)} is forgotten: nothing of it is left here.")
    if has_marts:
        builds.build()
    if as_json:
        output.document(_document(organization, holds, objects, dry_run=False))
    return True


def restore(name: str, *, as_json: bool) -> bool:
    """Have the organization replicated again; nothing happens where it is not forgotten."""
    database = load(DestinationDatabase)
    builds.migrate()
    with warehouse_lock(database, "forget-organization") as connection:
        organization = remove_organization.find(connection, name)
        if organization.is_forgotten:
            remove_organization.restore(connection, organization)
    if as_json:
        output.document(
            {
                "organization_id": str(organization.id),
                "slug": organization.slug,
                "restored": organization.is_forgotten,
            }
        )
    elif organization.is_forgotten:
        output.say(f"{_label(organization)} is restored: the next eden etl loads all of it.")
    else:
        output.say(f"{_label(organization)} is not forgotten: nothing to do.")
    return True


def _reading() -> Connection:
    connection = postgres.connect(
        load(DestinationDatabase), application_name="vlm-eden-dataset-etl forget-organization"
    )
    connection.read_only = True
    return connection


def _look(connection: Connection, name: str) -> tuple[KnownOrganization, Belongings, InBucket]:
    organization = remove_organization.find(connection, name)
    return (
        organization,
        remove_organization.belongings(connection, organization),
        dicom_export.in_bucket(connection, organization.id),
    )


def _ask(organization: KnownOrganization) -> None:
    names = {organization.slug.strip(), str(organization.id)} - {""}
    try:
        typed = click.prompt(
            f"All of this is removed. Type {' or '.join(sorted(names, key=len))} to go on",
            default="",
            show_default=False,
            err=True,
        )
    except click.Abort:
        # Ctrl-C or Ctrl-D, on the line of the question.
        click.echo(err=True)
        typed = ""
    if typed.strip() not in names:
        raise NotForgotten("not confirmed; nothing was done")


def _show(organization: KnownOrganization, holds: Belongings, objects: InBucket) -> None:
    output.say(f"{_label(organization)}:")
    output.say(f"Schemas: {', '.join(holds.schemas) or 'none'}. Role: {holds.role or 'none'}.")
    output.say(f"In the bucket: {objects.objects:,} objects, {objects.bytes:,} bytes.")
    table = output.table("Rows", "table", "rows")
    for name, count in holds.rows.items():
        table.add_row(name, f"{count:,}")
    output.console().print(table)


def _label(organization: KnownOrganization) -> str:
    return f"Organization {organization.slug} ({organization.id})"


def _document(
    organization: KnownOrganization, holds: Belongings, objects: InBucket, *, dry_run: bool
) -> dict[str, Any]:
    return {
        "organization_id": str(organization.id),
        "slug": organization.slug,
        "dry_run": dry_run,
        "forgotten": not dry_run or organization.is_forgotten,
        "schemas": list(holds.schemas),
        "role": holds.role,
        "rows": dict(holds.rows),
        "objects": objects.objects,
        "bytes": objects.bytes,
    }

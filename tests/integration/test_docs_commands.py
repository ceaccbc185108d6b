"""The commands of the pages, run in their order against a hospital; and what they ask of S3.

What can't be run here, or is run elsewhere, is named in ``ELSEWHERE``. That every command exists
and parses is checked by ``tests/unit/test_docs.py``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from click.testing import CliRunner

import dicom_export
from eden.demo.hospital import Hospital
from eden.paths import PROJECT_ROOT
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from eden_cli import cli
from tests.conftest import Services, store_client
from tests.support import docs, oracle
from tests.support.iam import check_policy, statements
from tests.support.watched_s3 import watched_s3

ELSEWHERE = {
    "aws": "needs an account of AWS",
    "comm": "reads what aws and psql wrote",
    "createdb": "test_backup.py",
    "dbt": "test_dbt_by_hand.py",
    "dlt": "test_dlt_commands.py",
    "docker": "needs Docker",
    "eden embedded": "test_demo.py, on services of its own",
    "eden up": "runs until Ctrl-C",
    "export": "says where a server is",
    "git": "needs the repository's remote",
    "kubectl": "needs a cluster",
    "make": "this very run, or test_demo.py",
    "pg_dump": "test_backup.py",
    "pg_restore": "test_backup.py",
    "pip": "needs a package index",
    "prefect": "test_work_pool.py",
    "psql": "test_backup.py",
}

ARCHIVE = "docs-archive"
TENANT = {"eden_1a2b3c4d_clinica": "tenant_role", "org_clinica": "tenant_schema"}


@dataclass(frozen=True)
class Reader:
    """Somebody who types what the pages say, on the warehouse that the environment names."""

    services: Services
    names: dict[str, str]
    """What stands in the pages for something of the reader's own."""

    def types(self, command: docs.Command) -> None:
        program, *words = docs.words_of(command.text)[0]
        self._prepare(command)
        if program.removeprefix(".venv/bin/") == "eden":
            # There is nobody to be asked.
            answer = ["--yes"] if words == ["forget-organization", "clinica-del-valle"] else []
            done = CliRunner().invoke(cli, [*(self._own(word) for word in words), *answer])
            assert done.exit_code == 0, f"{command}\n{done.output}\n{done.stderr}"
        else:
            subprocess.run(
                ["bash", "-euc", command.text], cwd=PROJECT_ROOT, check=True, timeout=240
            )

    def executes(self, block: docs.Block) -> None:
        """Run SQL; what would change the organizations' roles is taken back."""
        with self.services.warehouse() as connection:
            connection.autocommit = False
            connection.execute(self._own(block.text).encode())
            if block.page == "docs/tenants.md":
                connection.rollback()
            else:
                connection.commit()

    def _own(self, text: str) -> str:
        for name, own in self.names.items():
            text = text.replace(name, own)
        return text

    def _prepare(self, command: docs.Command) -> None:
        """Have something to retry where the page is about studies that are held back."""
        if "eden retry" not in command.text:
            return
        status = "quarantined" if "--accept" in command.text else "failed"
        with self.services.warehouse() as connection:
            connection.execute(
                "UPDATE ops.study_exports SET status = %s WHERE study_id = %s",
                (status, self.names["STUDY_ID"]),
            )
            connection.execute(
                "UPDATE ops.image_exports SET status = 'quarantined', reason = 'PATIENT_MISMATCH' "
                "WHERE image_id = %s",
                (self.names["IMAGE_ID"],),
            )


def is_run(text: str) -> bool:
    words = docs.words_of(text)[0]
    program = words[0].removeprefix(".venv/bin/")
    return program not in ELSEWHERE and f"{program} {' '.join(words[1:2])}" not in ELSEWHERE


def steps() -> Iterator[docs.Block]:
    for path in docs.pages():
        yield from docs.blocks_of(path)


def eden(*words: str) -> None:
    done = CliRunner().invoke(cli, list(words))
    assert done.exit_code == 0, done.stderr


def one_row(connection: psycopg.Connection, query: str, *values: Any) -> tuple[Any, ...]:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return row


def move_to_s3(services: Services, study_id: UUID) -> None:
    """Keep a study's files in a bucket instead of a folder."""
    store = store_client(services.environment)
    store.create_bucket(Bucket=ARCHIVE)
    with services.source() as source:
        images = source.execute(
            "SELECT i.id, i.file_path FROM pacs_images AS i JOIN pacs_series AS s "
            "ON s.id = i.series_id WHERE s.study_id = %s AND i.file_path IS NOT NULL",
            (study_id,),
        ).fetchall()
        assert images
        for image_id, file_path in images:
            content = Path(file_path.removeprefix("file://")).read_bytes()
            store.put_object(Bucket=ARCHIVE, Key=f"{image_id}.dcm", Body=content)
            source.execute(
                "UPDATE pacs_images SET file_path = %s WHERE id = %s",
                (f"s3://{ARCHIVE}/{image_id}.dcm", image_id),
            )


@pytest.fixture
def reader(services: Services, hospital: Hospital) -> Callable[[], Reader]:
    """Somebody whose hospital is in the bucket, and has changed since."""

    def make() -> Reader:
        tried, stored, changed = sorted(oracle.eligible_studies(hospital))[:3]
        move_to_s3(services, stored)
        eden("etl")
        dicom_export.discover(load(DestinationDatabase), load(ObjectStore), load(Export))
        with services.source() as source:
            source.execute(
                "UPDATE pacs_studies SET migrated = true, updated_at = now() WHERE id = %s",
                (changed,),
            )
        with services.warehouse() as connection:
            query = "SELECT image_id FROM ops.image_exports WHERE study_id = %s LIMIT 1"
            (image_id,) = one_row(connection, query, tried)
            query = f"SELECT {', '.join(TENANT.values())} FROM ops.organizations LIMIT 1"
            tenant = one_row(connection, query)
        names = {"STUDY_ID": str(tried), "IMAGE_ID": str(image_id)}
        return Reader(services, names | dict(zip(TENANT, tenant, strict=True)))

    return make


@pytest.mark.timeout(600)
def test_the_commands_of_every_page_run_and_aws_would_allow_them(
    services: Services, reader: Callable[[], Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOM_S3_BUCKETS", ARCHIVE)
    with watched_s3(services.environment["S3_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("S3_ENDPOINT_URL", proxy.url)
        somebody = reader()
        for block in steps():
            if block.language == "sql":
                somebody.executes(block)
            elif block.language in docs.SHELLS:
                for command in docs.commands_of(block):
                    if is_run(command.text):
                        somebody.types(command)

    bucket = services.environment["S3_BUCKET_NAME"]
    policy = statements("iam-policy.json") + statements("iam-policy-sources.json")
    for statement in policy:
        for example, ours in (("s3-vlms-datasets", bucket), ("pacs-archive", ARCHIVE)):
            statement["Resource"] = statement["Resource"].replace(example, ours)
    # S3 itself asks for the right to list a bucket when an object of it is missing.
    missing = [one for one in policy if one["Sid"] != "TellMissingImagesFromForbiddenOnes"]
    check_policy(missing, proxy.requests)


def test_nothing_is_left_out_without_a_reason() -> None:
    left_out = {
        name
        for command in docs.commands()
        if not is_run(command.text)
        for name in (
            docs.words_of(command.text)[0][0],
            " ".join(docs.words_of(command.text)[0][:2]),
        )
    }
    assert {name.removeprefix(".venv/bin/") for name in left_out} >= set(ELSEWHERE)

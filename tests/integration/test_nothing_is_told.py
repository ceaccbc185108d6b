"""Patients' names planted in files, paths, reports and descriptions, and errors of every kind:
nothing of it may reach Prefect's database, its logs, artifacts and stored results, our log, or the
ledger.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from eden.demo.hospital import Hospital, Row
from eden.embedded import EmbeddedServices
from tests.conftest import Services, administrator
from tests.support import oracle

PLANTED = re.compile(r"zz[a-z0-9]+ova", re.IGNORECASE)
"""What every planted value holds; another one for each place, to see where a leak comes from."""

IN_FILE, IN_PATH, IN_URL = "ZzFileova", "ZzPathova", "zzurlova"
IN_REPORT, IN_STUDY, IN_SERIES = "ZzReportova", "ZzStudyova", "ZzSeriesova"
IN_DRIVER = "ZzDriverova"

FLOWS = """
import json, os, sys
import psycopg
import flows

studies, slug, warehouse, source = json.loads(sys.argv[1])
outcomes = {}

def attempt(name, call):
    try:
        outcomes[name] = call()
    except BaseException as error:
        outcomes[name] = type(error).__name__
        print(name, repr(error), file=sys.stderr)

def told(database, statement):
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(statement)

RAISES = (
    "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
    "$$BEGIN RAISE EXCEPTION 'no place for ZzDriverova in %', NEW USING ERRCODE = '22000'; END$$;"
    "CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION {name}()"
)

attempt("etl", lambda: flows.etl()["build"]["built"])
attempt("discover", lambda: list(flows.discover_chest_dicom_studies()["counts"]))
attempt("study", lambda: flows.process_study_to_s3(studies[0])["success"])
attempt("batch", lambda: [r["success"] for r in flows.process_study_batch_to_s3(studies[:2])])

# The bucket is gone.
endpoint = os.environ["S3_ENDPOINT_URL"]
os.environ["S3_ENDPOINT_URL"] = "http://127.0.0.1:9"
attempt("no bucket", lambda: flows.process_study_to_s3(studies[0]))
os.environ["S3_ENDPOINT_URL"] = endpoint

# The ledger's database answers with the values that it was given.
told(warehouse, RAISES.format(name="refuse_study", table="ops.study_exports"))
attempt("driver", lambda: flows.process_study_batch_to_s3(studies))
told(warehouse, "DROP TRIGGER refuse_study ON ops.study_exports")

# So does the warehouse, of rows that it can't take.
told(source, "UPDATE pacs_reports SET updated_at = now(), content = content || '.'")
told(warehouse, RAISES.format(name="refuse_report", table="staging.pacs_reports"))
attempt("load", flows.etl)
attempt("validate", lambda: flows.sync_pending_data_by_organization(organization_slug=slug))
told(warehouse, "DROP TRIGGER refuse_report ON staging.pacs_reports")

# A test of the marts fails; the source changes; somebody asks for what is not there.
told(warehouse, "UPDATE analytics.eligible_studies SET image_count = image_count + 1")
attempt("gate", flows.discover_chest_dicom_studies)
told(source, "ALTER TABLE pacs_reports ALTER signed_at TYPE text")
attempt("type", flows.etl)
attempt("nobody", lambda: flows.sync_data_from_by_organization(organization_slug="no-such-slug"))
print(json.dumps(outcomes))
"""


OUTCOMES = {
    "etl": True,
    "discover": ["exported", "incomplete", "quarantined"],
    "study": False,
    "batch": [False, False],
    "no bucket": "StoreUnavailable",
    "driver": "Unexpected",
    "load": "SyncFailed",
    "validate": "SyncFailed",
    "gate": "BuildFailed",
    "type": "SyncFailed",
    "nobody": "UnknownOrganization",
}
REASONS = {
    "HOST_REFUSED", "NOT_DICOM", "PATH_REFUSED", "PATIENT_MISMATCH", "SCHEME_REFUSED",
    "SOURCE_MISSING", "STUDY_MISMATCH", "TRUNCATED",
}  # fmt: skip


@dataclass(frozen=True)
class Planter:
    """Puts names wherever the source and its archive have room for them."""

    hospital: Hospital
    archive: Path
    source: psycopg.Connection

    def images_of(self, study_id: UUID) -> list[Row]:
        series = {row.id for row in self.hospital.series if row.study_id == study_id}
        return [
            image
            for image in self.hospital.images
            if image.series_id in series and not image.deleted and image.file_path
        ]

    def plant(self, study_id: UUID, content: str | None = None) -> None:
        self.source.execute(
            "UPDATE pacs_studies SET dicom_description = coalesce(dicom_description, '') || %s, "
            "accession_number = %s WHERE id = %s",
            (f" {IN_STUDY}", f"{IN_STUDY}-1", study_id),
        )
        self.source.execute(
            "UPDATE pacs_series SET description = %s WHERE study_id = %s", (IN_SERIES, study_id)
        )
        self.source.execute(
            "UPDATE pacs_reports SET content = coalesce(%s, content || %s) WHERE study_id = %s",
            (content, f" Paciente {IN_REPORT}.", study_id),
        )

    def place(self, image: Row, change: Callable[[Dataset], None] | None = None) -> Path:
        """Give an image a file and a path that hold names."""
        dataset = dcmread(image.file_path or "")
        dataset.PatientName = f"{IN_FILE}^MARIA"
        dataset.StudyDescription = dataset.PatientComments = IN_FILE
        if change:
            change(dataset)
        path = self.archive / f"{IN_PATH}_{IN_PATH}" / f"{IN_PATH}-{image.id}.dcm"
        path.parent.mkdir(exist_ok=True)
        dataset.save_as(path)
        self.lead(image, str(path))
        return path

    def lead(self, image: Row, address: str) -> None:
        self.source.execute(
            "UPDATE pacs_images SET file_path = %s WHERE id = %s", (address, image.id)
        )


def _another_study(dataset: Dataset) -> None:
    dataset.StudyInstanceUID = generate_uid()


def _another_patient(dataset: Dataset) -> None:
    dataset.PatientID = f"{IN_FILE}-2"


def _odd_values(dataset: Dataset) -> None:
    dataset.add_new(0x00101010, "UN", IN_FILE.encode())
    dataset.add_new(0x00185101, "UN", IN_FILE.encode() * 3)
    dataset.BodyPartExamined = [IN_FILE.upper()[:16], "X"]


def plant_everything(planter: Planter, studies: list[UUID]) -> None:
    """One study with each kind of trouble; the others keep only their names."""
    for study_id in studies:
        planter.plant(study_id)
        for image in planter.images_of(study_id):
            planter.place(image)
    of_several = [study_id for study_id in studies if len(planter.images_of(study_id)) > 1]
    planter.place(planter.images_of(of_several[0])[0], _another_patient)
    left = iter(study_id for study_id in studies if study_id != of_several[0])

    def first_image() -> Row:
        return planter.images_of(next(left))[0]

    planter.place(first_image(), _another_study)
    planter.place(first_image(), _odd_values)
    planter.place(first_image()).unlink()
    cut = planter.place(first_image())
    cut.write_bytes(cut.read_bytes()[:-100])
    planter.place(first_image()).write_text(f"<html>{IN_FILE}</html>" * 20)
    planter.place(first_image()).write_bytes(b"\0" * 128 + b"DICM" + IN_FILE.encode() * 9)
    for address in (
        f"/etc/{IN_PATH}.dcm",
        f"{planter.archive}/{IN_PATH}/../../{IN_PATH}",
        f"{planter.archive}/{IN_PATH}_{IN_PATH}",
        f"gopher://{IN_URL}/{IN_PATH}",
        f"http://{IN_URL}.invalid/{IN_PATH}?name={IN_URL}",
        f"s3://{IN_URL}/{IN_PATH}.dcm",
        f"file://{IN_URL}/{IN_PATH}",
        f"http://[{IN_URL}/",
    ):
        planter.lead(first_image(), address)
    planter.plant(next(left), content="")


def leaks_in_database(connection: psycopg.Connection, schema: str) -> set[str]:
    """Search every column of every table, and say where and what was found."""
    tables = connection.execute(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = %s AND table_type = 'BASE TABLE'",
        (schema,),
    ).fetchall()
    assert tables
    found: set[str] = set()
    for (table,) in tables:
        query = sql.SQL("SELECT t::text FROM {} AS t WHERE t::text ~* %s").format(
            sql.Identifier(schema, table)
        )
        for (row,) in connection.execute(query, (PLANTED.pattern,)):
            found |= {f"{table}: {word}" for word in PLANTED.findall(row)}
    return found


def leaks_in_files(folder: Path) -> set[str]:
    return {
        f"{path}: {word}"
        for path in folder.rglob("*")
        if path.is_file()
        for word in PLANTED.findall(f"{path}\n{path.read_text(errors='replace')}")
    }


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:Invalid value for VR", "ignore:The value length")
def test_nothing_planted_is_told(
    running: EmbeddedServices,
    services: Services,
    hospital: Hospital,
    prefect_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive, home = tmp_path / "archive", tmp_path / "home"
    archive.mkdir()
    studies = sorted(oracle.eligible_studies(hospital))
    with services.source() as source:
        plant_everything(Planter(hospital, archive, source), studies)
    monkeypatch.setenv("DICOM_ROOTS", f"{archive},{os.environ['DICOM_ROOTS']}")
    with services.source() as source, services.warehouse() as warehouse:
        addresses = [f"{c.info.dsn} password={c.info.password}" for c in (warehouse, source)]
    arguments = [[str(i) for i in studies], hospital.organizations[0].slug, *addresses]
    done = subprocess.run(
        [sys.executable, "-c", FLOWS, json.dumps(arguments)],
        env=os.environ
        | {
            "PREFECT_API_URL": prefect_url,
            "PREFECT_HOME": str(home),
            "PREFECT_LOGGING_EXTRA_LOGGERS": "dicom_export,dlt_pipelines,eden,dlt,pydicom,botocore",
            "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
            "DO_NOT_TRACK": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stderr)
    assert done.returncode == 0
    with services.warehouse() as warehouse:
        assert leaks_in_database(warehouse, "staging"), "the search finds nothing at all"
        assert leaks_in_database(warehouse, "ops") == set()
    with administrator(running, "prefect") as prefect:
        assert leaks_in_database(prefect, "public") == set()
    assert leaks_in_files(home) == set()
    assert set(PLANTED.findall(done.stdout + done.stderr)) == set()
    assert json.loads(done.stdout.splitlines()[-1]) == OUTCOMES
    with services.warehouse() as warehouse:
        reasons = warehouse.execute("SELECT DISTINCT reason FROM ops.image_exports").fetchall()
    assert {reason for (reason,) in reasons} >= REASONS

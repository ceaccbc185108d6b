"""The flows on a real Prefect server, and what they leave on its pages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from eden.demo.hospital import Hospital
from eden.embedded import embedded_services
from eden.embedded.keeper import wait_until_stopped
from tests.conftest import Services
from tests.support.warehouse import differing_tables

FLOWS = """
import json, sys
from flows import (
    etl, sync_data_from_by_organization, sync_organizations, sync_pending_data_by_organization,
    validation,
)
from prefect.artifacts import Artifact

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
said["artifacts"] = {key: bool(Artifact.get(key)) for key in ("etl", "validation")}
print(json.dumps(said))
"""


@pytest.fixture
def prefect_url() -> Iterator[str]:
    home = Path(tempfile.mkdtemp(prefix="eden-test-"))
    with embedded_services(home, prefect=True) as services:
        yield services.environment["PREFECT_API_URL"]
    wait_until_stopped(home)
    shutil.rmtree(home)


@pytest.mark.timeout(600)
def test_the_flows_of_replication_run_on_a_server(
    services: Services, hospital: Hospital, prefect_url: str
) -> None:
    one = hospital.organizations[0]
    done = subprocess.run(
        [sys.executable, "-c", FLOWS, one.slug, str(one.id)],
        env=os.environ | {"PREFECT_API_URL": prefect_url, "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (
        '{"organizations": 5, "one": 1, "all": true, "again": true, "validation": true, '
        '"pending": true, "disagreeing": "UnknownOrganization", '
        '"artifacts": {"etl": true, "validation": true}}'
    )
    with services.source() as source, services.warehouse() as warehouse:
        assert differing_tables(source, warehouse) == []

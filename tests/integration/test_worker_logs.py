"""The log of a flow run in a process of its own, as Prefect's workers start them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

import flows
from eden.demo.hospital import Hospital
from eden.paths import PROJECT_ROOT
from tests.conftest import Services


def test_records_of_a_flow_run_are_objects_with_its_id(
    services: Services, hospital: Hospital, prefect_url: str
) -> None:
    with (
        temporary_settings({PREFECT_API_URL: prefect_url}),
        get_client(sync_client=True) as client,
    ):
        run = client.create_flow_run(flows.sync_organizations)
    done = subprocess.run(
        [sys.executable, "-m", "prefect.engine", str(run.id)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_ROOT,
        env=os.environ
        | {
            "PREFECT_API_URL": prefect_url,
            "PREFECT__FLOW_RUN_ID": str(run.id),
            "PREFECT__FLOW_ENTRYPOINT": "flows.replicate.sync_organizations",
            "LOGGING_FORMAT": "json",
            "LOGGING_LEVEL": "INFO",
        },
    )
    assert done.returncode == 0, done.stderr
    records = []
    for line in done.stderr.splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            # What Prefect says before the flow begins.
            assert not records, line
    ours = [record for record in records if record["logger"].startswith("dlt_pipelines")]
    assert ours, done.stderr
    assert any(record["logger"].startswith("prefect") for record in records), done.stderr
    theirs = {record.get("run_id") for record in records if record not in ours}
    assert theirs - {None} == {str(run.id)}
    # The id of the history's rows.
    with services.warehouse() as warehouse:
        (sync,) = warehouse.execute("SELECT run_id::text FROM ops.sync_heartbeats").fetchall()
    assert {record["run_id"] for record in ours} == {sync[0]}

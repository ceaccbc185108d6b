"""A real Prefect server as the tests talk to it, and what has to be deployed there."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eden.paths import PROJECT_ROOT

WAIT_SECONDS = 240
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

DEPLOYMENTS = {
    "etl/every-10-minutes": "*/10 * * * *",
    "validation/daily": "0 7 * * *",
    "sync-organizations/daily": "0 6 * * *",
    "discover-chest-dicom-studies/daily": "0 2 * * *",
    "sync-data-from-by-organization/manual": None,
    "sync-pending-data-by-organization/manual": None,
    "process-study-to-s3/manual": None,
    "process-study-batch-to-s3/manual": None,
}


@dataclass(frozen=True)
class Server:
    """Prefect's server, through its API and its command line."""

    url: str
    home: Path
    login: str | None = None

    def environment(self, **more: str) -> dict[str, str]:
        prefect = {
            "PREFECT_API_URL": self.url,
            "PREFECT_HOME": str(self.home),
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "1",
            "DO_NOT_TRACK": "1",
        }
        if self.login:
            prefect["PREFECT_API_AUTH_STRING"] = self.login
        return os.environ | prefect | more

    def call(self, path: str, document: Any = None, method: str = "POST") -> Any:
        headers = {"Content-Type": "application/json"}
        if self.login:
            encoded = base64.b64encode(self.login.encode()).decode()
            headers["Authorization"] = f"Basic {encoded}"
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=json.dumps(document or {}).encode(),
            headers=headers,
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def prefect(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "prefect", *words],
            env=self.environment(**more),
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def deployments(self) -> dict[str, dict[str, Any]]:
        flows = {flow["id"]: flow["name"] for flow in self.call("/flows/filter")}
        found = self.call("/deployments/filter")
        return {f"{flows[one['flow_id']]}/{one['name']}": one for one in found}

    def pause_schedules(self) -> None:
        """Let no run begin by the clock from now on, nor one whose time came just before.

        Pausing takes away what is to begin later. What was due already, and nobody has taken,
        would else begin with the next worker.
        """
        for one in self.deployments().values():
            self.call(f"/deployments/{one['id']}", {"paused": True}, method="PATCH")
        waiting = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        for run in self.call("/flow_runs/filter", waiting):
            if run["deployment_id"]:
                self.call(f"/flow_runs/{run['id']}", method="DELETE")

    def start(self, deployment: str, **parameters: Any) -> str:
        """Have a deployment run now; return the run's id."""
        words = [f"--param={name}={value}" for name, value in parameters.items()]
        done = self.prefect("deployment", "run", deployment, *words)
        assert done.returncode == 0, done.stderr
        found = re.search(rf"UUID: ({UUID})", done.stdout)
        assert found, done.stdout
        return found[1]

    def state_of(self, run: str) -> str:
        return str(self.call(f"/flow_runs/{run}", method="GET")["state_type"])

    def end_of(self, run: str) -> dict[str, Any]:
        def ended() -> Any:
            found = self.call(f"/flow_runs/{run}", method="GET")
            ends = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
            return found if found["state_type"] in ends else None

        return wait_for(ended)

    def runs_of(self, flow: str) -> list[dict[str, Any]]:
        return self.call("/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}})

    def artifacts_of(self, run: str) -> dict[str, Any]:
        wanted = {"artifacts": {"flow_run_id": {"any_": [run]}}}
        return {one["key"]: one["data"] for one in self.call("/artifacts/filter", wanted)}


def wait_for(found: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"nothing came of it in {seconds} s")

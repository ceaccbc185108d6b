"""What make, Docker and compose are told holds together; the real compose checks it where it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.settings.models.root import Settings
from pydantic import AliasChoices

from eden import settings
from eden.paths import PROJECT_ROOT

TARGETS = {
    "help", "init", "up", "down", "logs", "bash", "format", "check", "test", "demo", "bench",
    "install", "unit", "faults", "lock", "clean",
}  # fmt: skip
OF_POSTGRES = {"POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"}
OWN = ("prefect", "worker")
SECRET = re.compile(r"PASS|SECRET|AUTH_STRING|KEY|TOKEN")
INTERPOLATED = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((PROJECT_ROOT / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (PROJECT_ROOT / "Dockerfile").read_text()


def ours() -> set[str]:
    """Every variable that this project reads."""
    names: set[str] = set()
    for group in vars(settings).values():
        if not (isinstance(group, type) and issubclass(group, settings._Group)):
            continue
        prefix = group.model_config.get("env_prefix", "")
        for name, one in group.model_fields.items():
            alias = one.validation_alias
            choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
            names |= {str(choice) if choice else f"{prefix}{name}".upper() for choice in choices}
    return names


def of_prefect(names: set[str]) -> set[str]:
    """Those that Prefect itself knows."""
    known = re.findall(r"prefect_[a-z0-9_]+", str(Settings.model_json_schema()), re.IGNORECASE)
    return names & {name.upper() for name in known}


def test_every_container_is_pinned_and_watched(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"warehouse", "prefect-database", "prefect", "worker"}
    for name, service in services.items():
        tag = service["image"].rpartition(":")[2]
        assert re.match(r"\d+\.\d+", tag), name
        check = service["healthcheck"]
        assert check["test"][0] in ("CMD", "CMD-SHELL")
        assert check["interval"]
        assert check["retries"]
        assert service["restart"] == "unless-stopped"
        for waited, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert waited in services
    assert set(services["worker"]["depends_on"]) == {"warehouse", "prefect"}
    assert set(services["prefect"]["depends_on"]) == {"prefect-database"}


def test_nothing_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    published = [
        port for service in compose["services"].values() for port in service.get("ports", [])
    ]
    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert not any("network_mode" in service for service in compose["services"].values())


def test_data_outlive_their_containers(compose: dict[str, Any]) -> None:
    mounted = {
        volume.partition(":")[0]
        for service in compose["services"].values()
        for volume in service["volumes"]
    }
    assert mounted == set(compose["volumes"]) == set(compose["services"])


def test_secrets_come_from_env_alone(compose: dict[str, Any], dockerfile: str) -> None:
    for name, service in compose["services"].items():
        for variable, value in service["environment"].items():
            if SECRET.search(variable):
                assert value == "" or INTERPOLATED.match(value), (name, variable)
    assert not SECRET.search(dockerfile)
    # The rest of .env is for the one that works, and not for the servers.
    assert [n for n, service in compose["services"].items() if "env_file" in service] == ["worker"]
    assert compose["services"]["worker"]["environment"]["PREFECT_SERVER_DATABASE_PASSWORD"] == ""


def test_every_variable_is_one_that_somebody_reads(
    compose: dict[str, Any], dockerfile: str
) -> None:
    text = (PROJECT_ROOT / "compose.yaml").read_text()
    asked = set(INTERPOLATED.findall(text))
    given = {name for service in compose["services"].values() for name in service["environment"]}
    unknown = (asked | given) - ours() - OF_POSTGRES
    assert unknown == of_prefect(unknown)
    for name in re.findall(r"\b(PREFECT_[A-Z_]+|EDEN_[A-Z_]+)=", dockerfile):
        assert name in ours() | of_prefect({name})
    example = (PROJECT_ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z0-9_]+)=", example, re.MULTILINE))
    assert named - ours() == of_prefect(named - ours())
    # What compose.yaml cannot do without is there to be filled in.
    needed = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+):\?", text))
    assert needed <= set(re.findall(r"^([A-Z0-9_]+)=", example, re.MULTILINE))


def test_the_image_is_built_from_the_lock_and_runs_as_nobody_special(
    compose: dict[str, Any], dockerfile: str
) -> None:
    stages = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert stages == ["python:${PYTHON}"] * 2
    assert re.search(r"^ARG PYTHON=3\.\d+-slim-\w+$", dockerfile, re.MULTILINE)
    assert "latest" not in dockerfile
    runs = re.findall(r"pip (?:wheel|install|download).*?(?=\n[A-Z#]|\Z)", dockerfile, re.DOTALL)
    assert len(runs) == 2
    for run in runs:
        assert "--require-hashes --requirement requirements.lock" in run or "--no-index" in run
    users = re.findall(r"^USER (\S+)", dockerfile.rpartition("FROM")[2], re.MULTILINE)
    assert users == ["eden"]
    for name in OWN:
        service = compose["services"][name]
        assert service["cap_drop"] == ["ALL"]
        assert service["build"] == "."
        assert "user" not in service
        assert "privileged" not in service


@pytest.mark.parametrize(
    ("path", "is_sent"),
    [
        (".env", False),
        (".env.local", False),
        (".git/config", False),
        (".venv/bin/python", False),
        (".eden/secrets.json", False),
        ("tests/unit/test_settings.py", False),
        ("eden/__pycache__/paths.cpython-311.pyc", False),
        ("requirements.lock", True),
        ("README.md", True),
        ("dbt_project.yml", True),
        ("profiles.yml", True),
        ("selectors.yml", True),
        ("prefect.yaml", True),
        ("models/marts/fact_studies.sql", True),
        ("seeds/chest_terms.csv", True),
        ("macros/fold_text.sql", True),
        ("tests/dbt/assert_reference_data_are_loaded.sql", True),
        ("eden/warehouse/migrations/0001_ops.sql", True),
        ("dicom_export/deidentify/files/rules.csv", True),
        ("flows/replicate.py", True),
    ],
)
def test_what_is_sent_to_the_build(path: str, is_sent: bool) -> None:
    sent = True
    for line in (PROJECT_ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        parts = [Path(path), *Path(path).parents][:-1]
        if any(matches(str(part), pattern) for part in parts):
            sent = line.startswith("!")
    assert sent is is_sent


def matches(path: str, pattern: str) -> bool:
    """As Docker does it: from the root, `*` within one folder, `**/` any number of them."""
    expression = re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
    return re.fullmatch(expression, path) is not None


def test_every_target_of_make_is_there_and_in_its_help() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    helped = subprocess.run(
        ["make", "help"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    ).stdout
    shown = set(re.findall(r"^  make ([a-z-]+) +\S", helped, re.MULTILINE))
    assert shown >= TARGETS
    made = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert shown <= made
    benches = re.search(r"^BENCHES := (.*)$", makefile, re.MULTILINE)
    assert benches
    assert set(benches[1].split()) == {name for name in made if name.startswith("bench-")}
    phony = re.search(r"^\.PHONY: (.*?)[^\\]\n", makefile, re.MULTILINE | re.DOTALL)
    assert phony
    assert made - {"$(INSTALLED)"} <= set(phony[0].split()) | set(benches[1].split())


def test_make_bench_runs_every_bench() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/.installed", "bench", "PYTHON=true"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in ("deidentification", "replication", "warehouse", "export"):
        assert f"bench-{name}" in done.stdout


def test_compose_itself_takes_the_file(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("docker is not installed: compose.yaml is checked by its structure alone")
    has_compose = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
    if has_compose.returncode != 0:
        pytest.skip("docker has no compose here: compose.yaml is checked by its structure alone")
    for name in ("compose.yaml", "Dockerfile"):
        shutil.copy(PROJECT_ROOT / name, tmp_path)
    words = ("DESTINATION_DATABASE_NAME", "DESTINATION_DATABASE_USER", "DESTINATION_DATABASE_PASS")
    filled = dict.fromkeys((*words, "PREFECT_SERVER_DATABASE_PASSWORD"), "word")
    (tmp_path / ".env").write_text("".join(f"{name}={v}\n" for name, v in filled.items()))
    environment = {name: value for name, value in os.environ.items() if name not in filled}
    done = subprocess.run(
        [docker, "compose", "config", "--format", "json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"host_ip": "127.0.0.1"' in done.stdout
    (tmp_path / ".env").write_text("")
    refused = subprocess.run(
        [docker, "compose", "config"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "set it in .env" in refused.stderr

"""The documentation says what is so: commands parse, settings and links exist, nothing is left out.

Those commands that can be run here are run by ``tests/integration/test_docs_commands.py``.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click import ClickException
from cyclopts import CycloptsError

import flows
from eden import settings
from eden.paths import PROJECT_ROOT
from eden_cli import cli
from tests.support import docs
from tests.support.docs import Command

LEFT_OUT = {
    "aws": "needs an account of AWS",
    "comm": "reads what aws and psql wrote",
    "createdb": "run by tests/integration/test_backup.py",
    "dlt": "run by tests/integration/test_dlt_commands.py",
    "docker": "needs Docker",
    "git": "needs the repository's remote",
    "kubectl": "needs a cluster",
    "pg_dump": "run by tests/integration/test_backup.py",
    "pg_restore": "run by tests/integration/test_backup.py",
    "pip": "needs a package index",
    "psql": "run by tests/integration/test_backup.py",
    "python3": "run by tests/integration/test_docs_commands.py",
    "sort": "reads what aws and psql wrote",
    "tr": "reads what aws wrote",
}
"""Programs whose words nothing here can check, and why."""

MAX_IMAGE_BYTES = 200_000


# Commands --------------------------------------------------------------------------------------


def check_eden(words: Sequence[str]) -> None:
    docs.parse_click(cli, words)
    if words[0] == "embedded":
        check_words(list(words[1:]))


def check_dbt(words: Sequence[str]) -> None:
    from dbt.cli.main import cli as dbt  # noqa: PLC0415  # takes seconds

    docs.parse_click(dbt, words)


def check_prefect(words: Sequence[str]) -> None:
    # There is no public way to parse a command of Prefect's without running it.
    from prefect.cli._app import _app  # noqa: PLC0415  # takes seconds

    _app.parse_args(list(words), exit_on_error=False, print_error=False)
    if words[:2] == ["deployment", "run"]:
        check_deployment(words[2], words[3:])


def check_deployment(name: str, options: Sequence[str]) -> None:
    project = yaml.safe_load((PROJECT_ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    entrypoints = {
        f"{one['entrypoint'].rpartition('.')[2].replace('_', '-')}/{one['name']}": one["entrypoint"]
        for one in project["deployments"]
    }
    function = getattr(flows, entrypoints[name].rpartition(".")[2])
    given = {option.partition("=")[0] for option in options if "=" in option}
    assert given <= set(inspect.signature(function.fn).parameters)


def check_make(words: Sequence[str]) -> None:
    done = subprocess.run(
        ["make", "--dry-run", *words], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def check_export(words: Sequence[str]) -> None:
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*=.+", word) for word in words)


CHECKS: dict[str, Callable[[Sequence[str]], None]] = {
    "eden": check_eden,
    "dbt": check_dbt,
    "prefect": check_prefect,
    "make": check_make,
    "export": check_export,
}


def check_words(words: list[str]) -> None:
    program = words[0].removeprefix(".venv/bin/")
    if program in CHECKS:
        CHECKS[program](words[1:])
    else:
        assert program in LEFT_OUT, f"{program}: neither checked nor left out for a reason"


@pytest.mark.parametrize("command", docs.commands(), ids=str)
def test_every_command_exists_and_parses(command: Command) -> None:
    for words in docs.words_of(command.text):
        check_words(words)


@pytest.mark.parametrize(
    "text",
    [
        "eden explode STUDY_ID",
        "eden discover --limits 3",
        "eden discover --limit none",
        "eden process-batch",
        "eden embedded eden explode",
        "dbt builds",
        "dbt build --fully-refresh",
        "prefect work-pool make eden",
        "prefect worker start --puddle eden",
        "prefect deployment run etl/every-9-minutes",
        "prefect deployment run process-study-to-s3/manual --param study=1",
        "make tea",
        "export path",
        "curl https://example.org | sh",
    ],
)
def test_a_command_that_does_not_exist_is_noticed(text: str) -> None:
    with pytest.raises((AssertionError, KeyError, ClickException, CycloptsError)):
        for words in docs.words_of(text):
            check_words(words)


def test_every_reason_for_leaving_a_program_out_is_needed() -> None:
    used = {words[0] for command in docs.commands() for words in docs.words_of(command.text)}
    assert set(LEFT_OUT) <= used


def test_commands_stand_in_blocks_that_say_so() -> None:
    hidden = [block for block in docs.blocks("", "text") if re.search(r"^\$ ", block.text, re.M)]
    assert hidden == []
    known = {*docs.SHELLS, "", "text", "sql", "python", "yaml"}
    assert {block.language for block in all_blocks()} <= known


def all_blocks() -> list[docs.Block]:
    return [block for path in docs.pages() for block in docs.blocks_of(path)]


@pytest.mark.parametrize("block", docs.blocks("python"), ids=lambda b: f"{b.page}:{b.line}")
def test_python_compiles_and_imports_what_there_is(block: docs.Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, name.name) for name in node.names)


@pytest.mark.parametrize("block", docs.blocks("yaml"), ids=lambda b: f"{b.page}:{b.line}")
def test_yaml_is_yaml(block: docs.Block) -> None:
    assert yaml.safe_load(block.text)


INLINE = re.compile(r"`(?:\.venv/bin/)?(eden|make|prefect) ([^`]+)`")


def inline_commands() -> Iterator[tuple[str, str, str]]:
    for path in docs.pages():
        text = docs.FENCE.sub("", path.read_text(encoding="utf-8")).replace("\\|", "|")
        for program, rest in INLINE.findall(text):
            yield path.name, program, rest


def test_commands_in_sentences_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text(), re.M))
    for page, program, rest in inline_commands():
        words = re.sub(r"[\[\]]|\.\.\.", " ", rest).split()
        if program == "prefect":
            check_prefect(words)
        elif program == "make":
            assert words[0] in targets, (page, rest)
        elif not words[0].isupper():
            command = cli.commands.get(words[0])
            assert command is not None, (page, rest)
            known = {name for option in command.params for name in option.opts}
            known |= {name for option in command.params for name in option.secondary_opts}
            assert {word for word in words if word.startswith("--")} <= known, (page, rest)


def test_the_readme_says_what_every_code_of_an_error_means() -> None:
    packages = ("eden", "dlt_pipelines", "dicom_export", "flows")
    texts = [
        path.read_text(encoding="utf-8")
        for package in packages
        for path in (PROJECT_ROOT / package).rglob("*.py")
    ]
    codes = {code for text in texts for code in re.findall(r'^    code = "(\w+)"$', text, re.M)}
    assert len(codes) > 20
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## When something is wrong")[2].partition("\n## ")[0]
    assert {code for code in codes if not re.search(rf"^\|[^|]*`{code}\b", table, re.M)} == set()


def test_the_readme_lists_every_command_with_its_options() -> None:
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8").replace("\\|", "|")
    rows = dict(re.findall(r"^\| `eden ([a-z-]+)([^`]*)` \|", readme, re.M))
    assert set(rows) == set(cli.commands)
    for name, usage in rows.items():
        for option in cli.commands[name].params:
            if isinstance(option, click.Option) and option.name != "as_json":
                spellings = [*option.opts, *option.secondary_opts]
                assert any(word in usage for word in spellings), (name, option.name)


# Settings --------------------------------------------------------------------------------------


def variables() -> dict[str, Any]:
    """Every variable that ``eden/settings.py`` reads, with its default."""
    found: dict[str, Any] = {}
    for group in (
        settings.SourceDatabase,
        settings.DestinationDatabase,
        settings.ObjectStore,
        settings.Sync,
        settings.Export,
        settings.Machine,
        settings.Prefect,
    ):
        prefix = group.model_config.get("env_prefix", "")
        for name, field in group.model_fields.items():
            alias = field.validation_alias
            if alias is not None and not isinstance(alias, str):
                alias = str(alias.choices[0])
            found[alias or f"{prefix}{name}".upper()] = field
    return found


def is_prefects(name: str) -> bool:
    return name.startswith("PREFECT_")


def configuration_table() -> dict[str, str]:
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Configuration")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]*) \|", section, re.M)
    return {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}


def test_every_group_of_settings_is_known() -> None:
    groups = {
        name
        for name, value in vars(settings).items()
        if inspect.isclass(value) and issubclass(value, settings._Group)
    } - {"_Group", "Database"}
    assert groups == {
        "SourceDatabase",
        "DestinationDatabase",
        "ObjectStore",
        "Sync",
        "Export",
        "Machine",
        "Prefect",
    }


def test_the_readme_names_every_setting_with_its_default() -> None:
    table = configuration_table()
    compose = (PROJECT_ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert set(table) == set(variables()) | set(re.findall(r"[^$]\$\{(\w+)", compose))
    for name, field in variables().items():
        default = "must be set" if field.is_required() else field.default
        if isinstance(default, Path):
            default = default.relative_to(PROJECT_ROOT)
        if default not in (None, ()):
            assert table[name].strip("`") == str(default), name
        else:
            # What then holds is said in words.
            assert "`" not in table[name], name


def test_the_example_names_every_setting() -> None:
    example = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    named = dict(re.findall(r"^#?([A-Z0-9_]+)=(.*)$", example, re.M))
    ours = {name: field for name, field in variables().items() if not is_prefects(name)}
    assert {name for name in named if not is_prefects(name)} == set(ours)
    for name, field in ours.items():
        if named[name] and isinstance(field.default, str | int):
            assert named[name] == str(field.default), name


# Links, pages, images --------------------------------------------------------------------------


def anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def test_links_lead_somewhere() -> None:
    for path in (*docs.pages(), *docs.readmes(), *docs.decisions()):
        text = docs.FENCE.sub("", path.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith("https://"):
                continue
            name, _, heading = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            assert file.exists(), (path.name, target)
            if heading:
                titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.M)
                assert heading in map(anchor, titles), (path.name, target)


def test_the_index_lists_every_page() -> None:
    index = (PROJECT_ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"\]\(([a-z-]+\.md)\)", index))
    assert listed == {path.name for path in docs.pages() if path.name != "README.md"}


ROOMS = (
    "benchmarks", "dicom_export", "dicom_export/deidentify", "dicom_export/deidentify/files",
    "dicom_export/deidentify/reports", "dicom_export/ledger", "dicom_export/prepare",
    "dicom_export/publish", "dicom_export/sources", "dicom_export/status", "dicom_export/withdraw",
    "dlt_pipelines", "eden", "eden/demo", "eden/embedded", "eden/warehouse", "eden_cli", "flows",
    "models", "tests",
)  # fmt: skip
ONE_SCREEN = 70


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_readme_of_one_screen(room: str) -> None:
    readme = PROJECT_ROOT / room / "README.md"
    assert readme in docs.readmes()
    text = readme.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= ONE_SCREEN
    assert "Try it alone" in text or "```" in text


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in ("benchmarks", "tests")])
def test_a_readme_names_every_file_of_its_room(room: str) -> None:
    text = (PROJECT_ROOT / room / "README.md").read_text(encoding="utf-8")
    for file in (PROJECT_ROOT / room).glob("*.py"):
        assert file.stem.startswith("__") or file.name in text or f"`{file.stem}`" in text, file


def test_no_file_is_longer_than_the_style_allows() -> None:
    limits = {"eden": 500, "eden_cli": 500, "flows": 500, "dlt_pipelines": 500}
    limits |= {"dicom_export": 500, "tests": 600}
    for folder, most in limits.items():
        for file in (PROJECT_ROOT / folder).rglob("*.py"):
            assert len(file.read_text(encoding="utf-8").splitlines()) <= most, file


def test_images_are_small_and_shown() -> None:
    shown = "".join(path.read_text(encoding="utf-8") for path in docs.pages())
    for image in (PROJECT_ROOT / "docs" / "images").iterdir():
        assert image.stat().st_size < MAX_IMAGE_BYTES, image.name
        assert f"images/{image.name})" in shown, image.name


# What the older system had ---------------------------------------------------------------------

CELERY_TASKS = (
    "ETL task",
    "validation task",
    "`sync_organizations`",
    "`sync_data_from_by_organization`",
    "`sync_pending_data_by_organization`",
    "`discover_chest_dicom_studies`",
    "`process_study_to_s3`",
    "`process_study_batch_to_s3`",
)
CELERY_SCHEDULES = ("every 10 minutes", "2 AM", "6 AM", "7 AM", "`celery_config.py`")
CELERY_SETTINGS = (
    *(f"`SOURCE_DATABASE_{part}`" for part in ("NAME", "USER", "PASS", "HOST", "PORT")),
    *(f"`DESTINATION_DATABASE_{part}`" for part in ("NAME", "USER", "PASS", "HOST", "PORT")),
    "`REDIS_URL`",
    "`AWS_ACCESS_KEY_ID`",
    "`AWS_SECRET_ACCESS_KEY`",
    "`AWS_REGION_NAME`",
    "`S3_BUCKET_NAME`",
    "`SENTRY_DNS`",
    "`FLOWER_USER`",
    "`FLOWER_PASSWORD`",
    "`SECRET_KEY`",
    "`LOGGING_LEVEL`",
    "`concurrency=2`",
    "`max_tasks_per_child=10`",
)
CELERY_TARGETS = (
    *(f"`make {name}`" for name in ("init", "up", "bash", "format", "logs")),
    "`docker-compose up -d`",
    "`docker-compose logs -f celery_worker_intelligence`",
)
CELERY_PARTS = ("Redis", "Celery worker", "Celery Beat", "Flower", "yoyo", "localhost:5555/flower")
CELERY_MIGRATIONS = ("`migrations/`", "`general_migrations/`")
CELERY_FILES = (
    "`celery_app.py`",
    "`cron_tasks.py`",
    "`database.py`",
    "`tasks.py`",
    "`utils.py`",
    "`run_worker.py`",
    "`scripts/`",
    "chest_dicom_studies.py",
    "dim_facitities.py",
    "dim_modalities.py",
    "dim_practitioners.py",
    "dim_technicians.py",
    "fact_studies.py",
    "schema_organizations.py",
    "sync_records.py",
    "sync/constants.py",
    "sync/database_breach.py",
    "sync/dicom_pipeline.py",
    "sync/facilities.py",
    "sync/modalities.py",
    "sync/organizations.py",
    "sync/practitioners.py",
    "sync/studies.py",
    "`SyncBase`",
    "sync/sync_validator.py",
    "sync/s3_service.py",
    "`_upload_dicom_files`",
)
CELERY_RESULT = (
    "`study_id`",
    "`organization_id`",
    "`success`",
    "`dicom_files_uploaded`",
    "`reports_uploaded`",
    "`metadata_uploaded`",
    "`errors`",
)
ON_PURPOSE = ("Accents", "Ties", "Demo organizations", "De-identification is chosen")


@pytest.mark.parametrize(
    "name",
    [
        *CELERY_TASKS,
        *CELERY_SCHEDULES,
        *CELERY_SETTINGS,
        *CELERY_TARGETS,
        *CELERY_PARTS,
        *CELERY_MIGRATIONS,
        *CELERY_FILES,
        *CELERY_RESULT,
        *ON_PURPOSE,
    ],
)
def test_the_page_about_the_celery_system_leaves_nothing_out(name: str) -> None:
    page = PROJECT_ROOT / "docs" / "from-the-celery-system.md"
    assert name in page.read_text(encoding="utf-8")

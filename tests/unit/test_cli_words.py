"""What commands say: whole lines, words as they are, one document."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from click.testing import CliRunner
from rich.console import Console

from dicom_export import StudyResult
from dlt_pipelines import Difference, ValidationSummary
from dlt_pipelines.remove_organization import KnownOrganization
from eden.errors import NotForgotten, ServiceFailed
from eden_cli import cli, docs_page, exporting, forgetting, output, status_page, tables
from eden_cli.status_page import OrganizationStatus, Status

BRACKETS = "odd[/red] [bold]slug"
THEN = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
ONE = OrganizationStatus(
    organization_id=UUID(int=1),
    slug=BRACKETS,
    schema="staging_odd",
    is_forgotten=False,
    is_removed=False,
    last_read=THEN,
    newest_row=THEN,
    last_change=THEN,
    rows_read=1,
    rows_written=1,
    rows_deleted=0,
)


def test_a_slug_in_brackets_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    status = Status(
        last_sync=THEN,
        last_build=THEN,
        build_is_due=False,
        build_due_since=None,
        organizations=(ONE, replace(ONE, slug="plain")),
        failures=(),
        export=None,
        tenants=(),
        now=THEN,
    )
    status_page.show(output.console(), status)
    assert BRACKETS in capsys.readouterr().err


def test_what_validate_found_fits_on_a_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    slugs = {UUID(int=number): f"clinica-norte-{number:03}" for number in range(1, 99)}
    found = [Difference("pacs_practitioners", one, 0, 1_234) for one in slugs]
    found[70].refused, found[71].missing = 1_000, 99_999
    summary = ValidationSummary(UUID(int=1), 98, tuple(found), (), 1.0, slugs)
    tables.show_validation(output.console(), summary)
    lines = capsys.readouterr().err.splitlines()
    rows = [line.split() for line in lines if "pacs_practitioners" in line]
    assert rows[:2] == [
        ["pacs_practitioners", "clinica-norte-071", "0", "1,234", "0", "1,000"],
        ["pacs_practitioners", "clinica-norte-072", "99,999", "1,234", "0", "0"],
    ]
    assert len(rows) == tables.SHOWN
    assert len(lines) < 30
    assert "... and 78 more; --json has all" in lines


def test_a_slug_that_two_organizations_have_is_shown_as_the_id(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, other = UUID(int=1), UUID(int=2)
    found = (Difference("pacs_studies", one, 1), Difference("pacs_body_part", None, 1))
    summary = ValidationSummary(one, 2, found, (), 1.0, {one: "same", other: "same"})
    tables.show_validation(Console(stderr=True, width=200), summary)
    said = capsys.readouterr().err
    assert str(one) in said
    assert "same" not in said


def test_an_id_in_brackets_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    exporting._explain_failure(StudyResult("[/x]", "", False, 0, 0, False, ("MALFORMED_STUDY_ID",)))
    assert capsys.readouterr().err == "[/x]: held back (MALFORMED_STUDY_ID)\n"


def test_the_list_of_commands_has_whole_lines_on_eighty_columns() -> None:
    told = CliRunner().invoke(cli, ["--help"], terminal_width=80)
    commands = told.stdout.partition("Commands:\n")[2].splitlines()
    assert len(commands) == len(cli.commands)
    assert all(line.endswith(".") and not line.endswith("...") for line in commands), commands


@pytest.mark.parametrize("is_told", [True, False])
def test_there_is_one_document_also_where_a_command_fails_later(
    monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    def fail(**_: object) -> bool:
        if is_told:
            output.document({"address": "here"})
        raise ServiceFailed("it has ended")

    monkeypatch.setattr(docs_page, "docs", fail)
    done = CliRunner().invoke(cli, ["docs", "--json"])
    assert done.exit_code == 1
    assert set(json.loads(done.stdout)) == ({"address"} if is_told else {"success", "error"})
    assert done.stderr == "SERVICE_FAILED: it has ended\n"


def test_ctrl_c_at_the_question_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("click.termui.visible_prompt_func", interrupt)
    organization = KnownOrganization(UUID(int=1), "clinica", "", "", "", False, False)
    with pytest.raises(NotForgotten, match="not confirmed; nothing was done"):
        forgetting._ask(organization)

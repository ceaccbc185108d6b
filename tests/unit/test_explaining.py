"""What ``eden explain`` says of a study, wherever it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dicom_export import Explanation
from dicom_export.codes import StudyStatus
from dicom_export.criteria import CRITERIA
from dicom_export.status.explain import Criterion, ImageCount, LedgerEntry, label
from eden_cli import explaining, output

STUDY = "55555555-0000-0000-0000-000000000001"
THEN = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)

ENTRY = LedgerEntry(
    status=StudyStatus.EXPORTED,
    attempts=2,
    doctor_rank=3,
    first_seen_at=THEN,
    exported_at=THEN,
    updated_at=THEN,
    next_attempt_at=THEN,
    lease_owner="worker[1]:7:abc",
    lease_until=THEN,
    deidentification="basic",
    error_codes={},
    errors=(),
    images=(),
)

FOUND = Explanation(
    study_id=STUDY,
    organization_id="00000000-0000-0000-0000-000000000001",
    organization_slug="clínica [bold]d'or",
    is_replicated=True,
    deleted_at=None,
    is_build_due=False,
    is_eligible=True,
    doctor_rank=3,
    criteria=tuple(Criterion(each.column, each.title, True, None) for each in CRITERIA),
    signers=(),
    ledger=ENTRY,
)


def failing(*names: str) -> Explanation:
    criteria = tuple(
        replace(one, is_met=False, reason="so it is") if one.name in names else one
        for one in FOUND.criteria
    )
    return replace(FOUND, is_eligible=False, doctor_rank=None, criteria=criteria)


def told(
    found: Explanation, capsys: pytest.CaptureFixture[str], *, deidentifies: bool = True
) -> str:
    explaining.show(output.console(), found, deidentifies=deidentifies)
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (StudyStatus.WAITING, "waiting for a discovery after 2026-06-30 12:00 UTC."),
        (StudyStatus.EXPORTING, "in the hands of worker[1]:7:abc until 2026-06-30 12:00 UTC."),
        (StudyStatus.EXPORTED, "in the bucket since 2026-06-30 12:00 UTC."),
        (StudyStatus.INCOMPLETE, "incomplete after 2 attempts, tried again after 2026-06-30"),
        (StudyStatus.FAILED, f"failed after 2 attempts; eden process-study {STUDY} tries again."),
        (StudyStatus.QUARANTINED, "in quarantine since 2026-06-30 12:00 UTC; a person has to"),
        (StudyStatus.WITHDRAWN, "withdrawn from the bucket on 2026-06-30 12:00 UTC."),
    ],
)
def test_each_place_in_the_ledger_has_its_words(
    status: StudyStatus, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = replace(FOUND, ledger=replace(ENTRY, status=status))
    said = told(found, capsys)
    assert f"Export: {words}" in said
    assert f"Study {STUDY} of clínica [bold]d'or is eligible, by a doctor of rank 3." in said


def test_what_is_no_longer_eligible_is_withdrawn_unless_only_ranks_have_moved(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "to be withdrawn" in told(failing("is_chest"), capsys)
    assert "to be withdrawn" in told(failing("is_chest", "has_ranked_signer"), capsys)
    said = told(failing("has_ranked_signer"), capsys)
    assert "it stays as it is, since only its doctors' ranks have moved" in said
    assert "  4  no   signed by a doctor of the chosen ranks: so it is" in said
    for mode in ("off", None):
        sent = replace(failing("has_ranked_signer"), ledger=replace(ENTRY, deidentification=mode))
        assert "to be withdrawn, since it is not known to be de-identified" in told(sent, capsys)
        assert "it stays as it is" in told(sent, capsys, deidentifies=False)
    waiting = replace(failing("is_chest"), ledger=replace(ENTRY, status=StudyStatus.WAITING))
    assert "left alone while it is not eligible" in told(waiting, capsys)
    # Not yet answered is not a no.
    unbuilt = replace(FOUND, is_eligible=None, criteria=())
    assert "withdrawn" not in told(unbuilt, capsys)


def test_errors_and_images_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    errors = tuple(f"NO_PATH: image {number}" for number in range(12))
    entry = replace(
        ENTRY,
        status=StudyStatus.INCOMPLETE,
        errors=errors,
        error_codes={"NO_PATH": 12},
        images=(ImageCount("missing", "NO_PATH", 12), ImageCount("exported", None, 1)),
    )
    said = told(replace(FOUND, ledger=entry), capsys)
    assert "Errors of the last attempt: 12 NO_PATH." in said
    assert "image 9" in said
    assert "image 10" not in said
    assert "and 2 more (--json has all)" in said
    assert "missing" in said


def test_what_people_typed_cannot_drive_a_terminal() -> None:
    assert label("CR") == "CR"
    assert label("\x1b[31mCR\x9b\n") == "[31mCR"
    assert label("x" * 50) == "x" * 40 + "…"

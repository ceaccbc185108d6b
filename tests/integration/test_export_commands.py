"""The export's commands on a real warehouse: from a change in the source to the bucket and back."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner

from eden.demo.hospital import Hospital
from eden_cli import cli
from tests.conftest import Services
from tests.support import oracle


@dataclass(frozen=True)
class Said:
    """What a command printed for programs and for people, and how it ended."""

    code: int
    document: Any
    words: str


def eden(*words: str) -> Said:
    done = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    return Said(done.exit_code, json.loads(done.stdout or "null"), " ".join(done.stderr.split()))


def told(*words: str) -> Said:
    done = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    assert done.stdout == ""
    return Said(done.exit_code, None, " ".join(done.stderr.split()))


def keys_of(services: Services, study_id: UUID) -> list[str]:
    folder = services.bucket_folder
    return [str(p) for p in folder.rglob("*") if p.is_file() and str(study_id) in str(p)]


def funnel() -> dict[str, Any]:
    found = eden("status").document["export"]
    statuses = ("waiting", "exporting", "exported", "incomplete", "failed", "quarantined")
    assert found["eligible"] == sum(found[status] for status in statuses)
    return found


@pytest.mark.timeout(600)
def test_what_the_source_takes_back_leaves_the_bucket(
    services: Services, hospital: Hospital
) -> None:
    assert eden("etl").code == 0
    assert funnel()["waiting"] == len(oracle.eligible_studies(hospital))
    foreseen = eden("discover", "--dry-run")
    assert (foreseen.code, foreseen.document["dry_run"]) == (0, True)
    assert "PUT requests." in told("discover", "--dry-run").words
    assert funnel()["oldest_waiting"] is None
    done = eden("discover")
    assert done.document["counts"] == {"exported": foreseen.document["studies"]}
    objects = [path for path in services.bucket_folder.rglob("*") if path.is_file()]
    assert len(objects) == foreseen.document["put_requests"]
    assert eden("discover", "--dry-run").document["put_requests"] == 0

    studies = sorted(oracle.eligible_studies(hospital))
    modality, part, unsigned, migrated, deleted = studies[:5]
    with services.source() as source:
        for query, study_id in (
            (
                "UPDATE pacs_studies SET modality_id = NULL, updated_at = now() WHERE id = %s",
                modality,
            ),
            (
                "UPDATE pacs_studies SET body_part_id = NULL, dicom_description = 'MANO', "
                "updated_at = now() WHERE id = %s",
                part,
            ),
            (
                "UPDATE pacs_reports SET status = 'DRAFT', updated_at = now() WHERE study_id = %s",
                unsigned,
            ),
            ("UPDATE pacs_studies SET migrated = true, updated_at = now() WHERE id = %s", migrated),
            (
                "DELETE FROM pacs_images WHERE series_id IN "
                "(SELECT id FROM pacs_series WHERE study_id = %s)",
                deleted,
            ),
            ("DELETE FROM pacs_series WHERE study_id = %s", deleted),
            ("DELETE FROM pacs_reports WHERE study_id = %s", deleted),
            ("DELETE FROM pacs_studies WHERE id = %s", deleted),
        ):
            source.execute(query, (study_id,))
    eden("etl")
    # Deleted, as far as anybody knows, is only what validate has found to be.
    assert funnel()["not_eligible"]["to_withdraw"] == 4
    assert eden("validate").code == 0
    eden("etl")
    gone = studies[:5]
    found = funnel()["not_eligible"]
    assert (found["to_withdraw"], found["refused"]) == (5, 5)

    refused = told("discover")
    assert refused.code == 1
    assert "WITHDRAWAL_REFUSED: 5 of" in refused.words
    assert "--allow-mass-withdraw" in told("status").words
    assert all(keys_of(services, study_id) for study_id in gone)
    foreseen = eden("discover", "--dry-run", "--allow-mass-withdraw")
    assert foreseen.document["withdrawals"]["studies"] == 5

    done = eden("discover", "--allow-mass-withdraw")
    assert done.code == 0
    assert done.document["withdrawals"] == {"withdrawn": 5, "refused": 0, "failed": []}
    assert not any(keys_of(services, study_id) for study_id in gone)
    assert funnel()["not_eligible"]["withdrawn"] == 5
    answer = eden("process-study", str(part))
    assert answer.code == 1
    assert "it is not a chest study" in answer.document["error"]["message"]

    with services.source() as source:
        source.execute(
            "UPDATE pacs_studies SET migrated = false, updated_at = now() WHERE id = %s",
            (migrated,),
        )
    eden("etl")
    assert eden("discover").document["counts"] == {"exported": 1}
    assert keys_of(services, migrated)
    assert funnel()["not_eligible"]["withdrawn"] == 4


@pytest.mark.timeout(600)
def test_chosen_studies_and_those_that_a_person_puts_back(
    services: Services, hospital: Hospital
) -> None:
    good, doubtful = sorted(oracle.eligible_studies(hospital))[:2]
    with services.source() as source:
        (image_id,) = source.execute(
            "UPDATE pacs_images SET sop_instance_uid = '1.2.3' WHERE id = (SELECT image.id "
            "FROM pacs_images AS image JOIN pacs_series AS series ON series.id = image.series_id "
            "WHERE series.study_id = %s AND NOT image.deleted AND NOT series.deleted LIMIT 1) "
            "RETURNING id",
            (doubtful,),
        ).fetchone() or (None,)
    eden("etl")
    unknown = str(uuid.uuid4())
    migrated = next(str(study.id) for study in hospital.studies if study.migrated)

    batch = eden("process-batch", str(good), unknown, "42", migrated, str(good).upper(), str(good))
    assert batch.code == 1
    results = batch.document["results"]
    assert [result["success"] for result in results] == [True, False, False, False, True, True]
    codes = [error.split(":")[0] for result in results for error in result["errors"]]
    assert codes == ["UNKNOWN_STUDY", "MALFORMED_STUDY_ID", "NOT_ELIGIBLE"]
    assert "migrated" in results[3]["errors"][0]
    for study_id, code in ((unknown, "UNKNOWN_STUDY"), ("42", "MALFORMED_STUDY_ID")):
        answer = eden("process-study", study_id)
        assert (answer.code, answer.document["error"]["code"]) == (1, code)
    with services.warehouse() as warehouse:
        warehouse.execute(
            "UPDATE ops.study_exports SET status = 'exporting', lease_owner = 'another', "
            "lease_until = now() + interval '1 hour'"
        )
        elsewhere = eden("process-study", str(good))
        assert elsewhere.code == 1
        assert elsewhere.document["errors"] == ["BEING_EXPORTED: another worker has it"]
        assert elsewhere.document["metadata_uploaded"] is True
        warehouse.execute("UPDATE ops.study_exports SET status = 'exported', lease_owner = NULL")

    assert eden("process-study", str(doubtful)).code == 1
    assert keys_of(services, doubtful) == []
    (needy,) = funnel()["needs_person"]
    assert (needy["study_id"], needy["codes"]) == (str(doubtful), ["INSTANCE_MISMATCH"])
    assert needy["errors"] == [f"INSTANCE_MISMATCH: image {image_id}"]
    shown = told("status").words
    assert str(doubtful) in shown
    assert "INSTANCE_MISMATCH" in shown

    for words, code, said in (
        (["--accept", f"{image_id}:RESIDUAL_PHI", "--reason", "x"], 2, "cannot be accepted"),
        (["--accept", f"{image_id}:INSTANCE_MISMATCH"], 2, "belong together"),
        (["--accept", "nonsense", "--reason", "x"], 2, "is not IMAGE_ID:CODE"),
        (["--accept", f"{image_id}:STUDY_MISMATCH", "--reason", "x"], 1, "nothing was accepted"),
    ):
        answer = eden("retry", str(doubtful), *words)
        assert (answer.code, said in answer.document["error"]["message"]) == (code, True)
        assert said in told("retry", str(doubtful), *words).words
    assert eden("retry", str(good)).document["error"]["code"] == "NOT_HELD_BACK"
    assert eden("retry", unknown).code == 1
    assert funnel()["quarantined"] == 1

    accept = ["--accept", f"{image_id}:INSTANCE_MISMATCH", "--reason", "numbered anew"]
    put_back = eden("retry", str(doubtful), *accept)
    assert (put_back.code, put_back.document["status"]) == (0, "waiting")
    (accepted,) = put_back.document["accepted"]
    assert (accepted["image_id"], accepted["reason"]) == (str(image_id), "numbered anew")
    assert funnel()["oldest_waiting"]["study_id"] == str(doubtful)
    assert eden("process-study", str(doubtful)).code == 0
    assert keys_of(services, doubtful)

"""Why a study is not in the dataset: the answers are the rules', and tell nothing of patients."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import dicom_export
import dlt_pipelines
from dicom_export import Explanation
from eden.demo.hospital import Hospital, Row
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from tests.conftest import Services
from tests.support import oracle

EDEN = Path(sys.executable).parent / "eden"
NAMES = dict(
    zip(
        oracle.CRITERIA,
        (
            "has_eligible_modality",
            "is_chest",
            "has_signed_report",
            "has_ranked_signer",
            "is_not_demo",
            "is_not_migrated",
        ),
        strict=True,
    )
)


def explain(study_id: UUID | str) -> Explanation:
    return dicom_export.explain(load(DestinationDatabase), str(study_id))


def discover() -> dicom_export.DiscoverySummary:
    return dicom_export.discover(load(DestinationDatabase), load(ObjectStore), load(Export))


def reason_of(found: Explanation, name: str) -> str | None:
    (one,) = [one for one in found.criteria if one.name == NAMES[name]]
    return one.reason


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([EDEN, *words], capture_output=True, text=True, check=False)


def private_words(hospital: Hospital, study: Row) -> set[str]:
    """What must not be told of a study."""
    series = {one.id for one in hospital.series if one.study_id == study.id}
    said = {study.dicom_description, study.accession_number, study.study_instance_uid}
    said |= {str(study.patient_id)} if study.patient_id else set()
    said |= {one.content for one in hospital.reports if one.study_id == study.id}
    said |= {one.file_path for one in hospital.images if one.series_id in series}
    said |= {one.last_name for one in hospital.practitioners}
    return {text for text in said if text}


def check_reasons(hospital: Hospital, study: Row, found: Explanation) -> None:
    """Each reason names what the source says."""
    ranks = oracle.doctor_ranks(hospital)
    signers = {one.signed_by_id for one in oracle.signed_reports(hospital, study)}
    best = min((ranks[one][1] for one in signers if one in ranks), default=None)
    assert {one.practitioner_id: one.doctor_rank for one in found.signers} == {
        str(one): ranks[one][1] if one in ranks else None for one in signers
    }
    if reason := reason_of(found, "modality"):
        code = oracle.modality_code(hospital, study) or "no machine"
        assert re.fullmatch(rf"it .*\b{code}\b.*; the dataset takes CR and DX", reason)
    if reason := reason_of(found, "chest"):
        part = next((one for one in hospital.body_parts if one.id == study.body_part_id), None)
        assert (f"({part.identifier})" if part else "no body part") in reason
    if reason := reason_of(found, "signed_report"):
        reports = [one for one in hospital.reports if one.study_id == study.id]
        for report in reports:
            assert report.status in reason
            assert ("deleted" in reason.split(":")[1]) == any(one.deleted for one in reports)
        assert reports or reason == "it has no report"
    if reason := reason_of(found, "doctor_rank"):
        if not signers:
            assert reason == "nobody signed a report of it"
        elif best is None:
            assert reason == "no doctor who signed it has a rank"
        else:
            assert reason == f"its best-ranked signer has rank {best}; chosen are 2 to 6"


def test_every_study_is_explained_by_the_rules_and_by_nothing_of_its_patient(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.etl()
    expected, eligible = oracle.criteria(hospital), oracle.eligible_studies(hospital)
    failed: set[str] = set()
    for study in hospital.studies:
        found = explain(study.id)
        met = {name: next(c for c in found.criteria if c.name == NAMES[name]) for name in NAMES}
        assert {name: one.is_met for name, one in met.items()} == expected[study.id]
        assert all((one.reason is None) == one.is_met for one in found.criteria)
        assert [one.name for one in found.criteria] == list(NAMES.values())
        assert found.is_eligible is (study.id in eligible)
        rank = eligible[study.id].doctor_rank if study.id in eligible else None
        assert found.doctor_rank == rank
        assert found.organization_id == str(study.organization_id)
        assert found.is_replicated
        assert not found.is_build_due
        check_reasons(hospital, study, found)
        told = str(found.to_dict())
        for word in private_words(hospital, study):
            assert word not in told
        failed |= {name for name, one in met.items() if not one.is_met}
    assert failed == set(NAMES), "the hospital has no study that fails one of the criteria"


def test_the_command_tells_a_person_and_a_program(services: Services, hospital: Hospital) -> None:
    for unknown, code in ((str(uuid4()), "UNKNOWN_STUDY"), ("not-an-id", "MALFORMED_STUDY_ID")):
        done = run("explain", unknown)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(rf"{code}: .*{unknown}.*\n", done.stderr)
        refused = run("explain", unknown, "--json")
        assert refused.returncode == 1
        assert json.loads(refused.stdout)["error"]["code"] == code

    # Replicated, and nothing is built.
    dlt_pipelines.sync()
    study = next(study for study in hospital.studies if study.migrated)
    done = run("explain", str(study.id))
    assert done.returncode == 0
    assert "was replicated, but the marts do not have it yet: run eden etl" in done.stderr
    assert "A build is due" in done.stderr

    dlt_pipelines.etl()
    done = run("explain", str(study.id))
    assert (done.returncode, done.stdout) == (0, "")
    assert "is not eligible" in done.stderr
    assert "  6  no   not migrated from an older PACS: it was imported" in done.stderr
    assert "Export: it never was eligible at a discovery." in done.stderr
    assert "A build is due" not in done.stderr

    slug = next(o.slug for o in hospital.organizations if o.id == study.organization_id)
    document = json.loads(run("explain", str(study.id), "--json").stdout)
    assert list(document) == [
        "study_id",
        "organization_id",
        "organization_slug",
        "is_replicated",
        "deleted_at",
        "is_build_due",
        "is_eligible",
        "doctor_rank",
        "criteria",
        "signers",
        "ledger",
    ]
    assert document["organization_slug"] == slug
    assert list(document["criteria"][5]) == ["name", "title", "is_met", "reason"]


def test_what_the_ledger_says_is_told_as_well(services: Services, hospital: Hospital) -> None:
    eligible = oracle.eligible_studies(hospital)
    broken, whole, gone = sorted(
        (study for study in eligible if len(eligible[study].image_ids) >= 1), key=str
    )[:3]
    with services.source() as source:
        (image,) = sorted(eligible[broken].image_ids)[:1]
        source.execute("UPDATE pacs_images SET file_path = NULL WHERE id = %s", (image,))
    dlt_pipelines.etl()

    before = run("explain", str(whole))
    assert "Export: not discovered yet; the next discovery takes it." in before.stderr
    discover()

    found = explain(whole)
    assert found.ledger
    assert (found.ledger.status, found.ledger.attempts) == ("exported", 1)
    assert found.ledger.errors == ()
    assert found.ledger.exported_at
    assert found.ledger.next_attempt_at is None
    assert [(one.status, one.reason) for one in found.ledger.images] == [("exported", None)]
    assert "is eligible, by a doctor of rank" in run("explain", str(whole)).stderr

    found = explain(broken)
    assert found.ledger
    assert found.is_eligible
    assert found.ledger.status == "incomplete"
    assert found.ledger.error_codes == {"NO_PATH": 1}
    assert found.ledger.next_attempt_at
    assert ("missing", "NO_PATH", 1) in [
        (one.status, one.reason, one.images) for one in found.ledger.images
    ]
    told = run("explain", str(broken)).stderr
    assert "Export: incomplete after 1 attempt, tried again after " in told
    assert "Errors of the last attempt: 1 NO_PATH." in told
    document: dict[str, Any] = json.loads(run("explain", str(broken), "--json").stdout)
    assert document["ledger"]["error_codes"] == {"NO_PATH": 1}
    assert document["ledger"]["next_attempt_at"].startswith("20")

    # One is deleted for good, another stops being eligible; what was exported is remembered.
    with services.source() as source:
        source.execute("DELETE FROM pacs_studies WHERE id = %s", (gone,))
        source.execute(
            "UPDATE pacs_studies SET migrated = true, updated_at = now() WHERE id = %s", (whole,)
        )
    dlt_pipelines.validate()
    stale = explain(whole)
    assert stale.is_eligible
    assert stale.is_build_due
    dlt_pipelines.etl()
    found = explain(gone)
    assert found.deleted_at
    assert not found.is_replicated
    assert found.criteria == ()
    assert found.ledger
    told = run("explain", str(gone)).stderr
    assert "was deleted in the source" in told
    assert "to be withdrawn" in told
    assert "to be withdrawn" in run("explain", str(whole)).stderr


def test_wrong_usage_ends_with_2() -> None:
    assert run("explain").returncode == 2

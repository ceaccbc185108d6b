"""A study that is no longer eligible leaves the bucket, and only then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydicom.uid import generate_uid

import dicom_export
from dicom_export.connections import Connections
from dicom_export.errors import LeaseLost
from dicom_export.ledger.ledger import Ledger
from dicom_export.publish.bucket import Bucket
from dicom_export.withdraw import verdicts
from dicom_export.withdraw.verdicts import Withdrawer
from eden.settings import DestinationDatabase, load
from tests.support.exporting import PLANTED
from tests.support.exporting import requests as requests  # noqa: PLC0414  # fixture
from tests.support.marts import create_marts
from tests.support.ward import CRITERIA, Dying, Oracle, Requests, Ward
from tests.support.ward import broken as broken  # noqa: PLC0414  # fixture
from tests.support.ward import oracle as oracle  # noqa: PLC0414  # fixture
from tests.support.ward import switch as switch  # noqa: PLC0414  # fixture
from tests.support.ward import ward as ward  # noqa: PLC0414  # fixture


def test_a_study_that_fails_a_criterion_or_is_deleted_is_withdrawn(
    ward: Ward, requests: Requests
) -> None:
    reasons = [
        ("has_eligible_modality",),
        ("is_chest",),
        ("has_signed_report", "has_ranked_signer"),
        ("has_ranked_signer", "is_not_demo"),
        ("is_not_demo",),
        ("is_not_migrated",),
        ("deleted",),
    ]
    studies = [ward.add_study(images=2) for _ in reasons]
    stays = ward.add_study(images=1)
    ward.discover()
    requests.clear()
    for study, failed in zip(studies, reasons, strict=True):
        if failed == ("deleted",):
            ward.forget(study)
            ward.record_deletion(study)
        else:
            ward.judge(study, *failed)
    assert ward.funnel().not_eligible.to_withdraw == len(studies)

    summary = ward.discover(allow_mass_withdraw=True)

    assert summary.withdrawals.withdrawn == len(studies)
    assert summary.success
    assert summary.counts == {}
    assert set(ward.objects()) == ward.objects_of(stays)
    for study, failed in zip(studies, reasons, strict=True):
        keys = [study.metadata_key, *map(study.image_key, study.images), study.report_key]
        made = [request for request in requests if request[1].startswith(study.prefix)]
        assert made[0] == ("DELETE", study.metadata_key)
        assert sorted(made) == sorted(("DELETE", key) for key in keys)
        assert ward.status(study) == "withdrawn"
        result = ward.result(study)
        said = (
            "the source has deleted it"
            if failed == ("deleted",)
            else f"it fails {', '.join(failed)}"
        )
        assert result["errors"] == [f"WITHDRAWN: {said}"]
        assert (result["success"], result["dicom_files_uploaded"]) == (False, 0)
    assert ward.one("SELECT count(DISTINCT study_id) FROM ops.exported_objects") == 1
    assert ward.one("SELECT count(DISTINCT study_id) FROM ops.image_exports") == 1
    assert ward.funnel().not_eligible.withdrawn == len(studies)
    requests.clear()
    assert ward.discover().is_idle
    assert requests == []


def test_a_rank_that_moved_freezes_what_is_in_the_bucket(ward: Ward, requests: Requests) -> None:
    study, changing = ward.add_study(), ward.add_study()
    ward.discover()
    before = ward.objects()
    requests.clear()
    # One whose new version nobody has begun to send is in the bucket all the same.
    ward.touch(changing)
    ward.database.execute("UPDATE ops.study_exports SET policy = 'older'")
    Ledger(Connections(load(DestinationDatabase)), max_attempts=5).refresh(ward.policy())
    assert ward.status(changing) == "waiting"
    for frozen in (study, changing):
        ward.judge(frozen, "has_ranked_signer")

    assert ward.discover().is_idle

    assert (requests, ward.objects()) == ([], before)
    assert (ward.status(study), ward.status(changing)) == ("exported", "exported")
    assert ward.result(changing)["success"] is True
    assert ward.funnel().not_eligible.frozen == 2
    with pytest.raises(dicom_export.StudyNotEligible, match="no doctor of the chosen ranks"):
        dicom_export.process_study(*ward.settings(), study.study_id)
    (answer,) = dicom_export.process_batch(*ward.settings(), [study.study_id])
    assert (answer.dicom_files_uploaded, answer.metadata_uploaded) == (2, True)

    for frozen in (study, changing):
        ward.judge(frozen)
    assert ward.discover().counts == {"exported": 1}
    assert requests == [("PUT", changing.metadata_key)]

    ward.judge(study, "has_ranked_signer")
    ward.discover()
    ward.judge(study, "has_ranked_signer", "is_chest")
    assert ward.discover().withdrawals.withdrawn == 1
    assert ward.objects_of(study) == set()


def test_what_is_frozen_is_withdrawn_if_it_was_sent_before_the_switch(
    ward: Ward, switch: Callable[[str], None], oracle: Oracle
) -> None:
    first, second, eligible = (ward.add_study(images=2) for _ in range(3))
    ward.discover()
    for study in (first, second):
        ward.judge(study, "has_ranked_signer")
    assert ward.discover().is_idle
    oracle.requests.clear()

    switch("basic")

    # Two of three are a mass, whatever the reason.
    refused = {"studies": 0, "objects": 0, "refused": 2}
    assert oracle.foresee()["withdrawals"] == refused
    found = ward.funnel(deidentifies=True).not_eligible
    assert (found.frozen, found.to_withdraw, found.refused) == (0, 2, 2)
    summary = ward.discover()
    assert (summary.counts, summary.withdrawals.refused) == ({"exported": 1}, 2)
    oracle.requests.clear()
    removed = {"studies": 2, "objects": 8, "refused": 0}
    assert oracle.foresee(allow_mass_withdraw=True)["withdrawals"] == removed

    assert ward.discover(allow_mass_withdraw=True).withdrawals.withdrawn == 2

    for study in (first, second):
        its = [request for request in oracle.requests if request[1].startswith(study.prefix)]
        assert its[0] == ("DELETE", study.metadata_key)
        assert ward.status(study) == "withdrawn"
        said = "WITHDRAWN: it fails has_ranked_signer, and is not known to be de-identified"
        assert ward.result(study)["errors"] == [said]
    assert set(ward.objects()) == ward.objects_of(eligible)
    assert not [key for key, content in ward.objects().items() if PLANTED.encode() in content]
    evidence = ward.one(
        "SELECT withdrawal FROM ops.study_exports WHERE study_id = %s", first.study_id
    )
    assert evidence == ["has_ranked_signer", "not_deidentified"]

    # What was sent since is frozen by its rank alone, as ever.
    ward.judge(first)
    assert ward.discover().counts == {"exported": 1}
    for study in (first, eligible):
        ward.judge(study, "has_ranked_signer")
    oracle.requests.clear()
    assert ward.discover().is_idle
    assert oracle.requests == []
    assert ward.funnel(deidentifies=True).not_eligible.frozen == 2
    switch("off")
    assert ward.discover().is_idle


@pytest.mark.parametrize("requests_done", [None, 2])
def test_a_withdrawal_by_the_switch_is_ended_or_taken_back(
    ward: Ward, switch: Callable[[str], None], requests_done: int | None
) -> None:
    study = ward.add_study(images=2)
    ward.discover()
    before = ward.objects()
    ward.judge(study, "has_ranked_signer")
    database, bucket, _ = ward.settings()
    with Connections(database) as connections:
        ledger = Ledger(connections, max_attempts=5)
        decision = verdicts.decide(connections, allow_mass=False, deidentifies=True)
        assert decision.pending == 1
        if requests_done is not None:
            (lease,) = ledger.claim_withdrawals(10, decision.at)
            with pytest.raises(SystemExit):
                Withdrawer(Dying(Bucket(bucket), requests_done), ledger).withdraw(lease)  # type: ignore[arg-type]
    ward.database.execute("UPDATE ops.study_exports SET lease_until = now()")
    switch("off")

    ward.discover()

    assert ward.status(study) == ("exported" if requests_done is None else "withdrawn")
    assert ward.objects() == (before if requests_done is None else {})
    ward.funnel()


def test_absence_is_no_evidence(ward: Ward, requests: Requests) -> None:
    studies = [ward.add_study(images=1) for _ in range(3)]
    ward.discover()
    requests.clear()
    for study in studies:
        ward.forget(study)
    assert ward.discover().is_idle
    assert ward.funnel().not_eligible.unexplained == 3

    # A deletion that was taken back since is none.
    back = studies[0]
    ward.record_deletion(back)
    ward.database.execute(
        "CREATE TABLE staging.partition PARTITION OF staging.pacs_studies "
        f"FOR VALUES IN ('{back.organization_id}')"
    )
    ward.database.execute(
        "INSERT INTO staging.pacs_studies (id, organization_id) VALUES (%s, %s)",
        (back.study_id, back.organization_id),
    )
    assert ward.discover().is_idle
    # Nor are deletions of other tables' rows.
    ward.database.execute(
        "INSERT INTO ops.deletions VALUES ('pacs_reports', NULL, %s, gen_random_uuid())",
        (studies[1].study_id,),
    )
    assert ward.discover().is_idle

    ward.database.execute("DROP TABLE analytics.study_eligibility")
    with pytest.raises(dicom_export.WarehouseNotBuilt):
        ward.discover(allow_mass_withdraw=True)
    assert requests == []
    assert {ward.status(study) for study in studies} == {"exported"}


def test_a_build_between_two_marts_is_no_evidence(ward: Ward, requests: Requests) -> None:
    study, waiting = ward.add_study(), ward.add_study()
    dicom_export.process_study(*ward.settings(), study.study_id)
    requests.clear()
    # study_eligibility is built, the reports and images are; the studies are not.
    for one in (study, waiting):
        ward.judge(one, "is_chest")
        ward.database.execute("INSERT INTO analytics.eligible_studies TABLE aside.eligible_studies")
        ward.database.execute("TRUNCATE aside.eligible_studies")
    ward.touch(study)

    summary = ward.discover()

    assert (requests, summary.counts, summary.left) == ([], {}, 2)
    assert study.metadata_key in ward.objects()
    for one in (study, waiting):
        ward.judge(one, "is_chest")
    assert ward.discover().withdrawals.withdrawn == 2
    assert ward.objects() == {}


@pytest.mark.parametrize(
    ("exported", "leaving", "refused"),
    [(1, 1, 0), (3, 1, 0), (3, 2, 2), (40, 2, 0), (40, 3, 3), (100, 5, 0), (100, 6, 6)],
)
def test_more_than_one_in_twenty_is_a_mass_but_one_never_is(
    services: Any, exported: int, leaving: int, refused: int
) -> None:
    with services.warehouse() as database:
        create_marts(database, "eligible_studies", "study_eligibility")
        database.execute(
            "INSERT INTO ops.study_exports (study_id, organization_id, fingerprint, status) "
            "SELECT gen_random_uuid(), gen_random_uuid(), '', 'exported' "
            "FROM generate_series(1, %s)",
            (exported,),
        )
        database.execute(
            "INSERT INTO ops.exported_objects (study_id, key, kind, sha256, bytes) "
            "SELECT study_id, 'm', 'metadata', '', 0 FROM ops.study_exports"
        )
        database.execute(
            f"INSERT INTO analytics.study_eligibility (study_id, {', '.join(CRITERIA)}) "
            "SELECT study_id, true, false, true, true, true, true FROM ops.study_exports LIMIT %s",
            (leaving,),
        )
        with Connections(load(DestinationDatabase)) as connections:
            foreseen = verdicts.preview(connections, allow_mass=False, deidentifies=False)
            allowed = verdicts.preview(connections, allow_mass=True, deidentifies=False)
            assert allowed.refused == 0
            decided = verdicts.decide(connections, allow_mass=False, deidentifies=False)
        assert foreseen.refused == decided.refused == refused
        assert foreseen.pending == decided.pending == (0 if refused else leaving)
        assert decided.exported == exported


def test_a_mass_is_refused_and_the_rest_goes_on(ward: Ward, requests: Requests) -> None:
    studies = [ward.add_study(images=1) for _ in range(3)]
    broken = ward.add_study(images=1)
    broken.images[0].path.unlink()
    ward.discover()
    requests.clear()
    for study in (*studies[:2], broken):
        ward.judge(study, "is_not_demo")
    new = ward.add_study(images=1)
    before = {key for study in studies for key in ward.objects_of(study)}

    summary = ward.discover()

    assert (summary.withdrawals.refused, summary.withdrawals.exported) == (2, 3)
    assert summary.withdrawals.withdrawn == 0
    assert summary.counts == {"exported": 1}
    assert not summary.success
    assert before <= set(ward.objects())
    assert {key.startswith(new.prefix) for _, key in requests} == {True}
    found = ward.funnel()
    # Now four are exported; two of them are still many.
    assert (found.not_eligible.to_withdraw, found.not_eligible.refused) == (3, 2)

    assert ward.discover(allow_mass_withdraw=True).withdrawals.withdrawn == 3
    assert set(ward.objects()) == ward.objects_of(studies[2]) | ward.objects_of(new)


@pytest.mark.parametrize("requests_done", range(5))
def test_a_crash_in_the_middle_of_a_withdrawal_is_made_good(ward: Ward, requests_done: int) -> None:
    study, other = ward.add_study(images=2), ward.add_study(images=1)
    ward.discover()
    ward.put(f"{study.prefix}/stray")
    for one in (study, other):
        ward.judge(one, "is_chest")
    database, bucket, _ = ward.settings()
    with Connections(database) as connections:
        ledger = Ledger(connections, max_attempts=1)
        decision = verdicts.decide(connections, allow_mass=True, deidentifies=False)
        (lease,) = [
            lease
            for lease in ledger.claim_withdrawals(10, decision.at)
            if lease.study_id == study.study_id
        ]
        with pytest.raises(SystemExit):
            Withdrawer(Dying(Bucket(bucket), requests_done), ledger).withdraw(lease)  # type: ignore[arg-type]
        assert study.metadata_key not in ward.objects()
        ward.funnel()
        ward.database.execute("UPDATE ops.study_exports SET lease_until = now() + interval '1 s'")

        # No flag: what was allowed once is carried out. The dead worker is waited for.
        summary = ward.discover()

        assert summary.withdrawals.withdrawn == 2
        assert ward.objects() == {}
        assert (ward.status(study), ward.status(other)) == ("withdrawn", "withdrawn")
        with pytest.raises(LeaseLost):
            ledger.finish_withdrawal(lease)


def test_a_half_withdrawn_study_that_is_eligible_again_is_whole_again(ward: Ward) -> None:
    study = ward.add_study(images=2)
    ward.discover()
    before = {key: value for key, value in ward.objects().items() if key != study.metadata_key}
    ward.judge(study, "is_chest")
    database, bucket, _ = ward.settings()
    with Connections(database) as connections:
        ledger = Ledger(connections, max_attempts=5)
        decision = verdicts.decide(connections, allow_mass=True, deidentifies=False)
        (lease,) = ledger.claim_withdrawals(10, decision.at)
        with pytest.raises(SystemExit):
            Withdrawer(Dying(Bucket(bucket), 1), ledger).withdraw(lease)  # type: ignore[arg-type]
    ward.database.execute("UPDATE ops.study_exports SET lease_until = now()")
    ward.judge(study)
    assert ward.discover().counts == {"exported": 1}
    objects = ward.objects()
    assert study.metadata_key in objects
    del objects[study.metadata_key]
    assert objects == before
    assert ward.funnel().exported == 1


def test_what_never_got_into_the_dataset_leaves_nothing_behind(
    ward: Ward, requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_MAX_ATTEMPTS", "2")
    incomplete, failed, ranked = (ward.add_study(images=2) for _ in range(3))
    for study in (incomplete, failed, ranked):
        study.images[0].path.unlink()
    quarantined = ward.add_study(images=1)
    ward.add_image(quarantined, StudyInstanceUID=generate_uid())
    ward.discover()
    ward.make_due()
    ward.discover()
    ward.database.execute(
        "UPDATE ops.study_exports SET status = 'incomplete' "
        "WHERE study_id <> %s AND status = 'failed'",
        (failed.study_id,),
    )
    waiting = ward.add_study(images=1)
    Ledger(Connections(load(DestinationDatabase)), max_attempts=5).refresh(ward.policy())
    assert len(ward.objects()) == 6
    requests.clear()
    for study in (incomplete, failed, quarantined, waiting):
        ward.judge(study, "is_not_migrated")
    # It was not complete, and nobody would ever complete it.
    ward.judge(ranked, "has_ranked_signer")

    summary = ward.discover()

    assert summary.withdrawals.withdrawn == 4
    assert {method for method, _ in requests} == {"DELETE"}
    assert ward.objects() == {}
    for study in (incomplete, failed, ranked, waiting):
        assert ward.status(study) == "withdrawn"
    assert ward.status(quarantined) == "quarantined"
    assert ward.funnel().not_eligible.quarantined == 1
    # Eligible again, it still waits for a person.
    ward.judge(quarantined)
    ward.judge(waiting)
    ward.touch(quarantined)
    assert ward.discover().counts == {"exported": 1}
    assert ward.status(quarantined) == "quarantined"
    assert [study.study_id for study in ward.funnel().needs_person] == [quarantined.study_id]


def test_a_withdrawn_study_that_is_eligible_again_is_exported_again(ward: Ward) -> None:
    study = ward.add_study()
    ward.discover()
    before = set(ward.objects())
    ward.judge(study, "is_chest")
    ward.discover()
    assert ward.objects() == {}
    ward.judge(study)
    assert ward.discover().counts == {"exported": 1}
    assert set(ward.objects()) == before
    assert ward.one("SELECT withdrawal FROM ops.study_exports") is None


def test_a_store_that_holds_on_to_metadata_keeps_the_whole_study(
    ward: Ward, broken: list[str]
) -> None:
    study, other = ward.add_study(), ward.add_study()
    ward.discover()
    before = ward.objects()
    for one in (study, other):
        ward.judge(one, "is_chest")
    broken.append(study.metadata_key)

    summary = ward.discover(allow_mass_withdraw=True)

    assert ward.objects_of(study) == {key for key in before if key.startswith(study.prefix)}
    assert ward.objects_of(other) == set()
    assert summary.withdrawals.withdrawn == 1
    assert not summary.success
    (result,) = summary.withdrawals.failed
    assert result.errors == (f"STORE_UNAVAILABLE: {study.metadata_key}",)
    assert ward.funnel().not_eligible.to_withdraw == 1

    broken[:] = [study.report_id]
    assert ward.discover().withdrawals.failed
    assert ward.objects_of(study) == {study.report_key}
    broken.clear()
    assert ward.discover().withdrawals.withdrawn == 1
    assert ward.objects() == {}

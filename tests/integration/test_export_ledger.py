"""What leaves the bucket, what a person may do about a study, and numbers that add up."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import pwd
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

import dicom_export
from dicom_export import deidentify
from dicom_export.codes import Code, StudyStatus
from dicom_export.connections import Connections
from dicom_export.errors import LeaseLost
from dicom_export.ledger.ledger import Ledger
from dicom_export.policy import policy_text
from dicom_export.publish.bucket import Bucket
from dicom_export.status.funnel import Funnel, read_funnel
from dicom_export.withdraw import verdicts
from dicom_export.withdraw.verdicts import Withdrawer
from eden.errors import UsageError
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from tests.support.exporting import PLANTED, Hospital, Image, Study, an_id
from tests.support.exporting import requests as requests  # noqa: PLC0414  # fixture
from tests.support.marts import create_marts, insert

CRITERIA = (
    "has_eligible_modality",
    "is_chest",
    "has_signed_report",
    "has_ranked_signer",
    "is_not_demo",
    "is_not_migrated",
)
TABLES = ("eligible_studies", "eligible_reports", "eligible_images")


class Ward(Hospital):
    """Marts written by hand, whose studies come and go."""

    def __init__(self, services: Any, archive: Path) -> None:
        super().__init__(services, archive)
        self.database.execute("CREATE SCHEMA aside")
        for table in TABLES:
            self.database.execute(f"CREATE TABLE aside.{table} (LIKE analytics.{table})")

    def judge(self, study: Study, *failed: str) -> None:
        """Let the marts say which criteria a study fails; without any it is eligible."""
        self.forget(study)
        insert(
            self.database,
            "study_eligibility",
            study_id=study.study_id,
            organization_id=study.organization_id,
            **{name: name not in failed for name in CRITERIA},
            is_eligible=not failed,
        )
        if not failed:
            self._move(study, "aside", "analytics")

    def forget(self, study: Study) -> None:
        """Let the marts know nothing of a study."""
        self.database.execute(
            "DELETE FROM analytics.study_eligibility WHERE study_id = %s", (study.study_id,)
        )
        self._move(study, "analytics", "aside")

    def record_deletion(self, study: Study) -> None:
        self.database.execute(
            "INSERT INTO ops.deletions (table_name, organization_id, id, run_id) "
            "VALUES ('pacs_studies', %s, %s, gen_random_uuid())",
            (study.organization_id, study.study_id),
        )

    def put(self, key: str) -> None:
        """Put an object into the bucket that the ledger does not know."""
        self.client().put_object(Bucket=load(ObjectStore).bucket, Key=key, Body=b"x")

    def objects_of(self, study: Study) -> set[str]:
        return {key for key in self.objects() if key.startswith(study.prefix)}

    def result(self, study: Study) -> dict[str, Any]:
        found = self.one("SELECT result FROM ops.study_exports WHERE study_id = %s", study.study_id)
        assert found
        return found

    def funnel(self, *, deidentifies: bool = False) -> Funnel:
        """The funnel, whose numbers add up after whatever has happened."""
        found = read_funnel(self.database, deidentifies=deidentifies)
        assert found
        statuses = ("waiting", "exporting", "exported", "incomplete", "failed", "quarantined")
        assert found.eligible == sum(getattr(found, status) for status in statuses)
        assert found.eligible == self.one("SELECT count(*) FROM analytics.eligible_studies")
        others = dataclasses.asdict(found.not_eligible)
        others.pop("refused")
        known = self.one(
            "SELECT count(*) FROM ops.study_exports "
            "JOIN analytics.eligible_studies USING (study_id)"
        )
        assert known + sum(others.values()) == self.one("SELECT count(*) FROM ops.study_exports")
        assert sum(row.images for row in found.images) == self.one(
            "SELECT count(*) FROM ops.image_exports "
            "JOIN analytics.eligible_studies USING (study_id)"
        )
        return found

    def policy(self) -> str:
        export = load(Export)
        return policy_text(deidentify.PassThrough(), export)

    def _move(self, study: Study, source: str, target: str) -> None:
        for table in TABLES:
            self.database.execute(
                f"WITH gone AS (DELETE FROM {source}.{table} WHERE study_id = %s RETURNING *) "
                f"INSERT INTO {target}.{table} SELECT * FROM gone",
                (study.study_id,),
            )


@pytest.fixture
def ward(services: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ward]:
    archive = tmp_path / "archive"
    archive.mkdir()
    monkeypatch.setenv("DICOM_ROOTS", str(archive))
    monkeypatch.setenv("DEIDENTIFICATION", "off")
    made = Ward(services, archive)
    yield made
    made.database.close()


Requests = list[tuple[str, str]]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Parts of keys whose requests the store refuses."""
    parts: list[str] = []
    for name in ("put", "delete"):
        original = getattr(Bucket, name)

        def wrapped(self: Bucket, key: str, *rest: Any, _do: Any = original) -> None:
            if any(part in key for part in parts):
                raise dicom_export.errors.StoreFailed(key, "SlowDown")
            _do(self, key, *rest)

        monkeypatch.setattr(Bucket, name, wrapped)
    return parts


# Withdrawal ---------------------------------------------------------------------------------------


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


@pytest.fixture
def switch(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Choose how to de-identify from now on."""
    monkeypatch.setenv("DEIDENTIFICATION_KEY", "a secret of this test, long enough to be one")
    return lambda mode: monkeypatch.setenv("DEIDENTIFICATION", mode)


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
                Withdrawer(_Dying(Bucket(bucket), requests_done), ledger).withdraw(lease)  # type: ignore[arg-type]
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
            Withdrawer(_Dying(Bucket(bucket), requests_done), ledger).withdraw(lease)  # type: ignore[arg-type]
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


@dataclasses.dataclass
class _Dying:
    """A store whose process ends in the middle of a request that the server still carries out."""

    store: Bucket
    left: int

    def delete(self, *arguments: Any) -> None:
        self.store.delete(*arguments)
        if self.left == 0:
            raise SystemExit
        self.left -= 1

    def sizes(self, *arguments: Any) -> dict[str, int]:
        return self.store.sizes(*arguments)


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
            Withdrawer(_Dying(Bucket(bucket), 1), ledger).withdraw(lease)  # type: ignore[arg-type]
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


# What the ledger does not know -----------------------------------------------------------------


def make_ineligible(ward: Ward, study: Study) -> None:
    ward.judge(study, "is_chest")


def put_in_quarantine(ward: Ward, study: Study) -> None:
    ward.add_image(study, PatientID="somebody else", instance_number=9)
    ward.touch(study)


@pytest.fixture
def requests_and_lists(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> Requests:
    """As ``requests``, and LIST with the prefix."""
    sizes = Bucket.sizes

    def wrapped(self: Bucket, prefix: str, *rest: Any) -> dict[str, int]:
        requests.append(("LIST", prefix))
        return sizes(self, prefix, *rest)

    monkeypatch.setattr(Bucket, "sizes", wrapped)
    return requests


@pytest.mark.parametrize(
    ("happens", "status"), [(make_ineligible, "withdrawn"), (put_in_quarantine, "quarantined")]
)
def test_nothing_of_a_study_stays_also_what_the_ledger_has_lost(
    ward: Ward,
    requests_and_lists: Requests,
    broken: list[str],
    caplog: pytest.LogCaptureFixture,
    happens: Callable[[Ward, Study], None],
    status: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    study, other = ward.add_study(images=1), ward.add_study(images=1)
    ward.discover()
    listed = ("LIST", f"{study.prefix}/")
    assert listed not in requests_and_lists
    # An older ledger: of the report it still knows.
    ward.database.execute(
        "DELETE FROM ops.exported_objects WHERE study_id = %s AND kind <> 'report'",
        (study.study_id,),
    )
    stray = f"{study.prefix}/dicom_files/{PLANTED}.dcm"
    ward.put(stray)
    ward.put(f"{study.prefix}-not")
    neighbours = {f"{study.prefix}-not", *ward.objects_of(other)}
    happens(ward, study)
    requests_and_lists.clear()
    broken.append(PLANTED)

    summary = ward.discover()

    (result,) = [*summary.results, *summary.withdrawals.failed]
    assert result.errors[-1] == f"STORE_UNAVAILABLE: {study.prefix}/"
    assert ward.status(study) == "incomplete"
    assert set(ward.objects()) == {stray, *neighbours}
    assert requests_and_lists[:2] == [listed, ("DELETE", study.metadata_key)]
    broken.clear()
    ward.make_due()
    ward.discover()
    assert ward.status(study) == status
    assert set(ward.objects()) == neighbours
    assert requests_and_lists.count(listed) == 2
    # Whoever put it there may have named it after the patient.
    told = caplog.text.replace(str(ward.archive), "") + str(ward.result(study)) + repr(result)
    assert PLANTED not in told


@pytest.mark.parametrize("happens", [make_ineligible, put_in_quarantine])
def test_what_could_not_be_listed_is_not_taken_for_gone(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Ward, Study], None]
) -> None:
    study = ward.add_study(images=1)
    ward.discover()
    ward.put(f"{study.prefix}/stray")
    happens(ward, study)

    def refuse(self: Bucket, prefix: str, *_: Any) -> dict[str, int]:
        raise dicom_export.errors.StoreFailed(prefix, "SlowDown")

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "sizes", refuse)
        assert not ward.discover().success
    assert set(ward.objects()) == {f"{study.prefix}/stray"}
    assert ward.status(study) == "incomplete"
    ward.make_due()
    ward.discover()
    assert ward.objects() == {}


@pytest.mark.parametrize("when", ["listing", "removing"])
def test_a_worker_that_loses_the_study_meanwhile_removes_nothing_more(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    study = ward.add_study(images=1)
    ward.discover()
    for name in ("metadata.json", "a", "b"):
        ward.put(f"{study.prefix}/more/{name}")
    before = set(ward.objects())
    ward.judge(study, "is_chest")
    database, bucket, _ = ward.settings()
    name = {"listing": "sizes", "removing": "delete"}[when]
    original = getattr(Bucket, name)

    def lose(self: Bucket, *arguments: Any) -> Any:
        found = original(self, *arguments)
        ward.database.execute("UPDATE ops.study_exports SET lease_owner = 'somebody else'")
        return found

    with Connections(database) as connections:
        ledger = Ledger(connections, max_attempts=5)
        decision = verdicts.decide(connections, allow_mass=True, deidentifies=False)
        (lease,) = ledger.claim_withdrawals(10, decision.at)
        with monkeypatch.context() as patch:
            patch.setattr(Bucket, name, lose)
            with pytest.raises(LeaseLost):
                Withdrawer(Bucket(bucket), ledger).withdraw(lease)
    gone = {f"{study.prefix}/more/metadata.json"} if when == "removing" else set()
    assert before - set(ward.objects()) == gone
    ward.database.execute("UPDATE ops.study_exports SET lease_until = now()")
    assert ward.discover().withdrawals.withdrawn == 1
    assert ward.objects() == {}


def test_a_study_in_a_workers_hands_is_withdrawn_when_it_is_done(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ward.add_study(images=1)
    put = Bucket.put

    def judge_meanwhile(self: Bucket, key: str, *rest: Any) -> None:
        if key == study.report_key:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(ward.judge, study, "is_chest").result()
            with Connections(load(DestinationDatabase)) as connections:
                assert (
                    verdicts.decide(connections, allow_mass=True, deidentifies=False).pending == 0
                )
            assert ward.funnel().not_eligible.exporting == 1
        put(self, key, *rest)

    monkeypatch.setattr(Bucket, "put", judge_meanwhile)
    assert ward.discover().counts == {"exported": 1}
    monkeypatch.setattr(Bucket, "put", put)
    assert ward.funnel().not_eligible.to_withdraw == 1
    assert ward.discover().withdrawals.withdrawn == 1
    assert ward.objects() == {}


def test_a_study_that_moved_leaves_its_old_metadata_first(ward: Ward, requests: Requests) -> None:
    study = ward.add_study(images=1)
    ward.discover()
    old_keys = ward.objects_of(study)
    old_metadata = study.metadata_key
    study.organization_id = an_id()
    for table in TABLES:
        ward.database.execute(
            f"UPDATE analytics.{table} SET organization_id = %s", (study.organization_id,)
        )
    ward.touch(study)
    requests.clear()
    assert ward.discover().counts == {"exported": 1}
    assert requests[0] == ("DELETE", old_metadata)
    assert requests[-1] == ("PUT", study.metadata_key)
    assert ward.objects_of(study) == set(ward.objects())
    assert not old_keys & set(ward.objects())


# What a person may do -----------------------------------------------------------------------------


def two_patients(ward: Ward) -> tuple[Study, Image, Image]:
    study = ward.add_study(images=1)
    stranger = ward.add_image(study, PatientID="somebody else")
    assert ward.discover().counts == {"quarantined": 1}
    return study, study.images[0], stranger


def test_a_failed_study_is_put_back_with_all_its_attempts(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_MAX_ATTEMPTS", "1")
    study = ward.add_study(images=1)
    content = study.images[0].path.read_bytes()
    study.images[0].path.unlink()
    assert ward.discover().counts == {"failed": 1}
    (needy,) = ward.funnel().needs_person
    assert (needy.status, needy.codes) == (StudyStatus.FAILED, ("SOURCE_MISSING",))
    study.images[0].path.write_bytes(content)

    done = dicom_export.retry(load(DestinationDatabase), study.study_id.upper())

    assert done.to_dict() == {
        "study_id": study.study_id,
        "organization_id": study.organization_id,
        "status": "waiting",
        "accepted": [],
    }
    assert ward.one("SELECT attempts FROM ops.study_exports") == 0
    assert ward.funnel().oldest_waiting.study_id == study.study_id  # type: ignore[union-attr]
    assert ward.discover().counts == {"exported": 1}
    with pytest.raises(dicom_export.NotHeldBack, match="is exported"):
        dicom_export.retry(load(DestinationDatabase), study.study_id)


def test_a_quarantined_study_waits_for_a_person_whatever_changes(
    ward: Ward, requests: Requests
) -> None:
    study, first, stranger = two_patients(ward)
    ward.make_due()
    ward.touch(study)
    # Now nothing contradicts the file that may be the wrong one.
    ward.database.execute(
        "DELETE FROM analytics.eligible_images WHERE image_id = %s", (first.image_id,)
    )
    assert ward.discover().is_idle
    result = dicom_export.process_study(*ward.settings(), study.study_id)
    assert (result.success, requests) == (False, [])
    assert result.errors[0].startswith("PATIENT_MISMATCH")

    dicom_export.retry(load(DestinationDatabase), study.study_id)
    assert ward.discover().counts == {"exported": 1}
    assert study.image_key(stranger) in ward.objects()


def test_an_image_is_let_through_for_exactly_what_was_accepted(ward: Ward) -> None:
    study, first, stranger = two_patients(ward)
    database = load(DestinationDatabase)
    one = f"{first.image_id}:PATIENT_MISMATCH"
    other = f"{stranger.image_id}:PATIENT_MISMATCH"

    # One alone: the other is still held back.
    done = dicom_export.retry(database, study.study_id, [one, one], " looked at both ")
    assert ward.discover().counts == {"quarantined": 1}
    assert ward.image_row(first) == ("quarantined", "STUDY_QUARANTINED")
    assert ward.image_row(stranger) == ("quarantined", "PATIENT_MISMATCH")
    assert ward.objects() == {}
    with pytest.raises(dicom_export.NotAcceptable):
        dicom_export.retry(database, study.study_id, [one], "again")

    dicom_export.retry(database, study.study_id, [other], "the same patient, renumbered")
    assert ward.discover().counts == {"exported": 1}
    assert study.image_key(stranger) in ward.objects()

    (accepted,) = done.accepted
    assert accepted.reason == "looked at both"
    assert accepted.os_user == pwd.getpwuid(os.getuid()).pw_name
    assert accepted.database_user == database.user
    assert json.loads(json.dumps(done.to_dict()))["accepted"][0]["code"] == "PATIENT_MISMATCH"
    rows = ward.database.execute(
        "SELECT image_id::text, code, reason, source_sha256, accepted_at <= now() "
        "FROM ops.acceptances ORDER BY acceptance_id"
    ).fetchall()
    assert [row[:3] for row in rows] == [
        (first.image_id, "PATIENT_MISMATCH", "looked at both"),
        (stranger.image_id, "PATIENT_MISMATCH", "the same patient, renumbered"),
    ]
    assert all(row[4] and len(row[3]) == 64 for row in rows)

    # Other bytes were not accepted.
    content = bytearray(stranger.path.read_bytes())
    content[-1] ^= 1
    stranger.path.write_bytes(content)
    ward.touch(study)
    assert ward.discover().counts == {"quarantined": 1}
    assert ward.objects() == {}
    ward.funnel()


def test_what_comes_to_light_after_an_acceptance_is_held_back_again(ward: Ward) -> None:
    study = ward.add_study(images=0)
    image = ward.add_image(study, StudyInstanceUID=generate_uid(), SeriesInstanceUID=generate_uid())
    database = load(DestinationDatabase)
    for code in ("STUDY_MISMATCH", "SERIES_MISMATCH"):
        assert ward.discover().counts == {"quarantined": 1}
        assert ward.image_row(image)[1] == code
        dicom_export.retry(database, study.study_id, [f"{image.image_id}:{code}"], "sent twice")
    assert ward.discover().counts == {"exported": 1}


def test_what_cannot_be_accepted(ward: Ward) -> None:
    study, first, stranger = two_patients(ward)
    missing = ward.add_study(images=1)
    missing.images[0].path.unlink()
    ward.discover()
    database = load(DestinationDatabase)

    def refused(error: type[Exception], words: str, *accept: str, reason: str | None = "x") -> None:
        with pytest.raises(error, match=words):
            dicom_export.retry(database, study.study_id, accept, reason)

    for code in ("RESIDUAL_PHI", "STUDY_QUARANTINED", "SOURCE_MISSING", "BURNED_IN"):
        refused(UsageError, f"{code} cannot be accepted", f"{first.image_id}:{code}")
    for text in ("", "42:PATIENT_MISMATCH", first.image_id, f"{first.image_id}:NO_SUCH_CODE"):
        refused(UsageError, "is not IMAGE_ID:CODE", text)
    good = f"{first.image_id}:PATIENT_MISMATCH"
    refused(UsageError, "belong together", good, reason=None)
    refused(UsageError, "belong together", good, reason="  ")
    refused(UsageError, "belong together", reason="why")
    not_its_code = f"{stranger.image_id}:STUDY_MISMATCH"
    refused(dicom_export.NotAcceptable, "not held back by STUDY_MISMATCH", good, not_its_code)
    refused(dicom_export.NotAcceptable, "nothing was accepted", f"{an_id()}:PATIENT_MISMATCH")
    foreign = f"{missing.images[0].image_id}:PATIENT_MISMATCH"
    refused(dicom_export.NotAcceptable, "not held back", foreign)
    assert ward.one("SELECT count(*) FROM ops.acceptances") == 0
    assert ward.status(study) == "quarantined"
    with pytest.raises(dicom_export.StudyUnknown):
        dicom_export.retry(database, an_id())
    with pytest.raises(dicom_export.MalformedStudyId):
        dicom_export.retry(database, "42")
    ward.judge(study, "is_chest")
    with pytest.raises(dicom_export.StudyNotEligible, match="not a chest study"):
        dicom_export.retry(database, study.study_id)


def test_which_codes_a_person_may_overrule() -> None:
    assert {code.value for code in Code if code.is_acceptable} == {
        "STUDY_MISMATCH", "SERIES_MISMATCH", "INSTANCE_MISMATCH", "PATIENT_MISMATCH"
    }  # fmt: skip


# Trying again -------------------------------------------------------------------------------------


def test_backoff_doubles_and_ends_and_what_cannot_get_better_is_not_tried_again(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_MAX_ATTEMPTS", "4")
    study = ward.add_study(images=1)
    study.images[0].path.unlink()
    silent = ward.add_study(images=1, content="<p> </p>")
    empty = ward.add_study(images=0)
    waits = []
    for _ in range(3):
        ward.discover()
        waits.append(
            ward.one(
                "SELECT round(extract(epoch FROM next_attempt_at - updated_at)) "
                "FROM ops.study_exports WHERE study_id = %s",
                study.study_id,
            )
        )
        ward.database.execute(
            "UPDATE ops.study_exports SET next_attempt_at = now() WHERE study_id = %s",
            (study.study_id,),
        )
    assert waits == [60, 120, 240]
    assert ward.discover().counts == {"failed": 1}
    for hopeless in (silent, empty):
        attempts = ward.one(
            "SELECT attempts FROM ops.study_exports WHERE study_id = %s "
            "AND next_attempt_at IS NULL",
            hopeless.study_id,
        )
        assert (ward.status(hopeless), attempts) == ("incomplete", 1)
    assert ward.funnel().incomplete == 2
    assert ward.discover().left == 0
    # Until something of it changes, or a person asks.
    ward.set_report(silent, "Sin hallazgos")
    ward.touch(silent)
    assert ward.discover().counts == {"exported": 1}
    assert not dicom_export.process_study(*ward.settings(), empty.study_id).success
    ward.add_image(empty)
    dicom_export.retry(load(DestinationDatabase), empty.study_id)
    assert ward.discover().counts == {"exported": 1}


def test_an_attempt_that_broke_off_still_counts_what_is_in_place(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ward.add_study(images=2)
    ward.discover()
    ward.touch(study)
    with monkeypatch.context() as patch:
        patch.setattr("dicom_export.exporter.prepare", _explode)
        (result,) = ward.discover().results
    assert result.errors[0].startswith("INTERNAL_ERROR")
    assert (result.dicom_files_uploaded, result.reports_uploaded) == (2, 1)
    assert result.metadata_uploaded


def _explode(*_: Any) -> None:
    raise KeyError


def test_what_was_sent_before_a_crash_is_not_sent_again(
    ward: Ward, requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ward.add_study(images=6)
    put = Bucket.put

    def die(self: Bucket, key: str, *rest: Any) -> None:
        put(self, key, *rest)
        if len(requests) == 4:
            raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "put", die)
        with pytest.raises(SystemExit):
            ward.discover()
    assert len(ward.objects()) == 4
    ward.database.execute("UPDATE ops.study_exports SET lease_until = now()")
    assert ward.discover().counts == {"exported": 1}
    sent = [key for method, key in requests if method == "PUT"]
    # The one that was on its way, and no other.
    assert len(sent) == len(set(sent)) + 1 == 6 + 1 + 1 + 1
    assert set(sent) == ward.objects_of(study)


# Numbers ------------------------------------------------------------------------------------------


def test_results_of_a_large_discovery_are_few_and_those_held_back_come_first(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dicom_export.model.Tally.__init__.__defaults__", (3,))
    for number in range(6):
        study = ward.add_study(images=1)
        if number > 3:
            study.images[0].path.unlink()
    summary = ward.discover()
    assert summary.counts == {"exported": 4, "incomplete": 2}
    assert [result.success for result in summary.results].count(False) == 2
    assert len(summary.results) == 3
    assert (summary.held_back, summary.to_dict()["results_left_out"]) == (2, 3)
    assert not summary.success


@dataclasses.dataclass
class Oracle:
    """Foresees, lets it happen, and compares."""

    ward: Ward
    requests: Requests

    def foresee(self, **options: Any) -> dict[str, Any]:
        before = self._ledger()
        found = dicom_export.dry_run(load(DestinationDatabase), load(Export), **options)
        assert (self._ledger(), self.requests) == (before, [])
        return found.to_dict()

    def discover(self, **options: Any) -> None:
        foreseen = self.foresee(**options)
        self.ward.discover(**options)
        sent = [key for method, key in self.requests if method == "PUT"]
        removed = {key for method, key in self.requests if method == "DELETE"} - set(sent)
        assert len(sent) == foreseen["put_requests"]
        assert len([key for key in sent if key.endswith(".dcm")]) == foreseen["images"]
        assert len([key for key in sent if key.endswith(".txt")]) == foreseen["reports"]
        assert len(removed) == foreseen["withdrawals"]["objects"]
        self.requests.clear()

    def _ledger(self) -> list[Any]:
        tables = ("study_exports", "image_exports", "exported_objects")
        return [
            self.ward.database.execute(f"SELECT t::text FROM ops.{table} AS t").fetchall()
            for table in tables
        ]


@pytest.fixture
def oracle(ward: Ward, requests: Requests) -> Oracle:
    return Oracle(ward, requests)


def test_a_dry_run_says_what_comes_and_writes_nothing(ward: Ward, oracle: Oracle) -> None:
    first, second = ward.add_study(images=2), ward.add_study(images=1, content="á")
    ward.database.execute(
        "UPDATE analytics.eligible_images SET file_size = NULL WHERE image_id = %s",
        (second.images[0].image_id,),
    )
    size = sum(image.path.stat().st_size for image in first.images)
    size += len(b"Sin hallazgos. ZZPLANTED") + len("á".encode())
    assert oracle.foresee() == {
        "dry_run": True,
        "studies": 2,
        "images": 3,
        "reports": 2,
        "files": 5,
        "bytes": size,
        "files_of_unknown_size": 1,
        "put_requests": 7,
        "withdrawals": {"studies": 0, "objects": 0, "refused": 0},
    }
    assert oracle.foresee(limit=1)["studies"] == 1
    oracle.discover(limit=1)
    oracle.discover()
    assert oracle.foresee()["put_requests"] == 0


def test_a_dry_run_knows_what_changed(ward: Ward, oracle: Oracle) -> None:
    first, second, third = (ward.add_study(images=1) for _ in range(3))
    ward.discover()
    oracle.requests.clear()

    # A changed report; an image more; nothing but the description.
    ward.database.execute(
        "UPDATE analytics.eligible_reports SET content = 'x', updated_at = 'infinity' "
        "WHERE study_id = %s",
        (first.study_id,),
    )
    ward.add_image(second, instance_number=9)
    for study in (first, second, third):
        ward.touch(study)
    assert oracle.foresee()["put_requests"] == 5
    oracle.discover()

    # Held back, and waiting for its time.
    third.images[0].path.unlink()
    ward.touch(third)
    ward.discover()
    oracle.requests.clear()
    assert oracle.foresee()["studies"] == 0
    ward.make_due()
    assert oracle.foresee()["put_requests"] == 2

    # Another policy: everything.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BURNED_IN_POLICY", "flag")
        assert oracle.foresee()["images"] == 4


def test_a_dry_run_knows_what_is_withdrawn(ward: Ward, oracle: Oracle) -> None:
    first, second, third, fourth = (ward.add_study(images=2) for _ in range(4))
    ward.discover()
    oracle.requests.clear()
    ward.judge(second, "is_chest")
    ward.judge(fourth, "has_ranked_signer")
    oracle.discover()
    for study in (first, third):
        ward.judge(study, "is_chest")
    refused = {"studies": 0, "objects": 0, "refused": 2}
    assert oracle.foresee()["withdrawals"] == refused
    oracle.discover()
    oracle.discover(allow_mass_withdraw=True)


def test_the_funnel_adds_up_after_whatever_happens(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_MAX_ATTEMPTS", "2")
    assert ward.funnel().eligible == 0
    good, gone = ward.add_study(images=1), ward.add_study(images=1)
    lost, doubtful = ward.add_study(images=1), ward.add_study(images=1)
    lost.images[0].path.unlink()
    ward.add_image(doubtful, PatientID="somebody else")
    found = ward.funnel()
    assert (found.eligible, found.waiting, found.oldest_waiting) == (4, 4, None)

    ledger = Ledger(Connections(load(DestinationDatabase)), max_attempts=5)
    due = ledger.refresh(ward.policy())
    (lease,) = ledger.claim(1, due)
    found = ward.funnel()
    assert (found.waiting, found.exporting) == (3, 1)
    assert found.oldest_waiting
    ledger.release(lease)
    assert ward.funnel().waiting == 4

    ward.discover()
    found = ward.funnel()
    assert (found.exported, found.incomplete, found.quarantined) == (2, 1, 1)
    counts = {(row.status, row.code): row.images for row in found.images}
    assert counts == {
        ("exported", None): 2,
        ("quarantined", "PATIENT_MISMATCH"): 2,
        ("missing", "SOURCE_MISSING"): 1,
    }
    ward.make_due()
    ward.discover()
    found = ward.funnel()
    assert (found.failed, found.incomplete) == (1, 0)
    assert {(study.study_id, study.codes) for study in found.needs_person} == {
        (lost.study_id, ("SOURCE_MISSING",)),
        (doubtful.study_id, ("PATIENT_MISMATCH",)),
    }
    monkeypatch.setattr("dicom_export.status.funnel.LISTED", 1)
    found = ward.funnel()
    assert (len(found.needs_person), found.needs_person_unlisted) == (1, 1)

    ward.judge(gone, "has_ranked_signer")
    assert ward.funnel().not_eligible.frozen == 1
    ward.judge(gone, "is_chest")
    assert ward.funnel().not_eligible.to_withdraw == 1
    ward.discover()
    assert ward.funnel().not_eligible.withdrawn == 1
    ward.judge(gone)
    assert ward.funnel().waiting == 1
    ward.touch(good)
    ward.discover()
    dicom_export.retry(load(DestinationDatabase), lost.study_id)
    found = ward.funnel()
    assert (found.exported, found.waiting, found.quarantined) == (2, 1, 1)
    ward.forget(good)
    assert ward.funnel().not_eligible.unexplained == 1

    ward.database.execute("DROP SCHEMA analytics CASCADE")
    assert read_funnel(ward.database) is None

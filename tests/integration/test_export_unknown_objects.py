"""Objects of a study that the ledger does not know, and studies that move meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import dicom_export
from dicom_export.connections import Connections
from dicom_export.errors import LeaseLost
from dicom_export.ledger.ledger import Ledger
from dicom_export.publish.bucket import Bucket
from dicom_export.withdraw import verdicts
from dicom_export.withdraw.verdicts import Withdrawer
from eden.settings import DestinationDatabase, load
from tests.support.exporting import PLANTED, Study, an_id
from tests.support.exporting import requests as requests  # noqa: PLC0414  # fixture
from tests.support.ward import TABLES, Requests, Ward
from tests.support.ward import broken as broken  # noqa: PLC0414  # fixture
from tests.support.ward import ward as ward  # noqa: PLC0414  # fixture


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

"""Numbers of the export add up after whatever has happened."""

from __future__ import annotations

import pytest

import dicom_export
from dicom_export.connections import Connections
from dicom_export.ledger.ledger import Ledger
from dicom_export.status.funnel import read_funnel
from eden.settings import DestinationDatabase, load
from tests.support.ward import Ward
from tests.support.ward import ward as ward  # noqa: PLC0414  # fixture


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

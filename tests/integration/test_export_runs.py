"""A run of the export: its limit, what stops it, runs side by side, and chosen studies."""

from __future__ import annotations

import contextlib
import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import dicom_export
from dicom_export import deidentify
from dicom_export.connections import Connections
from dicom_export.exporter import Exporter
from dicom_export.ledger.ledger import Ledger
from dicom_export.marts import Marts
from dicom_export.policy import policy_text
from eden.errors import ConfigurationError, StoreUnavailable
from eden.progress import reporting_to
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from tests.support.exporting import PLANTED, Hospital, an_id
from tests.support.exporting import hospital as hospital  # noqa: PLC0414  # fixture
from tests.support.exporting import requests as requests  # noqa: PLC0414  # fixture
from tests.support.leases import Worker
from tests.support.leases import worker as worker  # noqa: PLC0414  # fixture
from tests.support.marts import insert

# The run ------------------------------------------------------------------------------------------


def test_a_limit_is_kept_and_progress_is_told(hospital: Hospital) -> None:
    for _ in range(5):
        hospital.add_study(images=1)
    told: list[tuple[str, int, int]] = []
    with reporting_to(lambda *step: told.append(step)):
        summary = hospital.discover(limit=3)
    assert summary.counts == {"exported": 3}
    assert summary.left == 2
    assert told == [("export", done, 3) for done in range(4)]


@pytest.mark.parametrize("bucket", ["no-such-bucket"])
def test_a_missing_bucket_stops_the_run_before_anything_is_claimed(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    hospital.add_study()
    monkeypatch.setenv("S3_BUCKET_NAME", bucket)
    with pytest.raises(StoreUnavailable) as caught:
        hospital.discover()
    assert bucket in str(caught.value)
    assert load(ObjectStore).endpoint_url in str(caught.value)
    assert load(ObjectStore).secret_access_key.get_secret_value() not in str(caught.value)
    assert hospital.one("SELECT count(*) FROM ops.study_exports WHERE status <> 'waiting'") == 0


def test_an_unreachable_store_stops_the_run(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.add_study()
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1"):
        hospital.discover()


def test_basic_without_a_key_refuses_to_start(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.add_study()
    monkeypatch.delenv("DEIDENTIFICATION_KEY", raising=False)
    monkeypatch.setenv("DEIDENTIFICATION", "basic")
    with pytest.raises(ConfigurationError, match="DEIDENTIFICATION_KEY is not set"):
        hospital.discover()
    assert hospital.objects() == {}


def test_marts_that_are_not_built_are_named(hospital: Hospital) -> None:
    hospital.database.execute("DROP SCHEMA analytics CASCADE")
    with pytest.raises(dicom_export.WarehouseNotBuilt, match="marts"):
        hospital.discover()


def test_a_study_that_breaks_the_exporter_stops_no_other(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = hospital.add_study(), hospital.add_study()
    original = Exporter.export_study

    def explode(self: Exporter, study: Any, lease: Any) -> Any:
        if study.study_id == bad.study_id:
            raise KeyError(PLANTED)
        return original(self, study, lease)

    monkeypatch.setattr(Exporter, "export_study", explode)
    summary = hospital.discover()
    assert summary.counts == {"exported": 1, "incomplete": 1}
    assert hospital.status(good) == "exported"
    errors = next(r.errors for r in summary.results if r.study_id == bad.study_id)
    assert re.fullmatch(r"INTERNAL_ERROR: KeyError at \w+\.py:\d+", errors[0])
    assert PLANTED not in caplog.text


def test_two_runs_at_once_share_the_work(
    hospital: Hospital, requests: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_CONCURRENCY", "2")
    for _ in range(30):
        hospital.add_study(images=1)
    begun = threading.Event(), threading.Event()

    def run(number: int) -> dicom_export.DiscoverySummary:
        """One of them; none gets ahead before the other has a study in its hands too."""

        @contextlib.contextmanager
        def turn() -> Iterator[None]:
            begun[number].set()
            assert begun[1 - number].wait(60)
            yield

        return hospital.discover(throttle=turn)

    with ThreadPoolExecutor(2) as pool:
        summaries = list(pool.map(run, range(2)))
    assert sum(summary.counts.get("exported", 0) for summary in summaries) == 30
    assert all(summary.counts for summary in summaries)
    assert set(Counter(requests).values()) == {1}
    assert len(requests) == 30 * 3
    assert len(hospital.objects()) == 90


def test_a_build_at_the_same_time_never_shows_an_empty_table(hospital: Hospital) -> None:
    study_ids = [hospital.add_study(images=1).study_id for _ in range(3)]
    done = threading.Event()

    def build() -> None:
        with hospital.services.warehouse() as connection:
            while not done.is_set():
                for table in ("eligible_studies", "eligible_images", "eligible_reports"):
                    with connection.transaction():
                        connection.execute(
                            f"CREATE TABLE analytics.{table}__new AS TABLE analytics.{table}"
                        )
                        connection.execute(f"ALTER TABLE analytics.{table} RENAME TO old_{table}")
                        connection.execute(f"ALTER TABLE analytics.{table}__new RENAME TO {table}")
                        connection.execute(f"DROP TABLE analytics.old_{table}")

    thread = threading.Thread(target=build)
    thread.start()
    try:
        with Connections(load(DestinationDatabase)) as connections:
            marts, ledger = Marts(connections), Ledger(connections, max_attempts=5)
            started = ledger.refresh("policy")
            for _ in range(150):
                found = marts.studies(study_ids)
                assert len(found) == 3
                assert all(study.images and study.reports for study in found.values())
                assert ledger.count_due(started) == 3
    finally:
        done.set()
        thread.join()


# Chosen studies -----------------------------------------------------------------------------------


def test_a_chosen_study_is_exported_at_once_even_if_it_is_to_wait(hospital: Hospital) -> None:
    study = hospital.add_study(images=1)
    content = study.images[0].path.read_bytes()
    study.images[0].path.unlink()
    assert not dicom_export.process_study(*hospital.settings(), study.study_id).success
    study.images[0].path.write_bytes(content)
    assert dicom_export.process_study(*hospital.settings(), study.study_id.upper()).success


def test_what_cannot_be_chosen_says_why(hospital: Hospital) -> None:
    not_eligible = an_id()
    insert(
        hospital.database,
        "study_eligibility",
        study_id=not_eligible,
        organization_id=an_id(),
        has_eligible_modality=True,
        is_chest=False,
        has_signed_report=True,
        has_ranked_signer=True,
        is_not_demo=True,
        is_not_migrated=False,
        is_eligible=False,
    )
    settings = hospital.settings()
    with pytest.raises(dicom_export.StudyNotEligible, match="not a chest study; it was migrated"):
        dicom_export.process_study(*settings, not_eligible)
    unknown = an_id()
    with pytest.raises(dicom_export.StudyUnknown, match=unknown):
        dicom_export.process_study(*settings, unknown)
    with pytest.raises(dicom_export.MalformedStudyId):
        dicom_export.process_study(*settings, "42")


def test_a_batch_answers_for_each_in_order(hospital: Hospital) -> None:
    first, second = hospital.add_study(), hospital.add_study()
    unknown = an_id()
    given = [second.study_id, "42", unknown, first.study_id, first.study_id]
    results = dicom_export.process_batch(*hospital.settings(), given)
    assert [result.study_id for result in results] == given
    assert [result.success for result in results] == [True, False, False, True, True]
    assert [result.errors[0].split(":")[0] for result in results if result.errors] == [
        "MALFORMED_STUDY_ID", "UNKNOWN_STUDY"
    ]  # fmt: skip


def test_a_study_in_another_workers_hands_is_left_to_it(hospital: Hospital, worker: Worker) -> None:
    study = hospital.add_study(images=1)
    due = worker.ledger.refresh(
        policy_text(deidentify.PassThrough(), load(Export)), [study.study_id]
    )
    worker.ledger.claim(10, due)
    result = dicom_export.process_study(*hospital.settings(), study.study_id)
    assert result.errors == ("BEING_EXPORTED: another worker has it",)
    assert hospital.objects() == {}

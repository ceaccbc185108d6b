"""Nothing of a forgotten organization gets into the bucket any more, whoever is at work on it."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

import dicom_export
from dicom_export import deidentify, sources
from dicom_export.blobs import Budget
from dicom_export.connections import Connections
from dicom_export.errors import LeaseLost
from dicom_export.exporter import Exporter
from dicom_export.ledger.leases import Lease
from dicom_export.ledger.ledger import Ledger
from dicom_export.marts import Marts
from dicom_export.policy import policy_text
from dicom_export.publish.bucket import Bucket
from eden.errors import NotForgotten, StoreUnavailable
from eden.settings import Export, ObjectStore, load
from tests.support.exporting import Hospital, Study
from tests.support.exporting import hospital as hospital  # noqa: PLC0414  # fixture

LEASE_SECONDS = 3.0


def register(hospital: Hospital, organization_id: str) -> None:
    name = f"o{organization_id[:8]}"
    hospital.database.execute(
        "INSERT INTO ops.organizations "
        "(organization_id, slug, name, schema_name, tenant_schema, tenant_role) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        (organization_id, name, name, f"staging_{name}", f"org_{name}", f"eden_{name}"),
    )


def add_study(hospital: Hospital) -> Study:
    study = hospital.add_study()
    register(hospital, study.organization_id)
    return study


def forget(hospital: Hospital, study: Study) -> None:
    database, bucket, _ = hospital.settings()
    dicom_export.empty_bucket(database, bucket, UUID(study.organization_id))


def keys(hospital: Hospital, study: Study) -> list[str]:
    return [key for key in hospital.objects() if key.startswith(study.organization_id)]


def policy() -> str:
    export = load(Export)
    return policy_text(deidentify.PassThrough(), export)


@dataclasses.dataclass
class Worker:
    """One that is exporting, with a heartbeat, and can be held up before any request."""

    ledger: Ledger
    marts: Marts
    exporter: Exporter

    def claim(self, *studies: Study) -> dict[str, Lease]:
        self.ledger.refresh(policy())
        leases = self.ledger.claim_these([study.study_id for study in studies])
        return {lease.study_id: lease for lease in leases}

    def export(self, study: Study, lease: Lease, before: Callable[[str], None]) -> str:
        loaded = self.marts.studies([study.study_id])[study.study_id]
        store = _HeldUp(self.exporter.bucket, before)
        outcome = dataclasses.replace(self.exporter, bucket=store).export_study(loaded, lease)
        return self.ledger.finish(lease, outcome, "fingerprint")


@dataclasses.dataclass
class _HeldUp:
    store: Bucket
    before: Callable[[str], None]

    def put(self, key: str, *rest: Any) -> None:
        self.before(key)
        self.store.put(key, *rest)

    def delete(self, key: str, *rest: Any) -> None:
        self.before(key)
        self.store.delete(key, *rest)


@pytest.fixture
def worker(hospital: Hospital) -> Iterator[Worker]:
    database, bucket, export = hospital.settings()
    stopped = threading.Event()
    with Connections(database) as connections, sources.configured(export, bucket) as images:
        ledger = Ledger(connections, max_attempts=5, lease_seconds=LEASE_SECONDS)

        def beat() -> None:
            while not stopped.wait(0.2):
                ledger.renew_all()

        heart = threading.Thread(target=beat)
        heart.start()
        store = Bucket(bucket)
        exporter = Exporter(images, deidentify.PassThrough(), store, ledger, Budget())
        yield Worker(ledger, Marts(connections), exporter)
        stopped.set()
        heart.join()
        store.close()


def is_marked(hospital: Hospital, study: Study) -> bool:
    query = "SELECT withdrawal = '{forgotten}' FROM ops.study_exports WHERE study_id = %s"
    return bool(hospital.one(query, study.study_id))


@pytest.mark.parametrize("where", ["first", "metadata"])
@pytest.mark.parametrize("waits_for", ["the mark", "the end"])
def test_a_worker_loses_the_study_that_it_is_sending(
    hospital: Hospital, worker: Worker, where: str, waits_for: str
) -> None:
    """Held up before its first or last request: going on as soon as it is told, or much later."""
    study, other = add_study(hospital), add_study(hospital)
    leases = worker.claim(study, other)
    reached, done = threading.Event(), threading.Event()

    def hold_up(key: str) -> None:
        if where == "metadata" and not key.endswith("/metadata.json"):
            return
        reached.set()
        while not (is_marked(hospital, study) if waits_for == "the mark" else done.is_set()):
            time.sleep(0.05)

    with ThreadPoolExecutor() as pool:
        lost = pool.submit(worker.export, study, leases[study.study_id], hold_up)
        assert reached.wait(60)
        assert bool(keys(hospital, study)) == (where == "metadata")
        query = "SELECT lease_until FROM ops.study_exports WHERE study_id = %s"
        lease_until = hospital.one(query, study.study_id)
        forget(hospital, study)
        # The worker may still have been at it for as long.
        assert hospital.one("SELECT clock_timestamp() >= %s", lease_until)
        assert keys(hospital, study) == []
        done.set()
        with pytest.raises(LeaseLost):
            lost.result(timeout=60)
        assert worker.export(other, leases[other.study_id], lambda _: None) == "exported"
    assert keys(hospital, study) == []
    assert other.metadata_key in hospital.objects()


def test_no_discovery_brings_it_back(hospital: Hospital, worker: Worker) -> None:
    study, other = add_study(hospital), add_study(hospital)
    hospital.discover()
    before = {k: v for k, v in hospital.objects().items() if k.startswith(other.prefix)}
    # Such as what an older backup of the ledger does not know.
    hospital.client().put_object(
        Bucket=load(ObjectStore).bucket, Key=f"{study.organization_id}/stray.txt", Body=b"x"
    )
    forget(hospital, study)
    hospital.touch(study)
    late = add_study(hospital)
    hospital.database.execute(
        "UPDATE analytics.eligible_studies SET organization_id = %s WHERE study_id = %s",
        (study.organization_id, late.study_id),
    )
    assert hospital.discover().counts == {}
    with pytest.raises(dicom_export.StudyNotEligible):
        hospital.database.execute(
            "INSERT INTO analytics.study_eligibility (study_id, organization_id, "
            "has_eligible_modality, is_chest, has_signed_report, has_ranked_signer, is_not_demo, "
            "is_not_migrated, is_eligible) "
            "SELECT study_id, organization_id, true, true, true, true, true, true, true "
            "FROM analytics.eligible_studies"
        )
        dicom_export.process_study(*hospital.settings(), study.study_id)
    assert dicom_export.dry_run(*hospital.settings()[::2]).studies == 0
    assert hospital.objects() == before
    assert worker.claim(study, late) == {}


def test_what_moved_away_leaves_its_old_place(hospital: Hospital, worker: Worker) -> None:
    study, other = add_study(hospital), add_study(hospital)
    hospital.discover()
    for table in ("studies", "reports", "images"):
        hospital.database.execute(
            f"UPDATE analytics.eligible_{table} SET organization_id = %s WHERE study_id = %s",
            (other.organization_id, study.study_id),
        )
    hospital.touch(study)
    worker.ledger.refresh(policy())
    before = {k: v for k, v in hospital.objects().items() if k.startswith(other.prefix)}
    forget(hospital, study)
    assert hospital.objects() == before
    assert hospital.discover().counts == {"exported": 1}
    assert f"{other.organization_id}/{study.study_id}/metadata.json" in hospital.objects()


def test_a_bucket_that_does_not_let_go_is_said_and_tried_again(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = add_study(hospital)
    hospital.discover()
    with monkeypatch.context() as patch:
        patch.setenv("S3_BUCKET_NAME", "no-such-bucket")
        with pytest.raises(StoreUnavailable):
            forget(hospital, study)
    assert not is_marked(hospital, study)

    def refuse(store: Bucket, key: str, *_: object) -> None:
        raise dicom_export.errors.StoreFailed(key, "AccessDenied")

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "delete", refuse)
        with pytest.raises(NotForgotten, match="1 studies; run it again"):
            forget(hospital, study)
    assert study.metadata_key in hospital.objects()
    forget(hospital, study)
    assert hospital.objects() == {}

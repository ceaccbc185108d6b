"""A worker whose run is put together by hand, for tests that stop it halfway."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dicom_export import deidentify, sources
from dicom_export.blobs import Budget
from dicom_export.connections import Connections
from dicom_export.exporter import Exporter
from dicom_export.ledger.ledger import Ledger
from dicom_export.marts import Marts
from dicom_export.publish.bucket import Bucket
from tests.support.exporting import Hospital, Study
from tests.support.exporting import hospital as hospital  # noqa: PLC0414  # fixture


@dataclass
class Worker:
    """The parts of a run, put together by hand so that a test can stop between them."""

    ledger: Ledger
    marts: Marts
    exporter: Exporter
    policy: str = "policy"


@pytest.fixture
def worker(hospital: Hospital) -> Iterator[Worker]:
    database, bucket, export = hospital.settings()
    with Connections(database) as connections, sources.configured(export, bucket) as images:
        ledger = Ledger(connections, max_attempts=5, lease_seconds=60)
        store = Bucket(bucket)
        exporter = Exporter(images, deidentify.PassThrough(), store, ledger, Budget())
        yield Worker(ledger, Marts(connections), exporter)
        store.close()


def expire_leases(hospital: Hospital) -> None:
    hospital.database.execute("UPDATE ops.study_exports SET lease_until = now()")


def assert_readers_are_safe(hospital: Hospital, study: Study) -> None:
    objects = hospital.objects()
    if study.metadata_key in objects:
        for entry in json.loads(objects[study.metadata_key])["objects"]:
            assert hashlib.sha256(objects[entry["key"]]).hexdigest() == entry["sha256"]

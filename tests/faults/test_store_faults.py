"""A bucket that fails in every way that S3 can: nothing is recorded wrong, and all arrives.

``EDEN_FAULT_ROUNDS`` sets how often the dice are thrown and ``EDEN_FAULT_SEED`` repeats a round.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from dicom_export import deidentify, s3_client, sources
from dicom_export.blobs import Budget
from dicom_export.connections import Connections
from dicom_export.errors import LeaseLost
from dicom_export.exporter import Exporter
from dicom_export.ledger import leases, ledger
from dicom_export.ledger.part import LEASE_SECONDS
from dicom_export.marts import Marts
from dicom_export.publish.bucket import ATTEMPTS, Bucket
from eden.errors import StoreUnavailable
from eden.settings import ObjectStore, load
from tests.conftest import Services
from tests.support.exporting import Hospital, Study
from tests.support.faulty_s3 import (
    STALL_SECONDS,
    Fault,
    FaultyS3,
    Seen,
    at_random,
    decode_aws_chunked,
    faulty_s3,
    on,
)
from tests.support.seeds import chosen_seed

ROUNDS = int(os.environ.get("EDEN_FAULT_ROUNDS", "1"))
EDEN = Path(sys.executable).with_name("eden")


@pytest.fixture
def hospital(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hospital]:
    archive = tmp_path / "archive"
    archive.mkdir()
    monkeypatch.setenv("DICOM_ROOTS", str(archive))
    made = Hospital(services, archive)
    yield made
    made.database.close()


@pytest.fixture
def s3(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    with faulty_s3(os.environ["S3_ENDPOINT_URL"]) as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", server.url)
        yield server


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Spare the pauses between two attempts, and tell how long they would have been."""
    spared: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=spared.append))
    return spared


def assert_the_ledger_is_right(hospital: Hospital) -> None:
    """What the ledger is sure of is there byte for byte, and so is what metadata name."""
    objects = {
        key: (len(content), hashlib.sha256(content).hexdigest())
        for key, content in hospital.objects().items()
    }
    rows = hospital.database.execute(
        "SELECT key, bytes, sha256, in_doubt FROM ops.exported_objects"
    ).fetchall()
    assert set(objects) <= {row[0] for row in rows}
    assert all(in_doubt or objects[key] == (size, sha) for key, size, sha, in_doubt in rows)
    for key, content in hospital.objects().items():
        if key.endswith("metadata.json"):
            named = json.loads(content)["objects"]
            assert all(objects[o["key"]] == (o["bytes"], o["sha256"]) for o in named)


def assert_all_arrived(hospital: Hospital, studies: list[Study]) -> None:
    objects = hospital.objects()
    for study in studies:
        assert hospital.status(study) == "exported"
        assert study.metadata_key in objects
        for image in study.images:
            assert objects[study.image_key(image)] == image.path.read_bytes()
    assert len(objects) == sum(len(study.images) + 2 for study in studies)
    assert hospital.one("SELECT count(*) FROM ops.exported_objects WHERE in_doubt") == 0


# One fifth of everything fails -------------------------------------------------------------------


@pytest.mark.timeout(900)
def test_a_fifth_of_all_requests_fails_and_everything_arrives(
    hospital: Hospital, s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "READ_TIMEOUT_SECONDS", 2)
    seed = chosen_seed("EDEN_FAULT_SEED")
    studies = []
    for number in range(ROUNDS):
        new = [hospital.add_study(images=1 + n % 3) for n in range(25)]
        for study in studies[-10:]:
            hospital.set_report(study, f"round {number}")
            hospital.touch(study)
        studies += new
        # Stalls cost a timeout each: few of them.
        faults = [fault for fault in Fault if fault is not Fault.FORBIDDEN]
        weighed = [f for f in faults if "silence" not in f for _ in range(5)] + faults
        s3.choose = at_random(random.Random(seed + number), 0.2, weighed)
        began = time.monotonic()
        runs = 0
        while hospital.one("SELECT count(*) FROM ops.study_exports WHERE status = 'exported'") < (
            len(studies)
        ):
            hospital.make_due()
            hospital.discover()
            assert_the_ledger_is_right(hospital)
            runs += 1
            # Only flipped bits and the fifth failure of one object leave work to another run.
            assert runs <= 5
        hospital.discover()
        seconds = time.monotonic() - began
        spoilt = Counter(seen.fault for seen in s3.seen if seen.fault)
        print(f"{runs} runs, {seconds:.1f} s, {len(s3.seen)} requests, {dict(spoilt)}")
        # Half a minute where nothing else runs; with the timeouts of old, an hour.
        assert seconds < 600
    assert_all_arrived(hospital, studies)


# Wrong bytes --------------------------------------------------------------------------------------


def test_an_object_that_changes_on_the_way_is_never_accepted(
    hospital: Hospital, s3: FaultyS3
) -> None:
    bad, good = hospital.add_study(), hospital.add_study()
    s3.choose = on(bad.images[0].image_id, Fault.FLIPPED)
    assert hospital.discover().counts == {"exported": 1, "incomplete": 1}
    assert [seen.status for seen in s3.of(bad.images[0].image_id)] == [400]
    assert bad.image_key(bad.images[0]) not in hospital.objects()
    assert bad.metadata_key not in hospital.objects()
    assert hospital.image_row(bad.images[0]) == ("missing", "STORE_UNAVAILABLE")
    assert_the_ledger_is_right(hospital)

    s3.choose = lambda _: None
    hospital.make_due()
    assert hospital.discover().counts == {"exported": 1}
    assert_all_arrived(hospital, [bad, good])


def test_a_change_on_the_way_leaves_the_old_object_and_no_metadata(
    hospital: Hospital, s3: FaultyS3
) -> None:
    study = hospital.add_study()
    hospital.discover()
    before = hospital.objects()[study.report_key]
    hospital.set_report(study, "changed")
    hospital.touch(study)
    s3.choose = on(study.report_id, Fault.FLIPPED)
    assert hospital.discover().counts == {"incomplete": 1}
    assert hospital.objects()[study.report_key] == before
    assert study.metadata_key not in hospital.objects()
    s3.choose = lambda _: None
    hospital.make_due()
    assert hospital.discover().counts == {"exported": 1}
    assert hospital.objects()[study.report_key] == b"changed"
    assert_the_ledger_is_right(hospital)


def test_both_headers_that_s3_verifies_hold_the_hash_of_the_file(
    hospital: Hospital, s3: FaultyS3
) -> None:
    study = hospital.add_study(images=1)
    hospital.discover()
    (put,) = s3.of(study.images[0].image_id)
    digest = hashlib.sha256(study.images[0].path.read_bytes())
    assert put.headers["x-amz-content-sha256"] == digest.hexdigest()
    assert put.headers["x-amz-checksum-sha256"] == base64.b64encode(digest.digest()).decode()
    assert "content-md5" not in put.headers
    assert "x-amz-trailer" not in put.headers


# Answers that do not come, or come too late -------------------------------------------------------


def test_a_request_that_breaks_once_is_repeated(
    hospital: Hospital, s3: FaultyS3, pauses: list[float]
) -> None:
    faults = (
        Fault.RESET_BEFORE,
        Fault.RESET_AFTER,
        Fault.TRUNCATED_AFTER,
        Fault.ERROR,
        Fault.SLOW_DOWN,
    )
    broken = {hospital.add_study().report_key: fault for fault in faults}
    left = dict(broken)
    s3.choose = lambda seen: left.pop(seen.key, None)
    assert hospital.discover().counts == {"exported": len(faults)}
    for key, fault in broken.items():
        assert [seen.fault for seen in s3.of(key)] == [fault, None]
    assert len(pauses) == len(faults)
    assert_the_ledger_is_right(hospital)


def test_an_object_whose_answers_are_lost_is_there_and_yet_in_doubt(
    hospital: Hospital, s3: FaultyS3, pauses: list[float]
) -> None:
    study = hospital.add_study()
    key = study.image_key(study.images[0])
    s3.choose = on(key, Fault.RESET_AFTER)
    assert hospital.discover().counts == {"incomplete": 1}
    assert len(s3.of(key)) == ATTEMPTS
    assert key in hospital.objects()
    assert hospital.one("SELECT in_doubt FROM ops.exported_objects WHERE key = %s", key)
    assert study.metadata_key not in hospital.objects()
    s3.choose = lambda _: None
    hospital.make_due()
    assert hospital.discover().counts == {"exported": 1}
    assert len(s3.of(key)) == ATTEMPTS + 1
    assert_all_arrived(hospital, [study])


def test_metadata_whose_removal_was_not_confirmed_leaves_a_readable_bucket(
    hospital: Hospital, s3: FaultyS3, pauses: list[float]
) -> None:
    study = hospital.add_study()
    hospital.discover()
    hospital.set_report(study, "changed")
    hospital.touch(study)
    s3.choose = on("metadata.json", Fault.RESET_AFTER, method="DELETE")
    assert hospital.discover().counts == {"incomplete": 1}
    assert study.metadata_key not in hospital.objects()
    assert hospital.objects()[study.report_key] != b"changed"
    assert_the_ledger_is_right(hospital)
    s3.choose = lambda _: None
    hospital.make_due()
    assert hospital.discover().counts == {"exported": 1}
    assert_all_arrived(hospital, [study])


def test_a_store_that_asks_to_slow_down_is_left_alone_for_longer_and_longer(
    hospital: Hospital, s3: FaultyS3, pauses: list[float]
) -> None:
    study = hospital.add_study(images=1)
    s3.choose = on(study.images[0].image_id, Fault.SLOW_DOWN)
    assert hospital.discover().counts == {"incomplete": 1}
    assert len(s3.of(study.images[0].image_id)) == ATTEMPTS
    assert len(pauses) == ATTEMPTS - 1
    assert all(0 < pause <= 2**number for number, pause in enumerate(pauses))


def test_an_attempt_is_over_before_the_lease_under_which_it_began() -> None:
    longest = s3_client.CONNECT_TIMEOUT_SECONDS + s3_client.READ_TIMEOUT_SECONDS
    assert longest < LEASE_SECONDS * (1 - leases.SAFETY)


def test_a_silent_store_holds_a_worker_for_one_object_and_no_longer(
    hospital: Hospital, s3: FaultyS3, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "READ_TIMEOUT_SECONDS", 0.5)
    study = hospital.add_study(images=10)
    for fault in (Fault.STALL_BEFORE, Fault.STALL_AFTER):
        s3.seen.clear()
        s3.choose = lambda seen, fault=fault: fault if seen.key else None
        hospital.make_due()
        began = time.monotonic()
        assert hospital.discover().counts == {"incomplete": 1}
        # The store was not waited for until it gave up by itself.
        assert time.monotonic() - began < STALL_SECONDS / 2
        asked = [seen.key for seen in s3.seen if seen.key]
        assert len(set(asked)) == 1
        assert len(asked) <= ATTEMPTS
        assert_the_ledger_is_right(hospital)
    s3.choose = lambda _: None
    hospital.make_due()
    assert hospital.discover().counts == {"exported": 1}
    assert_all_arrived(hospital, [study])


def test_an_attempt_is_not_repeated_once_the_lease_has_run_out(
    hospital: Hospital, s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = hospital.add_study(images=1)
    database, bucket, export = hospital.settings()
    s3.choose = lambda _: Fault.RESET_BEFORE
    with Connections(database) as connections, sources.configured(export, bucket) as images:
        held = ledger.Ledger(connections, max_attempts=5)
        (lease,) = held.claim(1, held.refresh("policy"))

        def run_out(_: float) -> None:
            """In the pause before the second attempt."""
            lease.deadline = leases.clock()

        monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=run_out))
        loaded = Marts(connections).studies([study.study_id])[study.study_id]
        target = Bucket(bucket)
        exporter = Exporter(images, deidentify.PassThrough(), target, held, Budget())
        with pytest.raises(LeaseLost):
            exporter.export_study(loaded, lease)
        target.close()
    assert s3.kinds() == {"PUT object": 1}


def test_a_slow_line_is_no_silent_store(
    hospital: Hospital, s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than it takes to send what lies in the sockets' buffers, less than for the whole.
    monkeypatch.setattr(s3_client, "CONNECT_TIMEOUT_SECONDS", 3)
    monkeypatch.setattr(s3_client, "READ_TIMEOUT_SECONDS", 3)
    s3.bytes_per_second = 5 << 20

    def requests() -> int:
        study = hospital.add_study(images=1)
        study.images[0].path.write_bytes(study.images[0].path.read_bytes() + bytes(20 << 20))
        began = time.monotonic()
        assert hospital.discover().counts == {"exported": 1}
        assert time.monotonic() - began > 3
        return len(s3.of(study.images[0].image_id))

    # A machine that stands still for seconds makes the store as good as silent: who takes a slow
    # line for a silent store does it every time.
    assert any(requests() == 1 for _ in range(3))


# No bucket ----------------------------------------------------------------------------------------


def test_a_forbidden_bucket_stops_the_run_before_anything_is_claimed(
    hospital: Hospital, s3: FaultyS3
) -> None:
    study = hospital.add_study()
    s3.choose = lambda seen: Fault.FORBIDDEN if not seen.key else None
    with pytest.raises(StoreUnavailable, match="Forbidden"):
        hospital.discover()
    assert s3.kinds() == {"HEAD bucket": 1}
    assert hospital.one("SELECT count(*) FROM ops.study_exports WHERE status <> 'waiting'") == 0
    done = subprocess.run(
        [EDEN, "process-study", study.study_id],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 1
    assert f"bucket {load(ObjectStore).bucket} at {s3.url}: Forbidden" in done.stderr


def test_wrong_keys_are_told_and_not_shown(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.add_study()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret-key")
    with pytest.raises(StoreUnavailable, match="Forbidden") as caught:
        hospital.discover()
    assert "not-the-secret-key" not in str(caught.value)
    assert hospital.one("SELECT count(*) FROM ops.study_exports WHERE status <> 'waiting'") == 0


@pytest.mark.parametrize("is_bucket_seen", [True, False])
def test_a_store_that_goes_away_in_the_middle_ends_the_run_and_what_waits_keeps_its_attempts(
    hospital: Hospital, s3: FaultyS3, monkeypatch: pytest.MonkeyPatch, is_bucket_seen: bool
) -> None:
    monkeypatch.setenv("EXPORT_CONCURRENCY", "2")
    monkeypatch.setattr(sys.modules["dicom_export.workers"], "STORE_FAILURES_IN_A_ROW", 3)
    studies = [hospital.add_study(images=1) for _ in range(12)]

    def choose(seen: Seen) -> Fault | None:
        is_let_through = len(s3.seen) <= 5 or (is_bucket_seen and not seen.key)
        return None if is_let_through else Fault.FORBIDDEN

    s3.choose = choose
    with pytest.raises(StoreUnavailable, match="3 studies in a row" if is_bucket_seen else "Forb"):
        hospital.discover()
    assert_the_ledger_is_right(hospital)
    tried = hospital.one("SELECT count(*) FROM ops.study_exports WHERE attempts > 0")
    assert 1 <= tried <= 8
    s3.choose = lambda _: None
    hospital.make_due()
    hospital.discover()
    assert_all_arrived(hospital, studies)


# How much is asked of the store -------------------------------------------------------------------


def test_a_new_object_is_one_request_and_a_finished_set_is_none(
    hospital: Hospital, s3: FaultyS3
) -> None:
    studies = [hospital.add_study(images=4) for _ in range(10)]
    hospital.discover()
    objects = len(hospital.objects())
    assert objects == 60
    assert s3.kinds() == {"HEAD bucket": 1, "PUT object": objects}
    assert len(s3.seen) / objects <= 1.02
    assert_all_arrived(hospital, studies)
    s3.seen.clear()
    assert hospital.discover().counts == {}
    assert s3.kinds() == {}


def test_every_worker_keeps_its_connection(
    hospital: Hospital,
    s3: FaultyS3,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("EXPORT_CONCURRENCY", "12")
    for _ in range(40):
        hospital.add_study(images=1)
    s3.delay_seconds = 0.02
    with caplog.at_level(logging.WARNING, "urllib3"):
        hospital.discover()
    assert len({seen.connection for seen in s3.seen}) <= 13
    assert "pool is full" not in caplog.text


def test_only_a_large_object_waits_for_leave_to_be_sent(hospital: Hospital, s3: FaultyS3) -> None:
    study = hospital.add_study(images=1)
    study.images[0].path.write_bytes(study.images[0].path.read_bytes() + bytes(1 << 20))
    hospital.discover()
    asking = [seen.key for seen in s3.seen if "expect" in seen.headers]
    assert asking == [study.image_key(study.images[0])]


LARGE = """
import sys
from pathlib import Path
from dicom_export.blobs import Budget, Workspace
from dicom_export.publish.bucket import Bucket
from eden.settings import ObjectStore, load

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

store = Bucket(load(ObjectStore))
store.check_bucket()
with Workspace(Budget(4 << 20)) as workspace:
    before = peak()
    writer = workspace.writer()
    for number in range(256):
        writer.write(bytes([number]) * (1 << 20))
    blob = writer.finish()
    store.put("large", blob, "application/dicom")
    print(blob.sha256, peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_file_larger_than_the_memory_for_it_streams(hospital: Hospital) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LARGE], capture_output=True, text=True, check=True, env=os.environ
    )
    sha256, megabytes = done.stdout.split()
    with (hospital.services.bucket_folder / "large").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == sha256
    assert float(megabytes) < 24


# The proxy itself ---------------------------------------------------------------------------------


def test_the_proxy_refuses_what_differs_from_its_checksum(hospital: Hospital, s3: FaultyS3) -> None:
    settings = load(ObjectStore)
    assert settings.secret_access_key
    client = boto3.client(
        "s3",
        endpoint_url=s3.url,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key.get_secret_value(),
        region_name="us-east-1",
        config=Config(request_checksum_calculation="when_required"),
    )

    def put(**headers: Any) -> str:
        try:
            client.put_object(Bucket=settings.bucket, Key="k", Body=b"bytes", **headers)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    wrong = "A" * 43 + "="
    assert put() == ""
    assert put(ChecksumSHA256=wrong) == "BadDigest"
    assert put(ContentMD5="A" * 22 + "==") == "BadDigest"
    assert put(ChecksumCRC32="AAAAAA==") == "BadDigest"
    s3.choose = lambda _: Fault.FLIPPED
    assert put() == "XAmzContentSHA256Mismatch"


def test_the_proxy_reads_trailers() -> None:
    body = b"3;chunk-signature=0\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:hYfYGA==\r\n\r\n"
    assert decode_aws_chunked(body) == (b"abcde", {"x-amz-checksum-crc32": "hYfYGA=="})
    with pytest.raises(ValueError, match="subsection"):
        decode_aws_chunked(body[:9])

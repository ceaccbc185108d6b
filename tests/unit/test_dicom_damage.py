"""Files made to exhaust memory and files damaged at random: each gets a verdict in bounded time."""

from __future__ import annotations

import json
import os
import random
import struct
import time
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.uid import (
    JPEG2000Lossless,
)

from dicom_export import dicom_file
from dicom_export.blobs import Budget, Workspace
from dicom_export.codes import Code
from dicom_export.deidentify import PassThrough
from dicom_export.prepare import checks
from dicom_export.prepare.study import prepare
from dicom_export.sources import Sources
from dicom_export.sources.local import LocalSource
from tests.support.dicom import (
    code_of,
    inspected,
    radiograph,
    rows,
    sample,
    written,
)
from tests.support.seeds import chosen_seed
from tests.support.sources import a_study, an_image

# Bombs --------------------------------------------------------------------------------------------


class Asked(BytesIO):
    """Notes how much was ever asked for at once."""

    largest = 0

    def read(self, count: int | None = -1) -> bytes:
        self.largest = max(self.largest, count or 0)
        return super().read(count)


def test_no_length_in_a_file_makes_room_for_more_than_the_file() -> None:
    content = written(radiograph())
    at = content.index(b"\x10\x00\x10\x00PN")
    giant = content[:at] + b"\x10\x00\x10\x00UN\0\0\xf0\xff\xff\xff" + content[at + 8 :]
    stream = Asked(giant)
    study, image = rows(content)
    assert inspected(stream, len(giant), study, image).code == Code.TRUNCATED
    assert stream.largest <= len(giant)


def test_a_deflated_bomb_is_stopped_in_bounded_memory() -> None:
    content = sample("image_dfl.dcm")
    study, image = rows(content)
    at = content.index(b"1.2.840.10008.1.2.1.99") + 22
    meta_end = 144 + struct.unpack("<I", content[140:144])[0]
    assert at <= meta_end
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = content[:meta_end] + deflater.compress(bytes(100 * 1024**2)) + deflater.flush()
    tracemalloc.start()
    try:
        found = inspected(
            BytesIO(bomb), len(bomb), study, image, memory=1024**2, limit=50 * 1024**2
        )
        assert found.code == Code.TOO_LARGE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024**2


def test_a_header_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_file, "MAX_HEADER_BYTES", 100_000)
    dataset = radiograph()
    for element in range(0x1000, 0x1000 + 200):
        dataset.add_new(0x00290000 + element, "OB", bytes(1000))
    assert code_of(written(dataset)) == Code.TOO_LARGE


def test_fragments_without_end_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MAX_FRAGMENTS", 1000)
    dataset = radiograph(PixelData=b"\xfe\xff\x00\xe0\0\0\0\0" * 2000 + b"\xfe\xff\xdd\xe0\0\0\0\0")
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    content = written(dataset, JPEG2000Lossless)
    assert code_of(content) == Code.BAD_FRAMES


def test_sequences_in_sequences_in_sequences() -> None:
    content = written(radiograph())
    at = content.index(b"\x10\x00\x10\x00PN")
    level = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    assert code_of(content[:at] + level * 5000, content) in (Code.NOT_DICOM, Code.TRUNCATED)


# Damage -------------------------------------------------------------------------------------------


SECONDS_TO_JUDGE = 10
"""Of one small file's own time, however slow the machine is."""
PATIENTS = (
    "CT_small.dcm", "MR_small_RLE.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm",
    "MR_small_jp2klossless.dcm", "image_dfl.dcm", "emri_small_RLE.dcm", "UN_sequence.dcm",
    "chrSQEncoding.dcm", "test-SR.dcm", "nested_priv_SQ.dcm", "693_J2KI.dcm",
)  # fmt: skip


@pytest.fixture
def dice() -> random.Random:
    return random.Random(chosen_seed())


def damaged(content: bytes, dice: random.Random) -> bytes:
    """Damage a file as disks, networks and writers of files do; mostly where its header is."""
    spoilt = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 5, 20))):
        at = dice.randrange(min(len(spoilt), dice.choice((400, 2000, len(spoilt)))) or 1)
        count = dice.choice((1, 2, 4, 8, 100))
        match dice.randrange(7):
            case 0:
                spoilt[at : at + count] = dice.randbytes(count)
            case 1:
                spoilt[at : at + 4] = dice.choice((b"\xff" * 4, b"\0" * 4, b"\xfe\xff\xff\x7f"))
            case 2:
                del spoilt[at : at + count]
            case 3:
                spoilt[at:at] = dice.randbytes(count)
            case 4:
                start = dice.randrange(len(spoilt) or 1)
                spoilt[at:at] = spoilt[start : start + dice.randrange(2000)]
            case 5:
                tags = (b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0", b"\xfe\xff\x0d\xe0", b"SQ", b"UN")
                spoilt[at : at + 4] = dice.choice(tags)
            case 6 if dice.random() < 0.3:
                del spoilt[at:]
    return bytes(spoilt)


@pytest.mark.slow
def test_no_damage_makes_the_checks_raise_or_take_long(dice: random.Random) -> None:
    verdicts: dict[Code | None, int] = {}
    slowest = 0.0
    for _ in range(int(os.environ.get("EDEN_DAMAGED_FILES", "2000"))):
        content = sample(dice.choice(PATIENTS))
        study, image = rows(content)
        spoilt = damaged(content, dice)
        started = time.thread_time()
        found = inspected(BytesIO(spoilt), len(spoilt), study, image)
        slowest = max(slowest, time.thread_time() - started)
        json.dumps(found.attributes, allow_nan=False).encode()
        verdicts[found.code] = verdicts.get(found.code, 0) + 1
    print(f"slowest: {slowest:.2f} s, {verdicts}")
    assert slowest < SECONDS_TO_JUDGE
    # The dice reach more than one way to fail, and not only failures.
    assert {None, Code.NOT_DICOM, Code.TRUNCATED} <= set(verdicts)


def test_every_file_of_a_batch_of_damage_has_its_verdict(
    tmp_path: Path, dice: random.Random
) -> None:
    images = []
    for number in range(60):
        content = sample("MR_small_RLE.dcm")
        header = rows(content)[1]
        is_good = number % 3 == 0
        path = tmp_path / str(number)
        path.write_bytes(content if is_good else damaged(content, dice))
        images.append(
            an_image(
                str(path),
                image_id=f"{'good' if is_good else 'bad'}-{number}",
                series_instance_uid=header.series_instance_uid,
                sop_instance_uid=header.sop_instance_uid,
            )
        )
    study_uid = rows(sample("MR_small_RLE.dcm"))[0].study_instance_uid
    study = a_study(*images, study_instance_uid=study_uid)
    with (
        Sources({"file": LocalSource((str(tmp_path),))}) as sources,
        Workspace(Budget()) as workspace,
    ):
        prepared = prepare(study, sources, PassThrough(), workspace)
    assert len(prepared.images) == 60
    for item in prepared.images:
        assert item.code is not None or item.blob is not None
        assert item.code is not Code.INTERNAL_ERROR
        if item.image.image_id.startswith("good"):
            assert item.code in (None, Code.STUDY_QUARANTINED)

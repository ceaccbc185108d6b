"""A dry run foresees what a run sends and removes, and writes nothing."""

from __future__ import annotations

import pytest

from tests.support.exporting import requests as requests  # noqa: PLC0414  # fixture
from tests.support.ward import Oracle, Ward
from tests.support.ward import oracle as oracle  # noqa: PLC0414  # fixture
from tests.support.ward import ward as ward  # noqa: PLC0414  # fixture


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

"""Marts whose studies come and go, for tests of what leaves the bucket."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dicom_export
from dicom_export import deidentify
from dicom_export.policy import policy_text
from dicom_export.publish.bucket import Bucket
from dicom_export.status.funnel import Funnel, read_funnel
from eden.settings import DestinationDatabase, Export, ObjectStore, load
from tests.support.exporting import Hospital, Study
from tests.support.exporting import requests as requests  # noqa: PLC0414  # fixture
from tests.support.marts import insert

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


@pytest.fixture
def switch(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Choose how to de-identify from now on."""
    monkeypatch.setenv("DEIDENTIFICATION_KEY", "a secret of this test, long enough to be one")
    return lambda mode: monkeypatch.setenv("DEIDENTIFICATION", mode)


@dataclasses.dataclass
class Dying:
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

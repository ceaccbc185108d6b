"""Works off what is eligible: any number of threads, processes and machines share the ledger."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from dicom_export import deidentify, sources
from dicom_export.codes import Code, StudyStatus
from dicom_export.connections import Connections
from dicom_export.errors import (
    LeaseLost,
    MalformedStudyId,
    StudyNotEligible,
    StudyUnknown,
    describe,
)
from dicom_export.ledger import Lease, Ledger, LedgerRow, combined_fingerprint
from dicom_export.model import DiscoverySummary, EligibleStudy, StudyResult
from dicom_export.scratch import Budget
from dicom_export.store import Store
from dicom_export.study import Exporter
from dicom_export.warehouse import Warehouse
from eden.errors import DatabaseUnavailable, EdenError
from eden.progress import report
from eden.settings import DestinationDatabase, Export, ObjectStore

log = logging.getLogger(__name__)

STAGE = "export"
STUDIES_AHEAD = 2
"""Studies claimed per worker: enough to keep it busy, few enough to leave some to others."""
HEARTBEATS_PER_LEASE = 5
POLL_SECONDS = 1.0

Worked = tuple[str, StudyResult]
"""The status that a study reached, and its result."""


def discover(
    warehouse: DestinationDatabase,
    store: ObjectStore,
    export: Export,
    *,
    limit: int | None = None,
) -> DiscoverySummary:
    """Export every eligible study that is due, or the ``limit`` that have waited longest.

    A study that is exported and unchanged costs no request.

    Raises:
        ConfigurationError: a setting is of no use; nothing was started.
        StoreUnavailable: the bucket cannot be reached; no study was claimed.
        DatabaseUnavailable: the warehouse is gone; what was begun is done again by the next run.
        WarehouseNotBuilt: there are no marts; no study was claimed.
    """
    with _session(warehouse, store, export) as session:
        started_at = session.ledger.refresh(session.policy)
        due = session.ledger.count_due(started_at)
        worked = session.work_off(started_at, due if limit is None else min(due, limit))
        while limit is None and session.outlive_the_dead():
            worked += session.work_off(started_at, session.ledger.count_due(started_at))
        return DiscoverySummary.of(worked, session.ledger.count_left())


def count_pending(warehouse: DestinationDatabase, export: Export) -> int:
    """Count the studies that :func:`discover` would work on now; new ones are noted as waiting.

    Raises:
        ConfigurationError, DatabaseUnavailable, WarehouseNotBuilt: as :func:`discover` does.
    """
    policy = deidentify.policy(deidentify.choose(export), export)
    with Connections(warehouse) as connections:
        ledger = Ledger(connections, max_attempts=export.max_attempts)
        return ledger.count_due(ledger.refresh(policy))


def process_study(
    warehouse: DestinationDatabase, store: ObjectStore, export: Export, study_id: str
) -> StudyResult:
    """Export one study now, also when it has failed or is to be tried later.

    A study that is exported and unchanged, or in quarantine, is left as it is, and its result is
    the one that the ledger holds.

    Raises:
        MalformedStudyId, StudyUnknown, StudyNotEligible: the message says why.
        EdenError: as :func:`discover` does.
    """
    with _session(warehouse, store, export) as session:
        answers = session.process([study_id])
    answer = answers[study_id]
    if isinstance(answer, EdenError):
        raise answer
    return answer


def process_batch(
    warehouse: DestinationDatabase, store: ObjectStore, export: Export, study_ids: Sequence[str]
) -> list[StudyResult]:
    """Export the given studies as :func:`process_study` does; results stand in the order given.

    A study that is malformed, unknown or not eligible has a result that says so.

    Raises:
        EdenError: as :func:`discover` does.
    """
    with _session(warehouse, store, export) as session:
        answers = session.process(study_ids)
    return [
        _failure(study_id, "", answer.code, str(answer))
        if isinstance(answer := answers[study_id], EdenError)
        else answer
        for study_id in study_ids
    ]


Answer = StudyResult | MalformedStudyId | StudyUnknown | StudyNotEligible


@dataclass(slots=True)
class _Run:
    """Studies in the hands of this run's workers."""

    pool: ThreadPoolExecutor
    total: int
    running: dict[Future[Worked], Lease] = field(default_factory=dict)
    worked: list[Worked] = field(default_factory=list)

    def advance(self) -> None:
        """Wait until a study is done, or more, and take them in."""
        done, _ = wait(self.running, return_when=FIRST_COMPLETED)
        for future in done:
            self.running.pop(future)
            self.add(future.result())

    def add(self, worked: Worked) -> None:
        self.worked.append(worked)
        report(STAGE, len(self.worked), max(self.total, len(self.worked)))


@dataclass(frozen=True, slots=True)
class _Session:
    """One call's connections, workers and settings."""

    ledger: Ledger
    marts: Warehouse
    exporter: Exporter
    policy: str
    concurrency: int
    batch_size: int

    def work_off(self, due: datetime, limit: int) -> list[Worked]:
        """Claim and export up to ``limit`` studies that were due at ``due``."""
        ahead = min(self.batch_size, STUDIES_AHEAD * self.concurrency)
        unclaimed = limit
        report(STAGE, 0, limit)
        with self._run(limit) as run:
            while True:
                while unclaimed > 0 and len(run.running) < ahead:
                    leases = self.ledger.claim(min(ahead, unclaimed), due)
                    unclaimed = unclaimed - len(leases) if leases else 0
                    self._start(run, leases)
                if not run.running:
                    return run.worked
                run.advance()

    def outlive_the_dead(self) -> bool:
        """Wait for workers that died with studies in their hands; True where there is work left.

        A worker that lives prolongs its leases, and is not waited for any longer than that takes.
        """
        first = self.ledger.leases()
        while first:
            now = self.ledger.leases()
            if any(is_past for _, is_past in now.values()):
                return True
            first = {key: lease for key, lease in first.items() if now.get(key) == lease}
            if first:
                time.sleep(POLL_SECONDS)
        return False

    def process(self, study_ids: Sequence[str]) -> dict[str, Answer]:
        """Export the given studies and answer for each by the id as it was given."""
        answers: dict[str, Answer] = {}
        wanted: dict[str, str] = {}
        for given in study_ids:
            try:
                wanted[given] = str(UUID(given))
            except ValueError:
                answers[given] = MalformedStudyId(f"{given!r} is not a study's id (a UUID)")
        results = self._process(sorted(set(wanted.values())))
        return answers | {given: results[study_id] for given, study_id in wanted.items()}

    def _process(self, study_ids: list[str]) -> dict[str, Answer]:
        self.ledger.refresh(self.policy, study_ids)
        eligible = self.marts.eligible(study_ids)
        report(STAGE, 0, len(study_ids))
        with self._run(len(study_ids)) as run:
            chosen = [study_id for study_id in study_ids if study_id in eligible]
            for start in range(0, len(chosen), self.batch_size):
                batch = chosen[start : start + self.batch_size]
                self._start(run, self.ledger.claim_these(batch))
                while run.running:
                    run.advance()
        results: dict[str, Answer] = {result.study_id: result for _, result in run.worked}
        rows = self.ledger.rows(study_ids)
        for study_id in study_ids:
            if study_id in results:
                continue
            if study_id in eligible and study_id in rows:
                results[study_id] = _known_result(study_id, rows[study_id])
            else:
                results[study_id] = self.marts.explain_absence(study_id)
        return results

    @contextmanager
    def _run(self, total: int) -> Iterator[_Run]:
        pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="export")
        run = _Run(pool, total)
        try:
            yield run
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            unstarted = [lease for future, lease in run.running.items() if future.cancelled()]
            pool.shutdown(wait=True)
            self._put_back(unstarted)

    def _start(self, run: _Run, leases: Sequence[Lease]) -> None:
        studies = self.marts.studies([lease.study_id for lease in leases]) if leases else {}
        for lease in leases:
            study = studies.get(lease.study_id)
            if study is None:
                # A build took it out of the marts a moment ago.
                self.ledger.release(lease)
            else:
                run.running[run.pool.submit(self._work, study, lease)] = lease

    def _put_back(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            try:
                self.ledger.release(lease)
            except EdenError:
                # The run ends for a reason that weighs more; the lease will run out.
                log.warning("study %s: its lease could not be given back", lease.study_id)

    def _work(self, study: EligibleStudy, lease: Lease) -> Worked:
        """Export one study; whatever happens to it stays with it."""
        try:
            return self._export(study, lease)
        except LeaseLost:
            self.ledger.forget_lease(lease)
            log.warning("study %s: another worker took it over", study.study_id)
            return StudyStatus.EXPORTING.value, _failure(
                study.study_id, study.organization_id, Code.LEASE_LOST, "another worker has it"
            )

    def _export(self, study: EligibleStudy, lease: Lease) -> Worked:
        try:
            outcome = self.exporter.export_study(study, lease)
            fingerprint = combined_fingerprint(study.fingerprint, self.policy)
            status = self.ledger.finish(lease, outcome, fingerprint)
        except (LeaseLost, DatabaseUnavailable):
            raise
        except Exception as error:  # noqa: BLE001  # one bad study must not stop the others
            place = describe(error)
            log.error("study %s: %s", study.study_id, place)  # noqa: TRY400  # no message
            result = _failure(study.study_id, study.organization_id, Code.INTERNAL_ERROR, place)
            return self.ledger.give_up(lease, result).value, result
        log.info("study %s: %s", study.study_id, status)
        return status.value, outcome.result


@contextmanager
def _session(
    warehouse: DestinationDatabase, store: ObjectStore, export: Export
) -> Iterator[_Session]:
    """Open everything, in the order in which a mistake costs least."""
    with ExitStack() as stack:
        deidentifier = deidentify.choose(export)
        images = stack.enter_context(sources.configured(export, store))
        bucket = Store(store, connections=export.concurrency)
        stack.callback(bucket.close)
        bucket.check_bucket()
        connections = stack.enter_context(Connections(warehouse))
        ledger = Ledger(connections, max_attempts=export.max_attempts)
        stack.enter_context(_heartbeat(ledger))
        yield _Session(
            ledger=ledger,
            marts=Warehouse(connections),
            exporter=Exporter(images, deidentifier, bucket, ledger, Budget()),
            policy=deidentify.policy(deidentifier, export),
            concurrency=export.concurrency,
            batch_size=export.batch_size,
        )


@contextmanager
def _heartbeat(ledger: Ledger) -> Iterator[None]:
    """Prolong this process's leases for as long as the context lasts."""
    stopped = threading.Event()

    def beat() -> None:
        while not stopped.wait(ledger.lease_seconds / HEARTBEATS_PER_LEASE):
            try:
                ledger.renew_all()
            except EdenError as error:
                # Without it the leases run out, and the workers stop by themselves.
                log.warning("leases were not renewed: %s", error)

    thread = threading.Thread(target=beat, name="export-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _known_result(study_id: str, row: LedgerRow) -> StudyResult:
    """Answer for a study that there was nothing to do for, or that another worker has."""
    if row.status is not StudyStatus.EXPORTING and row.result is not None:
        return row.result
    return _failure(study_id, row.organization_id, Code.BEING_EXPORTED, "another worker has it")


def _failure(study_id: str, organization_id: str, code: str, reason: str) -> StudyResult:
    return StudyResult(
        study_id=study_id,
        organization_id=organization_id,
        success=False,
        dicom_files_uploaded=0,
        reports_uploaded=0,
        metadata_uploaded=False,
        errors=(f"{code}: {reason}",),
    )

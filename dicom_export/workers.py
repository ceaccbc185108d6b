"""This process's workers: threads that claim studies, export or withdraw them, and write the end.

Any number of threads, processes and machines share the ledger (design, section 5).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from dicom_export import deidentify, sources
from dicom_export.blobs import Budget
from dicom_export.codes import Code, StudyStatus
from dicom_export.connections import Connections
from dicom_export.dispatch import Batches, WorkerPool, dispatch
from dicom_export.errors import (
    LeaseLost,
    MalformedStudyId,
    StoreFailed,
    StudyNotEligible,
    StudyUnknown,
    describe,
)
from dicom_export.exporter import Exporter
from dicom_export.ledger.heartbeat import heartbeat
from dicom_export.ledger.leases import Lease
from dicom_export.ledger.ledger import Ledger
from dicom_export.ledger.results import LedgerRow
from dicom_export.marts import Marts
from dicom_export.model import RESULTS_KEPT, EligibleStudy, StudyResult, Tally, Withdrawals
from dicom_export.policy import policy_text
from dicom_export.publish.bucket import Bucket
from dicom_export.publish.study_objects import StudyObjects
from dicom_export.withdraw import verdicts
from dicom_export.withdraw.verdicts import Withdrawer
from eden import logs
from eden.errors import DatabaseUnavailable, EdenError, StoreUnavailable
from eden.progress import report
from eden.settings import DestinationDatabase, Export, ObjectStore

log = logging.getLogger(__name__)

EXPORTING = "export"
WITHDRAWING = "withdraw"
STUDIES_AHEAD = 2
"""Claimed studies per worker: enough to keep it busy, few enough to leave some to other workers."""
STORE_FAILURES_IN_A_ROW = 20
"""Studies in a row that the bucket refuses before the run ends, so that the next thousands of
studies keep their attempts."""
POLL_SECONDS = 1.0
BUILD_SECONDS = 60.0
"""A study that a running build takes out of the marts is not claimed again for this long."""

Worked = tuple[StudyStatus, StudyResult]
"""The status that a study reached, and its result."""

Throttle = Callable[[], AbstractContextManager[None]]
"""Entered for every study, by the thread that exports it, before the first fetch. It waits there
to limit how many studies are exported at once or per second."""

Answer = StudyResult | MalformedStudyId | StudyUnknown | StudyNotEligible


@dataclass(slots=True)
class _BucketWatch:
    """Ends a run whose bucket has gone away, before waiting studies lose their attempts."""

    bucket: Bucket
    failures: int = 0

    def observe(self, result: StudyResult) -> None:
        """Count the studies in a row that the bucket refused.

        Raises:
            StoreUnavailable: the bucket can't be reached, or refuses every study.
        """
        if not any(error.startswith(Code.STORE_UNAVAILABLE) for error in result.errors):
            self.failures = 0
            return
        self.failures += 1
        self.bucket.check_bucket()
        if self.failures >= STORE_FAILURES_IN_A_ROW:
            raise StoreUnavailable(
                f"the bucket is there and did not take {self.failures} studies in a row; "
                "the others wait"
            )


@dataclass(slots=True)
class _Run:
    """The studies that this run's threads work on."""

    pool: ThreadPoolExecutor
    stage: str
    total: int
    take: Callable[[Worked], None]
    """Receives every study that is done."""
    running: dict[Future[Worked], Lease] = field(default_factory=dict)
    done: int = 0

    def advance(self) -> None:
        """Wait until at least one study is done, and pass on all that are."""
        done, _ = wait(self.running, return_when=FIRST_COMPLETED)
        for future in done:
            self.running.pop(future)
            self.take(future.result())
            self.done += 1
            report(self.stage, self.done, max(self.total, self.done))


@dataclass(frozen=True, slots=True)
class Session:
    """The connections, threads and settings of one call."""

    connections: Connections
    ledger: Ledger
    marts: Marts
    exporter: Exporter
    withdrawer: Withdrawer
    bucket: Bucket
    policy: str
    deidentifies: bool
    concurrency: int
    batch_size: int
    throttle: Throttle

    def export_due(
        self, due: datetime, limit: int, tally: Tally, workers: WorkerPool | None
    ) -> None:
        """Export up to ``limit`` studies due at ``due``, in the pool or in this process."""
        if workers is None:
            self._export_here(due, limit, tally)
        elif limit:
            self.bucket.check_bucket()
            dispatch(self.ledger, workers, Batches(due, limit, self.batch_size), tally.add)

    def withdraw(self, *, allow_mass: bool) -> Withdrawals:
        """Withdraw the studies that no longer belong in the bucket, unless they are too many."""
        decision = verdicts.decide(
            self.connections, allow_mass=allow_mass, deidentifies=self.deidentifies
        )
        counts: Counter[str] = Counter()
        failed: list[StudyResult] = []

        def take(worked: Worked) -> None:
            status, result = worked
            counts[status] += 1
            if status != StudyStatus.WITHDRAWN and len(failed) < RESULTS_KEPT:
                failed.append(result)

        if decision.pending:
            self.bucket.check_bucket()
            with self._run(WITHDRAWING, decision.pending, take) as run:
                self._keep_busy(
                    run,
                    lambda count: self.ledger.claim_withdrawals(count, decision.at),
                    self._start_withdrawing,
                )
        return Withdrawals(
            withdrawn=counts[StudyStatus.WITHDRAWN],
            refused=decision.refused,
            exported=decision.exported,
            failed=tuple(failed),
        )

    def _export_here(self, due: datetime, limit: int, tally: Tally) -> None:
        """Claim and export up to ``limit`` studies that were due at ``due``."""
        unclaimed = limit
        if limit:
            # Only with work to do, because a finished dataset costs no request.
            self.bucket.check_bucket()

        def claim(count: int) -> list[Lease]:
            nonlocal unclaimed
            leases = self.ledger.claim(min(count, unclaimed), due) if unclaimed else []
            unclaimed = unclaimed - len(leases) if leases else 0
            return leases

        watch = _BucketWatch(self.bucket)

        def take(worked: Worked) -> None:
            tally.add(*worked)
            watch.observe(worked[1])

        with self._run(EXPORTING, limit, take) as run:
            self._keep_busy(run, claim, self._start_exporting)

    def wait_for_expired_leases(self) -> bool:
        """Wait until the leases of dead workers expire; True if one did, so that work is left.

        A living worker renews its leases; this does not wait for it once it has done so.
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
        """Export the given studies; return an answer for each id, spelled as given."""
        answers: dict[str, Answer] = {}
        wanted: dict[str, str] = {}
        for given in study_ids:
            try:
                wanted[given] = str(UUID(given))
            except ValueError:
                answers[given] = MalformedStudyId(f"{given!r} is not a study's id (a UUID)")
        results = self._process(sorted(set(wanted.values())))
        return answers | {given: results[study_id] for given, study_id in wanted.items()}

    def result(self, study_id: str, answer: Answer) -> StudyResult:
        """Return an answer as a result; that of an error counts the objects in place."""
        if isinstance(answer, StudyResult):
            return answer
        error = f"{answer.code}: {answer}"
        if not isinstance(answer, StudyNotEligible):
            return _nothing(study_id, error)
        return self.ledger.held_back(str(UUID(study_id)), error) or _nothing(study_id, error)

    def _process(self, study_ids: list[str]) -> dict[str, Answer]:
        self.ledger.refresh(self.policy, study_ids)
        eligible = self.marts.eligible(study_ids)
        results: dict[str, Answer] = {}

        watch = _BucketWatch(self.bucket)

        def take(worked: Worked) -> None:
            results[worked[1].study_id] = worked[1]
            watch.observe(worked[1])

        with self._run(EXPORTING, len(study_ids), take) as run:
            chosen = [study_id for study_id in study_ids if study_id in eligible]
            if chosen:
                self.bucket.check_bucket()
            for start in range(0, len(chosen), self.batch_size):
                batch = chosen[start : start + self.batch_size]
                # First the finished ones: a study that ends meanwhile needs no check.
                finished = self.ledger.claim_finished(batch)
                self._start(run, [*finished, *self.ledger.claim_these(batch)], self._repair)
                while run.running:
                    run.advance()
        rows = self.ledger.rows(study_ids)
        for study_id in study_ids:
            if study_id in results:
                continue
            if study_id in eligible and study_id in rows:
                results[study_id] = self._known_result(study_id, rows[study_id])
            else:
                results[study_id] = self.marts.explain_absence(study_id)
        return results

    def _known_result(self, study_id: str, row: LedgerRow) -> StudyResult:
        """Return the result of a study without work to do, or in another worker's hands."""
        if row.status is not StudyStatus.EXPORTING and row.result is not None:
            return row.result
        error = f"{Code.BEING_EXPORTED}: another worker has it"
        return self.ledger.held_back(study_id, error) or _nothing(study_id, error)

    @contextmanager
    def _run(self, stage: str, total: int, take: Callable[[Worked], None]) -> Iterator[_Run]:
        pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix=stage)
        run = _Run(pool, stage, total, take)
        report(stage, 0, total)
        try:
            yield run
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            unstarted = [lease for future, lease in run.running.items() if future.cancelled()]
            pool.shutdown(wait=True)
            self._put_back(unstarted)

    def _keep_busy(
        self,
        run: _Run,
        claim: Callable[[int], list[Lease]],
        start: Callable[[_Run, Sequence[Lease]], None],
    ) -> None:
        """Claim studies as threads become free, until none is left to claim."""
        ahead = min(self.batch_size, STUDIES_AHEAD * self.concurrency)
        is_dry = False
        while True:
            while not is_dry and len(run.running) < ahead:
                leases = claim(ahead)
                is_dry = not leases
                start(run, leases)
            if not run.running:
                return
            run.advance()

    def _start_exporting(self, run: _Run, leases: Sequence[Lease]) -> None:
        self._start(run, leases, self._export)

    def _start(
        self, run: _Run, leases: Sequence[Lease], export: Callable[[Lease, EligibleStudy], Worked]
    ) -> None:
        study_ids = [lease.study_id for lease in leases]
        studies = self.marts.studies(study_ids) if leases else {}
        accepted = self.ledger.acceptances(study_ids) if leases else {}
        for lease in leases:
            study = studies.get(lease.study_id)
            if study is None:
                # A running build takes it out of the marts.
                self.ledger.release(lease, BUILD_SECONDS)
                continue
            study = replace(study, accepted=accepted.get(lease.study_id, frozenset()))
            do = partial(export, lease, study)
            run.running[run.pool.submit(logs.carried(self._work), lease, do)] = lease

    def _start_withdrawing(self, run: _Run, leases: Sequence[Lease]) -> None:
        for lease in leases:
            do = partial(self._withdraw, lease)
            run.running[run.pool.submit(logs.carried(self._work), lease, do)] = lease

    def _put_back(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            try:
                self.ledger.release(lease)
            except EdenError:
                # The run ends for a graver reason; this lease expires by itself.
                log.warning("study %s: its lease could not be given back", lease.study_id)

    def _work(self, lease: Lease, do: Callable[[], Worked]) -> Worked:
        """Work on one study; its failure does not reach other studies."""
        with logs.about(study_id=lease.study_id):
            try:
                return self._do(lease, do)
            except LeaseLost:
                self.ledger.drop_lease(lease)
                log.warning("study %s: another worker took it over", lease.study_id)
                error = f"{Code.LEASE_LOST}: another worker has it"
                result = self.ledger.held_back(lease.study_id, error)
                return StudyStatus.EXPORTING, result or _nothing(lease.study_id, error)

    def _do(self, lease: Lease, do: Callable[[], Worked]) -> Worked:
        try:
            status, result = do()
        except (LeaseLost, DatabaseUnavailable):
            raise
        except Exception as error:  # noqa: BLE001  # one bad study must not stop the others
            place = describe(error)
            log.error("study %s: %s", lease.study_id, place)  # noqa: TRY400  # no message
            status, result = self.ledger.give_up(lease, f"{Code.INTERNAL_ERROR}: {place}")
        log.info("study %s: %s", lease.study_id, status)
        return status, result

    def _export(self, lease: Lease, study: EligibleStudy) -> Worked:
        with self.throttle():
            outcome = self.exporter.export_study(study, lease)
        status = self.ledger.finish(lease, outcome, study.fingerprint, self.policy)
        return status, outcome.result

    def _repair(self, lease: Lease, study: EligibleStudy) -> Worked:
        """Export a study with the objects that the bucket has lost; skip it if it is whole."""
        try:
            is_whole = StudyObjects(self.bucket, self.ledger, lease).compare(study.organization_id)
        except StoreFailed as failure:
            error = f"{Code.STORE_UNAVAILABLE}: {failure.key}"
            if not lease.is_finished:
                return self.ledger.give_up(lease, error)
            self.ledger.release(lease)
            result = self.ledger.held_back(lease.study_id, error)
            return StudyStatus.EXPORTED, result or _nothing(lease.study_id, error)
        if not (lease.is_finished and is_whole):
            return self._export(lease, study)
        self.ledger.release(lease)
        row = self.ledger.rows([lease.study_id])[lease.study_id]
        return row.status, self._known_result(lease.study_id, row)

    def _withdraw(self, lease: Lease) -> Worked:
        return self.withdrawer.withdraw(lease)


@contextmanager
def open_session(
    warehouse: DestinationDatabase, store: ObjectStore, export: Export, throttle: Throttle
) -> Iterator[Session]:
    """Open everything, cheap checks of the settings first.

    Raises:
        ConfigurationError: a setting is missing or malformed; nothing was started.
    """
    with ExitStack() as stack:
        connections = stack.enter_context(Connections(warehouse))
        marts = Marts(connections)
        deidentifier = deidentify.choose(export, marts.names_of)
        images = stack.enter_context(sources.configured(export, store))
        bucket = Bucket(store, connections=export.concurrency)
        stack.callback(bucket.close)
        deidentify.require_same_key(connections, deidentifier)
        ledger = Ledger(connections, max_attempts=export.max_attempts)
        stack.enter_context(heartbeat(ledger))
        policy = policy_text(deidentifier, export)
        yield Session(
            connections=connections,
            ledger=ledger,
            marts=marts,
            exporter=Exporter(images, deidentifier, bucket, ledger, Budget(), policy),
            withdrawer=Withdrawer(bucket, ledger),
            bucket=bucket,
            policy=policy,
            deidentifies=export.deidentifies,
            concurrency=export.concurrency,
            batch_size=export.batch_size,
            throttle=throttle,
        )


def _nothing(study_id: str, error: str) -> StudyResult:
    """Return the result of a study that the ledger does not know."""
    return StudyResult(
        study_id=study_id,
        organization_id="",
        success=False,
        dicom_files_uploaded=0,
        reports_uploaded=0,
        metadata_uploaded=False,
        errors=(error,),
    )

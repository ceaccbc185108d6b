"""Works off what is eligible: any number of threads, processes and machines share the ledger."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from dicom_export import deidentify, sources
from dicom_export.blobs import Budget
from dicom_export.codes import Code, StudyStatus
from dicom_export.connections import Connections
from dicom_export.dispatch import Crew, Order, hand_out
from dicom_export.errors import (
    LeaseLost,
    MalformedStudyId,
    StoreFailed,
    StudyNotEligible,
    StudyUnknown,
    describe,
)
from dicom_export.exporter import Exporter
from dicom_export.ledger.leases import Lease
from dicom_export.ledger.ledger import Ledger, LedgerRow, combined_fingerprint
from dicom_export.marts import Warehouse
from dicom_export.model import (
    RESULTS_KEPT,
    DiscoverySummary,
    EligibleStudy,
    StudyResult,
    Tally,
    Withdrawals,
)
from dicom_export.policy import policy_text
from dicom_export.publish.bucket import Store
from dicom_export.publish.study_objects import Shelf
from dicom_export.status import dry_run
from dicom_export.status.dry_run import Forecast
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
"""Studies claimed per worker: enough to keep it busy, few enough to leave some to others."""
HEARTBEATS_PER_LEASE = 5
STORE_FAILURES_IN_A_ROW = 20
"""Studies that the store did not take, one after the other, before the run ends: the next thousands
would only use up their attempts."""
POLL_SECONDS = 1.0
BUILD_SECONDS = 60.0
"""For how long a study is left alone that a build is about to take out of the marts."""

Worked = tuple[StudyStatus, StudyResult]
"""The status that a study reached, and its result."""

Turn = Callable[[], AbstractContextManager[None]]
"""Entered for every study, by the thread that exports it, before anything is fetched: whoever
limits how many are exported at once, or per second, makes it wait there."""


def discover(  # noqa: PLR0913  # the settings, what to do, and who does it
    warehouse: DestinationDatabase,
    store: ObjectStore,
    export: Export,
    *,
    limit: int | None = None,
    allow_mass_withdraw: bool = False,
    crew: Crew | None = None,
    turn: Turn = nullcontext,
) -> DiscoverySummary:
    """Withdraw what is no longer eligible, then export every eligible study that is due.

    With ``limit``, only the studies that have waited longest are exported. A study that is exported
    and unchanged costs no request. Where too many exported studies would be withdrawn at once, none
    is; the rest goes on, and the summary says so. A ``crew`` exports where there is one, and this
    call hands the studies out and waits; else it is done here.

    Raises:
        ConfigurationError: a setting is of no use; nothing was started.
        StoreUnavailable: the bucket cannot be reached: at the start, and no study was claimed; or
            since, and what was not begun waits on.
        DatabaseUnavailable: the warehouse is gone; what was begun is done again by the next run.
        WarehouseNotBuilt: there are no marts; no study was claimed.
        BatchesFailed, NoWorkers: the crew can't do it all; the rest waits in the ledger.
    """
    with _session(warehouse, store, export, turn) as session:
        started_at = session.ledger.refresh(session.policy)
        tally, withdrawals = Tally(), session.withdraw(allow_mass=allow_mass_withdraw)
        due = session.ledger.count_due(started_at)
        session.have_done(started_at, due if limit is None else min(due, limit), tally, crew)
        while limit is None and session.outlive_the_dead():
            before = tally.total
            more = session.withdraw(allow_mass=allow_mass_withdraw)
            session.have_done(started_at, session.ledger.count_due(started_at), tally, crew)
            withdrawals = withdrawals.and_then(more)
            if not more.withdrawn and tally.total == before:
                break
        return tally.summary(session.ledger.count_left(), withdrawals)


def foresee(
    warehouse: DestinationDatabase,
    export: Export,
    *,
    limit: int | None = None,
    allow_mass_withdraw: bool = False,
) -> Forecast:
    """Say what :func:`discover` would do now; nothing is fetched, sent or written.

    Raises:
        ConfigurationError, DatabaseUnavailable, WarehouseNotBuilt: as :func:`discover` does.
    """
    with Connections(warehouse) as connections:
        deidentifier = deidentify.choose(export, Warehouse(connections).names_of)
        policy = policy_text(deidentifier, export)
        decision = verdicts.foresee(
            connections, allow_mass=allow_mass_withdraw, deidentifies=export.deidentifies
        )
        return dry_run.read(connections, policy, limit, decision)


def count_pending(warehouse: DestinationDatabase, export: Export) -> int:
    """Count the studies that :func:`discover` would work on now; new ones are noted as waiting.

    Raises:
        ConfigurationError, DatabaseUnavailable, WarehouseNotBuilt: as :func:`discover` does.
    """
    with Connections(warehouse) as connections:
        deidentifier = deidentify.choose(export, Warehouse(connections).names_of)
        policy = policy_text(deidentifier, export)
        deidentify.require_same_key(connections, deidentifier)
        ledger = Ledger(connections, max_attempts=export.max_attempts)
        return ledger.count_due(ledger.refresh(policy))


def process_study(
    warehouse: DestinationDatabase,
    store: ObjectStore,
    export: Export,
    study_id: str,
    *,
    turn: Turn = nullcontext,
) -> StudyResult:
    """Export one study now, also when it has failed or is to be tried later.

    What the ledger takes to be in the bucket is looked for there, in one LIST request, and sent
    again where it is missing or of another size. A study that is whole and unchanged, or in
    quarantine, is left as it is, and its result is the one that the ledger holds.

    Raises:
        MalformedStudyId, StudyUnknown, StudyNotEligible: the message says why.
        EdenError: as :func:`discover` does.
    """
    with _session(warehouse, store, export, turn) as session:
        answers = session.process([study_id])
    answer = answers[study_id]
    if isinstance(answer, EdenError):
        raise answer
    return answer


def process_batch(
    warehouse: DestinationDatabase,
    store: ObjectStore,
    export: Export,
    study_ids: Sequence[str],
    *,
    turn: Turn = nullcontext,
) -> list[StudyResult]:
    """Export the given studies as :func:`process_study` does; results stand in the order given.

    A study that is malformed, unknown or not eligible has a result that says so.

    Raises:
        EdenError: as :func:`discover` does.
    """
    with _session(warehouse, store, export, turn) as session:
        answers = session.process(study_ids)
        return [session.result(study_id, answers[study_id]) for study_id in study_ids]


Answer = StudyResult | MalformedStudyId | StudyUnknown | StudyNotEligible


@dataclass(slots=True)
class _StoreWatch:
    """Ends a run whose store has gone away, while what waits has all its attempts."""

    bucket: Store
    failures: int = 0

    def see(self, result: StudyResult) -> None:
        """Take note of a study.

        Raises:
            StoreUnavailable: the bucket can't be reached, or takes nothing any more.
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
    """Studies in the hands of this run's workers."""

    pool: ThreadPoolExecutor
    stage: str
    total: int
    take: Callable[[Worked], None]
    """Called with every study that is done."""
    running: dict[Future[Worked], Lease] = field(default_factory=dict)
    done: int = 0

    def advance(self) -> None:
        """Wait until a study is done, or more, and take them in."""
        done, _ = wait(self.running, return_when=FIRST_COMPLETED)
        for future in done:
            self.running.pop(future)
            self.take(future.result())
            self.done += 1
            report(self.stage, self.done, max(self.total, self.done))


@dataclass(frozen=True, slots=True)
class _Session:
    """One call's connections, workers and settings."""

    connections: Connections
    ledger: Ledger
    marts: Warehouse
    exporter: Exporter
    withdrawer: Withdrawer
    bucket: Store
    policy: str
    deidentifies: bool
    concurrency: int
    batch_size: int
    turn: Turn

    def have_done(self, due: datetime, limit: int, tally: Tally, crew: Crew | None) -> None:
        """Have up to ``limit`` studies exported that were due at ``due``: by the crew, or here."""
        if crew is None:
            self.work_off(due, limit, tally)
        elif limit:
            self.bucket.check_bucket()
            hand_out(self.ledger, crew, Order(due, limit, self.batch_size), tally.add)

    def withdraw(self, *, allow_mass: bool) -> Withdrawals:
        """Take out of the bucket what no longer belongs there, as far as that is allowed."""
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

    def work_off(self, due: datetime, limit: int, tally: Tally) -> None:
        """Claim and export up to ``limit`` studies that were due at ``due``."""
        unclaimed = limit
        if limit:
            # Not without work: a finished set costs no request.
            self.bucket.check_bucket()

        def claim(count: int) -> list[Lease]:
            nonlocal unclaimed
            leases = self.ledger.claim(min(count, unclaimed), due) if unclaimed else []
            unclaimed = unclaimed - len(leases) if leases else 0
            return leases

        watch = _StoreWatch(self.bucket)

        def take(worked: Worked) -> None:
            tally.add(*worked)
            watch.see(worked[1])

        with self._run(EXPORTING, limit, take) as run:
            self._keep_busy(run, claim, self._start_exporting)

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

    def result(self, study_id: str, answer: Answer) -> StudyResult:
        """Give an answer as a result: one that is an error, with what is in place all the same."""
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

        watch = _StoreWatch(self.bucket)

        def take(worked: Worked) -> None:
            results[worked[1].study_id] = worked[1]
            watch.see(worked[1])

        with self._run(EXPORTING, len(study_ids), take) as run:
            chosen = [study_id for study_id in study_ids if study_id in eligible]
            if chosen:
                self.bucket.check_bucket()
            for start in range(0, len(chosen), self.batch_size):
                batch = chosen[start : start + self.batch_size]
                # In this order, or those that are done meanwhile would be looked at, too.
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
        """Answer for a study that there was nothing to do for, or that another worker has."""
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
        """Claim studies as workers become free, until there is none left to claim."""
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
                # A build takes it out of the marts just now.
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
                # The run ends for a reason that weighs more; the lease will run out.
                log.warning("study %s: its lease could not be given back", lease.study_id)

    def _work(self, lease: Lease, do: Callable[[], Worked]) -> Worked:
        """Do one study's work; whatever happens to it stays with it."""
        with logs.about(study_id=lease.study_id):
            try:
                return self._do(lease, do)
            except LeaseLost:
                self.ledger.forget_lease(lease)
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
        with self.turn():
            outcome = self.exporter.export_study(study, lease)
        fingerprint = combined_fingerprint(study.fingerprint, self.policy)
        return self.ledger.finish(lease, outcome, fingerprint, self.policy), outcome.result

    def _repair(self, lease: Lease, study: EligibleStudy) -> Worked:
        """Export a study, and what the bucket has lost of it; one that is whole stays as it is."""
        try:
            is_whole = Shelf(self.bucket, self.ledger, lease).compare(study.organization_id)
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
def _session(
    warehouse: DestinationDatabase, store: ObjectStore, export: Export, turn: Turn
) -> Iterator[_Session]:
    """Open everything, in the order in which a mistake costs least."""
    with ExitStack() as stack:
        connections = stack.enter_context(Connections(warehouse))
        marts = Warehouse(connections)
        deidentifier = deidentify.choose(export, marts.names_of)
        images = stack.enter_context(sources.configured(export, store))
        bucket = Store(store, connections=export.concurrency)
        stack.callback(bucket.close)
        deidentify.require_same_key(connections, deidentifier)
        ledger = Ledger(connections, max_attempts=export.max_attempts)
        stack.enter_context(_heartbeat(ledger))
        policy = policy_text(deidentifier, export)
        yield _Session(
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
            turn=turn,
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


def _nothing(study_id: str, error: str) -> StudyResult:
    """Give the result of a study that the ledger does not know."""
    return StudyResult(
        study_id=study_id,
        organization_id="",
        success=False,
        dicom_files_uploaded=0,
        reports_uploaded=0,
        metadata_uploaded=False,
        errors=(error,),
    )

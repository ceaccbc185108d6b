"""The export's entry points: discover, dry run, one study, a batch (design, section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from dicom_export import deidentify
from dicom_export.connections import Connections
from dicom_export.dispatch import WorkerPool
from dicom_export.ledger.ledger import Ledger
from dicom_export.marts import Marts
from dicom_export.model import DiscoverySummary, StudyResult, Tally
from dicom_export.policy import policy_text
from dicom_export.status import dry_run as forecasts
from dicom_export.status.dry_run import Forecast
from dicom_export.withdraw import verdicts
from dicom_export.workers import Throttle, open_session
from eden.errors import EdenError
from eden.settings import DestinationDatabase, Export, ObjectStore


def discover(  # noqa: PLR0913  # three groups of settings, two choices, a pool, a throttle
    warehouse: DestinationDatabase,
    store: ObjectStore,
    export: Export,
    *,
    limit: int | None = None,
    allow_mass_withdraw: bool = False,
    workers: WorkerPool | None = None,
    throttle: Throttle = nullcontext,
) -> DiscoverySummary:
    """Withdraw the studies that are no longer eligible, then export every study that is due.

    With ``limit``, only the studies that have waited longest are exported. A study that is exported
    and unchanged costs no request. If too many exported studies would be withdrawn at once, none
    is withdrawn, the export goes on, and the summary shows it. With a pool of ``workers``, this
    call dispatches batches to it and waits; otherwise this process exports the studies.

    Raises:
        ConfigurationError: a setting is missing or malformed; nothing was started.
        StoreUnavailable: the bucket can't be reached. At the start, no study was claimed; later,
            the studies that were not begun still wait.
        DatabaseUnavailable: the warehouse is gone; the next run repeats unfinished studies.
        WarehouseNotBuilt: the marts are missing; no study was claimed.
        BatchesFailed, NoWorkers: the pool can't export all; the other studies still wait.
    """
    with open_session(warehouse, store, export, throttle) as session:
        started_at = session.ledger.refresh(session.policy)
        tally, withdrawals = Tally(), session.withdraw(allow_mass=allow_mass_withdraw)
        due = session.ledger.count_due(started_at)
        session.export_due(started_at, due if limit is None else min(due, limit), tally, workers)
        while limit is None and session.wait_for_expired_leases():
            before = tally.total
            more = session.withdraw(allow_mass=allow_mass_withdraw)
            session.export_due(started_at, session.ledger.count_due(started_at), tally, workers)
            withdrawals = withdrawals.and_then(more)
            if not more.withdrawn and tally.total == before:
                break
        return tally.summary(session.ledger.count_left(), withdrawals)


def dry_run(
    warehouse: DestinationDatabase,
    export: Export,
    *,
    limit: int | None = None,
    allow_mass_withdraw: bool = False,
) -> Forecast:
    """Forecast a :func:`discover` now; nothing is fetched, sent or written.

    Raises:
        ConfigurationError, DatabaseUnavailable, WarehouseNotBuilt: as :func:`discover` does.
    """
    with Connections(warehouse) as connections:
        deidentifier = deidentify.choose(export, Marts(connections).names_of)
        policy = policy_text(deidentifier, export)
        decision = verdicts.preview(
            connections, allow_mass=allow_mass_withdraw, deidentifies=export.deidentifies
        )
        return forecasts.read(connections, policy, limit, decision)


def count_pending(warehouse: DestinationDatabase, export: Export) -> int:
    """Queue new and changed studies; count the studies that :func:`discover` would work on now.

    Raises:
        ConfigurationError, DatabaseUnavailable, WarehouseNotBuilt: as :func:`discover` does.
    """
    with Connections(warehouse) as connections:
        deidentifier = deidentify.choose(export, Marts(connections).names_of)
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
    throttle: Throttle = nullcontext,
) -> StudyResult:
    """Export one study now, also if it has failed or its next attempt is later.

    One LIST request compares the bucket with the ledger; an object that is missing or of another
    size is sent again. A study that is whole and unchanged, or in quarantine, stays as it is, and
    its result is the ledger's.

    Raises:
        MalformedStudyId, StudyUnknown, StudyNotEligible: the message has the reason.
        EdenError: as :func:`discover` does.
    """
    with open_session(warehouse, store, export, throttle) as session:
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
    throttle: Throttle = nullcontext,
) -> list[StudyResult]:
    """Export the given studies as :func:`process_study` does; results keep the given order.

    The result of a malformed, unknown or not eligible study holds that error.

    Raises:
        EdenError: as :func:`discover` does.
    """
    with open_session(warehouse, store, export, throttle) as session:
        answers = session.process(study_ids)
        return [session.result(study_id, answers[study_id]) for study_id in study_ids]

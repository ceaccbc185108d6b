"""``eden status --check``: the alarms, for the person on call (design, section 8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from dicom_export import Funnel
from eden.warehouse import tenants
from eden_cli import output
from eden_cli.status_page import Status

LATE_AFTER = timedelta(minutes=30)
STALE_AFTER = timedelta(hours=2)
"""As dbt's source freshness has it: ``warn_after`` and ``error_after`` of ``pacs``."""

NAMED = 5
"""Studies that are named one by one; ``eden status`` lists more."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that is not as it should be."""

    code: str
    message: str
    is_error: bool = True
    """False where it may pass by itself, or keeps nothing else from being done."""


def raised_by(status: Status) -> tuple[Alarm, ...]:
    """The alarms of this status, errors first."""
    found = [
        *_of_freshness(status),
        *_of_forgetting(status),
        *(
            Alarm("TABLE_FAILED", f"{one.table}: {one.code} since {_when(one.since)}")
            for one in status.failures
        ),
        *_of_the_build(status),
        *(_of_the_export(status.export) if status.export else ()),
        *(Alarm("TENANTS", said, False) for said in tenants.remedies(status.tenants)),
    ]
    return tuple(sorted(found, key=lambda alarm: not alarm.is_error))


def to_dict(alarms: Sequence[Alarm]) -> dict[str, Any]:
    """Their part of the document for ``--json``."""
    return {
        "needs_person": any(alarm.is_error for alarm in alarms),
        "alarms": [asdict(alarm) for alarm in alarms],
    }


def show(alarms: Iterable[Alarm]) -> None:
    """Show them to a person, one on a line."""
    lines = [
        f"{'' if alarm.is_error else 'warning: '}{alarm.code}: {alarm.message}" for alarm in alarms
    ]
    for line in lines or ["Nothing needs a person."]:
        output.say(line)


def _of_freshness(status: Status) -> Iterator[Alarm]:
    if status.last_sync is None:
        yield Alarm("STALE", "no sync has ever reached its end")
        return
    for one in status.organizations:
        if one.is_forgotten or one.last_read is None:
            continue
        age = status.now - one.last_read
        if age > LATE_AFTER:
            code, is_error = ("STALE", True) if age > STALE_AFTER else ("LATE", False)
            yield Alarm(code, f"{one.slug}: last read {_when(one.last_read)}", is_error)


def _of_forgetting(status: Status) -> Iterator[Alarm]:
    for one in status.organizations:
        if one.is_forgotten and not one.is_removed:
            yield Alarm(
                "NOT_FORGOTTEN",
                f"{one.slug}: something is left; run eden forget-organization again",
            )


def _of_the_build(status: Status) -> Iterator[Alarm]:
    since = status.build_due_since
    # A tick loads first and builds then: for a while it is due.
    if since is not None and status.now - since > LATE_AFTER:
        yield Alarm("BUILD_DUE", f"changes since {_when(since)} are not in the marts")


def _of_the_export(funnel: Funnel) -> Iterator[Alarm]:
    for name, count in (("failed", funnel.failed), ("quarantined", funnel.quarantined)):
        if count:
            named = [study for study in funnel.needs_person if study.status == name][:NAMED]
            listed = ", ".join(f"{s.study_id} ({', '.join(s.codes)})" for s in named)
            more = f" and {count - len(named):,} more" if count > len(named) else ""
            yield Alarm(
                f"STUDIES_{name.upper()}", f"{count:,} studies: {listed}{more}; see eden retry"
            )
    if refused := funnel.not_eligible.refused:
        yield Alarm(
            "WITHDRAWAL_REFUSED",
            f"{refused:,} exported studies are no longer eligible: "
            "eden discover --allow-mass-withdraw, if that is right",
        )


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}"

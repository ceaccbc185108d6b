"""``eden retry``: a person puts a study back that is held back (design, section 5)."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dicom_export.codes import Code, StudyStatus
from dicom_export.connections import Connections
from dicom_export.errors import MalformedStudyId, NotAcceptable, NotHeldBack
from dicom_export.marts import Marts
from eden.errors import UsageError
from eden.postgres import Connection
from eden.settings import DestinationDatabase

HELD_BACK = frozenset({StudyStatus.FAILED, StudyStatus.QUARANTINED, StudyStatus.INCOMPLETE})

_ACCEPT = """
INSERT INTO ops.acceptances (study_id, image_id, code, source_sha256, reason, os_user, host)
SELECT study_id, image_id, %(code)s, source_sha256, %(reason)s, %(os_user)s, %(host)s
FROM ops.image_exports
WHERE study_id = %(study_id)s AND image_id = %(image_id)s AND reason = %(code)s
    AND source_sha256 IS NOT NULL
RETURNING source_sha256, reason, os_user, host, database_user, accepted_at
"""

_PUT_BACK = """
UPDATE ops.study_exports
SET status = 'waiting', attempts = 0, next_attempt_at = clock_timestamp(),
    updated_at = clock_timestamp()
WHERE study_id = %(study_id)s
RETURNING organization_id::text
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """A person's request to let one image through for one code."""

    image_id: str
    code: Code

    @classmethod
    def parse(cls, text: str) -> Wish:
        """Read ``IMAGE_ID:CODE``.

        Raises:
            UsageError: another form, or a code that cannot be accepted.
        """
        image_id, _, name = text.partition(":")
        try:
            wish = cls(str(UUID(image_id)), Code(name))
        except ValueError:
            raise UsageError(f"--accept {text!r} is not IMAGE_ID:CODE") from None
        if not wish.code.is_acceptable:
            codes = ", ".join(code for code in Code if code.is_acceptable)
            raise UsageError(f"{wish.code} cannot be accepted; only {codes} can")
        return wish


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row of ``ops.acceptances``: the user who lets an image through, the time, the reason."""

    image_id: str
    code: Code
    source_sha256: str
    reason: str
    os_user: str
    host: str
    database_user: str
    accepted_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Give a document for JSON; the moment in ISO 8601."""
        return asdict(self) | {"accepted_at": self.accepted_at.isoformat()}


@dataclass(frozen=True, slots=True)
class RetrySummary:
    """The study that was queued again."""

    study_id: str
    organization_id: str
    accepted: tuple[Accepted, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give a document for JSON."""
        return {
            "study_id": self.study_id,
            "organization_id": self.organization_id,
            "status": StudyStatus.WAITING.value,
            "accepted": [accepted.to_dict() for accepted in self.accepted],
        }


def retry(
    warehouse: DestinationDatabase,
    study_id: str,
    accept: Sequence[str] = (),
    reason: str | None = None,
) -> RetrySummary:
    """Queue a study that is held back again, with all its attempts.

    ``accept`` holds ``IMAGE_ID:CODE``: the next attempt lets that image through for that code, if
    its file still has the bytes that were checked. User and reason are recorded. Either everything
    is done or nothing.

    Raises:
        UsageError: ``accept`` is malformed or names a code that cannot be accepted; or only one of
            ``accept`` and ``reason`` is given.
        MalformedStudyId, StudyUnknown, StudyNotEligible: as for :func:`process_study`.
        NotHeldBack: the study is not held back.
        NotAcceptable: an image is not held back by the code.
    """
    wishes = [Wish.parse(text) for text in dict.fromkeys(accept)]
    if bool(wishes) != bool(reason and reason.strip()):
        raise UsageError("--accept and --reason belong together: say why, and what for")
    try:
        known_id = str(UUID(study_id))
    except ValueError:
        raise MalformedStudyId(f"{study_id!r} is not a study's id (a UUID)") from None
    with Connections(warehouse) as connections:
        marts = Marts(connections)
        if not marts.eligible([known_id]):
            raise marts.explain_absence(known_id)
        with connections.borrow() as connection, connection.transaction():
            _require_held_back(connection, known_id)
            accepted = [_accept(connection, known_id, wish, reason or "") for wish in wishes]
            row = connection.execute(_PUT_BACK, {"study_id": known_id}).fetchone()
    if row is None:
        raise AssertionError("the row is locked")
    return RetrySummary(known_id, row[0], tuple(accepted))


def _require_held_back(connection: Connection, study_id: str) -> None:
    """Lock the study's row, and check that it is held back."""
    row = connection.execute(
        "SELECT status FROM ops.study_exports WHERE study_id = %s FOR UPDATE", (study_id,)
    ).fetchone()
    status = StudyStatus(row[0]) if row else StudyStatus.WAITING
    if status not in HELD_BACK:
        raise NotHeldBack(f"study {study_id} is {status}: there is nothing to put back")


def _accept(connection: Connection, study_id: str, wish: Wish, reason: str) -> Accepted:
    parameters = {
        "study_id": study_id,
        "image_id": wish.image_id,
        "code": wish.code.value,
        "reason": reason.strip(),
        "os_user": _user(),
        "host": socket.gethostname(),
    }
    row = connection.execute(_ACCEPT, parameters).fetchone()
    if row is None:
        raise NotAcceptable(
            f"image {wish.image_id} of study {study_id} is not held back by {wish.code}; "
            "nothing was accepted"
        )
    return Accepted(wish.image_id, wish.code, *row)


def _user() -> str:
    """Return the user of this process, by the system and not by the environment."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # A container's user may have no name.
        return f"uid {os.getuid()}"

"""Errors of the export. None carries a value from a file, a report or a row about a patient."""

from __future__ import annotations

import traceback
from pathlib import PurePath

from dicom_export.codes import Code
from eden.errors import EdenError


class MalformedStudyId(EdenError):
    """The given id is not a UUID."""

    code = Code.MALFORMED_STUDY_ID.value


class StudyUnknown(EdenError):
    """The warehouse has no study of this id."""

    code = Code.UNKNOWN_STUDY.value


class StudyNotEligible(EdenError):
    """The study fails a criterion; the message names it."""

    code = Code.NOT_ELIGIBLE.value


class BatchesFailed(EdenError):
    """Workers reported errors, or studies were given up; these wait in the ledger."""

    code = "BATCHES_FAILED"


class NoWorkers(EdenError):
    """No worker takes the batches; their studies wait in the ledger."""

    code = "NO_WORKERS"


class WithdrawalRefused(EdenError):
    """Too many exported studies are no longer eligible; none was withdrawn."""

    code = "WITHDRAWAL_REFUSED"


class NotHeldBack(EdenError):
    """The study is neither failed nor incomplete nor in quarantine: nothing to put back."""

    code = "NOT_HELD_BACK"


class NotAcceptable(EdenError):
    """The image is not held back by this code; nothing was accepted."""

    code = "NOT_ACCEPTABLE"


class SourceFailed(Exception):
    """The source of an image does not deliver it.

    ``may_pass``: the same request may succeed in a moment, for example after a broken connection.
    """

    def __init__(self, code: Code, *, may_pass: bool = False) -> None:
        super().__init__(code.value)
        self.code = code
        self.may_pass = may_pass


class StoreFailed(Exception):
    """One request to the bucket failed after all its attempts.

    ``key`` is built of UUIDs and numbers only, ``reason`` is S3's error code or the exception's
    name: both may be shown. ``was_answered`` is False where the last attempt got no answer.
    """

    def __init__(self, key: str, reason: str, *, was_answered: bool = True) -> None:
        super().__init__(f"{Code.STORE_UNAVAILABLE}: {key}: {reason}")
        self.key = key
        self.reason = reason
        self.was_answered = was_answered


class LeaseLost(Exception):
    """The study's lease expired or another worker has it: this worker must not write."""


def describe(error: BaseException) -> str:
    """Name an unexpected error's kind and place, and leave out its message.

    Messages of parsers and of PostgreSQL quote the data that they stumbled over.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    return f"{type(error).__name__} at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}"

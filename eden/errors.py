"""Errors, named by consequence.

Every error that a person is meant to read derives from :class:`EdenError`. Its ``code`` is stable
and may be searched for; its message names hosts, databases, tables, variables and ids, and never a
secret or anything of a patient.
"""

from __future__ import annotations

from typing import ClassVar


class EdenError(Exception):
    """What was asked for is not done; the message says why and fits on one line."""

    code: ClassVar[str] = "FAILED"
    exit_code: ClassVar[int] = 1


class ConfigurationError(EdenError):
    """A setting is missing or malformed; nothing was started."""

    code = "CONFIGURATION"
    exit_code = 2


class UsageError(EdenError):
    """The command was called with words that do not fit."""

    code = "USAGE"
    exit_code = 2


class DatabaseUnavailable(EdenError):
    """A database cannot be reached or refuses the login; nothing was changed."""

    code = "DATABASE_UNAVAILABLE"


class SourceMismatch(EdenError):
    """The source lacks a table or a column that the warehouse needs; that table was not touched."""

    code = "SOURCE_MISMATCH"


class LockHeld(EdenError):
    """Another run works on the warehouse; this one did nothing."""

    code = "LOCK_HELD"


class SyncFailed(EdenError):
    """A table could not be loaded; the next run reads it again from its watermark."""

    code = "SYNC_FAILED"


class SourceConflict(SyncFailed):
    """A standby ended our queries in favour of its replay; what was read is read again."""

    code = "SOURCE_CONFLICT"


class BuildFailed(EdenError):
    """dbt could not build, or a test failed; the marts are old or partly newer."""

    code = "BUILD_FAILED"


class WarehouseNotBuilt(EdenError):
    """The marts that the export reads do not exist yet; no study was claimed."""

    code = "WAREHOUSE_NOT_BUILT"

    def __init__(self, label: str) -> None:
        super().__init__(f"{label}: the marts of the export do not exist; run eden etl")


class PortTaken(EdenError):
    """Something else listens on the port that was asked for; nothing is served."""

    code = "PORT_TAKEN"


class UnknownOrganization(EdenError):
    """No organization of the source has this slug or id."""

    code = "UNKNOWN_ORGANIZATION"


class OrganizationForgotten(EdenError):
    """The organization was forgotten: nothing of it is replicated until it is restored."""

    code = "ORGANIZATION_FORGOTTEN"


class NotForgotten(EdenError):
    """Something of the organization is still there; the same command goes on from there."""

    code = "NOT_FORGOTTEN"


class StoreUnavailable(EdenError):
    """The bucket is missing, forbidden or unreachable; no study was claimed."""

    code = "STORE_UNAVAILABLE"


class ServiceFailed(EdenError):
    """A service of this machine did not start, or has ended by itself; its log is named."""

    code = "SERVICE_FAILED"


class AlreadyRunning(EdenError):
    """``eden up`` runs already on the same ``EDEN_HOME``; it is named, and was left alone."""

    code = "ALREADY_RUNNING"

"""Errors, named by consequence.

A person reads the message of every :class:`EdenError`: one line that names hosts, databases,
tables, variables and ids, and never a secret or a patient's data. Its ``code`` is stable. Exit code
1, or 2::

    EdenError
    ├── ConfigurationError            CONFIGURATION, exit code 2
    ├── UsageError                    USAGE, exit code 2
    ├── DatabaseUnavailable           DATABASE_UNAVAILABLE
    ├── LockHeld                      LOCK_HELD
    ├── SourceMismatch                SOURCE_MISMATCH
    ├── SyncFailed                    SYNC_FAILED
    │   └── SourceConflict            SOURCE_CONFLICT
    ├── BuildFailed                   BUILD_FAILED
    ├── WarehouseNotBuilt             WAREHOUSE_NOT_BUILT
    ├── UnknownOrganization           UNKNOWN_ORGANIZATION
    ├── OrganizationForgotten         ORGANIZATION_FORGOTTEN
    ├── NotForgotten                  NOT_FORGOTTEN
    ├── StoreUnavailable              STORE_UNAVAILABLE
    ├── PortTaken                     PORT_TAKEN
    ├── AlreadyRunning                ALREADY_RUNNING
    ├── ServiceFailed                 SERVICE_FAILED
    │   └── ChildFailed               eden_cli.up
    ├── ServerUnavailable             PREFECT_UNAVAILABLE, eden_cli.up.api
    ├── PoolUnavailable               WORK_POOL_UNAVAILABLE, flows.pool
    ├── Unexpected                    INTERNAL_ERROR, flows.tasks
    └── dicom_export.errors
        ├── MalformedStudyId          MALFORMED_STUDY_ID
        ├── StudyUnknown              UNKNOWN_STUDY
        ├── StudyNotEligible          NOT_ELIGIBLE
        ├── BatchesFailed             BATCHES_FAILED
        ├── NoWorkers                 NO_WORKERS
        ├── WithdrawalRefused         WITHDRAWAL_REFUSED
        ├── NotHeldBack               NOT_HELD_BACK
        └── NotAcceptable             NOT_ACCEPTABLE

Errors of one image, one request or one lease do not leave the export: ``SourceFailed``,
``StoreFailed`` and ``LeaseLost`` of ``dicom_export.errors``.
"""

from __future__ import annotations

from typing import ClassVar


class EdenError(Exception):
    """The command could not do its work; the message gives the reason on one line."""

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
    """A standby cancelled the queries for its replay; the next run reads the rows again."""

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

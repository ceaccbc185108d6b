"""Settings, read from the environment or from ``.env`` at the root (design, section 9).

Each part asks for the group that it needs, when it needs it: ``load(SourceDatabase)``. The
environment wins over ``.env``, an empty variable is unset, and a missing or malformed one is a
:class:`~eden.errors.ConfigurationError` that names the variable and never its value.
"""

from __future__ import annotations

import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from eden.errors import ConfigurationError
from eden.paths import PROJECT_ROOT

Words = Annotated[tuple[str, ...], NoDecode]
"""A comma-separated list."""


class _Group(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=PROJECT_ROOT / ".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        # An error would otherwise print the rejected value.
        hide_input_in_errors=True,
    )


class Database(_Group):
    """How to reach one PostgreSQL database."""

    name: str
    user: str
    password: SecretStr
    host: str
    port: int = Field(default=5432, ge=1, le=65535)
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = "prefer"

    @property
    def label(self) -> str:
        """Host, port and database, fit for a message."""
        return f"{self.host}:{self.port}/{self.name}"


class SourceDatabase(Database):
    """The PACS/RIS, which is only ever read."""

    model_config = SettingsConfigDict(env_prefix="SOURCE_DATABASE_")
    password: SecretStr = Field(validation_alias="SOURCE_DATABASE_PASS")


class DestinationDatabase(Database):
    """The warehouse."""

    model_config = SettingsConfigDict(env_prefix="DESTINATION_DATABASE_")
    password: SecretStr = Field(validation_alias="DESTINATION_DATABASE_PASS")


class ObjectStore(_Group):
    """The bucket. Without keys, boto3's default credential chain is used (roles, profiles)."""

    access_key_id: str | None = Field(default=None, validation_alias="AWS_ACCESS_KEY_ID")
    secret_access_key: SecretStr | None = Field(
        default=None, validation_alias="AWS_SECRET_ACCESS_KEY"
    )
    # Goes with temporary keys; AWS refuses these without it.
    session_token: SecretStr | None = Field(default=None, validation_alias="AWS_SESSION_TOKEN")
    region: str | None = Field(default=None, validation_alias="AWS_REGION_NAME")
    bucket: str = Field(default="s3-vlms-datasets", validation_alias="S3_BUCKET_NAME")
    endpoint_url: str | None = Field(default=None, validation_alias="S3_ENDPOINT_URL")
    storage_class: str | None = Field(default=None, validation_alias="S3_STORAGE_CLASS")
    sse: str | None = Field(default=None, validation_alias="S3_SSE")
    kms_key_id: str | None = Field(default=None, validation_alias="S3_KMS_KEY_ID")


class Sync(_Group):
    """Replication (design, section 3)."""

    overlap_minutes: int = Field(default=15, ge=0, validation_alias="SYNC_OVERLAP_MINUTES")
    lock_wait_seconds: float = Field(default=60, ge=0, validation_alias="SYNC_LOCK_WAIT")
    retention_days: int = Field(default=90, ge=1, validation_alias="RETENTION_DAYS")


class Export(_Group):
    """The export to the bucket (design, sections 5 and 6)."""

    # No default: a missing line in a file must not publish patients' names.
    deidentification: Literal["off", "basic"] = Field(
        validation_alias="DEIDENTIFICATION",
        description="choose basic or off (docs/deidentification.md)",
    )
    deidentification_key: SecretStr | None = Field(
        default=None, validation_alias="DEIDENTIFICATION_KEY"
    )
    burned_in_policy: Literal["exclude", "flag"] = Field(
        default="exclude", validation_alias="BURNED_IN_POLICY"
    )
    dicom_roots: Words = Field(default=(), validation_alias="DICOM_ROOTS")
    dicom_s3_buckets: Words = Field(default=(), validation_alias="DICOM_S3_BUCKETS")
    dicom_http_hosts: Words = Field(default=(), validation_alias="DICOM_HTTP_HOSTS")
    # It may carry a name and a password.
    dicomweb_url: SecretStr | None = Field(default=None, validation_alias="DICOMWEB_URL")
    dicomweb_mode: Literal["missing", "always"] = Field(
        default="missing", validation_alias="DICOMWEB_MODE"
    )
    concurrency: int = Field(default=8, ge=1, le=256, validation_alias="EXPORT_CONCURRENCY")
    batch_size: int = Field(default=200, ge=1, le=10_000, validation_alias="EXPORT_BATCH_SIZE")
    dispatch: Literal["local", "work-pool"] = Field(
        default="local", validation_alias="EXPORT_DISPATCH"
    )
    max_attempts: int = Field(default=5, ge=1, validation_alias="EXPORT_MAX_ATTEMPTS")

    @property
    def deidentifies(self) -> bool:
        """Whether the export de-identifies."""
        return self.deidentification != "off"

    @field_validator("dicom_roots", "dicom_s3_buckets", "dicom_http_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value


class Machine(_Group):
    """This machine: state of the embedded services, schedules, logs, error tracking."""

    home: Path = Field(default=PROJECT_ROOT / ".eden", validation_alias="EDEN_HOME")
    time_zone: str = Field(default="UTC", validation_alias="SCHEDULE_TIMEZONE")
    logging_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", validation_alias="LOGGING_LEVEL"
    )
    logging_format: Literal["text", "json"] = Field(
        default="text", validation_alias="LOGGING_FORMAT"
    )
    # Older deployments spell it SENTRY_DNS.
    sentry_dsn: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("SENTRY_DSN", "SENTRY_DNS")
    )

    @field_validator("sentry_dsn")
    @classmethod
    def _is_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(
            r"https?://[^\s/@]+@[^\s/@]+/(\S+/)?\d+", value.get_secret_value()
        ):
            raise ValueError("not of the form https://KEY@HOST/NUMBER")
        return value

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        # Known without a tz database, which a small container may lack.
        if value != "UTC":
            try:
                zoneinfo.ZoneInfo(value)
            except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
                raise ValueError("not a time zone of the tz database") from None
        return value


Settings = TypeVar("Settings", bound=_Group)


class Prefect(_Group):
    """The Prefect server that ``eden up`` runs or joins; the variables are Prefect's own."""

    api_url: str | None = Field(default=None, validation_alias="PREFECT_API_URL")
    api_key: SecretStr | None = Field(default=None, validation_alias="PREFECT_API_KEY")
    # It carries a password.
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL"
        ),
    )
    # Name and password of the server's pages and API, for the server and for its clients.
    server_login: SecretStr | None = Field(
        default=None, validation_alias="PREFECT_SERVER_API_AUTH_STRING"
    )
    client_login: SecretStr | None = Field(default=None, validation_alias="PREFECT_API_AUTH_STRING")
    host: str = Field(default="127.0.0.1", validation_alias="PREFECT_SERVER_API_HOST")
    port: int | None = Field(
        default=None, ge=1, le=65535, validation_alias="PREFECT_SERVER_API_PORT"
    )

    @field_validator("api_url")
    @classmethod
    def _no_slash_at_the_end(cls, value: str | None) -> str | None:
        return None if value is None else value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _on_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        # SQLite locks up under the load of workers.
        if value and not value.get_secret_value().startswith("postgresql+asyncpg://"):
            raise ValueError("not of the form postgresql+asyncpg://user:password@host:port/name")
        return value

    @field_validator("server_login", "client_login")
    @classmethod
    def _name_and_password(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not all(value.get_secret_value().partition(":")):
            raise ValueError("not of the form name:password")
        return value

    @property
    def login(self) -> SecretStr | None:
        """The login, from either of the two variables."""
        return self.server_login or self.client_login


def load(group: type[Settings]) -> Settings:
    """Read one group of settings.

    Raises:
        ConfigurationError: names every variable that is missing or malformed, never a value.
    """
    try:
        return group()
    except ValidationError as error:
        # The cause would carry the values.
        raise ConfigurationError(_explain(group, error)) from None


def is_configured(group: type[_Group]) -> bool:
    """Whether any required variable of the group is set."""
    required = sum(one.is_required() for one in group.model_fields.values())
    try:
        group()
    except ValidationError as error:
        missing = [one for one in error.errors(include_input=False) if one["type"] == "missing"]
        return len(missing) < required
    return True


def _explain(group: type[_Group], error: ValidationError) -> str:
    problems = [_problem(group, detail) for detail in error.errors(include_input=False)]
    return "; ".join(problems)


def _problem(group: type[_Group], detail: ErrorDetails) -> str:
    prefix, name = group.model_config.get("env_prefix", ""), str(detail["loc"][0])
    variable = name if name.isupper() else f"{prefix}{name}".upper()
    if detail["type"] == "missing":
        fields = group.model_fields.items()
        choices = [f.description for n, f in fields if name in (n, f.validation_alias)]
        return "; ".join([f"{variable} is not set", *filter(None, choices)])
    # pydantic's own words before ours.
    return f"{variable} is malformed: {detail['msg'].removeprefix('Value error, ')}"

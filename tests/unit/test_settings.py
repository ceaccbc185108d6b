"""Settings: what is missing or malformed is named, what is secret is never shown."""

from __future__ import annotations

import pytest

from eden.errors import ConfigurationError
from eden.settings import DestinationDatabase, Export, Machine, SourceDatabase, load

DATABASE = {"NAME": "pacs", "USER": "reader", "PASS": "s3cret-word", "HOST": "db", "PORT": "5433"}


def set_source(monkeypatch: pytest.MonkeyPatch, **changes: str) -> None:
    for name, value in (DATABASE | changes).items():
        monkeypatch.setenv(f"SOURCE_DATABASE_{name}", value)


def test_a_database_is_read_from_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    set_source(monkeypatch)
    source = load(SourceDatabase)
    assert source.label == "db:5433/pacs"
    assert source.password.get_secret_value() == "s3cret-word"
    assert "s3cret" not in repr(source) + str(source)


@pytest.mark.parametrize("name", ["NAME", "USER", "PASS", "HOST"])
def test_a_missing_or_empty_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    set_source(monkeypatch)
    monkeypatch.setenv(f"SOURCE_DATABASE_{name}", "")
    with pytest.raises(ConfigurationError, match=f"^SOURCE_DATABASE_{name} is not set$"):
        load(SourceDatabase)


def test_the_other_database_has_variables_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    set_source(monkeypatch)
    with pytest.raises(ConfigurationError, match="DESTINATION_DATABASE_NAME is not set"):
        load(DestinationDatabase)


def test_a_malformed_value_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    set_source(monkeypatch, PORT="5432;s3cret-word")
    with pytest.raises(ConfigurationError, match="SOURCE_DATABASE_PORT is malformed") as caught:
        load(SourceDatabase)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_deidentification_must_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(Export)
    assert str(caught.value) == (
        "DEIDENTIFICATION is not set; choose basic or off (docs/deidentification.md)"
    )
    monkeypatch.setenv("DEIDENTIFICATION", "of")
    with pytest.raises(ConfigurationError, match="DEIDENTIFICATION is malformed"):
        load(Export)


def test_lists_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDENTIFICATION", "off")
    monkeypatch.setenv("DICOM_ROOTS", "/pacs/a, /pacs/b,")
    assert load(Export).dicom_roots == ("/pacs/a", "/pacs/b")


def test_sources_of_images_are_off_until_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDENTIFICATION", "off")
    export = load(Export)
    assert (export.dicom_roots, export.dicom_s3_buckets, export.dicom_http_hosts) == ((), (), ())
    assert (export.dicomweb_url, export.dicomweb_mode) == (None, "missing")
    monkeypatch.setenv("DICOM_S3_BUCKETS", "a, b")
    monkeypatch.setenv("DICOM_HTTP_HOSTS", "pacs, pacs:8080,")
    assert load(Export).dicom_s3_buckets == ("a", "b")
    assert load(Export).dicom_http_hosts == ("pacs", "pacs:8080")
    monkeypatch.setenv("DICOMWEB_MODE", "sometimes")
    with pytest.raises(ConfigurationError, match="DICOMWEB_MODE is malformed"):
        load(Export)


def test_a_time_zone_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULE_TIMEZONE", "America/Montevideo")
    assert load(Machine).time_zone == "America/Montevideo"
    monkeypatch.setenv("SCHEDULE_TIMEZONE", "Mars/Olympus")
    with pytest.raises(ConfigurationError, match="SCHEDULE_TIMEZONE is malformed: not a"):
        load(Machine)


def test_sentry_may_be_spelt_as_older_deployments_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_DNS", "https://key@sentry.example/1")
    dsn = load(Machine).sentry_dsn
    assert dsn is not None
    assert "key" not in repr(load(Machine))

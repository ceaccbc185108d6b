"""The gate between what a hospital stores and what the bucket gets (design, section 6)."""

from __future__ import annotations

from typing import Protocol

from dicom_export.layout import SCHEMA_VERSION
from dicom_export.model import EligibleImage, EligibleReport, EligibleStudy
from dicom_export.scratch import Blob, Scratch
from eden.errors import ConfigurationError
from eden.settings import Export


class Deidentifier(Protocol):
    """Turns files and reports into what may be uploaded. Used by several threads at once."""

    @property
    def mode(self) -> str:
        """The value of DEIDENTIFICATION that asks for it."""

    @property
    def rules_version(self) -> str:
        """Changes whenever the same input would give another output: studies are sent anew."""

    @property
    def key_id(self) -> str | None:
        """Names the key of the pseudonyms without giving it away; None where there is none."""

    def image(
        self, original: Blob, study: EligibleStudy, image: EligibleImage, scratch: Scratch
    ) -> Blob:
        """Give the file to be uploaded."""

    def report(self, text: str, study: EligibleStudy, report: EligibleReport) -> str:
        """Give the text to be uploaded."""


class PassThrough:
    """DEIDENTIFICATION=off: files byte for byte, reports word for word."""

    mode = "off"
    rules_version = "1"
    key_id = None

    def image(
        self,
        original: Blob,
        study: EligibleStudy,  # noqa: ARG002
        image: EligibleImage,  # noqa: ARG002
        scratch: Scratch,  # noqa: ARG002
    ) -> Blob:
        """Give the file as it is."""
        return original

    def report(self, text: str, study: EligibleStudy, report: EligibleReport) -> str:  # noqa: ARG002
        """Give the text as it is."""
        return text


def choose(settings: Export) -> Deidentifier:
    """Make what the settings ask for.

    Raises:
        ConfigurationError: DEIDENTIFICATION=basic, which this version cannot do: it would rather
            upload nothing than identified data.
    """
    if settings.deidentification == "off":
        return PassThrough()
    raise ConfigurationError(
        f"DEIDENTIFICATION={settings.deidentification}: this version cannot de-identify yet; "
        "nothing was uploaded"
    )


def policy(deidentifier: Deidentifier, settings: Export) -> str:
    """Everything but the data that decides what is uploaded: part of every fingerprint."""
    return "/".join(
        (
            f"schema={SCHEMA_VERSION}",
            f"mode={deidentifier.mode}",
            f"rules={deidentifier.rules_version}",
            f"key={deidentifier.key_id or ''}",
            f"burned-in={settings.burned_in_policy}",
        )
    )

"""The gate between what a hospital stores and what the bucket gets (design, section 6).

``choose`` returns the implementation that DEIDENTIFICATION names. ``files/rules.csv`` lists the
attributes that may leave.
"""

from __future__ import annotations

from dicom_export.deidentify.api import (
    DeidentifiedFile,
    Deidentifier,
    OutgoingImage,
    ReportScrubber,
    ScrubbedReport,
    StudyDeidentifier,
)
from dicom_export.deidentify.basic import Basic
from dicom_export.deidentify.files.rules import RULES_VERSION
from dicom_export.deidentify.identifiers import Identifiers
from dicom_export.deidentify.key import Key, Subject
from dicom_export.deidentify.key_record import require_same_key
from dicom_export.deidentify.passthrough import PassThrough
from dicom_export.deidentify.reports.by_rules import NamesOf, ScrubbedByRules
from eden.settings import Export

__all__ = [
    "RULES_VERSION",
    "Basic",
    "DeidentifiedFile",
    "Deidentifier",
    "Identifiers",
    "Key",
    "OutgoingImage",
    "PassThrough",
    "ReportScrubber",
    "ScrubbedByRules",
    "ScrubbedReport",
    "StudyDeidentifier",
    "Subject",
    "choose",
    "require_same_key",
]


def choose(settings: Export, names_of: NamesOf) -> Deidentifier:
    """Make what the settings ask for; ``names_of`` reads an organization's staff and places.

    Raises:
        ConfigurationError: there is no key, or a short one: identified data are never uploaded for
            want of a setting.
    """
    if settings.deidentification == "off":
        return PassThrough()
    key = Key.of(settings)
    return Basic(key, settings.burned_in_policy, ScrubbedByRules(key, names_of))

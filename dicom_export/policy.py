"""The export's policy: all that decides what is uploaded, except the data (design, section 5)."""

from __future__ import annotations

from dicom_export.deidentify import Deidentifier
from dicom_export.publish.layout import SCHEMA_VERSION
from eden.settings import Export


def policy_text(deidentifier: Deidentifier, settings: Export) -> str:
    """Return the policy as one line of ``name=value`` pairs; it is part of every fingerprint."""
    return "/".join(
        (
            f"schema={SCHEMA_VERSION}",
            f"mode={deidentifier.mode}",
            f"rules={deidentifier.rules_version}",
            f"key={deidentifier.key_id or ''}",
            f"burned-in={settings.burned_in_policy}",
        )
    )

"""Pseudonyms of patients, UIDs, dates, devices and doctors.

They are keyed hashes (HMAC-SHA256): equal in every run, process and machine that has the key, and
not to be guessed from the original without it.
"""

from __future__ import annotations

import hmac
import uuid
from base64 import b32encode
from dataclasses import dataclass
from datetime import date, timedelta

from dicom_export.deidentify.files.uids import stripped
from eden.errors import ConfigurationError
from eden.settings import Export

MINIMUM_KEY_BYTES = 32
SCHEME = b"vlm-eden-dataset-etl/1"
"""Names the way to make pseudonyms; another way needs another name."""

NEAREST_WEEK, FURTHEST_WEEK = 52, 520
"""Bounds of the shift of dates into the past: one to ten years, in whole weeks."""

_UID_NAMESPACE = uuid.UUID("a1c5d1c6-3f0b-5c0e-9a56-2e7a7f1f6b1d")


@dataclass(frozen=True, slots=True)
class Subject:
    """The pseudonyms of one patient."""

    subject_id: str
    """17 characters, valid as Patient ID (0010,0020)."""
    shift: timedelta
    """Added to the patient's dates: negative, whole weeks."""

    @property
    def name(self) -> str:
        """A Patient's Name (0010,0010) that is recognizable as a pseudonym."""
        return f"DEID^{self.subject_id}"

    def moved(self, day: date) -> date | None:
        """Move a date; None if the result is before year 1."""
        try:
            return day + self.shift
        except OverflowError:
            return None


class Key:
    """The custodian's secret. Its repr shows the key's id only."""

    def __init__(self, secret: bytes) -> None:
        """Take the secret.

        Raises:
            ConfigurationError: the secret is shorter than 32 bytes.
        """
        if len(secret) < MINIMUM_KEY_BYTES:
            raise ConfigurationError(
                f"DEIDENTIFICATION_KEY is too short: {MINIMUM_KEY_BYTES} bytes or more are needed"
            )
        self._secret = secret
        self.key_id = self._hash("key-id")[:8].hex()
        """Identifies the key without disclosing it: 16 hexadecimal digits."""

    @classmethod
    def of(cls, settings: Export) -> Key:
        """Take the key of the settings, as UTF-8.

        Raises:
            ConfigurationError: the key is absent or too short.
        """
        if settings.deidentification_key is None:
            raise ConfigurationError(
                "DEIDENTIFICATION_KEY is not set: DEIDENTIFICATION=basic needs "
                f"{MINIMUM_KEY_BYTES} bytes or more"
            )
        return cls(settings.deidentification_key.get_secret_value().encode())

    def __repr__(self) -> str:
        return f"Key({self.key_id})"

    def subject(self, organization_id: str, patient_id: str | None, study_id: str) -> Subject:
        """Return the pseudonyms of an organization's patient; of the study if none is known."""
        kind, own_id = ("study", study_id) if patient_id is None else ("patient", patient_id)
        parts = (organization_id, kind, own_id)
        number = int.from_bytes(self._hash("shift", *parts)[:8])
        weeks = NEAREST_WEEK + number % (FURTHEST_WEEK - NEAREST_WEEK + 1)
        return Subject(f"P{_base32(self._hash('subject', *parts)[:10])}", timedelta(weeks=-weeks))

    def uid(self, original: str) -> str:
        """Return the pseudonym of a UID, without an organization's root (PS3.5, section B.2)."""
        name = self._hash("uid", stripped(original)).hex()
        return f"2.25.{uuid.uuid5(_UID_NAMESPACE, name).int}"

    def doctor(self, practitioner_id: str) -> str:
        """Return the pseudonym of a doctor, equal in all organizations."""
        return f"D{_base32(self._hash('doctor', practitioner_id)[:10])}"

    def device(self, kind: str, folded: str) -> str:
        """Return the pseudonym of a manufacturer or model that is not in the vocabulary."""
        return f"{kind.upper()} {_base32(self._hash('device', kind, folded)[:5])}"

    def _hash(self, *parts: str) -> bytes:
        """Hash texts with their lengths, so that different lists have different hashes."""
        pieces = (SCHEME, *(part.encode("utf-8", "surrogatepass") for part in parts))
        message = b"".join(len(piece).to_bytes(4) + piece for piece in pieces)
        return hmac.digest(self._secret, message, "sha256")


def _base32(digest: bytes) -> str:
    return b32encode(digest).decode()

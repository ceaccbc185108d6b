"""Pseudonyms: what stands for a patient, a UID, a date, a device or a doctor.

All of them are keyed hashes (HMAC-SHA256), so that they are the same in every run, process and
machine that has the key, and cannot be guessed from the original without it.
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
"""Changes if a pseudonym is ever to be made in another way."""

NEAREST_WEEK, FURTHEST_WEEK = 52, 520
"""How far back dates are moved: from one year to ten, in whole weeks."""

_UID_NAMESPACE = uuid.UUID("a1c5d1c6-3f0b-5c0e-9a56-2e7a7f1f6b1d")


@dataclass(frozen=True, slots=True)
class Subject:
    """A patient as the outside sees one."""

    subject_id: str
    """17 characters, fit for Patient ID (0010,0020)."""
    shift: timedelta
    """What is added to the patient's dates: negative, whole weeks."""

    @property
    def name(self) -> str:
        """A Patient's Name (0010,0010) that says that it is none."""
        return f"DEID^{self.subject_id}"

    def moved(self, day: date) -> date | None:
        """Move a date; None where that leads out of the calendar."""
        try:
            return day + self.shift
        except OverflowError:
            return None


class Key:
    """The custodian's secret. Its repr shows nothing but the key's id."""

    def __init__(self, secret: bytes) -> None:
        """Take the secret.

        Raises:
            ConfigurationError: it is shorter than 32 bytes.
        """
        if len(secret) < MINIMUM_KEY_BYTES:
            raise ConfigurationError(
                f"DEIDENTIFICATION_KEY is too short: {MINIMUM_KEY_BYTES} bytes or more are needed"
            )
        self._secret = secret
        self.key_id = self._hash("key-id")[:8].hex()
        """Names the key without giving it away: 16 hexadecimal digits."""

    @classmethod
    def of(cls, settings: Export) -> Key:
        """Take the key of the settings, as UTF-8.

        Raises:
            ConfigurationError: there is none, or it is too short.
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
        """Name the patient of an organization; where it is not known, the study is the subject."""
        kind, own_id = ("study", study_id) if patient_id is None else ("patient", patient_id)
        parts = (organization_id, kind, own_id)
        number = int.from_bytes(self._hash("shift", *parts)[:8])
        weeks = NEAREST_WEEK + number % (FURTHEST_WEEK - NEAREST_WEEK + 1)
        return Subject(f"P{_base32(self._hash('subject', *parts)[:10])}", timedelta(weeks=-weeks))

    def uid(self, original: str) -> str:
        """Replace a UID by one that no root of an organization shows in (PS3.5, section B.2)."""
        name = self._hash("uid", stripped(original)).hex()
        return f"2.25.{uuid.uuid5(_UID_NAMESPACE, name).int}"

    def doctor(self, practitioner_id: str) -> str:
        """Name a doctor, the same in all organizations."""
        return f"D{_base32(self._hash('doctor', practitioner_id)[:10])}"

    def device(self, kind: str, folded: str) -> str:
        """Name a maker or a model that the vocabulary does not know."""
        return f"{kind.upper()} {_base32(self._hash('device', kind, folded)[:5])}"

    def _hash(self, *parts: str) -> bytes:
        """Hash texts so that no two lists of them read the same."""
        pieces = (SCHEME, *(part.encode("utf-8", "surrogatepass") for part in parts))
        message = b"".join(len(piece).to_bytes(4) + piece for piece in pieces)
        return hmac.digest(self._secret, message, "sha256")


def _base32(digest: bytes) -> str:
    return b32encode(digest).decode()

"""Records the key that a warehouse's dataset is made with."""

from __future__ import annotations

from dicom_export.connections import Connections
from dicom_export.deidentify.api import Deidentifier
from eden.errors import ConfigurationError

_RECORD = """
INSERT INTO ops.deidentification_key (key_id) VALUES (%s) ON CONFLICT (is_the_only_one) DO NOTHING
"""


def require_same_key(connections: Connections, deidentifier: Deidentifier) -> None:
    """Record the key's id at its first use, and compare it from then on.

    With another key the same patient would get another pseudonym, and old and new studies would no
    longer match.

    Raises:
        ConfigurationError: the key differs from the recorded one.
    """
    if deidentifier.key_id is None:
        return
    with connections.borrow() as connection:
        connection.execute(_RECORD, (deidentifier.key_id,))
        row = connection.execute("SELECT key_id FROM ops.deidentification_key").fetchone()
    if row is None or row[0] != deidentifier.key_id:
        known = row[0] if row else "none"
        raise ConfigurationError(
            f"DEIDENTIFICATION_KEY has changed: this warehouse's dataset was made with the key "
            f"{known}, not {deidentifier.key_id}; pseudonyms would no longer match. "
            "docs/deidentification.md says how to change it on purpose"
        )

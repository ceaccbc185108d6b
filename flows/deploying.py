"""The steps that ``prefect.yaml`` runs at a deployment."""

from __future__ import annotations

from eden.settings import Machine, load


def read_settings() -> dict[str, str]:
    """Give the settings that stand in ``prefect.yaml`` as ``{{ settings.NAME }}``.

    Raises:
        ConfigurationError: names the variable that is malformed; nothing was deployed.
    """
    return {"time_zone": load(Machine).time_zone}

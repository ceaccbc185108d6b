"""What ``prefect.yaml`` asks of this project when it is deployed."""

from __future__ import annotations

from eden.settings import Machine, load


def read_settings() -> dict[str, str]:
    """Give the settings that stand in ``prefect.yaml`` as ``{{ settings.NAME }}``.

    Raises:
        ConfigurationError: names the variable that is malformed; nothing was deployed.
    """
    return {"time_zone": load(Machine).time_zone}

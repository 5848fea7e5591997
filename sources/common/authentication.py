"""What a service must be shown before it answers, from the environment only."""

from __future__ import annotations

import os

from configs import ConfigError, Region


def authorization(variable: str | None, source: str, region: Region) -> dict[str, str]:
    """The Authorization header that an environment variable holds; none where none is named.

    Raises ConfigError where the variable is not set.
    """
    if variable is None:
        return {}
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigError(
            f"{source}: the environment variable {variable}, named in {region.path}, is not set, "
            "expected the value of the Authorization header, such as Bearer and a token; set it."
        )
    return {"Authorization": value}

"""Distances on the earth, taken for a sphere."""

from __future__ import annotations

from typing import Any

import numpy as np

EARTH_RADIUS = 6371.0088  # km, mean (IUGG)


def distance(first: tuple[Any, Any], second: tuple[Any, Any]) -> Any:
    """Kilometres between points given in degrees north and east (haversine formula).

    Numbers or arrays; longitudes may be of any turn.
    """
    north, east, other_north, other_east = map(np.radians, (*first, *second))
    half = (
        np.sin((other_north - north) / 2) ** 2
        + np.cos(north) * np.cos(other_north) * np.sin((other_east - east) / 2) ** 2
    )
    return 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))

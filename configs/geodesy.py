"""Distances on the earth, taken for a sphere."""

from __future__ import annotations

from typing import Any

import numpy as np

EARTH_RADIUS = 6371.0088  # km, mean (IUGG)
HALF_STEP = 0.5 + 1e-4
"""Of a step: how far a point of a cell is from its centre, rounding of the coordinates included."""


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


def nearest_on_axis(
    axis: np.ndarray, wanted: np.ndarray, turn: float = 0.0, within: float | None = None
) -> np.ndarray:
    """The index of the value of a grid's axis that is nearest to each wanted one: (wanted,).

    ``axis``: degrees in any order. ``turn``: 360 for longitudes, which may be of any turn.
    ``within``: degrees, by default half the axis' step; an axis of one value has none, and takes
    all. -1 where the nearest is further.
    """
    values = axis.astype(float)
    sought = np.asarray(wanted, dtype=float)
    if turn:
        values = np.concatenate([values % turn + shift for shift in (-turn, 0.0, turn)])
        sought = sought % turn
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    right = np.minimum(np.searchsorted(ordered, sought), len(ordered) - 1)
    left = np.maximum(right - 1, 0)
    away = np.abs(ordered[left] - sought), np.abs(ordered[right] - sought)
    nearer = np.where(away[0] <= away[1], left, right)
    step = np.median(np.abs(np.diff(axis))) if len(axis) > 1 else np.inf
    limit = step * HALF_STEP if within is None else within
    near = np.abs(ordered[nearer] - sought) <= limit
    return np.where(near, order[nearer] % len(axis), -1)

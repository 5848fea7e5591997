"""What the hazards' overlap ensembles share."""

from __future__ import annotations

import numba
import numpy as np

from features.calendar import DAYS


@numba.njit(cache=True, nogil=True)
def ring_totals(of_day: np.ndarray, half: int) -> np.ndarray:
    """Totals of each day of the year and ``half`` days on both sides; (366, ...) whole numbers."""
    out = np.zeros_like(of_day)
    for shift in range(-half, half + 1):
        out[0] += of_day[shift % DAYS]
    for window in range(1, DAYS):
        gone = of_day[(window - half - 1) % DAYS]
        out[window] = out[window - 1] + of_day[(window + half) % DAYS] - gone
    return out


@numba.njit(cache=True, nogil=True)
def by_level(shares: np.ndarray) -> np.ndarray:
    """(location, row, cell, level) as (level, row, cell, location)."""
    places, rows, cells, levels = shares.shape
    out = np.empty((levels, rows, cells, places), shares.dtype)
    for row in range(rows):
        for level in range(levels):
            for cell in range(cells):
                for place in range(places):
                    out[level, row, cell, place] = shares[place, row, cell, level]
    return out

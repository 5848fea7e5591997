"""What the hazards' overlap ensembles share.

The days of a training record by their place in the year, and the order of what is made of them.
"""

from __future__ import annotations

import numba
import numpy as np

from features.calendar import DAYS


@numba.njit(cache=True, nogil=True)
def days_near(index: np.ndarray, wanted: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray]:
    """The wanted days of a record, those within ``half`` days of a day of the year side by side.

    ``index`` (day,): their days of the year; ``wanted`` (day,) bool. The days of window w are
    ``days[begins[w] : begins[w + 2 half + 1]]``; those near the new year are in the answer twice.
    """
    lanes = DAYS + 2 * half
    begins = np.zeros(lanes + 1, np.int64)
    of_day = np.zeros(DAYS, np.int64)
    for day in range(len(index)):
        of_day[index[day]] += wanted[day]
    for lane in range(lanes):
        begins[lane + 1] = begins[lane] + of_day[(lane - half) % DAYS]
    days, free = np.empty(begins[-1], np.int64), begins[:-1].copy()
    for day in range(len(index)):
        if wanted[day]:
            for lane in range((index[day] + half) % DAYS, lanes, DAYS):
                days[free[lane]] = day
                free[lane] += 1
    return days, begins


@numba.njit(cache=True, nogil=True)
def by_level(shares: np.ndarray) -> np.ndarray:
    """(cell, location, row, level) as (level, row, cell, location)."""
    cells, places, rows, levels = shares.shape
    out = np.empty((levels, rows, cells, places), shares.dtype)
    for row in range(rows):
        for level in range(levels):
            for cell in range(cells):
                for place in range(places):
                    out[level, row, cell, place] = shares[cell, place, row, level]
    return out

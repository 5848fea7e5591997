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
def put_by_level(shares: np.ndarray, cell: int, out: np.ndarray) -> None:
    """A cell's (location, row, level) into (level, row, cell, location)."""
    places, rows, levels = shares.shape
    for row in range(rows):
        for level in range(levels):
            for place in range(places):
                out[level, row, cell, place] = shares[place, row, level]

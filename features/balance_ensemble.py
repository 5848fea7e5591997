"""The overlap ensemble of a water balance: what was observed, and the rest as in other years.

It is where most published skill of drought forecasts comes from, and so a baseline of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
import xarray as xr

from features.calendar import DAYS, trailing_sum
from features.day_windows import DAY_BITS, rising, value_of, window_counts
from features.hazards import LEVELS, Cell, valid_index
from features.overlap import by_level
from features.water_balance import window_number

HALF_WINDOW = 10
WIDTH, LANES = 2 * HALF_WINDOW + 1, DAYS + 2 * HALF_WINDOW
LOWEST = -1e300  # mm, stands for minus infinity, whose lowest bits must stay 0


def overlap_shares(
    balance: np.ndarray,
    normals: xr.Dataset,
    cells: Sequence[Cell],
    issue: tuple[np.ndarray, np.ndarray],
    delay: int,
) -> np.ndarray:
    """Share of an ensemble that reaches each level: (level, row, cell, location) float32.

    A member is the observed part of the window plus the rest drawn from within 10 calendar days of
    it in every training year. ``balance`` is as known at each issue day, ``delay`` days old.
    ``issue``: all days, and the rows among them that are issue days. NaN where the cell's window is
    not the one that counts on the valid day, and where nothing is known of either part.
    """
    issued, rows = issue
    record = normals["record"].values.astype(np.float64)
    record_index = normals["record_index"].values[:, 0].astype(np.int64)
    rests = np.array([min(cell.lead_days + delay, cell.window_days) for cell in cells])
    valid = valid_index(issued[rows], tuple(cells))
    shape = (balance.shape[1], *valid.shape, len(LEVELS))
    shares = np.full(shape, np.nan, dtype=np.float32)
    for rest in np.unique(rests):
        drawn = rising(trailing_sum(record, int(rest)), record_index)
        for number in np.flatnonzero(rests == rest).tolist():
            days = valid[:, number].copy()
            needs = _needs_of(balance, normals, rows, days, cells[number], int(rest))
            _count_below(*needs, days, *drawn, shares[:, :, number])
    return by_level(shares)


def _needs_of(
    balance: np.ndarray,
    normals: xr.Dataset,
    rows: np.ndarray,
    valid: np.ndarray,
    cell: Cell,
    rest: int,
) -> tuple[np.ndarray, np.ndarray, int]:
    """The most that the window's last ``rest`` days may bring for each row and level, mm.

    As keys in rising order (location, need), how many there are (location,), and which of a key's
    bits are 4 x row + level - 1.
    """
    seen = cell.window_days - rest
    observed = (trailing_sum(balance, seen) if seen else np.zeros_like(balance))[rows]
    limit = normals["limit"].values[window_number(cell.window_days, normals)]
    counts = normals["index_window"].values == cell.window_days
    bits = (1 << (4 * len(rows)).bit_length()) - 1
    keys, count = _needs(observed, valid, np.ascontiguousarray(limit), counts, bits)
    for place, known in enumerate(count):
        keys[place, :known].view(np.float64).sort()
    return keys, count, bits


@numba.njit(cache=True, nogil=True)
def _needs(
    observed: np.ndarray, valid: np.ndarray, limit: np.ndarray, counts: np.ndarray, bits: int
) -> tuple[np.ndarray, np.ndarray]:
    """Each level's limit less what was observed, where its window counts and both are known."""
    rows, places = observed.shape
    keys, count = np.empty((places, 3 * rows), np.int64), np.zeros(places, np.int64)
    for row in range(rows):
        day = valid[row]
        for place in range(places):
            if counts[day, place]:
                for level in range(3):
                    need = max(limit[level, day, place] - observed[row, place], LOWEST)
                    if not np.isnan(need):
                        key = np.float64(need).view(np.int64) & ~bits
                        keys[place, count[place]] = key | (4 * row + level)
                        count[place] += 1
    return keys, count


@numba.njit(cache=True, nogil=True)
def _count_below(
    needs: np.ndarray,
    count: np.ndarray,
    bits: int,
    valid: np.ndarray,
    drawn: np.ndarray,
    known: np.ndarray,
    shares: np.ndarray,
) -> None:
    """Share of each window's drawn sums that are at most a need, into (location, row, level)."""
    for place in range(len(needs)):
        sums = drawn[place, : known[place]]
        size, below, passed = window_counts(sums, HALF_WINDOW), np.zeros(LANES), 0
        for key in needs[place, : count[place]]:
            need = np.int64(key & ~bits).view(np.float64)
            while passed < len(sums) and value_of(sums[passed]) <= need:
                day = sums[passed] & DAY_BITS
                for lane in range(day, day + WIDTH):
                    below[lane] += 1.0
                if day < WIDTH:
                    for lane in range(day + DAYS, LANES):
                        below[lane] += 1.0
                for lane in range(day + WIDTH - DAYS):
                    below[lane] += 1.0
                passed += 1
            row, level = (key & bits) >> 2, key & 3
            if size[valid[row]] > 0:
                shares[place, row, level] = below[valid[row] + HALF_WINDOW] / size[valid[row]]

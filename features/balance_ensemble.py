"""The overlap ensemble of a water balance: what was observed, and the rest as in other years.

It is where most published skill of drought forecasts comes from, and so a baseline of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
import xarray as xr

from features.calendar import day_index, ordered_samples, trailing_sum
from features.hazards import LEVELS, Cell, valid_index
from features.water_balance import window_number

ENSEMBLE_HALF_WINDOW = 10


def overlap_shares(
    balance: np.ndarray,
    normals: xr.Dataset,
    cells: Sequence[Cell],
    issue: tuple[np.ndarray, np.ndarray],
    delay: int,
) -> np.ndarray:
    """Share of an ensemble that reaches each level: (row, cell, level, location).

    A member is the observed part of the window plus the rest drawn from within 10 calendar days of
    it in every training year. ``balance`` is as known at each issue day, ``delay`` days old.
    ``issue``: all days, and the rows among them that are issue days.
    """
    issued, rows = issue
    record = normals["record"].values.astype(np.float64)
    record_index = normals["record_index"].values[:, 0].astype(np.int64)
    rests = np.array([min(cell.lead_days + delay, cell.window_days) for cell in cells])
    needed = [
        _needed(balance, normals, issued[rows], rows, cell, rest)
        for cell, rest in zip(cells, rests, strict=True)
    ]
    valid = np.ascontiguousarray(valid_index(issued[rows], tuple(cells)).T)
    shares = np.full((len(rows), len(cells), len(LEVELS), balance.shape[1]), np.nan)
    for rest in np.unique(rests):
        for place, drawn in enumerate(trailing_sum(record, int(rest)).T):
            ordered, count = ordered_samples(drawn, record_index, ENSEMBLE_HALF_WINDOW)
            for number in np.flatnonzero(rests == rest):
                shares[:, number, :, place] = _shares(
                    needed[number][place], valid[number], ordered, count
                )
    return shares


def _needed(
    balance: np.ndarray,
    normals: xr.Dataset,
    issued: np.ndarray,
    rows: np.ndarray,
    cell: Cell,
    rest: int,
) -> np.ndarray:
    """The most that the window's last ``rest`` days may bring for each level, mm.

    (location, row, level). NaN where the cell's window is not the one that counts on the valid day.
    """
    seen = cell.window_days - rest
    observed = trailing_sum(balance, seen)[rows] if seen else np.zeros((len(rows), 1))
    valid = day_index(issued + np.timedelta64(cell.lead_days, "D"))
    limit = normals["limit"].values[window_number(cell.window_days, normals)][:, valid]
    counts = normals["index_window"].values[valid] == cell.window_days
    return np.ascontiguousarray(np.where(counts, limit - observed, np.nan).transpose(2, 1, 0))


@numba.njit(cache=True, nogil=True)
def _shares(
    needed: np.ndarray, valid: np.ndarray, ordered: np.ndarray, count: np.ndarray
) -> np.ndarray:
    """Share of the sums drawn that are at most what is ``needed`` (row, level); NaN without any.

    ``ordered`` (366, sum) rise, ``count`` (366,) of them; a row's are those of its day of the year
    ``valid`` (row,).
    """
    shares = np.full(needed.shape, np.nan)
    for row in range(needed.shape[0]):
        day = valid[row]
        known = count[day] > 0
        for level in range(needed.shape[1]):
            known = known and not np.isnan(needed[row, level])
        if known:
            for level in range(needed.shape[1]):
                low, high = 0, count[day]
                while low < high:
                    middle = (low + high) // 2
                    if ordered[day, middle] <= needed[row, level]:
                        low = middle + 1
                    else:
                        high = middle
                shares[row, level] = low / count[day]
    return shares

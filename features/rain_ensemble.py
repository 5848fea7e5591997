"""The overlap ensemble of heavy rain: what was observed, and what followed in other years.

A member's 3-day sums hold observed rain on its first two days alone. So members are counted once a
day of the year as if no rain had been observed; where some was, those are looked at again whose
first two days are wet enough, the wettest first.
"""

from __future__ import annotations

import numba
import numpy as np

from features.calendar import DAYS, HALF_WINDOW
from features.overlap import ring_totals

LEVELS = 3


def rain_shares(
    observed: np.ndarray,
    valid: np.ndarray,
    record: tuple[np.ndarray, np.ndarray],
    limits: tuple[float, np.ndarray, np.ndarray],
    cells: np.ndarray,
) -> np.ndarray:
    """Share of ensemble members that reach each level: (level, row, cell, location) float32.

    ``observed`` (2, row, location): rain of the last two known days together, and of the last, mm.
    ``valid`` (row,): day of the year of the first unknown day. ``record``: rain (day, location) and
    days of the year (day,); a member is what followed in it within 15 days of that day.
    ``limits``: rain from which on a day counts, and (level, location) of one day and of three days
    above either of which it reaches a level, mm. ``cells`` (cell, 2): the first and the last of a
    cell's unknown days, counted from 0. NaN where an observed day is missing that a cell needs,
    where a limit is not known, and where there is no member.
    """
    rain, index = record
    least, *above = limits
    return _shares(
        np.ascontiguousarray(observed.transpose(2, 0, 1)),
        valid,
        np.ascontiguousarray(rain.T, dtype=np.float64),
        index.astype(np.int64),
        least,
        np.ascontiguousarray(np.stack(above).T),
        cells,
    )


@numba.njit(cache=True, nogil=True)
def _shares(
    observed: np.ndarray,
    valid: np.ndarray,
    record: np.ndarray,
    index: np.ndarray,
    least: float,
    limits: np.ndarray,
    cells: np.ndarray,
) -> np.ndarray:
    """As rain_shares; ``observed`` and ``record`` by location, ``limits`` (location, level, 2)."""
    places, rows = len(record), len(valid)
    usual = np.zeros((places, DAYS, len(cells), LEVELS + 1), np.int64)
    dry = np.empty((places, len(index), len(cells)), np.int8)
    members = np.empty(record.shape, np.bool_)
    for place in range(places):
        members[place] = _known_ahead(record[place], cells.max() + 1)
        dry[place] = _reached_if_dry(record[place], least, limits[place], cells)
        if not np.isnan(limits[place]).any():
            usual[place] = _usual(members[place], index, dry[place])
    by_day = _share_of(usual)
    shares = np.empty((LEVELS, rows, len(cells), places), np.float32)
    for level in range(LEVELS):
        for row in range(rows):
            of_row, of_day = shares[level, row], by_day[valid[row], level]
            for cell in range(len(cells)):
                for place in range(places):
                    of_row[cell, place] = of_day[cell, place]
    if cells.min() < 2:
        for place in range(places):
            wettest = _wettest_first(record[place], least, members[place], index)
            _lift(
                observed[place],
                valid,
                wettest,
                dry[place],
                usual[place],
                limits[place, :, 1],
                cells,
                shares[:, :, :, place],
            )
    return shares


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _share_of(usual: np.ndarray) -> np.ndarray:
    """Shares of (location, 366, cell, 4) counts, NaN of none: (366, level, cell, location)."""
    places, days, cells, levels = usual.shape
    out = np.empty((days, levels - 1, cells, places), np.float32)
    for place in range(places):
        for day in range(days):
            for cell in range(cells):
                for level in range(levels - 1):
                    count = usual[place, day, cell]
                    out[day, level, cell, place] = count[level + 1] / count[0]
    return out


@numba.njit(cache=True, nogil=True)
def _known_ahead(rain: np.ndarray, length: int) -> np.ndarray:
    """Days of a record from which ``length`` days on are known."""
    ahead, known = np.zeros(len(rain), np.bool_), 0
    for day in range(len(rain) - 1, -1, -1):
        known = 0 if np.isnan(rain[day]) else known + 1
        ahead[day] = known >= length
    return ahead


@numba.njit(cache=True, nogil=True)
def _level(one: float, three: float, least: float, limits: np.ndarray) -> int:
    """Highest level that a day with ``one`` mm and ``three`` mm in 3 days reaches."""
    reached = 0
    for level in range(LEVELS):
        above = one > limits[level, 0] or three > limits[level, 1]
        reached = level + 1 if one >= least and above else reached
    return reached


@numba.njit(cache=True, nogil=True)
def _reached_if_dry(
    rain: np.ndarray, least: float, limits: np.ndarray, cells: np.ndarray
) -> np.ndarray:
    """Highest level of each cell's days after each day of a record, (day, cell).

    As if no rain had fallen before that day.
    """
    days = len(rain)
    levels = np.zeros((3, days), np.int8)  # of the first day, the second, and any later one
    for day in range(days):
        three = rain[day]
        for number in range(3):
            if number:
                three += rain[day - number] if day >= number else np.nan
            levels[number, day] = _level(rain[day], three, least, limits)
    reached = np.zeros((days, len(cells)), np.int8)
    for cell in range(len(cells)):
        for step in range(cells[cell, 0], cells[cell, 1] + 1):
            of_step = levels[min(step, 2)]
            for day in range(days - step):
                reached[day, cell] = max(reached[day, cell], of_step[day + step])
    return reached


@numba.njit(cache=True, nogil=True)
def _usual(member: np.ndarray, index: np.ndarray, dry: np.ndarray) -> np.ndarray:
    """Members of each doy window that reach at least level 0, 1, 2, 3 if dry: (366, cell, 4)."""
    of_day = np.zeros((DAYS, dry.shape[1], LEVELS + 1), np.int64)
    for day in range(len(member)):
        if member[day]:
            for cell in range(dry.shape[1]):
                for level in range(dry[day, cell] + 1):
                    of_day[index[day], cell, level] += 1
    return ring_totals(of_day, HALF_WINDOW)


@numba.njit(cache=True, nogil=True)
def _wettest_first(
    rain: np.ndarray, least: float, member: np.ndarray, index: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Members whose first or second day counts: their days, and their numbers in each window.

    ``days`` and ``own`` (member, 2): what falls until the first and until the second day, mm, -inf
    where that day does not count; the greater of the two falls from member to member. ``near``
    (window, number): numbers of members, ``size`` (window,) of them.
    """
    own = np.full((len(rain), 2), -np.inf)
    for day in range(len(rain)):
        if member[day] and rain[day] >= least:
            own[day, 0] = rain[day]
        if member[day] and day + 1 < len(rain) and rain[day + 1] >= least:
            own[day, 1] = rain[day] + rain[day + 1]
    most = np.maximum(own[:, 0], own[:, 1])
    wet = np.flatnonzero(most > -np.inf)
    days = wet[np.argsort(-most[wet])]
    size = np.zeros(DAYS, np.int64)
    for day in days:
        for shift in range(-HALF_WINDOW, HALF_WINDOW + 1):
            size[(index[day] + shift) % DAYS] += 1
    near = np.empty((DAYS, size.max()), np.int64)
    size[:] = 0
    for number in range(len(days)):
        for shift in range(-HALF_WINDOW, HALF_WINDOW + 1):
            window = (index[days[number]] + shift) % DAYS
            near[window, size[window]] = number
            size[window] += 1
    return days, own[days], near, size


@numba.njit(cache=True, nogil=True)
def _lift(
    observed: np.ndarray,
    valid: np.ndarray,
    wettest: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    dry: np.ndarray,
    usual: np.ndarray,
    limits: np.ndarray,
    cells: np.ndarray,
    shares: np.ndarray,
) -> None:
    """Count again where rain was observed: one location's shares (level, row, cell).

    ``limits`` (level,) of 3-day rain, mm.
    """
    days, own, near, size = wettest
    lifted = np.flatnonzero(cells[:, 0] < 2)
    on_first, on_second = cells[lifted, 0] == 0, cells[lifted, 1] >= 1
    reached, more = dry[days][:, lifted], np.empty(len(lifted), np.int64)
    for row in range(len(valid)):
        window, both, newest = valid[row], observed[0, row], observed[1, row]
        for level in range(LEVELS if both != 0 else 0):
            limit = limits[level]
            more[:] = 0
            for place in range(size[window]):
                member = near[window, place]
                first, second = own[member, 0] + both, own[member, 1]
                if not max(first, second + both) > limit:
                    break
                one, two = first > limit, second + newest > limit
                for number in range(len(lifted)):
                    above = (one & on_first[number]) | (two & on_second[number])
                    more[number] += above & (reached[member, number] <= level)
            for number, cell in enumerate(lifted):
                if np.isnan(both):
                    shares[level, row, cell] = np.nan
                elif more[number]:
                    reach = usual[window, cell, level + 1] + more[number]
                    shares[level, row, cell] = reach / usual[window, cell, 0]

"""Statistics of doy windows, each from one pass over a location's values in rising order.

Such a pass meets the values of every window in rising order too, so that ranks, probability
weighted moments and quantiles of all 366 windows need no sample of any of them. A lane is a
window's place in its arrays: the windows near the new year have two.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from features.calendar import DAYS, HALF_WINDOW, day_index, ring_sum

PLACES = 16  # of a block: its (time, place) arrays of decades fit into a core's cache
DAY_BITS = 511  # the lowest 9 of a float64's 52 bits hold a day of the year: 1e-13 of the value
WIDTH = 2 * HALF_WINDOW + 1
LANES = DAYS + 2 * HALF_WINDOW
WINDOWS = slice(HALF_WINDOW, HALF_WINDOW + DAYS)


class Rising(NamedTuple):
    """Values in rising order: ``keys`` (location, time), of which the first ``known`` are.

    A key is the value's float64, as an integer, with the day of the year in its lowest 9 bits:
    float32 values stay as they are.
    """

    keys: np.ndarray
    known: np.ndarray


def rising(values: np.ndarray, index: np.ndarray, season: np.ndarray | None = None) -> Rising:
    """Values (time, location) in rising order, each with its day of the year ``index`` (time,).

    ``season`` (366, location) is taken off first.
    """
    less = np.zeros((DAYS, values.shape[1])) if season is None else season
    keys, count = _keys(np.ascontiguousarray(values), index, less)
    keys.view(np.float64).sort(axis=1)  # NaN last
    return Rising(keys, count)


@numba.njit(cache=True, nogil=True)
def _keys(
    values: np.ndarray, index: np.ndarray, season: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    days, places = values.shape
    keys, count = np.empty((places, days), np.int64), np.zeros(places, np.int64)
    for begin in range(0, places, PLACES):
        for day in range(days):
            for place in range(begin, min(begin + PLACES, places)):
                value = values[day, place] - season[index[day], place]
                known = np.isfinite(value)
                count[place] += known
                bits = np.float64(value if known else np.nan).view(np.int64)
                keys[place, day] = (bits & ~DAY_BITS) | index[day]
    return keys, count


@numba.njit(cache=True, nogil=True)
def value_of(key: int) -> float:
    """The value of a key."""
    return np.int64(key & ~DAY_BITS).view(np.float64)


class Moments(NamedTuple):
    """Of each doy window (366, location): how many values, first two L-moments, L-skewness.

    And the lowest and the highest value. NaN where there are fewer than 4 values.
    """

    known: np.ndarray
    l1: np.ndarray
    l2: np.ndarray
    skewness: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray


def window_moments(ordered: Rising) -> Moments:
    """L-moments of each doy window, by unbiased probability-weighted moments."""
    n, b0, b1, b2, lowest, highest = np.ascontiguousarray(
        _weighted_sums(ordered.keys, ordered.known).transpose(1, 2, 0)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        b0, b1, b2 = b0 / n, b1 / (n * (n - 1)), b2 / (n * (n - 1) * (n - 2))
        l2 = 2 * b1 - b0
        enough = (n >= 4) & (l2 > 1e-12)
        skewness = (6 * b2 - 6 * b1 + b0) / l2
    l1, l2, skewness = (np.where(enough, part, np.nan) for part in (b0, l2, skewness))
    return Moments(n, l1, l2, skewness, lowest, highest)


@numba.njit(cache=True, nogil=True)
def _weighted_sums(keys: np.ndarray, count: np.ndarray) -> np.ndarray:
    """(location, 6, 366): count, sums weighted by 1, rank, rank (rank - 1), lowest, highest."""
    out = np.empty((len(keys), 6, DAYS))
    for place in range(len(keys)):
        rank, first, second = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        days = np.zeros((3, DAYS))  # sum, lowest, highest of each day of the year
        days[1], days[2] = np.inf, -np.inf
        for position in range(count[place]):
            key = keys[place, position]
            day, value = key & DAY_BITS, value_of(key)
            days[0, day] += value
            days[1, day] = min(days[1, day], value)
            days[2, day] = value
            for lane in range(day, day + WIDTH):
                weighted = value * rank[lane]
                first[lane] += weighted
                second[lane] += weighted * (rank[lane] - 1.0)
                rank[lane] += 1.0
            if day < WIDTH or day > DAYS - WIDTH:
                for lane in _second_lanes(day):
                    weighted = value * rank[lane]
                    first[lane] += weighted
                    second[lane] += weighted * (rank[lane] - 1.0)
                    rank[lane] += 1.0
        for row, lanes in enumerate((rank, first, second)):
            out[place, (0, 2, 3)[row]] = lanes[WINDOWS]
        _pool(days, out[place])
    return out


@numba.njit(cache=True, nogil=True)
def _second_lanes(day: int) -> range:
    """Where a day near the new year is a second time."""
    return range(day + DAYS, LANES) if day < WIDTH else range(0, day + WIDTH - DAYS)


@numba.njit(cache=True, nogil=True)
def _pool(days: np.ndarray, out: np.ndarray) -> None:
    """Sum, lowest and highest of each window from those of its days."""
    for window in range(DAYS):
        whole, lowest, highest = 0.0, np.inf, -np.inf
        for shift in range(-HALF_WINDOW, HALF_WINDOW + 1):
            day = (window + shift) % DAYS
            whole += days[0, day]
            lowest, highest = min(lowest, days[1, day]), max(highest, days[2, day])
        out[1, window], out[4, window], out[5, window] = whole, lowest, highest


def window_quantile(values: np.ndarray, times: np.ndarray, q: float) -> np.ndarray:
    """Quantile ``q`` of the doy window, linear between order statistics.

    (time, location) -> (366, location), NaN where it holds no value.
    """
    ordered = rising(values, day_index(times))
    return _quantiles(ordered.keys, ordered.known, q)


@numba.njit(cache=True, nogil=True)
def window_counts(keys: np.ndarray, half: int) -> np.ndarray:
    """How many of the keys of one location are in each window: (366,)."""
    of_day, count = np.zeros(DAYS, np.int64), np.zeros(DAYS, np.int64)
    for key in keys:
        of_day[key & DAY_BITS] += 1
    for window in range(DAYS):
        for shift in range(-half, half + 1):
            count[window] += of_day[(window + shift) % DAYS]
    return count


@numba.njit(cache=True, nogil=True)
def _quantiles(keys: np.ndarray, known: np.ndarray, q: float) -> np.ndarray:
    out = np.empty((DAYS, len(keys)))
    for place in range(len(keys)):
        ordered = keys[place, : known[place]]
        last = np.maximum(window_counts(ordered, HALF_WINDOW) - 1, 0)
        low = np.floor(last * q)
        wanted, rank = np.zeros(LANES), np.zeros(LANES)
        below, above = np.full(LANES, np.nan), np.full(LANES, np.nan)
        for lane in range(LANES):
            wanted[lane] = low[(lane - HALF_WINDOW) % DAYS]
        for key in ordered:
            day, value = key & DAY_BITS, value_of(key)
            for lane in range(day, day + WIDTH):
                below[lane] = value if rank[lane] <= wanted[lane] else below[lane]
                above[lane] = value if rank[lane] <= wanted[lane] + 1 else above[lane]
                rank[lane] += 1.0
            if day < WIDTH or day > DAYS - WIDTH:
                for lane in _second_lanes(day):
                    below[lane] = value if rank[lane] <= wanted[lane] else below[lane]
                    above[lane] = value if rank[lane] <= wanted[lane] + 1 else above[lane]
                    rank[lane] += 1.0
        part = last * q - low
        out[:, place] = below[WINDOWS] * (1 - part) + above[WINDOWS] * part
    return out


class WetSums(NamedTuple):
    """Of each doy window (366, location): how many values are known, and how many of them wet.

    Of the wet ones the sum, the sum of logarithms, the lowest and the highest.
    """

    known: np.ndarray
    wet: np.ndarray
    total: np.ndarray
    logarithms: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray


def window_wet_sums(values: np.ndarray, index: np.ndarray, least: float) -> WetSums:
    """Sums of what is at least ``least`` in each doy window, for a gamma distribution."""
    wet = np.where(values >= least, values, np.nan)
    of_day = _wet_sums(values, wet, np.log(wet), index)
    known, count, total, logarithms = (ring_sum(part, HALF_WINDOW) for part in of_day[:4])
    lowest, highest = -_ring_greatest(-of_day[4]), _ring_greatest(of_day[5])
    return WetSums(known, count, total, logarithms, lowest, highest)


def _ring_greatest(values: np.ndarray) -> np.ndarray:
    wrapped = np.concatenate([values[-HALF_WINDOW:], values, values[:HALF_WINDOW]])
    return np.lib.stride_tricks.sliding_window_view(wrapped, WIDTH, axis=0).max(axis=-1)


@numba.njit(cache=True, nogil=True)
def _wet_sums(
    values: np.ndarray, wet: np.ndarray, logarithms: np.ndarray, index: np.ndarray
) -> np.ndarray:
    """The fields of WetSums for each day of the year: (6, 366, location)."""
    out = np.zeros((6, DAYS, values.shape[1]))
    out[4], out[5] = np.inf, -np.inf
    known, count, total, logs, lowest, highest = out
    for day in range(len(values)):
        row = index[day]
        for place in range(values.shape[1]):
            value = wet[day, place]
            is_wet = np.isfinite(value)
            known[row, place] += 1.0 if np.isfinite(values[day, place]) else 0.0
            count[row, place] += 1.0 if is_wet else 0.0
            total[row, place] += value if is_wet else 0.0
            logs[row, place] += logarithms[day, place] if is_wet else 0.0
            lowest[row, place] = value if value < lowest[row, place] else lowest[row, place]
            highest[row, place] = value if value > highest[row, place] else highest[row, place]
    return out

"""Statistics of doy windows, each from one pass over a location's values in rising order.

Such a pass meets the values of every window in order too, so that ranks, probability-weighted
moments and quantiles of all 366 windows need no sample of any of them. A lane is a
window's place in its arrays: the windows near the new year have two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from features.calendar import DAYS, HALF_WINDOW, day_index, ring_sum

PLACES = 8  # of a block
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


def rising(
    values: np.ndarray,
    index: np.ndarray,
    season: np.ndarray | None = None,
    places: slice = slice(None),
) -> Rising:
    """Values (time, location) in rising order, each with its day of the year ``index`` (time,).

    ``season`` (366, location) is taken off first. Of some ``places`` alone.
    """
    less = np.zeros((DAYS, values.shape[1])) if season is None else season
    begin, end, _ = places.indices(values.shape[1])
    keys, known = _keys(np.ascontiguousarray(values), index, less, begin, end)
    keys.view(np.float64).sort(axis=1)  # NaN last
    return Rising(keys, known)


@numba.njit(cache=True, nogil=True)
def _keys(
    values: np.ndarray, index: np.ndarray, season: np.ndarray, begin: int, end: int
) -> tuple[np.ndarray, np.ndarray]:
    days = len(values)
    keys, known = np.empty((end - begin, days), np.int64), np.zeros(end - begin, np.int64)
    for day in range(days):
        for place in range(begin, end):
            value = values[day, place] - season[index[day], place]
            finite = np.isfinite(value)
            known[place - begin] += finite
            bits = np.float64(value if finite else np.nan).view(np.int64)
            keys[place - begin, day] = (bits & ~DAY_BITS) | index[day]
    return keys, known


def blocks(places: int) -> Iterator[slice]:
    """Few locations at a time, whose arrays a core's cache holds."""
    return (slice(begin, begin + PLACES) for begin in range(0, places, PLACES))


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


def window_moments(values: np.ndarray, index: np.ndarray, season: np.ndarray) -> Moments:
    """L-moments of each doy window, by unbiased probability-weighted moments.

    Of values (time, location) less their ``season`` (366, location); ``index`` (time,): their days
    of the year.
    """
    shape = (3, DAYS, values.shape[1])
    sums, days = np.empty(shape), np.empty(shape)
    for places in blocks(values.shape[1]):
        of_block = _falling_sums(*rising(values, index, season, places))
        for whole, part in zip((sums, days), of_block, strict=True):
            whole[:, :, places] = part.transpose(1, 2, 0)
    n = ring_sum(days[0], HALF_WINDOW)
    with np.errstate(invalid="ignore", divide="ignore"):
        b0, b1, b2 = sums[0] / n, sums[1] / (n * (n - 1)), 2 * sums[2] / (n * (n - 1) * (n - 2))
        l2 = 2 * b1 - b0
        enough = (n >= 4) & (l2 > 1e-12)
        skewness = (6 * b2 - 6 * b1 + b0) / l2
    l1, l2, skewness = (np.where(enough, part, np.nan) for part in (b0, l2, skewness))
    return Moments(n, l1, l2, skewness, *_extremes(days[1], days[2]))


def _extremes(lowest: np.ndarray, highest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest of each doy window from those of its days; (366, location)."""
    return (
        minimum_filter1d(lowest, WIDTH, axis=0, mode="wrap"),
        maximum_filter1d(highest, WIDTH, axis=0, mode="wrap"),
    )


@numba.njit(cache=True, nogil=True)
def _falling_sums(keys: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of each window over its values, pairs and triples; and of the days of the year.

    Of a pair and of a triple its greatest value counts, so that a value counts as often as its rank
    has smaller ones or pairs of them (Hosking & Wallis 1997, 2.28). (location, 3, 366); the number,
    the lowest and the highest value of each day of the year: (location, 3, 366).
    """
    out, days = np.empty((len(keys), 3, DAYS)), np.zeros((len(keys), 3, DAYS))
    for place in range(len(keys)):
        singles, pairs, triples = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        count, lowest, highest = np.zeros(DAYS), np.full(DAYS, np.inf), np.full(DAYS, -np.inf)
        for position in range(known[place] - 1, -1, -1):
            key = keys[place, position]
            day, value = key & DAY_BITS, value_of(key)
            count[day] += 1.0
            lowest[day] = value
            highest[day] = max(highest[day], value)
            for lane in range(day, day + WIDTH):
                triples[lane] += pairs[lane]
                pairs[lane] += singles[lane]
                singles[lane] += value
            if day < WIDTH - 1:
                for lane in range(day + DAYS, LANES):
                    triples[lane] += pairs[lane]
                    pairs[lane] += singles[lane]
                    singles[lane] += value
            elif day > DAYS - WIDTH:
                for lane in range(day + WIDTH - DAYS):
                    triples[lane] += pairs[lane]
                    pairs[lane] += singles[lane]
                    singles[lane] += value
        out[place, 0], out[place, 1] = singles[WINDOWS], pairs[WINDOWS]
        out[place, 2] = triples[WINDOWS]
        days[place, 0], days[place, 1], days[place, 2] = count, lowest, highest
    return out, days


def window_quantile(values: np.ndarray, times: np.ndarray, q: float) -> np.ndarray:
    """Quantile ``q`` of the doy window, linear between order statistics.

    (time, location) -> (366, location), NaN where it holds no value.
    """
    index, out = day_index(times), np.empty((DAYS, values.shape[1]))
    for places in blocks(values.shape[1]):
        out[:, places] = _quantiles(*rising(values, index, places=places), q)
    return out


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
            if day < WIDTH - 1 or day > DAYS - WIDTH:
                begin, end = (day + DAYS, LANES) if day < WIDTH else (0, day + WIDTH - DAYS)
                for lane in range(begin, end):
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
    of_day = _wet_sums(values, np.log(np.maximum(values, least)), index, least)
    known, count, total, logarithms = (ring_sum(part, HALF_WINDOW) for part in of_day[:4])
    return WetSums(known, count, total, logarithms, *_extremes(of_day[4], of_day[5]))


@numba.njit(cache=True, nogil=True)
def _wet_sums(
    values: np.ndarray, logarithms: np.ndarray, index: np.ndarray, least: float
) -> np.ndarray:
    """The fields of WetSums for each day of the year: (6, 366, location)."""
    out = np.zeros((6, DAYS, values.shape[1]))
    out[4], out[5] = np.inf, -np.inf
    known, count, total, logs, lowest, highest = out
    for day in range(len(values)):
        row = index[day]
        for place in range(values.shape[1]):
            value = values[day, place]
            wet = value >= least
            known[row, place] += 1.0 if np.isfinite(value) else 0.0
            count[row, place] += 1.0 if wet else 0.0
            total[row, place] += value if wet else 0.0
            logs[row, place] += logarithms[day, place] if wet else 0.0
            lowest[row, place] = min(lowest[row, place], value if wet else np.inf)
            highest[row, place] = max(highest[row, place], value if wet else -np.inf)
    return out

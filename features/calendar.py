"""The calendar: days of the year, seasons, and statistics pooled over windows of days of the year.

Every day of the year has one index 0..365 on a leap calendar: 1 July is the same in every year.
"""

from __future__ import annotations

from functools import cache

import numba
import numpy as np
import pandas as pd

DAYS = 366
MONTH_BEGINS = np.array([0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335])
CYCLE = 146_097  # days, after which the Gregorian calendar begins anew
HALF_WINDOW = 15  # "doy window": the 31 calendar days centred on the day of year


def day_index(times: np.ndarray | pd.DatetimeIndex) -> np.ndarray:
    """Index 0..365 of each day on a leap calendar; shape of ``times``."""
    return _indices()[np.asarray(times).astype("datetime64[D]").astype(np.int64) % CYCLE]


@cache
def _indices() -> np.ndarray:
    """``day_index`` of each day of the calendar's whole cycle from 1970-01-01 on."""
    days = np.arange(CYCLE).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    return MONTH_BEGINS[months.astype(np.int64) % 12] + (days - months).astype(np.int64)


def in_season(times: np.ndarray, months: tuple[int, int]) -> np.ndarray:
    """True on days from the first of month ``months[0]`` to the end of ``months[1]``.

    Over the new year where the second comes before the first.
    """
    month = np.searchsorted(MONTH_BEGINS, day_index(times), side="right")
    first, last = months
    return (
        (month >= first) & (month <= last) if first <= last else (month >= first) | (month <= last)
    )


def by_year(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Lay (time, ...) out as (366, year, ...), NaN where there is no such day."""
    years = pd.DatetimeIndex(times).year.to_numpy()
    laid = np.full(
        (DAYS, int(years[-1] - years[0]) + 1, *values.shape[1:]), np.nan, dtype=np.float64
    )
    laid[day_index(times), years - years[0]] = values
    return laid


def window_samples(values: np.ndarray, times: np.ndarray, half: int = HALF_WINDOW) -> np.ndarray:
    """Values of all years within ``half`` days of each day index, NaN kept.

    (time, location) -> (sample, 366, location).
    """
    laid = by_year(values, times)
    wrapped = np.concatenate([laid[-half:], laid, laid[:half]])
    windows = np.lib.stride_tricks.sliding_window_view(wrapped, 2 * half + 1, axis=0)
    return np.moveaxis(windows, (1, 3), (0, 1)).reshape(-1, DAYS, values.shape[1])


def ordered_samples(
    values: np.ndarray, index: np.ndarray, half: int = HALF_WINDOW
) -> tuple[np.ndarray, np.ndarray]:
    """As window_samples, of one location's values (time,), in rising order.

    ``index``: their days of the year. (366, sample), of which the first (366,) of a row are values;
    NaN is left out.
    """
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known])]
    return _spread(values[order].astype(np.float64), index[order].astype(np.int64), half)


@numba.njit(cache=True, nogil=True)
def _spread(values: np.ndarray, index: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Values, in their order, of each day of the year within ``half`` days of it, and how many."""
    count = np.zeros(DAYS, dtype=np.int64)
    for day in index:
        count[day] += 1
    most = 0
    for day in range(DAYS):
        near = 0
        for shift in range(-half, half + 1):
            near += count[(day + shift) % DAYS]
        most = max(most, near)
    samples, count = np.zeros((DAYS, most)), np.zeros(DAYS, dtype=np.int64)
    for number in range(len(values)):
        for shift in range(-half, half + 1):
            day = index[number] + shift
            if day < 0:
                day += DAYS
            elif day >= DAYS:
                day -= DAYS
            samples[day, count[day]] = values[number]
            count[day] += 1
    return samples, count


def window_quantile(values: np.ndarray, times: np.ndarray, q: float) -> np.ndarray:
    """Quantile ``q`` of the doy window, linear between order statistics.

    (time, location) -> (366, location), NaN where it holds no value.
    """
    index = day_index(times)
    return np.stack([_quantile(*ordered_samples(column, index), q) for column in values.T], axis=1)


def _quantile(ordered: np.ndarray, count: np.ndarray, q: float) -> np.ndarray:
    """Quantile of each row's first ``count`` values, which rise; NaN where there is none."""
    if not ordered.shape[1]:
        return np.full(len(ordered), np.nan)
    last = np.maximum(count - 1, 0)
    low = np.floor(last * q).astype(int)
    part, row = last * q - low, np.arange(len(ordered))
    below, above = ordered[row, low], ordered[row, np.minimum(low + 1, last)]
    return np.where(count > 0, below * (1 - part) + above * part, np.nan)


def window_mean(values: np.ndarray, times: np.ndarray, half: int = HALF_WINDOW) -> np.ndarray:
    """Mean of the doy window, NaN where it holds no value; (time, ...) -> (366, ...)."""
    total, count = day_sums(values, day_index(times))
    total, count = _ring_sum(total, half), _ring_sum(count, half)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def day_sums(values: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the values of each day of the year, and how many; (time, ...) -> (366, ...) both."""
    flat = np.ascontiguousarray(values.reshape(len(values), -1), dtype=np.float64)
    total, count = _day_sums(flat, index.astype(np.int64))
    shape = (DAYS, *values.shape[1:])
    return total.reshape(shape), count.reshape(shape)


@numba.njit(cache=True, nogil=True)
def _day_sums(values: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total, count = np.zeros((DAYS, values.shape[1])), np.zeros((DAYS, values.shape[1]))
    for day in range(values.shape[0]):
        for place in range(values.shape[1]):
            if np.isfinite(values[day, place]):
                total[index[day], place] += values[day, place]
                count[index[day], place] += 1
    return total, count


def years_in_window(values: np.ndarray, times: np.ndarray, half: int = HALF_WINDOW) -> np.ndarray:
    """Calendar years with a value in each doy window; (time, location) -> (366, location)."""
    known = np.isfinite(by_year(values, times)).astype(float)
    return (_ring_sum(known, half) > 0).sum(axis=1)


def _ring_sum(values: np.ndarray, half: int) -> np.ndarray:
    wrapped = np.concatenate([values[-half:], values, values[:half]])
    running = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(wrapped, axis=0)])
    return running[2 * half + 1 :] - running[: -2 * half - 1]


@numba.njit(cache=True, nogil=True)
def window_members(
    record: np.ndarray, record_index: np.ndarray, length: int, half: int
) -> tuple[np.ndarray, np.ndarray]:
    """Days of a record near each day of the year, from which ``length`` days on are known.

    ``record`` (day,) and ``record_index`` (day,), the index of each day. Near: within ``half`` days
    of the year. Gives the days' numbers (366, member), and how many there are (366,).
    """
    start = np.full((DAYS, len(record)), -1, dtype=np.int32)
    count = np.zeros(DAYS, dtype=np.int32)
    known = 0
    for day in range(len(record) - 1, -1, -1):
        known = 0 if np.isnan(record[day]) else known + 1
        if known >= length:
            for shift in range(-half, half + 1):
                index = (record_index[day] + shift) % DAYS
                start[index, count[index]] = day
                count[index] += 1
    return start, count


def seasonal_mean(values: np.ndarray, times: np.ndarray, harmonics: int = 4) -> np.ndarray:
    """Least-squares seasonal cycle of ``harmonics`` harmonics, NaN without data.

    (time, location) -> (366, location).
    """
    cycle = _waves(np.arange(DAYS), harmonics)
    total, count = day_sums(values, day_index(times))
    out = np.full((DAYS, values.shape[1]), np.nan)
    for place in range(values.shape[1]):
        ok = count[:, place] > 0
        if count[:, place].sum() > cycle.shape[1]:
            # the days of a day of the year count as their mean, as often as they are many
            weight = np.sqrt(count[ok, place])
            mean = total[ok, place] / count[ok, place]
            waves = np.linalg.lstsq(weight[:, None] * cycle[ok], weight * mean, rcond=None)[0]
            out[:, place] = cycle @ waves
    return out


def _waves(index: np.ndarray, harmonics: int) -> np.ndarray:
    angle = 2 * np.pi * index / DAYS
    waves = [f(k * angle) for k in range(1, harmonics + 1) for f in (np.sin, np.cos)]
    return np.stack([np.ones(len(angle)), *waves], axis=1)


def trailing_sum(values: np.ndarray, window: int, least: float = 0.90) -> np.ndarray:
    """Sum of the ``window`` days ending with each day, along axis 0; units of ``values``.

    A window up to 3 days needs all its days, a longer one the share ``least`` of them (the sum is
    then scaled), else NaN.
    """
    need = window if window <= 3 else int(np.ceil(least * window))
    flat = np.ascontiguousarray(values.reshape(len(values), -1), dtype=np.float64)
    return _trailing_sum(flat, window, need).reshape(values.shape)


@numba.njit(cache=True, nogil=True)
def _trailing_sum(values: np.ndarray, window: int, need: int) -> np.ndarray:
    """Difference of the sums from the first day on, scaled where days are missing."""
    total = np.zeros((len(values) + 1, values.shape[1]))
    count = np.zeros(total.shape, dtype=np.int64)
    out = np.full(values.shape, np.nan)
    for day in range(values.shape[0]):
        before = max(day + 1 - window, 0)
        for place in range(values.shape[1]):
            value = values[day, place]
            ok = np.isfinite(value)
            total[day + 1, place] = total[day, place] + (value if ok else 0.0)
            count[day + 1, place] = count[day, place] + (1 if ok else 0)
            known = count[day + 1, place] - count[before, place]
            if known >= need and known > 0:
                out[day, place] = (total[day + 1, place] - total[before, place]) * (window / known)
    return out


def trailing_mean(values: np.ndarray, window: int, least: float = 0.80) -> np.ndarray:
    """Mean of the ``window`` days ending with each day, as trailing_sum has it for missing days."""
    return trailing_sum(values, window, least) / window


def year_blocks(days: np.ndarray, blocks: int) -> np.ndarray:
    """Number 0..blocks-1 of the block of consecutive years each day belongs to."""
    years = pd.DatetimeIndex(days).year.to_numpy()
    rank = np.searchsorted(np.unique(years), years)
    return rank * blocks // len(np.unique(years))

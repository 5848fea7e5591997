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


def by_year(values: np.ndarray, times: np.ndarray, missing: float = np.nan) -> np.ndarray:
    """Lay (time, ...) out as (366, year, ...), ``missing`` where there is no such day."""
    years = pd.DatetimeIndex(times).year.to_numpy()
    shape = (DAYS, int(years[-1] - years[0]) + 1, *values.shape[1:])
    laid = np.full(shape, missing, dtype=np.result_type(values, missing))
    laid[day_index(times), years - years[0]] = values
    return laid


def window_mean(values: np.ndarray, times: np.ndarray, half: int = HALF_WINDOW) -> np.ndarray:
    """Mean of the doy window, NaN where it holds no value; (time, ...) -> (366, ...)."""
    total, count = day_sums(values, day_index(times))
    total, count = ring_sum(total, half), ring_sum(count, half)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def day_sums(values: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the values of each day of the year, and how many; (time, ...) -> (366, ...) both."""
    total, count = _day_sums(_columns(values), index.astype(np.int64))
    shape = (DAYS, *values.shape[1:])
    return total.reshape(shape), count.reshape(shape)


def _columns(values: np.ndarray) -> np.ndarray:
    """As (time, column), float64 unless float32."""
    kept = values if values.dtype == np.float32 else values.astype(np.float64, copy=False)
    return np.ascontiguousarray(kept.reshape(len(kept), -1))


@numba.njit(cache=True, nogil=True)
def _day_sums(values: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total, count = np.zeros((DAYS, values.shape[1])), np.zeros((DAYS, values.shape[1]))
    for day in range(values.shape[0]):
        row = index[day]
        for place in range(values.shape[1]):
            known = np.isfinite(values[day, place])
            total[row, place] += values[day, place] if known else 0.0
            count[row, place] += 1.0 if known else 0.0
    return total, count


def years_in_window(values: np.ndarray, times: np.ndarray, half: int = HALF_WINDOW) -> np.ndarray:
    """Calendar years with a value in each doy window; (time, location) -> (366, location)."""
    known = by_year(np.isfinite(values), times, False).astype(np.int16)
    return (ring_sum(known, half) > 0).sum(axis=1)


def ring_sum(values: np.ndarray, half: int) -> np.ndarray:
    """Sum of each day of the year and ``half`` days on both sides; (366, ...) -> (366, ...)."""
    wrapped = np.concatenate([values[-half:], values, values[:half]])
    running = np.zeros((len(wrapped) + 1, *values.shape[1:]), dtype=values.dtype)
    np.cumsum(wrapped, axis=0, dtype=values.dtype, out=running[1:])
    return running[2 * half + 1 :] - running[: -2 * half - 1]


def seasonal_mean(values: np.ndarray, times: np.ndarray, harmonics: int = 4) -> np.ndarray:
    """Least-squares seasonal cycle of ``harmonics`` harmonics, NaN without data.

    (time, location) -> (366, location).
    """
    cycle = _waves(np.arange(DAYS), harmonics)
    total, count = day_sums(values, day_index(times))
    out = np.full((DAYS, values.shape[1]), np.nan)
    whole = (count > 0).all(axis=0)
    products = (cycle[:, :, None] * cycle[:, None]).reshape(DAYS, -1)
    normal = (count[:, whole].T @ products).reshape(-1, cycle.shape[1], cycle.shape[1])
    waves = np.linalg.solve(normal, (total[:, whole].T @ cycle)[:, :, None])
    out[:, whole] = cycle @ waves[..., 0].T
    for place in np.flatnonzero(~whole & (count.sum(axis=0) > cycle.shape[1])):
        ok = count[:, place] > 0
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
    need = window if window <= 3 else max(int(np.ceil(least * window)), 1)
    return _trailing_sum(_columns(values), window, need).reshape(values.shape)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _trailing_sum(values: np.ndarray, window: int, need: int) -> np.ndarray:
    """Difference of the sums from the first day on, scaled where days are missing."""
    days, places = values.shape
    out = np.empty((days, places))
    total, count = np.zeros(places), np.zeros(places)
    before, gone = np.zeros(places), np.zeros(places)
    for day in range(days):
        for place in range(places):
            value = np.float64(values[day, place])
            known = np.isfinite(value)
            total[place] += value if known else 0.0
            count[place] += 1.0 if known else 0.0
        if day >= window:
            for place in range(places):
                value = np.float64(values[day - window, place])
                known = np.isfinite(value)
                before[place] += value if known else 0.0
                gone[place] += 1.0 if known else 0.0
        for place in range(places):
            known = count[place] - gone[place]
            whole = (total[place] - before[place]) * (window / known)
            out[day, place] = whole if known >= need else np.nan
    return out


def trailing_mean(values: np.ndarray, window: int, least: float = 0.80) -> np.ndarray:
    """Mean of the ``window`` days ending with each day, as trailing_sum has it for missing days."""
    return trailing_sum(values, window, least) / window


def year_blocks(days: np.ndarray, blocks: int) -> np.ndarray:
    """Number 0..blocks-1 of the block of consecutive years each day belongs to."""
    years = pd.DatetimeIndex(days).year.to_numpy()
    rank = np.searchsorted(np.unique(years), years)
    return rank * blocks // len(np.unique(years))

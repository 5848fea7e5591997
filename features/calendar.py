"""The calendar: days of the year on a leap calendar, seasons, and statistics pooled over a window of days of the year.

Every day of the year has one index 0..365 on a leap calendar, so that 1 July is the same index in every year.
"""

from __future__ import annotations

from functools import cache

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
    """True on days from the first of month ``months[0]`` to the end of ``months[1]``, over the new year if need be."""
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
    """Values of all years within ``half`` days of each day index: (time, location) -> (sample, 366, location), NaN kept."""
    laid = by_year(values, times)
    wrapped = np.concatenate([laid[-half:], laid, laid[:half]])
    windows = np.lib.stride_tricks.sliding_window_view(wrapped, 2 * half + 1, axis=0)
    return np.moveaxis(windows, (1, 3), (0, 1)).reshape(-1, DAYS, values.shape[1])


def window_quantile(values: np.ndarray, times: np.ndarray, q: float) -> np.ndarray:
    """Quantile ``q`` of the doy window, linear between order statistics; (time, location) -> (366, location)."""
    return np.concatenate(
        [_quantile(window_samples(part, times), q) for part in _few_places(values)], axis=1
    )


def _few_places(values: np.ndarray, many: int = 8) -> list[np.ndarray]:
    """The places in groups, so that their samples (40 years: 4 MB a place) fit in memory."""
    return [values[:, first : first + many] for first in range(0, values.shape[1], many)]


def _quantile(sample: np.ndarray, q: float) -> np.ndarray:
    ordered = np.sort(sample, axis=0)  # NaN last
    last = np.maximum(np.isfinite(ordered).sum(axis=0) - 1, 0)
    low = np.floor(last * q).astype(int)
    part = last * q - low
    below, above = (
        np.take_along_axis(ordered, rank[None], axis=0)[0]
        for rank in (low, np.minimum(low + 1, last))
    )
    return below * (1 - part) + above * part


def window_mean(values: np.ndarray, times: np.ndarray, half: int = HALF_WINDOW) -> np.ndarray:
    """Mean of the doy window, NaN where it holds no value; (time, ...) -> (366, ...)."""
    index = day_index(times)
    ok = np.isfinite(values)
    total, count = (np.zeros((DAYS, *values.shape[1:])) for _ in range(2))
    np.add.at(total, index, np.where(ok, values, 0.0))
    np.add.at(count, index, ok.astype(float))
    total, count = _ring_sum(total, half), _ring_sum(count, half)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _ring_sum(values: np.ndarray, half: int) -> np.ndarray:
    wrapped = np.concatenate([values[-half:], values, values[:half]])
    running = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(wrapped, axis=0)])
    return running[2 * half + 1 :] - running[: -2 * half - 1]


def seasonal_mean(values: np.ndarray, times: np.ndarray, harmonics: int = 4) -> np.ndarray:
    """Least-squares seasonal cycle of ``harmonics`` harmonics; (time, location) -> (366, location), NaN without data."""
    design, cycle = _waves(day_index(times), harmonics), _waves(np.arange(DAYS), harmonics)
    out = np.full((DAYS, values.shape[1]), np.nan)
    for place in range(values.shape[1]):
        ok = np.isfinite(values[:, place])
        if ok.sum() > design.shape[1]:
            out[:, place] = cycle @ np.linalg.lstsq(design[ok], values[ok, place], rcond=None)[0]
    return out


def _waves(index: np.ndarray, harmonics: int) -> np.ndarray:
    angle = 2 * np.pi * index / DAYS
    waves = [f(k * angle) for k in range(1, harmonics + 1) for f in (np.sin, np.cos)]
    return np.stack([np.ones(len(angle)), *waves], axis=1)


def trailing_sum(values: np.ndarray, window: int, least: float = 0.95) -> np.ndarray:
    """Sum of the ``window`` days ending with each day, along axis 0; units of ``values``.

    A window up to 3 days needs all its days, a longer one the share ``least`` of them (the sum is then scaled), else NaN.
    """
    ok = np.isfinite(values)
    total, count = (
        np.cumsum(part, axis=0)
        for part in (np.where(ok, values, 0.0).astype(np.float64), ok.astype(np.int64))
    )
    head = [(0, 0)] * (values.ndim - 1)
    total, count = (np.pad(part, [(window, 0), *head]) for part in (total, count))
    total, count = total[window:] - total[:-window], count[window:] - count[:-window]
    need = window if window <= 3 else int(np.ceil(least * window))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count >= need, total * (window / count), np.nan)


def trailing_mean(values: np.ndarray, window: int, least: float = 0.95) -> np.ndarray:
    """Mean of the ``window`` days ending with each day, under trailing_sum's rule for missing days."""
    return trailing_sum(values, window, least) / window


def year_blocks(days: np.ndarray, blocks: int) -> np.ndarray:
    """Number 0..blocks-1 of the block of consecutive years each day belongs to."""
    years = pd.DatetimeIndex(days).year.to_numpy()
    rank = np.searchsorted(np.unique(years), years)
    return rank * blocks // len(np.unique(years))

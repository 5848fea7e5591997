"""From which day on another forecast model issues the runs: steps in the mean error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from features.calendar import day_index
from models.postprocessing.forecast_pairs import DAY, ERROR_MODELS

MIN_DAYS_IN_SEGMENT = 30  # days of a forecast model's own before its bias is known
MIN_STEP = 5.0  # standard errors: the largest of the many days a change could be on
MIN_DAYS_BETWEEN_CHANGES = 30


def model_changes(pairs: Mapping[str, xr.Dataset]) -> list[np.datetime64]:
    """Changes of the forecast model seen in any variable.

    Rain is asked only where it is alone, because its errors say little.
    """
    clear = [part for name, part in pairs.items() if ERROR_MODELS[name].family != "rain"]
    return [day for part in clear or pairs.values() for day in find_model_changes(part)]


def without_near_changes(days: Sequence[np.datetime64]) -> list[np.datetime64]:
    """Days in order; of those nearer than MIN_DAYS_BETWEEN_CHANGES the first."""
    kept: list[np.datetime64] = []
    for day in sorted(day.astype("datetime64[ns]") for day in days):
        if not kept or day - kept[-1] >= MIN_DAYS_BETWEEN_CHANGES * DAY:
            kept.append(day)
    return kept


def find_model_changes(pairs: xr.Dataset) -> list[np.datetime64]:
    """Changes seen in the mean error of the three shortest horizons over all locations.

    Binary segmentation (Scott & Knott 1974) of the daily error without its yearly wave. The split
    with the greatest difference of means, in standard errors, is a change where that is above
    MIN_STEP; then each side is searched. Standard errors come from 10-day means, because errors
    persist. A segment has at least MIN_DAYS_IN_SEGMENT days.
    """
    rain = ERROR_MODELS[pairs.attrs["variable"]].family == "rain"
    short = pairs.isel(horizon=slice(0, 3))
    x, y = (short[name].values.astype(np.float64) for name in ("mean", "observed"))
    error = np.cbrt(x) - np.cbrt(y) if rain else x - y
    present = np.isfinite(error).any(axis=(1, 2))
    days = pairs["init_time"].values[present]
    if len(days) < 2 * MIN_DAYS_IN_SEGMENT:
        return []
    return sorted(_splits(np.nanmean(error[present], axis=(1, 2)), days))


def _splits(series: np.ndarray, days: np.ndarray) -> list[np.datetime64]:
    if len(series) < 2 * MIN_DAYS_IN_SEGMENT:
        return []
    where, size = _best_split(series, days)
    if size < MIN_STEP:
        return []
    return [
        days[where],
        *_splits(series[:where], days[:where]),
        *_splits(series[where:], days[where:]),
    ]


def _best_split(series: np.ndarray, days: np.ndarray) -> tuple[int, float]:
    """Row of the greatest difference of means, and that difference in standard errors.

    The yearly wave is the same on both sides.
    """
    length = len(series)
    angle = 2 * np.pi * day_index(days) / 366
    waves = np.stack([np.ones(length), np.cos(angle), np.sin(angle)], axis=1)
    if length < 2 * 365:
        waves = waves[:, :1]
    basis = np.linalg.qr(waves)[0]
    rest = series - basis @ (basis.T @ series)
    tail = np.cumsum(rest[::-1])[::-1]
    shares = np.cumsum(basis[::-1], axis=0)[::-1]  # a step regressed on the waves
    free = np.arange(length, 0, -1) - (shares**2).sum(axis=1)
    inner = slice(MIN_DAYS_IN_SEGMENT, length - MIN_DAYS_IN_SEGMENT + 1)
    gain = np.zeros(length)
    gain[inner] = np.abs(tail[inner]) / np.sqrt(np.maximum(free[inner], 1e-9))
    where = int(np.argmax(gain))
    step = (np.arange(length) >= where) * 1.0
    design = np.column_stack([waves, step])
    residual = series - design @ np.linalg.lstsq(design, series, rcond=None)[0]
    blocks = residual[: length // 10 * 10].reshape(-1, 10).mean(axis=1)
    variance = max(10 * np.mean(blocks**2), np.mean(residual**2), 1e-12)
    return where, float(gain[where] / np.sqrt(variance))

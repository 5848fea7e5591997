"""Temperatures without forecasts of their own, made from those that have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from features.calendar import DAYS, day_index, window_mean
from models.postprocessing.horizon_fit import mean_where

TEMPERATURES = ("air_temperature_max", "air_temperature_min", "air_temperature_mean")


def tie_temperatures(observations: xr.Dataset) -> xr.Dataset:
    """How the highest, lowest and mean temperature of a day hang together, degC.

    ``range``: climatology of the daily range, (dayofyear, location). ``share``, ``offset``:
    mean = lowest + offset + share * (highest - lowest), (location,). What is not observed is left
    out.
    """
    high, low, mean = (
        observations[name].values.astype(np.float64) if name in observations else None
        for name in TEMPERATURES
    )
    coords = {"location": observations["location"].values, "dayofyear": np.arange(DAYS)}
    ties: dict[str, Any] = {}
    if high is not None and low is not None:
        daily_range = window_mean(high - low, observations["time"].values)
        ties["range"] = ("dayofyear", "location"), daily_range
        if mean is not None:
            share, offset = _share(high, low, mean)
            ties |= {"share": ("location", share), "offset": ("location", offset)}
    return xr.Dataset(ties, coords=coords)


def _share(high: np.ndarray, low: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of mean - low on high - low at each location: slope, and offset in degC."""
    x, y = high - low, mean - low
    ok = np.isfinite(x) & np.isfinite(y)
    mx, my = mean_where(x, ok), mean_where(y, ok)
    dx, dy = np.where(ok, x - mx, 0.0), np.where(ok, y - my, 0.0)
    slope = np.where(
        ok.any(axis=0), (dx * dy).sum(axis=0) / np.maximum((dx**2).sum(axis=0), 1e-9), 0.5
    )
    return slope, my - slope * mx


def add_tied_temperatures(
    drawn: dict[str, np.ndarray], ties: xr.Dataset, days: np.ndarray
) -> dict[str, np.ndarray]:
    """Trajectories by variable with the temperatures that have no forecasts.

    ``drawn``: (trajectory, issue_time, lead, location). ``ties``: of ``tie_temperatures``.
    ``days``: valid days, (issue_time, lead).
    """
    high, low, mean = TEMPERATURES
    if high in drawn and low not in drawn and "range" in ties:
        drawn = drawn | {low: drawn[high] - ties["range"].values[day_index(days)]}
    if high in drawn and low in drawn and mean not in drawn and "share" in ties:
        daily_range = drawn[high] - drawn[low]
        drawn = drawn | {
            mean: drawn[low] + ties["offset"].values + ties["share"].values * daily_range
        }
    return drawn

"""Climatology, the overlap ensemble, and the arithmetic of chained probabilities.

Every forecaster is a chain over levels: P(L1), P(L2 | L1), P(L3 | L2); the
products are nested.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import logit

from features.build import values_of
from features.calendar import DAYS, day_index, window_mean, years_in_window
from features.hazards import LEVELS, Hazard

SMALLEST = 1e-4
LEAST_YEARS = 5  # of a doy window, for a frequency


def log_odds(probability: np.ndarray | float) -> np.ndarray:
    """Log-odds of a probability held within [1e-4, 1 - 1e-4]; NaN stays NaN."""
    return logit(np.clip(probability, SMALLEST, 1 - SMALLEST))


def conditional(chain: np.ndarray) -> np.ndarray:
    """P(L1), P(L2 | L1), P(L3 | L2) from P(L1), P(L2), P(L3) along the level axis 1.

    Where P is 0 the next is 0.
    """
    above = np.concatenate([np.ones_like(chain[:, :1]), chain[:, :-1]], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(above > 0, chain / above, np.where(np.isnan(above + chain), np.nan, 0.0))


def fit_climatology(outcome: xr.DataArray) -> xr.DataArray:
    """Event frequency in the doy window of the valid day: (cell, level, dayofyear, location).

    NaN where fewer than LEAST_YEARS have a day in the window. ``outcome`` (cell, level, init_time,
    location) as features.build.build_outcome gives it, training days only.
    """
    values = []
    for number, lead in enumerate(outcome["lead_days"].values):
        valid = outcome["init_time"].values + np.timedelta64(int(lead), "D")
        by_level = np.moveaxis(outcome.values[number], 0, 1)
        frequency = window_mean(by_level, valid)
        known = years_in_window(by_level[:, 0], valid) >= LEAST_YEARS
        values.append(np.moveaxis(np.where(known[:, None], frequency, np.nan), 0, 1))
    coords = {
        "level": list(LEVELS),
        "dayofyear": np.arange(DAYS),
        "location": outcome["location"].values,
    }
    dims = ("cell", "level", "dayofyear", "location")
    return xr.DataArray(np.array(values), dims=dims, coords=coords)


def predict_climatology(
    climatology: xr.DataArray, init_times: np.ndarray, lead_days: np.ndarray
) -> np.ndarray:
    """The calendar's probability for each issue day: (cell, level, init_time, location)."""
    valid = [day_index(init_times + np.timedelta64(int(lead), "D")) for lead in lead_days]
    return np.stack([climatology.values[number][:, index] for number, index in enumerate(valid)])


def overlap_of(hazard: Hazard, features: xr.Dataset) -> np.ndarray:
    """The overlap ensemble's probabilities: (cell, level, init_time, location)."""
    return np.stack([values_of(features, name) for name in hazard.overlap], axis=1)

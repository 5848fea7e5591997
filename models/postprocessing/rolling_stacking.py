"""The combined probability of past days, by weights learnt from what was known on each of them.

The state model learns from all years without weather forecasts, the weather model speaks from
forecasts as they were issued; stacking weighs both.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from features.hazards import LEVELS, Hazard
from models.postprocessing.stacking import combine, fit_stacking, has_weather
from models.publishing import laid_out, losses, publish, rolling_weights

WITH_WEATHER = {"model": "both"}
"""What stands for the model in the published number where forecasts are available."""
REFIT_GROWTH = 1.2  # of the days to learn from, after which weights are learnt anew
MONTHS_UNTIL_SCORED = 2  # from a month's first day: the forecasts of the month before are known


def add_combined(hazard: Hazard, out_of_fold: xr.Dataset) -> xr.Dataset:
    """A backtest with ``weather`` and, from it, ``both`` and ``published_with_weather``."""
    dims = out_of_fold["weather"].dims
    delay_days = out_of_fold.attrs["delay_days"]
    both = combined_probabilities(hazard, out_of_fold, delay_days).astype(np.float32)
    with_both = out_of_fold.assign(both=(dims, both))
    months = with_both["init_time"].values.astype("datetime64[M]").astype(int)
    months = months - months.min()
    loss = losses(hazard, with_both, months, WITH_WEATHER)
    late = np.concatenate([np.zeros_like(loss[:, : MONTHS_UNTIL_SCORED - 1]), loss], axis=1)
    weights = laid_out(rolling_weights(late)[:, months])
    published = publish(weights, with_both, WITH_WEATHER).astype(np.float32)
    return with_both.assign(published_with_weather=(dims, published))


def combined_probabilities(hazard: Hazard, out_of_fold: xr.Dataset, delay_days: int) -> np.ndarray:
    """The combined probability of each past day: (cell, level, init_time, location).

    By weights learnt from what was known that day. ``out_of_fold``: ``model``, ``weather`` and
    ``outcome``. NaN where the weather model is silent.
    """
    days = out_of_fold["init_time"].values
    state, weather, outcome = _stacking_arrays(out_of_fold)
    available = has_weather(weather)
    with_forecasts = available.any(axis=(0, 1, 3))
    last_cell = max(cell.lead_days + cell.window_days for cell in hazard.cells)
    reach = np.timedelta64(last_cell + delay_days, "D")
    combined, weights, n_learnt = np.full(state.shape, np.nan), None, 0
    months = days.astype("datetime64[M]")
    for month in np.unique(months[with_forecasts]):
        now = np.flatnonzero((months == month) & with_forecasts)
        past = np.flatnonzero((days <= days[now[0]] - reach) & with_forecasts)
        if weights is None or len(past) >= REFIT_GROWTH * max(n_learnt, 1):
            weights = fit_stacking(state[:, :, past], weather[:, :, past], outcome[:, :, past])
            n_learnt = len(past)
        combined[:, :, now] = combine(weights, state[:, :, now], weather[:, :, now])
    return np.where(available, combined, np.nan)


def stacking_weights(out_of_fold: xr.Dataset | None, n_cells: int) -> xr.DataArray:
    """Weights from all that was backtested; the weather model's alone where nothing was."""
    if out_of_fold is None or "weather" not in out_of_fold:
        nothing = np.full((n_cells, len(LEVELS), 0, 1), np.nan)
        return fit_stacking(nothing, nothing, nothing)
    return fit_stacking(*_stacking_arrays(out_of_fold))


def _stacking_arrays(out_of_fold: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of the state and the weather model, and the outcome."""
    state, weather, outcome = (
        out_of_fold[name].values.astype(np.float64) for name in ("model", "weather", "outcome")
    )
    return state, weather, outcome

"""Trajectories: ways the weather may go, drawn from a calibration for each issue day.

Each day of a trajectory is a quantile of its error model. Which quantile follows from past errors,
the same ones for all days and variables (the Schaake shuffle).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from features.calendar import day_index
from models.postprocessing.calibration import Calibration
from models.postprocessing.csgd import csgd_parameters, gamma_quantile
from models.postprocessing.emos import MAX_MEMORY_DAYS, emos_mean, emos_variance, recent_error
from models.postprocessing.forecast_pairs import (
    DAY,
    ERROR_MODELS,
    keep_forecasts,
    known_after,
    latest_available,
    within_range,
)
from models.postprocessing.horizon_fit import PER_LOCATION

OLDER_RUNS_DAYS = 40  # before the first issue day: an older run may stand in for the newest


def prepare_runs(
    calibration: Calibration, pairs: xr.Dataset, issue_times: np.ndarray
) -> xr.Dataset:
    """The runs that the issue days may need, with the ``recent`` errors known at each.

    Forecasts that have no error model or are implausible become NaN; an older run stands in.
    """
    fitted = calibration.by_variable[pairs.attrs["variable"]]
    reach = OLDER_RUNS_DAYS + MAX_MEMORY_DAYS + int(known_after(pairs).max())
    near = pairs.sel(init_time=slice(issue_times.min() - reach * DAY, issue_times.max()))
    near = keep_forecasts(near, np.isfinite(fitted["bias"].values))
    runs = within_range(near, fitted["lower_limit"], fitted["upper_limit"])
    if ERROR_MODELS[pairs.attrs["variable"]].family == "normal":
        recent = _recent_errors(fitted, runs, calibration.meta["changes"])
        runs = runs.assign(recent=(runs["mean"].dims, recent))
    return runs


def _recent_errors(fitted: xr.Dataset, runs: xr.Dataset, changes: Sequence[str]) -> np.ndarray:
    """``recent_error`` of runs by what was known at each: (init_time, horizon, location)."""
    days, horizons = runs["init_time"].values, runs["horizon"].values
    valid = days[:, None] + horizons.astype("timedelta64[D]")
    local = {name: fitted[name].values for name in PER_LOCATION}
    terms = fitted["coefficient"].values.T[:, :, None]
    corrected = emos_mean(runs["mean"].values, day_index(valid)[..., None], local, terms)
    error = runs["observed"].values - corrected
    segment = np.searchsorted(np.array(sorted(changes), "datetime64[ns]"), days, side="right")
    steps = known_after(runs)
    parts = [recent_error(error[:, i], segment, step) for i, step in enumerate(steps)]
    return np.stack(parts, axis=1)


def sample_trajectories(
    calibration: Calibration, runs: xr.Dataset, issue_times: np.ndarray
) -> np.ndarray:
    """Trajectories of one variable: (trajectory, issue_time, lead, location), in its units.

    ``runs``: of ``prepare_runs``. Leads are those of the calibration. NaN where there is no
    forecast.
    """
    variable = runs.attrs["variable"]
    model, fitted = ERROR_MODELS[variable], calibration.by_variable[variable]
    leads = fitted["lead"].values
    run_delay = int(calibration.meta["run_delay"])
    forecast, horizon = latest_available(runs, issue_times, leads, run_delay)
    column = np.searchsorted(fitted["horizon"].values, horizon)
    score = _scores_of(fitted, issue_times, horizon, column)
    days = day_index(issue_times[:, None] + leads.astype("timedelta64[D]"))
    location = np.arange(runs.sizes["location"])
    local = {name: fitted[name].values[column, location] for name in PER_LOCATION}
    terms = np.moveaxis(fitted["coefficient"].values[column], -1, 0)
    forecast["spread"] = np.where(
        np.isfinite(forecast["spread"]), forecast["spread"], local["mean_spread"]
    )
    if model.family == "rain":
        climatology = fitted["climatology"].values[days]
        return _rain(np.exp(terms), climatology, forecast, local["bias"], score)
    mean = emos_mean(forecast["mean"], days[..., None], local, terms)
    mean = mean + terms[3] * forecast["recent"]
    variance = emos_variance(terms[4:], forecast["spread"] ** 2) * local["width"]
    return model.back(mean + np.sqrt(variance) * score)


def _scores_of(
    fitted: xr.Dataset, issue_times: np.ndarray, horizon: np.ndarray, column: np.ndarray
) -> np.ndarray:
    """The normal score of each trajectory: (trajectory, issue_time, lead, location).

    ``horizon``: of the run used, (issue_time, lead, location), -1 where there is none; ``column``:
    its number.
    """
    month = pd.DatetimeIndex(issue_times).month.to_numpy()
    row = np.searchsorted(fitted["month"].values, month)
    rank = fitted["rank"].values[row][:, :, None, :].astype(np.intp)
    score = fitted["score"].values[row[:, None, None, None], column[..., None], rank]
    return np.moveaxis(np.where((horizon >= 0)[..., None], score, np.nan), -1, 0)


def _rain(
    terms: np.ndarray,
    climatology: np.ndarray,
    forecast: Mapping[str, np.ndarray],
    factor: np.ndarray,
    score: np.ndarray,
) -> np.ndarray:
    """Trajectories of rain, mm, from CSGD models; ``factor``: forecast over observed rain."""
    mean, deviation, shift = csgd_parameters(
        terms,
        climatology,
        forecast["mean"] / factor,
        np.nan_to_num(forecast["wet"]),
        forecast["spread"] / factor,
    )
    with np.errstate(invalid="ignore"):
        known = np.isfinite(mean + score)
        shape, size = (mean / deviation) ** 2, deviation**2 / mean
        finite_shape = np.where(np.isfinite(shape), shape, 1.0)
        amount = size * gamma_quantile(finite_shape, np.nan_to_num(score)) - shift
    return np.where(known, np.maximum(amount, 0.0), np.nan)

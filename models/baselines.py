"""What is free: the calendar (climatology) and the state already known on the issue day (persistence).

Every forecaster is a chain over levels: P(L1), P(L2 | L1), P(L3 | L2), multiplied, so that levels are nested.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from features.calendar import DAYS, day_index, window_mean
from features.hazards import LEVELS, Hazard

SMALLEST = 1e-4
LEAST_KNOWN = 0.5  # share of training days a predictor must be known on to be used
FEWEST_EVENTS = 5  # of either kind, for a regression; with fewer the conditional frequency stands


def log_odds(probability: np.ndarray | float) -> np.ndarray:
    """Log-odds of a probability held within [1e-4, 1 - 1e-4]; NaN stays NaN."""
    return logit(np.clip(probability, SMALLEST, 1 - SMALLEST))


def conditional(chain: np.ndarray) -> np.ndarray:
    """P(L1), P(L2 | L1), P(L3 | L2) from P(L1), P(L2), P(L3) along the level axis 1; where P is 0 the next is 0."""
    above = np.concatenate([np.ones_like(chain[:, :1]), chain[:, :-1]], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(above > 0, chain / above, np.where(np.isnan(above + chain), np.nan, 0.0))


def fit_climatology(hazard: Hazard, outcome: xr.DataArray) -> xr.DataArray:
    """Event frequency in the doy window of the valid day: (cell, level, dayofyear, location); 0 where a cell never was.

    ``outcome`` (cell, level, init_time, location) as features.build.build_outcome gives it, training days only.
    """
    values = []
    for number, lead in enumerate(outcome["lead_days"].values):
        valid = outcome["init_time"].values + np.timedelta64(int(lead), "D")
        by_level = np.moveaxis(outcome.values[number], 0, 1).astype(np.float64)
        values.append(np.moveaxis(window_mean(by_level, valid), 0, 1))
    frequency = np.nan_to_num(np.array(values), nan=0.0)
    coords = {"level": list(LEVELS), "dayofyear": np.arange(DAYS), "location": outcome["location"].values}
    return xr.DataArray(frequency, dims=("cell", "level", "dayofyear", "location"), coords=coords)


def predict_climatology(climatology: xr.DataArray, init_times: np.ndarray, lead_days: np.ndarray) -> np.ndarray:
    """The calendar's probability for each issue day: (cell, level, init_time, location)."""
    valid = [day_index(init_times + np.timedelta64(int(lead), "D")) for lead in lead_days]
    return np.stack([climatology.values[number][:, index] for number, index in enumerate(valid)])


def design(hazard: Hazard, features: xr.Dataset, climatology: np.ndarray, level: int) -> np.ndarray:
    """The known state's predictors for one level: (predictor, cell, init_time, location) float64."""
    columns = []
    for name in hazard.state:
        if name == "overlap":
            columns.append(log_odds(conditional(overlap_of(hazard, features))[:, level - 1]))
        elif name == "climatology":
            columns.append(log_odds(conditional(climatology)[:, level - 1]))
        else:
            columns.append(np.moveaxis(features[name].values, 0, 1).astype(np.float64))
    return np.stack(columns)


def overlap_of(hazard: Hazard, features: xr.Dataset) -> np.ndarray:
    """The overlap ensemble's probabilities: (cell, level, init_time, location)."""
    return np.stack([np.moveaxis(features[name].values, 0, 1) for name in hazard.overlap], axis=1).astype(np.float64)


def fit_persistence(hazard: Hazard, features: xr.Dataset, outcome: np.ndarray, climatology: np.ndarray) -> xr.Dataset:
    """Logistic regressions of each cell and level on the known state: Dataset (cell, level[, predictor]).

    ``outcome`` and ``climatology`` (cell, level, init_time, location) for the same issue days as ``features``. Predictors
    are standardised (``mean``, ``scale``); those that never vary, or that the record mostly lacks, count for nothing. Empty
    where the overlap ensemble itself is the known state.
    """
    if not hazard.state:
        return xr.Dataset()
    size = (len(hazard.cells), len(LEVELS), len(hazard.state))
    fitted = {name: np.zeros(size) for name in ("coefficient", "mean", "scale")} | {"intercept": np.zeros(size[:2])}
    for k, level in enumerate(LEVELS):
        columns = design(hazard, features, climatology, level)
        given = outcome[:, k - 1] == 1 if k else np.isfinite(outcome[:, 0])
        for c in range(size[0]):
            rows = given[c] & np.isfinite(outcome[c, k])
            x = columns[:, c][:, rows].T
            x = np.where(np.isfinite(x).mean(axis=0) >= LEAST_KNOWN, x, 0.0) if len(x) else x
            known = np.isfinite(x).all(axis=1)
            for name, part in _fit_logistic(x[known], outcome[c, k][rows][known]).items():
                fitted[name][c, k] = part
    dims = ("cell", "level", "predictor")
    return xr.Dataset(
        {name: (dims[: values.ndim], values) for name, values in fitted.items()},
        coords={"level": list(LEVELS), "predictor": list(hazard.state)},
    )


def _fit_logistic(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray | float]:
    events, width = int(y.sum()), x.shape[1]
    if min(events, len(y) - events) < FEWEST_EVENTS:
        frequency = (events + 0.5) / (len(y) + 1) if len(y) else 0.0
        return {"coefficient": np.zeros(width), "mean": np.zeros(width), "scale": np.ones(width), "intercept": float(log_odds(frequency))}
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 1e-9, scale, np.inf)
    model = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=200).fit((x - mean) / scale, y)
    return {"coefficient": model.coef_[0], "mean": mean, "scale": scale, "intercept": float(model.intercept_[0])}


def state_terms(hazard: Hazard, fitted: xr.Dataset, features: xr.Dataset, climatology: np.ndarray, level: int) -> np.ndarray:
    """What each predictor of the known state adds to a level's log-odds: coefficient times departure from its training mean.

    (predictor, cell, init_time, location); NaN where a predictor that counts is not known.
    """
    columns, part = design(hazard, features, climatology, level), fitted.sel(level=level)
    beta, mean, scale = (np.moveaxis(part[name].values, 1, 0)[..., None, None] for name in ("coefficient", "mean", "scale"))
    return np.where(beta != 0, beta * (columns - mean) / scale, 0.0)


def predict_persistence(hazard: Hazard, fitted: xr.Dataset, features: xr.Dataset, climatology: np.ndarray) -> np.ndarray:
    """The known state's probabilities, nested: (cell, level, init_time, location); NaN where the state is not known."""
    if not hazard.state:
        chain = overlap_of(hazard, features)
    else:
        steps = []
        for level in LEVELS:
            log_odds_of_step = state_terms(hazard, fitted, features, climatology, level).sum(axis=0)
            steps.append(expit(log_odds_of_step + fitted["intercept"].sel(level=level).values[:, None, None]))
        chain = np.cumprod(np.stack(steps, axis=1), axis=1)
    return np.where(np.isnan(chain).any(axis=1, keepdims=True), np.nan, chain)


def or_calendar(probability: np.ndarray, climatology: np.ndarray) -> np.ndarray:
    """The calendar's probability wherever the other is not known."""
    return np.where(np.isnan(probability), climatology, probability)

"""Stacking: the state model and the weather model combined into one probability.

For each step of the chain of levels: logit p = a + s logit p_state + w logit p_weather, with s and
w never negative (a stacked regression, Wolpert 1992). A normal prior draws the weights to those of
the weather model alone: first the weights that all cells of a level share, then each cell's own to
these. So a level with few events keeps what all cells have learnt. Where the weather model is
silent the state model stands.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.optimize import minimize
from scipy.special import expit

from features.hazards import LEVELS
from models.baselines import conditional, log_odds

PRIOR_WEIGHTS = (0.0, 0.0, 1.0)  # of WEIGHTS, before anything is learnt
SHARED_DEVIATION = 0.2  # of the prior of the weights that all cells share
CELL_DEVIATION = 0.05  # of a cell's weights from those
MIN_EVENTS = 5  # and as many days without, to learn from
CASES_PER_DAY = 2.0  # independent ones, of all locations and leads of a day
WEIGHTS = ("intercept", "state", "weather")


def fit_stacking(state: np.ndarray, weather: np.ndarray, outcome: np.ndarray) -> xr.DataArray:
    """Weights (cell, level, weight) from past issue days.

    ``state``, ``weather``: the models' probabilities, each by what was known on its issue day, NaN
    where it is silent. ``outcome``: 1, 0 or NaN. All (cell, level, init_time, location). A level is
    learnt from the days on which the level below happened.
    """
    weights = np.tile(np.array(PRIOR_WEIGHTS), (len(outcome), len(LEVELS), 1))
    steps = _step_odds(state, weather)
    for k in range(len(LEVELS)):
        given = np.isfinite(outcome[:, k] + steps[0][:, k] + steps[1][:, k]) & (
            (outcome[:, k - 1] == 1) if k else True
        )
        x, y = np.stack([part[:, k] for part in steps], axis=-1), outcome[:, k]
        shared = _fit(
            x[given], y[given], _case_weight(given), np.array(PRIOR_WEIGHTS), SHARED_DEVIATION
        )
        for cell in range(len(outcome)):
            rows = given[cell]
            case_weight = _case_weight(rows[None])
            weights[cell, k] = _fit(
                x[cell][rows], y[cell][rows], case_weight, shared, CELL_DEVIATION
            )
    return xr.DataArray(
        weights,
        dims=("cell", "level", "weight"),
        coords={"level": list(LEVELS), "weight": list(WEIGHTS)},
    )


def combine(weights: xr.DataArray, state: np.ndarray, weather: np.ndarray) -> np.ndarray:
    """The combined probability, and the state model's where the weather model is silent.

    All (cell, level, init_time, location). ``weights``: of ``fit_stacking``.
    """
    state_odds, weather_odds = _step_odds(state, weather)
    a, s, w = (weights.sel(weight=name).values[..., None, None] for name in WEIGHTS)
    combined = np.cumprod(expit(a + s * state_odds + w * weather_odds), axis=1)
    return np.where(has_weather(weather), combined, state)


def has_weather(weather: np.ndarray) -> np.ndarray:
    """Where the weather model has a probability of a level and of those below it.

    (cell, level, init_time, location).
    """
    return np.logical_and.accumulate(np.isfinite(weather), axis=1)


def _step_odds(state: np.ndarray, weather: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds of P(L1), P(L2 | L1), P(L3 | L2) of both models.

    Where no trajectory reaches the level below, the state model's stands for the weather model's.
    """
    state_step, weather_step = conditional(state), conditional(weather)
    reached = np.concatenate([np.ones_like(weather[:, :1]), weather[:, :-1]], axis=1)
    return log_odds(state_step), np.where(
        reached == 0, log_odds(state_step), log_odds(weather_step)
    )


def _case_weight(given: np.ndarray) -> float:
    """What one case counts: locations and leads of a day are not independent.

    ``given``: which cases are used, (cell, init_time, location).
    """
    days = given.any(axis=(0, 2)).sum()
    return float(CASES_PER_DAY * days / max(given.sum(), 1))


def _fit(
    x: np.ndarray, y: np.ndarray, case_weight: float, prior: np.ndarray, deviation: float
) -> np.ndarray:
    """Weights of greatest posterior density: (weight,); the prior's with too few events.

    ``x``: log-odds (case, model). ``y``: (case,).
    """
    if min(y.sum(), len(y) - y.sum()) < MIN_EVENTS:
        return prior
    design = np.column_stack([np.ones(len(x)), x])

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margin, away = design @ w, (w - prior) / deviation
        value = case_weight * (np.logaddexp(0, margin).sum() - y @ margin) + away @ away / 2
        return float(value), case_weight * (design.T @ (expit(margin) - y)) + away / deviation

    return minimize(
        loss, prior, jac=True, method="L-BFGS-B", bounds=[(None, None), (0, None), (0, None)]
    ).x

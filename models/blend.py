"""Stages K and N together: logit p = a + k logit p_K + n logit p_N for each step of the chain of levels, k and n never negative.

Weights are drawn to those of trusting N alone by a normal prior, first those all cells of a level share, then each cell's own to
these, so that a level with few events keeps what its kind has learnt. Where N is silent K stands.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.optimize import minimize
from scipy.special import expit

from features.hazards import LEVELS
from models.baselines import conditional, log_odds

TRUST = (0.0, 0.0, 1.0)  # intercept, weight of K, weight of N before anything is learnt
SHARED, OWN = (
    0.2,
    0.05,
)  # deviations of the prior of what all cells share, and of a cell's departure from it
FEWEST_EVENTS = 5  # of either kind, to learn from
WORTH = 2.0  # events: how many independent days a day's events at all places are worth, see _days
WEIGHTS = ("intercept", "known", "weather")


def learn_blend(known: np.ndarray, weather: np.ndarray, outcome: np.ndarray) -> xr.DataArray:
    """Weights (cell, level, weight) from past issue days, all arrays (cell, level, init_time, location).

    ``known`` is stage K's probability, ``weather`` stage N's (NaN where it is silent), each by what could be known on its issue day;
    ``outcome`` 1, 0 or NaN. A level is learnt from the days the one below it happened.
    """
    weights = np.tile(np.array(TRUST), (len(outcome), len(LEVELS), 1))
    steps = _step_odds(known, weather)
    for k in range(len(LEVELS)):
        given = np.isfinite(outcome[:, k] + steps[0][:, k] + steps[1][:, k]) & (
            (outcome[:, k - 1] == 1) if k else True
        )
        x, y = (np.stack([part[:, k] for part in steps], axis=-1), outcome[:, k])
        shared = _fit(x[given], y[given], _days(given), np.array(TRUST), SHARED)
        for cell in range(len(outcome)):
            rows = given[cell]
            weights[cell, k] = _fit(x[cell][rows], y[cell][rows], _days(rows[None]), shared, OWN)
    return xr.DataArray(
        weights,
        dims=("cell", "level", "weight"),
        coords={"level": list(LEVELS), "weight": list(WEIGHTS)},
    )


def blend(weights: xr.DataArray, known: np.ndarray, weather: np.ndarray) -> np.ndarray:
    """Both stages' probability, and K's own where N is silent, see ``speaks``: (cell, level, init_time, location)."""
    of_known, of_weather = _step_odds(known, weather)
    a, k, n = (weights.sel(weight=name).values[..., None, None] for name in WEIGHTS)
    together = np.cumprod(expit(a + k * of_known + n * of_weather), axis=1)
    return np.where(speaks(weather), together, known)


def speaks(weather: np.ndarray) -> np.ndarray:
    """Where N says something of a level and of those below it: (cell, level, init_time, location)."""
    return np.logical_and.accumulate(np.isfinite(weather), axis=1)


def _step_odds(known: np.ndarray, weather: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds of P(L1), P(L2 | L1), P(L3 | L2) of both; where no path of N reaches the level below, K's stands for its step."""
    of_known, of_weather = conditional(known), conditional(weather)
    reached = np.concatenate([np.ones_like(weather[:, :1]), weather[:, :-1]], axis=1)
    return log_odds(of_known), np.where(reached == 0, log_odds(of_known), log_odds(of_weather))


def _days(given: np.ndarray) -> float:
    """How many independent cases (cell, init_time, location) are worth, as a share of them: places and leads of a day are one story."""
    days = given.any(axis=(0, 2)).sum()
    return float(WORTH * days / max(given.sum(), 1))


def _fit(
    x: np.ndarray, y: np.ndarray, worth: float, prior: np.ndarray, deviation: float
) -> np.ndarray:
    """Weights of greatest posterior density, each case counted as ``worth`` of one; the prior's where there are too few events."""
    if min(y.sum(), len(y) - y.sum()) < FEWEST_EVENTS:
        return prior
    design = np.column_stack([np.ones(len(x)), x])

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margin, away = design @ w, (w - prior) / deviation
        value = worth * (np.logaddexp(0, margin).sum() - y @ margin) + away @ away / 2
        return float(value), worth * (design.T @ (expit(margin) - y)) + away / deviation

    return minimize(
        loss, prior, jac=True, method="L-BFGS-B", bounds=[(None, None), (0, None), (0, None)]
    ).x

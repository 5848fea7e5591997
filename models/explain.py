"""Why a published number differs from the calendar's: contributions in log-odds, grouped into a handful of causes.

The contributions of a cell and level sum to log_odds(probability) - log_odds(normal_probability). Within a step of the
chain of levels they add up as they stand (coefficient times departure; trees by SHAP values, Lundberg et al. 2020). A
product of steps is not additive in log-odds: there each step's contributions are weighted by integrated gradients
(Sundararajan et al. 2017) along the straight path from the calendar's steps to today's.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import expit

from features.hazards import LEVELS, Hazard, hazards
from models.baselines import conditional, log_odds, overlap_of
from models.regression import Recipe, everything, known_state, predict_steps, terms
from models.train import Model, State, booster_input, tree_predictors

CALENDAR = "the time of year"
LIMITS = "limits and rounding"
WEATHER = "the weather forecast"
NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)


def causes_of(hazard: Hazard) -> list[str]:
    """The hazard's causes, then the calendar's own, then what nesting and rounding changed."""
    return [*hazard.causes, CALENDAR, LIMITS]


def explain(
    model: Model, state: State, speaks: np.ndarray, probability: np.ndarray, normal: np.ndarray
) -> np.ndarray:
    """Contributions to the published log-odds: (cause, cell, level, init_time, location).

    ``speaks`` names the forecaster behind each number (cell, level, init_time, location): "model", "persistence", "overlap" or
    "climatology"; ``probability`` and ``normal`` are the published ones. NaN where there is no number.
    """
    hazard = hazards()[model.hazard]
    total = log_odds(probability) - log_odds(normal)
    made = np.zeros((len(causes_of(hazard)), *total.shape))
    for name, steps in _steps_of(hazard, model, state).items():
        if (speaks == name).any():
            made = np.where(
                speaks == name, _through_the_chain(steps, log_odds(conditional(state.usual))), made
            )
    made[-1] += total - made.sum(axis=0)
    return np.where(np.isnan(total), np.nan, made)


def _steps_of(hazard: Hazard, model: Model, state: State) -> dict[str, np.ndarray]:
    """By forecaster, what each cause adds to the log-odds of each step: (cause, cell, level, init_time, location)."""
    known = (
        _regression_steps(hazard, known_state(hazard), model.persistence, state)
        if hazard.state
        else _overlap_steps(hazard, state)
    )
    learnt = _regression_steps(hazard, everything(hazard), model.regression, state)
    steps = {"persistence": known, "model": learnt + _tree_steps(hazard, model, state)}
    if hazard.overlap:
        steps["overlap"] = _overlap_steps(hazard, state)
    return steps


def _regression_steps(
    hazard: Hazard, recipe: Recipe, fitted: xr.Dataset, state: State
) -> np.ndarray:
    """Terms by cause, and the intercept with what else sets the regression apart from the calendar to the calendar."""
    made = (
        _overlap_steps(hazard, state)
        if recipe.from_overlap
        else np.zeros((len(causes_of(hazard)), *state.usual.shape))
    )
    for k, level in enumerate(LEVELS):
        added = np.nan_to_num(terms(recipe, hazard, fitted, state.features, state.usual, level))
        for name, values in zip(recipe.predictors, added, strict=True):
            made[_cause(hazard, name), :, k] += values
    steps = predict_steps(recipe, hazard, fitted, state.features, state.usual)
    made[-2] += log_odds(steps) - log_odds(conditional(state.usual)) - made.sum(axis=0)
    return made


def _overlap_steps(hazard: Hazard, state: State) -> np.ndarray:
    made = np.zeros((len(causes_of(hazard)), *state.usual.shape))
    step = log_odds(conditional(overlap_of(hazard, state.features))) - log_odds(
        conditional(state.usual)
    )
    made[_cause(hazard, "overlap")] = np.nan_to_num(step)
    return made


def _tree_steps(hazard: Hazard, model: Model, state: State) -> np.ndarray:
    """SHAP values of the trees by cause; their mean is the calendar's."""
    made = np.zeros((len(causes_of(hazard)), *state.usual.shape))
    margins = log_odds(
        predict_steps(everything(hazard), hazard, model.regression, state.features, state.usual)
    )
    for level, booster in model.boosters.items():
        data, shape = booster_input(hazard, state, margins[:, level - 1])
        values = booster.predict(data, pred_contribs=True)
        for number, name in enumerate(tree_predictors(hazard)):
            made[_cause(hazard, name), :, level - 1] += values[:, number].reshape(shape)
        change = booster.predict(data, output_margin=True).reshape(shape) - margins[:, level - 1]
        made[-2, :, level - 1] += change - made[:, :, level - 1].sum(axis=0)
    return made


def _cause(hazard: Hazard, predictor: str) -> int:
    """Place of the cause a predictor belongs to; the calendar's for those none claims."""
    bare = predictor if not predictor.startswith("overlap_") else "overlap"
    for number, members in enumerate(hazard.causes.values()):
        if bare in members:
            return number
    return len(hazard.causes)


def _through_the_chain(steps: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Contributions to the log-odds of P(L1), P(L1) P(L2 | L1), ...: steps weighted by integrated gradients.

    ``steps`` (cause, cell, level, ...) are contributions to each step's log-odds, ``usual`` (cell, level, ...) the calendar's.
    """
    change = steps.sum(axis=0)
    weight = np.zeros((len(LEVELS), *usual.shape))  # of step j in level k: (j, cell, k, ...)
    for node, share in zip((NODES + 1) / 2, WEIGHTS / 2, strict=True):
        step = expit(usual + node * change)
        product = np.cumprod(step, axis=1)
        for k in range(len(LEVELS)):
            weight[: k + 1, :, k] += (
                share * np.moveaxis(1 - step[:, : k + 1], 1, 0) / (1 - product[:, k])
            )
    return np.einsum("icj...,jck...->ick...", steps, weight)

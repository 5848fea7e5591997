"""Why a published probability differs from the climatology: contributions in log-odds, by cause.

The contributions of a cell and level sum to log_odds(probability) - log_odds(normal_probability).
The published probability is a weighted mean in log-odds, so contributions to its forecasters add up
by weight. Within a step they are the regression's terms (coefficient times departure) and the
trees' SHAP values (Lundberg et al. 2020). A product of steps is not additive in log-odds: there
each step's are weighted by integrated gradients (Sundararajan et al. 2017) along the straight path
from the climatology's steps to today's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
import xgboost as xgb
from scipy.special import expit

from features.hazards import LEVELS, SEASON, Hazard
from models.baselines import conditional, log_odds
from models.boosting import tree_features, tree_inputs
from models.distribution_regression import Fit, PredictorSpec, fits_of, standardised, terms
from models.state_model import Inputs, State, levels_of, model_spec, persistence_spec, steps_of

CALENDAR = "the time of year"
LIMITS = "limits and rounding"
WEATHER = "the weather forecast"
NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)


def causes_of(hazard: Hazard) -> list[str]:
    """The hazard's causes, the weather forecast, the calendar, and limits with rounding."""
    return [*hazard.causes, WEATHER, CALENDAR, LIMITS]


def contributions(
    hazard: Hazard,
    regression: xr.Dataset,
    persistence: xr.Dataset,
    boosters: Mapping[int, xgb.Booster],
    state: State,
) -> dict[str, np.ndarray]:
    """What each cause adds to the log-odds of ``model`` and ``persistence``.

    (cause, cell, level, init_time, location), from the climatology on; what the causes leave is the
    calendar's. ``regression`` and ``boosters`` are the model's.
    """
    steps = {
        "model": _terms(hazard, model_spec(hazard), regression, state)
        + _tree_terms(hazard, boosters, state.inputs),
        "persistence": _terms(hazard, persistence_spec(hazard), persistence, state),
    }
    return {name: _of_levels(hazard, part, state.climatology) for name, part in steps.items()}


def explain(
    forecasts: xr.Dataset,
    weights: np.ndarray,
    combined: np.ndarray,
    used: np.ndarray,
    probability: np.ndarray,
    normal: np.ndarray,
) -> np.ndarray:
    """Contributions to the published log-odds: (cause, cell, level, init_time, location).

    ``forecasts``: of training.forecasters, explained. ``weights``: as publishing.publish takes
    them. ``combined``: the probability of state and weather model together, which stands for the
    model's where ``used``. ``probability`` and ``normal``: as published. NaN where it is.
    """
    climatology = log_odds(forecasts["climatology"].values)
    total = log_odds(probability) - log_odds(normal)
    summed = np.zeros((forecasts.sizes["cause"], *total.shape))
    calendar, weather = summed.shape[0] - 2, summed.shape[0] - 3
    for number, name in enumerate(("model", "persistence")):
        part = forecasts[f"contribution_{name}"].values.copy()
        part[calendar] += log_odds(forecasts[name].values) - climatology - part.sum(axis=0)
        if name == "model":
            part = np.where(used, 0.0, part)
            part[weather] = np.where(used, log_odds(combined) - climatology, 0.0)
        summed += weights[number] * np.nan_to_num(part)
    summed[-1] += total - summed.sum(axis=0)
    return np.where(np.isnan(total), np.nan, summed)


def _terms(hazard: Hazard, spec: PredictorSpec, fitted: xr.Dataset, state: State) -> np.ndarray:
    """What each cause adds to the log-odds of each step: (cause, cell, level, ...)."""
    inputs = state.inputs
    cells, days, locations = inputs.shape
    added = np.zeros((len(causes_of(hazard)), cells, len(LEVELS), days, locations))
    if inputs.start is not None and spec.ensemble:
        chained = hazard.shifts is None
        climatology = log_odds(conditional(state.climatology) if chained else state.climatology)
        added[_cause(hazard, hazard.overlap[0])] += np.nan_to_num(inputs.start - climatology)
    if not spec.predictors:
        return added
    fits = fits_of(fitted)
    for number, level in enumerate(steps_of(hazard)):
        levels = levels_of(hazard, number)
        for cell in range(cells):
            _add_fit(hazard, added, spec, fits[number][cell], cell, levels, inputs)
            if level in inputs.bound and spec.bounded:
                bound = inputs.at(inputs.bound[level], cell)[None]
                out = bound <= _thresholds(inputs)[:, levels].T
                out = out.reshape(-1, days, locations)
                _ruled_out(hazard, added, level, cell, levels, out, state)
    return added


def _thresholds(inputs: Inputs) -> np.ndarray:
    """How far each level is below the first: (init_time x location, level)."""
    days = inputs.shape[1]
    return np.repeat(inputs.shifts[:, None], days, axis=1).reshape(len(LEVELS), -1).T


def _add_fit(
    hazard: Hazard,
    added: np.ndarray,
    spec: PredictorSpec,
    fitted: Fit,
    cell: int,
    levels: list[int],
    inputs: Inputs,
) -> None:
    """Add a cell's regression terms to those of their causes."""
    _, days, locations = inputs.shape
    everywhere = np.arange(days * locations)
    z = standardised(fitted, spec, inputs.predictors(spec.predictors, cell, everywhere))
    for column, name in enumerate(spec.predictors):
        term = (z[:, column] * fitted.coefficient[column]).reshape(days, locations)
        added[_cause(hazard, name), cell, levels] += term
    thresholds = _thresholds(inputs)[:, levels]
    slopes = terms(fitted, thresholds, inputs.modifiers(cell, everywhere)) * fitted.slope
    modifiers = (hazard.newest, *SEASON, hazard.newest, hazard.newest)
    for column, name in enumerate(modifiers, start=2):
        term = slopes[..., column].T.reshape(-1, days, locations)
        added[_cause(hazard, name), cell, levels] += term


def _ruled_out(
    hazard: Hazard,
    added: np.ndarray,
    level: int,
    cell: int,
    levels: list[int],
    out: np.ndarray,
    state: State,
) -> None:
    """Where past days rule a step out, they are its only cause."""
    climatology = log_odds(conditional(state.climatology))[cell, levels]
    only = np.zeros_like(added[:, cell, levels])
    only[_cause(hazard, hazard.bounds[level - 1])] = np.nan_to_num(log_odds(0.0) - climatology)
    added[:, cell, levels] = np.where(out, only, added[:, cell, levels])


def _tree_terms(hazard: Hazard, boosters: Mapping[int, xgb.Booster], inputs: Inputs) -> np.ndarray:
    """SHAP values of the trees by cause; their mean is left to the calendar."""
    cells, days, locations = inputs.shape
    added = np.zeros((len(causes_of(hazard)), cells, len(LEVELS), days, locations))
    blank = np.zeros((cells, len(LEVELS), days, locations))
    for levels, data, shape in tree_inputs(hazard, boosters, inputs, blank):
        values = boosters[levels[0]].predict(data, pred_contribs=True)
        for column, name in enumerate(tree_features(hazard)):
            added[_cause(hazard, name)][:, levels] += values[:, column].reshape(shape)
    return added


def _cause(hazard: Hazard, predictor: str) -> int:
    """Index of the cause that a predictor belongs to; the calendar's where none claims it."""
    for number, members in enumerate(hazard.causes.values()):
        if predictor in members:
            return number
    return len(hazard.causes) + 1


def _of_levels(hazard: Hazard, steps: np.ndarray, climatology: np.ndarray) -> np.ndarray:
    """Contributions to the levels' log-odds from those to their steps'."""
    if hazard.shifts is not None:
        return steps
    return np.nan_to_num(through_the_chain(steps, log_odds(conditional(climatology))))


def through_the_chain(steps: np.ndarray, climatology: np.ndarray) -> np.ndarray:
    """Contributions to the log-odds of P(L1), P(L1) P(L2 | L1), ... by integrated gradients.

    ``steps`` (cause, cell, level, ...): contributions to each step's log-odds. ``climatology``
    (cell, level, ...): the log-odds of its steps.
    """
    change = steps.sum(axis=0)
    weight = np.zeros((len(LEVELS), *climatology.shape))  # of step j in level k: (j, cell, k, ...)
    for node, share in zip((NODES + 1) / 2, WEIGHTS / 2, strict=True):
        step = expit(climatology + node * change)
        product = np.cumprod(step, axis=1)
        for k in range(len(LEVELS)):
            weight[: k + 1, :, k] += (
                share * np.moveaxis(1 - step[:, : k + 1], 1, 0) / (1 - product[:, k])
            )
    return np.einsum("icj...,jck...->ick...", steps, weight)

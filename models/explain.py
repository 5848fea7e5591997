"""Why a published number differs from the climatology: contributions in log-odds, by cause.

The contributions of a cell and level sum to log_odds(probability) - log_odds(normal_probability).
The published number is a weighted mean in log-odds, so those of its forecasters add up by weight.
Within a step they are the regression's terms (coefficient times departure) and the trees' SHAP
values (Lundberg et al. 2020). A product of steps is not additive in log-odds: there each step's are
weighted by integrated gradients (Sundararajan et al. 2017) along the straight path from the
climatology's steps to today's.
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
from models.distribution_regression import PredictorSpec, fits_of, standardised, terms
from models.state_model import Inputs, State, levels_of, model_spec, persistence_spec, steps_of

CALENDAR = "the time of year"
LIMITS = "limits and rounding"
WEATHER = "the weather forecast"
NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)


def causes_of(hazard: Hazard) -> list[str]:
    """The hazard's causes, the weather forecast, the calendar, and what limits and rounding change."""
    return [*hazard.causes, WEATHER, CALENDAR, LIMITS]


def contributions(
    hazard: Hazard,
    regression: xr.Dataset,
    persistence: xr.Dataset,
    boosters: Mapping[int, xgb.Booster],
    state: State,
) -> dict[str, np.ndarray]:
    """What each cause adds to the log-odds of ``model`` and ``persistence``.

    (cause, cell, level, init_time, location), beside the climatology; what the causes leave is
    the calendar's. ``regression`` and ``boosters`` are the model's.
    """
    made = {
        "model": _terms(hazard, model_spec(hazard), regression, state)
        + _tree_terms(hazard, boosters, state.inputs),
        "persistence": _terms(hazard, persistence_spec(hazard), persistence, state),
    }
    return {name: _of_levels(hazard, part, state.climatology) for name, part in made.items()}


def explain(
    made: xr.Dataset,
    weights: np.ndarray,
    both: np.ndarray,
    used: np.ndarray,
    probability: np.ndarray,
    normal: np.ndarray,
) -> np.ndarray:
    """Contributions to the published log-odds: (cause, cell, level, init_time, location).

    ``made``: models.training.forecasters, explained. ``weights`` as models.publishing.publish takes
    them. ``both``: the combined model's probability, which stands for the
    model's where ``used``. NaN where there is no number.
    """
    usual = log_odds(made["climatology"].values)
    total = log_odds(probability) - log_odds(normal)
    summed = np.zeros((made.sizes["cause"], *total.shape))
    calendar, weather = summed.shape[0] - 2, summed.shape[0] - 3
    for number, name in enumerate(("model", "persistence")):
        part = made[f"contribution_{name}"].values.copy()
        part[calendar] += log_odds(made[name].values) - usual - part.sum(axis=0)
        if name == "model":
            part = np.where(used, 0.0, part)
            part[weather] = np.where(used, log_odds(both) - usual, 0.0)
        summed += weights[number] * np.nan_to_num(part)
    summed[-1] += total - summed.sum(axis=0)
    return np.where(np.isnan(total), np.nan, summed)


def _terms(hazard: Hazard, spec: PredictorSpec, fitted: xr.Dataset, state: State) -> np.ndarray:
    """What each cause adds to the log-odds of each step."""
    inputs = state.inputs
    cells, days, locations = inputs.shape
    made = np.zeros((len(causes_of(hazard)), cells, len(LEVELS), days, locations))
    if inputs.start is not None and spec.ensemble:
        chained = hazard.shifts is None
        usual = log_odds(conditional(state.climatology) if chained else state.climatology)
        made[_cause(hazard, hazard.overlap[0])] += np.nan_to_num(inputs.start - usual)
    everywhere = np.arange(days * locations)
    c = np.repeat(inputs.shifts[:, None], days, axis=1).reshape(len(LEVELS), -1).T
    modifiers, fits = (
        (hazard.newest, *SEASON, hazard.newest, hazard.newest),
        fits_of(fitted) if spec.predictors else [],
    )
    for number, level in enumerate(steps_of(hazard) if spec.predictors else ()):
        levels = levels_of(hazard, number)
        for cell in range(cells):
            one = fits[number][cell]
            z = standardised(one, spec, inputs.predictors(spec.predictors, cell, everywhere))
            for column, name in enumerate(spec.predictors):
                added = (z[:, column] * one.coefficient[column]).reshape(days, locations)
                made[_cause(hazard, name), cell, levels] += added
            slopes = terms(one, c[:, levels], inputs.modifiers(cell, everywhere)) * one.slope
            for column, name in enumerate(modifiers, start=2):
                added = slopes[..., column].T.reshape(-1, days, locations)
                made[_cause(hazard, name), cell, levels] += added
            if level in inputs.bound and spec.bounded:
                out = inputs.at(inputs.bound[level], cell)[None] <= c[:, levels].T
                _ruled_out(
                    hazard, made, level, cell, levels, out.reshape(-1, days, locations), state
                )
    return made


def _ruled_out(
    hazard: Hazard,
    made: np.ndarray,
    level: int,
    cell: int,
    levels: list[int],
    out: np.ndarray,
    state: State,
) -> None:
    """Where past days rule a step out, they are its only cause."""
    usual = log_odds(conditional(state.climatology))[cell, levels]
    alone = np.zeros_like(made[:, cell, levels])
    alone[_cause(hazard, hazard.bounds[level - 1])] = np.nan_to_num(log_odds(0.0) - usual)
    made[:, cell, levels] = np.where(out, alone, made[:, cell, levels])


def _tree_terms(hazard: Hazard, boosters: Mapping[int, xgb.Booster], inputs: Inputs) -> np.ndarray:
    """SHAP values of the trees by cause; their mean is left to the calendar."""
    cells, days, locations = inputs.shape
    made = np.zeros((len(causes_of(hazard)), cells, len(LEVELS), days, locations))
    blank = np.zeros((cells, len(LEVELS), days, locations))
    for levels, data, shape in tree_inputs(hazard, boosters, inputs, blank):
        values = boosters[levels[0]].predict(data, pred_contribs=True)
        for column, name in enumerate(tree_features(hazard)):
            made[_cause(hazard, name)][:, levels] += values[:, column].reshape(shape)
    return made


def _cause(hazard: Hazard, predictor: str) -> int:
    """Place of the cause a predictor belongs to; the calendar's for those none claims."""
    for number, members in enumerate(hazard.causes.values()):
        if predictor in members:
            return number
    return len(hazard.causes) + 1


def _of_levels(hazard: Hazard, steps: np.ndarray, climatology: np.ndarray) -> np.ndarray:
    """Contributions to the levels' log-odds from those to their steps'."""
    if hazard.shifts is not None:
        return steps
    usual = log_odds(conditional(climatology))
    return np.nan_to_num(through_the_chain(steps, usual))


def through_the_chain(steps: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Contributions to the log-odds of P(L1), P(L1) P(L2 | L1), ... by integrated gradients.

    ``steps`` (cause, cell, level, ...) are contributions to each step's log-odds, ``usual`` (cell,
    level, ...) the climatology's.
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

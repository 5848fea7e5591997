"""The published probability: a weighted mean, in log-odds, of the forecasters' probabilities.

Forecasters are the model, persistence and the climatology. Whoever did better in past years weighs
more. Weights are exponential in past logarithmic loss (the aggregating forecaster: Vovk 1990;
Cesa-Bianchi & Lugosi 2006, ch. 2). One weight holds for all levels of a cell, so that nested
probabilities stay nested and contributions add up in log-odds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from scipy.special import expit

from features.hazards import Hazard
from models.baselines import log_odds

INITIAL_WEIGHTS = {"model": 0.7, "persistence": 0.2, "climatology": 0.1}
"""Weight of each forecaster before anything is scored."""
LEARNING_RATE = 0.05
"""How much a unit of logarithmic loss takes from the logarithm of a weight."""
CLIP = 1e-3
"""Probabilities are scored within [CLIP, 1 - CLIP]."""


def losses(
    hazard: Hazard,
    out_of_fold: xr.Dataset,
    periods: np.ndarray,
    names: Mapping[str, str] | None = None,
) -> np.ndarray:
    """Logarithmic loss summed over levels and days, averaged over locations.

    (cell, period, forecaster). ``periods`` (init_time,): number of each day's period. Where cells
    are windows of an index, those of one lead are scored together. ``names``: forecaster -> the
    variable that stands for it, where it is not its own. A day on which any of them is missing
    counts for none.
    """
    names, outcomes = names or {}, out_of_fold["outcome"].values
    used = [out_of_fold[names.get(name, name)].values for name in INITIAL_WEIGHTS]
    count = int(periods.max(initial=-1)) + 1
    summed = np.zeros((len(hazard.cells), count, len(INITIAL_WEIGHTS)))
    for cell in range(len(hazard.cells)):
        outcome = outcomes[cell].astype(np.float64)
        probabilities = [part[cell].astype(np.float64) for part in used]
        finite = np.all([np.isfinite(part) for part in probabilities], axis=0)
        scored = np.isfinite(outcome) & finite
        locations = max(scored.any(axis=(0, 1)).sum(), 1)
        for number, probability in enumerate(probabilities):
            by_level = np.where(scored, log_loss(probability, outcome), 0.0)
            daily = by_level.sum(axis=0).sum(axis=1) / locations
            for period in range(count):
                summed[cell, period, number] = daily[periods == period].sum()
    return _by_lead(hazard, summed)


def log_loss(probability: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Logarithmic loss of each probability, clipped to [CLIP, 1 - CLIP]: Good 1952."""
    p = np.clip(probability, CLIP, 1 - CLIP)
    return -np.where(outcome == 1, np.log(p), np.log1p(-p))


def _by_lead(hazard: Hazard, values: np.ndarray) -> np.ndarray:
    """Values (cell, ...), where cells are windows of an index the sum over those of each lead."""
    if not hazard.windows_look_back:
        return values
    leads = np.array([cell.lead_days for cell in hazard.cells])
    return np.stack([values[leads == lead].sum(axis=0) for lead in leads])


def weights_after(loss: np.ndarray) -> np.ndarray:
    """Weights (..., forecaster) after so much loss; they sum to 1."""
    start = np.log(list(INITIAL_WEIGHTS.values()))
    odds = start - LEARNING_RATE * (loss - loss.min(axis=-1, keepdims=True))
    weights = np.exp(odds - odds.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def yearly_weights(hazard: Hazard, out_of_fold: xr.Dataset) -> np.ndarray:
    """Weights of each backtested day, by the calendar years before its own.

    (forecaster, cell, 1, init_time, 1).
    """
    years = out_of_fold["init_time"].dt.year.values
    periods = np.searchsorted(np.unique(years), years)
    return laid_out(rolling_weights(losses(hazard, out_of_fold, periods))[:, periods])


def laid_out(weights: np.ndarray) -> np.ndarray:
    """Weights (cell, init_time, forecaster) as ``publish`` takes them: of all levels, locations."""
    return np.moveaxis(weights, -1, 0)[:, :, None, :, None]


def rolling_weights(loss: np.ndarray) -> np.ndarray:
    """Weights in each period by the loss (cell, period, forecaster) of those before it."""
    before = np.cumsum(loss, axis=1)[:, :-1]
    return weights_after(np.concatenate([np.zeros_like(loss[:, :1]), before], axis=1))


def live_weights(
    hazard: Hazard, out_of_fold: xr.Dataset | None, names: Mapping[str, str] | None = None
) -> np.ndarray:
    """Weights by all that was backtested, the initial ones where nothing was.

    (forecaster, cell, 1, 1, 1).
    """
    loss = np.zeros((len(hazard.cells), 1, len(INITIAL_WEIGHTS)))
    if out_of_fold is not None:
        periods = np.zeros(out_of_fold.sizes["init_time"], dtype=int)
        loss = losses(hazard, out_of_fold, periods, names)
    return laid_out(weights_after(loss))


def publish(
    weights: np.ndarray,
    probabilities: xr.Dataset | Mapping[str, np.ndarray],
    names: Mapping[str, str] | None = None,
) -> np.ndarray:
    """The published probability: (cell, level, init_time, location).

    ``weights``: forecaster on axis 0, else as the result or of size 1. ``probabilities`` by
    forecaster; ``names`` as for ``losses``. NaN where one of them is.
    """
    return expit(_mean_odds(weights, _odds(probabilities, names)))


def disagreement(
    weights: np.ndarray, probabilities: xr.Dataset | Mapping[str, np.ndarray]
) -> np.ndarray:
    """Weighted variance of the forecasters' log-odds about the published one's.

    What they differ by is what none of them knows: the variance between models of Bayesian model
    averaging (Hoeting et al. 1999). Arguments and shape as for ``publish``.
    """
    odds = _odds(probabilities)
    mean = _mean_odds(weights, odds)
    return _mean_odds(weights, [(part - mean) ** 2 for part in odds])


def _odds(
    probabilities: xr.Dataset | Mapping[str, np.ndarray], names: Mapping[str, str] | None = None
) -> list[np.ndarray]:
    """Log-odds of each forecaster, in the order of the weights."""
    names = names or {}
    return [
        log_odds(np.asarray(probabilities[names.get(name, name)], dtype=np.float64))
        for name in INITIAL_WEIGHTS
    ]


def _mean_odds(weights: np.ndarray, odds: Sequence[np.ndarray]) -> np.ndarray:
    return np.asarray(sum(weight * part for weight, part in zip(weights, odds, strict=True)))

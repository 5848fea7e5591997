"""Censored shifted gamma distribution: error models of rain (Scheuerer & Hamill 2015).

Daily rain is a gamma variable less a shift, and 0 where that is negative. Mean and deviation
follow from the forecast by a regression, fitted by maximum likelihood on all locations together.
Each location and segment has a factor: forecast over observed rain. Amounts in mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy.optimize import minimize
from scipy.special import digamma, gammainc, gammaincinv, gammaln, ndtr, ndtri

from models.postprocessing.forecast_pairs import WET_DAY_MM
from models.postprocessing.horizon_fit import HorizonFit, HorizonSample, empty_fit
from models.postprocessing.model_changes import MIN_DAYS_IN_SEGMENT

CSGD_TERMS = ("climatology", "forecast", "wet", "root_of_mean", "spread", "shift")
"""``coefficient``: logarithms of these terms, see ``csgd_parameters``."""
FACTOR_PRIOR_MM = 30.0  # mm, with which a location's factor is drawn to that of all, and that to 1
MAX_SAMPLE = 4_000  # pairs that the likelihood is taken over
MIN_PROBABILITY = 1e-12  # of a dry day, in the likelihood


def fit_csgd(sample: HorizonSample, shorter: HorizonFit | None) -> HorizonFit:
    """The CSGD model of one horizon. ``shorter``: the fit of the horizon before, a first guess."""
    x, y, segment = sample.mean, sample.observed, sample.segment
    climatology = sample.climatology
    ok = np.isfinite(x) & np.isfinite(y) & np.isfinite(climatology)
    if not ok.any():
        return empty_fit(sample, CSGD_TERMS)
    spread, mean_spread = sample.filled_spread()
    factors = _factors(x, y, ok, segment)
    factor = factors[segment]
    predictors = (climatology, x / factor, np.nan_to_num(sample.wet), spread / factor)
    guess = shorter.coefficient if shorter and np.isfinite(shorter.coefficient).all() else None
    logs = _most_likely([part[ok] for part in predictors], y[ok], guess)
    mean, deviation, shift = csgd_parameters(np.exp(logs), *predictors)
    too_short = ok[segment == sample.newest].sum(axis=0) < MIN_DAYS_IN_SEGMENT
    return HorizonFit(
        bias=np.where(too_short, np.nan, factors[sample.newest]),
        biases=factors,
        centre=np.zeros(x.shape[1]),
        mean_spread=mean_spread,
        width=np.ones(x.shape[1]),
        coefficient=logs,
        scores=np.where(ok, _normal_scores(y, mean, deviation, shift), np.nan),
    )


def csgd_parameters(
    terms: np.ndarray,
    climatology: np.ndarray,
    forecast: np.ndarray,
    wet: np.ndarray,
    spread: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, deviation and shift (mm) of the gamma distribution.

    ``terms``: CSGD_TERMS on axis 0, positive. ``wet``: share of members with rain; the rest mm.
    The regression is in mm rather than in multiples of the climatology, which is almost 0 in dry
    summers.
    """
    mean = terms[0] * climatology + terms[1] * forecast + terms[2] * wet + 1e-3
    deviation = terms[3] * np.sqrt(mean) + terms[4] * spread
    return mean, deviation, np.broadcast_to(terms[5], mean.shape)


def _factors(x: np.ndarray, y: np.ndarray, ok: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """Forecast over observed rain of each segment and location: (segment, location)."""
    factors = np.ones((segment.max() + 1, x.shape[1]))
    for number in np.unique(segment):
        rows = (segment == number)[:, None] & ok
        shared = (x[rows].sum() + FACTOR_PRIOR_MM) / (y[rows].sum() + FACTOR_PRIOR_MM)
        forecast, observed = (np.where(rows, values, 0.0).sum(axis=0) for values in (x, y))
        factors[number] = (forecast + FACTOR_PRIOR_MM * shared) / (observed + FACTOR_PRIOR_MM)
    return factors


def _most_likely(
    predictors: Sequence[np.ndarray], y: np.ndarray, guess: np.ndarray | None
) -> np.ndarray:
    """Logarithms of the most likely CSGD_TERMS, over at most MAX_SAMPLE pairs.

    Three in four of them have rain; weights make up for those left out.
    """
    random = np.random.default_rng(0)
    rainy = (y >= WET_DAY_MM) | (predictors[1] >= WET_DAY_MM)
    rows, weights = [], []
    for group, limit in (
        (np.flatnonzero(rainy), MAX_SAMPLE * 3 // 4),
        (np.flatnonzero(~rainy), MAX_SAMPLE // 4),
    ):
        drawn = random.permutation(group)[:limit]
        rows.append(drawn)
        weights.append(np.full(len(drawn), len(group) / max(len(drawn), 1)))
    row, weight = np.concatenate(rows), np.concatenate(weights)
    start = np.log([0.3, 0.7, 0.1, 1.5, 0.5, 0.3]) if guess is None else guess
    return minimize(
        csgd_loss,
        start,
        ([part[row] for part in predictors], y[row], weight),
        "L-BFGS-B",
        jac=True,
        bounds=[(-7, 1), (-7, 1), (-7, 3), (-4, 4), (-7, 3), (-6, 3)],
        options={"maxiter": 80},
    ).x


def csgd_loss(
    logs: np.ndarray, predictors: Sequence[np.ndarray], y: np.ndarray, weight: np.ndarray
) -> tuple[float, np.ndarray]:
    """Weighted mean negative log-likelihood and its gradient (term,).

    ``logs``: logarithms of CSGD_TERMS. ``predictors``: those of ``csgd_parameters``, (case,).
    ``y``: observed mm, (case,).
    """
    terms, dry = np.exp(logs), y < WET_DAY_MM
    mean, deviation, shift = csgd_parameters(terms, *predictors)
    shape, size = (mean / deviation) ** 2, deviation**2 / mean
    z = np.maximum(y, WET_DAY_MM) + shift
    value, by_shape, by_size, by_shift = (np.empty(len(y)) for _ in range(4))
    for rows, likelihood in ((dry, _log_probability_dry), (~dry, _log_density_wet)):
        value[rows], by_shape[rows], by_size[rows], by_shift[rows] = likelihood(
            shape[rows], size[rows], z[rows]
        )
    by_deviation = 2 * (by_size * size - by_shape * shape) / deviation
    by_mean = (2 * by_shape * shape - by_size * size) / mean + by_deviation * terms[3] / (
        2 * np.sqrt(mean)
    )
    climatology, forecast, wet, spread = predictors
    by_term = [
        by_mean * climatology,
        by_mean * forecast,
        by_mean * wet,
        by_deviation * np.sqrt(mean),
        by_deviation * spread,
        by_shift,
    ]
    gradient = -(np.stack(by_term) @ weight) * terms / weight.sum()
    return float(-(weight @ value) / weight.sum()), gradient


def _log_density_wet(shape: np.ndarray, size: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """Logarithm of the gamma density at z, and its derivatives by shape, size and z."""
    value = (shape - 1) * np.log(z) - z / size - gammaln(shape) - shape * np.log(size)
    return (
        value,
        np.log(z / size) - digamma(shape),
        (z / size - shape) / size,
        (shape - 1) / z - 1 / size,
    )


def _log_probability_dry(
    shape: np.ndarray, size: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Logarithm of the gamma distribution at z, and its derivatives by shape, size and z.

    At least log(MIN_PROBABILITY). The derivative by shape is a central difference.
    """
    reached, step = z / size, 1e-5 * shape
    probability = gammainc(shape, reached)
    floored = np.maximum(probability, MIN_PROBABILITY)
    by_shape = (gammainc(shape + step, reached) - gammainc(shape - step, reached)) / (
        2 * step * floored
    )
    density = np.exp((shape - 1) * np.log(reached) - reached - gammaln(shape)) / floored
    above = probability > MIN_PROBABILITY
    return (
        np.log(floored),
        by_shape * above,
        -density * reached / size * above,
        density / size * above,
    )


def _normal_scores(
    y: np.ndarray, mean: np.ndarray, deviation: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """Normal score of the probability of no more rain than observed.

    Of a dry day that of a random probability up to a dry day's.
    """
    shape, size = (mean / deviation) ** 2, deviation**2 / mean
    reached = gammainc(shape, (np.maximum(y, WET_DAY_MM) + shift) / size)
    random = np.random.default_rng(1)
    reached = np.where(y < WET_DAY_MM, random.random(y.shape) * reached, reached)
    return ndtri(np.clip(reached, 1e-9, 1 - 1e-9))


@cache
def _gamma_table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cube roots of gamma quantiles of size 1: logarithms of shapes, normal scores, values.

    Cube roots are almost linear in the score (Wilson & Hilferty 1931), so that little is lost
    between the points of the grid.
    """
    shape, score = np.linspace(np.log(1e-3), np.log(1e3), 140), np.linspace(-6.0, 6.0, 241)
    return shape, score, np.cbrt(gammaincinv(np.exp(shape)[:, None], ndtr(score)[None, :]))


def gamma_quantile(shape: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Quantile of the gamma distribution of size 1 at a normal score; arrays that broadcast."""
    shapes, scores, table = _gamma_table()
    row = np.clip((np.log(shape) - shapes[0]) / (shapes[1] - shapes[0]), 0, len(shapes) - 1.001)
    column = np.clip((score - scores[0]) / (scores[1] - scores[0]), 0, len(scores) - 1.001)
    i, j = row.astype(np.intp), column.astype(np.intp)
    a, b = row - i, column - j
    lower = table[i, j] * (1 - b) + table[i, j + 1] * b
    upper = table[i + 1, j] * (1 - b) + table[i + 1, j + 1] * b
    return (lower * (1 - a) + upper * a) ** 3

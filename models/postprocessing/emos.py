"""Gaussian EMOS: error models of temperatures and of the logarithm of discharge.

Ensemble model output statistics (Gneiting et al. 2005): the truth is normal around the corrected
mean of the forecast. The correction is a bias of each location and segment, a slope and a yearly
wave. The variance is a power of that of the members. A *segment* is the time between two changes
of the forecast model. The bias adapts: a share of the decaying mean of the newest known errors is
added. All locations are fitted together; each keeps its own bias and width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np
from scipy.optimize import minimize

from features.calendar import DAYS
from models.postprocessing.horizon_fit import HorizonFit, HorizonSample, empty_fit, mean_where
from models.postprocessing.model_changes import MIN_DAYS_IN_SEGMENT

EMOS_TERMS = ("slope", "cosine", "sine", "recent", "variance", "power", "least_square")
"""``coefficient``: of the mean (slope, cosine, sine, recent), then of the variance."""
BIAS_PRIOR_DAYS = 10.0  # with which a location's bias and width are drawn to those of all
HORIZON_PRIOR_DAYS = 300.0  # with which a bias is drawn to that of the shorter horizon, much alike
SLOPE_PRIOR_DAYS = 20.0  # with which slope and wave are drawn to 0
VARIANCE_BINS = 40
MIN_VARIANCE = 1e-6
MIN_SQUARE_SHARE = 0.05  # of the mean squared spread; members that agree more say no more
MEMORY_DAYS = 15.0  # after which an error counts 1/e; 7 to 30 differ by 2 % in RMSE at Melilla
MAX_MEMORY_DAYS = 45  # beyond which an error counts nothing
RECENT_PRIOR_ERRORS = 2.0  # errors of 0 that are added to the newest known ones
RECENT_NOISE = 4.0  # of t^2: up to two standard errors the newest errors count nothing


def fit_emos(sample: HorizonSample, shorter: HorizonFit | None) -> HorizonFit:
    """The EMOS model of one horizon. ``shorter``: the fit of the horizon before, if any."""
    x, y, segment = sample.mean, sample.observed, sample.segment
    ok = np.isfinite(x) & np.isfinite(y)
    if not ok.any():
        return empty_fit(sample, EMOS_TERMS)
    spread, mean_spread = sample.filled_spread()
    centre, square = mean_where(x, ok), np.nan_to_num(spread**2)
    waves = np.broadcast_to(_waves(sample.day_of_year).T[:, :, None], (2, *x.shape))
    columns = np.stack([x - centre, *waves])
    bins = _spread_bins(square[ok])
    variance = np.full(x.shape, float(np.var((y - x)[ok])))
    for _ in range(2):
        weight = np.where(ok, 1 / variance, 0.0)
        slopes = _slopes(columns, y - x, weight, segment)
        rest = y - x - np.tensordot(slopes, columns, 1)
        biases = _biases(rest, weight, segment, shorter.biases if shorter else None)
        error = np.where(ok, rest - biases[segment], np.nan)
        recent = recent_error(error, segment, sample.known_after)
        share = _share_of_recent(recent, error, weight)
        error = error - share * recent
        variance_terms = _variance_terms(bins, error[ok] ** 2)
        variance = emos_variance(variance_terms, square)
    width = _widths(error**2 / variance, ok)
    long_enough = ok[segment == sample.newest].sum(axis=0) >= MIN_DAYS_IN_SEGMENT
    return HorizonFit(
        bias=np.where(long_enough, biases[sample.newest], np.nan),
        biases=biases,
        centre=centre,
        mean_spread=mean_spread,
        width=width,
        coefficient=np.concatenate([slopes, [share], variance_terms]),
        scores=np.where(ok, error / np.sqrt(variance * width), np.nan),
    )


def emos_mean(
    x: np.ndarray, day_of_year: np.ndarray, local: Mapping[str, np.ndarray], terms: np.ndarray
) -> np.ndarray:
    """Forecasts with bias, slope and yearly wave, before they adapt to recent errors.

    ``day_of_year``: of the valid days. ``local``: bias and centre. ``terms``: EMOS_TERMS on axis 0.
    All broadcast to ``x``.
    """
    angle = 2 * np.pi * day_of_year / DAYS
    wave = terms[1] * np.cos(angle) + terms[2] * np.sin(angle)
    return x + local["bias"] + terms[0] * (x - local["centre"]) + wave


def emos_variance(terms: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Variance of the error from the squared spread of the members.

    ``terms``: variance, power, least_square on axis 0; broadcast. A power instead of Gneiting's
    straight line: as good for temperature, far better for the spread of a river's logarithm, which
    spans four orders of magnitude.
    """
    return terms[0] * (square + terms[2]) ** terms[1]


def recent_error(error: np.ndarray, segment: np.ndarray, known_after: int) -> np.ndarray:
    """Decaying mean of the errors known when each run is issued: (init_time, location).

    ``error``: of one horizon, NaN where there is none. Errors at least ``known_after`` days older
    are known. Weights fall by exp(-1 / MEMORY_DAYS) a day and end after MAX_MEMORY_DAYS days;
    errors of another segment weigh 0. RECENT_PRIOR_ERRORS errors of 0 are added.
    """
    weights = np.exp(-np.arange(MAX_MEMORY_DAYS) / MEMORY_DAYS)
    return _decaying_mean(error, segment, known_after, weights)


@numba.njit(cache=True, nogil=True)
def _decaying_mean(
    error: np.ndarray, segment: np.ndarray, known_after: int, weights: np.ndarray
) -> np.ndarray:
    """``recent_error`` by ``weights`` of ages 0, 1, ... beyond ``known_after`` days."""
    days, locations = error.shape
    mean = np.empty((days, locations))
    total, count = np.empty(locations), np.empty(locations)
    for day in range(days):
        total[:], count[:] = 0.0, 0.0
        for age in range(min(len(weights), day - known_after + 1)):
            earlier = day - known_after - age
            if segment[earlier] != segment[day]:
                continue
            for location in range(locations):
                value = error[earlier, location]
                if np.isfinite(value):
                    total[location] += weights[age] * value
                    count[location] += weights[age]
        mean[day] = total / (count + RECENT_PRIOR_ERRORS)
    return mean


def _waves(day_of_year: np.ndarray) -> np.ndarray:
    angle = 2 * np.pi * day_of_year / DAYS
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _slopes(
    columns: np.ndarray, error: np.ndarray, weight: np.ndarray, segment: np.ndarray
) -> np.ndarray:
    """Weighted least squares of errors on columns (term, init_time, location): (term,).

    Beside a mean for each segment and location.
    """
    design = np.where(weight > 0, columns, 0.0).copy()
    target = np.where(weight > 0, error, 0.0).copy()
    for number in np.unique(segment):
        rows = segment == number
        total = np.maximum(weight[rows].sum(axis=0), 1e-12)
        design[:, rows] -= ((weight[rows] * design[:, rows]).sum(axis=1) / total)[:, None]
        target[rows] -= (weight[rows] * target[rows]).sum(axis=0) / total
    flat, w = design.reshape(len(design), -1), weight.ravel()
    left, right = (flat * w) @ flat.T, (flat * w) @ target.ravel()
    days = max((weight > 0).any(axis=1).sum(), 1)
    ridge = SLOPE_PRIOR_DAYS / days * np.diag(np.diag(left)) + 1e-9 * np.eye(len(left))
    return np.linalg.solve(left + ridge, right)


def _biases(
    rest: np.ndarray, weight: np.ndarray, segment: np.ndarray, shorter: np.ndarray | None
) -> np.ndarray:
    """Mean error of each segment and location: (segment, location).

    Drawn to the mean of all locations and, where given, to the biases of the shorter horizon.
    """
    biases = np.full((segment.max() + 1, rest.shape[1]), np.nan)
    for number in np.unique(segment):
        rows = segment == number
        w, e = weight[rows], np.where(weight[rows] > 0, rest[rows], 0.0)
        count, total = (weight[rows] > 0).sum(axis=0), w.sum(axis=0)
        if not count.any():
            continue
        own = (w * e).sum(axis=0) / np.maximum(total, 1e-12)
        prior = BIAS_PRIOR_DAYS * (w * e).sum() / total.sum()
        bias = (count * own + prior) / (count + BIAS_PRIOR_DAYS)
        if shorter is not None:
            drawn = (count * bias + HORIZON_PRIOR_DAYS * shorter[number]) / (
                count + HORIZON_PRIOR_DAYS
            )
            bias = np.where(np.isfinite(shorter[number]), drawn, bias)
        biases[number] = bias
    return biases


def _share_of_recent(recent: np.ndarray, error: np.ndarray, weight: np.ndarray) -> float:
    """The share of the recent error that is left in the next one: 0 to 1.

    Weighted least squares, times 1 - RECENT_NOISE / t^2, with t in standard errors of as many
    cases as there are days; 0 where it could be noise.
    """
    ok = weight > 0
    r, e, w = recent[ok], error[ok], weight[ok]
    square = float(w @ r**2)
    if square <= 0:
        return 0.0
    share = float(w @ (r * e)) / square
    residual = float(w @ (e - share * r) ** 2) / len(e)
    days = ok.any(axis=1).sum() / len(e)
    t_squared = share**2 * square * days / max(residual, 1e-12)
    return float(np.clip(share * max(1 - RECENT_NOISE / max(t_squared, 1e-12), 0.0), 0.0, 1.0))


@dataclass(frozen=True)
class _SpreadBins:
    """Cases in bins of like squared spreads, with as many cases each.

    ``floor``: added to the squared spread; ``number`` of each case's bin, None where all spreads
    are alike; by bin ``count`` and the mean ``log_square``.
    """

    floor: float
    number: np.ndarray | None
    count: np.ndarray
    log_square: np.ndarray


def _spread_bins(square: np.ndarray) -> _SpreadBins:
    """Bins of squared spreads: (case,)."""
    floor = float(np.median(square) + MIN_SQUARE_SHARE * np.mean(square))
    if np.ptp(square) < 1e-9 * max(floor, 1e-9):
        return _SpreadBins(floor, None, np.empty(0), np.empty(0))
    edges = np.unique(np.quantile(square, np.linspace(0, 1, VARIANCE_BINS + 1)))
    number = np.clip(np.searchsorted(edges, square, side="right") - 1, 0, max(len(edges) - 2, 0))
    count = np.bincount(number)
    log_square = np.bincount(number, np.log(square + floor)) / np.maximum(count, 1)
    return _SpreadBins(floor, number, count, log_square)


def _variance_terms(bins: _SpreadBins, squared_error: np.ndarray) -> np.ndarray:
    """The most likely terms of ``emos_variance``, from the mean squared error in each bin.

    The power is 0 where all spreads are alike.
    """
    whole = max(float(np.mean(squared_error)), MIN_VARIANCE)
    if bins.number is None:
        return np.array([whole, 0.0, 1.0])
    count, s = bins.count, bins.log_square
    r = np.bincount(bins.number, squared_error) / np.maximum(count, 1)
    middle = float((count * s).sum() / count.sum())

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        log_variance = w[0] + w[1] * (s - middle)
        relative = r / np.exp(log_variance)
        slope = count * (1 - relative)
        return float(count @ (log_variance + relative)) / count.sum(), np.array(
            [slope.sum(), slope @ (s - middle)]
        ) / count.sum()

    best = minimize(
        loss, [np.log(whole), 0.5], jac=True, method="L-BFGS-B", bounds=[(-16, 12), (0, 2)]
    ).x
    return np.array([max(np.exp(best[0] - best[1] * middle), 0.0), best[1], bins.floor])


def _widths(square: np.ndarray, ok: np.ndarray) -> np.ndarray:
    """Variance of each location relative to that of all, drawn to 1: (location,)."""
    count = ok.sum(axis=0)
    return (np.where(ok, square, 0.0).sum(axis=0) + BIAS_PRIOR_DAYS) / (count + BIAS_PRIOR_DAYS)

"""How wrong weather forecasts are: for each variable and horizon a distribution of the truth given the forecast, fitted on every day.

Temperatures and the logarithm of discharge: ensemble model output statistics (Gneiting et al. 2005), normal with the mean
corrected for a bias of each place, a slope and a yearly wave, the variance a power of that of the members. Rain: a censored, shifted
gamma distribution (Scheuerer & Hamill 2015). Both by maximum likelihood, places together but for their bias; a bias holds for a
segment, the time between two changes of the forecast model. Normal errors adapt: a share of the mean of the newest known errors, a
decaying average, is added to the bias. What the families cannot be is mended by the observed distribution of
the normal scores of what happened, and dependence between leads and variables is that of past errors (Clark et al. 2004).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import minimize
from scipy.special import digamma, gammainc, gammaincinv, gammaln, ndtr, ndtri

from features.calendar import DAYS, day_index, window_mean
from models.silence import Fault, Reason, because
from models.weather import (
    FEWEST_IN_SEASON,
    FEWEST_IN_SEGMENT,
    KINDS,
    SEASON_DAYS,
    WET,
    as_issued,
    pair_days,
    reach_of,
)

PATHS = 400
MONTHS = tuple(range(1, 13))
BIAS_WORTH = 10.0  # days: what a place's bias in a segment is drawn to the mean of all places with
STEP_WORTH = 300.0  # days: what biases are drawn to those of the horizon before with, where errors are smaller and biases much the same
SLOPE_WORTH = 20.0  # days: what slope and wave are drawn to none with
RIGHT_WORTH = (
    60.0  # days: what observed scores are drawn to what they would be of a right model with
)
RAIN_WORTH = 30.0  # mm: what a place's factor is drawn to 1 with
SAMPLE = 4_000  # pairs that rain's likelihood is taken over
BINS = 40
SMALLEST_VARIANCE = 1e-6
LEAST_SQUARE = 0.05  # of the mean squared spread: below it members that agree tell no more
NORMAL_TERMS = ("slope", "cosine", "sine", "recent", "variance", "power", "least_square")
RAIN_TERMS = ("of_usual", "of_forecast", "of_wet", "root_of_mean", "of_spread", "shift")
LOCAL = ("bias", "centre", "usual_spread", "width")  # what each place has of its own
MEMORY_DAYS = 15.0  # after which a known error counts 1/e; 7 to 30 differ by 2 % in RMSE at Melilla
MEMORY_REACH = 45  # days, beyond which it counts nothing
RECENT_WORTH = 2.0  # errors: what the newest known errors' mean is drawn to 0 with
RECENT_NOISE = 4.0  # of t^2: up to two standard errors the newest errors count nothing
FORMAT = 2


@dataclass(frozen=True)
class Errors:
    """The error models of one region's forecasts.

    ``learnt``, by variable: ``bias`` (horizon, location) of the newest segment (rain: a factor), ``coefficient`` (horizon, term),
    ``centre``, ``usual_spread`` and ``width`` (horizon, location), ``score`` (month, horizon, path), quantiles of the normal scores of
    what was observed, ``rank`` (month, lead, path), which of them each path takes, ``least`` and ``most`` (location), what a forecast can
    be, and for rain ``usual`` (dayofyear, location), mm.
    ``temperatures`` ties those that are not foretold to those that are. ``meta`` is JSON-able: changes, what is left out, days.
    """

    learnt: Mapping[str, xr.Dataset]
    temperatures: xr.Dataset
    meta: Mapping[str, Any] = field(default_factory=dict)


def learn_errors(
    pairs: Mapping[str, xr.Dataset],
    observations: xr.Dataset,
    changes: Sequence[np.datetime64] = (),
    run_delay: int = 0,
    earliest: int = 0,
    months: Sequence[int] = MONTHS,
    paths: int = PATHS,
    today: np.datetime64 | None = None,
) -> Errors:
    """Error models of the usable pairs of each variable, which hold nothing later than may be known; nothing else is fitted on.

    ``changes``: days from which on another forecast model issues the runs. ``earliest``: the lead of the first day that is not
    observed, 0 or less. ``months``: those of the issue days it is for. Silent (NaN) where there are fewer than FEWEST_IN_SEGMENT
    days since the last change, and for a month with fewer than FEWEST_IN_SEASON issue days within SEASON_DAYS of its middle
    and of ``today``, the day it is learnt on; with enough near ``today`` alone all days known so far stand for the month's.
    """
    leads = np.arange(
        earliest,
        max((int(part["horizon"].max()) for part in pairs.values()), default=-1) - run_delay + 1,
    )
    learnt, scores = {}, {}
    for name, part in pairs.items():
        segment = np.searchsorted(
            np.sort(np.array(changes, "datetime64[ns]")), part["init_time"].values, side="right"
        )
        usual = window_mean(
            observations[name].values.astype(np.float64), observations["time"].values
        )
        learnt[name], scores[name] = _by_horizon(part, segment, usual)
        learnt[name]["least"], learnt[name]["most"] = reach_of(part)
    near = [season_rows(scores, pairs, month, today) for month in months]
    seasons = [_of_season(scores, pairs, leads, run_delay, rows, paths) for rows in near]
    for name in learnt:
        learnt[name] = learnt[name].assign_coords(month=list(months), lead=leads)
        learnt[name]["score"] = (
            ("month", "horizon", "path"),
            np.stack([quantiles[name] for quantiles, _ in seasons]),
        )
        learnt[name]["rank"] = (
            ("month", "lead", "path"),
            np.stack([ranks[name] for _, ranks in seasons]),
        )
    thin = any(rows.all() for of_month in near for part in of_month.values() for rows in part.T)
    meta = {
        "format": FORMAT,
        "run_delay": run_delay,
        "changes": [str(day)[:10] for day in changes],
        "thin": thin,
    }
    return Errors(learnt, tie_temperatures(observations), meta)


def _by_horizon(
    pairs: xr.Dataset, segment: np.ndarray, usual: np.ndarray
) -> tuple[xr.Dataset, np.ndarray]:
    """A fit of each horizon together, and the normal scores (init_time, horizon, location) of what was observed."""
    fitted = _fit_rain if KINDS[pairs.attrs["variable"]].family == "rain" else _fit_normal
    arrays = {
        name: pairs[name].values.astype(np.float64)
        for name in ("mean", "spread", "wet", "observed")
    }
    days, horizons = pairs["init_time"].values, pairs["horizon"].values
    steps = known_after(pairs)
    parts: list[dict[str, np.ndarray]] = []
    scores = np.full(arrays["mean"].shape, np.nan)
    for column, horizon in enumerate(horizons):
        one = {name: values[:, column] for name, values in arrays.items()}
        index = day_index(days + np.timedelta64(int(horizon), "D"))
        found, scores[:, column] = fitted(
            one, index, segment, usual[index], parts[-1] if parts else None, steps[column]
        )
        parts.append(found)
    dims = {"coefficient": ("horizon", "term"), **dict.fromkeys(LOCAL, ("horizon", "location"))}
    made = {name: (where, np.stack([part[name] for part in parts])) for name, where in dims.items()}
    rain = KINDS[pairs.attrs["variable"]].family == "rain"
    extra = {"usual": (("dayofyear", "location"), usual)} if rain else {}
    coords = {
        "horizon": horizons,
        "location": pairs["location"].values,
        "term": list(RAIN_TERMS if rain else NORMAL_TERMS),
    }
    return xr.Dataset(
        {**made, **extra}, coords=coords, attrs={"variable": pairs.attrs["variable"]}
    ), scores


def _nothing(
    segments: int, terms: Sequence[str], shape: tuple[int, int]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    places = shape[1]
    blank = {name: np.full(places, np.nan) for name in LOCAL}
    return {
        **blank,
        "coefficient": np.full(len(terms), np.nan),
        "biases": np.full((segments, places), np.nan),
    }, np.full(shape, np.nan)


def _fill_spread(spread: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spread with the place's usual one where it is not known (0 where it never is), and the usual one: (location,)."""
    count = np.isfinite(spread).sum(axis=0)
    usual = np.nan_to_num(
        np.where(np.isfinite(spread), spread, 0.0).sum(axis=0) / np.maximum(count, 1)
    )
    return np.where(np.isfinite(mean), np.where(np.isfinite(spread), spread, usual), np.nan), usual


def _waves(index: np.ndarray) -> np.ndarray:
    angle = 2 * np.pi * index / DAYS
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _mean_where(values: np.ndarray, ok: np.ndarray) -> np.ndarray:
    count = ok.sum(axis=0)
    return np.where(count > 0, np.where(ok, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


# Temperature and the logarithm of discharge


def _fit_normal(
    one: Mapping[str, np.ndarray],
    index: np.ndarray,
    segment: np.ndarray,
    usual: np.ndarray,
    before: Mapping[str, np.ndarray] | None,
    step: int,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The normal error model of one horizon from arrays (init_time, location), and the normal scores of what was observed.

    ``before``: that of the horizon before. ``step``: see ``recent_error``.
    """
    x, y = one["mean"], one["observed"]
    ok = np.isfinite(x) & np.isfinite(y)
    if not ok.any():
        return _nothing(segment.max() + 1, NORMAL_TERMS, x.shape)
    spread, usual_spread = _fill_spread(one["spread"], x)
    centre = _mean_where(x, ok)
    columns = np.stack([x - centre, *np.broadcast_to(_waves(index).T[:, :, None], (2, *x.shape))])
    slopes, square = np.zeros(3), np.nan_to_num(spread**2)
    variance = np.full(x.shape, float(np.var((y - x)[ok])))
    for _ in range(2):
        weight = np.where(ok, 1 / variance, 0.0)
        slopes = _slopes(columns, y - x, weight, segment)
        rest = y - x - np.tensordot(slopes, columns, 1)
        bias = _biases(rest, weight, segment, before["biases"] if before else None)
        error = np.where(ok, rest - bias[segment], np.nan)
        recent = recent_error(error, segment, step)
        share = _share_of_recent(recent, error, weight)
        error = error - share * recent
        variance_terms = _variance_terms(square[ok], error[ok] ** 2)
        variance = normal_variance(variance_terms, square)
    width = _widths(error**2 / variance, ok)
    newest = np.where(
        ok[segment == segment.max()].sum(axis=0) >= FEWEST_IN_SEGMENT, bias[segment.max()], np.nan
    )
    found = {
        "bias": newest,
        "centre": centre,
        "usual_spread": usual_spread,
        "coefficient": np.concatenate([slopes, [share], variance_terms]),
    }
    return {**found, "biases": bias, "width": width}, np.where(
        ok, error / np.sqrt(variance * width), np.nan
    )


def _slopes(
    columns: np.ndarray, error: np.ndarray, weight: np.ndarray, segment: np.ndarray
) -> np.ndarray:
    """Weighted least squares of errors on columns (term, init_time, location) beside a mean for each segment and place."""
    used, aside = np.where(weight > 0, columns, 0.0), np.where(weight > 0, error, 0.0)
    used, aside = used.copy(), aside.copy()
    for part in np.unique(segment):
        rows = segment == part
        total = np.maximum(weight[rows].sum(axis=0), 1e-12)
        used[:, rows] -= ((weight[rows] * used[:, rows]).sum(axis=1) / total)[:, None]
        aside[rows] -= (weight[rows] * aside[rows]).sum(axis=0) / total
    flat, w = used.reshape(len(used), -1), weight.ravel()
    left, right = (flat * w) @ flat.T, (flat * w) @ aside.ravel()
    days = max((weight > 0).any(axis=1).sum(), 1)
    ridge = SLOPE_WORTH / days * np.diag(np.diag(left)) + 1e-9 * np.eye(len(left))
    return np.linalg.solve(left + ridge, right)


def _biases(
    rest: np.ndarray, weight: np.ndarray, segment: np.ndarray, before: np.ndarray | None
) -> np.ndarray:
    """Mean error of each segment and place, drawn to that of all places, and to those of the horizon before: (segment, location)."""
    bias = np.full((segment.max() + 1, rest.shape[1]), np.nan)
    for part in np.unique(segment):
        rows = segment == part
        w, e = weight[rows], np.where(weight[rows] > 0, rest[rows], 0.0)
        count, total = (weight[rows] > 0).sum(axis=0), w.sum(axis=0)
        if not count.any():
            continue
        own = (w * e).sum(axis=0) / np.maximum(total, 1e-12)
        bias[part] = (count * own + BIAS_WORTH * (w * e).sum() / total.sum()) / (count + BIAS_WORTH)
        if before is not None:
            known = np.isfinite(before[part])
            bias[part] = np.where(
                known,
                (count * bias[part] + STEP_WORTH * before[part]) / (count + STEP_WORTH),
                bias[part],
            )
    return bias


def known_after(pairs: xr.Dataset) -> np.ndarray:
    """How many days older than a run one must be for its error to be known when the run is at hand: (horizon,)."""
    delay = int(pairs.attrs["delay"]) - int(pairs.attrs["run_delay"])
    return np.maximum(pairs["horizon"].values.astype(int) + delay, 1)


def recent_error(error: np.ndarray, segment: np.ndarray, step: int) -> np.ndarray:
    """Mean of the errors known when each run is at hand, the newest weighing most: (init_time, location).

    ``error`` of one horizon, NaN where there is none; those ``step`` days older and more are known. Weights fall by
    exp(-1 / MEMORY_DAYS) a day and end after MEMORY_REACH days, those of another segment are 0, and RECENT_WORTH errors of 0
    are added, so that few tell little.
    """
    there = np.isfinite(error)
    value, total, count = np.where(there, error, 0.0), np.zeros(error.shape), np.zeros(error.shape)
    for age in range(MEMORY_REACH):
        back = step + age
        if back >= len(error):
            break
        weight = np.exp(-age / MEMORY_DAYS) * (segment[back:] == segment[:-back])[:, None]
        total[back:] += weight * value[:-back]
        count[back:] += weight * there[:-back]
    return total / (count + RECENT_WORTH)


def _share_of_recent(recent: np.ndarray, error: np.ndarray, weight: np.ndarray) -> float:
    """What share of the newest known errors is left in the next one: 0 to 1, 0 where that cannot be told from chance.

    Weighted least squares, times 1 - RECENT_NOISE / t^2, t in standard errors of as many cases as there are days.
    """
    ok = weight > 0
    r, e, w = recent[ok], error[ok], weight[ok]
    square = float(w @ r**2)
    if square <= 0:
        return 0.0
    share = float(w @ (r * e)) / square
    left = float(w @ (e - share * r) ** 2) / len(e)
    days = ok.any(axis=1).sum() / len(e)
    t_squared = share**2 * square * days / max(left, 1e-12)
    return float(np.clip(share * max(1 - RECENT_NOISE / max(t_squared, 1e-12), 0.0), 0.0, 1.0))


def normal_variance(terms: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Variance of the error from the squared spread of the members; ``terms`` (variance, power, least_square), each broadcast.

    A power instead of Gneiting's straight line: for temperature as good, for the spread of a river's logarithm, which spans four
    orders of magnitude, far better.
    """
    return terms[0] * (square + terms[2]) ** terms[1]


def _variance_terms(square: np.ndarray, squared_error: np.ndarray) -> np.ndarray:
    """The most likely ``normal_variance``, in bins of like squares, which lose next to nothing; of no power where all are alike."""
    least = float(np.median(square) + LEAST_SQUARE * np.mean(square))
    whole = max(float(np.mean(squared_error)), SMALLEST_VARIANCE)
    if np.ptp(square) < 1e-9 * max(least, 1e-9):
        return np.array([whole, 0.0, 1.0])
    edges = np.unique(np.quantile(square, np.linspace(0, 1, BINS + 1)))
    number = np.clip(np.searchsorted(edges, square, side="right") - 1, 0, max(len(edges) - 2, 0))
    count = np.bincount(number)
    s, r = (
        np.bincount(number, part) / np.maximum(count, 1)
        for part in (np.log(square + least), squared_error)
    )
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
    return np.array([max(np.exp(best[0] - best[1] * middle), 0.0), best[1], least])


def _widths(square: np.ndarray, ok: np.ndarray) -> np.ndarray:
    """How much greater than that of all places a place's variance is, drawn to 1 by BIAS_WORTH days: (location,)."""
    count = ok.sum(axis=0)
    return (np.where(ok, square, 0.0).sum(axis=0) + BIAS_WORTH) / (count + BIAS_WORTH)


# Rain


def _fit_rain(
    one: Mapping[str, np.ndarray],
    index: np.ndarray,
    segment: np.ndarray,
    usual: np.ndarray,
    before: Mapping[str, np.ndarray] | None,
    step: int,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Rain's error model of one horizon from arrays (init_time, location), mm, and the normal scores of what was observed."""
    x, y = one["mean"], one["observed"]
    ok = np.isfinite(x) & np.isfinite(y) & np.isfinite(usual)
    if not ok.any():
        return _nothing(segment.max() + 1, RAIN_TERMS, x.shape)
    spread, usual_spread = _fill_spread(one["spread"], x)
    factor, newest = np.ones((segment.max() + 1, x.shape[1])), segment == segment.max()
    for part in np.unique(segment):
        rows = (segment == part)[:, None] & ok
        all_of_it = (x[rows].sum() + RAIN_WORTH) / (y[rows].sum() + RAIN_WORTH)
        forecast, observed = (np.where(rows, values, 0.0).sum(axis=0) for values in (x, y))
        factor[part] = (forecast + RAIN_WORTH * all_of_it) / (observed + RAIN_WORTH)
    means = (usual, x / factor[segment], np.nan_to_num(one["wet"]), spread / factor[segment])
    guess = before["coefficient"] if before and np.isfinite(before["coefficient"]).all() else None
    logs = _most_likely_rain([part[ok] for part in means], y[ok], guess)
    mean, deviation, shift = rain_margin(np.exp(logs), *means)
    young = ok[newest].sum(axis=0) < FEWEST_IN_SEGMENT
    found = {
        "bias": np.where(young, np.nan, factor[segment.max()]),
        "centre": np.zeros(x.shape[1]),
        "usual_spread": usual_spread,
    }
    found["width"] = np.ones(x.shape[1])
    return {**found, "coefficient": logs, "biases": factor}, np.where(
        ok, _rain_score(y, mean, deviation, shift), np.nan
    )


def rain_margin(
    terms: np.ndarray, usual: np.ndarray, x: np.ndarray, wet: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, deviation and shift (mm) of the gamma distribution; ``terms`` (RAIN_TERMS, ...) positive, the rest mm but ``wet`` (share).

    Scheuerer & Hamill's regression in mm rather than in multiples of the climatological mean, which in dry summers is all but 0.
    """
    mean = terms[0] * usual + terms[1] * x + terms[2] * wet + 1e-3
    return mean, terms[3] * np.sqrt(mean) + terms[4] * spread, np.broadcast_to(terms[5], mean.shape)


def _most_likely_rain(
    means: Sequence[np.ndarray], y: np.ndarray, guess: np.ndarray | None
) -> np.ndarray:
    """Logarithms of the most likely RAIN_TERMS, over at most SAMPLE pairs: of those with rain three in four, the others weighted up."""
    random = np.random.default_rng(0)
    rainy = (y >= WET) | (means[1] >= WET)
    rows, weights = [], []
    for group, most in (
        (np.flatnonzero(rainy), SAMPLE * 3 // 4),
        (np.flatnonzero(~rainy), SAMPLE // 4),
    ):
        taken = random.permutation(group)[:most]
        rows.append(taken)
        weights.append(np.full(len(taken), len(group) / max(len(taken), 1)))
    row, weight = np.concatenate(rows), np.concatenate(weights)
    picked, amount = [part[row] for part in means], y[row]
    begin = np.log([0.3, 0.7, 0.1, 1.5, 0.5, 0.3]) if guess is None else guess
    bounds = [(-7, 1), (-7, 1), (-7, 3), (-4, 4), (-7, 3), (-6, 3)]
    options = {"maxiter": 80}
    return minimize(
        _rain_loss,
        begin,
        (picked, amount, weight),
        "L-BFGS-B",
        jac=True,
        bounds=bounds,
        options=options,
    ).x


def _rain_loss(
    logs: np.ndarray, means: Sequence[np.ndarray], y: np.ndarray, weight: np.ndarray
) -> tuple[float, np.ndarray]:
    """Weighted mean of the negative log-likelihood of the logarithms of RAIN_TERMS, and its gradient (term,)."""
    terms, dry = np.exp(logs), y < WET
    mean, deviation, shift = rain_margin(terms, *means)
    shape, size = (mean / deviation) ** 2, deviation**2 / mean
    z = np.maximum(y, WET) + shift
    value, by_shape, by_size, by_shift = (np.empty(len(y)) for _ in range(4))
    value[dry], by_shape[dry], by_size[dry], by_shift[dry] = _chance_dry(
        shape[dry], size[dry], z[dry]
    )
    value[~dry], by_shape[~dry], by_size[~dry], by_shift[~dry] = _density_wet(
        shape[~dry], size[~dry], z[~dry]
    )
    by_deviation = 2 * (by_size * size - by_shape * shape) / deviation
    by_mean = (2 * by_shape * shape - by_size * size) / mean + by_deviation * terms[3] / (
        2 * np.sqrt(mean)
    )
    usual, x, wet, spread = means
    by_term = [
        by_mean * usual,
        by_mean * x,
        by_mean * wet,
        by_deviation * np.sqrt(mean),
        by_deviation * spread,
        by_shift,
    ]
    return float(-(weight @ value) / weight.sum()), -(
        np.stack(by_term) @ weight
    ) * terms / weight.sum()


def _density_wet(shape: np.ndarray, size: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """Logarithm of the gamma density at z, and its derivatives by shape, size and z."""
    value = (shape - 1) * np.log(z) - z / size - gammaln(shape) - shape * np.log(size)
    return (
        value,
        np.log(z / size) - digamma(shape),
        (z / size - shape) / size,
        (shape - 1) / z - 1 / size,
    )


def _chance_dry(shape: np.ndarray, size: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """Logarithm of the gamma distribution at z, at least -27.6, and its derivatives by shape (a central difference), size and z."""
    reached, step = z / size, 1e-5 * shape
    chance = gammainc(shape, reached)
    least = np.maximum(chance, 1e-12)
    by_shape = (gammainc(shape + step, reached) - gammainc(shape - step, reached)) / (
        2 * step * least
    )
    density = np.exp((shape - 1) * np.log(reached) - reached - gammaln(shape)) / least
    told = chance > 1e-12
    return np.log(least), by_shape * told, -density * reached / size * told, density / size * told


def _rain_score(
    y: np.ndarray, mean: np.ndarray, deviation: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """Normal score of the chance of no more than what was observed; of a dry day that of any chance up to a dry day's."""
    shape, size = (mean / deviation) ** 2, deviation**2 / mean
    reached = gammainc(shape, (np.maximum(y, WET) + shift) / size)
    reached = np.where(y < WET, np.random.default_rng(1).random(y.shape) * reached, reached)
    return ndtri(np.clip(reached, 1e-9, 1 - 1e-9))


@cache
def _gamma_table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cube roots of quantiles of the gamma distribution of size 1: grids of the shape's logarithm and of the normal score, and values.

    Cube roots are all but linear in the score (Wilson & Hilferty 1931), so that little is lost between the points of the grid.
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


# What past errors were like


def _near(days: np.ndarray, middle: np.datetime64) -> np.ndarray:
    """Days whose day of year is within SEASON_DAYS of that of another."""
    apart = np.abs(day_index(days) - day_index(np.array([middle]))[0])
    return np.minimum(apart, DAYS - apart) <= SEASON_DAYS


def silent(
    errors: Errors, pairs: Mapping[str, xr.Dataset], month: int, today: np.datetime64
) -> list[Fault]:
    """Columns of usable pairs that have no error model for a month yet, and what they wait for."""
    changes = np.sort(np.array(errors.meta["changes"], "datetime64[ns]"))
    found = []
    for name, part in pairs.items():
        there, days = pair_days(part), part["init_time"].values
        newest = there[days >= changes[-1]] if len(changes) else there
        near = there & _near(days, today)[:, None, None]
        score = errors.learnt[name]["score"].sel(month=month).values
        for column, place in zip(*np.nonzero(there.any(axis=0)), strict=True):
            reason = None
            if not np.isfinite(errors.learnt[name]["bias"].values[column, place]):
                reason = _of_new_model(int(newest[:, column, place].sum()), changes)
            elif not np.isfinite(score[column]).any():
                count = int(near[:, column, place].sum())
                reason = because("thin_season", n=count, least=FEWEST_IN_SEASON)
            if reason:
                horizon, where = part["horizon"].values[column], part["location"].values[place]
                found.append(Fault(name, int(horizon), str(where), reason))
    return found


def _of_new_model(days: int, changes: np.ndarray) -> Reason | None:
    if not len(changes):
        return None
    return because("new_model", day=str(changes[-1])[:10], n=days, least=FEWEST_IN_SEGMENT)


def season_rows(
    scores: Mapping[str, np.ndarray],
    pairs: Mapping[str, xr.Dataset],
    month: int,
    today: np.datetime64 | None,
) -> dict[str, np.ndarray]:
    """The issue days that tell of a month, by variable: (init_time, horizon).

    Those of all years within SEASON_DAYS of its middle; where these are too few all of them, if enough are near ``today``.
    """
    middle = np.datetime64(f"2000-{month:02d}-15")
    return {
        name: _rows_of(
            np.isfinite(part).any(axis=2), pairs[name]["init_time"].values, middle, today
        )
        for name, part in scores.items()
    }


def _rows_of(
    there: np.ndarray, days: np.ndarray, middle: np.datetime64, today: np.datetime64 | None
) -> np.ndarray:
    rows = np.repeat(_near(days, middle)[:, None], there.shape[1], axis=1)
    if today is None:
        return rows
    thin = (there & rows).sum(axis=0) < FEWEST_IN_SEASON
    recent = (there & _near(days, today)[:, None]).sum(axis=0) >= FEWEST_IN_SEASON
    return rows | (thin & recent)


def _of_season(
    scores: Mapping[str, np.ndarray],
    pairs: Mapping[str, xr.Dataset],
    leads: np.ndarray,
    run_delay: int,
    rows: Mapping[str, np.ndarray],
    paths: int,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Quantiles of scores, and ranks, of each variable from the issue days ``rows``, see ``season_rows``."""
    here = {name: np.where(rows[name][..., None], part, np.nan) for name, part in scores.items()}
    return {name: _quantiles(part, paths) for name, part in here.items()}, _ranks(
        here, pairs, leads, run_delay, paths
    )


def _quantiles(scores: np.ndarray, paths: int) -> np.ndarray:
    """Evenly spread quantiles of scores (init_time, horizon, location): (horizon, path), drawn to a right model's by RIGHT_WORTH days."""
    even = (np.arange(paths) + 0.5) / paths
    made = np.full((scores.shape[1], paths), np.nan)
    for column in range(scores.shape[1]):
        values = scores[:, column]
        count = int(np.isfinite(values).any(axis=1).sum())
        if count >= FEWEST_IN_SEASON:
            seen = np.quantile(values[np.isfinite(values)], even)
            made[column] = (count * seen + RIGHT_WORTH * ndtri(even)) / (count + RIGHT_WORTH)
    return made


def _ranks(
    scores: Mapping[str, np.ndarray],
    pairs: Mapping[str, xr.Dataset],
    leads: np.ndarray,
    run_delay: int,
    paths: int,
) -> dict[str, np.ndarray]:
    """The order of past errors: each path is one issue day at one place, the same for all leads and variables: (lead, path)."""
    names = list(scores)
    if not names:
        return {}
    days = np.unique(np.concatenate([part["init_time"].values for part in pairs.values()]))
    stacked = np.concatenate(
        [_scores_issued(scores[name], pairs[name], days, leads, run_delay) for name in names],
        axis=1,
    )
    rows = np.moveaxis(stacked, 2, 1).reshape(-1, stacked.shape[1])
    there = np.isfinite(rows).any(axis=0)
    rows = rows[np.isfinite(rows[:, there]).all(axis=1) & there.any()]
    random = np.random.default_rng(2)
    if len(rows):
        taken = rows[random.choice(len(rows), paths, replace=len(rows) < paths)]
        order = np.argsort(np.argsort(taken + 1e-9 * random.random(taken.shape), axis=0), axis=0).T
    else:  # no day has all of it: days apart are taken as independent
        order = random.permuted(np.tile(np.arange(paths), (stacked.shape[1], 1)), axis=1)
    return dict(zip(names, np.split(order.astype(np.int16), len(names), axis=0), strict=True))


def _scores_issued(
    scores: np.ndarray, pairs: xr.Dataset, days: np.ndarray, leads: np.ndarray, run_delay: int
) -> np.ndarray:
    like = pairs.assign({name: (pairs["mean"].dims, scores) for name in ("mean", "spread", "wet")})
    return as_issued(like, days, leads, run_delay, oldest=0)[0]["mean"]


# Temperatures that are not foretold


def tie_temperatures(observations: xr.Dataset) -> xr.Dataset:
    """The usual daily range (dayofyear, location), and the mean from the highest and the lowest: ``share`` of the highest, ``offset``."""
    names = ("air_temperature_max", "air_temperature_min", "air_temperature_mean")
    high, low, mean = (
        observations[name].values.astype(np.float64) if name in observations else None
        for name in names
    )
    coords = {"location": observations["location"].values, "dayofyear": np.arange(DAYS)}
    made: dict[str, Any] = {}
    if high is not None and low is not None:
        made["range"] = (
            ("dayofyear", "location"),
            window_mean(high - low, observations["time"].values),
        )
        if mean is not None:
            made["share"], made["offset"] = (("location", part) for part in _share(high, low, mean))
    return xr.Dataset(made, coords=coords)


def _share(high: np.ndarray, low: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of mean - low on high - low at each place: slope and what is left, degC."""
    x, y = high - low, mean - low
    ok = np.isfinite(x) & np.isfinite(y)
    mx, my = _mean_where(x, ok), _mean_where(y, ok)
    dx, dy = np.where(ok, x - mx, 0.0), np.where(ok, y - my, 0.0)
    slope = np.where(
        ok.any(axis=0), (dx * dy).sum(axis=0) / np.maximum((dx**2).sum(axis=0), 1e-9), 0.5
    )
    return slope, my - slope * mx


# Saving


def save_errors(errors: Errors, folder: Path) -> None:
    """Write error models as NetCDF and JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in errors.learnt.items():
        part.to_netcdf(
            folder / f"errors_{name}.nc",
            engine="h5netcdf",
            encoding={"score": {"zlib": True}, "rank": {"zlib": True}},
        )
    errors.temperatures.to_netcdf(folder / "temperatures.nc", engine="h5netcdf")
    meta = {**errors.meta, "variables": sorted(errors.learnt)}
    (folder / "errors.json").write_text(
        json.dumps(meta, indent=1, sort_keys=True), encoding="utf-8"
    )


def load_errors(folder: Path) -> Errors:
    """Read what save_errors wrote. Raises OSError, KeyError or ValueError where a part is missing or damaged."""
    meta = json.loads((folder / "errors.json").read_text(encoding="utf-8"))
    if meta["format"] != FORMAT:
        raise ValueError(f"{folder}: error models of format {meta['format']}, expected {FORMAT}")
    learnt = {
        name: xr.load_dataset(folder / f"errors_{name}.nc", engine="h5netcdf")
        for name in meta.pop("variables")
    }
    return Errors(learnt, xr.load_dataset(folder / "temperatures.nc", engine="h5netcdf"), meta)

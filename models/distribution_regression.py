"""P(margin > c) for any threshold c by one logistic regression of each cell and step.

Every day teaches at every threshold around the event's, not only the few days with an event
(distribution regression: Foresi & Peracchi 1995; in meteorology "extended logistic regression",
Wilks 2009). Log-odds are

    start + intercept + sum of coefficient x standardised predictor + (terms of c) . slope

where the terms of c are c, c squared, c times the newest value and the season, and the newest
value times the season: spread may vary with both. Coefficients
have normal priors about 0 (ridge regression; le Cessie & van Houwelingen 1992) whose deviations
are fixed by what is learnt, in log-odds per standard deviation of a predictor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numba
import numpy as np
import xarray as xr

TERMS = (
    "c", "c_squared", "c_newest", "c_season_sine", "c_season_cosine",
    "newest_season_sine", "newest_season_cosine",
)  # fmt: skip
FLAT = 10.0  # deviation of the intercept's and of c's prior: next to none
CURVATURE = 1.0  # deviation of c squared's
OF_ENSEMBLE = 0.3  # deviation of the intercept's where an ensemble has spoken
OF_TERMS = 0.01  # and of the terms of c
WITH_NEWEST = 1.0  # deviation of the product of c and the newest value
WITH_SEASON = 0.3  # and of those of c and the season waves, around an event's threshold
MIN_KNOWN = 0.5  # share of training days a predictor must be known on to be used
MIN_ROWS = 20  # for a regression; with fewer the frequency at each threshold stands
MAX_ITERATIONS = 12  # of Newton's method
FEW_ITERATIONS = 2  # from a fit to one of fewer rows
CONVERGED = 1e-5  # largest change of a coefficient


@dataclass(frozen=True)
class PredictorSpec:
    """What a regression reads: predictors, and the deviation of each one's prior.

    ``ensemble``: log-odds start from the hazard's ensemble. ``bounded``: 0 where past days rule the
    event out. ``max_departure``: standard deviations from its mean that a predictor counts, at
    most. ``with_season``: deviation of the products of c and the season waves. ``newest``: whether
    the newest value may change what c and the season do.
    """

    deviations: Mapping[str, float]
    ensemble: bool = False
    bounded: bool = True
    max_departure: float = 3.0
    with_season: float = WITH_SEASON
    newest: bool = True

    @property
    def predictors(self) -> tuple[str, ...]:
        """Names of the predictors."""
        return tuple(self.deviations)


@dataclass(frozen=True)
class Rows:
    """Cases of one cell and step. All but ``x`` and ``s`` are (row, threshold).

    ``x`` (row, predictor): predictors, NaN where missing. ``s`` (row, 3): newest value and season
    waves. ``c``: thresholds. ``y``: 1 where the margin is above. ``start``: log-odds to start from.
    ``weight``: sums to 1 over the thresholds of a row where none is left out.
    """

    x: np.ndarray
    s: np.ndarray
    c: np.ndarray
    y: np.ndarray
    start: np.ndarray
    weight: np.ndarray

    def take(self, rows: np.ndarray) -> Rows:
        """Those of some rows."""
        return Rows(**{name: values[rows] for name, values in vars(self).items()})

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Fit:
    """Coefficients of one cell and step.

    ``mean``, ``scale``, ``coefficient`` (predictor,); ``slope`` (term,); ``centre`` and ``spread``
    (3,) standardise the newest value and the season waves; ``reach`` (3,): what c is divided by,
    and the least and greatest threshold learnt from, beyond which only c itself goes on.
    """

    mean: np.ndarray
    scale: np.ndarray
    coefficient: np.ndarray
    intercept: float
    slope: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    reach: np.ndarray


def fit(rows: Rows, spec: PredictorSpec, near: Fit | None = None) -> Fit:
    """Coefficients of greatest posterior density by Newton's method.

    ``near``: a fit of nearly the same cases, to begin at. Its standardisation is taken over.
    """
    blank = near or _blank(rows, spec)
    if len(rows) < MIN_ROWS or not rows.weight.any():
        return blank
    design = _Design(spec, rows, blank)
    return design.fit(_newton(design, np.ascontiguousarray(rows.weight), MAX_ITERATIONS))


def fit_without(
    rows: Rows, spec: PredictorSpec, whole: Fit, left_out: Sequence[np.ndarray]
) -> list[Fit]:
    """The fit as it would be without some rows, once for each of ``left_out`` (row,) of bool.

    FEW_ITERATIONS of Newton's method from the ``whole`` fit, whose standardisation stands: the
    one-step jackknife, once more repeated (Efron 1982).
    """
    if len(rows) < MIN_ROWS or not rows.weight.any():
        return [whole] * len(left_out)
    design = _Design(spec, rows, whole)
    weights = (np.where(out[:, None], 0.0, rows.weight) for out in left_out)
    return [design.fit(_newton(design, weight, FEW_ITERATIONS)) for weight in weights]


def _newton(design: _Design, weight: np.ndarray, iterations: int) -> np.ndarray:
    """Where the loss is least, or the last of so many iterations; a step never raises the loss."""
    w = design.begin
    loss, moments = design.at(w, weight)
    for _ in range(iterations):
        gradient, curvature = design.derivatives(w, moments)
        step = np.linalg.solve(curvature, gradient)
        for _ in range(20):
            after, moments = design.at(w - step, weight)
            if after <= loss + 1e-12:
                break
            step = step / 2
        w, loss = w - step, after
        if np.abs(step).max() < CONVERGED:
            break
    return w


class _Design:
    """Loss, gradient and curvature of one fit.

    Log-odds of row i at threshold u_ij = c_ij / size are  start + z_i b + u_ij (a_i g) + u_ij^2 h :
    ``z`` holds 1, the predictors and the newest value times the season waves, ``a`` holds 1, the
    newest value and the waves. All sums over thresholds are moments in u, taken row by row before
    the products with z and a.
    """

    def __init__(self, spec: PredictorSpec, rows: Rows, blank: Fit) -> None:
        self.blank = blank
        x, away = standardised(blank, spec, rows.x), _modifiers(blank, rows.s)
        ones = np.ones((len(rows), 1))
        self.z = np.concatenate([ones, x, away[:, :1] * away[:, 1:]], axis=1)
        self.a = np.concatenate([ones, away], axis=1)
        self.u = rows.c / blank.reach[0]
        self.y, self.start = np.ascontiguousarray(rows.y), np.ascontiguousarray(rows.start)
        names = [spec.deviations[name] for name in spec.predictors]
        if spec.ensemble:
            deviations = [OF_ENSEMBLE, *names, *[OF_TERMS] * len(TERMS)]
        else:
            season = [spec.with_season] * 2
            deviations = [FLAT, *names, *season, FLAT, WITH_NEWEST, *season, CURVATURE]
        self.precision = np.array(deviations) ** -2.0
        slope = dict(zip(TERMS, blank.slope, strict=True))
        self.begin = np.array(
            [blank.intercept, *blank.coefficient, *(slope[name] for name in _ORDER)]
        )

    def at(self, w: np.ndarray, weight: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss at ``w``, and the moments that its derivatives are made of."""
        k = self.z.shape[1]
        base, slope = self.z @ w[:k], self.a @ w[k:-1]
        loss, moments = _moments(self.u, self.y, weight, self.start, base, slope, w[-1])
        return loss + float((self.precision * w) @ w / 2), moments

    def derivatives(self, w: np.ndarray, moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and curvature at ``w``, whose ``moments`` are given."""
        z, a, e, v = self.z, self.a, moments[:3], moments[3:]
        gradient = np.concatenate([z.T @ e[0], a.T @ e[1], [e[2].sum()]])
        k, m = z.shape[1], z.shape[1] + a.shape[1]
        curvature = np.empty((m + 1, m + 1))
        curvature[:k, :k] = (z * v[0][:, None]).T @ z
        curvature[:k, k:m] = (z * v[1][:, None]).T @ a
        curvature[:k, m] = z.T @ v[2]
        curvature[k:m, k:m] = (a * v[2][:, None]).T @ a
        curvature[k:m, m] = a.T @ v[3]
        curvature[m, m] = v[4].sum()
        upper = np.triu(curvature)
        curvature = upper + np.triu(upper, 1).T
        curvature.flat[:: m + 2] += self.precision
        return gradient + self.precision * w, curvature

    def fit(self, w: np.ndarray) -> Fit:
        """The coefficients ``w`` with the standardisation they are of."""
        k = len(self.blank.coefficient)
        slope = dict(zip(_ORDER, w[k + 1 :], strict=True))
        return replace(
            self.blank,
            intercept=float(w[0]),
            coefficient=w[1 : k + 1],
            slope=np.array([slope[name] for name in TERMS]),
        )


@numba.njit(cache=True, nogil=True)
def _moments(
    u: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    start: np.ndarray,
    base: np.ndarray,
    slope: np.ndarray,
    curve: float,
) -> tuple[float, np.ndarray]:
    """Logarithmic loss, and each row's sums over thresholds of what derivatives are made of.

    (8, row): error x u^0 to u^2, then p (1 - p) x u^0 to u^4.
    """
    rows, thresholds = u.shape
    moments = np.zeros((8, rows))
    loss = 0.0
    for i in range(rows):
        for j in range(thresholds):
            share = weight[i, j]
            if share == 0.0:
                continue
            t = u[i, j]
            odds = start[i, j] + base[i] + t * (slope[i] + t * curve)
            small = np.exp(-abs(odds))
            loss += share * (max(odds, 0.0) + np.log(1.0 + small) - y[i, j] * odds)
            p = (1.0 if odds >= 0 else small) / (1.0 + small)
            term = share * (p - y[i, j])
            for power in range(3):
                moments[power, i] += term
                term *= t
            term = share * p * (1.0 - p)
            for power in range(3, 8):
                moments[power, i] += term
                term *= t
    return loss, moments


# The order of the terms in a fit: those of z, those of a, and c squared.
_ORDER = (*TERMS[5:], "c", *TERMS[2:5], "c_squared")


def _blank(rows: Rows, spec: PredictorSpec) -> Fit:
    """Standardisation, no coefficients, and the intercept and slope that frequencies ask for."""
    x, k = rows.x, len(spec.predictors)
    known = np.isfinite(x).mean(axis=0) if len(x) else np.zeros(k)
    mean, scale = np.zeros(k), np.full(k, np.inf)
    used = known >= MIN_KNOWN
    if used.any():
        mean[used], deviation = np.nanmean(x[:, used], axis=0), np.nanstd(x[:, used], axis=0)
        varies = deviation > 1e-9 * np.maximum(1.0, np.abs(mean[used]))
        scale[used] = np.where(varies, deviation, np.inf)
    some = len(rows) > 0
    s = rows.s if some else np.zeros((1, 3))
    seen = np.isfinite(s).any(axis=0)
    centre = np.where(seen, np.nanmean(np.where(seen, s, 0.0), axis=0), 0.0)
    spread = np.where(seen, np.nanstd(np.where(seen, s, 0.0), axis=0), np.inf)
    spread = np.where(spread > 1e-9, spread, np.inf)
    low, high = (rows.c.min(), rows.c.max()) if some else (0.0, 0.0)
    size = max(abs(low), abs(high), 1e-6)
    total = rows.weight.sum()
    frequency = ((rows.weight * rows.y).sum() + 0.5) / (total + 1.0)
    intercept = 0.0 if spec.ensemble else float(np.log(frequency / (1 - frequency)))
    return Fit(
        mean,
        scale,
        np.zeros(k),
        intercept,
        np.zeros(len(TERMS)),
        centre,
        spread,
        np.array([size, low, high]),
    )


def standardised(fitted: Fit, spec: PredictorSpec, x: np.ndarray) -> np.ndarray:
    """Departures of predictors (..., predictor) from their training mean, 0 where missing."""
    away = (x - fitted.mean) / fitted.scale
    return np.nan_to_num(np.clip(away, -spec.max_departure, spec.max_departure))


def _modifiers(fitted: Fit, s: np.ndarray) -> np.ndarray:
    """Newest value and season waves (row, 3), standardised, 0 where missing."""
    return np.nan_to_num(np.clip((s - fitted.centre) / fitted.spread, -3.0, 3.0))


def terms(fitted: Fit, c: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Terms of thresholds ``c`` (row, threshold) with ``s`` (row, 3): (row, threshold, term)."""
    size, low, high = fitted.reach
    inside = np.clip(c, low, high) / size
    away = _modifiers(fitted, s)
    products = inside[..., None] * away[:, None, :]
    seasonal = np.broadcast_to((away[:, :1] * away[:, 1:])[:, None], (*c.shape, 2))
    parts = [(c / size)[..., None], (inside**2)[..., None], products, seasonal]
    return np.concatenate(parts, axis=-1)


def fitted_log_odds(
    fitted: Fit, spec: PredictorSpec, x: np.ndarray, c: np.ndarray, s: np.ndarray
) -> np.ndarray:
    """Log-odds of exceeding thresholds ``c``, before any start: (row, threshold).

    ``x`` (row, predictor), ``c`` (row, threshold) and ``s`` (row, 3) as in Rows.
    """
    of_day = fitted.intercept + standardised(fitted, spec, x) @ fitted.coefficient
    return of_day[:, None] + terms(fitted, c, s) @ fitted.slope


FITTED = ("mean", "scale", "coefficient", "intercept", "slope", "centre", "spread", "reach")
_DIMS = {
    **dict.fromkeys(("mean", "scale", "coefficient"), ("step", "cell", "predictor")),
    "intercept": ("step", "cell"),
    "slope": ("step", "cell", "term"),
    **dict.fromkeys(("centre", "spread"), ("step", "cell", "modifier")),
    "reach": ("step", "cell", "extent"),
}


def to_dataset(fits: list[list[Fit]], spec: PredictorSpec) -> xr.Dataset:
    """Fits by step and cell side by side: Dataset (step, cell, ...)."""
    arrays = {
        name: (
            _DIMS[name],
            np.array([[np.asarray(getattr(one, name)) for one in cells] for cells in fits]),
        )
        for name in FITTED
    }
    coords = {"predictor": list(spec.predictors), "term": list(TERMS)}
    return xr.Dataset(arrays, coords=coords)


def fits_of(fitted: xr.Dataset) -> list[list[Fit]]:
    """The fits of ``to_dataset``, by step and cell."""
    arrays = {name: fitted[name].values for name in FITTED}
    steps, cells = arrays["intercept"].shape
    return [
        [
            Fit(**{name: values[step, cell] for name, values in arrays.items()})
            for cell in range(cells)
        ]
        for step in range(steps)
    ]

"""Standardised index of sums: the standard normal value of their probability, within [-3, 3].

The log-logistic's log-odds are a logarithm. The gamma's probability is its power series, whose
coefficients all years' sums of a day of the year share. Log-odds become a standard normal value by
polynomials. Logarithms and exponentials are NumPy's, which takes many at once.
"""

from __future__ import annotations

import numba
import numpy as np
from scipy.special import expit, gammaln, logit, ndtr, ndtri

from features.calendar import DAYS
from features.day_windows import PLACES, blocks
from features.indices import INDEX_LIMIT, LEAST_WET, LogLogistic, ZeroGamma, standardised

PIECES, DEGREE = 128, 5  # the polynomials are within 1e-13 of scipy's ndtri
ODDS_LIMIT = float(logit(ndtr(INDEX_LIMIT)))  # log-odds of the index' limit
STEPS = PIECES / ODDS_LIMIT
LARGEST_SHAPE, MOST_TERMS = 1e3, 2048  # of a gamma whose series is short


def _polynomials() -> np.ndarray:
    """Coefficients (piece, power) of ndtri(expit(log-odds)), each piece's argument in [-1, 1]."""
    nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
    odds = (np.arange(PIECES)[:, None] + (nodes + 1) / 2) / STEPS
    return np.linalg.solve(np.vander(nodes, increasing=True), -ndtri(expit(-odds)).T).T.copy()


POLYNOMIALS = _polynomials()


def log_logistic_index(total: np.ndarray, index: np.ndarray, law: LogLogistic) -> np.ndarray:
    """Index of sums (time, location) on days of the year ``index`` (time,).

    ``law``: a distribution (366, location) in the sums' units. NaN where either is.
    """
    total, slope = np.ascontiguousarray(total, dtype=np.float64), law.k / law.alpha
    out = np.empty(total.shape)
    for places in blocks(total.shape[1]):
        inside = _inside(total, index, law.xi, slope, places.start)
        with np.errstate(divide="ignore"):
            np.log(inside, out=inside)
        _standardise(inside, index, -1.0 / law.k, places.start, out)
    return out


@numba.njit(cache=True, nogil=True)
def _inside(
    total: np.ndarray, index: np.ndarray, xi: np.ndarray, slope: np.ndarray, begin: int
) -> np.ndarray:
    """1 - k (x - xi) / alpha of a block of places, never below 0."""
    places = min(PLACES, total.shape[1] - begin)
    inside = np.empty((len(total), places))
    for day in range(len(total)):
        row = index[day]
        for place in range(places):
            at = begin + place
            value = 1.0 - (total[day, at] - xi[row, at]) * slope[row, at]
            inside[day, place] = 0.0 if value < 0.0 else value
    return inside


@numba.njit(cache=True, nogil=True)
def _standardise(
    odds: np.ndarray, index: np.ndarray, factor: np.ndarray, begin: int, out: np.ndarray
) -> None:
    """Standard normal value of log-odds times a ``factor`` (366, location), into a block."""
    for day in range(len(odds)):
        row = index[day]
        for place in range(odds.shape[1]):
            value = odds[day, place] * factor[row, begin + place]
            size = abs(value)
            if size < ODDS_LIMIT:
                piece = int(size * STEPS)
                x = 2.0 * (size * STEPS - piece) - 1.0
                c = POLYNOMIALS[piece]
                size = ((((c[5] * x + c[4]) * x + c[3]) * x + c[2]) * x + c[1]) * x + c[0]
            elif size >= ODDS_LIMIT:
                size = INDEX_LIMIT
            out[day, begin + place] = size if value > 0 else -size


def gamma_index(total: np.ndarray, index: np.ndarray, law: ZeroGamma) -> np.ndarray:
    """Index of sums of rain (time, location), mm, on days of the year ``index`` (time,).

    ``law``: a distribution (366, location). NaN where either is.
    """
    if (law.shape > LARGEST_SHAPE).any():
        of_day = ZeroGamma(law.shape[index], law.scale[index], law.dry[index])
        return standardised(of_day.probability(total))
    total = np.ascontiguousarray(total, dtype=np.float64)
    order = np.argsort(index, kind="stable")
    rows = np.searchsorted(index[order], np.arange(DAYS + 1))
    shape, scale, dry = map(np.ascontiguousarray, (law.shape, law.scale, law.dry))
    least = gammaln(shape + 1.0) + shape * np.log(scale)
    ones, out = np.ones(shape.shape), np.empty(total.shape)
    for places in blocks(total.shape[1]):
        begin = places.start
        odds = np.maximum(total[:, places], LEAST_WET)
        np.log(odds, out=odds)
        _exponents(odds, total, index, shape, scale, least, begin)
        np.exp(odds, out=odds)
        _gamma_odds(odds, total, order, rows, shape, scale, dry, begin)
        with np.errstate(divide="ignore"):
            np.log(odds, out=odds)
        _standardise(odds, index, ones, begin, out)
    return out


@numba.njit(cache=True, nogil=True)
def _exponents(
    logs: np.ndarray,
    total: np.ndarray,
    index: np.ndarray,
    shape: np.ndarray,
    scale: np.ndarray,
    least: np.ndarray,
    begin: int,
) -> None:
    """Logarithm of x^a e^-x / Gamma(a + 1), into those of the sums; x in units of the scale."""
    for day in range(len(logs)):
        row = index[day]
        for place in range(logs.shape[1]):
            at = begin + place
            value = shape[row, at] * logs[day, place] - total[day, at] / scale[row, at]
            dry = total[day, at] < LEAST_WET
            logs[day, place] = -np.inf if dry else value - least[row, at]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _gamma_odds(
    odds: np.ndarray,
    total: np.ndarray,
    order: np.ndarray,
    rows: np.ndarray,
    shape: np.ndarray,
    scale: np.ndarray,
    dry: np.ndarray,
    begin: int,
) -> None:
    """Odds of not being exceeded, into x^a e^-x / Gamma(a + 1).

    P(a, x) is that times the sum of x^n / ((a + 1) ... (a + n)) (Abramowitz & Stegun 6.5.29).
    """
    most = np.diff(rows).max()
    x, series, c = np.empty(most), np.empty(most), np.empty(MOST_TERMS)
    for day in range(DAYS):
        days = order[rows[day] : rows[day + 1]]
        for place in range(odds.shape[1]):
            a, none = shape[day, begin + place], dry[day, begin + place]
            highest = LEAST_WET
            for number in range(len(days)):
                x[number] = total[days[number], begin + place]
                highest = max(highest, x[number])
            highest /= scale[day, begin + place]
            highest = min(highest, a + 12.0 * np.sqrt(a) + 40.0)  # beyond it P is 1
            terms = _coefficients(a, highest, c)
            for number in range(len(days)):
                x[number] /= highest * scale[day, begin + place]
                series[number] = 0.0
            for n in range(terms - 4, -1, -4):
                for number in range(len(days)):
                    y, s = x[number], series[number]
                    series[number] = (((s * y + c[n + 3]) * y + c[n + 2]) * y + c[n + 1]) * y + c[n]
            for number in range(len(days)):
                at = days[number]
                below = odds[at, place] * series[number]
                if x[number] > 1.0 + 1e-9 or below > 1.0:
                    below = 1.0
                p = none + (1.0 - none) * below
                odds[at, place] = p / (1.0 - p)


@numba.njit(cache=True, nogil=True)
def _coefficients(a: float, highest: float, c: np.ndarray) -> int:
    """highest^n / ((a + 1) ... (a + n)) from n = 0 on until they no longer count; how many.

    A multiple of 4.
    """
    n, term, total = 0, 1.0, 0.0
    while term > 1e-17 * total and n < len(c) - 4:
        c[n] = term
        total += term
        n += 1
        term *= highest / (a + n)
    while n % 4:
        c[n] = 0.0
        n += 1
    return n

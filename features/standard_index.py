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
from features.indices import INDEX_LIMIT, LEAST_WET, LogLogistic, ZeroGamma, standardised

PLACES = 16  # of a block: its (time, place) arrays of decades fit into a core's cache
PIECES, DEGREE = 128, 5  # the polynomials are within 1e-13 of scipy's ndtri
ODDS_LIMIT = float(logit(ndtr(INDEX_LIMIT)))  # log-odds of the index' limit
STEPS = PIECES / ODDS_LIMIT
LARGEST_SHAPE = 1e3  # of a gamma whose series is short


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
    for begin in range(0, total.shape[1], PLACES):
        inside = _inside(total, index, law.xi, slope, begin)
        with np.errstate(divide="ignore"):
            np.log(inside, out=inside)
        _standardise(inside, index, -1.0 / law.k, begin, out)
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
    least, ones, out = gammaln(shape + 1.0), np.ones(shape.shape), np.empty(total.shape)
    for begin in range(0, total.shape[1], PLACES):
        amount = _amounts(total, index, scale, begin)
        with np.errstate(divide="ignore"):
            odds = np.log(amount)
        _exponents(odds, amount, index, shape, least, begin)
        np.exp(odds, out=odds)
        _gamma_odds(odds, amount, order, rows, shape, dry, begin)
        with np.errstate(divide="ignore"):
            np.log(odds, out=odds)
        _standardise(odds, index, ones, begin, out)
    return out


@numba.njit(cache=True, nogil=True)
def _amounts(total: np.ndarray, index: np.ndarray, scale: np.ndarray, begin: int) -> np.ndarray:
    """Wet sums in units of the scale, 0 where dry."""
    places = min(PLACES, total.shape[1] - begin)
    amount = np.empty((len(total), places))
    for day in range(len(total)):
        for place in range(places):
            value = total[day, begin + place]
            wet = value / scale[index[day], begin + place]
            amount[day, place] = 0.0 * wet if value < LEAST_WET else wet
    return amount


@numba.njit(cache=True, nogil=True)
def _exponents(
    logs: np.ndarray,
    amount: np.ndarray,
    index: np.ndarray,
    shape: np.ndarray,
    least: np.ndarray,
    begin: int,
) -> None:
    """Logarithm of x^a e^-x / Gamma(a + 1), into the logarithms of x."""
    for day in range(len(logs)):
        for place in range(logs.shape[1]):
            a, b = shape[index[day], begin + place], least[index[day], begin + place]
            logs[day, place] = a * logs[day, place] - amount[day, place] - b


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _gamma_odds(
    odds: np.ndarray,
    amount: np.ndarray,
    order: np.ndarray,
    rows: np.ndarray,
    shape: np.ndarray,
    dry: np.ndarray,
    begin: int,
) -> None:
    """Odds of not being exceeded, into x^a e^-x / Gamma(a + 1).

    P(a, x) is that times the sum of x^n / ((a + 1) ... (a + n)) (Abramowitz & Stegun 6.5.29).
    """
    most = np.diff(rows).max()
    x, series = np.empty(most), np.empty(most)
    for day in range(DAYS):
        days = order[rows[day] : rows[day + 1]]
        for place in range(amount.shape[1]):
            a, none = shape[day, begin + place], dry[day, begin + place]
            highest = 0.0
            for number in range(len(days)):
                x[number] = amount[days[number], place]
                highest = max(highest, x[number])
            highest = min(highest, a + 12.0 * np.sqrt(a) + 40.0)  # beyond it P is 1
            highest = highest if highest > 0.0 else 1.0
            c = _coefficients(a, highest)
            for number in range(len(days)):
                x[number] /= highest
                series[number] = 0.0
            for n in range(len(c) - 4, -1, -4):
                for number in range(len(days)):
                    y, s = x[number], series[number]
                    series[number] = (((s * y + c[n + 3]) * y + c[n + 2]) * y + c[n + 1]) * y + c[n]
            for number in range(len(days)):
                at = days[number]
                below = odds[at, place] * series[number]
                if x[number] > 1.0 or below > 1.0:
                    below = 1.0
                p = none + (1.0 - none) * below
                odds[at, place] = p / (1.0 - p)


@numba.njit(cache=True, nogil=True)
def _coefficients(a: float, highest: float) -> np.ndarray:
    """highest^n / ((a + 1) ... (a + n)) from n = 0 on until they no longer count."""
    terms, term, total = 1, 1.0, 1.0
    while term > 1e-17 * total:
        term *= highest / (a + terms)
        total += term
        terms += 1
    c = np.zeros((terms + 3) // 4 * 4)
    c[0] = 1.0
    for n in range(1, terms):
        c[n] = c[n - 1] * highest / (a + n)
    return c

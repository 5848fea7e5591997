"""Indices of drought, heat and heavy rain: pure functions on arrays (time, location).

Sources: Hosking & Wallis 1997 (L-moments, GEV, generalised logistic); Vicente-Serrano et al. 2010
and Begueria et al. 2014 (SPEI); McKee et al. 1993 and Thom 1958 (SPI); Nairn & Fawcett 2013 (EHF).

Largest differences from references not written here, bounds of tests/features/test_indices_peers.py
and test_indices.py (an index is compared within [-3, 3], where ours is clipped):

SPI by the month   climate_indices' published series; climate-indices and xclim run: 2e-11
SPEI by the month  climate-indices run on the R package SPEI's eleven cities: 2e-11
SPEI by the month  xclim: the same distribution by maximum likelihood: 0.19
SPEI by the month  climate_indices' published series by Pearson III (0.05 on average): 0.52
daily SPI, SPEI    climate-indices, 90 and 365 days, each day of the year alone: 2e-11
drought's SPEI     eq. 8-13 of Vicente-Serrano et al. 2010, doy windows pooled as here: 2e-11
EHF                thermofeel, degC2: 1e-9
L-moments          Hosking's LMOMENTS on his example, and his log-logistic: 1e-6
return levels      GEV of exactly the sample's L-moments, seven real series: 0.04 %
rain severity      storms counted by scipy above what one in 2, 5 years exceeds: 1 storm
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import pandas as pd
from scipy.special import gamma as gamma_function
from scipy.special import gammainc, gammaincinv, ndtr, ndtri

from features.calendar import trailing_mean

INDEX_LIMIT = 3.0
FIRST_HYDROLOGICAL_MONTH = 9
LEAST_WET = 0.005  # mm: half of the finest step in which services give rain; a sum below it is dry


def l_moments(sample: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """First two L-moments, L-skewness and sample size along axis 0.

    From unbiased probability-weighted moments.

    NaN is left out. Fewer than 4 values give NaN.
    """
    ordered = np.sort(sample, axis=0)
    n = np.isfinite(ordered).sum(axis=0).astype(float)
    rank = np.arange(len(ordered), dtype=float).reshape(-1, *[1] * (sample.ndim - 1))
    values = np.where(np.isfinite(ordered), ordered, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        b0 = values.sum(axis=0) / n
        b1 = (values * rank).sum(axis=0) / (n * (n - 1))
        b2 = (values * rank * (rank - 1)).sum(axis=0) / (n * (n - 1) * (n - 2))
        l2 = 2 * b1 - b0
        l3 = 6 * b2 - 6 * b1 + b0
        enough = (n >= 4) & (l2 > 1e-12)
        return (*(np.where(enough, part, np.nan) for part in (b0, l2, l3 / l2)), n)


def quantile(values: np.ndarray, q: float) -> np.ndarray:
    """Quantile ``q`` of each location, linear between order statistics: (time, location).

    NaN is left out; NaN where nothing is known.
    """
    ordered = np.sort(values.T, axis=1)  # NaN last
    last = np.isfinite(values).sum(axis=0) - 1
    rank = np.maximum(last, 0) * q
    low, place = np.floor(rank).astype(int), np.arange(len(ordered))
    below, above = ordered[place, low], ordered[place, np.minimum(low + 1, np.maximum(last, 0))]
    return np.where(last < 0, np.nan, below + (above - below) * (rank - low))


def gev_return_level(maxima: np.ndarray, years: float) -> np.ndarray:
    """Level exceeded on average once in ``years``, by a GEV fitted to annual maxima along axis 0.

    Fitted by L-moments.

    Hosking's approximation for the shape (Hosking & Wallis 1997, A.52-A.56). Units of ``maxima``.
    """
    l1, l2, skew, _ = l_moments(maxima)
    c = 2 / (3 + skew) - np.log(2) / np.log(3)
    k = 7.8590 * c + 2.9554 * c**2
    k = np.where(np.abs(k) < 1e-6, 1e-6, k)
    alpha = l2 * k / ((1 - 2.0**-k) * gamma_function(1 + k))
    xi = l1 - alpha * (1 - gamma_function(1 + k)) / k
    return xi + alpha * (1 - (-np.log(1 - 1 / years)) ** k) / k


def annual_maxima(values: np.ndarray, times: np.ndarray, least_days: int = 330) -> np.ndarray:
    """Highest value of each hydrological year (from 1 September), (year, location).

    NaN where it has fewer than ``least_days`` values. ``times`` rise.
    """
    dates = pd.DatetimeIndex(times)
    year = (dates.year + (dates.month >= FIRST_HYDROLOGICAL_MONTH)).to_numpy()
    begins = np.flatnonzero(np.diff(year, prepend=year[0] - 1))
    ok = np.isfinite(values)
    enough = np.add.reduceat(ok, begins, axis=0, dtype=np.int64) >= least_days
    highest = np.maximum.reduceat(np.where(ok, values, -np.inf), begins, axis=0)
    return np.where(enough, highest, np.nan)


def rain_severity(
    rain: np.ndarray, sum_3d: np.ndarray, level_1d: np.ndarray, level_3d: np.ndarray
) -> np.ndarray:
    """The greater of the day's rain over its 2-year return level and the 3-day sum over its own.

    (time, location); mm, mm -> 1.

    One of the two missing leaves the other.
    """
    return np.fmax(rain / level_1d, sum_3d / level_3d)


def severity_exceeded_every(severity: np.ndarray, years: np.ndarray | float) -> np.ndarray:
    """Rain severity that one episode in ``years`` exceeds, for each of ``years``.

    ``severity`` is one place's daily series.

    Episodes are maxima of S at least 3 days apart. With N years of record the value lies between
    the episodes of rank N/years and N/years + 1, so that N/years of them exceed it. NaN with fewer
    than 5 years of days.
    """
    record_years = np.isfinite(severity).sum() / 365.25
    peaks = episode_peaks(severity)
    if record_years < 5 or len(peaks) < 2:
        return np.full(np.shape(years), np.nan)
    rank = record_years / np.asarray(years) - 0.5
    return np.asarray(np.interp(rank, np.arange(len(peaks)), np.sort(peaks)[::-1]))


def episode_peaks(severity: np.ndarray, apart: int = 3) -> np.ndarray:
    """Maxima of a series that are at least ``apart`` days from a higher one already taken."""
    wet = np.flatnonzero(np.isfinite(severity) & (severity > 0))
    order = wet[np.argsort(-severity[wet], kind="stable")]
    return severity[_apart(order, len(severity), apart)]


@numba.njit(cache=True, nogil=True)
def _apart(order: np.ndarray, days: int, apart: int) -> np.ndarray:
    """Those of the days in ``order`` that are at least ``apart`` days from each one before."""
    free = np.ones(days + 2 * apart, dtype=np.bool_)
    kept = np.empty(len(order), dtype=np.int64)
    count = 0
    for day in order:
        if free[day + apart]:
            kept[count] = day
            count += 1
            for near in range(day + 1, day + 2 * apart):
                free[near] = False
    return kept[:count]


WHY_UNDEFINED = (
    "",
    "index.few",
    "index.zeros",
    "index.alike",
)


def why_undefined(sample: np.ndarray, rain: np.ndarray | bool = False) -> np.ndarray:
    """Why no index can be fitted to a sample along axis 0: a position in WHY_UNDEFINED.

    0 where one can.

    ``rain``: the sums are of rain alone, of which the wet ones are fitted.
    """
    values = np.where(rain & (sample < LEAST_WET), np.nan, sample)
    n, known = np.isfinite(values).sum(axis=0), np.isfinite(sample).sum(axis=0)
    return why_of(n, known, np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0))


def why_of(n: np.ndarray, known: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Position in WHY_UNDEFINED from how many values are fitted, of how many, and their range."""
    alike = high - low <= 1e-6 * np.fmax(np.abs(low), np.abs(high))
    return np.select([2 * n < known, n < 4, alike], [2, 1, 3], 0).astype(np.int8)


@dataclass(frozen=True)
class LogLogistic:
    """Three-parameter log-logistic fitted by unbiased probability-weighted moments along axis 0.

    Kept as the generalised logistic it is (Hosking & Wallis 1997, A.7), which also holds where
    skewness is negative or nil: location ``xi`` and scale ``alpha`` in the sample's units, shape
    ``k`` = -1/beta of Vicente-Serrano et al. 2010.
    """

    xi: np.ndarray
    alpha: np.ndarray
    k: np.ndarray

    @classmethod
    def fit(cls, sample: np.ndarray) -> LogLogistic:
        """The distribution of a sample, along axis 0."""
        l1, l2, skew, _ = l_moments(np.where(why_undefined(sample) > 0, np.nan, sample))
        return cls.of_moments(l1, l2, skew)

    @classmethod
    def of_moments(cls, l1: np.ndarray, l2: np.ndarray, skew: np.ndarray) -> LogLogistic:
        """The distribution that has these L-moments."""
        k = np.clip(-skew, -0.95, 0.95)
        k = np.where(np.abs(k) < 1e-6, 1e-6, k)
        alpha = l2 * np.sin(k * np.pi) / (k * np.pi)
        return cls(l1 - alpha * (1 / k - np.pi / np.sin(k * np.pi)), alpha, k)

    def quantile(self, probability: np.ndarray | float) -> np.ndarray:
        """The value that is not exceeded with this probability, in the sample's units."""
        odds = (1 - np.asarray(probability)) / np.asarray(probability)
        return self.xi + self.alpha * (1 - odds**self.k) / self.k

    def probability(self, value: np.ndarray) -> np.ndarray:
        """The probability that a value is not exceeded."""
        inside = np.maximum(1 - self.k * (value - self.xi) / self.alpha, 0.0)
        with np.errstate(divide="ignore", over="ignore"):
            return 1 / (1 + inside ** (1 / self.k))


@dataclass(frozen=True)
class ZeroGamma:
    """Gamma distribution of the wet sums with a probability of none, for SPI.

    By Thom 1958's maximum likelihood. ``dry`` is the share of zero sums. Where why_undefined says
    why, every field is NaN: with more than half of the sums zero no rain at all would come out wet.
    ``quantile`` is -inf where even no rain at all is more probable than asked.
    """

    shape: np.ndarray
    scale: np.ndarray
    dry: np.ndarray

    @classmethod
    def fit(cls, sample: np.ndarray) -> ZeroGamma:
        """The distribution of a sample of sums, mm, along axis 0."""
        wet = sample >= LEAST_WET
        total = np.where(wet, sample, 0.0).sum(axis=0)
        logarithms = np.log(np.where(wet, sample, 1.0)).sum(axis=0)
        known = np.isfinite(sample).sum(axis=0)
        why = why_undefined(sample, rain=True)
        return cls.of_sums(known, wet.sum(axis=0), total, logarithms, why)

    @classmethod
    def of_sums(
        cls,
        known: np.ndarray,
        wet: np.ndarray,
        total: np.ndarray,
        logarithms: np.ndarray,
        why: np.ndarray,
    ) -> ZeroGamma:
        """The distribution of so many ``known`` sums, of which so many are ``wet``.

        From the sum and the sum of logarithms of the wet ones; NaN where ``why`` is not 0.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total / wet
            a = np.log(mean) - logarithms / wet
            shape = (1 + np.sqrt(1 + 4 * a / 3)) / (4 * a)
            fields = shape, mean / shape, 1 - wet / known
        return cls(*(np.where(why > 0, np.nan, part) for part in fields))

    def quantile(self, probability: np.ndarray | float) -> np.ndarray:
        """The value that is not exceeded with this probability, in the sample's units."""
        wet = (np.asarray(probability) - self.dry) / (1 - self.dry)
        amount = np.maximum(gammaincinv(self.shape, np.maximum(wet, 0.0)) * self.scale, LEAST_WET)
        return np.where(np.isnan(self.shape), np.nan, np.where(wet >= 0, amount, -np.inf))

    def probability(self, value: np.ndarray) -> np.ndarray:
        """The probability that a value is not exceeded."""
        amount = np.where(value < LEAST_WET, 0.0, value)
        return self.dry + (1 - self.dry) * gammainc(self.shape, amount / self.scale)


def standardised(probability: np.ndarray) -> np.ndarray:
    """Standard normal value of a non-exceedance probability, clipped to [-3, 3]; NaN stays NaN."""
    with np.errstate(invalid="ignore"):
        return np.clip(ndtri(probability), -INDEX_LIMIT, INDEX_LIMIT)


def probability_of(index: float) -> float:
    """Non-exceedance probability of a standardised index value."""
    return float(ndtr(index))


def excess_heat_factor(
    tmean: np.ndarray, t95: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """EHF (K2), its significance EHIsig and acclimatisation EHIaccl (K), windows looking back.

    ``tmean`` (time, location) degC; ``t95`` its 95th percentile (location,). Nairn & Fawcett 2013.
    """
    three = trailing_mean(tmean, 3)
    before = np.full_like(three, np.nan)
    before[3:] = trailing_mean(tmean, 30)[:-3]
    significance, acclimatisation = three - t95, three - before
    return significance * np.maximum(1.0, acclimatisation), significance, acclimatisation

"""A yes or no forecast counted year by year, its rates, and its relative economic value.

Intervals are 95 %, by bootstrap over whole years. Relative economic value: Richardson 2000 (Quart.
J. Roy. Meteorol. Soc. 126, 649-667), against the better of acting always and never.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.verification.inference import MIN_YEARS, bootstrap_years

Interval = tuple[np.ndarray, np.ndarray, np.ndarray]
"""An estimate, and the two ends of its interval, NaN where there is none: arrays of one shape."""


@dataclass(frozen=True)
class YearlyCounts:
    """Contingency tables of calendar years, all locations together: arrays (year,).

    ``hits``: acted and the event came; ``false``: acted in vain; ``missed``: the event came and
    nobody acted; ``scored``: all cases. ``location_years``: how many years of one location those
    cases are.
    """

    years: np.ndarray
    hits: np.ndarray
    false: np.ndarray
    missed: np.ndarray
    scored: np.ndarray
    location_years: np.ndarray

    @property
    def acted(self) -> np.ndarray:
        """Cases on which the rule acted."""
        return self.hits + self.false

    @property
    def events(self) -> np.ndarray:
        """Cases on which the event came."""
        return self.hits + self.missed


def count_years(
    acted: np.ndarray, outcome: np.ndarray, years: np.ndarray, step_days: int
) -> YearlyCounts:
    """Counts of a rule: ``acted`` bool and ``outcome`` 1, 0 or NaN (init_time, location).

    ``years`` (init_time,). A location and year counts by its scored days as a share of those of the
    fullest; every ``step_days``-th day was scored.
    """
    scored = np.isfinite(outcome)
    event = outcome == 1
    known, index = np.unique(years, return_inverse=True)

    def per_year(cases: np.ndarray) -> np.ndarray:
        return np.bincount(index, (cases & scored).sum(axis=1), len(known))

    fullest = np.array([scored[index == year].sum(axis=0).max() for year in range(len(known))])
    days = per_year(scored)
    counted = days > 0
    return YearlyCounts(
        known[counted],
        per_year(acted & event)[counted],
        per_year(acted & ~event)[counted],
        per_year(~acted & event)[counted],
        days[counted],
        days[counted] / max(fullest.max(initial=0), 1) / step_days,
    )


def interval(statistic: Callable[..., np.ndarray], *sums: np.ndarray) -> Interval:
    """A statistic of sums over years with its interval. ``sums``: yearly arrays (year, ...)."""
    whole = np.asarray(statistic(*(part.sum(axis=0) for part in sums)), dtype=float)
    ends = np.full((2, whole.size), np.nan)
    if len(sums[0]) >= MIN_YEARS:
        drawn = bootstrap_years(len(sums[0]))
        values = statistic(*(np.tensordot(drawn, part, axes=1) for part in sums))
        values = values.reshape(len(drawn), -1)
        known = np.isfinite(values).any(axis=0)
        quantile = np.quantile if np.isfinite(values[:, known]).all() else np.nanquantile  # quicker
        ends[:, known] = quantile(values[:, known], [0.025, 0.975], axis=0)
    low, high = ends.reshape((2, *whole.shape))
    return whole, low, high


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """A quotient, NaN where there is nothing to divide by."""
    above, below = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def economic_value(
    cost_loss: np.ndarray,
    hits: np.ndarray,
    false: np.ndarray,
    missed: np.ndarray,
    scored: np.ndarray,
) -> np.ndarray:
    """Relative economic value: 1 for a perfect forecast, 0 for the better of always and never.

    ``cost_loss``: what acting costs over the loss that it prevents. NaN where the event never came.
    """
    rate = ratio(hits + missed, scored)
    expense = cost_loss * ratio(hits + false, scored) + ratio(missed, scored)
    without = np.minimum(cost_loss, rate)
    best = without - rate * cost_loss
    return np.divide(without - expense, best, out=np.full(np.shape(best), np.nan), where=best > 0)

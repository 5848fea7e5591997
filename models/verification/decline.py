"""Whether live skill is below that of the backtest: a permutation of stretches of months.

Live months and the same calendar months of past years are drawn as one. If live forecasts are as
good as the backtest said, which stretches are the live ones is chance, and the share of draws with
as low a live skill is an exact p (Fisher 1935; Ernst 2004, Stat. Sci. 19, 676-685).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np

from models.verification.inference import FLIPS
from models.verification.samples import MIN_EVENT_DAYS, Sample

MIN_DAYS = 30
"""Issue days, below which live forecasts are not judged."""
MIN_STRETCHES = 5
"""Past stretches of the same months, below which there is nothing to hold live ones against."""
YEAR = 12


@dataclass(frozen=True)
class Monthly:
    """Sums of squared errors of issue months: arrays (month,), months counted from year 0.

    ``own`` of the published probability, ``reference`` of the climatology; ``cases`` scored.
    """

    month: np.ndarray
    own: np.ndarray
    reference: np.ndarray
    cases: np.ndarray

    def stretch(self, first: int, wanted: np.ndarray) -> tuple[float, float] | None:
        """Mean squared errors of the months ``first`` + ``wanted``; None where one is missing."""
        if not len(wanted):
            return None
        at = np.searchsorted(self.month, first + wanted)
        at = np.minimum(at, len(self.month) - 1)
        if not np.array_equal(self.month[at], first + wanted):
            return None
        cases = self.cases[at].sum()
        return float(self.own[at].sum() / cases), float(self.reference[at].sum() / cases)


def monthly(scored: Sample) -> Monthly:
    """A sample's published and climatological errors by the month of issue."""
    of_day = month_of(scored.day)
    months, at = np.unique(of_day, return_inverse=True)
    own, reference = (
        np.bincount(at, (part - scored.outcome) ** 2, len(months))
        for part in (scored.published, scored.climatology)
    )
    return Monthly(months, own, reference, np.bincount(at, minlength=len(months)))


def month_of(days: np.ndarray) -> np.ndarray:
    """Number of the month of each day, counted from January of year 0."""
    return np.asarray(days.astype("datetime64[M]").astype(int) + 1970 * YEAR)


def judged(live: Sample) -> bool:
    """Whether there are live days and event days enough to be judged."""
    return len(np.unique(live.day)) >= MIN_DAYS and len(live.event_days) >= MIN_EVENT_DAYS


def p_below(live: Sample, past: Sample) -> float:
    """One-sided p that live skill is no less than that of ``past``; NaN where it cannot be told.

    ``past``: of a backtest, of days before the live ones. Of a live record of a year or more whole
    years are compared, back from its newest month.
    """
    now, before = monthly(live), monthly(past)
    if not len(now.month) or not len(before.month):
        return float("nan")
    last = int(now.month[-1])
    span = last - int(now.month[0]) + 1
    length, count = (span, 1) if span < YEAR else (YEAR, span // YEAR)
    starts = [last + 1 - length * (number + 1) for number in range(count)]
    inside = now.month[now.month >= starts[-1]]
    wanted = np.unique((inside - starts[-1]) % length)
    mine = [now.stretch(first, _there(now, first, wanted)) for first in starts]
    firsts = range(starts[-1] - YEAR, int(before.month[0]) - YEAR, -YEAR)
    theirs = [before.stretch(first, wanted) for first in firsts]
    lived, known = (np.array([one for one in part if one]) for part in (mine, theirs))
    if not len(lived) or len(known) < MIN_STRETCHES:
        return float("nan")
    return permutation_p(lived, known)


def _there(months: Monthly, first: int, wanted: np.ndarray) -> np.ndarray:
    """Those of the wanted months of a stretch that were scored."""
    return wanted[np.isin(first + wanted, months.month)]


def permutation_p(lived: np.ndarray, known: np.ndarray) -> float:
    """The share of choices of as many stretches whose skill is as low against the rest.

    ``lived`` and ``known``: mean squared errors of each stretch (stretch, 2), the published
    probability's and the climatology's.
    """
    together = np.concatenate([lived, known])
    chosen = _choices(len(together), len(lived))
    skills = _skill(chosen @ together) - _skill((1 - chosen) @ together)
    mine = np.zeros(len(together))
    mine[: len(lived)] = 1
    observed = _skill(mine @ together) - _skill((1 - mine) @ together)
    if not np.isfinite(observed):
        return float("nan")
    as_low = int((skills <= observed + 1e-12).sum())
    exact = comb(len(together), len(lived)) <= FLIPS
    return as_low / len(chosen) if exact else (as_low + 1) / (len(chosen) + 1)


def _skill(errors: np.ndarray) -> np.ndarray:
    own, reference = errors[..., 0], errors[..., 1]
    return np.asarray(
        1 - np.divide(own, reference, out=np.full(own.shape, np.nan), where=reference > 0)
    )


@lru_cache(maxsize=8)
def _choices(stretches: int, chosen: int) -> np.ndarray:
    """Every choice of some of the stretches, or FLIPS random ones: (choice, stretch), 1 or 0."""
    if comb(stretches, chosen) <= FLIPS:
        listed = np.array(list(combinations(range(stretches), chosen)), dtype=int)
    else:
        order = np.random.default_rng(0).random((FLIPS, stretches)).argsort(axis=1)
        listed = order[:, :chosen]
    out = np.zeros((len(listed), stretches))
    np.put_along_axis(out, listed, 1, axis=1)
    return out

"""Intervals and tests over whole years, because days of one year are not independent.

Bootstrap over years, sign-flip test on yearly differences, false discovery rate of
Benjamini & Hochberg 1995.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

DRAWS = 1_000
"""Resamples of whole years, for intervals."""
FLIPS = 10_000
"""Random signs of a sign-flip test."""
FALSE_DISCOVERY_RATE = 0.10
MIN_YEARS = 2
"""Of a skill's interval: from one year there is none."""


@cache
def bootstrap_years(years: int, seed: int = 0) -> np.ndarray:
    """How often each year is drawn in each of DRAWS resamples of whole years: (draw, year)."""
    return np.random.default_rng(seed).multinomial(years, np.full(years, 1 / years), size=DRAWS)


def skill_interval(own: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """95 % interval of the skill 1 - own / reference, by bootstrap over whole years.

    ``own`` and ``reference``: yearly sums of squared errors (year,). NaN where there is none.
    """
    if len(own) < MIN_YEARS:
        return float("nan"), float("nan")
    drawn = bootstrap_years(len(own))
    against = drawn @ reference
    skill = 1 - np.divide(drawn @ own, against, out=np.full(len(drawn), np.nan), where=against > 0)
    if not np.isfinite(skill).any():
        return float("nan"), float("nan")
    low, high = np.nanquantile(skill, [0.025, 0.975])
    return float(low), float(high)


def sign_flip_p(difference: np.ndarray) -> float:
    """One-sided p that yearly improvements (year,) are centred on 0.

    The share of FLIPS random signs whose sum is at least as great.
    """
    if not np.any(difference):
        return 1.0
    reached = _signs(len(difference)) @ difference >= difference.sum() - 1e-12
    return float((reached.sum() + 1) / (FLIPS + 1))


@lru_cache(maxsize=4)
def _signs(years: int) -> np.ndarray:
    """The random signs of every test of so many years: (flip, year)."""
    return np.random.default_rng(0).choice((-1.0, 1.0), size=(FLIPS, years))


def benjamini_hochberg(p_values: np.ndarray, rate: float = FALSE_DISCOVERY_RATE) -> float:
    """The greatest p that counts as a discovery at this false discovery rate; 0: none does.

    Benjamini & Hochberg 1995.
    """
    ranks = np.arange(1, len(p_values) + 1)
    limits = rate * ranks / max(len(p_values), 1)
    passed = np.sort(p_values) <= limits
    return float(limits[passed].max()) if passed.any() else 0.0

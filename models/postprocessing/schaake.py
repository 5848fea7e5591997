"""The Schaake shuffle: trajectories keep the order of past errors (Clark et al. 2004).

Each trajectory is one past issue day at one location. Its rank among all of them, at every lead
and for every variable, says which quantile of the normal scores it takes. Quantiles and ranks are
those of a month's season. *Scores* are the normal scores of what was observed, by variable:
(init_time, horizon, location).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from scipy.special import ndtri

from features.calendar import DAYS, day_index
from models.postprocessing.forecast_pairs import FORECAST_PARTS, latest_available
from models.postprocessing.quality import MIN_DAYS_IN_SEASON

SEASON_HALF_WIDTH_DAYS = 45  # around the middle of a month
SCORE_PRIOR_DAYS = 60.0  # with which quantiles of scores are drawn to those of a right model


def near_day_of_year(days: np.ndarray, middle: np.datetime64) -> np.ndarray:
    """Whether each day is within SEASON_HALF_WIDTH_DAYS of the other's day of year: (day,)."""
    apart = np.abs(day_index(days) - day_index(np.array([middle]))[0])
    return np.minimum(apart, DAYS - apart) <= SEASON_HALF_WIDTH_DAYS


def season_rows(
    scores: Mapping[str, np.ndarray],
    pairs: Mapping[str, xr.Dataset],
    month: int,
    today: np.datetime64 | None,
) -> dict[str, np.ndarray]:
    """The issue days that stand for a month, by variable: (init_time, horizon).

    Those of all years near its middle. Where these are too few: all days, if enough are near
    ``today``.
    """
    middle = np.datetime64(f"2000-{month:02d}-15")
    return {
        name: _rows_of(np.isfinite(part).any(axis=2), pairs[name], middle, today)
        for name, part in scores.items()
    }


def _rows_of(
    present: np.ndarray, pairs: xr.Dataset, middle: np.datetime64, today: np.datetime64 | None
) -> np.ndarray:
    days = pairs["init_time"].values
    rows = np.repeat(near_day_of_year(days, middle)[:, None], present.shape[1], axis=1)
    if today is None:
        return rows
    thin = (present & rows).sum(axis=0) < MIN_DAYS_IN_SEASON
    near_today = (present & near_day_of_year(days, today)[:, None]).sum(axis=0)
    return rows | (thin & (near_today >= MIN_DAYS_IN_SEASON))


def score_quantiles(scores: np.ndarray, n_trajectories: int) -> np.ndarray:
    """Evenly spread quantiles of the scores of one variable: (horizon, trajectory).

    Drawn to those of a standard normal distribution, which a right model would have. NaN with
    fewer than MIN_DAYS_IN_SEASON days.
    """
    even = (np.arange(n_trajectories) + 0.5) / n_trajectories
    quantiles = np.full((scores.shape[1], n_trajectories), np.nan)
    for column in range(scores.shape[1]):
        values = scores[:, column]
        count = int(np.isfinite(values).any(axis=1).sum())
        if count >= MIN_DAYS_IN_SEASON:
            observed = np.quantile(values[np.isfinite(values)], even)
            quantiles[column] = (count * observed + SCORE_PRIOR_DAYS * ndtri(even)) / (
                count + SCORE_PRIOR_DAYS
            )
    return quantiles


def schaake_ranks(
    scores: Mapping[str, np.ndarray],
    pairs: Mapping[str, xr.Dataset],
    leads: np.ndarray,
    run_delay: int,
    n_trajectories: int,
) -> dict[str, np.ndarray]:
    """The rank of each trajectory by variable: (lead, trajectory), int16.

    A trajectory is the same issue day and location for all leads and variables. Where no day has
    all of them, ranks are independent.
    """
    names = list(scores)
    if not names:
        return {}
    days = np.unique(np.concatenate([part["init_time"].values for part in pairs.values()]))
    stacked = np.concatenate(
        [_issued_scores(scores[name], pairs[name], days, leads, run_delay) for name in names],
        axis=1,
    )
    rows = np.moveaxis(stacked, 2, 1).reshape(-1, stacked.shape[1])
    present = np.isfinite(rows).any(axis=0)
    rows = rows[np.isfinite(rows[:, present]).all(axis=1) & present.any()]
    random = np.random.default_rng(2)
    if len(rows):
        drawn = rows[random.choice(len(rows), n_trajectories, replace=len(rows) < n_trajectories)]
        untied = drawn + 1e-9 * random.random(drawn.shape)
        order = np.argsort(np.argsort(untied, axis=0), axis=0).T
    else:
        order = random.permuted(np.tile(np.arange(n_trajectories), (stacked.shape[1], 1)), axis=1)
    return dict(zip(names, np.split(order.astype(np.int16), len(names), axis=0), strict=True))


def _issued_scores(
    scores: np.ndarray, pairs: xr.Dataset, days: np.ndarray, leads: np.ndarray, run_delay: int
) -> np.ndarray:
    """Scores of the newest runs on each day: (issue_time, lead, location)."""
    as_runs = pairs.assign({name: (pairs["mean"].dims, scores) for name in FORECAST_PARTS})
    return latest_available(as_runs, days, leads, run_delay, max_age=0)[0]["mean"]

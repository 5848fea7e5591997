"""Drift: whether the inputs of late are what models were trained on, and live chances come true.

Both are signs to look at, cheap enough for every hour; neither changes a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import xarray as xr

RECENT_DAYS = 30
"""Days of late that are held against the same season of the years before."""
SEASON_DAYS = 30
"""Days on either side of the middle of these whose earlier years are the training range."""
LOW, HIGH = 0.01, 0.99
"""Quantiles of the training range: of days like it 2 in 100 lie outside."""
MIN_YEARS = 5
"""Years of the season that a range needs."""
BLOCK_DAYS = 7
"""Days of chances that count as one: neighbouring days have the same weather."""
LEAST_ERROR, MOST_Z = 1e-6, 99.0
"""Where all blocks differ alike there is no error, and z would have no end."""
MIN_BLOCKS = 26
"""Blocks, half a year, before calibration is told."""


@dataclass(frozen=True)
class InputDrift:
    """How many of the newest values of a variable lie outside of its training range.

    ``share``: of ``n`` values of RECENT_DAYS days at all places, those below the LOW or above the
    HIGH quantile of the same place and season in earlier years.
    """

    variable: str
    n: int
    share: float


def input_drift(observations: xr.Dataset, until: date | None = None) -> list[InputDrift]:
    """The drift of each variable with enough earlier years, in the dataset's order.

    ``observations``: dims (time, location), contiguous days. ``until``: the last day of late,
    default the newest. Places without MIN_YEARS of the season are left out.
    """
    newest = pd.Timestamp(until or observations["time"].values[-1])
    time = pd.DatetimeIndex(observations["time"].values)
    age = (newest - time).days
    recent = (age >= 0) & (age < RECENT_DAYS)
    season = np.abs((age - RECENT_DAYS // 2 + 182.625) % 365.25 - 182.625) <= SEASON_DAYS
    before = season & (age > 182)
    wanted = observations.isel(time=np.flatnonzero(recent | before)).compute()
    late = recent[recent | before]
    least = MIN_YEARS * (2 * SEASON_DAYS + 1)
    return [
        drift
        for name, values in wanted.data_vars.items()
        if (drift := _outside(str(name), values.values, late, least)) is not None
    ]


def _outside(variable: str, values: np.ndarray, late: np.ndarray, least: int) -> InputDrift | None:
    """``values``: (time, location); ``late``: which times are of late."""
    earlier, now = values[~late], values[late]
    enough = np.isfinite(earlier).sum(axis=0) >= least
    earlier, now = earlier[:, enough], now[:, enough]
    known = np.isfinite(now)
    if not known.any():
        return None
    low, high = np.nanquantile(earlier, (LOW, HIGH), axis=0)
    outside = ((now < low) | (now > high)) & known
    return InputDrift(variable, int(known.sum()), float(outside.sum() / known.sum()))


@dataclass(frozen=True)
class CalibrationDrift:
    """How often a hazard's event came, beside how often the published chances said it would.

    ``n``: chances, of ``blocks`` blocks of BLOCK_DAYS days. ``z``: the mean difference of the
    blocks over its standard error (Spiegelhalter 1986 for blocks in the place of single chances).
    """

    hazard: str
    level: int
    n: int
    blocks: int
    forecast: float
    observed: float
    z: float


def calibration_drift(marks: pd.DataFrame) -> Iterator[CalibrationDrift]:
    """The calibration of each hazard's and level's graded chances that were not late.

    ``marks``: columns hazard, level, valid, lead_days, window_days, probability, outcome, state,
    late. Of each hazard the shortest lead counts, single days where there are any: longer leads
    and windows say the same of the same days.
    """
    graded = marks[(marks["state"] == "graded") & ~marks["late"].astype(bool)]
    graded = graded.dropna(subset=["probability", "outcome"]).astype({"hazard": str})
    for key, rows in graded.groupby(["hazard", "level"], sort=True):
        hazard, level = str(key[0]), int(str(key[1]))
        single = rows[rows["window_days"] == 1]
        chosen = single if len(single) else rows
        chosen = chosen[chosen["lead_days"] == chosen["lead_days"].min()]
        yield _calibration(hazard, level, chosen)


def _calibration(hazard: str, level: int, rows: pd.DataFrame) -> CalibrationDrift:
    days = pd.to_datetime(rows["valid"])
    block = (days - days.min()).dt.days // BLOCK_DAYS
    outcome, chance = rows["outcome"].astype(float), rows["probability"].astype(float)
    means = (outcome - chance).groupby(block).mean()
    error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.inf
    z = float(np.clip(means.mean() / max(error, LEAST_ERROR), -MOST_Z, MOST_Z))
    return CalibrationDrift(
        hazard, level, len(rows), len(means), float(chance.mean()), float(outcome.mean()), z
    )

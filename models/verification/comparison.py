"""A new model against the champion: the paired difference of their Brier scores.

On the days of both backtests, and on the live days of the champion.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from configs.remarks import Remark, remark
from features.hazards import Hazard, hazards
from models import remarks
from models.verdicts import COMBINED
from models.verification.decline import MIN_DAYS
from models.verification.inference import bootstrap_years
from models.verification.marks import GRADED
from models.verification.outcomes import positions
from models.verification.samples import MIN_EVENT_DAYS

MIN_BLOCKS, MIN_YEARS = 5, 5
"""Blocks that a bootstrap draws from; calendar years from which on years are the blocks."""


def no_worse(challenger: xr.Dataset, champion: xr.Dataset) -> tuple[bool, Remark]:
    """Whether a challenger may take the champion's place, and why.

    It may unless the whole 95 % interval of its mean Brier difference, by bootstrap over years, is
    above 0. Both are out-of-fold predictions; what they have in common is compared.
    """
    new, old = xr.align(challenger, champion, join="inner", exclude=("cell",))
    comparable = new.sizes["init_time"] and new.sizes["location"]
    if not comparable or new.sizes["cell"] != old.sizes["cell"]:
        return True, remark("gate.nothing_to_compare")
    squared = [(part["model"] - part["outcome"]) ** 2 for part in (new, old)]
    difference = (squared[0] - squared[1]).astype(float)
    total, count = (
        part.groupby("init_time.year").sum(["cell", "level", "init_time", "location"]).values
        for part in (difference, difference.notnull())
    )
    if not count.sum():
        return True, remark("gate.nothing_to_compare")
    low, high = difference_interval(total, count)
    accepted = not low > 0
    mean = total.sum() / count.sum()
    return accepted, remarks.brier_difference(accepted, mean, (low, high), len(total))


def difference_interval(total: np.ndarray, count: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean difference by bootstrap over blocks.

    ``total`` and ``count``: sums of differences and their number (block,).
    """
    drawn = bootstrap_years(len(total))
    low, high = np.quantile((drawn @ total) / np.maximum(drawn @ count, 1), [0.025, 0.975])
    return float(low), float(high)


class Paired(NamedTuple):
    """Live cases that a challenger's backtest and the champion's marks have in common: (case,).

    ``difference``: of squared errors, challenger minus champion. ``event``: whether it came.
    """

    day: np.ndarray
    difference: np.ndarray
    event: np.ndarray


def no_worse_live(
    challenger: xr.Dataset, marks: pd.DataFrame, hazard: str, version: str
) -> tuple[bool, Remark]:
    """Whether a challenger is no worse than the champion on the champion's live days, and why.

    ``challenger``: out-of-fold predictions, whose ``published`` probability is held against the
    timely graded ``marks`` of the champion's ``version``, each against its own model's event. It is
    worse where the whole 95 % interval of the mean Brier difference is above 0. Blocks of the
    bootstrap are calendar years, of fewer than MIN_YEARS the stretches of ``live_blocks``. Where
    there is too little to judge by it passes, and the reason says so.
    """
    pairs = paired(hazards()[hazard], challenger, marks_of(marks, hazard, version))
    days, event_days = (len(np.unique(part)) for part in (pairs.day, pairs.day[pairs.event]))
    blocks, at = np.unique(live_blocks(hazards()[hazard], pairs.day), return_inverse=True)
    counts = {"days": days, "events": event_days, "blocks": len(blocks)}
    if days < MIN_DAYS or event_days < MIN_EVENT_DAYS or len(blocks) < MIN_BLOCKS:
        least = {"least": MIN_DAYS, "least_events": MIN_EVENT_DAYS, "least_blocks": MIN_BLOCKS}
        return True, remark("gate.live_few", **counts, **least)
    total = np.bincount(at, pairs.difference, len(blocks))
    low, high = difference_interval(total, np.bincount(at, minlength=len(blocks)))
    accepted = not low > 0
    return accepted, remarks.live_difference(
        accepted, float(pairs.difference.mean()), (low, high), days
    )


def marks_of(marks: pd.DataFrame, hazard: str, version: str) -> pd.DataFrame:
    """The timely graded marks of a version of a hazard's model."""
    of_hazard = (marks["hazard"] == hazard) & (marks["model_version"] == version)
    return marks[of_hazard & (marks["state"] == GRADED) & ~marks["late"]]


def paired(hazard: Hazard, challenger: xr.Dataset, marks: pd.DataFrame) -> Paired:
    """The cases of both, by issue day, place, cell and level.

    A mark with weather forecasts is held against the probability that has them too.
    """
    days = challenger["init_time"].values.astype("datetime64[ns]")
    at = positions(hazard, marks, days, challenger["location"].values)
    there = np.all([index >= 0 for index in at], axis=0)
    index = tuple(part[there] for part in at)
    weather = marks["stage"].to_numpy()[there] == COMBINED
    with_weather = challenger.get(
        "published_with_weather", xr.full_like(challenger["published"], np.nan)
    )
    plain, with_forecasts, outcome = (
        part.values[index].astype(float)
        for part in (challenger["published"], with_weather, challenger["outcome"])
    )
    probability = np.where(weather, with_forecasts, plain)
    own, happened = (
        marks[name].to_numpy(dtype=float)[there] for name in ("probability", "outcome")
    )
    difference = (probability - outcome) ** 2 - (own - happened) ** 2
    both = np.isfinite(difference)
    day = marks["issued"].to_numpy()[there].astype("datetime64[D]")
    return Paired(day[both], difference[both], happened[both] == 1)


def live_blocks(hazard: Hazard, days: np.ndarray) -> np.ndarray:
    """Number of the block of each live day: blocks are far enough apart to be drawn by themselves.

    Calendar years where there are MIN_YEARS of them. Else as many whole months as the hazard's gap
    between training and test takes: one for floods, two for heat, six for droughts, whose days of
    one season are one draw.
    """
    years = days.astype("datetime64[Y]").astype(int)
    if len(np.unique(years)) >= MIN_YEARS:
        return years
    months = ceil(hazard.backtesting.gap_days / 30.5)
    return days.astype("datetime64[M]").astype(int) // months

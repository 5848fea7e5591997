"""The scored days of one cell and level: probabilities, outcomes, and the blocks they are drawn in.

Scores of a backtest and of weather forecasts are both taken from these samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from features.hazards import Hazard

FORECASTERS = ("model", "published", "persistence", "climatology", "climatology_smoothed")
MIN_EVENT_DAYS = 10
"""Days with an event, below which a sample is not assessed."""
MIN_EVENT_YEARS = 5
"""Calendar years with an event, below which a sample is not assessed."""


@dataclass(frozen=True)
class Sample:
    """Out-of-fold days of one cell and level, all locations together: arrays (day,).

    ``outcome``: 1 or 0. ``published``: the probability that readers get. ``block``: number of the
    stretch of time, a year or some days, that is drawn or flipped in sign as a whole. ``day``: the
    issue day.
    """

    outcome: np.ndarray
    model: np.ndarray
    published: np.ndarray
    persistence: np.ndarray
    climatology: np.ndarray
    climatology_smoothed: np.ndarray
    block: np.ndarray
    day: np.ndarray

    def brier(self, probability: np.ndarray) -> float:
        """Brier score of a probability (day,): Brier 1950."""
        return float(np.mean((probability - self.outcome) ** 2))

    def by_block(self, probability: np.ndarray) -> np.ndarray:
        """Sum of squared errors of each block, in the order of ``blocks``."""
        return np.bincount(self.block_index, (probability - self.outcome) ** 2, len(self.blocks))

    @cached_property
    def blocks(self) -> np.ndarray:
        """The distinct blocks, in order."""
        return np.unique(self.block)

    @cached_property
    def block_index(self) -> np.ndarray:
        """Index into ``blocks`` of each day: (day,)."""
        return np.searchsorted(self.blocks, self.block)

    @cached_property
    def event_days(self) -> np.ndarray:
        """The distinct days with an event, in order."""
        return np.unique(self.day[self.outcome == 1])

    @property
    def event_years(self) -> int:
        """Number of calendar years with an event."""
        return len(np.unique(self.event_days.astype("datetime64[Y]")))

    @property
    def assessed(self) -> bool:
        """Whether there are events enough for a verdict."""
        return len(self.event_days) >= MIN_EVENT_DAYS and self.event_years >= MIN_EVENT_YEARS


def sample(
    out_of_fold: xr.Dataset,
    cell: int,
    level: int,
    names: Mapping[str, str] | None = None,
    block_days: int | None = None,
) -> Sample:
    """The scored days of one cell and level, counted from 1.

    ``names``: forecaster -> the variable that stands for it, where it is not its own. Blocks are
    calendar years, or of ``block_days`` days.
    """
    variables = {"outcome": "outcome"} | {name: name for name in FORECASTERS} | dict(names or {})
    values = {
        name: out_of_fold[variable].values[cell, level - 1].astype(np.float64)
        for name, variable in variables.items()
    }
    scored = np.all([np.isfinite(part) for part in values.values()], axis=0)
    issue_days = out_of_fold["init_time"].values.astype("datetime64[D]")
    days = np.broadcast_to(issue_days[:, None], scored.shape)[scored]
    if block_days:
        block = days.astype(int) // block_days
    else:
        block = days.astype("datetime64[Y]").astype(int) + 1970
    kept = {name: part[scored] for name, part in values.items()}
    return Sample(**kept, block=block, day=days)


def by_lead(hazard: Hazard, out_of_fold: xr.Dataset) -> xr.Dataset:
    """Cells as they are judged: where they are windows of an index, those of one lead as one.

    Its ``window_days`` is that which counts on most of its days.
    """
    if not hazard.windows_look_back:
        return out_of_fold
    lead_days = out_of_fold["lead_days"].values
    groups = [np.flatnonzero(lead_days == lead) for lead in np.unique(lead_days)]
    counts = np.isfinite(out_of_fold["outcome"].values[:, 0]).sum(axis=(1, 2))
    fullest = [int(group[counts[group].argmax()]) for group in groups]
    merged = {
        name: (part.dims, np.stack([np.fmax.reduce(part.values[group]) for group in groups]))
        for name, part in out_of_fold.data_vars.items()
    }
    windows = out_of_fold["window_days"].values[fullest]
    coords = {name: out_of_fold[name] for name in ("level", "init_time", "location")}
    cells = {"lead_days": ("cell", lead_days[fullest]), "window_days": ("cell", windows)}
    return xr.Dataset(merged, {**coords, **cells}, out_of_fold.attrs)

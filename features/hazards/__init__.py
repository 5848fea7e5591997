"""Hazards. A hazard is one module here that defines HAZARD: its event, what is normal, and what foretells it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import xarray as xr

from features.calendar import DAYS, day_index

LEVELS = (1, 2, 3)
LEVEL_NAMES = {1: "unusual", 2: "severe", 3: "extreme"}


@dataclass(frozen=True, order=True)
class Cell:
    """What one probability speaks of: the event on day init + ``lead_days``, or on any of ``window_days`` days from it on.

    Drought is the exception: its ``window_days`` is the length of the index window that ends on the valid day.
    """

    lead_days: int
    window_days: int


@dataclass(frozen=True)
class Options:
    """What a region's file says about a hazard: first and last month of the warm season, absolute thresholds by name."""

    warm_season: tuple[int, int] = (5, 10)
    thresholds: Mapping[str, float] = field(default_factory=dict)


SEASON = ("season_sine", "season_cosine")


@dataclass(frozen=True)
class Quantity:
    """How the ``value`` of a hazard's history is foretold in quantiles, see models.quantiles.

    ``scale``: a rising map to the scale that it is learnt on; ``back``: its inverse, which gives
    nothing impossible.
    """

    scale: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Hazard:
    """Declaration of a hazard. Arrays are numpy unless said otherwise; CONTRIBUTING has the recipe.

    ``requires``: variables it cannot do without; ``uses``: variables that help where they exist.
    Without ``requires`` a hazard is not assessed, or, where ``only_where_measured``, a location
    cannot have it at all (no rows). ``gap_days`` keep training and test years apart; the first
    training takes ``first_training_years`` at most; training and backtest use every
    ``issue_step_days``-th day. ``thresholds``: the absolute ones a region file may set, with units.
    ``colours``: colour -> level -> least probability, which must also be ``colour_over_normal``
    times the normal one. ``seasonal``: only in the warm season.

    What happens
    ``fit_normals(observations, options)`` -> Dataset: what is usual, learnt from those observations
    alone; every variable has a location dimension.
    ``margins(observations, normals, options)`` -> DataArray (level, time, location): a signed
    distance to the event of each level, > 0 exactly where the event is, -inf where it cannot be,
    NaN where it is not known. Levels are nested: no margin is > 0 where the one of the level below
    is not.
    ``shifts(normals, options)`` -> array (level, location): where levels share one quantity, how
    far the margin of each level is below that of level 1; None where each level has its own.
    ``applies(times, normals, options)`` -> array (cell, time, location): 1 where a forecast issued
    that day has the cell, 0 where the event cannot be (out of season), NaN where there is no such
    cell that day.
    ``history(observations, normals, options)`` -> Dataset of value, normal and threshold (time,
    location) for people to see; ``outlook``: how its value is foretold in quantiles, None where it
    is not. ``windows_look_back``: window_days is the length of an index window that ends on the
    valid day, not a number of days ahead. ``choices``: the normals that are decisions on how to
    measure rather than thresholds.

    What foretells it
    ``predictors(known, normals, rows, delays, options)`` -> name -> array (row, 1, location), or
    (row, cell, location) for those named in ``by_cell``; see features.build. ``features``: their
    names. ``state``: those that persistence reads. ``calendar``: those of the valid day alone.
    ``overlap``: level by level, those that are an ensemble probability. ``bounds``: level by level,
    the one that the margin cannot exceed, "" where there is none. ``newest``: the one that holds
    the newest value of the quantity. ``highest_rate``: margins are learnt from thresholds that are
    exceeded at most so often; less than most days where rare margins behave otherwise than common
    ones. ``memory_days``: no predictor looks further back; ``margin_days``: no margin does.
    ``causes``: what people call what drives a number, cause -> predictors; the rest is the
    calendar's.
    """

    name: str
    title: str
    requires: tuple[str, ...]
    uses: tuple[str, ...]
    cells: tuple[Cell, ...]
    gap_days: int
    first_training_years: int
    issue_step_days: int
    thresholds: Mapping[str, str]
    colours: Mapping[str, Mapping[int, float]]
    colour_over_normal: float
    fit_normals: Callable[[xr.Dataset, Options], xr.Dataset]
    margins: Callable[[xr.Dataset, xr.Dataset, Options], xr.DataArray]
    applies: Callable[[np.ndarray, xr.Dataset, Options], np.ndarray]
    predictors: Callable[
        [xr.Dataset, xr.Dataset, np.ndarray, Mapping[str, int], Options], dict[str, np.ndarray]
    ]
    history: Callable[[xr.Dataset, xr.Dataset, Options], xr.Dataset]
    features: tuple[str, ...]
    state: tuple[str, ...]
    newest: str
    memory_days: int
    margin_days: int
    highest_rate: float = 0.6
    by_cell: tuple[str, ...] = SEASON
    calendar: tuple[str, ...] = SEASON
    overlap: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ("", "", "")
    shifts: Callable[[xr.Dataset, Options], np.ndarray] | None = None
    only_where_measured: bool = False
    windows_look_back: bool = False
    choices: tuple[str, ...] = ()
    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seasonal: bool = False
    outlook: Quantity | None = None

    def events(
        self, observations: xr.Dataset, normals: xr.Dataset, options: Options
    ) -> xr.DataArray:
        """Levels of each day: (level, time, location), 1.0, 0.0, or NaN where it is not known."""
        return happened(self.margins(observations, normals, options))


def single_days(last_lead: int) -> tuple[Cell, ...]:
    """Cells of a hazard of days: each lead alone, then the next 3 and the next 7 days."""
    return (*(Cell(lead, 1) for lead in range(last_lead + 1)), Cell(0, 3), Cell(0, 7))


def happened(margins: xr.DataArray) -> xr.DataArray:
    """1.0 where a margin is above 0, 0.0 where it is not, NaN where it is not known."""
    values = margins.values
    return margins.copy(data=np.where(np.isnan(values), np.nan, values > 0))


def smallest(*margins: np.ndarray) -> np.ndarray:
    """The margin of several conditions together, their least.

    Where some are not known: the least of the others if that alone rules the event out, else NaN.
    """
    least, unknown = margins[0], np.isnan(margins[0])
    for margin in margins[1:]:
        least, unknown = np.fmin(least, margin), unknown | np.isnan(margin)
    return np.where(unknown & ~(least <= 0), np.nan, least)


def at_least(margin: np.ndarray) -> np.ndarray:
    """The margin of "at or above": where it is exactly 0 the event is, so it is barely above."""
    return np.where(margin == 0, BARELY, margin)


BARELY = 1e-6


def share_known(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Share of days on which ``values`` are known, of those on which ``among`` are: (location,)."""
    days = np.isfinite(among)
    both = days & np.isfinite(values)
    return np.asarray(both.sum(axis=0) / np.maximum(days.sum(axis=0), 1))


def lagged(values: np.ndarray, days: int) -> np.ndarray:
    """The value ``days`` days earlier along axis 0, NaN before the first."""
    return np.concatenate([np.full((days, *values.shape[1:]), np.nan), values])[: len(values)]


def optional(data: xr.Dataset, name: str) -> np.ndarray:
    """Values of a variable (time, location), NaN where the record does not have it."""
    return (
        data[name].values.astype(np.float64)
        if name in data
        else np.full(next(iter(data.data_vars.values())).shape, np.nan)
    )


def valid_index(issued: np.ndarray, cells: tuple[Cell, ...]) -> np.ndarray:
    """Day index of the valid day of each issue day and cell: (row, cell)."""
    leads = np.array([cell.lead_days for cell in cells])
    return day_index(issued[:, None] + leads.astype("timedelta64[D]"))


def season_waves(valid: np.ndarray) -> dict[str, np.ndarray]:
    """Where a valid day (row, cell) stands in the year, as predictors: (row, cell, 1)."""
    angle = (2 * np.pi * valid / DAYS)[:, :, None]
    return {"season_sine": np.sin(angle), "season_cosine": np.cos(angle)}


def always(cells: tuple[Cell, ...]) -> Callable[[np.ndarray, xr.Dataset, Options], np.ndarray]:
    """The ``applies`` of a hazard that can strike on any day."""

    def applies(times: np.ndarray, normals: xr.Dataset, options: Options) -> np.ndarray:
        return np.ones((len(cells), len(times), normals.sizes["location"]))

    return applies


@cache
def hazards() -> dict[str, Hazard]:
    """Every hazard by name: each module of this package that defines HAZARD."""
    found = [
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
    ]
    return {module.HAZARD.name: module.HAZARD for module in found if hasattr(module, "HAZARD")}

"""Hazards.

A hazard is one module here that defines HAZARD: its event, what is normal, and what foretells it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
import xarray as xr

from configs.remarks import Remark
from features.calendar import DAYS, day_index

LEVELS = (1, 2, 3)
LEVEL_NAMES = {1: "unusual", 2: "severe", 3: "extreme"}


@dataclass(frozen=True, order=True)
class Cell:
    """What one probability is of: the event on day init + ``lead_days``.

    Or on any of ``window_days`` days from it on. Drought is the exception: its ``window_days`` is
    the length of the index window that ends on the valid day.
    """

    lead_days: int
    window_days: int


@dataclass(frozen=True)
class Options:
    """What a region's file says about a hazard.

    First and last month of the warm season, and absolute thresholds by name.
    """

    warm_season: tuple[int, int] = (5, 10)
    thresholds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Quantity:
    """How the ``value`` of a hazard's history is foretold in quantiles, see models.quantiles.

    ``scale``: a rising map to the scale that it is learnt on; ``back``: its inverse, which gives
    nothing impossible.
    """

    scale: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Meaning:
    """What a hazard's levels are at a place, in the place's own figures.

    ``words``: level -> English texts, the fullest first, with the names {first} and {second} for
    the thresholds of its two conditions and {window} for the length of an index window; the first
    text whose thresholds are all known is said. ``units`` of both conditions; "1" for none.
    ``thresholds(valid days, normals, options)`` -> array (condition, level, time, location), NaN
    where a level has no such condition or it is not known.
    """

    words: Mapping[int, tuple[str, ...]]
    units: tuple[str, str]
    thresholds: Callable[[np.ndarray, xr.Dataset, Options], np.ndarray]


CONDITIONS = (1, 2)
"""Numbers of the conditions of a level whose thresholds ``Meaning.thresholds`` gives."""


@dataclass(frozen=True)
class Predictor:
    """One predictor of a hazard: a row of its table.

    ``value`` gives it from what the hazard's ``observe`` made: (day, location) as known on each
    day, or, where ``by_cell``, (row, cell, location). ``cause``: what people call what drives a
    number, "" for the calendar. ``state``: persistence reads it. ``calendar``: it belongs to the
    valid day alone. ``overlap``: the level whose ensemble probability it is, 0 for none.
    ``bounds``: the levels whose margin it is never below; no model reads it.
    """

    name: str
    value: Callable[[Any], np.ndarray]
    cause: str = ""
    state: bool = False
    by_cell: bool = False
    calendar: bool = False
    overlap: int = 0
    bounds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Backtesting:
    """How a hazard is trained and tested.

    ``gap_days`` keep training and test years apart. The first training takes ``first_years`` at
    most. Every ``step_days``-th issue day is used.
    """

    gap_days: int
    first_years: int
    step_days: int = 1


@dataclass(frozen=True)
class Colours:
    """When a risk cell is coloured.

    ``least``: colour -> level -> least probability, which must also be ``over_normal`` times the
    normal one.
    """

    least: Mapping[str, Mapping[int, float]]
    over_normal: float


@dataclass(frozen=True)
class Hazard:
    """Declaration of a hazard. Arrays are numpy unless said otherwise; CONTRIBUTING has the recipe.

    ``requires``: variables it cannot do without; ``uses``: variables that help where they exist.
    Without ``requires`` a hazard is not assessed, or, where ``only_where_measured``, a location
    cannot have it at all (no rows). ``thresholds``: the absolute ones a region file may set, with
    units. ``seasonal``: only in the warm season. ``awareness_type``: what MeteoAlarm calls it
    (CAP profile 2.0), "" where it has no word for it.

    What happens
    ``fit_normals(observations, options)`` -> Dataset: what is usual, learnt from those observations
    alone; every variable has a location dimension.
    ``margins(observations, normals, options)`` -> DataArray (level, time, location): a signed
    distance to the event of each level, > 0 exactly where the event is, -inf where it cannot be,
    NaN where it is not known. Levels are nested: no margin is > 0 where the one of the level below
    is not. ``margin_days``: no margin looks further back.
    ``shifts(normals, options)`` -> array (level, location): where levels share one quantity, how
    far the margin of each level is below that of level 1; None where each level has its own.
    ``applies(times, normals, options)`` -> array (cell, time, location): 1 where a forecast issued
    that day has the cell, 0 where the event cannot be (out of season), NaN where there is no such
    cell that day.
    ``history(observations, normals, options)`` -> Dataset of value, normal and threshold (time,
    location) for people to see; ``outlook``: how its value is foretold in quantiles, None where it
    is not. ``meaning``: what its levels are at a place, None where it does not say. ``event``: what
    its events are called behind a level's word, as in "extreme heat"; the title where it is empty.
    ``present(observations, normals, options)`` -> Dataset of how things stand on the newest day, as
    features.runs.present_state gives it; of an index hazard alone.
    ``unfit(observations, options)`` -> for each location why its statistics cannot be told
    there, None where they can: such a location has no cell. ``windows_look_back``: window_days is
    the length of an index window that ends on the valid day, not a number of days ahead.
    ``choices``: the normals that are decisions on how to measure rather than thresholds.

    What foretells it
    ``observe(known, normals, rows, delays, options)`` -> what the ``predictors`` are read from;
    ``known``, ``rows`` and ``delays`` as features.build.build_features makes them.
    ``newest``: the predictor that holds the newest value of the quantity. ``highest_rate``: margins
    are learnt from thresholds that are exceeded at most so often; less than most days where rare
    margins behave otherwise than common ones. ``memory_days``: no predictor looks further back.
    """

    name: str
    title: str
    requires: tuple[str, ...]
    uses: tuple[str, ...]
    cells: tuple[Cell, ...]
    thresholds: Mapping[str, str]
    backtesting: Backtesting
    colours: Colours
    fit_normals: Callable[[xr.Dataset, Options], xr.Dataset]
    margins: Callable[[xr.Dataset, xr.Dataset, Options], xr.DataArray]
    margin_days: int
    applies: Callable[[np.ndarray, xr.Dataset, Options], np.ndarray]
    history: Callable[[xr.Dataset, xr.Dataset, Options], xr.Dataset]
    observe: Callable[[xr.Dataset, xr.Dataset, np.ndarray, Mapping[str, int], Options], Any]
    predictors: tuple[Predictor, ...]
    newest: str
    memory_days: int
    highest_rate: float = 0.6
    shifts: Callable[[xr.Dataset, Options], np.ndarray] | None = None
    outlook: Quantity | None = None
    meaning: Meaning | None = None
    event: str = ""
    present: Callable[[xr.Dataset, xr.Dataset, Options], xr.Dataset] | None = None
    choices: tuple[str, ...] = ()
    only_where_measured: bool = False
    unfit: Callable[[xr.Dataset, Options], list[Remark | None]] | None = None
    windows_look_back: bool = False
    seasonal: bool = False
    awareness_type: str = ""

    def events(
        self, observations: xr.Dataset, normals: xr.Dataset, options: Options
    ) -> xr.DataArray:
        """Levels of each day: (level, time, location), 1.0, 0.0, or NaN where it is not known."""
        return happened(self.margins(observations, normals, options))

    def event_of(self, level: int) -> str:
        """What an event of a level is called in English: "extreme heat"."""
        return f"{LEVEL_NAMES[level]} {self.event or self.title.lower()}"

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Names of all predictors."""
        return tuple(row.name for row in self.predictors)

    @cached_property
    def state(self) -> tuple[str, ...]:
        """Names of those that persistence reads."""
        return tuple(row.name for row in self.predictors if row.state)

    @cached_property
    def by_cell(self) -> tuple[str, ...]:
        """Names of those that differ by cell."""
        return tuple(row.name for row in self.predictors if row.by_cell)

    @cached_property
    def calendar(self) -> tuple[str, ...]:
        """Names of those of the valid day alone."""
        return tuple(row.name for row in self.predictors if row.calendar)

    @cached_property
    def overlap(self) -> tuple[str, ...]:
        """Names of those that are an ensemble probability, level by level."""
        return tuple(row.name for row in self.predictors if row.overlap)

    @cached_property
    def bounds(self) -> tuple[str, ...]:
        """Level by level the name of what the margin cannot exceed, "" where there is nothing."""
        by_level = {level: row.name for row in self.predictors for level in row.bounds}
        return tuple(by_level.get(level, "") for level in LEVELS)

    @cached_property
    def causes(self) -> Mapping[str, tuple[str, ...]]:
        """Cause -> names of its predictors; the rest is the calendar's."""
        names = dict.fromkeys(row.cause for row in self.predictors if row.cause)
        return {
            cause: tuple(row.name for row in self.predictors if row.cause == cause)
            for cause in names
        }


def single_days(last_lead: int) -> tuple[Cell, ...]:
    """Cells of a hazard of days: each lead alone, then the next 3 and the next 7 days."""
    return (*(Cell(lead, 1) for lead in range(last_lead + 1)), Cell(0, 3), Cell(0, 7))


def happened(margins: xr.DataArray) -> xr.DataArray:
    """1.0 where a margin is above 0, 0.0 where it is not, NaN where it is not known."""
    values = margins.values
    events = (values > 0).astype(values.dtype)
    events[np.isnan(values)] = np.nan
    return margins.copy(data=events)


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


_SINE, _COSINE = (wave(2 * np.pi * np.arange(DAYS) / DAYS) for wave in (np.sin, np.cos))

SEASON_WAVES = (
    Predictor("season_sine", lambda s: _SINE[s.valid][:, :, None], by_cell=True, calendar=True),
    Predictor("season_cosine", lambda s: _COSINE[s.valid][:, :, None], by_cell=True, calendar=True),
)
"""Where the valid day stands in the year; read from ``valid`` (row, cell), see valid_index."""
SEASON = tuple(row.name for row in SEASON_WAVES)


def overlap_predictors(cause: str) -> tuple[Predictor, ...]:
    """The overlap ensemble's probability of each level; read from ``shares``, level first."""

    def share_of(level: int) -> Callable[[Any], np.ndarray]:
        return lambda s: s.shares[level - 1]

    return tuple(
        Predictor(f"overlap_{level}", share_of(level), cause, by_cell=True, overlap=level)
        for level in LEVELS
    )


def always(cells: tuple[Cell, ...]) -> Callable[[np.ndarray, xr.Dataset, Options], np.ndarray]:
    """The ``applies`` of a hazard that can strike on any day."""

    def applies(times: np.ndarray, normals: xr.Dataset, options: Options) -> np.ndarray:
        return np.broadcast_to(1.0, (len(cells), len(times), normals.sizes["location"]))

    return applies


@cache
def hazards() -> dict[str, Hazard]:
    """Every hazard by name: each module of this package that defines HAZARD."""
    modules = [
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
    ]
    return {module.HAZARD.name: module.HAZARD for module in modules if hasattr(module, "HAZARD")}

"""Hazards. A hazard is one module here that defines HAZARD: its event, what is normal, and what foretells it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import xarray as xr

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
    """What a region's file says about hazards, passed to every function of a hazard.

    ``warm_season``: first and last month. ``thresholds``: absolute ones by name, this hazard's only.
    ``delays``: days by which each variable's record lags the issue day.
    """

    warm_season: tuple[int, int] = (5, 10)
    thresholds: Mapping[str, float] = None  # type: ignore[assignment]
    delays: Mapping[str, int] = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Hazard:
    """Declaration of a hazard; see CONTRIBUTING for the recipe.

    ``requires``: variables it cannot do without; the others in ``uses`` help where they exist.
    ``where_measured``: a location without ``requires`` cannot have the hazard at all (no rows), rather than "not assessed".
    ``fit_normals(observations, options)``: what is usual, learnt from the observations it is given and nothing else;
    dims dayofyear and location (and others the module needs).
    ``events(observations, normals, options)``: (level, time, location) 1.0 event, 0.0 none, NaN unknown.
    ``outcome(events, cells)``: (cell, level, init_time, location), what each cell's forecast is held against.
    ``predictors(known, normals, calendar, options)``: name -> (init_time, cell, location) numpy arrays, see features.build.
    ``features``: the names predictors returns; ``state``: those of them the known state's logistic regression reads,
    for each level; ``overlap``: predictors that are, level by level, an ensemble probability in themselves.
    """

    name: str
    title: str
    requires: tuple[str, ...]
    uses: tuple[str, ...]
    cells: tuple[Cell, ...]
    gap_days: int
    first_training_years: int
    issue_step_days: int
    thresholds: tuple[str, ...]
    colours: Mapping[str, Mapping[int, float]]
    colour_over_normal: float
    fit_normals: Callable[..., xr.Dataset]
    events: Callable[..., xr.DataArray]
    outcome: Callable[..., xr.DataArray]
    predictors: Callable[..., dict[str, np.ndarray]]
    features: tuple[str, ...]
    state: Mapping[int, tuple[str, ...]]
    overlap: Mapping[int, str]
    history: Callable[..., xr.Dataset]
    where_measured: bool = False


@cache
def hazards() -> dict[str, Hazard]:
    """Every hazard by name: each module of this package that defines HAZARD."""
    found = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    return {module.HAZARD.name: module.HAZARD for module in found if hasattr(module, "HAZARD")}

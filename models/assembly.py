"""The dataset of one hazard's forecast: from probabilities and verdicts to what is published.

Rounds probabilities, gives cells and days their coordinates, and each cell and location a colour.
Nothing is learnt or predicted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from configs import Region
from features.build import cell_coordinates, delays_of, measured
from features.hazards import CONDITIONS, LEVELS, Hazard, Options
from models.colours import COLOURS, colour_ranks, name_colours, tells_more
from models.explain import causes_of
from models.quantiles import QUANTILES
from models.training import DIMS, Model
from models.verdicts import NOT_ASSESSED, STATE
from models.weights import Weights

DECIMALS = 4
"""Of a published probability."""
OUTLOOK_DIMS = ("quantile", "cell", "init_time", "location")
THRESHOLD_DIMS = ("condition", *DIMS)
BESIDE = {
    "model_probability": "model",
    "persistence_probability": "persistence",
    "smoothed_normal_probability": "climatology_smoothed",
}
"""Variable of a forecast -> the forecaster whose probability it keeps, to be graded by."""


@dataclass(frozen=True)
class HazardIssue:
    """One hazard on one issue day: what its forecast is made from, besides its model.

    ``issued``: the issue day. ``observations``: of the days before it. ``weights``: by the model's
    backtest. ``scores``: the hazard's rows of scores.assess, ``weather_scores`` of
    stages.assess_weather. ``forecasts``: weather forecasts, None without any.
    """

    hazard: Hazard
    issued: np.datetime64
    observations: xr.Dataset
    options: Options
    weights: Weights
    scores: pd.DataFrame
    weather_scores: pd.DataFrame
    forecasts: xr.Dataset | None

    @property
    def init_times(self) -> np.ndarray:
        """The issue day: (init_time,)."""
        return np.array([self.issued])

    @cached_property
    def delays(self) -> Mapping[str, int]:
        """Variable -> days until it is published."""
        return delays_of(self.observations)

    @property
    def asked(self) -> tuple[xr.Dataset, np.ndarray, Mapping[str, int], Options]:
        """What training.read_state and training.forecasters take besides a model."""
        return self.observations, self.init_times, self.delays, self.options


def assemble(
    issue: HazardIssue,
    probability: np.ndarray,
    climatology: np.ndarray,
    verdict: np.ndarray,
    exists: np.ndarray,
) -> xr.Dataset:
    """Probabilities, verdicts and stages of a hazard, with their coordinates.

    Arrays (cell, level, init_time, location); ``exists`` (cell, init_time, location) is
    features.build.existing: where it is 0 the event cannot be and its probability is 0, where it
    is NaN there is no cell.
    """
    hazard = issue.hazard
    wide = np.broadcast_to(exists[:, None], probability.shape)
    possible, normal = (
        np.round(np.where(np.isnan(wide), np.nan, np.where(wide == 0, 0.0, part)), DECIMALS)
        for part in (probability, climatology)
    )
    leads = np.array([cell.lead_days for cell in hazard.cells], dtype="timedelta64[D]")
    coords = {
        "level": list(LEVELS),
        "init_time": [issue.issued],
        "location": issue.observations["location"].values,
        "hazard": ("cell", np.full(len(leads), hazard.name, dtype=object)),
        "valid_time": (("cell", "init_time"), (issue.issued + leads)[:, None]),
        "data_until": ("cell", np.full(len(leads), newest_day(hazard, issue.observations))),
        **cell_coordinates(hazard),
    }
    verdict = np.where(np.isnan(wide), "", verdict)
    variables = {
        "probability": (DIMS, possible),
        "normal_probability": (DIMS, normal),
        "verdict": (DIMS, verdict),
        "stage": (DIMS, np.where(verdict == "", "", STATE)),
    }
    return xr.Dataset(variables, coords=coords)


def beside(probabilities: Mapping[str, np.ndarray], exists: np.ndarray) -> dict[str, Any]:
    """The variables of BESIDE. ``probabilities`` by forecaster, ``exists`` as for ``assemble``."""
    wide = exists[:, None]
    return {
        name: (DIMS, np.round(np.where(wide == 1, probabilities[source], 0 * wide), DECIMALS))
        for name, source in BESIDE.items()
    }


def without_numbers(issue: HazardIssue) -> xr.Dataset:
    """The forecast of a hazard whose variables the record lacks: no probability, not assessed."""
    hazard = issue.hazard
    shape = (len(hazard.cells), len(LEVELS), 1, issue.observations.sizes["location"])
    first = hazard.cells[0].window_days
    declared = [not hazard.windows_look_back or cell.window_days == first for cell in hazard.cells]
    exists = np.array(declared)[:, None, None] & measured(hazard, issue.observations, issue.options)
    nothing, verdict = np.full(shape, np.nan), np.full(shape, NOT_ASSESSED, dtype=object)
    return assemble(issue, nothing, nothing, verdict, np.where(exists, 1.0, np.nan))


def without_model(issue: HazardIssue, part: xr.Dataset) -> xr.Dataset:
    """A part that no model made: no interval, no outlook, contributions of 0."""
    probability, causes = part["probability"].values, causes_of(issue.hazard)
    contribution = np.broadcast_to(
        np.where(np.isnan(probability), np.nan, 0.0), (len(causes), *probability.shape)
    )
    missing = np.full(probability.shape, np.nan)
    outlook = np.full((len(QUANTILES), *probability[:, 0].shape), np.nan)
    variables: dict[str, Any] = {
        "contribution": (("cause", *DIMS), contribution),
        "outlook": (OUTLOOK_DIMS, outlook),
        **{name: (DIMS, missing) for name in ("probability_low", "probability_high", *BESIDE)},
    }
    coords = {"cause": causes, **outlook_coordinates(issue.hazard, None)}
    return part.assign(variables).assign_coords(coords)


def with_thresholds(issue: HazardIssue, part: xr.Dataset, normals: xr.Dataset | None) -> xr.Dataset:
    """The part with ``threshold``: what the levels are at each location, see ``Hazard.meaning``.

    (condition, cell, level, init_time, location), of the valid day, of a window its first day.
    ``threshold_units`` (condition, cell). NaN without normals.
    """
    meaning, cells = issue.hazard.meaning, issue.hazard.cells
    shape = (len(CONDITIONS), *part["probability"].shape)
    values, units = np.full(shape, np.nan), np.full((len(CONDITIONS), len(cells)), "", dtype=object)
    if meaning is not None:
        units[:] = np.array(meaning.units, dtype=object)[:, None]
    if meaning is not None and normals is not None:
        valid = part["valid_time"].values[:, 0]
        by_day = meaning.thresholds(valid, normals, issue.options)
        values[:, :, :, 0] = np.moveaxis(by_day, 2, 1)
    values = np.where((part["verdict"].values == "")[None], np.nan, np.round(values, DECIMALS))
    return part.assign(threshold=(THRESHOLD_DIMS, values)).assign_coords(
        condition=list(CONDITIONS), threshold_units=(("condition", "cell"), units)
    )


def outlook_coordinates(hazard: Hazard, model: Model | None) -> dict[str, Any]:
    """The quantiles, and title and units of the quantity that each cell's are of."""
    learnt = {} if model is None or model.quantity is None else model.quantity.attrs
    words = {
        f"outlook_{name}": ("cell", np.full(len(hazard.cells), learnt.get(name, ""), dtype=object))
        for name in ("title", "units")
    }
    return {"quantile": list(QUANTILES), **words}


def newest_day(hazard: Hazard, observations: xr.Dataset) -> np.datetime64:
    """The newest day with a value of all that the hazard requires, anywhere; NaT without one."""
    present = [name for name in hazard.requires if name in observations]
    if len(present) < len(hazard.requires):
        return np.datetime64("NaT", "ns")
    observed = np.isfinite(observations[present].to_dataarray().values).all(axis=0).any(axis=1)
    if not observed.any():
        return np.datetime64("NaT", "ns")
    return observations["time"].values[observed][-1].astype("datetime64[ns]")


def colours_of(
    hazard: Hazard, part: xr.Dataset, region: Region, previous: pd.DataFrame | None
) -> xr.DataArray:
    """One colour per cell and location, the highest row reached: (cell, init_time, location).

    Where no probability tells more than the climatology: the colour that ``previous``, the table of
    the forecast before, gave to the same valid day, else grey.
    """
    probability, climatology, verdict = (
        part[name].values for name in ("probability", "normal_probability", "verdict")
    )
    before = _ranks_before(hazard, part, previous)
    rank = colour_ranks(hazard, region, probability, climatology, before)
    colour = name_colours(rank, ~tells_more(probability, climatology, verdict), before)
    return xr.DataArray(
        np.where((verdict == "").all(axis=1), "", colour), dims=("cell", "init_time", "location")
    )


def _ranks_before(hazard: Hazard, part: xr.Dataset, previous: pd.DataFrame | None) -> np.ndarray:
    """Rank of the colour that ``previous`` gave the same valid day, location and window, else 0.

    (cell, init_time, location). A colour that stood there through grey days is among them.
    """
    shape = tuple(part.sizes[dim] for dim in ("cell", "init_time", "location"))
    if previous is None:
        return np.zeros(shape, dtype=int)
    rows = previous[(previous["hazard"] == hazard.name) & previous["colour"].isin(COLOURS)]
    given = {
        (row.location, row.valid, row.window_days): COLOURS.index(row.colour)
        for row in rows.itertuples()
    }
    cells = zip(part["valid_time"].values[:, 0], part["window_days"].values, strict=True)
    locations = [str(location) for location in part["location"].values]
    ranks = [
        [given.get((location, pd.Timestamp(valid), int(window)), 0) for location in locations]
        for valid, window in cells
    ]
    return np.array(ranks, dtype=int)[:, None, :]

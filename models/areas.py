"""Means over areas: what a report of many cells says of each province.

Sums and weights of a tile's cells add up over tiles, so that no process needs all cells at once
(as statistics of WeatherBench-X add up over chunks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from configs import Location, Region
from features.hazards import hazards
from models.assembly import BESIDE, DECIMALS, colours_of
from models.baselines import log_odds

CHANCES = ("probability", "normal_probability", "probability_low", "probability_high", *BESIDE)
"""Variables of a forecast that are rounded as published ones."""
LOCATION = "location"


@dataclass(frozen=True)
class AreaWeights:
    """How much of each cell lies in each area, km2 or anything in proportion: (area, location)."""

    areas: tuple[str, ...]
    weights: np.ndarray


@dataclass(frozen=True)
class AreaSums:
    """Sums over cells of a Dataset, area by area, that further cells can be added to.

    ``sums``: variable -> (..., area) of values by weight, ``weights``: of the cells that have one.
    ``votes``: variable of words -> word -> (..., area), the weight of the cells that say it.
    ``like``: the Dataset of one cell: dimensions, coordinates, attributes.
    """

    areas: tuple[str, ...]
    sums: Mapping[str, np.ndarray]
    weights: Mapping[str, np.ndarray]
    votes: Mapping[str, Mapping[str, np.ndarray]]
    like: xr.Dataset

    @classmethod
    def of(cls, values: xr.Dataset, over: AreaWeights) -> AreaSums:
        """Of a Dataset whose every variable has a dimension ``location``, in the weights' order."""
        sums, weights = dict[str, np.ndarray](), dict[str, np.ndarray]()
        votes = dict[str, dict[str, np.ndarray]]()
        share = over.weights.T
        for key, variable in values.data_vars.items():
            name, array = str(key), variable.transpose(..., LOCATION).values
            if array.dtype.kind in "OUS":
                said = np.unique(array.astype(str))
                votes[name] = {word: (array == word) @ share for word in said.tolist()}
                continue
            known = np.isfinite(array)
            sums[name] = np.where(known, array, 0.0).astype(np.float64) @ share
            weights[name] = known @ share
        return cls(over.areas, sums, weights, votes, values.isel({LOCATION: slice(0, 1)}))

    def __add__(self, other: AreaSums) -> AreaSums:
        """Of the cells of both. Areas are the same in both."""
        votes = {name: _added(said, other.votes[name]) for name, said in self.votes.items()}
        sums, weights = _added(self.sums, other.sums), _added(self.weights, other.weights)
        return AreaSums(self.areas, sums, weights, votes, self.like)

    def means(self) -> xr.Dataset:
        """The mean of each area, of words the one that most of it says; NaN without any value."""
        new: dict[str, Any] = {}
        for key, variable in self.like.data_vars.items():
            name, dims = str(key), (*(dim for dim in variable.dims if dim != LOCATION), LOCATION)
            if name in self.votes:
                words = sorted(self.votes[name])
                heaviest = np.argmax([self.votes[name][word] for word in words], axis=0)
                new[name] = (dims, np.array(words, dtype=object)[heaviest], variable.attrs)
                continue
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = self.sums[name] / self.weights[name]
            new[name] = (dims, np.where(self.weights[name] > 0, mean, np.nan), variable.attrs)
        kept = {name: part for name, part in self.like.coords.items() if LOCATION not in part.dims}
        coords = kept | {LOCATION: np.array(self.areas, dtype=str)}
        return xr.Dataset(new, coords, self.like.attrs)


def _added(
    first: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    keys: Sequence[str] = list(dict.fromkeys([*first, *other]))
    return {
        key: sum((part[key] for part in (first, other) if key in part), start=np.zeros(()))
        for key in keys
    }


def area_forecast(
    mean: xr.Dataset, areas: Sequence[Location], region: Region, previous: pd.DataFrame | None
) -> xr.Dataset:
    """A forecast of areas, as ``predict`` gives one of places, from the means over their cells.

    An area's probability is the mean over its cells: the chance at a place in it that nobody has
    chosen. Contributions are those of the cells, moved by as much as the log-odds of the mean ask.
    ``previous``: table of the forecast before, for colours already given.
    """
    rounded = {name: np.round(mean[name], DECIMALS) for name in CHANCES}
    forecast = mean.assign(rounded)
    odds, usual = (log_odds(forecast[name].values) for name in CHANCES[:2])
    forecast["contribution"] = forecast["contribution"].copy(
        data=_summing_to(odds - usual, forecast["contribution"].transpose("cause", ...).values)
    )
    forecast = forecast.assign_coords(
        latitude=(LOCATION, [area.latitude for area in areas]),
        longitude=(LOCATION, [area.longitude for area in areas]),
        name=(LOCATION, np.array([area.names.get("en", area.id) for area in areas], dtype=object)),
    )
    colours = [
        colours_of(hazards()[name], forecast.isel(cell=forecast["hazard"].values == name),
                   region, previous)
        for name in dict.fromkeys(forecast["hazard"].values.tolist())
    ]  # fmt: skip
    return forecast.assign(colour=xr.concat(colours, "cell"))


def _summing_to(total: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Parts (cause, ...) that sum to ``total``: what lacks is shared out by their size."""
    size = np.abs(parts)
    whole = np.nansum(size, axis=0)
    share = np.divide(size, whole, out=np.zeros_like(size), where=whole > 0)
    return parts + share * (total - np.nansum(parts, axis=0))

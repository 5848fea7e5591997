"""Grids: the cell of each place, the nearest one that has values."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from configs.geodesy import distance
from configs.gridded import latitude_and_longitude
from sources.station_files.kinds import FilesRefused, GridWithoutPlaces

NEAR = 25.0  # km: a cell of ERA5's grid, and the next one on land


@dataclass(frozen=True)
class Points:
    """Where a grid's cells are: degrees north and east, in the shape of ``dims``."""

    dims: tuple[Hashable, ...]
    latitude: np.ndarray
    longitude: np.ndarray
    names: tuple[Hashable, Hashable]


def points_of(dataset: xr.Dataset) -> Points | None:
    """The cells of a gridded file; None where its places are named or it has one."""
    if "location" in dataset.dims:
        return None
    latitude, longitude = latitude_and_longitude(dataset)
    if latitude is None or longitude is None:
        return None
    north, east = dataset[latitude], dataset[longitude]
    if north.ndim == 0 and east.ndim == 0:
        return None
    if north.dims == east.dims:
        return Points(north.dims, np.asarray(north), np.asarray(east), (latitude, longitude))
    if north.ndim > 1 or east.ndim > 1:
        return None
    grid = np.meshgrid(np.atleast_1d(north), np.atleast_1d(east), indexing="ij")
    dims = (*north.dims, *east.dims)
    shape = tuple(dataset.sizes[dim] for dim in dims)
    return Points(dims, grid[0].reshape(shape), grid[1].reshape(shape), (latitude, longitude))


def at_places(
    path: Path,
    dataset: xr.Dataset,
    points: Points,
    places: pd.DataFrame | None,
    within_km: float | None,
) -> xr.Dataset:
    """A grid's values at the places, each of its nearest cell that has any.

    ``places``: columns location, latitude, longitude. Raises FilesRefused where no place has
    coordinates, or one lies further than ``within_km`` from every cell (by default NEAR, or half
    the diagonal of a cell where that is more: a place within the grid is never further).
    """
    wanted = pd.DataFrame() if places is None else places.dropna(subset=["latitude", "longitude"])
    if wanted.empty:
        raise _needs_places(path, points)
    has_values = _has_values(dataset, points)
    chosen: list[tuple[int, ...]] = []
    problems = []
    for place in wanted.itertuples():
        grid = points.latitude, points.longitude
        away = distance(grid, (place.latitude, place.longitude))
        usable = np.where(has_values, away, np.inf)
        cell = np.unravel_index(int(np.argmin(usable)), usable.shape)
        limit = within_km or max(NEAR, half_diagonal(points, cell))
        if not usable[cell] <= limit:
            swapped = distance(grid, (place.longitude, place.latitude))
            cure = "its latitude and longitude seem to be swapped" if swapped.min() <= limit else ""
            problems.append(_too_far(path, str(place.location), away, usable, limit, cure))
        chosen.append(tuple(int(part) for part in cell))
    if problems:
        raise FilesRefused(problems)
    labels = np.array(wanted["location"].tolist(), dtype=object)
    index = {
        dim: xr.DataArray(
            [cell[axis] for cell in chosen], dims="location", coords={"location": labels}
        )
        for axis, dim in enumerate(points.dims)
    }
    drop = [*points.names, *(dim for dim in points.dims if dim in dataset.coords)]
    return dataset.isel(index).drop_vars(list(dict.fromkeys(drop)), errors="ignore")


def half_diagonal(points: Points, cell: tuple[Any, ...]) -> float:
    """Half the diagonal (km) of a cell, by its distance to the next one along each dimension."""
    centre = float(points.latitude[cell]), float(points.longitude[cell])
    sides = []
    for axis, size in enumerate(points.latitude.shape):
        if size > 1:
            beside = list(cell)
            beside[axis] = cell[axis] + 1 if cell[axis] + 1 < size else cell[axis] - 1
            there = tuple(beside)
            sides.append(distance((points.latitude[there], points.longitude[there]), centre))
    return 0.5 * float(np.hypot.reduce(sides)) if len(points.dims) > 1 and sides else 0.0


def _has_values(dataset: xr.Dataset, points: Points) -> np.ndarray:
    """Which cells have a value on any of some days: in a grid of the land the sea has none."""
    known = np.ones(points.latitude.shape, bool)
    gridded = [
        variable
        for variable in dataset.data_vars.values()
        if set(points.dims) <= set(variable.dims)
    ]
    for variable in gridded[:1]:
        others = [dim for dim in variable.dims if dim not in points.dims]
        some = variable.isel(
            {
                dim: np.unique(np.linspace(0, variable.sizes[dim] - 1, 24).astype(int))
                for dim in others
            }
        )
        known = some.notnull().any(others).transpose(*points.dims).values
    return known if known.any() else np.ones(points.latitude.shape, bool)


def _needs_places(path: Path, points: Points) -> GridWithoutPlaces:
    east = (np.asarray(points.longitude) + 180) % 360 - 180
    latitude, longitude = float(points.latitude.mean()), float(east.mean())
    box = (
        f"{points.latitude.min():g} to {points.latitude.max():g} degrees north, {east.min():g} to "
        f"{east.max():g} degrees east"
    )
    return GridWithoutPlaces(
        f"{path}: it is a grid ({box}), and the region file names no place with a latitude and a "
        "longitude, expected one at least; add `locations: [{id: my-town, latitude: "
        f"{latitude:.4g}, longitude: {longitude:.4g}}}]` with your own, and each gets its nearest "
        "cell.",
        latitude,
        longitude,
    )


def _too_far(
    path: Path, location: str, away: np.ndarray, usable: np.ndarray, within_km: float, cure: str
) -> str:
    nearest = float(np.min(usable)) if np.isfinite(usable).any() else float(np.min(away))
    what = "the nearest cell with a value" if nearest > float(np.min(away)) else "the nearest cell"
    return (
        f"{path}: {what} is {nearest:,.0f} km from {location}, expected at most {within_km:g} km; "
        + (cure or "mend the place's coordinates, take a grid that covers it, or set `within_km:`")
        + "."
    )

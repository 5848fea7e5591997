"""Values of a grid at some places: the window around them is read, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from configs import RiskError
from configs.geodesy import distance, nearest_on_axis
from sources.common.units import Conversion
from sources.gridded_files.files import VERSIONS, GridFile
from sources.gridded_files.options import NAME

if TYPE_CHECKING:  # xarray is slow to import, and only its name is needed here
    import xarray as xr

MAX_VALUES = 20_000_000
"""Values of a window that are in memory at once: 160 MB."""
MAX_GAP = 64
"""Columns between two places that are read rather than left out, as a store reads whole chunks."""


@dataclass(frozen=True)
class Points:
    """Where places are in a file's grid: ``rows`` and ``columns`` of those ``inside``, by place."""

    inside: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


def points_of(
    file: GridFile, latitude: np.ndarray, longitude: np.ndarray, within_km: float | None
) -> Points:
    """The nearest grid point of each place, where it is near enough.

    ``latitude``, ``longitude``: degrees of the places.
    """
    anywhere = None if within_km is None else np.inf
    rows = nearest_on_axis(file.latitudes, latitude, within=anywhere)
    columns = nearest_on_axis(file.longitudes, longitude, turn=360.0, within=anywhere)
    inside = (rows >= 0) & (columns >= 0)
    if within_km is not None:
        there = file.latitudes[rows], file.longitudes[columns]
        inside &= distance(there, (latitude, longitude)) <= within_km
    return Points(inside, rows[inside], columns[inside])


def read(
    dataset: xr.Dataset,
    file: GridFile,
    variable: tuple[str, Conversion],
    points: Points,
    wanted: np.ndarray,
) -> np.ndarray:
    """A variable of an open file at points, in our unit: (wanted, point), float32.

    ``wanted``: increasing indices of the file's days.
    """
    name, unit = variable
    values = _plain(dataset[name], file)
    result = np.full((len(wanted), len(points.rows)), np.nan, np.float32)
    first_row, last_row = points.rows.min(), points.rows.max() + 1
    for chosen in _blocks(points.columns):
        columns = points.columns[chosen]
        first, last = columns.min(), columns.max() + 1
        part = values[:, first_row:last_row, first:last]
        at_once = max(1, MAX_VALUES // (part.shape[1] * part.shape[2]))
        for days in _runs(wanted, at_once):
            window = part[wanted[days][0] : wanted[days][-1] + 1].values
            taken = window[wanted[days] - wanted[days][0]]
            at_points = taken[:, points.rows[chosen] - first_row, columns - first]
            result[days, chosen] = unit.apply(at_points.astype(np.float64))
    return result


def _plain(values: xr.DataArray, file: GridFile) -> xr.DataArray:
    """A variable by time, latitude and longitude; dimensions of one are dropped."""
    others = [dim for dim in values.dims if dim not in file.dims]
    values = values.squeeze([dim for dim in others if values.sizes[dim] == 1], drop=True)
    if VERSIONS in values.dims:
        parts = [values.isel({VERSIONS: n}, drop=True) for n in range(values.sizes[VERSIONS])]
        values = parts[0]
        for part in parts[1:]:
            values = values.fillna(part)
    if more := [dim for dim in values.dims if dim not in file.dims]:
        raise RiskError(
            f"{NAME}: {file.path}: {values.name} has the dimension {more[0]} of "
            f"{values.sizes[more[0]]}, expected time, latitude and longitude; choose one of it."
        )
    return values.transpose(*file.dims)


def _blocks(columns: np.ndarray) -> Iterator[np.ndarray]:
    """Numbers of points, by stretches of columns without a wide gap, as at Greenwich."""
    order = np.argsort(columns, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(columns[order]) > MAX_GAP) + 1)


def _runs(wanted: Sequence[int] | np.ndarray, most: int) -> Iterator[slice]:
    """Slices of increasing indices, each of a span of ``most`` at most, and without a wide gap."""
    begin = 0
    for end in range(1, len(wanted) + 1):
        last = end == len(wanted)
        if last or wanted[end] - wanted[begin] >= most or wanted[end] - wanted[end - 1] > MAX_GAP:
            yield slice(begin, end)
            begin = end

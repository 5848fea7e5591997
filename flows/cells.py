"""forecast.zarr: the forecast of every cell of a grid, written tile by tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import zarr

from configs import Region
from configs.grid import Grid
from configs.tiles import SIDE, indices_of
from features.hazards import LEVELS, hazards
from models.colours import COLOURS, GREY
from models.verdicts import KNOWN, NO_BETTER, NOT_ASSESSED, PROVISIONAL, SKILFUL
from reports.exports.netcdf import ATTRIBUTES, INSTITUTION
from reports.exports.zarr_metadata import consolidate
from sources import is_exercise

VALUES = ("probability", "normal_probability", "probability_low", "probability_high")
"""Probabilities of each cell, float32 (cell, level, latitude, longitude); 1."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "verdict": (SKILFUL, KNOWN, NO_BETTER, NOT_ASSESSED, PROVISIONAL),
    "colour": (*COLOURS, GREY),
}
"""Words of each cell as CF flags, uint8, 255 where there is none: their number in these lists."""
NONE = 255

AXES = {"latitude": "Y", "longitude": "X"}
DIMS = ("cell", "level", "latitude", "longitude")
OF_ALL_LEVELS = ("cell", "latitude", "longitude")
"""Dimensions of each variable, and of the colour, which is one for all levels."""


def create_cells(path: Path, region: Region, names: Sequence[str], issued: date) -> None:
    """Make an empty forecast of all cells of a region's grid, in chunks of a tile.

    Dimensions (cell, level, latitude, longitude), latitude from north; ``cell`` is a lead and a
    window of a hazard of ``names``, in the order of their names. After CF-1.11.
    """
    assert region.grid is not None
    rows, columns = region.grid.shape
    cells = [(name, cell) for name in sorted(names) for cell in hazards()[name].cells]
    coords = {
        "latitude": np.array(region.grid.latitudes[::-1]),
        "longitude": np.array(region.grid.longitudes),
        "level": np.array(LEVELS, dtype=np.int32),
        "lead_days": ("cell", np.array([cell.lead_days for _, cell in cells], dtype=np.int32)),
        "window_days": ("cell", np.array([cell.window_days for _, cell in cells], dtype=np.int32)),
        "hazard": ("cell", np.array([name for name, _ in cells], dtype=object)),
        "init_time": np.datetime64(issued, "ns"),
    }
    axes = xr.Dataset(coords=coords, attrs=_about(region))
    for name in axes.coords:
        axes[name].attrs.update(ATTRIBUTES.get(str(name), {}))
    for name, axis in AXES.items():
        axes[name].attrs["axis"] = axis
    axes.to_zarr(path, mode="w", zarr_format=3, consolidated=False)
    sizes = dict(zip(DIMS, (len(cells), len(LEVELS), rows, columns), strict=True))
    root = zarr.open_group(path, mode="a")
    for name in VALUES:
        about = {key: ATTRIBUTES[name][key] for key in ("long_name", "units")}
        _create(root, name, DIMS, sizes, ("float32", np.nan), about)
    for name, words in WORDS.items():
        dims = OF_ALL_LEVELS if name == "colour" else DIMS
        flags = {"flag_values": list(range(len(words))), "flag_meanings": _meanings(words)}
        _create(root, name, dims, sizes, ("uint8", NONE), ATTRIBUTES[name] | flags)
    consolidate(path)


def _create(
    root: zarr.Group,
    name: str,
    dims: tuple[str, ...],
    sizes: Mapping[str, int],
    kind: tuple[str, float],
    about: Mapping[str, Any],
) -> None:
    """An array without values, in chunks of a tile. ``kind``: its type, and what no value is."""
    chunks = {**sizes, "latitude": SIDE, "longitude": SIDE}
    array = root.create_array(
        name,
        shape=tuple(sizes[dim] for dim in dims),
        chunks=tuple(chunks[dim] for dim in dims),
        dtype=kind[0],
        fill_value=kind[1],
        dimension_names=dims,
    )
    array.attrs.update(about)


def _about(region: Region) -> dict[str, str]:
    about = {"Conventions": "CF-1.11", "title": region.title, "institution": INSTITUTION}
    return about | ({"label": "EXERCISE"} if is_exercise(region) else {})


def _meanings(words: Sequence[str]) -> str:
    return " ".join(word.replace(" ", "_") for word in words)


def write_cells(forecast: xr.Dataset, tile: Region, grid: Grid, path: Path) -> None:
    """Write a tile's forecast (cell, level, location) into the square that is its own."""
    root = zarr.open_group(path, mode="r+")
    rows, columns = indices_of(tile.locations, grid)
    top, left = int(rows.min()) // SIDE * SIDE, int(columns.min()) // SIDE * SIDE
    down, right = min(top + SIDE, grid.shape[0]), min(left + SIDE, grid.shape[1])
    for name in (*VALUES, *WORDS):
        values = forecast[name].transpose(..., "location").values
        numbers = _numbers(values, WORDS[name]) if name in WORDS else values.astype(np.float32)
        blank = NONE if name in WORDS else np.nan
        square = np.full((*values.shape[:-1], down - top, right - left), blank, numbers.dtype)
        square[..., rows - top, columns - left] = numbers
        array: Any = root[name]
        array[..., top:down, left:right] = square


def _numbers(words: np.ndarray, known: Sequence[str]) -> np.ndarray:
    numbers = pd.Index(known).get_indexer(pd.Index(words.astype(str).ravel()))
    return np.where(numbers < 0, NONE, numbers).astype(np.uint8).reshape(words.shape)

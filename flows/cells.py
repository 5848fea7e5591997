"""forecast.zarr: the forecast of every cell of a grid, written tile by tile."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import zarr
from zarr.errors import ZarrUserWarning

from configs import Region
from configs.grid import Grid
from configs.tiles import SIDE, indices_of
from features.hazards import LEVELS, hazards
from models.colours import COLOURS, GREY
from models.verdicts import KNOWN, NO_BETTER, NOT_ASSESSED, PROVISIONAL, SKILFUL

VALUES = ("probability", "normal_probability", "probability_low", "probability_high")
"""Probabilities of each cell, float32 (cell, level, latitude, longitude); 1."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "verdict": (SKILFUL, KNOWN, NO_BETTER, NOT_ASSESSED, PROVISIONAL),
    "colour": (*COLOURS, GREY),
}
"""Words of each cell as CF flags, uint8, 255 where there is none: their number in these lists."""
NONE = 255

COORDINATES: Mapping[str, Mapping[str, str]] = {
    "latitude": {"standard_name": "latitude", "units": "degrees_north", "axis": "Y"},
    "longitude": {"standard_name": "longitude", "units": "degrees_east", "axis": "X"},
    "lead_days": {"standard_name": "forecast_period", "units": "day"},
    "window_days": {"long_name": "days the event or the index looks at", "units": "day"},
    "level": {"long_name": "level of the event", "units": "1"},
}


def create_cells(path: Path, region: Region, names: Sequence[str], issued: date) -> None:
    """Make an empty forecast of all cells of a region's grid, in chunks of a tile.

    Dimensions (cell, level, latitude, longitude), latitude from north; ``cell`` is a lead and a
    window of a hazard of ``names``, in the order of their names. After CF-1.11.
    """
    assert region.grid is not None
    (rows, columns), step = region.grid.shape, region.grid.step
    cells = [(name, cell) for name in sorted(names) for cell in hazards()[name].cells]
    sizes = (len(cells), len(LEVELS), rows, columns)
    chunks = (len(cells), len(LEVELS), SIDE, SIDE)
    coords = {
        "latitude": region.grid.north - (np.arange(rows) + 0.5) * step,
        "longitude": region.grid.west + (np.arange(columns) + 0.5) * step,
        "level": np.array(LEVELS, dtype=np.int32),
        "lead_days": ("cell", np.array([cell.lead_days for _, cell in cells], dtype=np.int32)),
        "window_days": ("cell", np.array([cell.window_days for _, cell in cells], dtype=np.int32)),
        "hazard": ("cell", np.array([name for name, _ in cells], dtype=object)),
        "init_time": np.datetime64(issued, "ns"),
    }
    axes = xr.Dataset(coords=coords, attrs=_about(region))
    for name, attributes in COORDINATES.items():
        axes[name].attrs.update(attributes)
    axes.to_zarr(path, mode="w", zarr_format=3, consolidated=False)
    root = zarr.open_group(path, mode="a")
    dims = ("cell", "level", "latitude", "longitude")
    for name in VALUES:
        array = root.create_array(
            name,
            shape=sizes,
            chunks=chunks,
            dtype="float32",
            fill_value=np.nan,
            dimension_names=dims,
        )
        array.attrs.update({"units": "1", "long_name": name.replace("_", " ")})
    for name, words in WORDS.items():
        whole = sizes if name == "verdict" else (sizes[0], *sizes[2:])
        array = root.create_array(
            name,
            shape=whole,
            chunks=chunks if name == "verdict" else (chunks[0], *chunks[2:]),
            dtype="uint8",
            fill_value=NONE,
            dimension_names=dims if name == "verdict" else ("cell", *dims[2:]),
        )
        flags: dict[str, Any] = {
            "flag_values": list(range(len(words))),
            "flag_meanings": _meanings(words),
        }
        array.attrs.update({"long_name": name, **flags})
    with warnings.catch_warnings():  # of Zarr 3, whose own text has no word of it yet
        warnings.simplefilter("ignore", ZarrUserWarning)
        zarr.consolidate_metadata(path)


def _about(region: Region) -> dict[str, str]:
    return {
        "Conventions": "CF-1.11",
        "title": region.title,
        "institution": "made with climate-risk; whose data it rests on is told in provenance.json",
    }


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

"""Checked tables as arrays: dims, axes, coordinates and CF attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from data_contracts.batch import Source
from data_contracts.contract import CheckedBatch
from data_contracts.variables import VARIABLES

LOCATION_ATTRIBUTES = {
    "latitude": {"standard_name": "latitude", "units": "degrees_north"},
    "longitude": {"standard_name": "longitude", "units": "degrees_east"},
    "elevation": {"standard_name": "surface_altitude", "units": "m", "positive": "up"},
    "name": {"long_name": "name of the place"},
}


def grids_of(checked: CheckedBatch, source: Source) -> dict[str, xr.Dataset | None]:
    """The checked tables as arrays, by the group they go to; None where there is no value."""
    tables = {
        "observations": (checked.observations, ("time",), source.delay_days),
        "forecasts": (
            checked.forecasts,
            ("init_time", "lead_days", "member"),
            source.run_delay_days,
        ),
    }
    by_group = {
        what: _grid(table, keys, checked.locations, delay)
        for what, (table, keys, delay) in tables.items()
        if len(table)
    }
    return {
        what: by_group[what] if what in by_group and by_group[what].data_vars else None
        for what in tables
    }


def _grid(
    table: pd.DataFrame, keys: Sequence[str], locations: pd.DataFrame, delay: int
) -> xr.Dataset:
    """A table as a Dataset: its keys and location become axes, days without a gap.

    Variables without any value are left out.
    """
    axes = {_dimension(key): _axis(table[key], key) for key in keys}
    axes["location"] = pd.Index(locations["location"])
    if len(axes.get("member", ())) == 1:
        del axes["member"]
    dims = [
        name for name in ("time", "init_time", "lead_time", "location", "member") if name in axes
    ]
    columns = {"lead_time": "lead_days"}
    where = tuple(axes[dim].get_indexer(_labels(table[columns.get(dim, dim)], dim)) for dim in dims)
    shape = tuple(len(axes[dim]) for dim in dims)
    arrays = {
        name: (dims, _scatter(shape, where, table[name]))
        for name in VARIABLES
        if name in table and table[name].notna().any()
    }
    coords = {
        dim: np.asarray(axes[dim].to_numpy(), dtype=str if dim == "location" else None)
        for dim in dims
    }
    return described(
        xr.Dataset(arrays, coords | _location_coords(locations)), dict.fromkeys(arrays, delay)
    )


def _dimension(key: str) -> str:
    return "lead_time" if key == "lead_days" else key


def _axis(column: pd.Series, key: str) -> pd.Index:
    """The values of a key in order; ``time`` is filled up to contiguous days."""
    if key == "time":
        return pd.date_range(column.min(), column.max(), freq="D").as_unit("ns")
    return pd.Index(np.unique(_labels(column, _dimension(key))))


def _labels(column: pd.Series, dim: str) -> Any:
    if dim in ("time", "init_time"):
        return column.to_numpy("datetime64[ns]")
    return (
        pd.to_timedelta(column.to_numpy(), unit="D").to_numpy("timedelta64[ns]")
        if dim == "lead_time"
        else column.to_numpy()
    )


def _scatter(
    shape: tuple[int, ...], where: tuple[np.ndarray, ...], values: pd.Series
) -> np.ndarray:
    array = np.full(shape, np.nan, np.float32)
    array[where] = values.to_numpy(np.float32)
    return array


def _location_coords(locations: pd.DataFrame) -> dict[str, Any]:
    numbers = {
        name: ("location", locations[name].to_numpy(np.float64))
        for name in ("latitude", "longitude", "elevation")
    }
    return {**numbers, "name": ("location", np.array(locations["name"].tolist(), dtype=str))}


def described(dataset: xr.Dataset, delays: Mapping[str, int]) -> xr.Dataset:
    """CF attributes from the variables table, and the delay of each variable's source."""
    for name in dataset.data_vars:
        row = VARIABLES[str(name)]
        attributes: dict[str, str | None] = {
            "units": row.units,
            "long_name": row.meaning,
            "standard_name": row.standard_name,
            "cell_methods": row.cell_methods,
        }
        dataset[name].attrs = {key: value for key, value in attributes.items() if value} | {
            "delay_days": delays[row.name]
        }
    for name, constant in LOCATION_ATTRIBUTES.items():
        dataset[name].attrs = dict(constant)
    for name, standard in (
        ("time", "time"),
        ("init_time", "forecast_reference_time"),
        ("lead_time", "forecast_period"),
    ):
        if name in dataset.coords:
            dataset[name].attrs = {"standard_name": standard}
    dataset["location"].attrs = {"cf_role": "timeseries_id"}
    dataset.attrs = {"Conventions": "CF-1.11"}
    return dataset

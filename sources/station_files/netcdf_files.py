"""NetCDF files: stations or a grid, described by CF attributes, which are used as they stand.

Packed values, calendars without leap years, descending latitudes and longitudes from 0 to 360 need
no word in the region file. In a calendar that is not ours, days that do not exist are left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from configs.gridded import first_line, open_gridded
from data_contracts.batch import EARLIEST_DAY, LATEST_DAY, LOCATION_COLUMNS
from sources.common.cf import meaning_of, outside_data, time_of
from sources.station_files.cells import Points, at_places, points_of
from sources.station_files.kinds import FileKind, FilesRefused, RawTable, where_of
from sources.station_files.options import FileFormat
from sources.station_files.parquet_files import require_rows, trimmed

ACCUMULATED = ("tp", "ssrd", "pev", "e")
"""ECMWF's short names of sums, which ERA5-Land has since 00 UTC."""
MAX_CELLS = 200_000_000
"""Values of a variable that are read at once: a grid of places and days larger than this is cut."""


def read_netcdf(
    path: Path, kind: FileKind, written: FileFormat, places: pd.DataFrame | None = None
) -> RawTable:
    """A NetCDF file's cells: a row for each combination of its dimensions.

    ``places``: columns location, latitude, longitude, for a grid. Raises FilesRefused.
    """
    try:
        if outside := outside_data(path):
            raise FilesRefused([f"{path}: {outside}"])
        with warnings.catch_warnings():  # of times beyond datetime64, which the contract refuses
            warnings.simplefilter("ignore", xr.SerializationWarning)
            with open_gridded(path, decode_coords="all", decode_timedelta=False) as opened:
                dataset = _dataset(path, opened, kind, written, places)
    except FilesRefused:
        raise
    except Exception as error:  # readers of NetCDF raise errors of every kind
        raise FilesRefused(
            [f"{path}: it cannot be read as NetCDF ({first_line(error)}); write it anew."]
        ) from None
    bare = [str(dim) for dim in dataset.dims if dim not in dataset.coords]
    if bare:
        raise FilesRefused(
            [
                f"{path}: the dimension {bare[0]!r} has no coordinate, expected one of that name; "
                "add it."
            ]
        )
    strange = [str(dim) for dim in dataset.dims if dim not in kind.keys]
    if strange:
        raise FilesRefused(
            [
                f"{path}: unknown dimension {strange[0]!r} of {dataset.sizes[strange[0]]}, "
                f"expected {', '.join(kind.keys)}; choose one of it, or rename it."
            ]
        )
    variables = list(map(str, dataset.data_vars))
    keys = [key for key in kind.keys if key in dataset.dims]
    table = dataset[variables].to_dataframe().reset_index()[[*keys, *variables]].apply(trimmed)
    require_rows(path, table)
    units = {
        name: str(dataset[name].attrs["units"])
        for name in variables
        if dataset[name].attrs.get("units") is not None
    }
    meanings = {name: meaning for name in variables if (meaning := meaning_of(dataset[name]))}
    return RawTable(
        path,
        table,
        lambda row: where_of(table.iloc[row], keys),
        _locations_in(path, dataset),
        units,
        meanings,
        needs_units=True,
        accumulated=frozenset(name for name in variables if _is_accumulated(dataset[name])),
    )


def _dataset(
    path: Path,
    opened: xr.Dataset,
    kind: FileKind,
    written: FileFormat,
    places: pd.DataFrame | None,
) -> xr.Dataset:
    """The part of a file that is wanted, in memory, dimensions in canonical names and labelled."""
    dataset = _with_station_names(_with_time(opened, kind, written))
    time = next((key for key in kind.required if key in dataset.dims), None)
    if time is not None:
        dataset = dataset.drop_vars(
            [name for name in dataset.data_vars if time not in dataset[name].dims]
        )
    bounds = {dataset[name].attrs.get("bounds") for name in dataset.coords}
    dataset = dataset.drop_vars([name for name in dataset.data_vars if name in bounds])
    dataset = _without_versions(dataset)
    points = points_of(dataset)
    dataset = _squeezed(dataset, points, kind)
    if points is not None:
        dataset = at_places(path, dataset, points, places, written.within_km)
    size = max((dataset[name].size for name in dataset.data_vars), default=0)
    if size > MAX_CELLS:
        raise FilesRefused(
            [
                f"{path}: found {size:,} values of a variable, expected at most "
                f"{MAX_CELLS:,}; cut it."
            ]
        )
    return _in_our_calendar(path, dataset.load(), time)


def _with_time(dataset: xr.Dataset, kind: FileKind, written: FileFormat) -> xr.Dataset:
    """The dataset whose dimension of days is called ``time``, where another name stands for it."""
    if "time" not in kind.keys or "time" in dataset.dims:
        return dataset
    mapped = [theirs for theirs, ours in written.columns.items() if ours == "time"]
    name = time_of(dataset, mapped)
    if name is None:
        return dataset
    return dataset.drop_vars("time", errors="ignore").rename({name: "time"})


def _without_versions(dataset: xr.Dataset) -> xr.Dataset:
    """ERA5 with its preliminary months: of both versions the first that has a value."""
    if "expver" not in dataset.dims:
        return dataset
    first = dataset.isel(expver=0, drop=True)
    for number in range(1, dataset.sizes["expver"]):
        first = first.combine_first(dataset.isel(expver=number, drop=True))
    return first


def _squeezed(dataset: xr.Dataset, points: Points | None, kind: FileKind) -> xr.Dataset:
    """Without dimensions of one, such as a height or the number of a run."""
    kept = {*kind.keys, *(points.dims if points else ())}
    single = [dim for dim, size in dataset.sizes.items() if size == 1 and dim not in kept]
    dataset = dataset.squeeze(single, drop=True)
    scalars = [name for name in dataset.coords if dataset[name].ndim == 0]
    kept_scalars = set(LOCATION_COLUMNS) | {"lat", "lon", "alt", "altitude"}
    return dataset.drop_vars([name for name in scalars if name not in kept_scalars])


def _in_our_calendar(path: Path, dataset: xr.Dataset, time: str | None) -> xr.Dataset:
    if time is None or dataset[time].dtype != object or not dataset.sizes[time]:
        return dataset
    if not hasattr(dataset[time].values[0], "calendar"):
        return dataset
    years = [moment.year for moment in dataset[time].values[[0, -1]]]
    if not EARLIEST_DAY.year <= min(years) <= max(years) <= LATEST_DAY.year:
        raise FilesRefused(
            [
                f"{path}: its days are of the years {years[0]} to {years[-1]}, expected "
                f"{EARLIEST_DAY.year} to {LATEST_DAY.year}; a model's own calendar is no record."
            ]
        )
    align: Any = "date" if dataset[time].dt.calendar == "360_day" else None
    return dataset.convert_calendar("standard", dim=time, use_cftime=False, align_on=align)


def _with_station_names(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with the dimension ``location``, labelled by its stations' names.

    CF 9.5: they are a variable whose cf_role is timeseries_id.
    """
    if "station" in dataset.dims and "location" not in dataset.dims:
        dataset = dataset.rename({"station": "location"})
    if "location" in dataset.dims and "location" not in dataset.coords:
        labels = [
            name
            for name, variable in dataset.variables.items()
            if variable.attrs.get("cf_role") == "timeseries_id"
        ]
        for name in labels[:1]:
            return dataset.set_coords([name]).swap_dims(location=name).rename({name: "location"})
    return dataset


def _is_accumulated(variable: xr.DataArray) -> bool:
    """Whether a variable's values are accumulated over the hour, or since 00 UTC."""
    return variable.attrs.get("GRIB_stepType") == "accum" or variable.name in ACCUMULATED


def _locations_in(path: Path, dataset: xr.Dataset) -> pd.DataFrame | None:
    """What coordinates along ``location``, or of the one place, say of the locations.

    Raises FilesRefused where a latitude, longitude or elevation is no number.
    """
    short = {"lat": "latitude", "lon": "longitude", "alt": "elevation", "altitude": "elevation"}
    for name, long in short.items():
        if name in dataset.coords and long not in dataset.variables:
            dataset = dataset.rename({name: long})
    wanted: tuple[Hashable, ...] = ("location",) if "location" in dataset.dims else ()
    described = [
        name
        for name in LOCATION_COLUMNS[1:]
        if name in dataset.coords and dataset[name].dims == wanted
    ]
    for name in described:
        if name != "name" and dataset[name].dtype.kind not in "fiu":
            value = str(np.atleast_1d(dataset[name].values)[0])[:40]
            raise FilesRefused(
                [f"{path}: the coordinate {name}: found {value!r}, expected numbers; store it so."]
            )
    if not described:
        return None
    if not wanted:
        return pd.DataFrame({name: [dataset[name].item()] for name in described})
    table = dataset[described].to_dataframe().apply(trimmed).reset_index()
    return table[["location", *described]]

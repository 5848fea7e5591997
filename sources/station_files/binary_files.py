"""Parquet and NetCDF files: columns in the format's own types."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import xarray as xr

from configs import RiskError
from data_contracts.batch import LOCATION_COLUMNS
from data_contracts.variables import VARIABLES
from sources.common.units import SAME, conversion
from sources.station_files.kinds import SPREADS, FileKind, RawTable, check_header, where_of


def read_parquet(path: Path, kind: FileKind) -> RawTable:
    """A Parquet file's cells, columns in its own types."""
    try:
        arrow = pa.parquet.read_table(path, use_threads=False)
        table = arrow.to_pandas(ignore_metadata=True, date_as_object=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RiskError(
            f"{path}: it cannot be read as Parquet ({_first_line(error)}); write it anew."
        ) from None
    check_header(path, arrow.column_names, kind)
    _require_rows(path, table)
    return RawTable(path, table.apply(_trimmed), lambda row: f"row {row + 1}")


def read_netcdf(path: Path, kind: FileKind) -> RawTable:
    """A NetCDF file's cells: a row for each combination of its dimensions."""
    dataset = _dataset(path)
    names = [
        name
        for name in (*kind.keys, *dataset.data_vars)
        if name in dataset.dims or name in dataset.data_vars
    ]
    check_header(path, list(map(str, names)), kind)
    strange = [str(dim) for dim in dataset.dims if dim not in kind.keys]
    if strange:
        raise RiskError(
            f"{path}: unknown dimension {strange[0]!r}, expected {', '.join(kind.keys)}; rename "
            "it or take it out."
        )
    for name in dataset.data_vars:
        _canonical(path, str(name), dataset[name].attrs.get("units"))
    table = dataset[list(dataset.data_vars)].to_dataframe().reset_index()[names].apply(_trimmed)
    _require_rows(path, table)
    keys = [name for name in names if name in kind.keys]
    return RawTable(
        path, table, lambda row: where_of(table.iloc[row], keys), _locations_in(path, dataset)
    )


def _require_rows(path: Path, table: pd.DataFrame) -> None:
    if table.empty:
        raise RiskError(
            f"{path}: there are no rows in it, expected one a day; fill it or take it out of the "
            "inbox."
        )


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120].rstrip(".")


def _trimmed(column: pd.Series) -> pd.Series:
    """Text without spaces around it, from text or bytes; a column of other things as it is."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if column.dtype == "object" and column.map(lambda cell: isinstance(cell, bytes)).any():
        column = column.map(
            lambda cell: cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell
        )
    return (
        column.astype("str").str.strip()
        if pd.api.types.infer_dtype(column, skipna=False) == "string"
        else column
    )


def _dataset(path: Path) -> xr.Dataset:
    """A NetCDF file in memory: CF times decoded, dimensions in canonical names and labelled."""
    try:
        with xr.open_dataset(path, decode_coords="all", decode_timedelta=False) as opened:
            dataset = _with_station_names(opened.load())
    except Exception as error:  # readers of NetCDF raise errors of every kind
        raise RiskError(
            f"{path}: it cannot be read as NetCDF ({_first_line(error)}); write it anew."
        ) from None
    bare = [str(dim) for dim in dataset.dims if dim not in dataset.coords]
    if bare:
        raise RiskError(
            f"{path}: the dimension {bare[0]!r} has no coordinate, expected one of that name; add "
            "it."
        )
    return dataset


def _with_station_names(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with the dimension ``location``, labelled by its stations' names.

    CF 9.5: they are a variable whose cf_role is timeseries_id.
    """
    if "station" in dataset.dims and "location" not in dataset.dims:
        dataset = dataset.rename({"station": "location"})
    if "location" in dataset.dims and "location" not in dataset.coords:
        named = [
            name
            for name, variable in dataset.variables.items()
            if variable.attrs.get("cf_role") == "timeseries_id"
        ]
        for name in named[:1]:
            return dataset.set_coords([name]).swap_dims(location=name).rename({name: "location"})
    return dataset


def _canonical(path: Path, name: str, units: str | None) -> None:
    """Raises RiskError when the variable is in another unit than the canonical one, or in none."""
    variable = SPREADS.get(name, name)
    right = VARIABLES[variable].units
    if units is None:
        raise RiskError(f"{path}: {name} has no `units` attribute, expected {right}; add it.")
    if conversion(str(units), variable, str(path), f"write it in {right}") != SAME:
        raise RiskError(f"{path}: {name} is in {units!r}, expected {right}; convert it.")


def _locations_in(path: Path, dataset: xr.Dataset) -> pd.DataFrame | None:
    """What coordinates along ``location`` say of the locations, as far as they are there.

    Raises RiskError where a latitude, longitude or elevation is no number.
    """
    short = {"lat": "latitude", "lon": "longitude", "alt": "elevation", "altitude": "elevation"}
    for name, long in short.items():
        if name in dataset.coords and long not in dataset.variables:
            dataset = dataset.rename({name: long})
    described = [
        name
        for name in LOCATION_COLUMNS[1:]
        if name in dataset.coords and dataset[name].dims == ("location",)
    ]
    for name in described:
        if name != "name" and dataset[name].dtype.kind not in "fiu":
            value = str(dataset[name].values[0])[:40]
            raise RiskError(
                f"{path}: the coordinate {name}: found {value!r}, expected numbers; store it so."
            )
    if not described:
        return None
    table = dataset[described].to_dataframe().apply(_trimmed).reset_index()
    return table[["location", *described]]

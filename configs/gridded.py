"""NetCDF files and Zarr stores, opened without reading their values."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

LATITUDES = ("latitude", "lat", "nav_lat", "XLAT", "y")
LONGITUDES = ("longitude", "lon", "nav_lon", "XLONG", "x", "long")
HDF5 = b"\x89HDF\r\n\x1a\n"


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr store, of version 2 or 3."""
    return any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zmetadata"))


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5, as NetCDF-4 is; else NetCDF is of version 3."""
    try:
        with path.open("rb") as file:
            return file.read(len(HDF5)) == HDF5
    except OSError:
        return False


def open_gridded(path: Path, **options: Any) -> xr.Dataset:
    """A NetCDF file or a Zarr store, whose values are read when they are used.

    ``options``: of ``xarray.open_dataset``. Raises what the readers raise, errors of every kind.
    """
    import xarray as xr

    if path.is_dir():
        return xr.open_dataset(path, engine="zarr", consolidated=_consolidated(path), **options)
    engine: Any = "h5netcdf" if is_hdf5(path) else "scipy"
    return xr.open_dataset(path, engine=engine, **options)


def _consolidated(path: Path) -> bool:
    """Whether a store keeps the description of all its arrays in one place."""
    if (path / ".zmetadata").is_file():
        return True
    about = path / "zarr.json"
    return about.is_file() and "consolidated_metadata" in json.loads(about.read_bytes())


def latitude_and_longitude(dataset: xr.Dataset) -> tuple[Hashable | None, Hashable | None]:
    """The names of the coordinates of degrees north and east: by CF attributes, else by name."""
    return (
        _coordinate(dataset, "latitude", "degrees_north", LATITUDES),
        _coordinate(dataset, "longitude", "degrees_east", LONGITUDES),
    )


def _coordinate(
    dataset: xr.Dataset, standard: str, unit: str, names: tuple[str, ...]
) -> Hashable | None:
    candidates = [name for name in dataset.coords if dataset[name].dtype.kind in "fiu"]
    for name in candidates:
        attributes = dataset[name].attrs
        if attributes.get("standard_name") == standard or attributes.get("units") == unit:
            return name
    return next((name for name in names if name in candidates), None)


def first_line(error: Exception) -> str:
    """What a reader's error says, in one short line."""
    return " ".join(str(error).split())[:120].rstrip(".")

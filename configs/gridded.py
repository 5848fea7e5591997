"""NetCDF files and Zarr stores, opened without reading their values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

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

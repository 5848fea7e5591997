"""Reading NetCDF 4 files of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import h5py
import xarray as xr

_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"
_OF_NETCDF = {
    *("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"),
    *("_NCProperties", "_Netcdf4Coordinates", "_Netcdf4Dimid"),
}


def read_dataset(source: Path | BinaryIO, group: str = "/") -> xr.Dataset:
    """A group of a NetCDF 4 file that xarray wrote, as ``xr.load_dataset`` reads it.

    That also asks each variable how it is packed, five times the time of the values. Raises
    OSError, KeyError, RuntimeError or ValueError where it is damaged.
    """
    with h5py.File(source) as whole:
        file = whole[group]
        variables = {
            key: (_dimensions(item), _values(item), _attributes(item))
            for key, item in file.items()
            if not bytes(item.attrs.get("NAME", b"")).startswith(_NO_VARIABLE)
        }
        return xr.decode_cf(xr.Dataset(variables, attrs=_attributes(file)))


def _dimensions(item: h5py.Dataset) -> tuple[str, ...]:
    if item.is_scale:
        return (item.name.rpartition("/")[2],)
    return tuple(item.dims[axis][0].name.rpartition("/")[2] for axis in range(item.ndim))


def _values(item: h5py.Dataset) -> Any:
    return item.asstr()[...].astype(str) if h5py.check_string_dtype(item.dtype) else item[...]


def _attributes(item: h5py.Dataset | h5py.Group) -> dict[str, Any]:
    """The attributes, without those by which NetCDF 4 keeps its dimensions."""
    return {
        key: value[0] if getattr(value, "shape", ()) == (1,) else value
        for key, value in item.attrs.items()
        if key not in _OF_NETCDF
    }

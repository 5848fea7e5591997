"""Where land is: a file of polygons (GeoJSON), or of a share of land by grid (NetCDF, Zarr)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.geodesy import nearest_on_axis
from configs.gridded import first_line, latitude_and_longitude, open_gridded

if TYPE_CHECKING:
    import xarray as xr

MAX_BYTES = 500_000_000
"""Of a GeoJSON file: the world's coast at a scale of 1:10 million has 10 MB."""
LAND = 0.5
"""A share of land above it is land."""
POLYGON = 3
"""Shapely's type of a polygon; those above are collections."""


def land_at(
    path: Path, latitudes: np.ndarray, longitudes: np.ndarray, variable: str | None = None
) -> np.ndarray:
    """Which points of a grid are on land: (latitude, longitude), bool.

    ``latitudes``, ``longitudes``: increasing, degrees north and east from -180 to 180.
    ``variable``: of a NetCDF file or Zarr store that has several. Raises ValueError, the end of a
    sentence.
    """
    if not path.exists():
        raise ValueError(
            f"grid.mask: there is no file {path}, expected GeoJSON, NetCDF or Zarr; mend the path, "
            "which is relative to the region file"
        )
    if path.suffix.lower() in {".geojson", ".json"}:
        return _in_polygons(path, latitudes, longitudes)
    return _in_share(path, latitudes, longitudes, variable)


def _in_polygons(path: Path, latitudes: np.ndarray, longitudes: np.ndarray) -> np.ndarray:
    """Points inside of polygons or on their edges; each is asked of the points in its box alone."""
    import shapely

    land = np.zeros((len(latitudes), len(longitudes)), bool)
    for polygon in _polygons(path):
        west, south, east, north = shapely.bounds(polygon)
        rows = slice(*np.searchsorted(latitudes, (south, np.nextafter(north, 91))))
        columns = slice(*np.searchsorted(longitudes, (west, np.nextafter(east, 361))))
        if land[rows, columns].size:
            shapely.prepare(polygon)
            x, y = np.meshgrid(longitudes[columns], latitudes[rows])
            land[rows, columns] |= shapely.intersects_xy(polygon, x, y)
    return land


def _polygons(path: Path) -> list[Any]:
    """The polygons of a GeoJSON file of any kind."""
    import shapely

    if path.stat().st_size > MAX_BYTES:
        raise ValueError(
            f"grid.mask: {path} has {path.stat().st_size:,} bytes, expected at most "
            f"{MAX_BYTES:,}; simplify its polygons"
        )
    try:
        parts = shapely.get_parts(shapely.from_geojson(path.read_bytes()))
        while (shapely.get_type_id(parts) > POLYGON).any():
            parts = shapely.get_parts(parts)
    except (shapely.GEOSException, OSError, ValueError) as error:
        raise ValueError(
            f"grid.mask: {path} cannot be read as GeoJSON ({first_line(error)}); save it as that"
        ) from None
    polygons = [part for part in parts[shapely.get_type_id(parts) == POLYGON] if not part.is_empty]
    if not polygons:
        raise ValueError(
            f"grid.mask: found no polygon in {path}, expected one at least; save the land as "
            "polygons"
        )
    return polygons


def _in_share(
    path: Path, latitudes: np.ndarray, longitudes: np.ndarray, variable: str | None
) -> np.ndarray:
    """Points whose nearest point of the mask's grid is land; beyond the mask there is none."""
    share = _share_of(path, variable)
    rows = nearest_on_axis(share[share.dims[0]].values, latitudes)
    columns = nearest_on_axis(share[share.dims[1]].values, longitudes, turn=360.0)
    first, last = max(rows.min(), 0), rows.max() + 1
    if first >= last:
        return np.zeros((len(latitudes), len(longitudes)), bool)
    values = share[first:last].load()  # of the rows in question alone
    percent = 100.0 if values.attrs.get("units") in {"%", "percent"} else 1.0
    land: np.ndarray = values.values[rows - first][:, columns] > LAND * percent
    return land & (rows >= 0)[:, None] & (columns >= 0)[None, :]


def _share_of(path: Path, variable: str | None) -> xr.DataArray:
    """The variable of a mask, (latitude, longitude), not yet read."""
    try:
        dataset = open_gridded(path)
    except Exception as error:  # readers of NetCDF and Zarr raise errors of every kind
        raise ValueError(
            f"grid.mask: {path} cannot be read as NetCDF or Zarr "
            f"({first_line(error)}); save it as that, or as GeoJSON"
        ) from None
    north, east = latitude_and_longitude(dataset)
    others = [dim for dim, size in dataset.sizes.items() if size == 1 and dim not in (north, east)]
    flat = dataset.squeeze(others, drop=True)
    if north is None or east is None or not {north, east} <= set(flat.dims):
        raise ValueError(
            f"grid.mask: {path} has the dimensions {', '.join(map(str, flat.sizes)) or 'none'}, "
            "expected latitude and longitude with their coordinates; rename them"
        )
    shares = [name for name, one in flat.data_vars.items() if set(one.dims) == {north, east}]
    if variable is None and len(shares) == 1:
        variable = str(shares[0])
    if variable not in shares:
        found = ", ".join(map(str, shares)) or "none"
        raise ValueError(
            f"grid.mask_variable: found {variable or 'none'}, expected one of the variables by "
            f"latitude and longitude of {path}: {found}; name it"
        )
    return flat[variable].transpose(north, east)

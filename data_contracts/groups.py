"""Groups of the store: how one is read, combined with what is new, and written."""

from __future__ import annotations

from typing import Any

import icechunk
import numpy as np
import xarray as xr
import zarr

from data_contracts.grids import LOCATION_ATTRIBUTES, described
from data_contracts.variables import VARIABLES

CHUNKS = {"time": 365, "init_time": 90, "lead_time": 16, "location": 250, "member": 10}
"""About a year by 250 locations, 365 kB as float32: a station's decade is ten reads."""

READ = {"time": 3_650, "init_time": 360, "lead_time": 16, "location": 250, "member": 10}
"""Some chunks a task: for one alone Dask plans longer than it reads.

A decade of 250 locations is 3.6 MB a variable.
"""

AXIS_CHUNK = 36_500
"""A coordinate is one chunk for a century of days, so that opening a store reads it at once."""


def open_group(session: icechunk.Session, group: str) -> xr.Dataset | None:
    """A stored group in chunks of READ, its axes in memory; None where there is no such group."""
    try:
        dataset = xr.open_zarr(
            session.store, group=group, consolidated=False, chunks=None, decode_timedelta=True
        )
    except (FileNotFoundError, KeyError):
        return None
    coords = {name: dataset[name].load() for name in ("latitude", "longitude", "elevation")} | {
        "name": _text(dataset["name"])
    }
    variables = [name for name in VARIABLES if name in dataset]
    bare = dataset[variables].drop_vars(list(coords))
    chunked = bare.chunk({dim: READ[str(dim)] for dim in bare.dims})
    return chunked.assign_coords({"location": _text(dataset["location"])} | coords)


def _text(values: xr.DataArray) -> xr.DataArray:
    """Strings as plain numpy text, which every library reads."""
    return xr.DataArray(
        np.array(values.values.tolist(), dtype=str), dims=values.dims, attrs=values.attrs
    )


def put_group(
    session: icechunk.Session, group: str, new: xr.Dataset | None, complete: bool
) -> None:
    """Brings a stored group to what it should now hold, by the smallest write."""
    stored = open_group(session, group)
    if new is None:
        if stored is not None and complete:
            del zarr.open_group(session.store, mode="a")[group]
        return
    if stored is None:
        return _write_all(session, group, new)
    dim = str(new[next(iter(new.data_vars))].dims[0])
    if not complete:
        since = min(new[dim].values[0], stored[dim].values[-1])
        new = combine(new, stored.sel({dim: slice(since, None)}).load(), dim)
    start = int(np.searchsorted(stored[dim].values, new[dim].values[0]))
    old = stored.isel({dim: slice(start, None)})
    if (start and complete) or not _extends(new, old, dim):
        return _write_all(session, group, new if complete else combine(new, stored.load(), dim))
    _write_changes(session, group, new, old.load(), start)


def combine(new: xr.Dataset, stored: xr.Dataset, dim: str) -> xr.Dataset:
    """Both together: new values win where there are any, and old locations keep their order."""
    parts = [new, stored]
    if any("member" in part.dims for part in parts):
        parts = [_with_member(part) for part in parts]
    axes = {
        name: np.unique(np.concatenate([part[name].values for part in parts]))
        for name in (dim, "lead_time", "member")
        if name in parts[0].dims
    }
    if dim == "time":
        axes[dim] = np.arange(
            axes[dim].min(), axes[dim].max() + np.timedelta64(1, "D"), np.timedelta64(1, "D")
        )
    axes["location"] = np.array(
        list(
            dict.fromkeys([*stored["location"].values.tolist(), *new["location"].values.tolist()])
        ),
        dtype=str,
    )
    newer, older = (part.reset_coords(list(LOCATION_ATTRIBUTES)).reindex(axes) for part in parts)
    merged = newer.combine_first(older).transpose(
        dim, *(name for name in ("lead_time", "location", "member") if name in axes)
    )
    delays = {
        str(name): int(part[name].attrs["delay_days"])
        for part in (stored, new)
        for name in part.data_vars
    }
    return described(
        merged.set_coords(list(LOCATION_ATTRIBUTES)).assign_coords(name=_text(merged["name"])),
        delays,
    )


def _with_member(part: xr.Dataset) -> xr.Dataset:
    """A deterministic run among ensembles is member -1."""
    if "member" in part.dims:
        return part
    return part.assign({name: part[name].expand_dims(member=[-1]) for name in part.data_vars})


def _extends(new: xr.Dataset, old: xr.Dataset, dim: str) -> bool:
    """Whether ``new`` has all that ``old`` has, on the same axes but for a longer ``dim``."""
    if (
        set(new.data_vars) != set(old.data_vars)
        or set(new.dims) != set(old.dims)
        or new.sizes[dim] < old.sizes[dim]
    ):
        return False
    same = all(new[name].equals(old[name]) for name in new.coords if dim not in new[name].dims)
    same &= all(new[name].attrs == old[name].attrs for name in new.data_vars)
    return same and np.array_equal(new[dim].values[: old.sizes[dim]], old[dim].values)


def _write_changes(
    session: icechunk.Session, group: str, new: xr.Dataset, old: xr.Dataset, start: int
) -> None:
    """Writes the stretch of ``new`` that differs from ``old``, and appends the rest.

    ``old`` begins at ``start`` in the store.
    """
    dim = str(new[next(iter(new.data_vars))].dims[0])
    known = old.sizes[dim]
    differs = np.zeros(known, bool)
    for name in new.data_vars:
        before, after = old[name].values, new[name].values[:known]
        same = (before == after) | (np.isnan(before) & np.isnan(after))
        differs |= ~same.reshape(known, -1).all(axis=1)
    if differs.any():
        first, last = np.flatnonzero(differs)[[0, -1]]
        stretch = new.isel({dim: slice(first, last + 1)}).drop_vars(list(new.coords))
        region = {name: slice(0, size) for name, size in stretch.sizes.items()} | {
            dim: slice(start + first, start + last + 1)
        }
        stretch.to_zarr(session.store, group=group, region=region, consolidated=False)
    if new.sizes[dim] > known:
        others = [name for name in new.coords if dim not in new[name].dims]
        new.isel({dim: slice(known, None)}).drop_vars(others).to_zarr(
            session.store, group=group, append_dim=dim, consolidated=False
        )


def _write_all(session: icechunk.Session, group: str, new: xr.Dataset) -> None:
    """Writes a group whole, in the final layout, whose chunks may be larger than the arrays."""
    encoding: dict[Any, dict[str, Any]] = {
        name: {"chunks": tuple(CHUNKS[str(dim)] for dim in new[name].dims), "dtype": "float32"}
        for name in new.data_vars
    }
    for name in ("time", "init_time"):
        if name in new.coords:
            encoding[name] = {
                "chunks": (AXIS_CHUNK,),
                "dtype": "int32",
                "units": "days since 1970-01-01",
            }
    plain = new.assign_coords({name: new[name].astype(object) for name in ("location", "name")})
    plain.drop_encoding().to_zarr(
        session.store, group=group, mode="w", encoding=encoding, zarr_format=3, consolidated=False
    )

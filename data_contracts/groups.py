"""Groups of the store: how one is read, what a batch changes in it, and how that is written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import dask.array
import icechunk
import numpy as np
import pandas as pd
import xarray as xr
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

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

AXIS_UNITS = "days since 1970-01-01"

CHECKED = (ZstdCodec(level=0), Crc32cCodec())
"""Codecs of every array: a chunk of which a bit has changed does not decode."""

NO_DAYS = np.array([], "datetime64[D]")

Explained = Callable[[], AbstractContextManager[None]]
"""Makes a block that raises StoreUnusable for what cannot be read in it."""


@dataclass(frozen=True)
class StoredArray:
    """An array of the store as Dask reads it; a chunk that is damaged raises StoreUnusable."""

    array: zarr.Array[Any]
    explained: Explained

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""
        return self.array.shape

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its values."""
        return np.dtype(self.array.dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        """The values of a part. Raises StoreUnusable."""
        with self.explained():
            return np.asarray(self.array[key])


def root_of(session: icechunk.Session) -> zarr.Group | None:
    """The root group, to read; None in a store into which nothing was ever put."""
    try:
        return zarr.open_group(session.store, mode="r")
    except zarr.errors.GroupNotFoundError:
        return None


def open_group(session: icechunk.Session, group: str, explained: Explained) -> xr.Dataset | None:
    """A stored group in chunks of READ, its axes in memory; None where there is no such group.

    Raises StoreUnusable where it cannot be read, now or when its values are.
    """
    with explained():
        root = root_of(session)
        if root is None or group not in root:
            return None
        dataset = xr.open_zarr(
            session.store, group=group, consolidated=False, chunks=None, decode_timedelta=True
        )
        coords = {name: dataset[name].load() for name in ("latitude", "longitude", "elevation")}
        coords |= {name: _text(dataset[name]) for name in ("name", "location")}
    bare = dataset.drop_vars([name for name in dataset.variables if name not in dataset.dims])
    arrays = {}
    for name in (name for name in VARIABLES if name in dataset):
        dims = tuple(str(dim) for dim in dataset[name].dims)
        array = root[f"{group}/{name}"]
        assert isinstance(array, zarr.Array)
        values = dask.array.from_array(
            StoredArray(array, explained),
            chunks=tuple(READ[dim] for dim in dims),
            name=f"{session.snapshot_id}-{group}-{name}",
            meta=np.empty((0,) * len(dims), np.float32),
        )
        arrays[name] = (dims, values, dataset[name].attrs)
    return bare.assign(arrays).assign_coords(coords)


def _text(values: xr.DataArray) -> xr.DataArray:
    """Strings as plain numpy text, which every library reads."""
    return xr.DataArray(
        np.array(values.values.tolist(), dtype=str), dims=values.dims, attrs=values.attrs
    )


@dataclass(frozen=True)
class Change:
    """What a batch makes of a group.

    ``target``: what the group is to hold from position ``start`` of its first axis on, None for no
    group; ``old``: what it holds there, None for nothing. ``whole``: it is written anew.
    ``revision``: ``old`` with other values in the place of stored ones, None where none is
    replaced; ``days``: of which, datetime64[D]. ``more``: anything else changes too.
    """

    group: str
    target: xr.Dataset | None
    old: xr.Dataset | None = None
    start: int = 0
    whole: bool = False
    revision: xr.Dataset | None = None
    days: np.ndarray = field(default_factory=lambda: NO_DAYS)
    more: bool = False


def change_of(
    session: icechunk.Session,
    group: str,
    new: xr.Dataset | None,
    complete: bool,
    explained: Explained,
    taken_back: pd.DataFrame,
) -> Change:
    """What a batch's ``new`` values make of a stored group.

    A ``complete`` source's replace the group, another's are added to it. ``taken_back``: columns
    variable, time, location, of stored values that become missing. Raises StoreUnusable.
    """
    stored = open_group(session, group, explained)
    if stored is None:
        return Change(group, new, whole=new is not None, more=new is not None)
    if new is None and (complete or taken_back.empty):
        return Change(group, None, stored, more=complete)
    dim = first_axis(stored)

    def added(since: Any) -> xr.Dataset:
        """What is stored, from ``since`` on, without what is taken back, and the new values."""
        kept = without(stored.sel({dim: slice(since, None)}).load(), taken_back)
        return kept if new is None else combine(new, kept, dim)

    if complete and new is not None:
        target = new
    else:
        first = [each[dim].values[0] for each in (new,) if each is not None]
        first += [day for day in taken_back["time"].to_numpy("datetime64[ns]") if dim == "time"]
        target = added(min(*first, stored[dim].values[-1]))
    start = int(np.searchsorted(stored[dim].values, target[dim].values[0]))
    old = stored.isel({dim: slice(start, None)})
    whole = bool(start and complete) or not _extends(target, old, dim)
    if whole:
        old, start = stored, 0
        target = target if complete else added(None)
    old = old.load()
    revision, days = _revision(target, old, complete) if dim == "time" else (None, NO_DAYS)
    more = whole or target.sizes[dim] > old.sizes[dim]
    more = more or bool(len(_differing(target, revision or old)))
    if more and not whole and not _is_checked(session, group):
        whole, target = True, target if complete else added(None)
    return Change(group, target, old, start, whole, revision, days, more)


def without(values: xr.Dataset, cells: pd.DataFrame) -> xr.Dataset:
    """Values (time, location) in memory, of which some cells are missing now.

    ``cells``: columns variable, time, location; those that are not there are passed over.
    """
    for name, mine in cells.groupby("variable"):
        if name not in values:
            continue
        array = values[name].transpose("time", "location")
        days = array.indexes["time"].get_indexer(mine["time"].astype("datetime64[ns]"))
        places = array.indexes["location"].get_indexer(mine["location"].astype(object))
        there = (days >= 0) & (places >= 0)
        numbers = array.values.copy()
        numbers[days[there], places[there]] = np.nan
        values = values.assign({name: array.copy(data=numbers)})
    return values


def first_axis(dataset: xr.Dataset) -> str:
    """The axis of days of a group: time, or init_time."""
    return "time" if "time" in dataset.dims else "init_time"


def _differing(first: xr.Dataset, other: xr.Dataset) -> np.ndarray:
    """Positions on the axis of days of ``other`` where any value of the two differs."""
    names = map(str, first.data_vars)
    differs = [_differs(first, other, name) for name in names]
    return np.flatnonzero(np.logical_or.reduce(differs))


def _differs(first: xr.Dataset, other: xr.Dataset, name: str) -> np.ndarray:
    """Whether a variable of two datasets differs, by the days of ``other``."""
    before, after = other[name].values, first[name].values[: other.sizes[first_axis(other)]]
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    differs: np.ndarray = ~same.reshape(len(same), -1).all(axis=1)
    return differs


def _revision(
    target: xr.Dataset, old: xr.Dataset, complete: bool
) -> tuple[xr.Dataset | None, np.ndarray]:
    """``old`` with the target's values in the place of stored ones, and the days of that.

    Where both have one and they differ, and where a source that adds takes one back. None where
    there is no such value.
    """
    names = [name for name in old.data_vars if name in target]
    if not names:
        return None, NO_DAYS
    now = target[names].drop_vars(list(LOCATION_ATTRIBUTES))
    now = now.reindex({dim: old[dim].values for dim in old.dims})
    revised = {
        name: (np.isfinite(now[name].values) | (not complete))
        & np.isfinite(old[name].values)
        & (now[name].values != old[name].values)
        for name in names
    }
    any_place = [mask.any(axis=1) for mask in revised.values()]
    days = old["time"].values[np.logical_or.reduce(any_place)]
    if not len(days):
        return None, NO_DAYS
    values = {
        name: (old[name].dims, np.where(mask, now[name].values, old[name].values))
        for name, mask in revised.items()
    }
    return old.assign(values), days.astype("datetime64[D]")


def has_checksum(array: zarr.Array[Any]) -> bool:
    """Whether an array's chunks have checksums."""
    return array.compressors[-1:] == CHECKED[-1:]


def _is_checked(session: icechunk.Session, group: str) -> bool:
    """Whether the group's arrays have checksums: those of versions before have none."""
    stored = zarr.open_group(session.store, mode="r", path=group)
    arrays = [array for _, array in stored.arrays()]
    return all(map(has_checksum, arrays))


def write_revision(session: icechunk.Session, change: Change) -> None:
    """Writes the revised values alone."""
    if change.revision is not None and change.old is not None:
        _write_changes(session, change.group, change.revision, change.old, change.start)


def write_change(session: icechunk.Session, change: Change) -> None:
    """Brings a group to what it is to hold, by the smallest write."""
    if change.target is None:
        if change.more:
            del zarr.open_group(session.store, mode="a")[change.group]
    elif change.whole or change.old is None:
        _write_all(session, change.group, change.target)
    else:
        _write_changes(session, change.group, change.target, change.old, change.start)


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
    dim = first_axis(new)
    known, differing = old.sizes[dim], _differing(new, old)
    if len(differing):
        first, last = differing[[0, -1]]
        names = [str(name) for name in new.data_vars if _differs(new, old, str(name)).any()]
        stretch = new[names].isel({dim: slice(first, last + 1)}).drop_vars(list(new.coords))
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
                "units": AXIS_UNITS,
            }
    encoding = {
        name: encoding.get(name, {}) | {"compressors": CHECKED}
        for name in (*new.data_vars, *new.coords)
    }
    plain = new.assign_coords({name: new[name].astype(object) for name in ("location", "name")})
    plain.drop_encoding().to_zarr(
        session.store, group=group, mode="w", encoding=encoding, zarr_format=3, consolidated=False
    )

"""The store: the only door to the data.

What the contract has passed, in Icechunk, one repository a region. <home>/data/store/<region>/
holds a group a source, each with ``observations`` (time, location) and ``forecasts`` (init_time,
lead_time, location[, member]). Every ingest that changes anything is one snapshot; a process killed
while writing leaves the newest snapshot as it was. Two lists are kept beside:
<home>/data/quarantine/<region>.csv of the cells withheld, <home>/data/quality/<region>.csv of what
sources say of their readings. All paths are relative to the home, which may be moved.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pandas as pd
import xarray as xr
import zarr

from configs import Region, RiskError, Settings
from data_contracts.batch import Batch, FetchRequest, Source, StoredRecord
from data_contracts.contract import Checked, ContractBroken, check, no_cells, no_quality
from data_contracts.variables import VARIABLES

__all__ = ["ContractBroken", "Store", "Stored", "newest_origins"]

CHUNKS = {"time": 365, "init_time": 90, "lead_time": 16, "location": 250, "member": 10}
"""About a year by 250 places, 365 kB as float32: a station's decade is ten reads."""

READ = {"time": 3_650, "init_time": 360, "lead_time": 16, "location": 250, "member": 10}
"""Some chunks a task: for one alone Dask plans longer than it reads.

A decade of 250 places is 3.6 MB a variable.
"""

AXIS_CHUNK = 36_500
"""A coordinate is one chunk for a century of days, so that opening a store reads it at once."""

PLACE_ATTRIBUTES = {
    "latitude": {"standard_name": "latitude", "units": "degrees_north"},
    "longitude": {"standard_name": "longitude", "units": "degrees_east"},
    "elevation": {"standard_name": "surface_altitude", "units": "m", "positive": "up"},
    "name": {"long_name": "name of the place"},
}

# Icechunk warns on stdout that local commits must not be concurrent; the file lock sees to that.
icechunk.set_logs_filter("error")


@dataclass(frozen=True)
class Stored:
    """What became of a batch: the newest snapshot, whether this batch made it, and its bad cells.

    ``withheld``: columns source, variable, time, location, value, rule.
    """

    snapshot: str
    changed: bool
    withheld: pd.DataFrame


class Store:
    """The data of one region."""

    def __init__(self, settings: Settings, region: Region) -> None:
        self.region, self.settings = region, settings
        self.path = settings.data / "store" / region.name
        self.quarantine = settings.data / "quarantine" / f"{region.name}.csv"
        self.qualities = settings.data / "quality" / f"{region.name}.csv"

    def ingest(self, source: Source, batch: Batch) -> Stored:
        """Check a batch and store it.

        A ``complete`` source replaces what it held. Another adds to it: its new values win over old
        ones, and a missing value leaves the old one.
        No snapshot is made when nothing changed. Raises ContractBroken, and then nothing is stored.
        """
        checked = check(batch, source.name, source.complete, source.readings)
        self.path.mkdir(parents=True, exist_ok=True)
        with _lock(self.path.with_suffix(".lock")):
            repository = icechunk.Repository.open_or_create(_storage(self.path), config=_config())
            session = repository.writable_session("main")
            self._keep_quality(source, batch)
            for what, new in _grids(checked, source).items():
                _put(session, f"{source.name}/{what}", new, source.complete)
            changed = session.has_uncommitted_changes
            snapshot = session.commit(f"{source.name}") if changed else session.snapshot_id
            self._quarantine(source, checked)
        return Stored(snapshot, changed, checked.withheld)

    def fetch_request(self, source: str) -> FetchRequest:
        """What to ask a source for: this region, and what is stored from the source already."""
        try:
            session = self._session(None)
        except RiskError:
            return FetchRequest(self.region, self.settings)
        stored = (_open(session, f"{source}/{what}") for what in ("observations", "forecasts"))
        return FetchRequest(self.region, self.settings, StoredRecord(*stored))

    def observations(self, snapshot: str | None = None) -> xr.Dataset:
        """Daily observations, Dask-backed: dims (time, location), float32, contiguous days.

        Missing is NaN. Sources are merged in the region's order of preference, of a variable in its
        own: the first that has a value gives it. Coordinates latitude, longitude, elevation and
        name by location, and ``source`` (variable, time, location): which source gave each value,
        as a number into its attribute ``flag_meanings`` (CF 3.5), -1 where none did. Each
        variable's attribute ``delay_days`` is that of the first source that has it, as it was when
        stored. Raises RiskError when nothing is stored.
        """
        found = self._read("observations", snapshot)
        if not found:
            raise RiskError(
                f"region {self.region.name!r}: no observations are stored yet, run `climate-risk "
                f"pull {self.region.name}` first."
            )
        merged = _merge_sources(found, "time", self.region)
        return merged.assign_coords(source=_origin(merged, found, self.region))

    def forecasts(self, snapshot: str | None = None) -> xr.Dataset | None:
        """Weather forecasts as they were issued: dims (init_time, lead_time, location[, member]).

        None where there are none. Each variable's attribute ``delay_days`` is that of its runs,
        Source.run_delay_days.
        """
        found = self._read("forecasts", snapshot)
        return _merge_sources(found, "init_time", self.region) if found else None

    def snapshot(self) -> str:
        """Id of the newest snapshot. Raises RiskError when nothing is stored."""
        return self._session(None).snapshot_id

    def withheld(self) -> pd.DataFrame:
        """All cells now withheld: columns source, variable, time, location, value, rule."""
        return _read_list(self.quarantine, no_cells())

    def quality(self) -> pd.DataFrame:
        """What sources say of the readings behind each day, as ``contract.no_quality``."""
        return _read_list(self.qualities, no_quality())

    def _session(self, snapshot: str | None) -> icechunk.Session:
        """A read-only session at a snapshot (default: the newest).

        Looks first: opening Icechunk would create the folder.
        """
        if not self.path.is_dir() or not icechunk.Repository.exists(_storage(self.path)):
            raise RiskError(
                f"region {self.region.name!r}: nothing is stored yet, run `climate-risk pull "
                f"{self.region.name}` first."
            )
        repository = icechunk.Repository.open(_storage(self.path), config=_config())
        try:
            return (
                repository.readonly_session(snapshot_id=snapshot)
                if snapshot
                else repository.readonly_session("main")
            )
        except (icechunk.IcechunkError, ValueError):
            raise RiskError(
                f"region {self.region.name!r}: the store has no snapshot {snapshot!r}, expected "
                f"one such as {self.snapshot()}."
            ) from None

    def _read(self, what: str, snapshot: str | None) -> dict[str, xr.Dataset]:
        """What each source of the region has stored, in the region's order of preference."""
        session = self._session(snapshot)
        found = {name: _open(session, f"{name}/{what}") for name in self.region.sources}
        return {name: dataset for name, dataset in found.items() if dataset is not None}

    def _quarantine(self, source: Source, checked: Checked) -> None:
        """List the cells now withheld: all of a complete source, of another those it delivered."""
        before = self.withheld()
        stale = before["source"] == source.name
        if not source.complete:
            stale &= _delivered(before, checked.observations) & ~before["rule"].str.contains(
                "forecast issued"
            )
        _write_list(self.quarantine, before, before[~stale], checked.withheld)

    def _keep_quality(self, source: Source, batch: Batch) -> None:
        """List what is now said of the days that the batch speaks of; of others it stays."""
        before, new = self.quality(), batch.quality.assign(source=source.name)
        stale = (before["source"] == source.name) & (
            _delivered(before, batch.observations) | _delivered(before, batch.quality)
        )
        _write_list(self.qualities, before, before[~stale], new)


def _read_list(path: Path, nothing: pd.DataFrame) -> pd.DataFrame:
    """A list kept beside the store, in the columns and types of ``nothing``, its default."""
    if not path.exists():
        return nothing
    return pd.read_csv(
        path, dtype={"location": "str"}, keep_default_na=False, parse_dates=["time"]
    ).astype(nothing.dtypes)


def _write_list(path: Path, before: pd.DataFrame, kept: pd.DataFrame, new: pd.DataFrame) -> None:
    """Replace a list whole by what is kept of it and what is new; write only what changed."""
    listed = (
        pd.concat([kept, new], ignore_index=True)[list(before.columns)]
        .astype(before.dtypes)
        .drop_duplicates(ignore_index=True)
    )
    listed = listed.sort_values(
        ["source", "variable", "location", "time", *before.columns[4:]], ignore_index=True
    )
    if listed.equals(before):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    listed.to_csv(partial, index=False, lineterminator="\n", date_format="%Y-%m-%d")
    os.replace(partial, path)


def _delivered(cells: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Which of the cells lie on a place and day the table speaks of."""
    if table.empty:
        return pd.Series(False, index=cells.index)
    days = pd.MultiIndex.from_frame(table[["time", "location"]].astype({"time": "datetime64[ns]"}))
    return pd.Series(
        pd.MultiIndex.from_frame(cells[["time", "location"]]).isin(days), index=cells.index
    )


def _storage(path: Path) -> icechunk.Storage:
    return icechunk.local_filesystem_storage(str(path))


def _config() -> icechunk.RepositoryConfig:
    """Nothing is read ahead in the background: it would complain of a folder moved meanwhile."""
    preload = icechunk.ManifestPreloadConfig(
        max_total_refs=0, preload_if=icechunk.ManifestPreloadCondition.false()
    )
    return icechunk.RepositoryConfig(manifest=icechunk.ManifestConfig(preload=preload))


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One writer a region at a time. The kernel frees the lock of a process that dies."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _open(session: icechunk.Session, group: str) -> xr.Dataset | None:
    """A stored group in chunks of READ, its axes in memory; None where there is no such group."""
    try:
        dataset = xr.open_zarr(
            session.store, group=group, consolidated=False, chunks=None, decode_timedelta=True
        )
    except (FileNotFoundError, KeyError):
        return None
    places = {name: dataset[name].load() for name in ("latitude", "longitude", "elevation")} | {
        "name": _text(dataset["name"])
    }
    variables = [name for name in VARIABLES if name in dataset]
    bare = dataset[variables].drop_vars(list(places))
    chunked = bare.chunk({dim: READ[str(dim)] for dim in bare.dims})
    return chunked.assign_coords({"location": _text(dataset["location"])} | places)


def _text(values: xr.DataArray) -> xr.DataArray:
    """Strings as plain numpy text, which every library reads."""
    return xr.DataArray(
        np.array(values.values.tolist(), dtype=str), dims=values.dims, attrs=values.attrs
    )


def _grids(checked: Checked, source: Source) -> dict[str, xr.Dataset | None]:
    """The checked tables as arrays, by the group they go to; None where there is no value."""
    tables = {
        "observations": (checked.observations, ("time",), source.delay_days),
        "forecasts": (
            checked.forecasts,
            ("init_time", "lead_days", "member"),
            source.run_delay_days,
        ),
    }
    grids = {
        what: _grid(table, keys, checked.locations, delay)
        for what, (table, keys, delay) in tables.items()
        if len(table)
    }
    return {
        what: grids[what] if what in grids and grids[what].data_vars else None for what in tables
    }


def _grid(table: pd.DataFrame, keys: Sequence[str], places: pd.DataFrame, delay: int) -> xr.Dataset:
    """A table as a Dataset: its keys and location become axes, days without a gap.

    Variables without any value are left out.
    """
    axes = {_dimension(key): _axis(table[key], key) for key in keys}
    axes["location"] = pd.Index(places["location"])
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
    return _describe(
        xr.Dataset(arrays, coords | _place_coords(places)), dict.fromkeys(arrays, delay)
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


def _place_coords(places: pd.DataFrame) -> dict[str, Any]:
    numbers = {
        name: ("location", places[name].to_numpy(np.float64))
        for name in ("latitude", "longitude", "elevation")
    }
    return {**numbers, "name": ("location", np.array(places["name"].tolist(), dtype=str))}


def _describe(dataset: xr.Dataset, delays: Mapping[str, int]) -> xr.Dataset:
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
    for name, constant in PLACE_ATTRIBUTES.items():
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


def _put(session: icechunk.Session, group: str, new: xr.Dataset | None, complete: bool) -> None:
    """Bring a stored group to what it should now hold, by the smallest write."""
    stored = _open(session, group)
    if new is None:
        if stored is not None and complete:
            del zarr.open_group(session.store, mode="a")[group]
        return
    if stored is None:
        return _write_all(session, group, new)
    dim = str(new[next(iter(new.data_vars))].dims[0])
    if not complete:
        since = min(new[dim].values[0], stored[dim].values[-1])
        new = _combine(new, stored.sel({dim: slice(since, None)}).load(), dim)
    start = int(np.searchsorted(stored[dim].values, new[dim].values[0]))
    old = stored.isel({dim: slice(start, None)})
    if (start and complete) or not _extends(new, old, dim):
        return _write_all(session, group, new if complete else _combine(new, stored.load(), dim))
    _write_changes(session, group, new, old.load(), start)


def _combine(new: xr.Dataset, stored: xr.Dataset, dim: str) -> xr.Dataset:
    """Both together: new values win where they are not missing, and old places keep their order."""
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
    newer, older = (part.reset_coords(list(PLACE_ATTRIBUTES)).reindex(axes) for part in parts)
    merged = newer.combine_first(older).transpose(
        dim, *(name for name in ("lead_time", "location", "member") if name in axes)
    )
    delays = {
        str(name): int(part[name].attrs["delay_days"])
        for part in (stored, new)
        for name in part.data_vars
    }
    return _describe(
        merged.set_coords(list(PLACE_ATTRIBUTES)).assign_coords(name=_text(merged["name"])), delays
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
    """Write the stretch of ``new`` that differs from ``old``, and append the rest.

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
    """Write a group whole, in the final layout, whose chunks may be larger than the arrays."""
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


def _merge_sources(found: Mapping[str, xr.Dataset], dim: str, region: Region) -> xr.Dataset:
    """One Dataset of several sources', the first that has a value giving it.

    A variable of an order of its own is merged by that.
    """
    if len(found) == 1:
        return next(iter(found.values()))
    merged = reduce(lambda first, other: _combine(first, other, dim), found.values())
    for name in (name for name in region.source_order if name in merged):
        ordered = [
            found[source][[name]]
            for source in region.sources_for(name)
            if source in found and name in found[source]
        ]
        merged[name] = reduce(lambda first, other: _combine(first, other, dim), ordered)[
            name
        ].reindex_like(merged[name])
    merged = merged.sel(
        location=list(
            dict.fromkeys(
                place for part in found.values() for place in part["location"].values.tolist()
            )
        )
    )
    chunked = merged.chunk({name: READ[str(name)] for name in merged.dims})
    return chunked.assign_coords({name: merged[name] for name in PLACE_ATTRIBUTES})


def _origin(merged: xr.Dataset, found: Mapping[str, xr.Dataset], region: Region) -> xr.DataArray:
    """Which of the sources gave each value: int8 (variable, time, location), -1 where none did.

    Dask-backed as the values are.
    """
    numbers = {source: number for number, source in enumerate(found)}
    bare = {source: part.drop_vars(list(PLACE_ATTRIBUTES)) for source, part in found.items()}
    parts = []
    for name in map(str, merged.data_vars):
        values = merged[name].drop_vars(list(PLACE_ATTRIBUTES), errors="ignore")
        origin = xr.full_like(values, -1, dtype=np.int8).drop_attrs()
        for source in reversed(
            [
                source
                for source in region.sources_for(name)
                if source in bare and name in bare[source]
            ]
        ):
            there = (
                bare[source][name]
                .notnull()
                .reindex_like(origin, fill_value=False)
                .chunk(values.chunksizes)
            )
            origin = origin.where(~there, np.int8(numbers[source]))
        parts.append(origin)
    names = pd.Index([str(name) for name in merged.data_vars], name="variable")
    attributes = {
        "standard_name": "status_flag",
        "flag_values": list(numbers.values()),
        "flag_meanings": " ".join(numbers),
    }
    return xr.concat(parts, dim=names, coords="minimal", compat="override").assign_attrs(attributes)


def newest_origins(observations: xr.Dataset, days: int = 30) -> dict[str, dict[str, float]]:
    """For each variable the sources of its newest days' values, with the share that each gave."""
    origin = observations["source"].isel(time=slice(-days, None))
    names = str(origin.attrs["flag_meanings"]).split()
    found = {}
    for variable in origin["variable"].values.tolist():
        values = origin.sel(variable=variable).values
        given = values[values >= 0]
        found[variable] = {
            name: round(float((given == number).mean()), 4)
            for number, name in enumerate(names)
            if (given == number).any()
        }
    return found

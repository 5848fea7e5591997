"""Several sources' records in one: which source gives each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from configs import Region
from data_contracts.grids import LOCATION_ATTRIBUTES
from data_contracts.groups import READ, combine

ONE_DAY = np.timedelta64(1, "D")


def on_one_axis(records: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Observations by source, each on all days from the first to the last of any; NaN is added.

    A record of few days beside one of decades would else be reindexed, for which Dask cuts the
    long axis into pieces as short as that record.
    """
    ends = [part["time"].values[[0, -1]] for part in records.values()]
    first, last = min(begin for begin, _ in ends), max(end for _, end in ends)
    days = np.arange(first, last + ONE_DAY, ONE_DAY)
    longer = dict[str, xr.Dataset]()
    for source, part in records.items():
        before = int((part["time"].values[0] - first) / ONE_DAY)
        after = len(days) - before - part.sizes["time"]
        variables = {name: _padded(part[name], before, after) for name in part.data_vars}
        others = part.drop_vars(list(part.data_vars)).drop_dims("time")
        axis = {"time": ("time", days, part["time"].attrs)}
        longer[source] = others.assign_coords(axis).assign(variables)
    return longer


def _padded(values: xr.DataArray, before: int, after: int) -> xr.Variable:
    """Values (time, ...) with so many days of NaN before and after them."""
    blocks = [values.data]
    for count, place in ((before, 0), (after, 1)):
        if count:
            nothing = da.full((count, *values.shape[1:]), np.nan, values.dtype)
            blocks.insert(place * len(blocks), nothing)
    chunks = {axis: READ[str(name)] for axis, name in enumerate(values.dims)}
    whole = da.concatenate(blocks).rechunk(chunks)
    return xr.Variable(values.dims, whole, values.attrs, values.encoding)


def merge_sources(records: Mapping[str, xr.Dataset], dim: str, region: Region) -> xr.Dataset:
    """One Dataset of several sources', the first that has a value giving it.

    ``records``: by source, in the region's order of preference. ``dim``: the axis of days. A
    variable of an order of its own is merged by that.
    """
    if len(records) == 1:
        return next(iter(records.values()))
    merged = _merged(list(records.values()), dim)
    for name in (name for name in region.source_order if name in merged):
        ordered = [
            records[source][[name]]
            for source in region.sources_for(name)
            if source in records and name in records[source]
        ]
        merged[name] = _merged(ordered, dim)[name].reindex_like(merged[name])
    ids = [name for part in records.values() for name in part["location"].values.tolist()]
    merged = merged.sel(location=list(dict.fromkeys(ids)))
    chunked = merged.chunk({name: READ[str(name)] for name in merged.dims})
    return chunked.assign_coords({name: merged[name] for name in LOCATION_ATTRIBUTES})


def _merged(records: Sequence[xr.Dataset], dim: str) -> xr.Dataset:
    return reduce(lambda first, other: combine(first, other, dim), records)


def origin_of(
    merged: xr.Dataset, records: Mapping[str, xr.Dataset], region: Region
) -> xr.DataArray:
    """Which of the sources gave each value: int8 (variable, time, location), -1 where none did.

    Dask-backed as the values are.
    """
    numbers = {source: number for number, source in enumerate(records)}
    bare = {source: part.drop_vars(list(LOCATION_ATTRIBUTES)) for source, part in records.items()}
    parts = []
    for name in map(str, merged.data_vars):
        values = merged[name].drop_vars(list(LOCATION_ATTRIBUTES), errors="ignore")
        origin = xr.full_like(values, -1, dtype=np.int8).drop_attrs()
        for source in reversed(region.sources_for(name)):
            if source in bare and name in bare[source]:
                has_value = bare[source][name].notnull().reindex_like(origin, fill_value=False)
                has_value = has_value.chunk(values.chunksizes)
                origin = origin.where(~has_value, np.int8(numbers[source]))
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
    shares = {}
    for variable in origin["variable"].values.tolist():
        values = origin.sel(variable=variable).values
        given = values[values >= 0]
        shares[variable] = {
            name: round(float((given == number).mean()), 4)
            for number, name in enumerate(names)
            if (given == number).any()
        }
    return shares

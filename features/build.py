"""The one way from observations to predictors, for training, backtest and live runs alike.

as_known_at lays the record out by issue day, each variable as late as it is published; everything a
hazard computes from that looks back only, so that nothing after the issue day can reach a
predictor. Dask computes LOCATIONS_PER_CHUNK locations at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from operator import getitem
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from dask import delayed
from dask.array.core import normalize_chunks
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph
from dask.typing import Key

from configs import Region
from features.hazards import Hazard, Options, happened

LOCATIONS_PER_CHUNK = 16


def delays_of(observations: xr.Dataset) -> dict[str, int]:
    """Days by which each variable's record lags the issue day.

    As the store wrote them (attribute ``delay_days``).
    """
    return {
        str(name): int(variable.attrs["delay_days"])
        for name, variable in observations.data_vars.items()
    }


def warm_season(region: Region, located: xr.Dataset) -> tuple[int, int]:
    """First and last month: the region's, else May to October, or November to April in the south.

    ``located``: any Dataset with a ``latitude`` by location.
    """
    latitude = located["latitude"].values if "latitude" in located.coords else np.array([np.nan])
    south = np.isfinite(latitude).any() and np.nanmean(latitude) < 0
    return region.warm_season or ((11, 4) if south else (5, 10))


NO_OPTIONS = Options()
"""Those of a region file that says nothing of a hazard."""


def options_for(hazard: Hazard, region: Region, observations: xr.Dataset) -> Options:
    """The region's warm season and its thresholds for the hazard."""
    return Options(warm_season(region, observations), region.thresholds.get(hazard.name, {}))


def as_known_at(
    observations: xr.Dataset, until: np.datetime64, delays: Mapping[str, int]
) -> xr.Dataset:
    """The record as it was known on the morning of each issue day.

    (time, location) -> (init_time, location), daily from the record's first day to ``until``. The
    value of day t - delay stands at t; a trailing window over init_time is therefore a window over
    what was known.
    """
    days = pd.date_range(
        observations["time"].values[0],
        max(pd.Timestamp(until), pd.Timestamp(observations["time"].values[0])),
    )
    whole = observations[list(delays)].reindex(time=days)
    known = {
        name: whole[name].variable.copy(data=_later(whole[name].values, delay))
        for name, delay in delays.items()
    }
    return xr.Dataset(known, whole.coords).rename(time="init_time")


def _later(values: np.ndarray, days: int) -> np.ndarray:
    """Each value ``days`` days later along axis 0, NaN before the first; dtype of ``values``."""
    moved = np.full_like(values, np.nan)
    moved[days:] = values[: max(len(values) - days, 0)]
    return moved


def build_features(
    hazard: Hazard,
    observations: xr.Dataset,
    normals: xr.Dataset,
    init_times: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
) -> xr.Dataset:
    """Predictors of one hazard for the given issue days: Dask-backed float32.

    (init_time, location), and (init_time, cell, location) for the hazard's ``by_cell``. The
    ``cell`` dimension carries lead_days and window_days. Predictors whose variables the record
    lacks are NaN. ``normals`` are the hazard's; ``delays`` are days by variable; nothing published
    after an issue day is read for it.
    """
    init_times = np.asarray(init_times, dtype="datetime64[ns]")
    wanted = [name for name in (*hazard.requires, *hazard.uses) if name in observations]
    first = init_times.min() - np.timedelta64(hazard.memory_days + max(delays.values()), "D")
    record = observations[wanted].drop_vars(_ASIDE, errors="ignore").sel(time=slice(first, None))
    if not record.sizes["time"]:
        record = observations[wanted].drop_vars(_ASIDE, errors="ignore").isel(time=slice(-1, None))
    known = as_known_at(record, init_times.max(), {name: delays[name] for name in wanted})
    rows = np.searchsorted(known["init_time"].values, init_times)
    places = known.sizes["location"]
    blocks = [
        _block(
            known.isel(location=slice(begin, begin + LOCATIONS_PER_CHUNK)),
            normals.isel(location=slice(begin, begin + LOCATIONS_PER_CHUNK)),
            hazard,
            rows,
            dict(delays),
            options,
        )
        for begin in range(0, places, LOCATIONS_PER_CHUNK)
    ]
    sizes = {"init_time": len(rows), "cell": len(hazard.cells), "location": places}
    variables = {
        name: (dims_of(hazard, name), _variable(name, blocks, dims_of(hazard, name), sizes))
        for name in hazard.features
    }
    coords = {
        "init_time": init_times,
        "location": known["location"].values,
        **cell_coordinates(hazard),
    }
    return xr.Dataset(variables, coords=coords)


_ASIDE = ("latitude", "longitude", "elevation", "name")


def dims_of(hazard: Hazard, name: str) -> tuple[str, ...]:
    """Dimensions of one predictor."""
    by_cell = name in hazard.by_cell
    return ("init_time", "cell", "location") if by_cell else ("init_time", "location")


def _block(*given: Any) -> Delayed:
    """The predictors of a few locations, computed together when they are asked for.

    ``given`` to _predict_block; none of it is lazy, so Dask need not look into it.
    """
    return delayed(partial(_predict_block, *given), pure=False, traverse=False)()


def _variable(
    name: str, blocks: list[Delayed], dims: tuple[str, ...], sizes: Mapping[str, int]
) -> da.Array:
    """One predictor of all blocks, one Dask chunk a block."""
    key = f"{name}-{blocks[0].key}"
    before = (0,) * (len(dims) - 1)
    layer: dict[Key, Any] = {
        (key, *before, number): (getitem, block.key, name) for number, block in enumerate(blocks)
    }
    dependencies: list[Any] = list(blocks)
    graph = HighLevelGraph.from_collections(key, layer, dependencies)
    shape = tuple(sizes[dim] for dim in dims)
    chunks = normalize_chunks((*shape[:-1], LOCATIONS_PER_CHUNK), shape, dtype=np.float32)
    return da.Array(graph, key, chunks, dtype=np.float32)


def cell_coordinates(hazard: Hazard) -> dict[str, tuple[str, list[int]]]:
    """lead_days and window_days along ``cell``."""
    return {
        "lead_days": ("cell", [cell.lead_days for cell in hazard.cells]),
        "window_days": ("cell", [cell.window_days for cell in hazard.cells]),
    }


def _predict_block(
    known: xr.Dataset,
    normals: xr.Dataset,
    hazard: Hazard,
    rows: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
) -> dict[str, np.ndarray]:
    observed = hazard.observe(known, normals, rows, delays, options)
    size = {"init_time": len(rows), "cell": len(hazard.cells), "location": known.sizes["location"]}
    out, issued = {}, _evenly(rows)
    for predictor in hazard.predictors:
        values = predictor.value(observed)
        shape = tuple(size[dim] for dim in dims_of(hazard, predictor.name))
        values = values if predictor.by_cell else values[issued]
        out[predictor.name] = np.broadcast_to(values.astype(np.float32, copy=False), shape)
    return out


def _evenly(rows: np.ndarray) -> slice | np.ndarray:
    """Rows as a slice, which copies nothing, where they are evenly apart."""
    steps = np.diff(rows)
    if not len(steps) or steps[0] < 1 or (steps != steps[0]).any():
        return rows
    return slice(int(rows[0]), int(rows[-1]) + 1, int(steps[0]))


def values_of(features: xr.Dataset, name: str) -> np.ndarray:
    """A predictor as (cell, init_time, location) float64; one cell where all cells share it."""
    values = features[name].values.astype(np.float64)
    return np.moveaxis(values, 1, 0) if values.ndim == 3 else values[None]


def existing(
    hazard: Hazard,
    observations: xr.Dataset,
    init_times: np.ndarray,
    normals: xr.Dataset,
    options: Options,
) -> np.ndarray:
    """Which cells there are: 1, 0 where the event cannot be, NaN where there is no such cell.

    (cell, init_time, location). No cell of a hazard that counts only where it was measured is at a
    location that never had all it requires.
    """
    exists = hazard.applies(init_times, normals, options)
    return np.where(measured(hazard, observations, options), exists, np.nan)


def measured(hazard: Hazard, observations: xr.Dataset, options: Options = NO_OPTIONS) -> np.ndarray:
    """Whether the hazard counts at each location, bool (location,).

    It does not where it is never measured, if it counts only there, nor where its statistics cannot
    be told.
    """
    everywhere = np.ones(observations.sizes["location"], dtype=bool)
    lacking = any(name not in observations for name in hazard.requires)
    if lacking:
        return everywhere & (not hazard.only_where_measured)
    if hazard.only_where_measured:
        record = observations[list(hazard.requires)].to_dataarray()
        values = record.transpose("variable", "time", "location").values
        everywhere = np.isfinite(values).any(axis=1).all(axis=0)
    if hazard.unfit is None:
        return everywhere
    return everywhere & np.array([why is None for why in hazard.unfit(observations, options)])


def build_margins(
    hazard: Hazard, margins: xr.DataArray, normals: xr.Dataset, options: Options
) -> xr.DataArray:
    """Margins of what a forecast issued on each day speaks of: (cell, level, init_time, location).

    ``margins`` (level, time, location) are the days'. A window's margin is the greatest of its
    days, NaN where a day is not known and no other makes the event. NaN also where the hazard has
    no such cell that day, or where the event cannot be.
    """
    times = margins["time"].values
    daily, length = margins.values.astype(np.float32), len(times)
    spans = [1 if hazard.windows_look_back else cell.window_days for cell in hazard.cells]
    widest = max(cell.lead_days + span for cell, span in zip(hazard.cells, spans, strict=True))
    after = np.full((daily.shape[0], widest, daily.shape[2]), np.nan, dtype=np.float32)
    padded = np.concatenate([daily, after], axis=1)
    exists = hazard.applies(times, normals, options) == 1
    out = np.empty((len(hazard.cells), *daily.shape), dtype=np.float32)
    for number, (cell, span) in enumerate(zip(hazard.cells, spans, strict=True)):
        days = [padded[:, cell.lead_days + k : cell.lead_days + k + length] for k in range(span)]
        known = out[number]  # the greatest of all days, NaN where one is not known
        known[:] = days[0]
        if span > 1:
            greatest = days[0].copy()
            for later in days[1:]:
                np.maximum(known, later, out=known)
                np.fmax(greatest, later, out=greatest)
            np.copyto(known, greatest, where=greatest > 0)
        np.copyto(known, np.nan, where=~exists[number])
    return xr.DataArray(
        out,
        dims=("cell", "level", "init_time", "location"),
        coords={
            "level": margins["level"].values,
            "init_time": times,
            "location": margins["location"].values,
        }
        | cell_coordinates(hazard),
    )


def build_outcome(
    hazard: Hazard, events: xr.DataArray, normals: xr.Dataset, options: Options
) -> xr.DataArray:
    """What a forecast issued on each day is held against: as ``build_margins``, 1.0, 0.0 or NaN.

    ``events`` (level, time, location): events of the days, or their margins.
    """
    return happened(build_margins(hazard, events, normals, options)).astype(np.float32)

"""The one way from observations to predictors, for training, backtest and live runs alike.

as_known_at lays the record out by issue day, each variable as late as it is published; everything a hazard computes
from that looks back only, so that nothing after the issue day can reach a predictor. Dask computes location by location.
"""

from __future__ import annotations

from collections.abc import Mapping

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from configs import Region
from features.hazards import Hazard, Options

LOCATIONS_PER_CHUNK = 16


def delays_of(observations: xr.Dataset) -> dict[str, int]:
    """Days by which each variable's record lags the issue day, as the store wrote them (attribute ``delay_days``)."""
    return {
        str(name): int(variable.attrs["delay_days"])
        for name, variable in observations.data_vars.items()
    }


def warm_season(region: Region, located: xr.Dataset) -> tuple[int, int]:
    """First and last month: the region's, else May to October, and November to April south of the equator.

    ``located``: any Dataset with a ``latitude`` by location.
    """
    latitude = located["latitude"].values if "latitude" in located.coords else np.array([np.nan])
    south = np.isfinite(latitude).any() and np.nanmean(latitude) < 0
    return region.warm_season or ((11, 4) if south else (5, 10))


def options_for(hazard: Hazard, region: Region, observations: xr.Dataset) -> Options:
    """The region's warm season and its thresholds for the hazard."""
    return Options(warm_season(region, observations), region.thresholds.get(hazard.name, {}))


def as_known_at(
    observations: xr.Dataset, until: np.datetime64, delays: Mapping[str, int]
) -> xr.Dataset:
    """The record as it was known: at issue day t, the newest value of each variable that had been published that morning.

    (time, location) -> (init_time, location), daily from the record's first day to ``until``. The value of day
    t - delay stands at t; a trailing window over init_time is therefore a window over what was known.
    """
    days = pd.date_range(
        observations["time"].values[0],
        max(pd.Timestamp(until), pd.Timestamp(observations["time"].values[0])),
    )
    known = {
        name: observations[name].reindex(time=days).shift(time=delays[name]) for name in delays
    }
    return xr.Dataset(known).rename(time="init_time")


def build_features(
    hazard: Hazard,
    observations: xr.Dataset,
    normals: xr.Dataset,
    init_times: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
) -> xr.Dataset:
    """Predictors of one hazard for the given issue days: Dask-backed float32 (init_time, cell, location).

    The ``cell`` dimension carries lead_days and window_days. Predictors whose variables the record lacks are NaN.
    ``normals`` are the hazard's; ``delays`` are days by variable; nothing published after an issue day is read for it.
    """
    init_times = np.asarray(init_times, dtype="datetime64[ns]")
    wanted = [name for name in (*hazard.requires, *hazard.uses) if name in observations]
    known = as_known_at(
        observations[wanted].drop_vars(_ASIDE, errors="ignore"),
        init_times.max(),
        {name: delays[name] for name in wanted},
    )
    known = known.chunk(init_time=-1, location=LOCATIONS_PER_CHUNK)
    usual = normals.chunk(dict.fromkeys(normals.dims, -1) | {"location": LOCATIONS_PER_CHUNK})
    rows = np.searchsorted(known["init_time"].values, init_times)
    how = {"hazard": hazard, "rows": rows, "delays": dict(delays), "options": options}
    return xr.map_blocks(_predict_block, known, [usual], how, _template(hazard, known, init_times))


_ASIDE = ("latitude", "longitude", "elevation", "name")


def _template(hazard: Hazard, known: xr.Dataset, init_times: np.ndarray) -> xr.Dataset:
    dims = ("init_time", "cell", "location")
    shape = (len(init_times), len(hazard.cells), known.sizes["location"])
    blank = da.full(
        shape, np.nan, chunks=(*shape[:2], known.chunksizes["location"]), dtype=np.float32
    )
    coords = {"init_time": init_times, "location": known["location"], **cell_coordinates(hazard)}
    return xr.Dataset({name: (dims, blank) for name in hazard.features}, coords=coords)


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
) -> xr.Dataset:
    made = hazard.predictors(known, normals, rows, delays, options)
    shape = (len(rows), len(hazard.cells), known.sizes["location"])
    arrays = {
        name: (
            ("init_time", "cell", "location"),
            np.broadcast_to(made[name], shape).astype(np.float32),
        )
        for name in hazard.features
    }
    coords = {
        "init_time": known["init_time"].values[rows],
        "location": known["location"],
        **cell_coordinates(hazard),
    }
    return xr.Dataset(arrays, coords=coords)


def build_outcome(
    hazard: Hazard, happened: xr.DataArray, normals: xr.Dataset, options: Options
) -> xr.DataArray:
    """What a forecast issued on each day of ``happened`` is held against: (cell, level, init_time, location), 1.0, 0.0 or NaN.

    A window is an event if any of its days is, none if all its days are known to be none. NaN where a day is unknown or
    where the hazard has no such cell that day.
    """
    times = happened["time"].values
    events, length = happened.values, len(times)
    spans = [1 if hazard.windows_look_back else cell.window_days for cell in hazard.cells]
    widest = max(cell.lead_days + span for cell, span in zip(hazard.cells, spans, strict=True))
    padded = np.concatenate(
        [events, np.full((events.shape[0], widest, events.shape[2]), np.nan)], axis=1
    )
    out = np.empty((len(hazard.cells), *events.shape), dtype=np.float32)
    for number, (cell, span) in enumerate(zip(hazard.cells, spans, strict=True)):
        days = np.stack(
            [padded[:, cell.lead_days + k : cell.lead_days + k + length] for k in range(span)]
        )
        out[number] = np.where(
            (days == 1).any(axis=0), 1.0, np.where(np.isnan(days).any(axis=0), np.nan, 0.0)
        )
    exists = hazard.applies(times, normals, options) == 1
    return xr.DataArray(
        np.where(exists[:, None], out, np.nan),
        dims=("cell", "level", "init_time", "location"),
        coords={
            "level": happened["level"].values,
            "init_time": times,
            "location": happened["location"].values,
        }
        | cell_coordinates(hazard),
    )

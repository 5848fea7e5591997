"""River flood: daily discharge above the 1.5-, 2- and 5-year return levels, where discharge is measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from features.calendar import DAYS, day_index, trailing_mean, trailing_sum, window_mean
from features.hazards import (
    LEVELS,
    Hazard,
    Options,
    Quantity,
    always,
    lagged,
    optional,
    season_waves,
    single_days,
    valid_index,
)
from features.indices import annual_maxima, gev_return_level

CELLS = single_days(6)
RETURN_PERIODS = {1: 1.5, 2: 2.0, 3: 5.0}  # years
SMALLEST_FLOW = 1e-3  # m3 s-1, keeps the logarithm of a dry river finite


def fit_normals(observations: xr.Dataset, options: Options) -> xr.Dataset:
    """Return levels (level, location) and usual discharge by day; m3 s-1.

    By a GEV by L-moments on annual maxima. No level is below the one before it, even where the
    region's file sets one alone.
    """
    times, flow = (
        observations["time"].values,
        observations["river_discharge"].values.astype(np.float64),
    )
    maxima = annual_maxima(flow, times)
    levels = [np.full(flow.shape[1], options.thresholds.get(f"level_{k}", np.nan)) for k in LEVELS]
    fitted = [gev_return_level(maxima, RETURN_PERIODS[k]) for k in LEVELS]
    nested = np.maximum.accumulate(np.where(np.isnan(levels), fitted, levels))
    normals = {
        "return_level": (("level", "location"), nested),
        "log_flow_mean": (("dayofyear", "location"), window_mean(_log(flow), times)),
    }
    return xr.Dataset(
        normals,
        coords={
            "level": list(LEVELS),
            "dayofyear": np.arange(DAYS),
            "location": observations["location"].values,
        },
    )


def _log(flow: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(flow, 0.0) + SMALLEST_FLOW)


def margins(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.DataArray:
    """Log discharge over the log return level of each level: (level, time, location)."""
    flow = observations["river_discharge"].values.astype(np.float64)
    return xr.DataArray(
        _log(flow) - _log(normals["return_level"].values)[:, None],
        dims=("level", "time", "location"),
        coords={
            "level": list(LEVELS),
            "time": observations["time"].values,
            "location": observations["location"].values,
        },
    )


def shifts(normals: xr.Dataset, options: Options) -> np.ndarray:
    """Log of each return level over that of level 1: (level, location)."""
    log_level = _log(normals["return_level"].values)
    return log_level - log_level[0]


FEATURES = (
    "log_flow",
    "log_flow_over_level",
    "precipitation_1d",
    "log_flow_change_1d",
    "log_flow_change_3d",
    "log_flow_anomaly_mean_7d",
    "precipitation_sum_3d",
    "precipitation_sum_30d",
    "air_temperature_max_1d",
    "melt_degrees_sum_7d",
    "freezing_degrees_sum_90d",
    "season_sine",
    "season_cosine",
)


def predictors(
    known: xr.Dataset,
    normals: xr.Dataset,
    rows: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
) -> dict[str, np.ndarray]:
    """The newest flow, how it moves, the rain and melt on the way to it; (row, cell, location)."""
    issued = known["init_time"].values
    index = day_index(issued - np.timedelta64(delays["river_discharge"], "D"))
    log_flow = _log(known["river_discharge"].values.astype(np.float64))
    rain, tmax = optional(known, "precipitation"), optional(known, "air_temperature_max")
    state = {
        "log_flow": log_flow,
        "log_flow_over_level": log_flow - _log(normals["return_level"].values[0]),
        "precipitation_1d": rain,
        "log_flow_change_1d": log_flow - lagged(log_flow, 1),
        "log_flow_change_3d": log_flow - lagged(log_flow, 3),
        "log_flow_anomaly_mean_7d": trailing_mean(
            log_flow - normals["log_flow_mean"].values[index], 7
        ),
        "precipitation_sum_3d": trailing_sum(rain, 3),
        "precipitation_sum_30d": trailing_sum(rain, 30),
        "air_temperature_max_1d": tmax,
        "melt_degrees_sum_7d": trailing_sum(np.maximum(tmax, 0.0), 7),
        "freezing_degrees_sum_90d": trailing_sum(np.maximum(-tmax, 0.0), 90),
    }
    made = {name: values[rows][:, None, :] for name, values in state.items()}
    return made | season_waves(valid_index(issued[rows], CELLS))


def history(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.Dataset:
    """Discharge, its usual value and the level 1 return level of each day; m3 s-1."""
    index = day_index(observations["time"].values)
    usual = np.exp(normals["log_flow_mean"].values[index])
    level = np.broadcast_to(normals["return_level"].values[0], usual.shape)
    return xr.Dataset(
        {
            "value": observations["river_discharge"].astype(float),
            "normal": (("time", "location"), usual),
            "threshold": (("time", "location"), level),
        },
        attrs={"title": "River discharge", "units": "m3 s-1"},
    )


HAZARD = Hazard(
    name="river_flood",
    title="River flood",
    requires=("river_discharge",),
    uses=("precipitation", "air_temperature_max"),
    cells=CELLS,
    gap_days=9,
    first_training_years=10,
    issue_step_days=1,
    thresholds={"level_1": "m3 s-1", "level_2": "m3 s-1", "level_3": "m3 s-1"},
    colours={"yellow": {1: 0.25}, "orange": {2: 0.20, 3: 0.10}, "red": {3: 0.30}},
    colour_over_normal=2.0,
    fit_normals=fit_normals,
    margins=margins,
    shifts=shifts,
    applies=always(CELLS),
    predictors=predictors,
    history=history,
    features=FEATURES,
    outlook=Quantity(
        scale=_log,
        back=lambda logarithm: np.maximum(np.exp(logarithm) - SMALLEST_FLOW, 0.0),
    ),
    state=("log_flow_over_level", "precipitation_1d"),
    newest="log_flow_over_level",
    highest_rate=0.2,
    memory_days=120,
    margin_days=0,
    only_where_measured=True,
    causes={
        "the river's flow": (
            "log_flow",
            "log_flow_over_level",
            "log_flow_change_1d",
            "log_flow_change_3d",
            "log_flow_anomaly_mean_7d",
        ),
        "recent rain": ("precipitation_1d", "precipitation_sum_3d", "precipitation_sum_30d"),
        "melt and frost": (
            "air_temperature_max_1d",
            "melt_degrees_sum_7d",
            "freezing_degrees_sum_90d",
        ),
    },
)

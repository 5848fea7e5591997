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
    """Return levels (level, location), from a GEV by L-moments on annual maxima, and usual discharge by day; m3 s-1."""
    times, flow = (
        observations["time"].values,
        observations["river_discharge"].values.astype(np.float64),
    )
    maxima = annual_maxima(flow, times)
    levels = [np.full(flow.shape[1], options.thresholds.get(f"level_{k}", np.nan)) for k in LEVELS]
    fitted = [gev_return_level(maxima, RETURN_PERIODS[k]) for k in LEVELS]
    normals = {
        "return_level": (("level", "location"), np.where(np.isnan(levels), fitted, levels)),
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
    return np.log(np.maximum(flow, SMALLEST_FLOW))


def events(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.DataArray:
    """Levels of each day: (level, time, location), 1.0, 0.0 or NaN."""
    flow = observations["river_discharge"].astype(np.float64)
    above = (flow > normals["return_level"]).where(
        np.isfinite(flow) & np.isfinite(normals["return_level"])
    )
    return above.transpose("level", "time", "location").drop_vars(
        ("latitude", "longitude", "elevation", "name"), errors="ignore"
    )


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
        "log_flow_over_level": log_flow
        - np.log(np.maximum(normals["return_level"].values[0], SMALLEST_FLOW)),
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
    events=events,
    applies=always(CELLS),
    predictors=predictors,
    history=history,
    features=FEATURES,
    outlook=Quantity(
        scale=lambda flow: np.log(np.maximum(flow, 0.0) + SMALLEST_FLOW),
        back=lambda logarithm: np.maximum(np.exp(logarithm) - SMALLEST_FLOW, 0.0),
        start="log_flow",
    ),
    state=("log_flow", "log_flow_over_level", "precipitation_1d", "climatology"),
    only_where_measured=True,
    boosting={
        "max_depth": 1,
        "eta": 0.14,
        "min_child_weight": 11.0,
        "lambda": 0.6,
        "subsample": 0.8,
        "colsample_bytree": 0.33,
    },
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

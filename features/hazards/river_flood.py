"""River flood: daily discharge above the 1.5-, 2- and 5-year return levels.

Where discharge is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from configs.remarks import Remark, remark
from features.calendar import DAYS, day_index, trailing_mean, trailing_sum, window_mean
from features.hazards import (
    LEVELS,
    SEASON_WAVES,
    Backtesting,
    Colours,
    Hazard,
    Meaning,
    Options,
    Predictor,
    Quantity,
    always,
    lagged,
    optional,
    single_days,
    valid_index,
)
from features.indices import annual_maxima, gev_return_level

CELLS = single_days(6)
RETURN_PERIODS = {1: 1.5, 2: 2.0, 3: 5.0}  # years
SMALLEST_FLOW = 1e-3  # m3 s-1, keeps the logarithm of a dry river finite
DRY_YEARS = 0.5  # share of years without flow beyond which no level is that of a flood


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


def unfit(observations: xr.Dataset, options: Options) -> list[Remark | None]:
    """Why no return level can be told of a river: it is dry in most years, or always that full.

    A region file's own levels need no statistics.
    """
    flow = observations["river_discharge"].values.astype(np.float64)
    if options.thresholds:
        return [None] * flow.shape[1]
    maxima = annual_maxima(flow, observations["time"].values)
    levels = gev_return_level(maxima, RETURN_PERIODS[1])
    return [
        _why_unfit(maxima[:, place], flow[:, place], float(levels[place]))
        for place in range(flow.shape[1])
    ]


def _why_unfit(maxima: np.ndarray, flow: np.ndarray, level: float) -> Remark | None:
    years = maxima[np.isfinite(maxima)]
    dry = int((years <= SMALLEST_FLOW).sum())
    if dry > DRY_YEARS * len(years):
        return remark("river.dry", n=dry, years=len(years))
    if len(years) and np.isfinite(level) and level <= float(np.nanmedian(flow)):
        return remark("river.low", level=round(level, 3))
    return None


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


@dataclass(frozen=True)
class Observed:
    """What predictors are read from: (day, location) as known on each day.

    ``flow``: logarithm of discharge; ``rain`` mm; ``tmax`` degC.
    """

    normals: xr.Dataset
    index: np.ndarray
    valid: np.ndarray
    flow: np.ndarray
    rain: np.ndarray
    tmax: np.ndarray


def observe(
    known: xr.Dataset,
    normals: xr.Dataset,
    rows: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
) -> Observed:
    """The newest flow, and the rain and melt on the way to it."""
    issued = known["init_time"].values
    return Observed(
        normals=normals,
        index=day_index(issued - np.timedelta64(delays["river_discharge"], "D")),
        valid=valid_index(issued[rows], CELLS),
        flow=_log(known["river_discharge"].values.astype(np.float64)),
        rain=optional(known, "precipitation"),
        tmax=optional(known, "air_temperature_max"),
    )


def _flow_over_level(seen: Observed) -> np.ndarray:
    return seen.flow - _log(seen.normals["return_level"].values[0])


def _flow_anomaly(seen: Observed) -> np.ndarray:
    return seen.flow - seen.normals["log_flow_mean"].values[seen.index]


FLOW, RAIN, MELT = "the river's flow", "recent rain", "melt and frost"

PREDICTORS = (
    Predictor("log_flow", lambda s: s.flow, FLOW),
    Predictor("log_flow_over_level", _flow_over_level, FLOW, state=True),
    Predictor("precipitation_1d", lambda s: s.rain, RAIN, state=True),
    Predictor("log_flow_change_1d", lambda s: s.flow - lagged(s.flow, 1), FLOW),
    Predictor("log_flow_change_3d", lambda s: s.flow - lagged(s.flow, 3), FLOW),
    Predictor("log_flow_anomaly_mean_7d", lambda s: trailing_mean(_flow_anomaly(s), 7), FLOW),
    Predictor("precipitation_sum_3d", lambda s: trailing_sum(s.rain, 3), RAIN),
    Predictor("precipitation_sum_30d", lambda s: trailing_sum(s.rain, 30), RAIN),
    Predictor("air_temperature_max_1d", lambda s: s.tmax, MELT),
    Predictor("melt_degrees_sum_7d", lambda s: trailing_sum(np.maximum(s.tmax, 0.0), 7), MELT),
    Predictor(
        "freezing_degrees_sum_90d", lambda s: trailing_sum(np.maximum(-s.tmax, 0.0), 90), MELT
    ),
    *SEASON_WAVES,
)


def level_thresholds(valid: np.ndarray, normals: xr.Dataset, options: Options) -> np.ndarray:
    """Discharge above which each level is, m3 s-1: (condition, level, time, location)."""
    levels = normals["return_level"].values[:, None]
    flow = np.repeat(levels, len(valid), axis=1)
    return np.stack([flow, np.full_like(flow, np.nan)])


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
    awareness_type="12; flooding",
    requires=("river_discharge",),
    uses=("precipitation", "air_temperature_max"),
    cells=CELLS,
    thresholds={"level_1": "m3 s-1", "level_2": "m3 s-1", "level_3": "m3 s-1"},
    backtesting=Backtesting(gap_days=9, first_years=10),
    colours=Colours({"yellow": {1: 0.25}, "orange": {2: 0.20, 3: 0.10}, "red": {3: 0.30}}, 2.0),
    fit_normals=fit_normals,
    margins=margins,
    margin_days=0,
    shifts=shifts,
    unfit=unfit,
    applies=always(CELLS),
    history=history,
    observe=observe,
    predictors=PREDICTORS,
    newest="log_flow_over_level",
    highest_rate=0.2,
    memory_days=120,
    outlook=Quantity(
        scale=_log,
        back=lambda logarithm: np.maximum(np.exp(logarithm) - SMALLEST_FLOW, 0.0),
    ),
    meaning=Meaning(
        words=dict.fromkeys(LEVELS, ("a discharge above {first}",)),
        units=("m3 s-1", "m3 s-1"),
        thresholds=level_thresholds,
    ),
    event="river flooding",
    only_where_measured=True,
)

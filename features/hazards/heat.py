"""Heat: days far above what is usual for the date, heat waves, and excess heat.

Level 1: warm season, Tmax above the 90th percentile of its doy window (season days only) and above ``heat_floor``;
level 2: level 1 on the day and on each of the 2 days before; level 3: level 2 and EHF severity >= 1 (Nairn & Fawcett 2013).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from features.calendar import (
    DAYS,
    day_index,
    in_season,
    trailing_mean,
    trailing_sum,
    window_mean,
    window_quantile,
)
from features.hazards import (
    LEVELS,
    Hazard,
    Options,
    Quantity,
    lagged,
    optional,
    season_waves,
    single_days,
    valid_index,
)
from features.indices import excess_heat_factor

CELLS = single_days(9)


def fit_normals(observations: xr.Dataset, options: Options) -> xr.Dataset:
    """Percentiles and means of Tmax by day of year, the floor, T95 and EHF85 of the observations; degC."""
    times = observations["time"].values
    tmax = observations["air_temperature_max"].values.astype(np.float64)
    season = in_season(times, options.warm_season)[:, None]
    warm = np.where(season, tmax, np.nan)
    own, places = options.thresholds, tmax.shape[1]
    if "level_1" in own:
        p90, floor = np.full((DAYS, places), own["level_1"]), np.full(places, -np.inf)
    else:
        p90, floor = window_quantile(warm, times, 0.90), _quantile(warm, 0.75)
    if "heat_floor" in own:
        floor = np.full(places, own["heat_floor"])
    p90 = np.where(_season_index(options)[:, None], p90, np.nan)
    measured = _mostly_measured(observations)
    tmean = _mean_temperature(observations, measured)
    t95 = _quantile(tmean, 0.95)
    ehf, _ = excess_heat_factor(tmean, t95)
    normals = {
        "tmax_p90": (("dayofyear", "location"), p90),
        "tmax_mean": (("dayofyear", "location"), window_mean(tmax, times)),
        "tmin_mean": (
            ("dayofyear", "location"),
            window_mean(optional(observations, "air_temperature_min"), times),
        ),
        "heat_floor": ("location", floor),
        "measured_tmean": ("location", measured),
        "tmean_p95": ("location", t95),
        "ehf_p85": ("location", _quantile(np.where(ehf > 0, ehf, np.nan), 0.85)),
    }
    return xr.Dataset(
        normals, coords={"dayofyear": np.arange(DAYS), "location": observations["location"].values}
    )


def _season_index(options: Options) -> np.ndarray:
    return in_season(np.datetime64("2000-01-01") + np.arange(DAYS), options.warm_season)


def _quantile(values: np.ndarray, q: float) -> np.ndarray:
    found = [
        np.nanquantile(column, q) if np.isfinite(column).any() else np.nan for column in values.T
    ]
    return np.array(found)


def _mostly_measured(observations: xr.Dataset) -> np.ndarray:
    if "air_temperature_mean" not in observations:
        return np.zeros(observations.sizes["location"], dtype=bool)
    return np.isfinite(observations["air_temperature_mean"].values).mean(axis=0) >= 0.9


def _mean_temperature(data: xr.Dataset, measured: np.ndarray) -> np.ndarray:
    tmax = data["air_temperature_max"].values.astype(np.float64)
    middle = (
        (tmax + data["air_temperature_min"].values) / 2
        if "air_temperature_min" in data
        else np.full_like(tmax, np.nan)
    )
    return (
        np.where(measured, data["air_temperature_mean"].values, middle)
        if measured.any()
        else middle
    )


def events(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.DataArray:
    """Levels of each day: (level, time, location), 1.0, 0.0 or NaN; 0.0 outside the warm season."""
    times = observations["time"].values
    tmax = observations["air_temperature_max"].values.astype(np.float64)
    one = _level_1(tmax, day_index(times), normals)
    one = np.where(in_season(times, options.warm_season)[:, None], one, 0.0)
    two = all_of(one, lagged(one, 1), lagged(one, 2))
    ehf, _ = excess_heat_factor(
        _mean_temperature(observations, normals["measured_tmean"].values),
        normals["tmean_p95"].values,
    )
    with np.errstate(invalid="ignore"):
        severe = ehf / normals["ehf_p85"].values >= options.thresholds.get("level_3", 1.0)
    three = all_of(two, np.where(np.isfinite(ehf + normals["ehf_p85"].values), severe, np.nan))
    return xr.DataArray(
        np.stack([one, two, three]),
        dims=("level", "time", "location"),
        coords={"level": list(LEVELS), "time": times, "location": observations["location"].values},
    )


def _level_1(tmax: np.ndarray, index: np.ndarray, normals: xr.Dataset) -> np.ndarray:
    p90, floor = normals["tmax_p90"].values[index], normals["heat_floor"].values
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(tmax) & np.isfinite(p90), (tmax > p90) & (tmax > floor), np.nan)


def all_of(*parts: np.ndarray) -> np.ndarray:
    """1 where all are 1, 0 where any is 0, else NaN."""
    none = np.any([part == 0 for part in parts], axis=0)
    return np.where(
        none, 0.0, np.where(np.any([np.isnan(part) for part in parts], axis=0), np.nan, 1.0)
    )


def applies(times: np.ndarray, normals: xr.Dataset, options: Options) -> np.ndarray:
    """1 where any day of the cell is in the warm season, else 0: (cell, time, location)."""
    days = [
        [times + np.timedelta64(cell.lead_days + k, "D") for k in range(cell.window_days)]
        for cell in CELLS
    ]
    season = np.stack(
        [np.any([in_season(day, options.warm_season) for day in cell], axis=0) for cell in days]
    )
    return np.repeat(season.astype(float)[:, :, None], normals.sizes["location"], axis=2)


FEATURES = (
    "tmax_anomaly_1d",
    "tmax_anomaly_mean_30d",
    "tmax_anomaly_mean_365d",
    "spell_one_day",
    "spell_two_days",
    "ehi_significance",
    "tmax_anomaly_change_1d",
    "tmax_anomaly_mean_7d",
    "tmin_anomaly_1d",
    "margin_to_threshold",
    "precipitation_sum_30d",
    "precipitation_sum_90d",
    "relative_humidity_1d",
    "wind_speed_1d",
    "air_pressure_change_1d",
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
    """Newest and running anomalies, the running spell, and the state of soil and air; (row, cell, location)."""
    issued = known["init_time"].values
    times = issued - np.timedelta64(delays["air_temperature_max"], "D")
    index = day_index(times)
    tmax = known["air_temperature_max"].values.astype(np.float64)
    anomaly = tmax - normals["tmax_mean"].values[index]
    one = np.where(
        in_season(times, options.warm_season)[:, None], _level_1(tmax, index, normals), 0.0
    )
    both = all_of(one, lagged(one, 1))
    _, significance = excess_heat_factor(
        _mean_temperature(known, normals["measured_tmean"].values), normals["tmean_p95"].values
    )
    state = {
        "tmax_anomaly_1d": anomaly,
        "tmax_anomaly_mean_30d": trailing_mean(anomaly, 30),
        "tmax_anomaly_mean_365d": trailing_mean(anomaly, 365),
        "spell_one_day": np.where(np.isnan(both), np.nan, one - both),
        "spell_two_days": both,
        "ehi_significance": significance,
        "tmax_anomaly_change_1d": anomaly - lagged(anomaly, 1),
        "tmax_anomaly_mean_7d": trailing_mean(anomaly, 7),
        "tmin_anomaly_1d": optional(known, "air_temperature_min")
        - normals["tmin_mean"].values[index],
        "precipitation_sum_30d": trailing_sum(optional(known, "precipitation"), 30),
        "precipitation_sum_90d": trailing_sum(optional(known, "precipitation"), 90),
        "relative_humidity_1d": optional(known, "relative_humidity"),
        "wind_speed_1d": optional(known, "wind_speed"),
        "air_pressure_change_1d": np.diff(optional(known, "air_pressure"), axis=0, prepend=np.nan),
    }
    made = {name: values[rows][:, None, :] for name, values in state.items()}
    valid = valid_index(issued[rows], CELLS)
    usual, threshold = (
        normals["tmax_mean"].values[valid],
        np.fmax(normals["tmax_p90"].values[valid], normals["heat_floor"].values),
    )
    return made | {"margin_to_threshold": threshold - usual, **season_waves(valid)}


def history(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.Dataset:
    """Tmax, its usual value and the level 1 threshold of each day; degC."""
    index = day_index(observations["time"].values)
    season = in_season(observations["time"].values, options.warm_season)[:, None]
    threshold = np.fmax(normals["tmax_p90"].values[index], normals["heat_floor"].values)
    return xr.Dataset(
        {
            "value": observations["air_temperature_max"].astype(float),
            "normal": (("time", "location"), normals["tmax_mean"].values[index]),
            "threshold": (("time", "location"), np.where(season, threshold, np.nan)),
        },
        attrs={"title": "Highest temperature of the day", "units": "degC"},
    )


HAZARD = Hazard(
    name="heat",
    title="Heat",
    requires=("air_temperature_max",),
    uses=(
        "air_temperature_min",
        "air_temperature_mean",
        "precipitation",
        "relative_humidity",
        "wind_speed",
        "air_pressure",
    ),
    cells=CELLS,
    gap_days=42,
    first_training_years=10,
    issue_step_days=1,
    thresholds={"level_1": "degC", "heat_floor": "degC", "level_3": "EHF severity"},
    colours={"yellow": {1: 0.40}, "orange": {2: 0.30, 3: 0.20}, "red": {3: 0.40}},
    colour_over_normal=2.0,
    fit_normals=fit_normals,
    events=events,
    applies=applies,
    predictors=predictors,
    history=history,
    features=FEATURES,
    outlook=Quantity(scale=np.asarray, back=np.asarray, start="tmax_anomaly_1d"),
    state=FEATURES[:6],
    choices=("measured_tmean",),
    seasonal=True,
    boosting={
        "max_depth": 1,
        "eta": 0.033,
        "min_child_weight": 11.0,
        "lambda": 3.5,
        "subsample": 0.55,
        "colsample_bytree": 0.94,
    },
    causes={
        "yesterday's temperature": ("tmax_anomaly_1d", "tmax_anomaly_change_1d", "tmin_anomaly_1d"),
        "the running hot spell": ("spell_one_day", "spell_two_days"),
        "built-up heat": ("ehi_significance", "tmax_anomaly_mean_7d"),
        "the warmth of the last months": ("tmax_anomaly_mean_30d", "tmax_anomaly_mean_365d"),
        "dry or wet ground": ("precipitation_sum_30d", "precipitation_sum_90d"),
        "humidity, wind and pressure": (
            "relative_humidity_1d",
            "wind_speed_1d",
            "air_pressure_change_1d",
        ),
    },
)

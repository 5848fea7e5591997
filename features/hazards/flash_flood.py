"""Flash flood: heavy rain that can flood dry wadis.

At least 5 mm on the valid day and: level 1, 3-day rain above the 95th percentile of wet 3-day sums, or level 2; levels 2
and 3, rain severity S above what one episode in 2, in 5 years exceeds. S = max(1-day rain / its 2-year level, 3-day
rain / its 2-year level), levels by GEV on annual maxima. Half of all such days would be certain before they begin
without the 5 mm rule.
"""

from __future__ import annotations

from collections.abc import Mapping

import numba
import numpy as np
import xarray as xr

from features.calendar import DAYS, HALF_WINDOW, day_index, trailing_mean, trailing_sum, window_mean
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
from features.indices import annual_maxima, gev_return_level, rain_severity, severity_exceeded_every

CELLS = single_days(6)
LEAST_RAIN = 5.0  # mm on the valid day
WET_SUM = 1.0  # mm, a wet 3-day sum
YEARS_BETWEEN = {2: 2.0, 3: 5.0}


def fit_normals(observations: xr.Dataset, options: Options) -> xr.Dataset:
    """Thresholds of rain (mm) and of severity, usual rain, and the record itself, of which the overlap ensemble draws."""
    times, rain = (
        observations["time"].values,
        observations["precipitation"].values.astype(np.float64),
    )
    three = trailing_sum(rain, 3)
    wet = np.where(three >= WET_SUM, three, np.nan)
    places = rain.shape[1]
    one_level, three_level = (
        gev_return_level(annual_maxima(values, times), 2.0) for values in (rain, three)
    )
    severity = rain_severity(rain, three, one_level, three_level)
    limits = [
        [severity_exceeded_every(severity[:, place], YEARS_BETWEEN[k]) for place in range(places)]
        for k in (2, 3)
    ]
    p95 = [
        np.nanquantile(column, 0.95) if np.isfinite(column).sum() >= 30 else np.nan
        for column in wet.T
    ]
    own = options.thresholds
    normals = {
        "sum_3d_p95": (
            "location",
            np.full(places, own["level_1"]) if "level_1" in own else np.array(p95),
        ),
        "level_1d": ("location", one_level),
        "level_3d": ("location", three_level),
        "severity_2": (
            "location",
            np.full(places, own["level_2"]) if "level_2" in own else np.array(limits[0]),
        ),
        "severity_3": (
            "location",
            np.full(places, own["level_3"]) if "level_3" in own else np.array(limits[1]),
        ),
        "sum_3d_mean": (("dayofyear", "location"), window_mean(three, times)),
        "record": (("day", "location"), rain.astype(np.float32)),
        "record_index": (
            ("day", "location"),
            np.repeat(day_index(times)[:, None], places, axis=1).astype(np.int16),
        ),
    }
    return xr.Dataset(
        normals,
        coords={
            "dayofyear": np.arange(DAYS),
            "day": times,
            "location": observations["location"].values,
        },
    )


def _limits(normals: xr.Dataset) -> np.ndarray:
    names = ("sum_3d_p95", "level_1d", "level_3d", "severity_2", "severity_3")
    return np.stack([normals[name].values.astype(np.float64) for name in names])


@numba.njit(cache=True, nogil=True)
def _level(one: float, three: float, limits: np.ndarray) -> int:
    """Highest level reached by a day with ``one`` mm and ``three`` mm in 3 days; limits as _limits gives for a place."""
    if one < LEAST_RAIN:
        return 0
    severity = max(one / limits[1], three / limits[2])
    if severity > limits[4]:
        return 3
    if severity > limits[3]:
        return 2
    return 1 if three > limits[0] else 0


@numba.njit(cache=True, nogil=True)
def _levels(rain: np.ndarray, limits: np.ndarray) -> np.ndarray:
    out = np.full(rain.shape, np.nan)
    for place in range(rain.shape[1]):
        for day in range(2, rain.shape[0]):
            three = rain[day, place] + rain[day - 1, place] + rain[day - 2, place]
            if not (np.isnan(three) or np.isnan(limits[:, place]).any()):
                out[day, place] = _level(rain[day, place], three, limits[:, place])
    return out


def events(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.DataArray:
    """Levels of each day: (level, time, location), 1.0, 0.0 or NaN."""
    reached = _levels(observations["precipitation"].values.astype(np.float64), _limits(normals))
    levels = np.stack([np.where(np.isnan(reached), np.nan, reached >= level) for level in LEVELS])
    coords = {
        "level": list(LEVELS),
        "time": observations["time"].values,
        "location": observations["location"].values,
    }
    return xr.DataArray(levels, dims=("level", "time", "location"), coords=coords)


@numba.njit(cache=True, nogil=True)
def _overlap(
    observed: np.ndarray,
    first_index: np.ndarray,
    record: np.ndarray,
    record_index: np.ndarray,
    limits: np.ndarray,
    skip: int,
    leads: np.ndarray,
    windows: np.ndarray,
    half: int,
) -> np.ndarray:
    """Share of ensemble members that reach each level: (row, cell, level), NaN where an observed day needed is missing.

    ``observed`` (row, 2): the last two known days. A member is what followed in a training year within ``half`` days of
    the first unknown day, whose index is ``first_index``; ``skip`` unknown days come before lead 0.
    """
    length = 0
    for cell in range(len(leads)):
        length = max(length, skip + leads[cell] + windows[cell])
    starts = np.full((DAYS, len(record)), -1, dtype=np.int32)
    count = np.zeros(DAYS, dtype=np.int32)
    for day in range(len(record) - length + 1):
        if not np.isnan(record[day : day + length]).any():
            for shift in range(-half, half + 1):
                index = (record_index[day] + shift) % DAYS
                starts[index, count[index]] = day
                count[index] += 1
    hits = np.zeros((len(observed), len(leads), 3))
    series = np.empty(length + 2)
    reached = np.empty(length, dtype=np.int8)
    for row in range(len(observed)):
        index = first_index[row]
        members = count[index]
        known = not (np.isnan(observed[row, 0]) or np.isnan(observed[row, 1]))
        series[0], series[1] = (observed[row, 0], observed[row, 1]) if known else (0.0, 0.0)
        for member in range(members):
            start = starts[index, member]
            for step in range(length):
                series[step + 2] = record[start + step]
            for step in range(length):
                three = series[step] + series[step + 1] + series[step + 2]
                reached[step] = _level(series[step + 2], three, limits)
            for cell in range(len(leads)):
                highest = 0
                for step in range(skip + leads[cell], skip + leads[cell] + windows[cell]):
                    highest = max(highest, reached[step])
                for level in range(highest):
                    hits[row, cell, level] += 1
        for cell in range(len(leads)):
            if members == 0 or (not known and skip + leads[cell] < 2) or np.isnan(limits).any():
                hits[row, cell, :] = np.nan
            else:
                hits[row, cell, :] /= members
    return hits


FEATURES = (
    "overlap_1",
    "overlap_2",
    "overlap_3",
    "precipitation_sum_3d",
    "precipitation_1d",
    "precipitation_sum_7d",
    "precipitation_sum_30d",
    "precipitation_sum_90d",
    "wet_days_10d",
    "air_temperature_max_change_1d",
    "air_temperature_range_1d",
    "relative_humidity_1d",
    "wind_speed_1d",
    "air_pressure_1d",
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
    """The overlap ensemble, rain before, and the state of the air; (row, cell, location)."""
    issued, rain = known["init_time"].values, known["precipitation"].values.astype(np.float64)
    tmax, pressure = optional(known, "air_temperature_max"), optional(known, "air_pressure")
    state = {
        "precipitation_sum_3d": trailing_sum(rain, 3),
        "precipitation_1d": rain,
        "precipitation_sum_7d": trailing_sum(rain, 7),
        "precipitation_sum_30d": trailing_sum(rain, 30),
        "precipitation_sum_90d": trailing_sum(rain, 90),
        "wet_days_10d": trailing_mean(np.where(np.isnan(rain), np.nan, rain >= WET_SUM), 10),
        "air_temperature_max_change_1d": tmax - lagged(tmax, 1),
        "air_temperature_range_1d": tmax - optional(known, "air_temperature_min"),
        "relative_humidity_1d": optional(known, "relative_humidity"),
        "wind_speed_1d": optional(known, "wind_speed"),
        "air_pressure_1d": pressure,
        "air_pressure_change_1d": pressure - lagged(pressure, 1),
    }
    made = {name: values[rows][:, None, :] for name, values in state.items()}
    shares = overlap_shares(rain, normals, issued, rows, delays["precipitation"])
    ensemble = {f"overlap_{level}": shares[:, :, number] for number, level in enumerate(LEVELS)}
    return made | ensemble | season_waves(valid_index(issued[rows], CELLS))


def overlap_shares(
    rain: np.ndarray, normals: xr.Dataset, issued: np.ndarray, rows: np.ndarray, delay: int
) -> np.ndarray:
    """Overlap ensemble of each cell and level from rain as known at each issue day: (row, cell, level, location)."""
    first_unknown = day_index(issued[rows] - np.timedelta64(delay - 1, "D"))
    observed = np.stack([lagged(rain, 1)[rows], rain[rows]], axis=1)
    leads, windows = (
        np.array([getattr(cell, name) for cell in CELLS]) for name in ("lead_days", "window_days")
    )
    limits = _limits(normals)
    record, index = (
        normals["record"].values.astype(np.float64),
        normals["record_index"].values[:, 0].astype(np.int64),
    )
    places = [
        _overlap(
            observed[:, :, place],
            first_unknown,
            record[:, place],
            index,
            limits[:, place],
            delay - 1,
            leads,
            windows,
            HALF_WINDOW,
        )
        for place in range(rain.shape[1])
    ]
    return np.stack(places, axis=-1)


def history(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.Dataset:
    """3-day rain, its usual value and the level 1 threshold of each day; mm."""
    index = day_index(observations["time"].values)
    usual = normals["sum_3d_mean"].values[index]
    return xr.Dataset(
        {
            "value": (("time", "location"), trailing_sum(observations["precipitation"].values, 3)),
            "normal": (("time", "location"), usual),
            "threshold": (
                ("time", "location"),
                np.broadcast_to(normals["sum_3d_p95"].values, usual.shape),
            ),
        },
        coords={"time": observations["time"].values, "location": observations["location"].values},
        attrs={"title": "Rain in 3 days", "units": "mm"},
    )


HAZARD = Hazard(
    name="flash_flood",
    title="Flash flood",
    requires=("precipitation",),
    uses=(
        "air_temperature_max",
        "air_temperature_min",
        "relative_humidity",
        "wind_speed",
        "air_pressure",
    ),
    cells=CELLS,
    gap_days=9,
    first_training_years=10,
    issue_step_days=1,
    thresholds={"level_1": "mm in 3 days", "level_2": "rain severity", "level_3": "rain severity"},
    colours={"yellow": {1: 0.25}, "orange": {2: 0.20, 3: 0.10}, "red": {3: 0.30}},
    colour_over_normal=2.0,
    fit_normals=fit_normals,
    events=events,
    applies=always(CELLS),
    predictors=predictors,
    history=history,
    features=FEATURES,
    outlook=Quantity(
        scale=np.sqrt, back=lambda root: np.maximum(root, 0.0) ** 2, start="precipitation_sum_3d"
    ),
    state=("overlap", "precipitation_sum_3d", "climatology"),
    overlap=("overlap_1", "overlap_2", "overlap_3"),
    causes={
        "rain already observed": ("overlap", "precipitation_sum_3d", "precipitation_1d"),
        "rain of the last months": (
            "precipitation_sum_7d",
            "precipitation_sum_30d",
            "precipitation_sum_90d",
            "wet_days_10d",
        ),
        "temperature": ("air_temperature_max_change_1d", "air_temperature_range_1d"),
        "humidity, wind and pressure": (
            "relative_humidity_1d",
            "wind_speed_1d",
            "air_pressure_1d",
            "air_pressure_change_1d",
        ),
    },
)

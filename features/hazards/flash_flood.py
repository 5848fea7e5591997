"""Flash flood: heavy rain that can flood dry wadis.

At least 5 mm on the valid day and: level 1, 3-day rain above the 95th percentile of wet 3-day sums,
or level 2; levels 2 and 3, rain severity S above what one episode in 2, in 5 years exceeds. S =
max(1-day rain / its 2-year level, 3-day rain / its 2-year level), levels by GEV on annual maxima.
Half of all such days would be certain before they begin without the 5 mm rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from configs.remarks import Remark, remark
from features.calendar import (
    DAYS,
    day_index,
    trailing_mean,
    trailing_sum,
    window_mean,
)
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
    at_least,
    lagged,
    optional,
    overlap_predictors,
    single_days,
    smallest,
    valid_index,
)
from features.indices import (
    annual_maxima,
    gev_return_level,
    quantile,
    rain_severity,
    severity_exceeded_every,
)
from features.rain_ensemble import rain_shares

CELLS = single_days(6)
LEAST_RAIN = 5.0  # mm on the valid day
WET_SUM = 1.0  # mm, a wet 3-day sum
YEARS_BETWEEN = {2: 2.0, 3: 5.0}
LEAST_YEARS = 4
"""Years without which nothing is said of a return level."""


def fit_normals(observations: xr.Dataset, options: Options) -> xr.Dataset:
    """Thresholds of rain (mm) and of severity, usual rain, and the record.

    The overlap ensemble draws of the record.
    """
    times = observations["time"].values
    rain = observations["precipitation"].values.astype(np.float64)
    three = trailing_sum(rain, 3)
    wet = np.where(three >= WET_SUM, three, np.nan)
    places = rain.shape[1]
    one_level, three_level = (
        gev_return_level(annual_maxima(values, times), 2.0) for values in (rain, three)
    )
    severity = rain_severity(rain, three, one_level, three_level)
    limits = [
        severity_exceeded_every(column, np.array([YEARS_BETWEEN[k] for k in (2, 3)]))
        for column in np.ascontiguousarray(severity.T)
    ]
    second, third = np.transpose(limits)
    p95 = np.where(np.isfinite(wet).sum(axis=0) >= 30, quantile(wet, 0.95), np.nan)
    learnt = {"level_1": p95, "level_2": second, "level_3": third}
    thresholds = {
        level: ("location", np.full(places, options.thresholds.get(level, values)))
        for level, values in learnt.items()
    }
    normals = {
        "sum_3d_p95": thresholds["level_1"],
        "level_1d": ("location", one_level),
        "level_3d": ("location", three_level),
        "severity_2": thresholds["level_2"],
        "severity_3": thresholds["level_3"],
        "sum_3d_mean": (("dayofyear", "location"), window_mean(three, times)),
        "record": (("day", "location"), rain.astype(np.float32)),
        "record_index": (
            ("day", "location"),
            np.repeat(day_index(times)[:, None], places, axis=1).astype(np.int16),
        ),
    }
    days = {"dayofyear": np.arange(DAYS), "day": times}
    return xr.Dataset(normals, {**days, "location": observations["location"].values})


def unfit(observations: xr.Dataset, options: Options) -> list[Remark | None]:
    """Why no severity can be told: a rain of once in 2 years that is none.

    A region file's own levels need no statistics.
    """
    rain = observations["precipitation"].values.astype(np.float64)
    if {"level_2", "level_3"} <= set(options.thresholds):
        return [None] * rain.shape[1]
    maxima = annual_maxima(rain, observations["time"].values)
    enough = np.isfinite(maxima).sum(axis=0) >= LEAST_YEARS
    dry = (maxima < WET_SUM).sum(axis=0) > np.isfinite(maxima).sum(axis=0) / 2
    none = enough & (dry | ~(gev_return_level(maxima, 2.0) > 0))
    return [remark("rain.none") if bad else None for bad in none]


def margins(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.DataArray:
    """Margins of each level: (level, time, location).

    Differences of square roots: of the day's rain and 5 mm, and of 3-day rain (mm) or severity (1)
    and their thresholds; of conditions together the least.
    """
    rain = observations["precipitation"].values.astype(np.float64)
    three = rain + lagged(rain, 1) + lagged(rain, 2)
    p95, one_level, three_level, *severe = _limits(normals)
    severity = np.maximum(rain / one_level, three / three_level)
    wet = at_least(_root(rain) - np.sqrt(LEAST_RAIN))
    two, three_of_five = (_root(severity) - _root(limit) for limit in severe)
    one = np.maximum(_root(three) - _root(p95), two)
    levels = np.stack([smallest(wet, one), smallest(wet, two), smallest(wet, two, three_of_five)])
    return xr.DataArray(
        np.where(np.isnan(_limits(normals)).any(axis=0), np.nan, levels),
        dims=("level", "time", "location"),
        coords={
            "level": list(LEVELS),
            "time": observations["time"].values,
            "location": observations["location"].values,
        },
    )


def _root(amount: np.ndarray) -> np.ndarray:
    """Square root, 0 of a running sum that rounding has left barely below 0."""
    return np.sqrt(np.maximum(amount, 0.0))


def _limits(normals: xr.Dataset) -> np.ndarray:
    names = ("sum_3d_p95", "level_1d", "level_3d", "severity_2", "severity_3")
    return np.stack([normals[name].values.astype(np.float64) for name in names])


def _rain_limits(normals: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Rain of 1 day and of 3 days above either of which each level is, mm: (level, location)."""
    p95, one_level, three_level, *severe = _limits(normals)
    severity = np.stack([severe[0], severe[0], np.maximum(*severe)])
    three = severity * three_level
    return severity * one_level, np.stack([np.minimum(p95, three[0]), three[1], three[2]])


def overlap_shares(
    rain: np.ndarray, normals: xr.Dataset, issued: np.ndarray, rows: np.ndarray, delay: int
) -> np.ndarray:
    """Overlap ensemble of each cell and level from rain as known at each issue day.

    (level, row, cell, location).
    """
    first = np.array([delay - 1 + cell.lead_days for cell in CELLS])
    last = first + np.array([cell.window_days - 1 for cell in CELLS])
    newest, before = rain[rows], lagged(rain, 1)[rows]
    return rain_shares(
        np.stack([before + newest, newest]),
        day_index(issued[rows] - np.timedelta64(delay - 1, "D")),
        (normals["record"].values, normals["record_index"].values[:, 0]),
        (LEAST_RAIN, *_rain_limits(normals)),
        np.stack([first, last], axis=1),
    )


@dataclass(frozen=True)
class Observed:
    """What predictors are read from: (day, location) as known on each day.

    ``rain`` mm, ``tmax`` degC; ``shares`` (level, row, cell, location): the overlap ensemble.
    """

    known: xr.Dataset
    valid: np.ndarray
    rain: np.ndarray
    tmax: np.ndarray
    shares: np.ndarray


def observe(
    known: xr.Dataset,
    normals: xr.Dataset,
    rows: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
) -> Observed:
    """Rain before, and the overlap ensemble of the rain to come."""
    issued, rain = known["init_time"].values, known["precipitation"].values.astype(np.float64)
    return Observed(
        known=known,
        valid=valid_index(issued[rows], CELLS),
        rain=rain,
        tmax=optional(known, "air_temperature_max"),
        shares=overlap_shares(rain, normals, issued, rows, delays["precipitation"]),
    )


def _wet_days(seen: Observed) -> np.ndarray:
    wet = np.where(np.isnan(seen.rain), np.nan, seen.rain >= WET_SUM)
    return trailing_mean(wet, 10)


def _rain_root(days: int) -> Callable[[Observed], np.ndarray]:
    return lambda seen: _root(trailing_sum(seen.rain, days))


OBSERVED, MONTHS = "rain already observed", "rain of the last months"
TEMPERATURE, AIR = "temperature", "humidity, wind and pressure"

PREDICTORS = (
    *overlap_predictors(OBSERVED),
    Predictor("precipitation_sum_3d_root", _rain_root(3), OBSERVED, state=True),
    Predictor("precipitation_1d_root", lambda s: _root(s.rain), OBSERVED),
    Predictor("precipitation_sum_7d_root", _rain_root(7), MONTHS),
    Predictor("precipitation_sum_30d_root", _rain_root(30), MONTHS),
    Predictor("precipitation_sum_90d_root", _rain_root(90), MONTHS),
    Predictor("wet_days_10d", _wet_days, MONTHS),
    Predictor("air_temperature_max_change_1d", lambda s: s.tmax - lagged(s.tmax, 1), TEMPERATURE),
    Predictor(
        "air_temperature_range_1d",
        lambda s: s.tmax - optional(s.known, "air_temperature_min"),
        TEMPERATURE,
    ),
    Predictor("relative_humidity_1d", lambda s: optional(s.known, "relative_humidity"), AIR),
    Predictor("wind_speed_1d", lambda s: optional(s.known, "wind_speed"), AIR),
    Predictor("air_pressure_1d", lambda s: optional(s.known, "air_pressure"), AIR),
    Predictor(
        "air_pressure_change_1d",
        lambda s: optional(s.known, "air_pressure") - lagged(optional(s.known, "air_pressure"), 1),
        AIR,
    ),
    *SEASON_WAVES,
)


def level_thresholds(valid: np.ndarray, normals: xr.Dataset, options: Options) -> np.ndarray:
    """Rain of 3 days and, of levels 2 and 3, of 1 day above which each level is, mm.

    (condition, level, time, location). Levels 2 and 3 begin where either of the two is exceeded.
    """
    one, three = _rain_limits(normals)
    one[0] = np.nan
    return np.repeat(np.stack([three, one])[:, :, None], len(valid), axis=2)


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
    awareness_type="10; Rain",
    requires=("precipitation",),
    uses=(
        "air_temperature_max",
        "air_temperature_min",
        "relative_humidity",
        "wind_speed",
        "air_pressure",
    ),
    cells=CELLS,
    thresholds={"level_1": "mm in 3 days", "level_2": "rain severity", "level_3": "rain severity"},
    backtesting=Backtesting(gap_days=9, first_years=10),
    colours=Colours({"yellow": {1: 0.25}, "orange": {2: 0.20, 3: 0.10}, "red": {3: 0.30}}, 2.0),
    fit_normals=fit_normals,
    margins=margins,
    unfit=unfit,
    margin_days=2,
    applies=always(CELLS),
    history=history,
    observe=observe,
    predictors=PREDICTORS,
    newest="precipitation_1d_root",
    memory_days=100,
    outlook=Quantity(scale=_root, back=lambda root: np.maximum(root, 0.0) ** 2),
    meaning=Meaning(
        words={
            1: ("more than {first} of rain in 3 days",),
            **dict.fromkeys((2, 3), ("more than {first} of rain in 3 days or {second} in a day",)),
        },
        units=("mm", "mm"),
        thresholds=level_thresholds,
    ),
    event="flash flooding",
)

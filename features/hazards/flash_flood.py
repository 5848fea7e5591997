"""Flash flood: heavy rain that can flood dry wadis.

At least 5 mm on the valid day and: level 1, 3-day rain above the 95th percentile of wet 3-day sums,
or level 2; levels 2 and 3, rain severity S above what one episode in 2, in 5 years exceeds. S =
max(1-day rain / its 2-year level, 3-day rain / its 2-year level), levels by GEV on annual maxima.
Half of all such days would be certain before they begin without the 5 mm rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numba
import numpy as np
import xarray as xr

from configs.remarks import Remark, remark
from features.calendar import (
    DAYS,
    HALF_WINDOW,
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
from features.indices import annual_maxima, gev_return_level, rain_severity, severity_exceeded_every
from features.overlap import days_near, put_by_level, ring_totals

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
        [severity_exceeded_every(severity[:, place], YEARS_BETWEEN[k]) for place in range(places)]
        for k in (2, 3)
    ]
    p95 = [
        np.nanquantile(column, 0.95) if np.isfinite(column).sum() >= 30 else np.nan
        for column in wet.T
    ]
    learnt = {"level_1": p95, "level_2": limits[0], "level_3": limits[1]}
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


def overlap_shares(
    rain: np.ndarray, normals: xr.Dataset, issued: np.ndarray, rows: np.ndarray, delay: int
) -> np.ndarray:
    """Overlap ensemble of each cell and level from rain as known at each issue day.

    (level, row, cell, location) float32. A member is what followed in a training year within 15
    days of the first unknown day. NaN where an observed day is missing that a cell needs, and where
    there is no member.
    """
    first = np.array([delay - 1 + cell.lead_days for cell in CELLS])
    last = first + np.array([cell.window_days - 1 for cell in CELLS])
    newest, before = rain[rows], lagged(rain, 1)[rows]
    shares = np.full((len(LEVELS), len(rows), len(CELLS), rain.shape[1]), np.nan, np.float32)
    _overlap(
        np.ascontiguousarray(np.stack([before + newest, newest]).transpose(2, 0, 1)),
        day_index(issued[rows] - np.timedelta64(delay - 1, "D")),
        np.ascontiguousarray(normals["record"].values.T, dtype=np.float64),
        normals["record_index"].values[:, 0].astype(np.int64),
        np.ascontiguousarray(_limits(normals).T),
        np.stack([first, last], axis=1),
        shares,
    )
    return shares


@numba.njit(cache=True, nogil=True)
def _overlap(
    observed: np.ndarray,
    valid: np.ndarray,
    record: np.ndarray,
    index: np.ndarray,
    limits: np.ndarray,
    cells: np.ndarray,
    out: np.ndarray,
) -> None:
    """Share of ensemble members that reach each level, into (level, row, cell, location).

    ``observed`` (location, 2, row): rain of the last two known days together and of the last, mm;
    ``valid`` (row,): day of the year of the first unknown day. ``record`` (location, day),
    ``index`` (day,). ``limits`` (location, 5) as _limits gives. ``cells`` (cell, 2): the first and
    the last of a cell's unknown days, counted from 0; the 3-day sums of days 0 and 1 hold observed
    ones.
    """
    places, _, rows = observed.shape
    shares = np.empty((places, rows, 3), np.float32)
    members = np.empty(record.shape, np.bool_)
    reached = np.empty(record.shape, np.int8)
    for place in range(places):
        members[place] = _known_ahead(record[place], cells.max() + 1)
        reached[place] = _levels(record[place], limits[place])
    for cell, (first, last) in enumerate(cells):
        shares[:] = np.nan
        for place in range(places):
            if not np.isnan(limits[place]).any():
                later = _highest(reached[place], max(first, 2), last)
                _share(
                    observed[place],
                    valid,
                    _usual(members[place], index, later),
                    _undecided(record[place], members[place], index, later, limits[place], cells[cell]),
                    first < 2,
                    shares[place],
                )
        put_by_level(shares, cell, out)


@numba.njit(cache=True, nogil=True)
def _known_ahead(rain: np.ndarray, length: int) -> np.ndarray:
    """Days of a record from which ``length`` days on are known."""
    ahead, known = np.zeros(len(rain), np.bool_), 0
    for day in range(len(rain) - 1, -1, -1):
        known = 0 if np.isnan(rain[day]) else known + 1
        ahead[day] = known >= length
    return ahead


@numba.njit(cache=True, nogil=True)
def _levels(rain: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Level reached by each day of one location's record; 0 where it is not known."""
    reached = np.zeros(len(rain), dtype=np.int8)
    for day in range(2, len(rain)):
        if rain[day] >= LEAST_RAIN:
            three = rain[day] + rain[day - 1] + rain[day - 2]
            severity = max(rain[day] / limits[1], three / limits[2])
            if np.isnan(three):
                reached[day] = 0
            elif severity > limits[3]:
                reached[day] = 3 if severity > limits[4] else 2
            else:
                reached[day] = three > limits[0]
    return reached


@numba.njit(cache=True, nogil=True)
def _highest(reached: np.ndarray, first: int, last: int) -> np.ndarray:
    """Highest level of the days from ``first`` to ``last`` days after each."""
    highest = np.zeros_like(reached)
    for step in range(first, last + 1):
        for day in range(len(reached) - step):
            highest[day] = max(highest[day], reached[day + step])
    return highest


@numba.njit(cache=True, nogil=True)
def _usual(member: np.ndarray, index: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Members of each doy window whose ``later`` days reach at least level 0, 1, 2, 3: (366, 4)."""
    of_day = np.zeros((DAYS, 4), np.int64)
    for day in range(len(member)):
        if member[day]:
            for level in range(later[day] + 1):
                of_day[index[day], level] += 1
    return ring_totals(of_day, HALF_WINDOW)


@numba.njit(cache=True, nogil=True)
def _needed(one: float, own: float, limits: np.ndarray, level: int) -> float:
    """Rain observed above which a day with ``one`` mm reaches a level, inf where none can, mm.

    ``own``: what the 3-day sum holds besides. ``level`` is counted from 0.
    """
    if not one >= LEAST_RAIN:
        return np.inf
    severe = limits[3] if level < 2 else max(limits[3], limits[4])
    needed = -np.inf if one > severe * limits[1] else severe * limits[2] - own
    return min(needed, limits[0] - own) if level == 0 else needed


@numba.njit(cache=True, nogil=True)
def _undecided(
    rain: np.ndarray,
    member: np.ndarray,
    index: np.ndarray,
    later: np.ndarray,
    limits: np.ndarray,
    cell: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Members whose levels hang on what was observed: ``needed``, ``begins``, ``sure``.

    ``needed`` (level, 2, member), in the order of days_near: rain of the last two known days, and
    of the last, above which they reach a level. Those of window w are from ``begins`` (level, w) to
    (level, w + 31). ``sure`` (level, lane): how many before that need none.
    """
    first, last = cell
    wet = member & (rain >= LEAST_RAIN) if first == 0 else np.zeros_like(member)
    if first <= 1 <= last:
        wet[:-1] |= member[:-1] & (rain[1:] >= LEAST_RAIN)
    days, starts = days_near(index, wet, HALF_WINDOW)
    needed = np.full((3, 2, len(days)), np.inf)
    begins, sure = np.zeros((3, len(starts)), np.int64), np.zeros((3, len(starts)), np.int64)
    for level in range(3):
        number, decided = 0, 0
        for lane in range(len(starts) - 1):
            for day in days[starts[lane] : starts[lane + 1]]:
                two, one = np.inf, np.inf
                if first == 0:
                    two = _needed(rain[day], rain[day], limits, level)
                if last >= 1 and day + 1 < len(rain):
                    one = _needed(rain[day + 1], rain[day] + rain[day + 1], limits, level)
                if later[day] <= level and min(two, one) < 0:
                    decided += 1
                elif later[day] <= level:
                    needed[level, 0, number], needed[level, 1, number] = two, one
                    number += 1
            begins[level, lane + 1], sure[level, lane + 1] = number, decided
    return needed, begins, sure


@numba.njit(cache=True, nogil=True)
def _share(
    observed: np.ndarray,
    valid: np.ndarray,
    usual: np.ndarray,
    undecided: tuple[np.ndarray, np.ndarray, np.ndarray],
    needs: bool,
    shares: np.ndarray,
) -> None:
    """Share of each row's members that reach each level: (row, level).

    ``needs``: the cell has a day whose 3-day sum holds an observed one.
    """
    needed, begins, sure = undecided
    for row in range(len(valid)):
        window, both, newest = valid[row], observed[0, row], observed[1, row]
        end = window + 2 * HALF_WINDOW + 1
        if usual[window, 0] > 0 and not (needs and np.isnan(both)):
            for level in range(3):
                count = usual[window, level + 1] + sure[level, end] - sure[level, window]
                if both > 0:
                    for member in range(begins[level, window], begins[level, end]):
                        two, one = needed[level, 0, member], needed[level, 1, member]
                        count += (both > two) | (newest > one)
                shares[row, level] = count / usual[window, 0]


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
    p95, one_level, three_level, *severe = _limits(normals)
    severe[1] = np.maximum(*severe)
    three = [np.minimum(p95, severe[0] * three_level), *(limit * three_level for limit in severe)]
    one = [np.full_like(p95, np.nan), *(limit * one_level for limit in severe)]
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

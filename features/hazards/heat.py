"""Heat: days far above what is usual for the date, heat waves, and excess heat.

Level 1: warm season, Tmax above the 90th percentile of its doy window (season days only) and above
``heat_floor``; level 2: level 1 on the day and on each of the 2 days before; level 3: level 2 and
EHF severity >= 1 (Nairn & Fawcett 2013).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from features.calendar import (
    DAYS,
    day_index,
    in_season,
    trailing_mean,
    trailing_sum,
    window_mean,
)
from features.day_windows import window_quantile
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
    at_least,
    lagged,
    optional,
    share_known,
    single_days,
    smallest,
    valid_index,
)
from features.indices import excess_heat_factor, quantile

CELLS = single_days(9)


def fit_normals(observations: xr.Dataset, options: Options) -> xr.Dataset:
    """Percentiles and means of Tmax by day of year, the floor, T95 and EHF85 of the observations.

    DegC.
    """
    times = observations["time"].values
    tmax = observations["air_temperature_max"].values.astype(np.float64)
    season = in_season(times, options.warm_season)[:, None]
    warm = np.where(season, tmax, np.nan)
    own, places = options.thresholds, tmax.shape[1]
    if "level_1" in own:
        p90, floor = np.full((DAYS, places), own["level_1"]), np.full(places, -np.inf)
    else:
        p90, floor = window_quantile(warm, times, 0.90), quantile(warm, 0.75)
    if "heat_floor" in own:
        floor = np.full(places, own["heat_floor"])
    p90 = np.where(_season_index(options)[:, None], p90, np.nan)
    measured = _mostly_measured(observations)
    tmean = _mean_temperature(observations, measured)
    t95 = quantile(tmean, 0.95)
    ehf, _, _ = excess_heat_factor(tmean, t95)
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
        "ehf_p85": ("location", quantile(np.where(ehf > 0, ehf, np.nan), 0.85)),
    }
    return xr.Dataset(
        normals, coords={"dayofyear": np.arange(DAYS), "location": observations["location"].values}
    )


def _season_index(options: Options) -> np.ndarray:
    return in_season(np.datetime64("2000-01-01") + np.arange(DAYS), options.warm_season)


def _mostly_measured(observations: xr.Dataset) -> np.ndarray:
    if "air_temperature_mean" not in observations:
        return np.zeros(observations.sizes["location"], dtype=bool)
    mean, highest = (observations[f"air_temperature_{name}"].values for name in ("mean", "max"))
    return share_known(mean, highest) >= 0.9


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


def margins(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.DataArray:
    """Margins of each level: (level, time, location); -inf outside the warm season.

    Levels 1 and 2 in K: Tmax over its threshold, and the least of three days. Level 3: EHF severity
    over its threshold where that is less than level 2's; NaN where EHF85 is not known.
    """
    times = observations["time"].values
    tmax = observations["air_temperature_max"].values.astype(np.float64)
    one = np.where(
        in_season(times, options.warm_season)[:, None],
        _above_threshold(tmax, day_index(times), normals),
        -np.inf,
    )
    two = smallest(one, lagged(one, 1), lagged(one, 2))
    ehf, _, _ = excess_heat_factor(
        _mean_temperature(observations, normals["measured_tmean"].values),
        normals["tmean_p95"].values,
    )
    severity = ehf / normals["ehf_p85"].values
    three = smallest(two, at_least(severity - options.thresholds.get("level_3", 1.0)))
    never_known = np.isnan(normals["ehf_p85"].values)
    return xr.DataArray(
        np.stack([one, two, np.where(never_known, np.nan, three)]),
        dims=("level", "time", "location"),
        coords={"level": list(LEVELS), "time": times, "location": observations["location"].values},
    )


def _threshold(index: np.ndarray, normals: xr.Dataset) -> np.ndarray:
    """Tmax that level 1 exceeds on days of the year ``index``, degC; NaN outside the season."""
    return _thresholds(normals)[index]


def _thresholds(normals: xr.Dataset) -> np.ndarray:
    """Tmax that level 1 exceeds on each day of the year, degC; NaN outside the season."""
    p90, floor = normals["tmax_p90"].values, normals["heat_floor"].values
    return np.where(np.isnan(p90), np.nan, np.fmax(p90, floor))


def _above_threshold(tmax: np.ndarray, index: np.ndarray, normals: xr.Dataset) -> np.ndarray:
    return tmax - _threshold(index, normals)


def applies(times: np.ndarray, normals: xr.Dataset, options: Options) -> np.ndarray:
    """1 where any day of the cell is in the warm season, else 0: (cell, time, location)."""
    days = [
        [times + np.timedelta64(cell.lead_days + k, "D") for k in range(cell.window_days)]
        for cell in CELLS
    ]
    season = np.stack(
        [np.any([in_season(day, options.warm_season) for day in cell], axis=0) for cell in days]
    )
    return np.broadcast_to(
        season.astype(float)[:, :, None], (*season.shape, normals.sizes["location"])
    )


@dataclass(frozen=True)
class Observed:
    """What predictors are read from: (day, location) as known on each day, and the issue days.

    ``anomaly`` of Tmax, K; ``above``: Tmax over its threshold, K, -inf out of season; ``one`` and
    ``two``: whether the newest day, the newest two, were above, NaN where not known.
    """

    known: xr.Dataset
    normals: xr.Dataset
    rows: np.ndarray
    delay: int
    index: np.ndarray
    valid: np.ndarray
    anomaly: np.ndarray
    above: np.ndarray
    one: np.ndarray
    two: np.ndarray
    significance: np.ndarray
    acclimatisation: np.ndarray


def observe(
    known: xr.Dataset,
    normals: xr.Dataset,
    rows: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
) -> Observed:
    """Newest anomalies, the running spell, and excess heat."""
    issued, delay = known["init_time"].values, delays["air_temperature_max"]
    times = issued - np.timedelta64(delay, "D")
    index = day_index(times)
    tmax = known["air_temperature_max"].values.astype(np.float64)
    season = in_season(times, options.warm_season)[:, None]
    above = np.where(season, _above_threshold(tmax, index, normals), -np.inf)
    spells = above, smallest(above, lagged(above, 1))
    one, two = (np.where(np.isnan(part), np.nan, part > 0) for part in spells)
    _, significance, acclimatisation = excess_heat_factor(
        _mean_temperature(known, normals["measured_tmean"].values), normals["tmean_p95"].values
    )
    return Observed(
        known=known,
        normals=normals,
        rows=rows,
        delay=delay,
        index=index,
        valid=valid_index(issued[rows], CELLS),
        anomaly=tmax - normals["tmax_mean"].values[index],
        above=above,
        one=one,
        two=two,
        significance=significance,
        acclimatisation=acclimatisation,
    )


def _threshold_anomaly(seen: Observed) -> np.ndarray:
    """The threshold of each valid day over its usual Tmax, K: (row, cell, location)."""
    above = _thresholds(seen.normals) - seen.normals["tmax_mean"].values
    return above.astype(np.float32)[seen.valid]


def _tmin_anomaly(seen: Observed) -> np.ndarray:
    return (
        optional(seen.known, "air_temperature_min") - seen.normals["tmin_mean"].values[seen.index]
    )


YESTERDAY = "yesterday's temperature"
SPELL = "the running hot spell"
BUILT_UP = "built-up heat"
WARMTH = "the warmth of the last months"
GROUND = "dry or wet ground"
AIR = "humidity, wind and pressure"

PREDICTORS = (
    Predictor("tmax_anomaly_1d", lambda s: s.anomaly, YESTERDAY, state=True),
    Predictor("tmax_anomaly_mean_30d", lambda s: trailing_mean(s.anomaly, 30), WARMTH, state=True),
    Predictor(
        "tmax_anomaly_mean_365d", lambda s: trailing_mean(s.anomaly, 365), WARMTH, state=True
    ),
    Predictor(
        "spell_one_day",
        lambda s: np.where(np.isnan(s.two), np.nan, s.one - s.two),
        SPELL,
        state=True,
    ),
    Predictor("spell_two_days", lambda s: s.two, SPELL, state=True),
    Predictor("ehi_significance", lambda s: s.significance, BUILT_UP, state=True),
    Predictor("ehi_acclimatisation", lambda s: s.acclimatisation, BUILT_UP, state=True),
    Predictor("tmax_anomaly_change_1d", lambda s: s.anomaly - lagged(s.anomaly, 1), YESTERDAY),
    Predictor("tmax_anomaly_mean_7d", lambda s: trailing_mean(s.anomaly, 7), BUILT_UP),
    Predictor("tmin_anomaly_1d", _tmin_anomaly, YESTERDAY),
    Predictor(
        "precipitation_sum_30d",
        lambda s: trailing_sum(optional(s.known, "precipitation"), 30),
        GROUND,
    ),
    Predictor(
        "precipitation_sum_90d",
        lambda s: trailing_sum(optional(s.known, "precipitation"), 90),
        GROUND,
    ),
    Predictor("relative_humidity_1d", lambda s: optional(s.known, "relative_humidity"), AIR),
    Predictor("wind_speed_1d", lambda s: optional(s.known, "wind_speed"), AIR),
    Predictor(
        "air_pressure_change_1d",
        lambda s: np.diff(optional(s.known, "air_pressure"), axis=0, prepend=np.nan),
        AIR,
    ),
    Predictor("margin_to_threshold", _threshold_anomaly, by_cell=True, calendar=True),
    *SEASON_WAVES,
    Predictor(
        "spell_bound",
        lambda s: _spell_bound(s.above, s.rows, s.delay),
        SPELL,
        by_cell=True,
        bounds=(2, 3),
    ),
)


def _spell_bound(above: np.ndarray, rows: np.ndarray, delay: int) -> np.ndarray:
    """What level 2 of a day cannot exceed, as its first two days are already known; else +inf.

    ``above`` (day, location): Tmax over its threshold as known at each issue day, ``delay`` old.
    """
    bound = np.full((len(rows), len(CELLS), above.shape[1]), np.inf, dtype=np.float32)
    for number, cell in enumerate(CELLS):
        for back in (1, 2):
            days_ago = back - cell.lead_days - delay
            if cell.window_days == 1 and days_ago >= 0:
                seen = lagged(above, days_ago)[rows]
                bound[:, number] = np.fmin(bound[:, number], seen)
    return bound


def level_thresholds(valid: np.ndarray, normals: xr.Dataset, options: Options) -> np.ndarray:
    """Tmax and, of level 3, the mean of 3 days from which on a level is; degC.

    (condition, level, time, location). The mean is that at which EHF severity reaches level 3 after
    a month of usual warmth: it is less after a cool one. EHIsig = s has EHF = s max(1, s + T95 -
    mean of the month before).
    """
    index = day_index(valid)
    above = _threshold(index, normals)
    month = (normals["tmax_mean"].values + normals["tmin_mean"].values) / 2
    before = np.mean([month[day_index(valid - np.timedelta64(k, "D"))] for k in range(3, 33)], 0)
    t95 = normals["tmean_p95"].values
    wanted = normals["ehf_p85"].values * options.thresholds.get("level_3", 1.0)
    cool = t95 - before
    with np.errstate(invalid="ignore"):
        rising = (np.sqrt(cool**2 + 4 * np.maximum(wanted, 0.0)) - cool) / 2
        excess = np.where(rising + cool >= 1, rising, wanted)
    none = np.full_like(above, np.nan)
    return np.stack([[above, above, above], [none, none, t95 + excess]])


def history(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.Dataset:
    """Tmax, its usual value and the level 1 threshold of each day; degC."""
    index = day_index(observations["time"].values)
    season = in_season(observations["time"].values, options.warm_season)[:, None]
    threshold = _threshold(index, normals)
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
    awareness_type="5; high-temperature",
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
    thresholds={"level_1": "degC", "heat_floor": "degC", "level_3": "EHF severity"},
    backtesting=Backtesting(gap_days=42, first_years=10),
    colours=Colours({"yellow": {1: 0.40}, "orange": {2: 0.30, 3: 0.20}, "red": {3: 0.40}}, 2.0),
    fit_normals=fit_normals,
    margins=margins,
    margin_days=33,
    applies=applies,
    history=history,
    observe=observe,
    predictors=PREDICTORS,
    newest="tmax_anomaly_1d",
    memory_days=400,
    outlook=Quantity(scale=np.asarray, back=np.asarray),
    meaning=Meaning(
        words={
            1: ("a day above {first}",),
            2: ("three days in a row above {first}",),
            3: (
                "three days in a row above {first} whose mean, nights included, is about {second} "
                "or more",
                "three days in a row above {first} with much excess heat",
            ),
        },
        units=("degC", "degC"),
        thresholds=level_thresholds,
    ),
    choices=("measured_tmean",),
    seasonal=True,
)

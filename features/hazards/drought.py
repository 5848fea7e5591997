"""Drought: a standardised water balance far below what is usual for the date.

SPEI over 90 days; on valid days where rain's share of the variance of the 90-day balance is below
0.6 (Mediterranean summers, where SPEI-90 is a thermometer) over 365 days instead. Balance =
precipitation - PET; PET measured, else Hargreaves. SPI over 90 days where there is neither.
Vicente-Serrano et al. 2010; Begueria et al. 2014; McKee et al. 1993.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from configs.remarks import Remark, remark, text, to_json
from features.balance_ensemble import overlap_shares
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
    Cell,
    Colours,
    Hazard,
    Meaning,
    Options,
    Predictor,
    Quantity,
    at_least,
    lagged,
    optional,
    overlap_predictors,
    valid_index,
)
from features.indices import WHY_UNDEFINED
from features.runs import present_state
from features.water_balance import (
    FITTED,
    NO_PET,
    daily_balance,
    fit_window,
    index_of,
    latitude_of,
    limits_of,
    pet_source_of,
    rain_share_of,
)

WINDOWS = (90, 365)
LEADS = (30, 60, 90)
CELLS = tuple(Cell(lead, window) for window in WINDOWS for lead in LEADS)
INDEX_AT_MOST = {1: -1.0, 2: -1.5, 3: -2.0}
LEAST_RAIN_SHARE = 0.6


def fit_normals(observations: xr.Dataset, options: Options) -> xr.Dataset:
    """Distribution of the 90- and 365-day balance by day of year, each level's limit, the record.

    ``limit`` (window, level, dayofyear, location) mm: at most this much is the level.
    ``index_window`` (dayofyear, location): 90 or 365, the window whose index counts on that valid
    day. ``record``: the daily balance, mm. ``undefined`` (window, dayofyear, location): why there
    is no index, a position in WHY_UNDEFINED.
    """
    times = observations["time"].values
    source = pet_source_of(observations)
    normals = xr.Dataset(
        {
            "pet_source": ("location", source),
            "latitude_used": ("location", latitude_of(observations)),
        },
        coords={"location": observations["location"].values},
    )
    rain = observations["precipitation"].values.astype(np.float64)
    balance = daily_balance(observations, normals, times)
    sums = [trailing_sum(balance, window) for window in WINDOWS]
    spi = source == NO_PET
    fits = [fit_window(total, times, spi) for total in sums]
    share = rain_share_of(trailing_sum(rain, 90), sums[0], times)
    long = (share < LEAST_RAIN_SHARE) & ~spi
    index = np.repeat(day_index(times)[:, None], rain.shape[1], axis=1)
    tmax, recent = optional(observations, "air_temperature_max"), trailing_sum(balance, 30)
    by_window = {name: np.stack([fit[name] for fit in fits]) for name in (*FITTED, "undefined")}
    by_day = {
        "rain_share": share,
        "index_window": np.where(long, WINDOWS[1], WINDOWS[0]),
        "tmax_mean": window_mean(tmax, times),
        "sum_30d_mean": window_mean(recent, times),
    }
    limits = np.stack([limits_of(fit, _standards(options)) for fit in fits])
    variables = {
        **{name: (("window", "dayofyear", "location"), part) for name, part in by_window.items()},
        **{name: (("dayofyear", "location"), part) for name, part in by_day.items()},
        "limit": (("window", "level", "dayofyear", "location"), limits),
        "record": (("day", "location"), balance.astype(np.float32)),
        "record_index": (("day", "location"), index.astype(np.int16)),
    }
    return normals.assign(variables).assign_coords(
        window=list(WINDOWS), level=list(LEVELS), dayofyear=np.arange(DAYS), day=times
    )


def margins(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.DataArray:
    """How far the index that counts is below each level's: (level, time, location); 1."""
    times = observations["time"].values
    value = index_that_counts(daily_balance(observations, normals, times), times, normals)
    return xr.DataArray(
        at_least(_standards(options)[:, None, None] - value),
        dims=("level", "time", "location"),
        coords={
            "level": list(LEVELS),
            "time": times,
            "location": observations["location"].values,
        },
    )


def shifts(normals: xr.Dataset, options: Options) -> np.ndarray:
    """How far each level's index is below that of level 1: (level, location)."""
    standards = _standards(options)
    return np.repeat((standards[0] - standards)[:, None], normals.sizes["location"], axis=1)


def _standards(options: Options) -> np.ndarray:
    """Index of each level: (level,); none is above the one before it."""
    own = [options.thresholds.get(f"level_{k}", INDEX_AT_MOST[k]) for k in LEVELS]
    return np.minimum.accumulate(np.array(own, dtype=np.float64))


def index_that_counts(balance: np.ndarray, times: np.ndarray, normals: xr.Dataset) -> np.ndarray:
    """Index of the window that counts on each day: (time, location), from the daily balance, mm."""
    index = day_index(times)
    short, long = (
        index_of(trailing_sum(balance, window), index, window, normals) for window in WINDOWS
    )
    return np.where(normals["index_window"].values[index] == WINDOWS[1], long, short)


def applies(times: np.ndarray, normals: xr.Dataset, options: Options) -> np.ndarray:
    """1 where the cell's window is the one that counts on its valid day, else NaN.

    (cell, time, location).
    """
    window = normals["index_window"].values
    cells = [
        window[day_index(times + np.timedelta64(cell.lead_days, "D"))] == cell.window_days
        for cell in CELLS
    ]
    return np.where(np.stack(cells), 1.0, np.nan)


@dataclass(frozen=True)
class Observed:
    """What predictors are read from: (day, location) as known on each day.

    ``short``, ``long``, ``before``: the 90-day and the 365-day index, and the 90-day one 30 days
    earlier, on the issue days at least. ``recent``: balance of 30 days, mm. ``unknown`` (cell,):
    days of the window that no observation can tell of. ``shares`` (level, row, cell, location):
    the overlap ensemble.
    """

    normals: xr.Dataset
    index: np.ndarray
    valid: np.ndarray
    short: np.ndarray
    long: np.ndarray
    before: np.ndarray
    recent: np.ndarray
    tmax: np.ndarray
    unknown: np.ndarray
    shares: np.ndarray


def observe(
    known: xr.Dataset,
    normals: xr.Dataset,
    rows: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
) -> Observed:
    """Where the indices stand, and the overlap ensemble of where they may go."""
    latest = max(delays[str(name)] for name in known.data_vars)
    behind = {str(name): latest - delays[str(name)] for name in known.data_vars}
    together = known.assign(
        {
            name: (known[name].dims, lagged(known[name].values, days))
            for name, days in behind.items()
            if days
        }
    )
    issued = known["init_time"].values
    times = issued - np.timedelta64(latest, "D")
    index = day_index(times)
    balance = daily_balance(together, normals, times)
    quarter, year = (trailing_sum(balance, window) for window in WINDOWS)

    def index_on(days: np.ndarray, total: np.ndarray, window: int) -> np.ndarray:
        values = np.full(total.shape, np.nan)
        values[days] = index_of(total[days], index[days], window, normals)
        return values

    short = index_on(np.union1d(rows, rows[rows >= 30] - 30), quarter, WINDOWS[0])
    return Observed(
        normals=normals,
        index=index,
        valid=valid_index(issued[rows], CELLS),
        short=short,
        long=index_on(rows, year, WINDOWS[1]),
        before=lagged(short, 30),
        recent=trailing_sum(balance, 30),
        tmax=optional(together, "air_temperature_max"),
        unknown=np.array([cell.lead_days + latest for cell in CELLS]),
        shares=overlap_shares(balance, normals, CELLS, (issued, rows), latest),
    )


def _observed_part(seen: Observed) -> np.ndarray:
    """Share of each cell's index window that is already observed: (row, cell, 1)."""
    length = np.array([cell.window_days for cell in CELLS])
    return (1 - np.minimum(seen.unknown / length, 1.0))[None, :, None]


def _rain_share(seen: Observed) -> np.ndarray:
    """That of each valid day: (row, cell, location)."""
    return seen.normals["rain_share"].values.astype(np.float32)[seen.valid]


def _warmth(seen: Observed) -> np.ndarray:
    return trailing_mean(seen.tmax - seen.normals["tmax_mean"].values[seen.index], 90)


OBSERVED, MOVES = "the weather already observed", "how the index moves"

PREDICTORS = (
    *overlap_predictors(OBSERVED),
    Predictor("index_90d", lambda s: s.short, MOVES),
    Predictor("index_365d", lambda s: s.long, MOVES),
    Predictor("index_change_30d", lambda s: s.short - s.before, MOVES),
    Predictor(
        "balance_anomaly_sum_30d",
        lambda s: s.recent - s.normals["sum_30d_mean"].values[s.index],
        MOVES,
    ),
    Predictor("observed_part", _observed_part, MOVES, by_cell=True),
    Predictor("rain_share", _rain_share, MOVES, by_cell=True),
    Predictor("air_temperature_anomaly_mean_90d", _warmth, "temperature"),
    *SEASON_WAVES,
)


def level_thresholds(valid: np.ndarray, normals: xr.Dataset, options: Options) -> np.ndarray:
    """Index (1) and balance (mm) at or below which each level is.

    (condition, level, time, location), of the window that counts on each valid day. No balance
    where it is rain alone.
    """
    index = day_index(valid)
    standards = np.broadcast_to(
        _standards(options)[:, None, None], (len(LEVELS), len(valid), normals.sizes["location"])
    )
    short, long = normals["limit"].values[:, :, index]
    limit = np.where(normals["index_window"].values[index] == WINDOWS[1], long, short)
    return np.stack([standards, np.where(normals["pet_source"].values == NO_PET, np.nan, limit)])


def present(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.Dataset:
    """How dry it is on the newest day, since when, and which rank that has among the years."""
    times = observations["time"].values
    index, balance = day_index(times), daily_balance(observations, normals, times)
    both = [index_of(trailing_sum(balance, days), index, days, normals) for days in WINDOWS]
    shape, threshold = balance.shape, _standards(options)[0]
    past = xr.Dataset(
        {
            "window_days": (("time", "location"), normals["index_window"].values[index]),
            "threshold": (("time", "location"), np.full(shape, threshold)),
        },
        {"time": times, "location": observations["location"].values},
    )
    return present_state(np.stack(both), np.array(WINDOWS), past)


def history(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.Dataset:
    """The index that counts on each day and the level 1 threshold; standard normal units.

    The title says why days lack it.
    """
    times = observations["time"].values
    value = index_that_counts(daily_balance(observations, normals, times), times, normals)
    coords = {"time": times, "location": observations["location"].values}
    flat = {
        "value": value,
        "normal": np.zeros_like(value),
        "threshold": np.full_like(value, _standards(options)[0]),
    }
    title = (
        "Precipitation index (SPI)"
        if (normals["pet_source"].values == NO_PET).all()
        else "Water balance index (SPEI)"
    )
    message = remark("word", title=title)
    for why in reasons(normals):
        message = remark("index.undefined", title=message, reason=why)
    return xr.Dataset(
        {name: (("time", "location"), part) for name, part in flat.items()},
        coords,
        {"title": text(message), "remark": json.dumps(to_json(message)), "units": "1"},
    )


def reasons(normals: xr.Dataset) -> list[Remark]:
    """Why the index that counts is undefined at some time of the year at some place.

    Empty where it never is.
    """
    codes = normals["undefined"].sel(window=normals["index_window"])
    return [remark(WHY_UNDEFINED[code]) for code in np.unique(codes) if code]


HAZARD = Hazard(
    name="drought",
    title="Drought",
    awareness_type="15; Drought",
    requires=("precipitation",),
    uses=(
        "potential_evapotranspiration",
        "air_temperature_max",
        "air_temperature_min",
        "air_temperature_mean",
    ),
    cells=CELLS,
    thresholds={"level_1": "index", "level_2": "index", "level_3": "index"},
    backtesting=Backtesting(gap_days=180, first_years=20, step_days=5),
    colours=Colours({"yellow": {1: 0.50}, "orange": {2: 0.40}, "red": {3: 0.40}}, 1.5),
    fit_normals=fit_normals,
    margins=margins,
    margin_days=455,
    shifts=shifts,
    applies=applies,
    history=history,
    observe=observe,
    predictors=PREDICTORS,
    newest="index_90d",
    memory_days=480,
    outlook=Quantity(scale=np.asarray, back=lambda index: np.clip(index, -3.0, 3.0)),
    meaning=Meaning(
        words=dict.fromkeys(
            LEVELS,
            (
                "a balance (rain less possible evaporation) of {second} or lower over {window}, "
                "index {first} or lower",
                "an index of {first} or lower over {window}",
            ),
        ),
        units=("1", "mm"),
        thresholds=level_thresholds,
    ),
    present=present,
    choices=("pet_source", "index_window"),
    windows_look_back=True,
)

"""Drought: a standardised water balance far below what is usual for the date.

SPEI over 90 days; on valid days where rain's share of the variance of the 90-day balance is below 0.6 (Mediterranean
summers, where SPEI-90 is a thermometer) over 365 days instead. Balance = precipitation - PET; PET measured, else
Hargreaves. SPI over 90 days where there is neither. Vicente-Serrano et al. 2010; Begueria et al. 2014; McKee et al. 1993.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
import xarray as xr

from features.calendar import (
    DAYS,
    day_index,
    seasonal_mean,
    trailing_sum,
    window_mean,
    window_samples,
)
from features.evapotranspiration import hargreaves
from features.hazards import (
    LEVELS,
    Cell,
    Hazard,
    Options,
    Quantity,
    lagged,
    optional,
    season_waves,
    valid_index,
)
from features.indices import (
    WHY_UNDEFINED,
    LogLogistic,
    ZeroGamma,
    probability_of,
    standardised,
    why_undefined,
)

WINDOWS = (90, 365)
LEADS = (30, 60, 90)
CELLS = tuple(Cell(lead, window) for window in WINDOWS for lead in LEADS)
INDEX_AT_MOST = {1: -1.0, 2: -1.5, 3: -2.0}
LEAST_RAIN_SHARE = 0.6
ENSEMBLE_HALF_WINDOW = 10


def fit_normals(observations: xr.Dataset, options: Options) -> xr.Dataset:
    """Distribution of the 90- and 365-day balance by day of year, the sums that reach each level, and the record itself.

    ``limit`` (window, level, dayofyear, location) mm: at most this much is the level. ``index_window`` (dayofyear,
    location): 90 or 365, the window whose index counts on that valid day. ``record``: the daily balance, mm. ``undefined``
    (window, dayofyear, location): why there is no index, a position in WHY_UNDEFINED.
    """
    times = observations["time"].values
    source = _pet_source(observations)
    normals = xr.Dataset(
        {
            "pet_source": ("location", source),
            "latitude_used": ("location", _latitude(observations)),
        },
        coords={"location": observations["location"].values},
    )
    rain = observations["precipitation"].values.astype(np.float64)
    balance = daily_balance(observations, normals, times)
    standards = [
        INDEX_AT_MOST[k]
        if f"level_{k}" not in options.thresholds
        else options.thresholds[f"level_{k}"]
        for k in LEVELS
    ]
    sums = [trailing_sum(balance, window) for window in WINDOWS]
    spi = source == NO_PET
    fits = [_fit_window(total, times, spi) for total in sums]
    dims = ("window", "dayofyear", "location")
    for name in (*_FITTED, "undefined"):
        normals[name] = (dims, np.stack([fit[name] for fit in fits]))
    normals["limit"] = (
        ("window", "level", "dayofyear", "location"),
        np.stack([_limits(fit, standards) for fit in fits]),
    )
    share = _rain_share(trailing_sum(rain, 90), sums[0], times)
    normals["rain_share"] = (("dayofyear", "location"), share)
    normals["index_window"] = (
        ("dayofyear", "location"),
        np.where((share < LEAST_RAIN_SHARE) & ~spi, WINDOWS[1], WINDOWS[0]),
    )
    normals["record"] = (("day", "location"), balance.astype(np.float32))
    normals["record_index"] = (
        ("day", "location"),
        np.repeat(day_index(times)[:, None], rain.shape[1], axis=1).astype(np.int16),
    )
    normals["tmax_mean"] = (
        ("dayofyear", "location"),
        window_mean(optional(observations, "air_temperature_max"), times),
    )
    normals["sum_30d_mean"] = (
        ("dayofyear", "location"),
        window_mean(trailing_sum(balance, 30), times),
    )
    return normals.assign_coords(
        window=list(WINDOWS), level=list(LEVELS), dayofyear=np.arange(DAYS), day=times
    )


NO_PET, MEASURED, HARGREAVES = 0, 1, 2


def _pet_source(observations: xr.Dataset) -> np.ndarray:
    """Where each place's PET comes from: measured if 90 % of its days have it, else Hargreaves for all its days, else none."""
    measured = (
        np.isfinite(optional(observations, "potential_evapotranspiration")).mean(axis=0) >= 0.9
    )
    tmax, tmin = (
        optional(observations, "air_temperature_max"),
        optional(observations, "air_temperature_min"),
    )
    possible = (np.isfinite(tmax + tmin).mean(axis=0) >= 0.5) & np.isfinite(_latitude(observations))
    return np.where(measured, MEASURED, np.where(possible, HARGREAVES, NO_PET))


def _latitude(observations: xr.Dataset) -> np.ndarray:
    if "latitude" in observations.coords:
        return observations["latitude"].values.astype(np.float64)
    return np.full(observations.sizes["location"], np.nan)


def daily_balance(data: xr.Dataset, normals: xr.Dataset, times: np.ndarray) -> np.ndarray:
    """Precipitation minus PET of each day, mm; precipitation alone where the place has no PET. (time, location).

    ``times`` are the days the values are of.
    """
    tmax, tmin = optional(data, "air_temperature_max"), optional(data, "air_temperature_min")
    mean = (
        optional(data, "air_temperature_mean")
        if "air_temperature_mean" in data
        else (tmax + tmin) / 2
    )
    mean = np.where(np.isnan(mean), (tmax + tmin) / 2, mean)
    day = pd.DatetimeIndex(times).day_of_year.to_numpy()
    source = normals["pet_source"].values
    estimated = hargreaves(tmax, tmin, mean, day, np.nan_to_num(normals["latitude_used"].values))
    pet = np.where(
        source == MEASURED,
        optional(data, "potential_evapotranspiration"),
        np.where(source == HARGREAVES, estimated, 0.0),
    )
    return data["precipitation"].values.astype(np.float64) - pet


def _fit_window(total: np.ndarray, times: np.ndarray, spi: np.ndarray) -> dict[str, np.ndarray]:
    """Season and distribution of a window's sums by day of year, and why there is none: each (366, location)."""
    season = np.where(spi, 0.0, seasonal_mean(total, times))
    apart = total - season[day_index(times)]
    fitted = {name: np.full(season.shape, np.nan) for name in _FITTED[1:]}
    undefined = np.zeros(season.shape, np.int8)
    for place, alone in enumerate(spi):
        sample = window_samples(apart[:, [place]], times)[:, :, 0]
        undefined[:, place] = why_undefined(sample, rain=alone)
        parameters = _gamma(sample) if alone else asdict(LogLogistic.fit(sample))
        for name, values in parameters.items():
            fitted[name][:, place] = values
    return {"season": season, **fitted, "undefined": undefined}


def _gamma(sample: np.ndarray) -> dict[str, np.ndarray]:
    return {f"gamma_{name}": values for name, values in asdict(ZeroGamma.fit(sample)).items()}


def _distributions(fit: Mapping[str, np.ndarray]) -> tuple[LogLogistic, ZeroGamma]:
    gamma = ZeroGamma(fit["gamma_shape"], fit["gamma_scale"], fit["gamma_dry"])
    return LogLogistic(fit["xi"], fit["alpha"], fit["k"]), gamma


def _limits(fit: Mapping[str, np.ndarray], standards: list[float]) -> np.ndarray:
    """Sums (level, 366, location), mm, whose index is the level's; NaN where the index is undefined."""
    logistic, gamma = _distributions(fit)
    at = [probability_of(standard) for standard in standards]
    return np.stack(
        [
            np.where(
                np.isfinite(fit["xi"]), logistic.quantile(p) + fit["season"], gamma.quantile(p)
            )
            for p in at
        ]
    )


def _rain_share(rain: np.ndarray, balance: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Rain's share of the variance of the 90-day balance in each doy window: cov(rain, balance) / var(balance)."""
    index = day_index(times)
    both = np.isfinite(rain) & np.isfinite(balance)
    r, b = (
        np.where(both, part - seasonal_mean(part, times)[index], np.nan) for part in (rain, balance)
    )
    mean_r, mean_b, mean_rb, mean_bb = (window_mean(part, times) for part in (r, b, r * b, b * b))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (mean_rb - mean_r * mean_b) / (mean_bb - mean_b**2)


def index_of(total: np.ndarray, index: np.ndarray, window: int, normals: xr.Dataset) -> np.ndarray:
    """SPEI (or SPI) of window sums (time, location) on days of year ``index``: standard normal, clipped to [-3, 3]."""
    fit = {str(name): normals[name].sel(window=window).values[index] for name in _FITTED}
    logistic, gamma = _distributions(fit)
    probability = np.where(
        np.isfinite(fit["xi"]),
        logistic.probability(total - fit["season"]),
        gamma.probability(total),
    )
    return standardised(probability)


_FITTED = ("season", "xi", "alpha", "k", "gamma_shape", "gamma_scale", "gamma_dry")


def events(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.DataArray:
    """Levels of the index that counts on each valid day: (level, time, location), 1.0, 0.0 or NaN."""
    times = observations["time"].values
    index = day_index(times)
    balance = daily_balance(observations, normals, times)
    long = normals["index_window"].values[index] == WINDOWS[1]
    total = np.where(long, trailing_sum(balance, WINDOWS[1]), trailing_sum(balance, WINDOWS[0]))
    levels = []
    for level in LEVELS:
        short_limit, long_limit = (
            normals["limit"].sel(window=window, level=level).values[index] for window in WINDOWS
        )
        limit = np.where(long, long_limit, short_limit)
        levels.append(np.where(np.isnan(total) | np.isnan(limit), np.nan, total <= limit))
    coords = {"level": list(LEVELS), "time": times, "location": observations["location"].values}
    return xr.DataArray(np.stack(levels), dims=("level", "time", "location"), coords=coords)


def applies(times: np.ndarray, normals: xr.Dataset, options: Options) -> np.ndarray:
    """1 where the cell's window is the one that counts on its valid day, else NaN: (cell, time, location)."""
    window = normals["index_window"].values
    cells = [
        window[day_index(times + np.timedelta64(cell.lead_days, "D"))] == cell.window_days
        for cell in CELLS
    ]
    return np.where(np.stack(cells), 1.0, np.nan)


FEATURES = (
    "overlap_1",
    "overlap_2",
    "overlap_3",
    "index_90d",
    "index_365d",
    "index_change_30d",
    "balance_anomaly_sum_30d",
    "observed_part",
    "rain_share",
    "air_temperature_anomaly_mean_90d",
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
    """The overlap ensemble and where the indices stand; (row, cell, location)."""
    latest = max(delays[str(name)] for name in known.data_vars)
    together = known.map(
        lambda values: values.copy(data=lagged(values.values, latest - delays[str(values.name)]))
    )
    issued = known["init_time"].values
    times = issued - np.timedelta64(latest, "D")
    index = day_index(times)
    balance = daily_balance(together, normals, times)
    short, long = (
        index_of(trailing_sum(balance, window), index, window, normals) for window in WINDOWS
    )
    recent = trailing_sum(balance, 30)
    tmax = optional(together, "air_temperature_max")
    state = {
        "index_90d": short,
        "index_365d": long,
        "index_change_30d": short - lagged(short, 30),
        "balance_anomaly_sum_30d": recent - normals["sum_30d_mean"].values[index],
        "air_temperature_anomaly_mean_90d": trailing_sum(
            tmax - normals["tmax_mean"].values[index], 90
        )
        / 90,
    }
    made = {name: values[rows][:, None, :] for name, values in state.items()}
    valid = valid_index(issued[rows], CELLS)
    unknown = np.array([cell.lead_days + latest for cell in CELLS])
    observed = 1 - np.minimum(unknown / np.array([cell.window_days for cell in CELLS]), 1.0)
    shares = overlap_shares(balance, normals, issued, rows, latest)
    made |= {f"overlap_{level}": shares[:, :, number] for number, level in enumerate(LEVELS)}
    made |= {
        "observed_part": observed[None, :, None],
        "rain_share": normals["rain_share"].values[valid],
    }
    return made | season_waves(valid)


def overlap_shares(
    balance: np.ndarray, normals: xr.Dataset, issued: np.ndarray, rows: np.ndarray, delay: int
) -> np.ndarray:
    """Share of an ensemble that reaches each level: (row, cell, level, location).

    A member is the observed part of the window plus the rest drawn from within 10 calendar days of it in every training
    year. ``balance`` is as known at each issue day, ``delay`` days old.
    """
    record, record_index = (
        normals["record"].values.astype(np.float64),
        normals["record_index"].values[:, 0],
    )
    shares = np.full((len(rows), len(CELLS), len(LEVELS), balance.shape[1]), np.nan)
    for number, cell in enumerate(CELLS):
        rest = min(cell.lead_days + delay, cell.window_days)
        seen = cell.window_days - rest
        observed = (
            trailing_sum(balance, seen)[rows] if seen else np.zeros((len(rows), balance.shape[1]))
        )
        valid = day_index(issued[rows] + np.timedelta64(cell.lead_days, "D"))
        limit = normals["limit"].sel(window=cell.window_days).values
        counts = normals["index_window"].values == cell.window_days
        drawn = trailing_sum(record, rest)
        for day in np.unique(valid):
            near = (
                np.abs((record_index - day + DAYS // 2) % DAYS - DAYS // 2)
            ) <= ENSEMBLE_HALF_WINDOW
            at = np.flatnonzero(valid == day)
            for place in np.flatnonzero(counts[day]):
                members = np.sort(drawn[near, place])
                members = members[: np.isfinite(members).sum()]
                needed = limit[:, day, place][None, :] - observed[at, place][:, None]
                share = np.searchsorted(members, needed, side="right") / max(len(members), 1)
                shares[at, number, :, place] = np.where(
                    np.isnan(needed) | (len(members) == 0), np.nan, share
                )
    return shares


def history(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.Dataset:
    """The index that counts on each day and the level 1 threshold; standard normal units. The title says why days lack it."""
    times = observations["time"].values
    index = day_index(times)
    balance = daily_balance(observations, normals, times)
    short, long = (
        index_of(trailing_sum(balance, window), index, window, normals) for window in WINDOWS
    )
    value = np.where(normals["index_window"].values[index] == WINDOWS[1], long, short)
    coords = {"time": times, "location": observations["location"].values}
    flat = {
        "value": value,
        "normal": np.zeros_like(value),
        "threshold": np.full_like(value, options.thresholds.get("level_1", INDEX_AT_MOST[1])),
    }
    title = (
        "Precipitation index (SPI)"
        if (normals["pet_source"].values == NO_PET).all()
        else "Water balance index (SPEI)"
    )
    title += "".join(f"; undefined at some time of the year, {why}" for why in reasons(normals))
    return xr.Dataset(
        {name: (("time", "location"), part) for name, part in flat.items()},
        coords,
        {"title": title, "units": "1"},
    )


def reasons(normals: xr.Dataset) -> list[str]:
    """Why the index that counts is undefined at some time of the year at some place; empty where it never is."""
    codes = normals["undefined"].sel(window=normals["index_window"])
    return [WHY_UNDEFINED[code] for code in np.unique(codes) if code]


HAZARD = Hazard(
    name="drought",
    title="Drought",
    requires=("precipitation",),
    uses=(
        "potential_evapotranspiration",
        "air_temperature_max",
        "air_temperature_min",
        "air_temperature_mean",
    ),
    cells=CELLS,
    gap_days=180,
    first_training_years=20,
    issue_step_days=5,
    thresholds={"level_1": "index", "level_2": "index", "level_3": "index"},
    colours={"yellow": {1: 0.50}, "orange": {2: 0.40}, "red": {3: 0.40}},
    colour_over_normal=1.5,
    fit_normals=fit_normals,
    events=events,
    applies=applies,
    predictors=predictors,
    history=history,
    features=FEATURES,
    outlook=Quantity(
        scale=np.asarray, back=lambda index: np.clip(index, -3.0, 3.0), start="overlap_1"
    ),
    state=(),
    overlap=("overlap_1", "overlap_2", "overlap_3"),
    windows_look_back=True,
    choices=("pet_source", "index_window"),
    boosting={
        "max_depth": 1,
        "eta": 0.09,
        "min_child_weight": 2.6,
        "lambda": 0.29,
        "subsample": 0.83,
        "colsample_bytree": 0.39,
    },
    causes={
        "the weather already observed": ("overlap",),
        "how the index moves": (
            "index_90d",
            "index_365d",
            "index_change_30d",
            "balance_anomaly_sum_30d",
            "observed_part",
            "rain_share",
        ),
        "temperature": ("air_temperature_anomaly_mean_90d",),
    },
)

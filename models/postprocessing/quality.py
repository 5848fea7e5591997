"""Which forecasts cannot be used, and why: no values, constant, another unit, another day, too few.

``quality_flags`` gives a flag for each column (horizon, location) of pairs that must be left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
import xarray as xr

from configs.remarks import Remark, remark
from features.calendar import day_index, seasonal_mean
from models.postprocessing.forecast_pairs import (
    ERROR_MODELS,
    has_pair,
    keep_forecasts,
    plausible_range,
    within_range,
)
from models.postprocessing.silence import QualityFlag

MIN_DAYS = 90  # issue days before forecasts are calibrated
MIN_DAYS_IN_SEASON = 30  # of them near the day of year; also for a correlation
RECENT_DAYS = 365  # flags are those of the forecasts as they are issued now
KELVIN = 273.15
MAX_TEMPERATURE_GAP = 15.0  # degC on the median day: beyond any bias, the unit must be another
MAX_AMOUNT_RATIO = 8.0  # between sums of rain, or median flows: beyond it the unit is another
MIN_SHIFT_GAIN = 0.1  # of correlation, for a forecast to be of another day
MIN_CHANGE = 1e-6  # a forecast whose values differ by less is constant


def quality_flags(pairs: xr.Dataset) -> list[QualityFlag]:
    """A flag for each column (horizon, location) of the newest runs that must be left out.

    None for a location that never had the variable nor a forecast of it.
    """
    ever, variable = pairs["mean"].values, pairs.attrs["variable"]
    exists = np.isfinite(ever).any(axis=(0, 1)) | np.isfinite(pairs["observed"].values).any(
        axis=(0, 1)
    )
    recent = pairs.isel(init_time=slice(-RECENT_DAYS, None))
    mean = recent["mean"].values
    counts = has_pair(within_range(pairs, *plausible_range(pairs))).sum(axis=0)
    since = pairs["init_time"].values[np.isfinite(ever).argmax(axis=0)]
    shifts, units = _wrong_day(recent), _wrong_units(recent)
    flags = []
    for column, horizon in enumerate(pairs["horizon"].values):
        for number, location in enumerate(pairs["location"].values):
            at = (column, number)
            reason = (
                _without_values(mean[:, column, number], ever[:, column, number])
                or _constant(mean[:, column, number])
                or units[at]
                or shifts[at]
                or _too_few(counts[at], since[at])
            )
            if reason and exists[number]:
                flags.append(QualityFlag(variable, int(horizon), str(location), reason))
    return flags


def usable_pairs(pairs: xr.Dataset, flags: Iterable[QualityFlag]) -> xr.Dataset:
    """Pairs without the flagged columns and without implausible values, which become NaN."""
    mask = np.ones((pairs.sizes["horizon"], pairs.sizes["location"]), dtype=bool)
    horizons = pairs["horizon"].values.tolist()
    locations = [str(name) for name in pairs["location"].values]
    for flag in flags:
        if flag.variable == pairs.attrs["variable"]:
            mask[horizons.index(flag.horizon), locations.index(flag.location)] = False
    return within_range(keep_forecasts(pairs, mask), *plausible_range(pairs))


def _without_values(recent: np.ndarray, ever: np.ndarray) -> Remark | None:
    if np.isfinite(recent).any():
        return None
    return (
        remark("weather.no_longer", n=RECENT_DAYS)
        if np.isfinite(ever).any()
        else remark("weather.never")
    )


def _constant(x: np.ndarray) -> Remark | None:
    x = x[np.isfinite(x)]
    constant = len(x) >= MIN_DAYS_IN_SEASON and np.ptp(x) < MIN_CHANGE
    return remark("weather.constant") if constant else None


def _too_few(days: int, since: np.datetime64) -> Remark | None:
    if days >= MIN_DAYS:
        return None
    return remark(
        "weather.few_days", n=int(days), day=date.fromisoformat(str(since)[:10]), least=MIN_DAYS
    )


def _wrong_units(recent: xr.Dataset) -> np.ndarray:
    """Columns in kelvin, degrees Fahrenheit, metres, inches: (horizon, location), reason or None.

    Amounts are compared with the ratio of the horizon before, because the means of ensembles
    shrink with the horizon and units do not.
    """
    model = ERROR_MODELS[recent.attrs["variable"]]
    mean, observed = (recent[name].values.astype(np.float64) for name in ("mean", "observed"))
    reasons = np.full(mean.shape[1:], None, dtype=object)
    for number in range(mean.shape[2]):
        expected = 1.0
        for column in range(mean.shape[1]):
            both = np.isfinite(mean[:, column, number] + observed[:, column, number])
            if not both.any():
                continue
            x, y = mean[both, column, number], observed[both, column, number]
            if model.temperature:
                reasons[column, number] = _wrong_temperature(x, y)
                continue
            ratio = _amount_ratio(x, y, model.family)
            if 1 / MAX_AMOUNT_RATIO <= ratio / expected <= MAX_AMOUNT_RATIO:
                expected = ratio
            else:
                reasons[column, number] = remark(
                    "weather.far_more" if ratio > 1 else "weather.far_less"
                )
    return reasons


def _wrong_temperature(x: np.ndarray, y: np.ndarray) -> Remark | None:
    """The unit that forecasts ``x`` seem to have, from observations ``y`` in degC."""
    if abs(float(np.median(x - y))) <= MAX_TEMPERATURE_GAP:
        return None
    by_unit = {"Kelvin": y + KELVIN, "degrees Fahrenheit": 1.8 * y + 32.0}
    units = [
        unit for unit, values in by_unit.items() if abs(np.median(x - values)) < MAX_TEMPERATURE_GAP
    ]
    return remark("weather.unit", unit=units[0]) if units else remark("weather.too_far")


def _amount_ratio(x: np.ndarray, y: np.ndarray, family: str) -> float:
    """Forecast over observed: of the sums for rain (mm), else of medians of a logarithm."""
    if family == "rain":
        return float((x.sum() + 1.0) / (y.sum() + 1.0))
    return float(np.exp(np.median(x - y)))


def _wrong_day(recent: xr.Dataset) -> np.ndarray:
    """Columns that fit the day before or after better: (horizon, location), a reason or None.

    A forecast that has lost its skill also resembles the days before it, because days are alike.
    So a shift counts only at the shortest two horizons, or where, in the mean over the locations,
    the next horizon fits its own later day better than this one does.
    """
    own, before, after = _correlations(recent, (0, -1, 1))
    known = np.isfinite(own).any(axis=0)
    own, before, after = (np.nan_to_num(part) for part in (own, before, after))
    later = (
        np.concatenate([own[1:], own[-2:-1] - MIN_SHIFT_GAIN])
        if len(own) > 1
        else np.full_like(own, -np.inf)
    )
    reasons = np.full(own.shape, None, dtype=object)
    for other, key in ((before, "weather.day_before"), (after, "weather.day_after")):
        nearer = other > own + MIN_SHIFT_GAIN
        whole = nearer[:2].all(axis=0)
        gain, excess = _mean_of(later - own, known), _mean_of(other - later, known)
        dips = (gain > MIN_SHIFT_GAIN) & (excess > 0)
        new = (whole | (nearer & dips[:, None])) & (reasons == np.array(None))
        reasons[new] = remark(key)
    return reasons


def _mean_of(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return values[:, columns].mean(axis=1) if columns.any() else np.zeros(len(values))


def _correlations(recent: xr.Dataset, shifts: Sequence[int]) -> np.ndarray:
    """Correlation with observations ``shifts`` days from the valid day: (shift, horizon, location).

    The seasonal mean is taken off; of rain the square root is used instead.
    """
    days = recent["init_time"].values
    rain = ERROR_MODELS[recent.attrs["variable"]].family == "rain"
    sizes = len(shifts), recent.sizes["horizon"], recent.sizes["location"]
    correlations = np.full(sizes, np.nan)
    for column in range(recent.sizes["horizon"]):
        x, y = (recent[name].values[:, column].astype(np.float64) for name in ("mean", "observed"))
        x, y = (np.sqrt(part) if rain else part - _seasonal(part, days) for part in (x, y))
        for number, shift in enumerate(shifts):
            shifted = np.roll(y, -shift, axis=0)
            shifted[slice(-shift, None) if shift > 0 else slice(0, -shift)] = np.nan
            correlations[number, column] = correlation(x, shifted)
    return correlations


def _seasonal(values: np.ndarray, days: np.ndarray) -> np.ndarray:
    return seasonal_mean(values, days, harmonics=1)[day_index(days)]


def correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlation along axis 0 over the rows where both are finite.

    NaN with fewer than MIN_DAYS_IN_SEASON rows, or where one never changes.
    """
    both = np.isfinite(x) & np.isfinite(y)
    count = both.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = (
            np.where(both, part - np.where(both, part, 0).sum(axis=0) / count, 0.0)
            for part in (x, y)
        )
        r = (x * y).sum(axis=0) / np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    return np.where(count >= MIN_DAYS_IN_SEASON, r, np.nan)

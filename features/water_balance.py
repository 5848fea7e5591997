"""The water balance of a location and its standardised index: SPEI, and SPI where there is no PET.

Balance = precipitation - PET; PET measured, else Hargreaves. Sums of a window lose their seasonal
mean, then follow a log-logistic distribution by day of year; rain alone follows a gamma with zeros.
Vicente-Serrano et al. 2010; Begueria et al. 2014; McKee et al. 1993.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
import xarray as xr

from features.calendar import DAYS, day_index, seasonal_mean, window_mean
from features.day_windows import window_moments, window_wet_sums
from features.evapotranspiration import hargreaves
from features.hazards import optional, share_known
from features.indices import LEAST_WET, LogLogistic, ZeroGamma, probability_of, why_of
from features.standard_index import gamma_index, log_logistic_index

NO_PET, MEASURED, HARGREAVES = 0, 1, 2
"""Where a location's PET comes from."""

FITTED = ("season", "xi", "alpha", "k", "gamma_shape", "gamma_scale", "gamma_dry")
"""What is fitted of a window's sums, each (dayofyear, location)."""


def pet_source_of(observations: xr.Dataset) -> np.ndarray:
    """Where each location's PET comes from.

    Measured if 90 % of its days with rain data have it, else Hargreaves for all its days, else
    none.
    """
    wet = optional(observations, "precipitation")
    pet, tmax, tmin = (
        optional(observations, name)
        for name in (
            "potential_evapotranspiration",
            "air_temperature_max",
            "air_temperature_min",
        )
    )
    measured = share_known(pet, wet) >= 0.9
    possible = (share_known(tmax + tmin, wet) >= 0.5) & np.isfinite(latitude_of(observations))
    return np.where(measured, MEASURED, np.where(possible, HARGREAVES, NO_PET))


def latitude_of(observations: xr.Dataset) -> np.ndarray:
    """Degrees north, NaN where the record does not tell: (location,)."""
    if "latitude" in observations.coords:
        return observations["latitude"].values.astype(np.float64)
    return np.full(observations.sizes["location"], np.nan)


def daily_balance(data: xr.Dataset, normals: xr.Dataset, times: np.ndarray) -> np.ndarray:
    """Precipitation minus PET of each day, mm; precipitation alone where the place has no PET.

    (time, location).

    ``times`` are the days the values are of.
    """
    rain, source = data["precipitation"].values, normals["pet_source"].values
    pet = np.where(source == MEASURED, optional(data, "potential_evapotranspiration"), 0.0)
    if (source == HARGREAVES).any():
        latitude = np.nan_to_num(normals["latitude_used"].values)
        pet = np.where(source == HARGREAVES, estimated_pet(data, latitude, times), pet)
    return rain.astype(np.float64) - pet


def estimated_pet(data: xr.Dataset, latitude: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Hargreaves' evapotranspiration of each day, mm: (time, location)."""
    tmax, tmin = optional(data, "air_temperature_max"), optional(data, "air_temperature_min")
    middle = (tmax + tmin) / 2
    mean = optional(data, "air_temperature_mean")
    mean = np.where(np.isnan(mean), middle, mean)
    day = pd.DatetimeIndex(times).day_of_year.to_numpy()
    return hargreaves(tmax, tmin, mean, day, latitude)


def fit_window(total: np.ndarray, times: np.ndarray, spi: np.ndarray) -> dict[str, np.ndarray]:
    """Season and distribution of a window's sums by day of year, and why there is none.

    Each (366, location). ``spi`` (location,): rain alone.
    """
    fitted = {name: np.full((DAYS, total.shape[1]), np.nan) for name in FITTED}
    fitted["undefined"] = np.zeros((DAYS, total.shape[1]), np.int8)
    for alone, fit in ((True, _fit_rain), (False, _fit_balance)):
        places = slice(None) if (spi == alone).all() else np.flatnonzero(spi == alone)
        if (spi == alone).any():
            for name, values in fit(total[:, places], times).items():
                fitted[name][:, places] = values
    return fitted


def _fit_rain(total: np.ndarray, times: np.ndarray) -> dict[str, np.ndarray]:
    """Gamma distribution by day of year of sums of rain, without a season."""
    rain = window_wet_sums(total, day_index(times), LEAST_WET)
    why = why_of(rain.wet, rain.known, rain.lowest, rain.highest)
    gamma = ZeroGamma.of_sums(rain.known, rain.wet, rain.total, rain.logarithms, why)
    parameters = {f"gamma_{name}": values for name, values in asdict(gamma).items()}
    return {"season": np.zeros(why.shape), **parameters, "undefined": why}


def _fit_balance(total: np.ndarray, times: np.ndarray) -> dict[str, np.ndarray]:
    """Season and log-logistic distribution by day of year of sums of the balance."""
    season = seasonal_mean(total, times)
    n, *moments, lowest, highest = window_moments(total, day_index(times), season)
    why = why_of(n, n, lowest, highest)
    law = LogLogistic.of_moments(*(np.where(why > 0, np.nan, m) for m in moments))
    return {"season": season, **asdict(law), "undefined": why}


def distributions_of(fit: Mapping[str, np.ndarray]) -> tuple[LogLogistic, ZeroGamma]:
    """The distributions of the balance and of rain alone whose parameters ``fit`` holds."""
    gamma = ZeroGamma(fit["gamma_shape"], fit["gamma_scale"], fit["gamma_dry"])
    return LogLogistic(fit["xi"], fit["alpha"], fit["k"]), gamma


def limits_of(fit: Mapping[str, np.ndarray], standards: np.ndarray) -> np.ndarray:
    """Sums (level, 366, location), mm, whose index is the level's.

    NaN where the index is undefined.
    """
    logistic, gamma = distributions_of(fit)
    at = [probability_of(standard) for standard in standards]
    return np.stack(
        [
            np.where(
                np.isfinite(fit["xi"]), logistic.quantile(p) + fit["season"], gamma.quantile(p)
            )
            for p in at
        ]
    )


def rain_share_of(rain: np.ndarray, balance: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Rain's share of the variance of the 90-day balance in each window of days of the year.

    cov(rain, balance) / var(balance), (366, location).
    """
    index = day_index(times)
    both = np.isfinite(rain) & np.isfinite(balance)
    r, b = (
        np.where(both, part - seasonal_mean(part, times)[index], np.nan) for part in (rain, balance)
    )
    mean_r, mean_b, mean_rb, mean_bb = (window_mean(part, times) for part in (r, b, r * b, b * b))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (mean_rb - mean_r * mean_b) / (mean_bb - mean_b**2)


def index_of(total: np.ndarray, index: np.ndarray, window: int, normals: xr.Dataset) -> np.ndarray:
    """SPEI (or SPI) of window sums (time, location) on days of year ``index``.

    Standard normal, clipped to [-3, 3].
    """
    number = window_number(window, normals)
    return index_by({name: normals[name].values[number] for name in FITTED}, total, index)


def index_by(fit: Mapping[str, np.ndarray], total: np.ndarray, index: np.ndarray) -> np.ndarray:
    """As index_of, from what fit_window found."""
    logistic, gamma = distributions_of(fit)
    spi = np.isfinite(fit["gamma_shape"]).any(axis=0)
    if spi.all():
        return gamma_index(total, index, gamma)
    with_season = LogLogistic(logistic.xi + fit["season"], logistic.alpha, logistic.k)
    value = log_logistic_index(total, index, with_season)
    if spi.any():
        of_rain = ZeroGamma(gamma.shape[:, spi], gamma.scale[:, spi], gamma.dry[:, spi])
        value[:, spi] = gamma_index(total[:, spi], index, of_rain)
    return value


def window_number(window: int, normals: xr.Dataset) -> int:
    """Position of a window's length among those of the normals."""
    return int(np.flatnonzero(normals["window"].values == window)[0])

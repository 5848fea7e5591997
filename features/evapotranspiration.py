"""Reference evapotranspiration: pure functions on arrays (time, location), all of Allen et al. 1998 (FAO-56).

Largest differences from references not written here, bounds of test_indices_peers.py and test_evapotranspiration.py in
tests/features, mm per day:

Hargreaves        climate-indices, a measured year: 1e-13; FAO-56 example 20: 0.05, to which it is rounded
Hargreaves        xclim, whose sun is Spencer's and not FAO-56's, 40 years of Melilla: 0.14 of up to 8
Penman-Monteith   climate-indices, ten measured years with made-up humidity and wind: 1e-13
Penman-Monteith   FAO-56 examples 17 and 18: 0.005, to which they are rounded
"""

from __future__ import annotations

import numpy as np


def extraterrestrial_radiation(day_of_year: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Radiation at the top of the atmosphere, MJ m-2 per day (FAO-56 eq. 21); (time,), (location,) -> (time, location)."""
    j = np.asarray(day_of_year, dtype=float)[:, None]
    phi = np.deg2rad(np.asarray(latitude, dtype=float))[None, :]
    distance = 1 + 0.033 * np.cos(2 * np.pi * j / 365)
    declination = 0.409 * np.sin(2 * np.pi * j / 365 - 1.39)
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(declination), -1.0, 1.0))
    beam = sunset * np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.sin(
        sunset
    )
    return 24 * 60 / np.pi * 0.0820 * distance * beam


def hargreaves(
    tmax: np.ndarray,
    tmin: np.ndarray,
    tmean: np.ndarray,
    day_of_year: np.ndarray,
    latitude: np.ndarray,
) -> np.ndarray:
    """Reference evapotranspiration of Hargreaves & Samani 1985, mm per day (FAO-56 eq. 52); never below zero."""
    of_year = extraterrestrial_radiation(np.arange(1, 367), latitude) * 0.408
    radiation = of_year[np.asarray(day_of_year) - 1]
    return np.maximum(
        0.0023 * (tmean + 17.8) * np.sqrt(np.maximum(tmax - tmin, 0.0)) * radiation, 0.0
    )


def penman_monteith(
    tmax: np.ndarray,
    tmin: np.ndarray,
    vapour_pressure: np.ndarray,
    wind: np.ndarray,
    radiation: np.ndarray,
    day_of_year: np.ndarray,
    latitude: np.ndarray,
    elevation: np.ndarray,
    soil_heat: float = 0.0,
) -> np.ndarray:
    """Reference evapotranspiration of FAO-56 Penman-Monteith, mm per day (eq. 6); never below zero.

    ``tmax``, ``tmin`` degC; ``vapour_pressure`` kPa; ``wind`` m s-1 at 2 m; ``radiation`` solar, received, MJ m-2 per day;
    all (time, location). ``elevation`` m, (location,). ``soil_heat`` MJ m-2 per day, 0 for days. NaN where any is NaN, and
    where the sun does not rise.
    """
    mean = (tmax + tmin) / 2
    deficit = (
        saturation_vapour_pressure(tmax) + saturation_vapour_pressure(tmin)
    ) / 2 - vapour_pressure
    slope = 4098 * saturation_vapour_pressure(mean) / (mean + 237.3) ** 2
    gamma = 0.000665 * 101.3 * ((293 - 0.0065 * np.asarray(elevation)) / 293) ** 5.26
    clear_sky = (0.75 + 2e-5 * np.asarray(elevation)) * extraterrestrial_radiation(
        day_of_year, latitude
    )
    net = (
        0.77 * radiation
        - net_longwave(tmax, tmin, vapour_pressure, radiation, clear_sky)
        - soil_heat
    )
    found = (0.408 * slope * net + gamma * 900 / (mean + 273) * wind * deficit) / (
        slope + gamma * (1 + 0.34 * wind)
    )
    return np.maximum(found, 0.0)


def net_longwave(
    tmax: np.ndarray,
    tmin: np.ndarray,
    vapour_pressure: np.ndarray,
    radiation: np.ndarray,
    clear_sky: np.ndarray,
) -> np.ndarray:
    """Longwave radiation lost by the ground, MJ m-2 per day (FAO-56 eq. 39); NaN where ``clear_sky`` is 0."""
    share = np.minimum(
        np.divide(
            radiation, clear_sky, out=np.full(np.shape(radiation), np.nan), where=clear_sky > 0
        ),
        1.0,
    )
    black = 4.903e-9 * ((tmax + 273.16) ** 4 + (tmin + 273.16) ** 4) / 2
    return black * (0.34 - 0.14 * np.sqrt(vapour_pressure)) * (1.35 * share - 0.35)


def saturation_vapour_pressure(temperature: np.ndarray) -> np.ndarray:
    """Saturation vapour pressure over water, kPa, at a temperature in degC (FAO-56 eq. 11)."""
    return 0.6108 * np.exp(17.27 * temperature / (temperature + 237.3))


def vapour_pressure_of(humidity: np.ndarray, tmax: np.ndarray, tmin: np.ndarray) -> np.ndarray:
    """Vapour pressure, kPa, from the day's mean relative humidity in % (FAO-56 eq. 19)."""
    return (
        humidity / 100 * (saturation_vapour_pressure(tmax) + saturation_vapour_pressure(tmin)) / 2
    )


def wind_at_2m(wind: np.ndarray, height: float = 10.0) -> np.ndarray:
    """Wind speed at 2 m over short grass from that at ``height`` m, in its units (FAO-56 eq. 47)."""
    return wind * 4.87 / np.log(67.8 * height - 5.42)

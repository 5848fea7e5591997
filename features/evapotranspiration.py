"""Reference evapotranspiration: pure functions on arrays (time, location), Allen et al.

1998 (FAO-56).

Largest differences from references not written here, bounds of test_indices_peers.py and
test_evapotranspiration.py in tests/features, mm per day:

Hargreaves   climate-indices, a measured year: 1e-13
Hargreaves   FAO-56 example 20: 0.05, to which it is rounded
Hargreaves   xclim, whose sun is Spencer's and not FAO-56's, 40 years of Melilla: 0.14 of up to 8
"""

from __future__ import annotations

import numpy as np


def extraterrestrial_radiation(day_of_year: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Radiation at the top of the atmosphere, MJ m-2 per day (FAO-56 eq. 21).

    (time,), (location,) -> (time, location).
    """
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
    """Reference evapotranspiration of Hargreaves & Samani 1985, mm per day; never below zero.

    Temperatures in degC, (time, location). FAO-56 eq. 52.
    """
    of_year = extraterrestrial_radiation(np.arange(1, 367), latitude) * 0.408
    radiation = of_year[np.asarray(day_of_year) - 1]
    return np.maximum(
        0.0023 * (tmean + 17.8) * np.sqrt(np.maximum(tmax - tmin, 0.0)) * radiation, 0.0
    )

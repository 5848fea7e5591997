"""The unit that a record is in, by what its place's latitude allows."""

from __future__ import annotations

import numpy as np

from data_contracts.climate_limits import LEAST_DAYS, fits
from data_contracts.variables import VARIABLES
from sources.common.units import scaled_conversion

USUAL: dict[str, tuple[str, ...]] = {
    "degC": ("degC", "0.1 degC", "K", "degF", "0.01 degC", "0.1 degF", "0.1 K"),
    "mm": ("mm", "0.1 mm", "inch", "m", "kg m-2 s-1", "0.01 inch"),
    "m s-1": ("m s-1", "km/h", "0.1 m s-1", "knot"),
    "%": ("%", "fraction", "0.1 %"),
    "hPa": ("hPa", "Pa", "kPa", "0.1 hPa", "mmHg", "inHg"),
    "MJ m-2": ("MJ m-2", "W m-2", "J m-2", "kJ m-2", "J cm-2", "kWh/m2"),
    "m3 m-3": ("m3 m-3", "%"),
}
"""Unit of the variables table -> units that records come in, the likelier first."""


def likely_unit(variable: str, values: np.ndarray, latitude: float | None) -> str | None:
    """The first usual unit that brings a record into what its latitude allows; None if none does.

    ``values``: daily, as they came, NaN where missing. One in 200 at either end may be at fault.
    Tenths and hundredths are written as whole numbers.
    """
    known = np.sort(values[np.isfinite(values)])
    known = known[len(known) // 200 : len(known) - len(known) // 200]
    whole = bool((known % 1 == 0).all())
    for unit in USUAL.get(VARIABLES[variable].units, ()) if known.size else ():
        if unit.startswith("0.") and not whole:
            continue
        if _suits(variable, scaled_conversion(unit, variable).apply(known), latitude):
            return unit
    return None


def doubtful(variable: str, values: np.ndarray, latitude: float | None) -> bool:
    """Whether a record of a year or more does not suit its latitude as it is.

    ``values``: daily, in the variable's units, NaN where missing.
    """
    known = np.sort(values[np.isfinite(values)])
    known = known[len(known) // 200 : len(known) - len(known) // 200]
    return known.size >= LEAST_DAYS and not _suits(variable, known, latitude)


def _suits(variable: str, values: np.ndarray, latitude: float | None) -> bool:
    return fits(variable, values, latitude) and _varies(variable, values, latitude)


def _varies(variable: str, values: np.ndarray, latitude: float | None) -> bool:
    """Whether temperatures of a year or more spread as far as they do somewhere like that.

    The standard deviation of daily values is at least 0.75 degC on an atoll, at least 0.05 degC for
    each degree from the equator below 60, and at least 0.1 degC for each degree that the mean is
    below 27, for cold places have seasons. It is 25 degC at most, and 8 within 20 degrees of the
    equator. Wide on purpose: this tells kelvin and degrees Fahrenheit from tenths, nothing finer.
    """
    if not variable.startswith("air_temperature") or values.size < LEAST_DAYS:
        return True
    spread, mean = float(values.std()), float(values.mean())
    low = max(0.75, 0.1 * (27.0 - mean))
    high = 25.0
    if latitude is not None and np.isfinite(latitude):
        low = max(low, 0.05 * abs(latitude)) if abs(latitude) < 60 else low
        high = 8.0 if abs(latitude) < 20 else high
    return low <= spread <= high

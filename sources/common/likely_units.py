"""The unit that a record is in, by what its place's latitude allows."""

from __future__ import annotations

import numpy as np

from data_contracts.climate_limits import LEAST_DAYS, fits
from data_contracts.variables import VARIABLES
from sources.common.units import scaled_conversion

USUAL: dict[str, tuple[str, ...]] = {
    "degC": ("degC", "0.1 degC", "K", "degF", "0.01 degC", "0.1 K", "0.1 degF"),
    "mm": ("mm", "0.1 mm", "inch", "m", "kg m-2 s-1", "0.01 inch", "cm"),
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
    """
    known = np.sort(values[np.isfinite(values)])
    known = known[len(known) // 200 : len(known) - len(known) // 200]
    for unit in USUAL.get(VARIABLES[variable].units, ()) if known.size else ():
        if fits(variable, scaled_conversion(unit, variable).apply(known), latitude):
            return unit
    return None


def doubtful(variable: str, values: np.ndarray, latitude: float | None) -> bool:
    """Whether a record of a year or more does not suit its latitude, and in another unit would."""
    if np.isfinite(values).sum() < LEAST_DAYS:
        return False
    unit = likely_unit(variable, values, latitude)
    return unit is not None and unit != USUAL[VARIABLES[variable].units][0]

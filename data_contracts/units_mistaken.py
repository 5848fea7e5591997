"""Units that records come in by mistake, and the one that brings a record into its climate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data_contracts.climate_limits import LEAST_DAYS, fits
from data_contracts.variables import VARIABLES


class MistakenUnit(NamedTuple):
    """A unit that values may be in: canonical = value * ``factor`` + ``offset``.

    ``unit``: as region files write it. ``code``: of the message that names it and its cure.
    """

    unit: str
    code: str
    factor: float
    offset: float = 0.0


TENTHS_OFF, TENTHS_SHARE = 0.05, 0.9
"""How far from a tenth, in tenths, a value may be, and the share of values that must not be."""

MISTAKEN: dict[str, tuple[MistakenUnit, ...]] = {
    "degC": (
        MistakenUnit("0.1 degC", "unit.tenths_degree", 0.1),
        MistakenUnit("K", "unit.kelvin", 1.0, -273.15),
        MistakenUnit("degF", "unit.fahrenheit", 5 / 9, -160 / 9),
        MistakenUnit("0.01 degC", "unit.hundredths_degree", 0.01),
        MistakenUnit("0.1 degF", "unit.tenths_fahrenheit", 0.1 * 5 / 9, -160 / 9),
        MistakenUnit("0.1 K", "unit.tenths_kelvin", 0.1, -273.15),
    ),
    "mm": (
        MistakenUnit("0.1 mm", "unit.tenths_mm", 0.1),
        MistakenUnit("inch", "unit.inches", 25.4),
        MistakenUnit("m", "unit.metres", 1_000.0),
        MistakenUnit("kg m-2 s-1", "unit.rate", 86_400.0),
        MistakenUnit("0.01 inch", "unit.hundredths_inch", 0.254),
    ),
    "m s-1": (
        MistakenUnit("km/h", "unit.km_h", 1 / 3.6),
        MistakenUnit("kn", "unit.knots", 1852 / 3600),
        MistakenUnit("mph", "unit.mph", 0.44704),
        MistakenUnit("0.1 m s-1", "unit.tenths_speed", 0.1),
    ),
    "%": (
        MistakenUnit("fraction", "unit.fraction", 100.0),
        MistakenUnit("0.1 %", "unit.tenths_percent", 0.1),
    ),
    "hPa": (
        MistakenUnit("Pa", "unit.pascal", 0.01),
        MistakenUnit("kPa", "unit.kilopascal", 10.0),
        MistakenUnit("0.1 hPa", "unit.tenths_hpa", 0.1),
        MistakenUnit("mmHg", "unit.mm_mercury", 1.333224),
        MistakenUnit("inHg", "unit.inches_mercury", 33.8639),
    ),
    "m3 m-3": (MistakenUnit("%", "unit.per_cent", 0.01),),
    "MJ m-2": (
        MistakenUnit("W m-2", "unit.watt", 0.0864),
        MistakenUnit("J m-2", "unit.joule", 1e-6),
        MistakenUnit("kJ m-2", "unit.kilojoule", 1e-3),
        MistakenUnit("J cm-2", "unit.joule_cm2", 0.01),
        MistakenUnit("kWh/m2", "unit.kwh", 3.6),
    ),
}
"""Units of the variables table -> units that records come in by mistake, the likelier first."""


def likely_unit(variable: str, values: np.ndarray, latitude: float | None) -> MistakenUnit | None:
    """The first unit that brings a record into what its latitude allows.

    None where none does, and where the record suits as it is. ``values``: daily, as they came, NaN
    where missing. One in 200 at either end may be at fault. Tenths and hundredths are written as
    whole numbers. Units of speed are so near to one another that several may suit: then the one in
    which the values are tenths, and None where that does not tell either.
    """
    known = _without_ends(values)
    if not known.size or _suits(variable, known, latitude):
        return None
    whole = bool((known % 1 == 0).all())
    units = MISTAKEN.get(VARIABLES[variable].units, ())
    if known.size < LEAST_DAYS:  # too short for its spread to tell tenths from kelvin
        units = tuple(sorted(units, key=lambda unit: unit.unit.startswith("0.")))
    converted = [
        (unit, known * unit.factor + unit.offset)
        for unit in units
        if whole or not unit.unit.startswith("0.")
    ]
    for suits in (_suits, fits):  # of a record with an odd spread the range alone must tell
        suiting = [pair for pair in converted if suits(variable, pair[1], latitude)]
        if len(suiting) > 1 and variable == "wind_speed":
            suiting = [pair for pair in suiting if _are_tenths(pair[1])]
            return suiting[0][0] if len(suiting) == 1 else None
        if suiting:
            return suiting[0][0]
    return None


def _are_tenths(values: np.ndarray) -> bool:
    """Whether nearly all values are told to a tenth, as instruments do in their own unit."""
    off = np.abs(values * 10 - np.rint(values * 10))
    return bool((off < TENTHS_OFF).mean() > TENTHS_SHARE)


def doubtful(variable: str, values: np.ndarray, latitude: float | None) -> bool:
    """Whether a record of a year or more does not suit its latitude as it is.

    ``values``: daily, in the variable's units, NaN where missing.
    """
    known = _without_ends(values)
    return known.size >= LEAST_DAYS and not _suits(variable, known, latitude)


def _without_ends(values: np.ndarray) -> np.ndarray:
    """The known values in order, without one in 200 at either end."""
    numbers = np.asarray(values, np.float64)
    known = np.sort(numbers[np.isfinite(numbers)])
    return known[len(known) // 200 : len(known) - len(known) // 200]


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

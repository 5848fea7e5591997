"""Units that records come in by mistake, and the one that brings a record into its climate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data_contracts.climate_limits import fits
from data_contracts.variables import VARIABLES


class MistakenUnit(NamedTuple):
    """A unit that values may be in: canonical = value * ``factor`` + ``offset``.

    ``code``: of the message that names it and its cure.
    """

    code: str
    factor: float
    offset: float = 0.0


MISTAKEN: dict[str, tuple[MistakenUnit, ...]] = {
    "degC": (
        MistakenUnit("unit.kelvin", 1.0, -273.15),
        MistakenUnit("unit.fahrenheit", 5 / 9, -160 / 9),
        MistakenUnit("unit.tenths_degree", 0.1),
        MistakenUnit("unit.hundredths_degree", 0.01),
        MistakenUnit("unit.tenths_kelvin", 0.1, -273.15),
    ),
    "mm": (
        MistakenUnit("unit.tenths_mm", 0.1),
        MistakenUnit("unit.hundredths_inch", 0.254),
        MistakenUnit("unit.inches", 25.4),
        MistakenUnit("unit.metres", 1_000.0),
        MistakenUnit("unit.rate", 86_400.0),
    ),
    "m s-1": (MistakenUnit("unit.km_h", 1 / 3.6), MistakenUnit("unit.tenths_speed", 0.1)),
    "%": (MistakenUnit("unit.fraction", 100.0), MistakenUnit("unit.tenths_percent", 0.1)),
    "hPa": (
        MistakenUnit("unit.pascal", 0.01),
        MistakenUnit("unit.kilopascal", 10.0),
        MistakenUnit("unit.tenths_hpa", 0.1),
        MistakenUnit("unit.inches_mercury", 33.8639),
    ),
    "m3 m-3": (MistakenUnit("unit.per_cent", 0.01),),
    "MJ m-2": (
        MistakenUnit("unit.watt", 0.0864),
        MistakenUnit("unit.kilojoule", 1e-3),
        MistakenUnit("unit.joule", 1e-6),
        MistakenUnit("unit.kwh", 3.6),
    ),
}
"""Units of the variables table -> units that records come in by mistake, the usual first."""


def likely_unit(variable: str, values: np.ndarray, latitude: float | None) -> MistakenUnit | None:
    """The first unit that brings a record into what its latitude allows; None where none does.

    ``values``: daily, as they came, NaN where missing. One in 200 at either end may be at fault.
    """
    known = np.sort(np.asarray(values, float))
    known = known[np.isfinite(known)]
    known = known[len(known) // 200 : len(known) - len(known) // 200]
    for unit in MISTAKEN.get(VARIABLES[variable].units, ()) if known.size else ():
        if fits(variable, known * unit.factor + unit.offset, latitude):
            return unit
    return None

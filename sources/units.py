"""Units: from what a service or file calls its unit to the unit of the variables table.

Spellings are codes of UCUM 2.1 (SensorThings), of UN/CEFACT Recommendation 20 (NGSI-LD's ``unitCode``), CF's and usual ones; all are
matched letter by letter, as UCUM asks: ``mm`` is not ``MM``. Exact factors follow from the inch (25.4 mm), foot (0.3048 m), knot
(1852 m/h), mile (1609.344 m), conventional mmHg (133.322387415 Pa) and psi (6894.757293168 Pa).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from configs import RiskError
from data_contracts.variables import VARIABLES


@dataclass(frozen=True)
class Conversion:
    """canonical = value * ``factor`` + ``offset``; where the unit is a ``rate`` of a day's sum, value is the mean over the day."""

    factor: float = 1.0
    offset: float = 0.0
    rate: bool = False

    def apply(self, value: Any) -> Any:
        """A number, an array or a column in the canonical unit."""
        return value * self.factor + self.offset


SAME = Conversion()

# (spellings, conversion) by canonical unit.
_TABLE: dict[str, tuple[tuple[str, Conversion], ...]] = {
    "degC": (
        ("degC|Cel|CEL|°C|ºC|C|celsius|Celsius|degree_Celsius|degrees_Celsius|degree_C|degrees_C|degree Celsius|degrees Celsius", SAME),
        ("K|KEL|kelvin|Kelvin", Conversion(offset=-273.15)),
        ("[degF]|degF|FAH|°F|ºF|F|fahrenheit|Fahrenheit|degree_Fahrenheit|degree Fahrenheit", Conversion(5 / 9, -160 / 9)),
    ),
    "mm": (
        ("mm|MMT|millimeter|millimetre|millimeters|millimetres|kg m-2|kg/m2|kg.m-2|kg/m^2|L/m2|l/m2|L.m-2|l.m-2|L m-2", SAME),
        ("cm|CMT|centimeter|centimetre", Conversion(10)),
        ("m|MTR|meter|metre", Conversion(1000)),
        ("[in_i]|[in_us]|in|INH|inch|inches", Conversion(25.4)),
        ("mm/d|mm.d-1|mm d-1|mm day-1|mm/day", Conversion(1, rate=True)),
        ("mm/h|mm.h-1|mm h-1|mm hr-1|mm/hr|H67", Conversion(24, rate=True)),
        ("kg m-2 s-1|kg/m2/s|kg.m-2.s-1|mm/s|mm s-1|mm.s-1", Conversion(86_400, rate=True)),
    ),
    "%": (
        ("%|P1|percent|Percent", SAME),
        ("1|C62|{fraction}|fraction|[0-1]", Conversion(100)),
    ),
    "m s-1": (
        ("m s-1|m/s|m.s-1|MTS|meter per second|metre per second|m s^-1", SAME),
        ("km/h|km.h-1|km h-1|KMH|kph", Conversion(1 / 3.6)),
        ("[kn_i]|KNT|kn|kt|kts|knot|knots", Conversion(1852 / 3600)),
        ("[mi_i]/h|HM|mph|mi/h", Conversion(1609.344 / 3600)),
    ),
    "MJ m-2": (
        ("MJ m-2|MJ/m2|MJ.m-2|MJ/m²|MJ/m^2", SAME),
        ("J m-2|J/m2|J.m-2|J/m²|B13", Conversion(1e-6)),
        ("kJ m-2|kJ/m2|kJ.m-2|kJ/m²", Conversion(1e-3)),
        ("kWh/m2|kW.h/m2|kWh m-2|kWh/m²", Conversion(3.6)),
        ("Wh/m2|W.h/m2|Wh m-2|Wh/m²", Conversion(0.0036)),
        ("W m-2|W/m2|W.m-2|W/m²|W/m^2|D54", Conversion(0.0864, rate=True)),
        ("MJ/m2/d|MJ.m-2.d-1|MJ m-2 d-1|MJ m-2 day-1|MJ/m2/day|MJ/m²/day", Conversion(1, rate=True)),
    ),
    "m3 m-3": (
        ("m3 m-3|m3/m3|m3.m-3|m³/m³|1|C62|{fraction}|fraction", SAME),
        ("%|P1|percent|%{vol}|%[v/v]", Conversion(0.01)),
    ),
    "m3 s-1": (
        ("m3 s-1|m3/s|m3.s-1|m³/s|m^3/s|MQS", SAME),
        ("L/s|l/s|L.s-1|l.s-1|G51", Conversion(0.001)),
        ("[cft_i]/s|[ft_i]3/s|ft3/s|ft³/s|cfs|E17", Conversion(0.3048**3)),
        ("m3/h|m3.h-1|m³/h|MQH", Conversion(1 / 3600)),
    ),
    "m": (
        ("m|MTR|meter|metre|meters|metres", SAME),
        ("cm|CMT|centimeter|centimetre", Conversion(0.01)),
        ("mm|MMT|millimeter|millimetre", Conversion(0.001)),
        ("[ft_i]|[ft_us]|ft|FOT|foot|feet", Conversion(0.3048)),
        ("[in_i]|in|INH|inch", Conversion(0.0254)),
    ),
    "hPa": (
        ("hPa|A97|mbar|MBR|millibar", SAME),
        ("Pa|PAL", Conversion(0.01)),
        ("kPa|KPA", Conversion(10)),
        ("bar|BAR", Conversion(1000)),
        ("mm[Hg]|mmHg|HN", Conversion(1.33322387415)),
        ("[in_i'Hg]|inHg|F79", Conversion(33.8638640341)),
        ("[psi]|psi|PS", Conversion(68.94757293168)),
    ),
}  # fmt: skip

CONVERSIONS: dict[str, dict[str, Conversion]] = {
    units: {
        spelling: conversion for spellings, conversion in rows for spelling in spellings.split("|")
    }
    for units, rows in _TABLE.items()
}


def conversion(found: str, variable: str, whose: str, cure: str) -> Conversion:
    """How to bring a value in unit ``found`` to ``variable``'s own unit. Raises RiskError naming ``whose`` unit it is and the cure."""
    units = VARIABLES[variable].units
    known = CONVERSIONS[units]
    if found.strip() not in known:
        some = ", ".join(spellings.split("|")[0] for spellings, _ in _TABLE[units])
        raise RiskError(
            f"{whose}: {variable} comes in {found[:40]!r}, expected {units} or one of {some}; {cure}."
        )
    return known[found.strip()]

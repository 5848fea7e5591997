"""Units: from what a service or file calls its unit to the unit of the variables table.

Spellings are codes of UCUM 2.1 (SensorThings), of UN/CEFACT Recommendation 20 (NGSI-LD's
``unitCode``), CF's and usual ones. All are matched letter by letter, as UCUM asks: ``mm`` is not
``MM``. Factors are exact: they follow from the inch (25.4 mm), foot (0.3048 m), knot (1852 m/h),
mile (1609.344 m), conventional mmHg (133.322387415 Pa) and psi (6894.757293168 Pa).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from configs import RiskError
from data_contracts.variables import VARIABLES


@dataclass(frozen=True)
class Conversion:
    """canonical = value * ``factor`` + ``offset``.

    Where the unit is a ``rate`` of a day's sum, value is the mean over the day.
    """

    factor: float = 1.0
    offset: float = 0.0
    rate: bool = False

    def apply(self, value: Any) -> Any:
        """A number, an array or a column in the canonical unit."""
        return value * self.factor + self.offset


SAME = Conversion()


@dataclass(frozen=True)
class Unit:
    """A unit: value in the base unit of its ``quantity`` = value * ``factor`` + ``offset``.

    ``quantity``: units of one quantity convert into each other. ``spellings``: what it is called,
    the first in messages. ``of_sums``: it fits a variable that is a day's sum and no other, such as
    a mass of water on an area, which is a depth of rain but not of a river. ``rate``: the base
    unit's amount in a day; it fits sums only.
    """

    quantity: str
    spellings: tuple[str, ...]
    factor: Fraction
    offset: Fraction = Fraction(0)
    of_sums: bool = False
    rate: bool = False


def _unit(
    quantity: str, factor: str, spellings: str, offset: str = "0", of_sums: bool = False
) -> Unit:
    exact, shift = Fraction(factor), Fraction(offset)
    return Unit(quantity, tuple(spellings.split("|")), exact, shift, of_sums=of_sums)


def _rate(quantity: str, factor: str, spellings: str) -> Unit:
    exact = Fraction(factor)
    return Unit(quantity, tuple(spellings.split("|")), exact, of_sums=True, rate=True)


UNITS = (
    # Temperature: base degC.
    _unit("temperature", "1", "degC|Cel|CEL|°C|ºC|C|celsius|Celsius|degree_Celsius"
          "|degrees_Celsius|degree_C|degrees_C|degree Celsius|degrees Celsius|degree_celsius"
          "|degrees_celsius|degree celsius|degrees celsius|deg C|deg_C|degrees C|℃"),
    _unit("temperature", "1", "K|KEL|kelvin|Kelvin|degK|°K|degrees K", offset="-273.15"),
    _unit("temperature", "5/9", "[degF]|degF|FAH|°F|ºF|F|fahrenheit|Fahrenheit|degree_Fahrenheit"
          "|degree Fahrenheit|degrees Fahrenheit|degree_fahrenheit|degrees F|deg F|℉",
          offset="-160/9"),
    # Length, and depth of water: base mm.
    _unit("length", "1", "mm|MMT|millimeter|millimetre|millimeters|millimetres"),
    _unit("length", "1", "kg m-2|kg/m2|kg.m-2|kg/m^2|L/m2|l/m2|L.m-2|l.m-2|L m-2", of_sums=True),
    _unit("length", "10", "cm|CMT|centimeter|centimetre"),
    _unit("length", "1000", "m|MTR|meter|metre|meters|metres"),
    _unit("length", "25.4", "[in_i]|[in_us]|in|INH|inch|inches"),
    _unit("length", "304.8", "[ft_i]|[ft_us]|ft|FOT|foot|feet"),
    _rate("length", "1", "mm/d|mm.d-1|mm d-1|mm day-1|mm/day|kg m-2 d-1|kg m-2 day-1|kg/m2/day"),
    _rate("length", "1000", "m/d|m.d-1|m d-1|m day-1|m/day"),
    _rate("length", "25.4", "in/d|in/day|inch/day|inches/day"),
    _rate("length", "24", "mm/h|mm.h-1|mm h-1|mm hr-1|mm/hr|H67"),
    _rate("length", "86400", "kg m-2 s-1|kg/m2/s|kg.m-2.s-1|mm/s|mm s-1|mm.s-1"),
    # Share: base 1. A volume of water in a volume of soil is a share too.
    _unit("share", "1/100", "%|P1|percent|Percent|%{vol}|%[v/v]"),
    _unit("share", "1", "1|C62|{fraction}|fraction|[0-1]|0-1"),
    _unit("share", "1", "m3 m-3|m3/m3|m3.m-3|m³/m³"),
    # Speed: base m s-1.
    _unit("speed", "1", "m s-1|m/s|m.s-1|MTS|meter per second|metre per second|m s^-1"),
    _unit("speed", "10/36", "km/h|km.h-1|km h-1|KMH|kph|km hr-1|km/hr"),
    _unit("speed", "1852/3600", "[kn_i]|KNT|kn|kt|kts|knot|knots"),
    _unit("speed", "0.44704", "[mi_i]/h|HM|mph|mi/h|mp/h|miles/h"),
    # Energy on an area: base MJ m-2.
    _unit("energy on an area", "1", "MJ m-2|MJ/m2|MJ.m-2|MJ/m²|MJ/m^2"),
    _unit("energy on an area", "1e-6", "J m-2|J/m2|J.m-2|J/m²|B13"),
    _unit("energy on an area", "1e-3", "kJ m-2|kJ/m2|kJ.m-2|kJ/m²"),
    _unit("energy on an area", "0.01", "J cm-2|J/cm2|J.cm-2|J/cm²"),
    _unit("energy on an area", "3.6", "kWh/m2|kW.h/m2|kWh m-2|kWh/m²"),
    _unit("energy on an area", "0.0036", "Wh/m2|W.h/m2|Wh m-2|Wh/m²"),
    _rate("energy on an area", "0.0864", "W m-2|W/m2|W.m-2|W/m²|W/m^2|D54"),
    _rate("energy on an area", "1",
          "MJ/m2/d|MJ.m-2.d-1|MJ m-2 d-1|MJ m-2 day-1|MJ/m2/day|MJ/m²/day"),
    # Flow: base m3 s-1.
    _unit("flow", "1", "m3 s-1|m3/s|m3.s-1|m³/s|m^3/s|MQS"),
    _unit("flow", "1e-3", "L/s|l/s|L.s-1|l.s-1|G51"),
    _unit("flow", "0.028316846592", "[cft_i]/s|[ft_i]3/s|ft3/s|ft³/s|cfs|E17"),  # 0.3048**3
    _unit("flow", "1/3600", "m3/h|m3.h-1|m³/h|MQH"),
    # Pressure: base hPa.
    _unit("pressure", "1", "hPa|A97|mbar|MBR|millibar"),
    _unit("pressure", "1/100", "Pa|PAL"),
    _unit("pressure", "10", "kPa|KPA"),
    _unit("pressure", "1000", "bar|BAR"),
    _unit("pressure", "1.33322387415", "mm[Hg]|mmHg|HN"),
    _unit("pressure", "33.8638640341", "[in_i'Hg]|inHg|F79"),
    _unit("pressure", "68.94757293168", "[psi]|psi|PS"),
)  # fmt: skip

_BY_SPELLING = {spelling: unit for unit in UNITS for spelling in unit.spellings}


def is_unit(text: str) -> bool:
    """Whether a text is a unit of any quantity."""
    return text.strip() in _BY_SPELLING


def conversions(units: str, of_sums: bool) -> dict[str, Conversion]:
    """Spelling -> how to bring a value in that unit to ``units``; ``units`` itself always is.

    ``of_sums``: whether the variable is a day's sum, which rates give too.
    """
    known = {units: SAME}
    if target := _BY_SPELLING.get(units):
        for spelling, unit in _BY_SPELLING.items():
            if unit.quantity == target.quantity and (of_sums or not unit.of_sums):
                known[spelling] = _conversion(unit, target)
    return known


def _conversion(unit: Unit, target: Unit) -> Conversion:
    factor, offset = unit.factor / target.factor, (unit.offset - target.offset) / target.factor
    return Conversion(float(factor), float(offset), unit.rate)


class UnknownUnit(ValueError):
    """A unit that a variable cannot come in: what was found and what was expected."""


_SCALE = re.compile(r"(?P<scale>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\d+/\d+)\s*[*×x]?\s+(?P<unit>\S.*)")
_TENTHS = {"tenths": "1/10", "tenth": "1/10", "hundredths": "1/100", "hundredth": "1/100"}


def scaled_conversion(unit: str, variable: str) -> Conversion:
    """How to bring a value in ``unit`` to ``variable``'s own unit.

    A number may stand before the unit, as UDUNITS has it: ``0.1 mm``, ``1/10 degC``, ``tenths of
    degC``. Powers may be written ``m**-2`` or ``m^-2``. Raises UnknownUnit.
    """
    row = VARIABLES[variable]
    known = conversions(row.units, row.cell_methods == "time: sum")
    plain = re.sub(r"\*\*|\^(?=-)", "", " ".join(unit.split()))
    for word in (unit.strip(), plain):
        if word in known:
            return known[word]
    words = plain.split(maxsplit=1)
    if len(words) == 2 and words[0].lower() in _TENTHS:
        plain = f"{_TENTHS[words[0].lower()]} {words[1].removeprefix('of ').removeprefix('a ')}"
    scaled = _SCALE.fullmatch(plain)
    if scaled and scaled["unit"] in known and Fraction(scaled["scale"]):
        inner = known[scaled["unit"]]
        return Conversion(inner.factor * float(Fraction(scaled["scale"])), inner.offset, inner.rate)
    # One spelling of each unit, the variable's own first.
    first = {how: spelling for spelling, how in reversed(known.items())} | {SAME: row.units}
    some = ", ".join(dict.fromkeys((row.units, *reversed(first.values()))))
    raise UnknownUnit(f"found {unit[:40]!r}, expected {row.units} or one of {some}")


def conversion(unit: str, variable: str, whose: str, cure: str) -> Conversion:
    """How to bring a value in ``unit`` to ``variable``'s own unit, as ``scaled_conversion``.

    Raises RiskError that names ``whose`` unit it is and the cure.
    """
    try:
        return scaled_conversion(unit, variable)
    except UnknownUnit as error:
        wrong = str(error).removeprefix("found ")
        raise RiskError(f"{whose}: {variable} comes in {wrong}; {cure}.") from None

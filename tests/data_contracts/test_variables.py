"""The variables table, every row of it, against the CF conventions and the records of the earth."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from data_contracts.variables import FILL_VALUES, VARIABLES, Variable

ROWS = pytest.mark.parametrize("row", VARIABLES.values(), ids=VARIABLES.keys())

# UDUNITS symbols in use -> (factor, exponents of kg m s K); degC as a temperature difference.
SYMBOLS = {
    "degC": (1.0, (0, 0, 0, 1)),
    "K": (1.0, (0, 0, 0, 1)),
    "mm": (1e-3, (0, 1, 0, 0)),
    "m": (1.0, (0, 1, 0, 0)),
    "s": (1.0, (0, 0, 1, 0)),
    "MJ": (1e6, (1, 2, -2, 0)),
    "W": (1.0, (1, 2, -3, 0)),
    "hPa": (100.0, (1, -1, -2, 0)),
    "Pa": (1.0, (1, -1, -2, 0)),
    "%": (0.01, (0, 0, 0, 0)),
    "1": (1.0, (0, 0, 0, 0)),
}

# Canonical units of the CF standard name table.
CF_UNITS = {
    "air_temperature": "K",
    "lwe_thickness_of_precipitation_amount": "m",
    "relative_humidity": "1",
    "wind_speed": "m s-1",
    "integral_wrt_time_of_surface_downwelling_shortwave_flux_in_air": "W s m-2",
    "volume_fraction_of_condensed_water_in_soil": "1",
    "water_volume_transport_in_river_channel": "m3 s-1",
    "water_surface_height_above_reference_datum": "m",
    "surface_air_pressure": "Pa",
}

# World records (WMO Weather and Climate Extremes Archive; discharge: Obidos, Amazon), and ordinary
# values, in canonical units.
REAL = {
    "air_temperature_max": (56.7, -60.0),
    "air_temperature_mean": (45.0, -80.0),
    "air_temperature_min": (-89.2, 44.2),
    "precipitation": (0.0, 1825.0),
    "potential_evapotranspiration": (0.0, 15.0),
    "relative_humidity": (1.0, 100.0),
    "wind_speed": (0.0, 50.0),
    "surface_downwelling_shortwave": (0.0, 40.0),
    "soil_moisture": (0.0, 0.9),
    "river_discharge": (0.0, 370_000.0),
    "river_level": (-3.0, 4_000.0),
    "air_pressure": (500.0, 1084.8),
}


def dimensions(units: str) -> tuple[Fraction, ...]:
    """Exponents of kg, m, s and K of a UDUNITS text such as "m3 s-1".

    Raises ValueError or KeyError when it does not parse.
    """
    total = [Fraction(0)] * 4
    for token in units.split(" "):
        parsed = re.fullmatch(r"([A-Za-z%]+|1)(-?\d+)?", token)
        if not parsed:
            raise ValueError(f"{units!r}: {token!r} is no unit")
        _, exponents = SYMBOLS[parsed[1]]
        total = [
            old + int(parsed[2] or 1) * step for old, step in zip(total, exponents, strict=True)
        ]
    return tuple(total)


@ROWS
def test_units_parse(row: Variable) -> None:
    dimensions(row.units)


NAMED = [row for row in VARIABLES.values() if row.standard_name]


@pytest.mark.parametrize("row", NAMED, ids=[row.name for row in NAMED])
def test_units_are_those_of_the_standard_name(row: Variable) -> None:
    assert dimensions(row.units) == dimensions(CF_UNITS[str(row.standard_name)])


@ROWS
def test_the_range_encloses_what_was_ever_measured(row: Variable) -> None:
    assert row.low < row.high
    assert all(row.low <= value <= row.high for value in REAL[row.name])


@ROWS
def test_a_row_says_what_a_day_is(row: Variable) -> None:
    assert re.fullmatch(r"[a-z_]+", row.name)
    assert row.cell_methods in {"time: maximum", "time: minimum", "time: mean", "time: sum"}
    assert row.meaning == row.meaning.strip() != ""
    statistic = row.name.rsplit("_", 1)[-1]
    assert {"max": "time: maximum", "min": "time: minimum", "mean": "time: mean"}.get(
        statistic, row.cell_methods
    ) == row.cell_methods


@ROWS
def test_a_kelvin_or_fill_value_never_passes_for_a_temperature(row: Variable) -> None:
    assert not row.low <= -999.0 <= row.high
    if row.units == "degC":
        assert not any(
            row.low <= value <= row.high for value in (*FILL_VALUES, 230.0, 273.15, 320.0)
        )


def test_names_are_unique_and_keyed_by_themselves() -> None:
    assert all(name == row.name for name, row in VARIABLES.items())

"""Units: each is what its standard says it is, and an unknown one is refused."""

from __future__ import annotations

import pytest

from configs import RiskError
from data_contracts.variables import VARIABLES
from sources.common.units import SAME, conversion, conversions

# (variable, unit as a service writes it, a value in it, the same in the canonical unit)
CASES = [
    ("air_temperature_max", "Cel", 21.5, 21.5),
    ("air_temperature_max", "CEL", 21.5, 21.5),
    ("air_temperature_min", "K", 273.15, 0.0),
    ("air_temperature_mean", "[degF]", 212.0, 100.0),
    ("air_temperature_mean", "FAH", 32.0, 0.0),
    ("precipitation", "mm", 3.2, 3.2),
    ("precipitation", "L/m2", 3.2, 3.2),
    ("precipitation", "cm", 1.5, 15.0),
    ("precipitation", "m", 0.012, 12.0),
    ("precipitation", "[in_i]", 2.0, 50.8),
    ("precipitation", "mm/h", 0.5, 12.0),  # all day long: 24 h x 0.5
    ("precipitation", "kg m-2 s-1", 1e-4, 8.64),  # 86,400 s x 1e-4
    ("relative_humidity", "%", 63.0, 63.0),
    ("relative_humidity", "P1", 63.0, 63.0),
    ("relative_humidity", "C62", 0.63, 63.0),
    ("wind_speed", "m/s", 5.0, 5.0),
    ("wind_speed", "KMH", 36.0, 10.0),
    ("wind_speed", "[kn_i]", 10.0, 5.144444444444445),  # 10 x 1852 m / 3600 s
    ("wind_speed", "[mi_i]/h", 10.0, 4.4704),
    ("surface_downwelling_shortwave", "MJ/m2", 21.0, 21.0),
    ("surface_downwelling_shortwave", "J/m2", 2.1e7, 21.0),
    ("surface_downwelling_shortwave", "kW.h/m2", 5.0, 18.0),
    ("surface_downwelling_shortwave", "W/m2", 250.0, 21.6),  # 86,400 s x 250 W = 21.6 MJ
    ("soil_moisture", "m3/m3", 0.2, 0.2),
    ("soil_moisture", "%", 20.0, 0.2),
    ("river_discharge", "m3/s", 7.0, 7.0),
    ("river_discharge", "L/s", 7000.0, 7.0),
    ("river_discharge", "[cft_i]/s", 1000.0, 28.316846592),
    ("river_level", "cm", 250.0, 2.5),
    ("river_level", "[ft_i]", 10.0, 3.048),
    ("river_level", "MMT", 2500.0, 2.5),
    ("air_pressure", "hPa", 1013.0, 1013.0),
    ("air_pressure", "A97", 1013.0, 1013.0),
    ("air_pressure", "Pa", 101_325.0, 1013.25),
    ("air_pressure", "mm[Hg]", 760.0, 1013.25),
    ("air_pressure", "[in_i'Hg]", 29.921_26, 1013.25),
]


@pytest.mark.parametrize(
    ("variable", "unit", "there", "here"),
    CASES,
    ids=[f"{unit} of {name}" for name, unit, *_ in CASES],
)
def test_a_value_is_converted(variable: str, unit: str, there: float, here: float) -> None:
    assert conversion(unit, variable, "x", "y").apply(there) == pytest.approx(
        here, rel=1e-6, abs=1e-9
    )


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_canonical_unit_is_itself(variable: str) -> None:
    assert conversion(VARIABLES[variable].units, variable, "x", "y") == SAME


def test_every_canonical_unit_is_in_the_table() -> None:
    for row in VARIABLES.values():
        assert len(conversions(row.units, row.cell_methods == "time: sum")) > 1


def test_a_unit_that_no_variable_has_yet_is_converted_by_the_same_table() -> None:
    depths = conversions("cm", of_sums=False)  # of snow, say
    assert depths["cm"] == SAME
    assert depths["m"].apply(1.2) == pytest.approx(120)
    assert depths["[in_i]"].apply(10) == pytest.approx(25.4)  # an inch is 2.54 cm
    assert "mm/h" not in depths and "kg m-2" not in depths  # snow is not as dense as water
    assert conversions("degF", of_sums=False)["K"].apply(273.15) == pytest.approx(32)
    assert conversions("parts of nothing", of_sums=False) == {"parts of nothing": SAME}


@pytest.mark.parametrize(
    ("unit", "variable"),
    [
        ("MM", "precipitation"),
        ("degC", "precipitation"),
        ("", "wind_speed"),
        ("k", "air_temperature_max"),
    ],
)
def test_an_unknown_unit_is_refused_in_one_sentence(unit: str, variable: str) -> None:
    with pytest.raises(
        RiskError, match=f"thermometer 7: {variable} comes in '{unit}', expected .*; mend it there"
    ):
        conversion(unit, variable, "thermometer 7", "mend it there")

"""The variables table: every quantity this project knows, its unit and what is physically possible.

One row is one variable. Sources convert to these units once; the contract derives its checks from
these ranges; nothing else in the project states a unit or a range. Standard names are CF 1.11's
where CF has one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """A canonical variable: what it means, its unit, and the range of values that can be real.

    ``low`` and ``high`` are in ``units`` and enclose every value ever recorded on earth, so that a
    record extreme passes and a unit error does not. ``cell_methods`` says what a day's value is (CF
    7.3). ``words`` are the few that a report calls it by.
    """

    name: str
    units: str
    low: float
    high: float
    meaning: str
    words: str
    cell_methods: str
    standard_name: str | None = None


_RADIATION = "integral_wrt_time_of_surface_downwelling_shortwave_flux_in_air"

_ROWS = (
    # WMO extremes: +56.7 degC (1913), -89.2 degC (1983).
    Variable(
        "air_temperature_max",
        "degC",
        -90.0,
        60.0,
        "highest air temperature of the day at 2 m",
        "highest temperature",
        "time: maximum",
        "air_temperature",
    ),
    Variable(
        "air_temperature_mean",
        "degC",
        -90.0,
        55.0,
        "mean air temperature of the day at 2 m",
        "mean temperature",
        "time: mean",
        "air_temperature",
    ),
    Variable(
        "air_temperature_min",
        "degC",
        -90.0,
        50.0,
        "lowest air temperature of the day at 2 m",
        "lowest temperature",
        "time: minimum",
        "air_temperature",
    ),
    # WMO extreme: 1825 mm in 24 h (Foc-Foc, 1966).
    Variable(
        "precipitation",
        "mm",
        0.0,
        1900.0,
        "precipitation of the day",
        "precipitation",
        "time: sum",
        "lwe_thickness_of_precipitation_amount",
    ),
    Variable(
        "potential_evapotranspiration",
        "mm",
        0.0,
        25.0,
        "reference evapotranspiration of the day",
        "potential evapotranspiration",
        "time: sum",
    ),
    Variable(
        "relative_humidity",
        "%",
        0.0,
        105.0,
        "mean relative humidity of the day at 2 m",
        "relative humidity",
        "time: mean",
        "relative_humidity",
    ),
    Variable(
        "wind_speed",
        "m s-1",
        0.0,
        75.0,
        "mean wind speed of the day at 10 m",
        "wind speed",
        "time: mean",
        "wind_speed",
    ),
    Variable(
        "surface_downwelling_shortwave",
        "MJ m-2",
        0.0,
        45.0,
        "solar radiation received in the day",
        "solar radiation",
        "time: sum",
        _RADIATION,
    ),
    Variable(
        "soil_moisture",
        "m3 m-3",
        0.0,
        1.0,
        "volume of water in the topsoil",
        "soil moisture",
        "time: mean",
        "volume_fraction_of_condensed_water_in_soil",
    ),
    # The Amazon's highest daily flow is about 3.7e5 m3 s-1.
    Variable(
        "river_discharge",
        "m3 s-1",
        0.0,
        500_000.0,
        "mean river discharge of the day",
        "river discharge",
        "time: mean",
        "water_volume_transport_in_river_channel",
    ),
    Variable(
        "river_level",
        "m",
        -50.0,
        9_000.0,
        "mean water level of the day above the gauge's datum",
        "river level",
        "time: mean",
        "water_surface_height_above_reference_datum",
    ),
    # Sea-level extremes 870-1085 hPa; stations stand up to 5,000 m.
    Variable(
        "air_pressure",
        "hPa",
        450.0,
        1100.0,
        "mean air pressure of the day at the station",
        "air pressure",
        "time: mean",
        "surface_air_pressure",
    ),
)

VARIABLES: dict[str, Variable] = {row.name: row for row in _ROWS}

DETERMINISTIC = -1
"""The member number of a run that is no ensemble's, or of the mean of an ensemble."""

SPREAD = -2
"""The member number of an ensemble's standard deviation, in each variable's units, 0 or more."""

FILL_VALUES = (-999.0, -9999.0, -99999.0, -999.9, -99.9, 9999.0, 99999.0, 9.96921e36)
"""Numbers that services write for "missing". Here missing is NaN, so each is a breach."""

DOUBTFUL_FILL_VALUES = (
    *(-99.0, -99.99, -999.99, -9999.9, -999999.0),
    *(99.9, 99.99, 999.0, 999.9, 999.99, 9999.9, 999999.0),
    # The ends of 16-bit integers, tenths of them, and -999,999 cubic feet in m3.
    *(-32768.0, -32767.0, 32767.0, -3276.8, 3276.7, -28316.8, -28316.85),
    *(1e20, -1e20, 1e30, -1e30),
)
"""Numbers that some write for "missing" and that one reading at fault may be: a breach where many
cells hold one.
"""

"""The exercise's climate: published monthly normals of the coast and of the inland plain, and what
lies between them.

A location's climate is a mixture by its distance from the sea, moved to its height; nothing is
fitted to what is simulated. Beyond the province and its surroundings it goes over smoothly into a
colder and wetter north, a hotter and drier south, and a wave from west to east, which are made up:
they give grids a climate that differs from cell to cell. South of the equator seasons are turned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

DAYS = 366  # rows of every table by day of the year; row 59 is 29 February
MONTH_STARTS = np.array([0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, DAYS])

# Each figure is of January to December. Coast: Melilla (35.28 N, 47 m), AEMET's normals 1981-2010
# of highest, lowest temperature (degC) and rain (mm); days with 1 mm or more and mean wind (m s-1)
# were counted in AEMET's daily record of the same years.
COAST_MAXIMUM = (16.7, 17.0, 18.5, 20.1, 22.5, 25.8, 28.9, 29.4, 27.1, 23.7, 20.3, 17.8)
COAST_MINIMUM = (9.9, 10.6, 11.8, 13.2, 15.7, 19.0, 21.7, 22.4, 20.5, 17.2, 13.7, 11.2)
COAST_RAIN = (58.0, 57.1, 43.5, 36.1, 19.8, 7.0, 0.9, 3.6, 15.8, 40.0, 57.3, 49.8)
WET_DAYS = (0.202, 0.196, 0.147, 0.153, 0.090, 0.022, 0.011, 0.025, 0.072, 0.127, 0.193, 0.185)
WIND = (3.6, 4.0, 4.1, 4.3, 4.2, 4.2, 4.0, 3.8, 3.6, 3.3, 3.5, 3.5)
# Inland: Oujda (34.79 N, 468 m). Temperatures 1991-2020:
# climatestotravel.com/climate/morocco/oujda. Rain: the Hong Kong Observatory's world climate table
# for Oujda, as quoted on oujdass.blogspot.com (July 2013), 267 mm a year.
INLAND_MAXIMUM = (16.5, 17.5, 20.1, 22.4, 26.0, 30.4, 34.4, 34.8, 30.1, 26.4, 20.5, 17.5)
INLAND_MINIMUM = (4.1, 4.8, 6.7, 8.4, 11.5, 15.3, 18.7, 19.3, 16.3, 12.8, 8.4, 5.5)
INLAND_RAIN = (28.2, 29.1, 33.4, 36.3, 27.8, 5.4, 1.2, 3.3, 15.7, 20.3, 34.5, 31.4)
# The mouth of the Moulouya, and south of the Beni Snassen hills.
COAST_LATITUDE, INLAND_LATITUDE = 35.12, 34.65
COAST_HEIGHT, INLAND_HEIGHT = 47.0, 468.0  # m, of the two stations
# The exercise's own choices, plausible for a Mediterranean plain and nowhere measured.
# Share of the month's rain.
CONVECTIVE_RAIN = (
    0.15, 0.15, 0.20, 0.30, 0.50, 0.75, 0.90, 0.90, 0.70, 0.45, 0.25, 0.15
)  # fmt: skip
CONVECTIVE_DAYS = (
    0.015, 0.015, 0.020, 0.035, 0.035, 0.013, 0.006, 0.013, 0.040, 0.040, 0.030, 0.015
)  # fmt: skip
CLOUD = (0.50, 0.48, 0.45, 0.43, 0.38, 0.27, 0.20, 0.22, 0.33, 0.42, 0.47, 0.50)
COAST_HUMIDITY = (72.0, 72.0, 72.0, 70.0, 70.0, 69.0, 68.0, 70.0, 73.0, 74.0, 73.0, 73.0)  # %
INLAND_HUMIDITY = (70.0, 67.0, 63.0, 60.0, 55.0, 48.0, 42.0, 44.0, 53.0, 60.0, 66.0, 70.0)  # %
# Chance that one begins on a day.
HEAT_WAVES = (
    0.0, 0.0, 0.0, 0.0, 0.008, 0.018, 0.020, 0.020, 0.014, 0.006, 0.0, 0.0
)  # fmt: skip
HEAT_WAVE_ENDS = 0.25  # chance a day: four days long
HEAT_GROWTH = 0.6  # how much of its full strength a heat wave gains a day, and loses after its end
FRONT_POWER = 1.7  # frontal rain grows with this power of the front's strength above its threshold
CELL_GROWTH = 1.3  # convective rain grows exponentially with its strength
LAPSE = 0.006  # degC m-1
RAIN_WITH_HEIGHT = 0.0005  # m-1: half as much again on 800 m
# Share of the days with any rain that have 1 mm or more, so that `WET_DAYS` are met.
WET_ONLY_ABOVE = 0.66

# Degrees of the province with its surroundings, where the climate is that of the two stations.
NORTH_OF_PROVINCE, EAST_OF_PROVINCE = (34.0, 35.5), (-4.0, -1.0)
COOLER = 0.65  # degC a degree further north
HOTTEST, DRIEST = 1.0, 1.8  # degC, and log of rain, far in the south
WETTEST = 0.5  # log of rain far in the north
WAVE_HEAT, WAVE_RAIN = 1.5, 0.25  # degC and log of rain, from west to east
STEADIEST = 0.2  # share of the province's spread and heat waves at the equator
TURN = 183  # days from a season to that of the other half of the earth


@dataclass(frozen=True)
class Climate:
    """Tables by day of the year: (DAYS, location), or (DAYS,) where a name says province.

    Temperatures degC, rain mm, wind m s-1, radiation above the air MJ m-2, humidity %; thresholds
    are of standard normal signals.
    """

    maximum: np.ndarray
    minimum: np.ndarray
    spread: np.ndarray
    heat: np.ndarray
    front_threshold: np.ndarray
    front_amount: np.ndarray
    front_chance: np.ndarray
    cell_threshold: np.ndarray
    cell_amount: np.ndarray
    cloud: np.ndarray
    humidity: np.ndarray
    wind: np.ndarray
    radiation: np.ndarray
    heat_wave_threshold: np.ndarray
    heat_wave_mean: np.ndarray


def climate(
    latitude: np.ndarray,
    longitude: np.ndarray,
    elevation: np.ndarray,
    dry: np.ndarray,
    memory: bool = True,
) -> Climate:
    """The climate of locations (degrees north and east, m above the sea; ``dry`` is the factor on
    their rain).

    Each location's is its own alone.
    """
    from scipy.special import ndtri

    inland = inland_share(latitude)
    warmer, wetter = beyond_province(latitude, longitude)
    calmer = STEADIEST + (1.0 - STEADIEST) * _tropical_share(latitude) ** 2
    above = elevation - mixed(np.array(COAST_HEIGHT), np.array(INLAND_HEIGHT), inland)
    rain = (
        mixed(yearly(_a_day(COAST_RAIN)), yearly(_a_day(INLAND_RAIN)), inland)
        * np.exp(RAIN_WITH_HEIGHT * np.clip(above, -200, 1200))
        * dry
        * wetter
    )
    wet, cells, share = (
        yearly(figures)[:, None] for figures in (WET_DAYS, CONVECTIVE_DAYS, CONVECTIVE_RAIN)
    )
    fronts = np.maximum(wet / WET_ONLY_ABOVE - 0.6 * cells, 0.004)
    front_threshold, cell_threshold = -ndtri(fronts), -ndtri(cells)
    begins = yearly(HEAT_WAVES)
    everywhere = np.ones(len(inland))
    highest = mixed(yearly(COAST_MAXIMUM), yearly(INLAND_MAXIMUM), inland) - LAPSE * above
    lowest = mixed(yearly(COAST_MINIMUM), yearly(INLAND_MINIMUM), inland) - LAPSE * above
    table = Climate(
        maximum=_seasons(highest, latitude) + warmer,
        minimum=_seasons(lowest, latitude) + warmer,
        spread=np.ones((DAYS, 1)) * (2.1 + 1.0 * inland) * calmer,
        heat=np.ones((DAYS, 1)) * (3.5 + 1.5 * inland) * calmer,
        front_threshold=front_threshold * everywhere,
        front_amount=rain
        * (1 - share)
        / _mean_above(front_threshold, lambda strength: strength**FRONT_POWER),
        front_chance=fronts * everywhere,
        cell_threshold=cell_threshold * everywhere,
        cell_amount=rain
        * share
        / _mean_above(cell_threshold, lambda strength: np.expm1(CELL_GROWTH * strength)),
        cloud=yearly(CLOUD)[:, None] * everywhere,
        humidity=mixed(yearly(COAST_HUMIDITY), yearly(INLAND_HUMIDITY), inland),
        wind=yearly(WIND)[:, None] * everywhere,
        radiation=extraterrestrial_radiation(latitude),
        heat_wave_threshold=-ndtri(np.maximum(begins if memory else begins / HEAT_WAVE_ENDS, 1e-9)),
        heat_wave_mean=_mean_heat(begins, memory),
    )
    return _turned(table, latitude < 0)


def beyond_province(latitude: np.ndarray, longitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much warmer (degC) and how many times as wet places are than the province: (location,).

    0 and 1 in the province.
    """
    north, east = (
        _outside(np.abs(latitude), NORTH_OF_PROVINCE),
        _outside(longitude, EAST_OF_PROVINCE),
    )
    northern, southern = np.maximum(north, 0.0), np.maximum(-north, 0.0)
    warmer = HOTTEST * np.tanh(southern / 8) - COOLER * northern + WAVE_HEAT * np.sin(east / 15)
    wetter = (
        WETTEST * np.tanh(northern / 10)
        - DRIEST * np.tanh(southern / 5)
        + WAVE_RAIN * np.sin(east / 9)
    )
    return warmer, np.exp(wetter)


def _outside(degrees: np.ndarray, within: tuple[float, float]) -> np.ndarray:
    """How far degrees lie outside of two bounds, below 0 before the first."""
    return np.maximum(degrees - within[1], 0.0) + np.minimum(degrees - within[0], 0.0)


def _seasons(temperature: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Temperatures by day of the year whose seasons fade towards the equator: (DAYS, location)."""
    share = _tropical_share(latitude)
    faded: np.ndarray = temperature.mean(axis=0) + share * (temperature - temperature.mean(axis=0))
    return np.where(share < 1, faded, temperature)


def _tropical_share(latitude: np.ndarray) -> np.ndarray:
    """0 at the equator to 1 in the province and beyond."""
    return np.minimum(np.abs(latitude) / NORTH_OF_PROVINCE[0], 1.0)


def _turned(table: Climate, south: np.ndarray) -> Climate:
    """The tables with the seasons of locations in the ``south`` half a year later.

    Solar radiation has its own already, and the province's heat waves are everybody's.
    """
    if not south.any():
        return table
    turned = {
        one.name: np.where(south, np.roll(values, TURN, axis=0), values)
        for one in fields(Climate)
        if (values := getattr(table, one.name)).ndim == 2 and one.name != "radiation"
    }
    return replace(table, **turned)


def inland_share(latitude: np.ndarray) -> np.ndarray:
    """0 on the coast to 1 inland, by latitude (the coast lies in the north)."""
    return np.clip((COAST_LATITUDE - latitude) / (COAST_LATITUDE - INLAND_LATITUDE), 0.0, 1.0)


def mixed(coast: np.ndarray, inland: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Between the coast's value and the inland's: (DAYS, location), or (location,) for single
    values.
    """
    return coast[..., None] * (1 - share) + inland[..., None] * share


def _a_day(monthly: tuple[float, ...]) -> tuple[float, ...]:
    """Mean daily amounts of monthly sums."""
    return tuple(
        float(amount / length)
        for amount, length in zip(monthly, np.diff(MONTH_STARTS), strict=True)
    )


def yearly(monthly: tuple[float, ...]) -> np.ndarray:
    """A smooth curve by day of the year whose monthly means are the figures. (DAYS,), never below 0
    where the figures are not.
    """
    middles, wanted = (MONTH_STARTS[:-1] + MONTH_STARTS[1:]) / 2, np.array(monthly)
    anchors, curve = wanted.copy(), np.empty(DAYS)
    for _ in range(8):
        curve = np.interp(np.arange(DAYS) + 0.5, middles, anchors, period=DAYS)
        anchors = (
            anchors + wanted - np.add.reduceat(curve, MONTH_STARTS[:-1]) / np.diff(MONTH_STARTS)
        )
        anchors = np.maximum(anchors, 0.0) if wanted.min() >= 0 else anchors
    return curve


def extraterrestrial_radiation(latitude: np.ndarray) -> np.ndarray:
    """Solar radiation above the air, MJ m-2 a day: (DAYS, location).

    FAO Irrigation and Drainage Paper 56, equations 21-25.
    """
    angle = (2 * np.pi * (np.arange(DAYS) + 1) / DAYS)[:, None]
    phi = np.radians(latitude)[None, :]
    declination = 0.409 * np.sin(angle - 1.39)
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(declination), -1.0, 1.0))
    distance = 1 + 0.033 * np.cos(angle)
    height = sunset * np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(
        declination
    ) * np.sin(sunset)
    return 24 * 60 / np.pi * 0.0820 * distance * height


def day_of_year(days: np.ndarray) -> np.ndarray:
    """Row of the yearly tables for days (datetime64): 1 March is row 60 in every year."""
    year = days.astype("datetime64[Y]")
    index = (days.astype("datetime64[D]") - year.astype("datetime64[D]")).astype(int)
    number = year.astype(int) + 1970
    leap = (number % 4 == 0) & ((number % 100 != 0) | (number % 400 == 0))
    return np.where(~leap & (index >= 59), index + 1, index)


def _mean_above(threshold: np.ndarray, amount: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Mean of amount(z - threshold) over a standard normal z, 0 below the threshold; by the
    midpoint rule.
    """
    step = 0.01
    z = np.arange(-6, 6, step) + step / 2
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * step
    strength = np.maximum(z - threshold[..., None], 0.0)
    return (amount(strength) * density).sum(axis=-1)


def _mean_heat(begins: np.ndarray, memory: bool) -> np.ndarray:
    """Expected strength of heat waves by day of the year, 0 to 1: what the normals must not be
    raised by.
    """
    if not memory:
        return begins / HEAT_WAVE_ENDS
    under_way = strength = 0.0
    mean = np.zeros(DAYS)
    for _ in range(2):
        for day in range(DAYS):
            under_way = under_way * (1 - HEAT_WAVE_ENDS) + (1 - under_way) * begins[day]
            strength += HEAT_GROWTH * (under_way - strength)
            mean[day] = strength
    return mean

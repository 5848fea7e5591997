"""A day's weather in the province: from innovations to fields, by one set of functions.

Arrays are (day, *batch, location), or (day, *batch, channel, location), as ``world`` says.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from sources.common.province.climate import (
    CELL_GROWTH,
    FRONT_POWER,
    HEAT_GROWTH,
    HEAT_WAVE_ENDS,
    Climate,
    day_of_year,
)
from sources.common.province.river import BASE_FLOW, MEAN_SOIL, river_and_soil, volume_of_water
from sources.common.province.world import (
    NAMES,
    TREND_ZERO,
    Grounds,
    Innovations,
    ProvinceState,
    rounded,
)

# A full heat wave comes with the dry desert wind: % less humidity, log of more wind.
CHERGUI_DRIES, CHERGUI_BLOWS = 14.0, 0.4
FRONT_COOLS = 1.6  # degC lower Tmax on a day of frontal rain
# Of the skew-t: degrees of freedom; the upper half is SKEW**2 times as wide as the lower.
FREEDOM, SKEW = 10.0, 1.25


def first_state(grounds: Grounds, batch: tuple[int, ...]) -> ProvinceState:
    """The state before the first day: nothing unusual, a soil of usual wetness."""
    locations = grounds.patterns.shape[1]
    zero, flat = np.zeros(batch), np.zeros((*batch, locations))
    return ProvinceState(
        zero,
        zero,
        zero,
        np.zeros((*batch, len(NAMES), locations)),
        flat + MEAN_SOIL,
        flat,
        flat,
        flat,
    )


def weather_of(
    grounds: Grounds, days: np.ndarray, before: ProvinceState, new: Innovations
) -> tuple[dict[str, np.ndarray], ProvinceState]:
    """Fields and states of some days.

    ``days``: (day,), or (day, *batch) with sizes that broadcast with those of ``new``.
    """
    rows = day_of_year(days)
    slow, hot, heat, local = _signals(grounds, rows, before, new)
    fields = _weather(grounds, days, rows, slow, heat, local)
    soil, reach_one, reach_two, base = river_and_soil(grounds, before, fields)
    fields["river_discharge"] = np.where(
        np.append(grounds.river, False), rounded(BASE_FLOW + reach_two + base, 2), np.nan
    )
    fields["soil_moisture"] = rounded(volume_of_water(soil), 4)
    return fields, ProvinceState(slow, hot, heat, local, soil, reach_one, reach_two, base)


def _signals(
    grounds: Grounds, rows: np.ndarray, before: ProvinceState, new: Innovations
) -> tuple[np.ndarray, ...]:
    """The signals behind the weather, day by day: the slow mode, whether a heat wave is on, its
    strength, the locations' channels.
    """
    if not grounds.remembers:
        begins = grounds.climate.heat_wave_threshold[rows]
        strength = np.broadcast_to((new.heat > begins).astype(np.float64), new.heat.shape)
        return new.slow.astype(np.float64), strength, strength, new.local.astype(np.float64)
    fresh, fresh_slow = np.sqrt(1 - grounds.memory**2), np.sqrt(1 - grounds.slow_memory**2)
    begins, goes_on = grounds.climate.heat_wave_threshold[rows], _goes_on()
    slow, hot, heat, local = (
        np.empty(new.slow.shape),
        np.empty(new.slow.shape),
        np.empty(new.slow.shape),
        np.empty(new.local.shape),
    )
    last = before.slow, before.hot, before.heat, before.local
    for day in range(len(new.slow)):
        slow[day] = grounds.slow_memory * last[0] + fresh_slow * new.slow[day]
        hot[day] = new.heat[day] > np.where(last[1] > 0, goes_on, begins[day])
        heat[day] = last[2] + HEAT_GROWTH * (hot[day] - last[2])
        local[day] = grounds.memory * last[3] + fresh * new.local[day]
        last = slow[day], hot[day], heat[day], local[day]
    return slow, hot, heat, local


def _goes_on() -> float:
    from scipy.special import ndtri

    return float(ndtri(HEAT_WAVE_ENDS))


def _weather(
    grounds: Grounds,
    days: np.ndarray,
    rows: np.ndarray,
    slow: np.ndarray,
    heat: np.ndarray,
    local: np.ndarray,
) -> dict[str, np.ndarray]:
    """Fields from signals, rounded as instruments report them."""
    table = grounds.climate
    signal = {name: local[..., index, :] for index, name in enumerate(NAMES)}
    warm = (
        np.sqrt(1 - grounds.slow[0]) * signal["temperature"]
        + np.sqrt(grounds.slow[0]) * slow[..., None]
    )
    front = (
        np.sqrt(1 - grounds.slow[1]) * signal["front"] - np.sqrt(grounds.slow[1]) * slow[..., None]
    )
    rain, wet = _rain(table, rows, front, signal["cell"])
    decades = ((days - TREND_ZERO) / np.timedelta64(1, "D") / 3652.5)[..., None]
    chergui = heat[..., None] - table.heat_wave_mean[rows][..., None]
    unusual = (
        table.spread[rows] * skewed(warm)
        + table.heat[rows] * chergui
        - FRONT_COOLS * (wet - table.front_chance[rows])
    )
    highest = rounded(table.maximum[rows] + unusual + grounds.trend * decades, 1)
    lowest = table.minimum[rows] + 0.40 * unusual + 1.4 * signal["night"] + grounds.trend * decades
    lowest = rounded(np.minimum(lowest, highest - 0.5), 1)
    mean = rounded(0.48 * highest + 0.52 * lowest, 1)  # the night is longer than the afternoon
    cloud = np.clip(table.cloud[rows] + 0.22 * front, 0.03, 0.97)
    humidity = (
        table.humidity[rows]
        - 1.2 * unusual
        + 8.0 * wet
        - CHERGUI_DRIES * chergui
        + 6.0 * signal["humidity"]
    )
    humidity = rounded(np.clip(humidity, 8.0, 100.0), 0)
    wind = rounded(
        table.wind[rows] * np.exp(0.35 * signal["wind"] - 0.35**2 / 2 + CHERGUI_BLOWS * chergui), 1
    )
    radiation = rounded(
        table.radiation[rows] * (0.25 + 0.50 * (1 - cloud)), 2
    )  # FAO 56, equation 35
    return {
        "air_temperature_max": highest,
        "air_temperature_mean": mean,
        "air_temperature_min": lowest,
        "precipitation": rain,
        "potential_evapotranspiration": rounded(
            reference_evapotranspiration(highest, lowest, humidity, wind, radiation), 2
        ),
        "relative_humidity": humidity,
        "wind_speed": wind,
        "surface_downwelling_shortwave": radiation,
    }


def _rain(
    table: Climate, rows: np.ndarray, front: np.ndarray, cell: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rain of fronts and of showers, mm, and whether a front rains (1.0 or 0.0)."""
    strength = np.maximum(front - table.front_threshold[rows], 0.0)
    showers = np.minimum(np.maximum(cell - table.cell_threshold[rows], 0.0), 4.0)
    rain = table.front_amount[rows] * strength**FRONT_POWER + table.cell_amount[rows] * np.expm1(
        CELL_GROWTH * showers
    )
    return rounded(rain, 1), (strength > 0).astype(np.float64)


def skewed(normal: np.ndarray) -> np.ndarray:
    """A standard normal signal made skew-t: two-piece Student t (Fernandez and Steel 1998), mean 0,
    variance 1, hotter tail longer.
    """
    grid, values = _skew_table()
    return np.interp(normal, grid, values)


@cache
def _skew_table() -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of the skew-t at those of the standard normal."""
    from scipy.special import ndtr, stdtrit

    grid = np.linspace(-7.0, 7.0, 2801)
    chance, below = ndtr(grid), 1 / (1 + SKEW**2)
    lower = stdtrit(FREEDOM, np.minimum(chance / below, 1.0) / 2) / SKEW
    upper = -stdtrit(FREEDOM, np.minimum((1 - chance) / (1 - below), 1.0) / 2) * SKEW
    values = np.where(chance < below, lower, upper)
    weight = np.exp(-(grid**2) / 2)
    weight /= weight.sum()
    values -= (values * weight).sum()
    return grid, values / np.sqrt((values**2 * weight).sum())


def reference_evapotranspiration(
    highest: np.ndarray,
    lowest: np.ndarray,
    humidity: np.ndarray,
    wind: np.ndarray,
    radiation: np.ndarray,
) -> np.ndarray:
    """Reference evapotranspiration, mm a day: Penman and Monteith's as in FAO Irrigation and
    Drainage Paper 56, equation 6.

    Temperatures degC, humidity % (mean), wind m s-1 at 10 m, radiation MJ m-2. Net long-wave loss
    is taken as 4 MJ m-2 a day.
    """
    mean = (highest + lowest) / 2
    saturated = (_vapour(highest) + _vapour(lowest)) / 2
    slope = 4098 * _vapour(mean) / (mean + 237.3) ** 2
    psychrometric, at_two_metres = 0.0665, 0.748 * wind
    lacking = saturated * (1 - humidity / 100)
    gained = (
        0.408 * slope * (0.77 * radiation - 4.0)
        + psychrometric * 900 / (mean + 273) * at_two_metres * lacking
    )
    return np.maximum(gained / (slope + psychrometric * (1 + 0.34 * at_two_metres)), 0.1)


def _vapour(temperature: np.ndarray) -> np.ndarray:
    """Saturation vapour pressure, kPa. FAO 56, equation 11."""
    return 0.6108 * np.exp(17.27 * temperature / (temperature + 237.3))

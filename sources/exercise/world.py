"""The exercise's weather: from random innovations to the fields of a day, by one set of functions.

The record, the forecasts and the truth all go through ``weather_of``: a start, innovations for some days, and out come the
fields. Arrays are (day, *batch, place), or (day, *batch, channel, place); the last place is the river's upstream catchment, which
is never reported. Every random number belongs to a stream of its own (seed, what for, place), read day by day: a longer period or
another place changes no number that was there before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from sources.exercise.climate import (
    CELL_GROWTH,
    FRONT_POWER,
    HEAT_GROWTH,
    HEAT_WAVE_ENDS,
    Climate,
    climate,
    day_of_year,
)

LEADS = 11  # lead 0 is the issue day
TREND = 0.4  # degC a decade
TREND_ZERO = np.datetime64("2006-01-01")  # the middle of 1991-2020, which the normals are of
VARIANTS = ("no_memory", "no_forecast_skill", "no_trend")

# Share of a day's innovation that is still unknown to a forecast at lead 0, 1, ... 10, which is its layers 0 to that lead.
# Chosen so that Tmax forecasts without their bias err by about 1.3 degC at 24 h and 2.2 at 120 h, as at the German station of issue 4.
SYNOPTIC = (0.20, 0.28, 0.39, 0.51, 0.62, 0.71, 0.80, 0.87, 0.93, 0.97, 1.0)
FRONTS = (0.12, 0.18, 0.28, 0.40, 0.53, 0.65, 0.76, 0.85, 0.92, 0.97, 1.0)
SHOWERS = (0.45, 0.60, 0.74, 0.85, 0.92, 0.96, 0.98, 0.99, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Channel:
    """A kind of weather innovation at every place: standard normal, a part of it shared by places near to each other.

    ``memory``: how much of it is left the day after. ``shared``: share of its variance that is common within ``reach`` km.
    ``unknown``: see SYNOPTIC. ``front``: its correlation with the front's innovation.
    """

    memory: float
    shared: float
    reach: float
    unknown: tuple[float, ...]
    front: float = 0.0


CHANNELS = {
    "front": Channel(memory=0.52, shared=0.95, reach=150, unknown=FRONTS),
    "temperature": Channel(memory=0.60, shared=0.92, reach=400, unknown=SYNOPTIC, front=-0.10),
    "cell": Channel(memory=0.20, shared=0.50, reach=40, unknown=SHOWERS, front=0.45),
    "night": Channel(memory=0.55, shared=0.80, reach=200, unknown=SYNOPTIC, front=0.15),
    "humidity": Channel(memory=0.50, shared=0.80, reach=200, unknown=SYNOPTIC, front=0.30),
    "wind": Channel(memory=0.40, shared=0.80, reach=200, unknown=SYNOPTIC, front=0.20),
}
NAMES = tuple(CHANNELS)
WAVES = 4  # pairs of spatial waves that make what places near to each other share
SLOW_MEMORY = float(np.exp(-1 / 45))  # the hidden mode forgets a third in 18 days
SLOW_HEAT, SLOW_RAIN = (
    0.15,
    0.10,
)  # its share of the variance of temperature and of fronts (warm is dry)

CHERGUI_DRIES, CHERGUI_BLOWS = (
    14.0,
    0.4,
)  # a full heat wave comes with the dry desert wind: % less humidity, log of more wind
FRONT_COOLS = 1.6  # degC lower Tmax on a day of frontal rain
SOIL_CAPACITY = 110.0  # mm of water a soil holds
SOIL_USUAL = 0.3  # the wet share of a soil that has no memory
SOIL_DRAINS = 0.01  # of its water a day
DRY_SOIL, WET_SOIL = 0.08, 0.40  # m3 m-3
RUNOFF_POWER = 2.0  # quick runoff is the wet share of the soil to this power, times the rain
UPSTREAM_AREA = 4_500.0  # km2 that give quick runoff; sets the mean flow, see BASE_FLOW
LOCAL_AREA = 200.0  # km2 of a commune's own wadis
BASE_FLOW = 4.0  # m3 s-1; the mean is near the 26.5 of the Moulouya at the dam Mohamed V (abhmoulouya.ma, RessourcesEau)
RIVER_KEEPS = 0.40  # of a river reach's water from one day to the next; there are two of them, one behind the other
BASE_KEEPS = float(np.exp(-1 / 60))
UPSTREAM = (
    34.20,
    900.0,
    1.0,
)  # latitude, elevation and rain factor of the upstream catchment's weather
UPSTREAM_PLACE = (34.20, -3.20)


@dataclass(frozen=True)
class World:
    """What is simulated: places and rules. ``dry`` is a factor on a place's rain, ``river`` whether the river passes it."""

    seed: int
    start: np.datetime64
    ids: tuple[str, ...]
    latitude: np.ndarray
    longitude: np.ndarray
    elevation: np.ndarray
    river: np.ndarray
    variants: frozenset[str] = frozenset()

    @property
    def memory(self) -> bool:
        return "no_memory" not in self.variants


@dataclass(frozen=True)
class Grounds:
    """What is worked out once from a World: climate tables, channel constants, spatial patterns (channel, place, wave)."""

    climate: Climate
    patterns: np.ndarray
    own: np.ndarray
    memory: np.ndarray
    unknown: np.ndarray
    unknown_shared: np.ndarray
    trend: float
    slow_memory: float
    slow: tuple[float, float]
    remembers: bool
    river: np.ndarray


@dataclass(frozen=True)
class State:
    """What the past has left at the end of a day: (*batch,), (*batch, channel, place) or (*batch, place)."""

    slow: np.ndarray
    hot: np.ndarray
    heat: np.ndarray
    place: np.ndarray
    soil: np.ndarray
    reach_one: np.ndarray
    reach_two: np.ndarray
    base: np.ndarray


@dataclass(frozen=True)
class Innovations:
    """What is new each day, each of variance 1: (day, *batch) for the province, (day, *batch, channel, place) for places."""

    slow: np.ndarray
    heat: np.ndarray
    place: np.ndarray


@dataclass(frozen=True)
class Run:
    """A simulated period. ``fields``: variable -> (day, place), without the upstream catchment. ``states``: one a day.

    ``known``: the part of each day's innovations that a forecast knows, first axis 0 = all of it, l + 1 = at lead l; its days
    go LEADS beyond the record. A run without layers has entry 0 alone.
    """

    world: World
    grounds: Grounds
    days: np.ndarray
    fields: dict[str, np.ndarray]
    states: State
    known: Innovations


def stream(seed: int, purpose: str, name: object = "") -> np.random.Generator:
    """The generator of the random numbers for one purpose and one thing."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{name}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64)))


def prepare(world: World) -> Grounds:
    """Tables and constants of a world; ``variants`` are taken account of here."""
    latitude, elevation = (
        np.append(world.latitude, UPSTREAM[0]),
        np.append(world.elevation, UPSTREAM[1]),
    )
    dry = np.append(np.where(world.river, 0.8, 1.0), UPSTREAM[2])
    north, east = (
        np.append(world.latitude, UPSTREAM_PLACE[0]) * 111.2,
        np.append(world.longitude, UPSTREAM_PLACE[1]) * 91.3,
    )  # km
    patterns = np.stack([_pattern(name, north, east) for name in NAMES])
    unknown = np.array([channel.unknown for channel in CHANNELS.values()])
    if "no_forecast_skill" in world.variants:
        unknown = np.ones_like(unknown)
    return Grounds(
        climate=climate(latitude, elevation, dry, world.memory),
        patterns=patterns.astype(np.float32),
        own=np.sqrt(
            1 - np.array([channel.shared for channel in CHANNELS.values()], dtype=np.float32)
        )[:, None],
        memory=np.array([channel.memory for channel in CHANNELS.values()])[:, None] * world.memory,
        unknown=unknown,
        unknown_shared=unknown[NAMES.index("temperature")],
        trend=0.0 if "no_trend" in world.variants else TREND,
        slow_memory=SLOW_MEMORY,
        slow=(SLOW_HEAT, SLOW_RAIN) if world.memory else (0.0, 0.0),
        remembers=world.memory,
        river=world.river,
    )


def _pattern(name: str, north: np.ndarray, east: np.ndarray) -> np.ndarray:
    """How much of each spatial wave a place feels, (place, 2 * WAVES): random Fourier features of its position alone.

    Places d km apart then share cos-like what a Gaussian correlation exp(-(d / reach)^2 / 2) has on average.
    """
    channel, random = CHANNELS[name], stream(0, "pattern", name)
    numbers = random.standard_normal((2, WAVES)) / channel.reach
    phase = north[:, None] * numbers[0] + east[:, None] * numbers[1]
    return np.sqrt(channel.shared / WAVES) * np.concatenate([np.cos(phase), np.sin(phase)], axis=1)


def joined(grounds: Grounds, shared: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Innovations at places, (..., channel, place), from spatial waves (..., channel, 2 * WAVES) and each place's own.

    Summed in a fixed order, so that no number depends on how many days or places there are.
    """
    total = grounds.own * own
    for wave in range(2 * WAVES):
        total += shared[..., wave, None] * grounds.patterns[..., wave]
    front = total[..., 0, :].copy()
    for index, channel in enumerate(CHANNELS.values()):
        if channel.front:
            total[..., index, :] *= np.float32(np.sqrt(1 - channel.front**2))
            total[..., index, :] += np.float32(channel.front) * front
    return total


def simulate(world: World, until: np.datetime64, layers: bool = True) -> Run:
    """The world from its start to the day ``until``, both included. Without ``layers`` nothing is known ahead: a tenth of the memory."""
    grounds = prepare(world)
    days = np.arange(world.start, until + np.timedelta64(1, "D"))
    known = reveal(world, grounds, len(days) + LEADS, layers)
    everything = Innovations(
        known.slow[0, : len(days)], known.heat[0, : len(days)], known.place[0, : len(days)]
    )
    fields, states = weather_of(grounds, days, first_state(grounds, ()), everything)
    reported = {name: values[:, : len(world.ids)] for name, values in fields.items()}
    return Run(world, grounds, days, reported, states, known)


def reveal(world: World, grounds: Grounds, count: int, layers: bool) -> Innovations:
    """The innovations of ``count`` days and, with ``layers``, what of them is known at each lead: the first axis is Run's."""
    shares = np.sqrt(np.diff(grounds.unknown, axis=1, prepend=0.0).T).astype(np.float32)
    shares_provincial = np.sqrt(np.diff(grounds.unknown_shared, prepend=0.0)).astype(np.float32)
    owners = [
        ("upstream", "") if place == len(world.ids) else ("place", world.ids[place])
        for place in range(len(world.ids) + 1)
    ]

    def drawn(purpose: str, name: str, weights: np.ndarray, *sizes: int) -> np.ndarray:
        numbers = stream(world.seed, purpose, name).standard_normal(
            (count, LEADS, *sizes), dtype=np.float32
        )
        return _known(numbers, weights, layers)

    own = np.stack([drawn(*owner, shares, len(NAMES)) for owner in owners], axis=-1)
    waves = drawn("waves", "", shares[..., None], len(NAMES), 2 * WAVES)
    provincial = drawn("province", "", shares_provincial[:, None], 2)
    place = np.stack([joined(grounds, *parts) for parts in zip(waves, own, strict=True)])
    return Innovations(provincial[..., 0], provincial[..., 1], place)


def _known(numbers: np.ndarray, weights: np.ndarray, layers: bool) -> np.ndarray:
    """Sums over the layers known, from (day, layer, ...): entry 0 is all of them, entry l + 1 those above layer l, if asked for."""
    parts = [np.zeros_like(numbers[:, 0])]
    for layer in reversed(range(LEADS)):
        parts = [*parts, parts[-1] + weights[layer] * numbers[:, layer]][0 if layers else -1 :]
    return np.stack(parts[::-1])


def first_state(grounds: Grounds, batch: tuple[int, ...]) -> State:
    """The state before the first day: nothing unusual, a soil of usual wetness."""
    places = grounds.patterns.shape[1]
    zero, flat = np.zeros(batch), np.zeros((*batch, places))
    return State(
        zero,
        zero,
        zero,
        np.zeros((*batch, len(NAMES), places)),
        flat + SOIL_USUAL * SOIL_CAPACITY,
        flat,
        flat,
        flat,
    )


def weather_of(
    grounds: Grounds, days: np.ndarray, before: State, new: Innovations
) -> tuple[dict[str, np.ndarray], State]:
    """Fields and states of some days. ``days``: (day,), or (day, *batch) with sizes that broadcast with those of ``new``."""
    rows = day_of_year(days)
    slow, hot, heat, place = _signals(grounds, rows, before, new)
    fields = _weather(grounds, days, rows, slow, heat, place)
    soil, reach_one, reach_two, base = _water(grounds, before, fields)
    fields["river_discharge"] = np.where(
        np.append(grounds.river, False), _rounded(BASE_FLOW + reach_two + base, 2), np.nan
    )
    fields["soil_moisture"] = _rounded(DRY_SOIL + (WET_SOIL - DRY_SOIL) * soil / SOIL_CAPACITY, 4)
    return fields, State(slow, hot, heat, place, soil, reach_one, reach_two, base)


def _signals(
    grounds: Grounds, rows: np.ndarray, before: State, new: Innovations
) -> tuple[np.ndarray, ...]:
    """The signals behind the weather, day by day: the slow mode, whether a heat wave is on, its strength, the places' channels."""
    if not grounds.remembers:
        begins = grounds.climate.heat_wave_threshold[rows]
        strength = np.broadcast_to((new.heat > begins).astype(np.float64), new.heat.shape)
        return new.slow.astype(np.float64), strength, strength, new.place.astype(np.float64)
    fresh, fresh_slow = np.sqrt(1 - grounds.memory**2), np.sqrt(1 - grounds.slow_memory**2)
    begins, goes_on = grounds.climate.heat_wave_threshold[rows], _goes_on()
    slow, hot, heat, place = (
        np.empty(new.slow.shape),
        np.empty(new.slow.shape),
        np.empty(new.slow.shape),
        np.empty(new.place.shape),
    )
    last = before.slow, before.hot, before.heat, before.place
    for day in range(len(new.slow)):
        slow[day] = grounds.slow_memory * last[0] + fresh_slow * new.slow[day]
        hot[day] = new.heat[day] > np.where(last[1] > 0, goes_on, begins[day])
        heat[day] = last[2] + HEAT_GROWTH * (hot[day] - last[2])
        place[day] = grounds.memory * last[3] + fresh * new.place[day]
        last = slow[day], hot[day], heat[day], place[day]
    return slow, hot, heat, place


def _goes_on() -> float:
    from scipy.special import ndtri

    return float(ndtri(HEAT_WAVE_ENDS))


def _weather(
    grounds: Grounds,
    days: np.ndarray,
    rows: np.ndarray,
    slow: np.ndarray,
    heat: np.ndarray,
    place: np.ndarray,
) -> dict[str, np.ndarray]:
    """Fields from signals, rounded as instruments report them."""
    table = grounds.climate
    signal = {name: place[..., index, :] for index, name in enumerate(NAMES)}
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
    highest = _rounded(table.maximum[rows] + unusual + grounds.trend * decades, 1)
    lowest = table.minimum[rows] + 0.40 * unusual + 1.4 * signal["night"] + grounds.trend * decades
    lowest = _rounded(np.minimum(lowest, highest - 0.5), 1)
    mean = _rounded(0.48 * highest + 0.52 * lowest, 1)  # the night is longer than the afternoon
    cloud = np.clip(table.cloud[rows] + 0.22 * front, 0.03, 0.97)
    humidity = (
        table.humidity[rows]
        - 1.2 * unusual
        + 8.0 * wet
        - CHERGUI_DRIES * chergui
        + 6.0 * signal["humidity"]
    )
    humidity = _rounded(np.clip(humidity, 8.0, 100.0), 0)
    wind = _rounded(
        table.wind[rows] * np.exp(0.35 * signal["wind"] - 0.35**2 / 2 + CHERGUI_BLOWS * chergui), 1
    )
    radiation = _rounded(
        table.radiation[rows] * (0.25 + 0.50 * (1 - cloud)), 2
    )  # FAO 56, equation 35
    return {
        "air_temperature_max": highest,
        "air_temperature_mean": mean,
        "air_temperature_min": lowest,
        "precipitation": rain,
        "potential_evapotranspiration": _rounded(
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
    return _rounded(rain, 1), (strength > 0).astype(np.float64)


def skewed(normal: np.ndarray) -> np.ndarray:
    """A standard normal signal made skew-t: two-piece Student t (Fernandez and Steel 1998), mean 0, variance 1, hotter tail longer."""
    grid, values = _skew_table()
    return np.interp(normal, grid, values)


_SKEW: list[tuple[np.ndarray, np.ndarray]] = []
FREEDOM, SKEW = (
    10.0,
    1.25,
)  # degrees of freedom; the upper half is SKEW**2 times as wide as the lower


def _skew_table() -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of the skew-t at those of the standard normal, worked out once."""
    if not _SKEW:
        from scipy.special import ndtr, stdtrit

        grid = np.linspace(-7.0, 7.0, 2801)
        chance, below = ndtr(grid), 1 / (1 + SKEW**2)
        lower = stdtrit(FREEDOM, np.minimum(chance / below, 1.0) / 2) / SKEW
        upper = -stdtrit(FREEDOM, np.minimum((1 - chance) / (1 - below), 1.0) / 2) * SKEW
        values = np.where(chance < below, lower, upper)
        weight = np.exp(-(grid**2) / 2)
        weight /= weight.sum()
        values -= (values * weight).sum()
        _SKEW.append((grid, values / np.sqrt((values**2 * weight).sum())))
    return _SKEW[0]


def reference_evapotranspiration(
    highest: np.ndarray,
    lowest: np.ndarray,
    humidity: np.ndarray,
    wind: np.ndarray,
    radiation: np.ndarray,
) -> np.ndarray:
    """Reference evapotranspiration, mm a day: Penman and Monteith's as in FAO Irrigation and Drainage Paper 56, equation 6.

    Temperatures degC, humidity % (mean), wind m s-1 at 10 m, radiation MJ m-2. Net long-wave loss is taken as 4 MJ m-2 a day.
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


def _water(
    grounds: Grounds, before: State, fields: dict[str, np.ndarray]
) -> tuple[np.ndarray, ...]:
    """Soil water (mm), the river's two reaches and its base flow (m3 s-1), day by day, each (day, *batch, place).

    A bucket: quick runoff grows with its wetness. What runs off upstream fills the reaches of every place on the river.
    """
    rain, thirst = fields["precipitation"], fields["potential_evapotranspiration"]
    soil, one, two, base = (np.empty(rain.shape) for _ in range(4))
    keeps, base_keeps = (RIVER_KEEPS, BASE_KEEPS) if grounds.remembers else (0.0, 0.0)
    last = before.soil, before.reach_one, before.reach_two, before.base
    for day in range(len(rain)):
        held = last[0] if grounds.remembers else np.full_like(last[0], SOIL_USUAL * SOIL_CAPACITY)
        wet = held / SOIL_CAPACITY
        quick = rain[day] * wet**RUNOFF_POWER
        drained = SOIL_DRAINS * held
        filled = held + rain[day] - quick - drained
        spilt = np.maximum(filled - SOIL_CAPACITY, 0.0)
        filled = filled - spilt
        soil[day] = filled * np.exp(-thirst[day] / SOIL_CAPACITY)
        runoff = quick + spilt
        inflow = (
            UPSTREAM_AREA * runoff[..., -1:] + LOCAL_AREA * runoff
        ) / 86.4  # mm day-1 km2 to m3 s-1
        one[day] = keeps * last[1] + (1 - keeps) * inflow
        two[day] = keeps * last[2] + (1 - keeps) * one[day]
        base[day] = (
            base_keeps * last[3] + (1 - base_keeps) * UPSTREAM_AREA * drained[..., -1:] / 86.4
        )
        last = soil[day], one[day], two[day], base[day]
    return soil, one, two, base


def _rounded(values: np.ndarray, decimals: int) -> np.ndarray:
    """Rounded, and without minus zero."""
    return np.round(values, decimals) + 0.0

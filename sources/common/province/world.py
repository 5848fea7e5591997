"""The exercise's weather: from random innovations to the fields of a day, by one set of functions.

The record, the forecasts and the truth all go through ``weather_of``: a start, innovations for some
days, and out come the fields. Arrays are (day, *batch, location), or (day, *batch, channel,
location); the last location is the river's upstream catchment, which is never reported. Every
random number belongs to a stream of its own (seed, what for, location), read day by day: a longer
period or another location changes no number that was there before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from sources.common.province.climate import Climate, climate

LEADS = 11  # lead 0 is the issue day
TREND = 0.4  # degC a decade
TREND_ZERO = np.datetime64("2006-01-01")  # the middle of 1991-2020, which the normals are of

# Share of a day's innovation that is still unknown to a forecast at lead 0, 1, ... 10, which is its
# layers 0 to that lead. Chosen so that Tmax forecasts without their bias err by about 1.3 degC at
# 24 h and 2.2 at 120 h, as at the German station of issue 4.
SYNOPTIC = (0.20, 0.28, 0.39, 0.51, 0.62, 0.71, 0.80, 0.87, 0.93, 0.97, 1.0)
FRONTS = (0.12, 0.18, 0.28, 0.40, 0.53, 0.65, 0.76, 0.85, 0.92, 0.97, 1.0)
SHOWERS = (0.45, 0.60, 0.74, 0.85, 0.92, 0.96, 0.98, 0.99, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Channel:
    """A kind of weather innovation at every location: standard normal, a part of it shared by
    locations near to each other.

    ``memory``: how much of it is left the day after. ``shared``: share of its variance that is
    common within ``reach`` km. ``unknown``: see SYNOPTIC. ``front``: its correlation with the
    front's innovation.
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
WAVES = 4  # pairs of spatial waves that make what locations near to each other share
SLOW_MEMORY = float(np.exp(-1 / 45))  # the hidden mode forgets a third in 18 days
# Its share of the variance of temperature and of fronts (warm is dry).
SLOW_HEAT, SLOW_RAIN = 0.15, 0.10
# Latitude, elevation and rain factor of the upstream catchment's weather.
UPSTREAM = (34.20, 900.0, 1.0)
UPSTREAM_POINT = (34.20, -3.20)


@dataclass(frozen=True)
class World:
    """What is simulated: locations and rules.

    ``dry`` is a factor on a location's rain, ``river`` whether the river passes it.
    """

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
        """Whether the weather has a memory."""
        return "no_memory" not in self.variants


@dataclass(frozen=True)
class Grounds:
    """What is worked out once from a World: climate tables, channel constants, spatial patterns
    (channel, location, wave).
    """

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
class ProvinceState:
    """What the past has left at the end of a day: (*batch,), (*batch, channel, location) or
    (*batch, location).
    """

    slow: np.ndarray
    hot: np.ndarray
    heat: np.ndarray
    local: np.ndarray
    soil: np.ndarray
    reach_one: np.ndarray
    reach_two: np.ndarray
    base: np.ndarray


@dataclass(frozen=True)
class Innovations:
    """What is new each day, each of variance 1: (day, *batch) for the province, (day, *batch,
    channel, location) for locations.
    """

    slow: np.ndarray
    heat: np.ndarray
    local: np.ndarray


def stream(
    seed: int, purpose: str, name: object = "", position: np.ndarray | None = None
) -> np.random.Generator:
    """The generator of the random numbers for one purpose and one thing.

    It stands at its start, or at a ``position`` that ``position_of`` gave.
    """
    digest = hashlib.sha256(f"{seed}/{purpose}/{name}".encode()).digest()
    bits = np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64))
    if position is not None:
        state: Any = bits.state
        state["state"]["counter"], state["buffer"] = position[:4], position[4:8]
        state["buffer_pos"], state["has_uint32"], state["uinteger"] = map(int, position[8:])
        bits.state = state
    return np.random.Generator(bits)


def position_of(random: np.random.Generator) -> np.ndarray:
    """Where a stream is: eleven unsigned numbers, Philox's counter, buffer and the rest of it."""
    state = random.bit_generator.state
    rest = [state["buffer_pos"], state["has_uint32"], state["uinteger"]]
    return np.array([*state["state"]["counter"], *state["buffer"], *rest], dtype=np.uint64)


def prepare(world: World) -> Grounds:
    """Tables and constants of a world; ``variants`` are taken account of here."""
    latitude, elevation = (
        np.append(world.latitude, UPSTREAM[0]),
        np.append(world.elevation, UPSTREAM[1]),
    )
    longitude = np.append(world.longitude, UPSTREAM_POINT[1])
    dry = np.append(np.where(world.river, 0.8, 1.0), UPSTREAM[2])
    north, east = (
        np.append(world.latitude, UPSTREAM_POINT[0]) * 111.2,
        np.append(world.longitude, UPSTREAM_POINT[1]) * 91.3,
    )  # km
    patterns = np.stack([_pattern(name, north, east) for name in NAMES])
    unknown = np.array([channel.unknown for channel in CHANNELS.values()])
    if "no_forecast_skill" in world.variants:
        unknown = np.ones_like(unknown)
    return Grounds(
        climate=climate(latitude, longitude, elevation, dry, world.memory),
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
    """How much of each spatial wave a location feels, (location, 2 * WAVES): random Fourier
    features of its position alone.

    Places d km apart then share cos-like what a Gaussian correlation exp(-(d / reach)^2 / 2) has on
    average.
    """
    channel, random = CHANNELS[name], stream(0, "pattern", name)
    numbers = random.standard_normal((2, WAVES)) / channel.reach
    phase = north[:, None] * numbers[0] + east[:, None] * numbers[1]
    return np.sqrt(channel.shared / WAVES) * np.concatenate([np.cos(phase), np.sin(phase)], axis=1)


def joined(grounds: Grounds, shared: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Innovations at locations, (..., channel, location), from spatial waves (..., channel, 2 *
    WAVES) and each location's own.

    Summed in a fixed order, so that no number depends on how many days or locations there are.
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


def rounded(values: np.ndarray, decimals: int) -> np.ndarray:
    """Rounded, and without minus zero."""
    return np.round(values, decimals) + 0.0

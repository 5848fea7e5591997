"""The province that a region file describes: its locations, its time, its options."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from configs import ConfigError, Region, clock
from sources.common.locations import name_of
from sources.common.options import options_of
from sources.common.province.world import World, stream

NAME = "exercise"
"""The source whose options describe the province, for all who report of it."""

START = date(1996, 1, 1)
YEARS_WITHOUT_FORECASTS = 12
YEARS_TO_MODEL_CHANGE = 21
"""In the middle of the archive of forecasts where the record is 30 years long."""
DELAY_DAYS = 1
MEMBERS = 5
MAX_PLACES_WITH_FORECASTS = 1_000
"""Two decades of forecasts of a tile are 80 million rows."""
LOCATIONS_AT_ONCE = 100  # simulated at a time, so that thousands fit into memory


class ExerciseOptions(BaseModel):
    """What a region may choose.

    ``seed``: another seed is another history of the same climate. ``variants``: what this world is
    without. ``until``: the last day of the record (default: yesterday). ``members`` of each
    forecast; 0: no forecasts (default: 5, of a region of more than 1,000 places 0).
    ``forecasts_from`` and ``model_change``: the first day with a forecast (default: 12 years after
    the start) and the day from which another forecast model issues them (default: 21 years after).
    ``places``: how many are made up where the region lists none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=4, ge=0)
    variants: tuple[Literal["no_memory", "no_forecast_skill", "no_trend"], ...] = ()
    until: date | None = None
    members: int | None = Field(default=None, ge=0, le=50)
    forecasts_from: date | None = None
    model_change: date | None = None
    places: int = Field(default=16, ge=1, le=100_000)


def world_of(region: Region) -> World:
    """The world a region file describes: its locations, its history_start (default 1996-01-01), its
    options.
    """
    options = options_of(region, NAME, ExerciseOptions)
    start = np.datetime64(region.history_start or START)
    rules: dict[str, Any] = {
        "seed": options.seed,
        "start": start,
        "variants": frozenset(options.variants),
    }
    if not region.locations:
        return World(**rules, **_made_up(options.places))
    for location in region.locations:
        if location.latitude is None or location.longitude is None:
            raise ConfigError(
                f"region file {region.path}: locations: {location.id!r} has no latitude or "
                "longitude, the exercise needs both; add them."
            )
    locations = region.locations
    return World(
        **rules,
        ids=tuple(location.id for location in locations),
        latitude=np.array([location.latitude for location in locations], dtype=float),
        longitude=np.array([location.longitude for location in locations], dtype=float),
        elevation=np.array([location.elevation or 0.0 for location in locations], dtype=float),
        river=np.array([location.river_point is not None for location in locations]),
    )


def _made_up(count: int) -> dict[str, Any]:
    """Places strewn over the province and its surroundings; the n-th is where it is however many
    there are.
    """
    random = stream(0, "positions").random((count, 3))
    return {
        "ids": tuple(f"place-{number:05d}" for number in range(1, count + 1)),
        "latitude": np.round(34.6 + 0.5 * random[:, 0], 4),
        "longitude": np.round(-2.8 + 0.75 * random[:, 1], 4),
        "elevation": np.round(20 + 500 * random[:, 2] ** 2),
        "river": np.arange(count) % 8 == 0,
    }


def last_day(region: Region) -> np.datetime64:
    """The last day of the record: yesterday in the region's time zone, or ``until``."""
    options = options_of(region, NAME, ExerciseOptions)
    day = options.until or clock.now().astimezone(region.zone).date() - timedelta(days=DELAY_DAYS)
    start = region.history_start or START
    if day < start + timedelta(days=1):
        raise ConfigError(
            f"region file {region.path}: the exercise would end on {day}, expected two days or "
            f"more after history_start {start}."
        )
    return np.datetime64(day)


def forecast_days(region: Region) -> tuple[np.datetime64, np.datetime64]:
    """The first day with forecasts, and the first day on which the second model issues them."""
    options, start = options_of(region, NAME, ExerciseOptions), region.history_start or START
    first = options.forecasts_from or _years_after(start, YEARS_WITHOUT_FORECASTS)
    change = options.model_change or _years_after(start, YEARS_TO_MODEL_CHANGE)
    return np.datetime64(first), np.datetime64(change)


def members_of(region: Region) -> int:
    """Members of each forecast; 0 where there are none."""
    members = options_of(region, NAME, ExerciseOptions).members
    many = region.places > MAX_PLACES_WITH_FORECASTS
    return members if members is not None else 0 if many else MEMBERS


def _years_after(day: date, years: int) -> date:
    return date(day.year + years, day.month, min(day.day, 28))


def parts_of(world: World) -> list[World]:
    """The world by parts that fit into memory; no number depends on it."""
    cuts = [
        slice(begin, begin + LOCATIONS_AT_ONCE)
        for begin in range(0, len(world.ids), LOCATIONS_AT_ONCE)
    ]
    return [
        World(
            world.seed,
            world.start,
            world.ids[cut],
            world.latitude[cut],
            world.longitude[cut],
            world.elevation[cut],
            world.river[cut],
            world.variants,
        )
        for cut in cuts
    ]


def locations_table(region: Region, world: World) -> pd.DataFrame:
    """A Batch's locations: the region's locations, or those made up."""
    names = {location.id: name_of(location) for location in region.locations}
    return pd.DataFrame(
        {
            "location": list(world.ids),
            "name": [names.get(name, name) for name in world.ids],
            "latitude": world.latitude,
            "longitude": world.longitude,
            "elevation": world.elevation,
        }
    )

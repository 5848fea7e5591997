"""The exercise province: a simulated Berkane whose true event probabilities are known. Nothing here was ever measured.

A region that names this source gets a seeded, made-up record of its places until yesterday and made-up weather forecasts until
today, and everything made from them must say EXERCISE. Options, in the region file under ``source_options: exercise:``, are those
of ``Options``. How it is made: ``climate`` (published normals), ``world`` (a day's weather), ``ahead`` (forecasts and the truth).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from configs import ConfigError, Region
from data_contracts.batch import Batch, FetchRequest, Source, StoredRecord
from sources import options_of
from sources.exercise.ahead import FORECAST_VARIABLES, Forecasts, issue_forecasts
from sources.exercise.world import Run, World, simulate, stream

NAME = "exercise"
START = date(1996, 1, 1)
YEARS_WITHOUT_FORECASTS = 12
YEARS_TO_MODEL_CHANGE = (
    21  # in the middle of the archive of forecasts where the record is 30 years long
)
DELAY_DAYS = 1
TOGETHER = 100  # places simulated at a time, so that thousands fit into memory


class Options(BaseModel):
    """What a region may choose.

    ``seed``: another seed is another history of the same climate. ``variants``: what this world is without.
    ``until``: the last day of the record (default: yesterday). ``members`` of each forecast; 0: no forecasts.
    ``forecasts_from`` and ``model_change``: the first day with a forecast (default: 12 years after the start) and the day from
    which another forecast model issues them (default: 21 years after). ``places``: how many are made up where the region lists none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=4, ge=0)
    variants: tuple[Literal["no_memory", "no_forecast_skill", "no_trend"], ...] = ()
    until: date | None = None
    members: int = Field(default=5, ge=0, le=50)
    forecasts_from: date | None = None
    model_change: date | None = None
    places: int = Field(default=16, ge=1, le=100_000)


def world_of(region: Region) -> World:
    """The world a region file describes: its places, its history_start (default 1996-01-01), its options."""
    options = options_of(region, NAME, Options)
    start = np.datetime64(region.history_start or START)
    rules: dict[str, Any] = {
        "seed": options.seed,
        "start": start,
        "variants": frozenset(options.variants),
    }
    if not region.locations:
        return World(**rules, **_made_up(options.places))
    for place in region.locations:
        if place.latitude is None or place.longitude is None:
            raise ConfigError(
                f"region file {region.path}: locations: {place.id!r} has no latitude or longitude, the exercise needs both; add them."
            )
    places = region.locations
    return World(
        **rules,
        ids=tuple(place.id for place in places),
        latitude=np.array([place.latitude for place in places], dtype=float),
        longitude=np.array([place.longitude for place in places], dtype=float),
        elevation=np.array([place.elevation or 0.0 for place in places], dtype=float),
        river=np.array([place.river_point is not None for place in places]),
    )


def _made_up(count: int) -> dict[str, Any]:
    """Places strewn over the province and its surroundings; the n-th is where it is however many there are."""
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
    options = options_of(region, NAME, Options)
    day = options.until or datetime.now(region.zone).date() - timedelta(days=DELAY_DAYS)
    start = region.history_start or START
    if day < start + timedelta(days=1):
        raise ConfigError(
            f"region file {region.path}: the exercise would end on {day}, expected two days or more after history_start {start}."
        )
    return np.datetime64(day)


def forecast_days(region: Region) -> tuple[np.datetime64, np.datetime64]:
    """The first day with forecasts, and the day from which the second forecast model issues them."""
    options, start = options_of(region, NAME, Options), region.history_start or START
    first = options.forecasts_from or _years_after(start, YEARS_WITHOUT_FORECASTS)
    change = options.model_change or _years_after(start, YEARS_TO_MODEL_CHANGE)
    return np.datetime64(first), np.datetime64(change)


def _years_after(day: date, years: int) -> date:
    return date(day.year + years, day.month, min(day.day, 28))


def fetch(request: FetchRequest) -> Batch:
    """The record and the forecasts; where the store already holds this very world, only from its newest day and issue day on."""
    region = request.region
    world, until = world_of(region), last_day(region)
    with_forecasts = options_of(region, NAME, Options).members > 0
    runs = [simulate(part, until, layers=with_forecasts) for part in parts_of(world)]
    record = pd.concat([record_table(run) for run in runs], ignore_index=True)
    stored = newest_stored(request.stored)
    since = (
        stored["observations"]["time"].max()
        if same_values(stored["observations"], record, "time")
        else None
    )
    issued = _fetch_forecasts(
        region, runs, until, stored["forecasts"] if since is not None else None
    )
    return Batch(
        record if since is None else record[record["time"] >= since],
        locations_table(region, world),
        issued,
    )


SOURCE = Source(
    name=NAME,
    delay_days=DELAY_DAYS,
    attribution="EXERCISE: simulated, not measured; normals after AEMET (Melilla 1981-2010) and published tables for Oujda",
    licence="as the project",
    complete=False,
    fetch=fetch,
    exercise=True,
)


def _fetch_forecasts(
    region: Region, runs: list[Run], until: np.datetime64, stored: pd.DataFrame | None
) -> pd.DataFrame:
    options, (first, change) = options_of(region, NAME, Options), forecast_days(region)
    last = until + np.timedelta64(DELAY_DAYS, "D")
    if not options.members or first > last:
        return pd.DataFrame()

    def tables(since: np.datetime64) -> pd.DataFrame:
        return pd.concat(
            [
                forecast_table(
                    issue_forecasts(run, since, last, options.members, change), run.world.ids
                )
                for run in runs
            ],
            ignore_index=True,
        )

    if stored is not None and len(stored):
        newest = tables(stored["init_time"].max().to_datetime64().astype("datetime64[D]"))
        if same_values(stored, newest, "init_time"):
            return newest
    return tables(first)


def parts_of(world: World) -> list[World]:
    """The world by parts of so many places that a part fits into memory; no number depends on it."""
    cuts = [slice(begin, begin + TOGETHER) for begin in range(0, len(world.ids), TOGETHER)]
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


def record_table(run: Run) -> pd.DataFrame:
    """The simulated days as a Batch's observations, a row a day and place."""
    days, places = len(run.days), len(run.world.ids)
    table = pd.DataFrame(
        {
            "time": np.repeat(run.days.astype("datetime64[ns]"), places),
            "location": list(run.world.ids) * days,
        }
    )
    for name, values in run.fields.items():
        table[name] = values.ravel().astype(np.float32)
    return table


def forecast_table(forecasts: Forecasts, ids: tuple[str, ...]) -> pd.DataFrame:
    """Forecasts as a Batch's: a row an issue day, lead, place and member; what never arrived has no row."""
    shape = forecasts.values[FORECAST_VARIABLES[0]].shape
    arrived = np.flatnonzero(np.isfinite(forecasts.values[FORECAST_VARIABLES[0]]).ravel())
    init, lead, place, member = np.unravel_index(arrived, shape)
    table = pd.DataFrame(
        {
            "init_time": forecasts.init.astype("datetime64[ns]")[init],
            "lead_days": lead,
            "location": pd.Series(np.array(ids, dtype=object)[place], dtype="str"),
            "member": member,
        }
    )
    for name in FORECAST_VARIABLES:
        table[name] = forecasts.values[name].ravel()[arrived].astype(np.float32)
    return table


def locations_table(region: Region, world: World) -> pd.DataFrame:
    """A Batch's locations: the region's places, or those made up."""
    names = {
        place.id: place.names.get("en") or next(iter(place.names.values()), place.id)
        for place in region.locations
    }
    return pd.DataFrame(
        {
            "location": list(world.ids),
            "name": [names.get(name, name) for name in world.ids],
            "latitude": world.latitude,
            "longitude": world.longitude,
            "elevation": world.elevation,
        }
    )


def newest_stored(stored: StoredRecord) -> dict[str, pd.DataFrame]:
    """What the store holds from a source on its newest day of ``observations`` and newest issue day of ``forecasts``."""
    nothing = {"observations": pd.DataFrame(), "forecasts": pd.DataFrame()}
    observed, issued = stored.observations, stored.forecasts
    if observed is None:
        return nothing
    found = {"observations": observed.isel(time=[-1]).to_dataframe().reset_index()}
    if issued is not None:
        rows = issued.isel(init_time=[-1]).to_dataframe().reset_index()
        rows["lead_days"] = rows["lead_time"].dt.days
        found["forecasts"] = rows
    return nothing | found


def same_values(stored: pd.DataFrame, delivered: pd.DataFrame, when: str) -> bool:
    """Whether all that is stored of its newest day is what is delivered for it: else another seed or variant was stored."""
    if stored.empty:
        return False
    keys = [
        key
        for key in ("time", "init_time", "lead_days", "location", "member")
        if key in delivered and key in stored
    ]
    names = [name for name in stored if name in delivered and name not in keys]
    mine = delivered[delivered[when] == stored[when].iloc[0]].set_index(keys)[names]
    theirs = stored.set_index(keys)[names].dropna(how="all")
    mine = mine.dropna(how="all")
    return len(mine) == len(theirs) and bool(
        np.array_equal(mine.sort_index().to_numpy(), theirs.sort_index().to_numpy(), equal_nan=True)
    )

"""River discharge of GloFAS (Copernicus) by Open-Meteo's flood service: history from 1984 on and today's forecast, no key needed.

Only places whose region file names a ``river_point`` have any; the service takes the nearest cell of its grid of 0.05 degrees, and a
cell further than 5 km from the point is refused. The service does not tell a cell's basin: GloFAS is not made for basins under
250 km2, so name no river_point on a wadi that small. Its days are UTC days. Options: those of ``Options``.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from configs import ConfigError, Region, Settings
from sources import Batch, Source, SourceUnavailable, options_of
from sources.http import Address, Manners, Question, cache_folder, get_json, is_kept
from sources.open_meteo import held_by_store, host_for, locations_of
from sources.open_meteo.cells import Budget, Cell, in_parts, named, weight
from sources.open_meteo.history import Block, blocks
from sources.open_meteo.reply import KEY, MANNERS, Column, Section, coordinates, daily_table, per_place, sections

NAME = "open_meteo_flood"
START = date(1984, 1, 1)
DELAY_DAYS = 2  # the run of 00 UTC comes in the course of its day, so yesterday's first day is still a forecast in the morning
SETTLED = 730  # days after which the reanalysis no longer replaces what the forecasts' first days said
LEADS = 10
FURTHEST_SNAP = 5.0  # km
EARTH = 6371.0  # km, mean radius
DISCHARGE = Column("river_discharge", "m³/s", "river_discharge")

log = logging.getLogger(__name__)


class Options(BaseModel):
    """What a region may choose: the address of the service, the one model version pinned, weighted calls that a pull may spend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(default="seamless_v4", pattern=r"^[a-z0-9_]+$")
    url: Address = "https://flood-api.open-meteo.com/v1/flood"
    calls: float = Field(default=2000, gt=0)
    calls_a_minute: float = Field(default=550, gt=0)


def fetch(region: Region, settings: Settings) -> Batch:
    """The days of discharge the store lacks, and today's forecast where it has none."""
    return fetch_at(region, settings, datetime.now(UTC))


SOURCE = Source(
    name=NAME,
    delay_days=DELAY_DAYS,
    attribution="River discharge: GloFAS, Copernicus Emergency Management Service, by Open-Meteo.com",
    licence="CC BY 4.0; the free service is for non-commercial use",
    complete=False,
    fetch=fetch,
)


def fetch_at(region: Region, settings: Settings, now: datetime, manners: Manners = MANNERS) -> Batch:
    """``fetch`` as it is at a moment. Raises SourceUnavailable, or ConfigError for a river point that is on no river cell."""
    options, points = options_of(region, NAME, Options), river_points(region)
    named_points = [place for point in points for place in point.places]
    held, budget = held_by_store(region, settings, NAME, named_points), Budget(options.calls, options.calls_a_minute)
    today, kept = now.astimezone(region.zone).date(), cache_folder(settings.data, NAME)
    start = max(START, region.history_start or START)
    wanted = list(blocks(points, held.days_of([DISCHARGE]), start, today - timedelta(days=DELAY_DAYS), today - timedelta(days=SETTLED), 1))
    tables = [_history(region, options, block, budget, kept, manners) for block in wanted]
    issued, remarks = pd.DataFrame(), list[str]()
    if today not in held.issued:
        issued = in_parts(lambda part: _forecast(region, options, part, today, budget, manners, remarks), points)
    places = locations_of(region)
    measured = places[places["location"].isin(named_points)].reset_index(drop=True)
    return Batch(pd.concat(tables, ignore_index=True) if tables else _no_days(), measured, issued, tuple(remarks))


def river_points(region: Region) -> list[Cell]:
    """The places' river points. Raises ConfigError where the region names none."""
    points = [Cell(*place.river_point, (place.id,)) for place in region.locations if place.river_point is not None]
    if not points:
        cure = f"name a place's `river_point: [latitude, longitude]`, or take {NAME} out of `sources:`"
        raise ConfigError(f"region file {region.path}: locations: found no river_point, {NAME} needs at least one; {cure}.")
    return points


def distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Kilometres between two points given in degrees north and east (haversine formula)."""
    (north, east), (north_2, east_2) = ((math.radians(degrees) for degrees in point) for point in (one, other))
    half = math.sin((north_2 - north) / 2) ** 2 + math.cos(north) * math.cos(north_2) * math.sin((east_2 - east) / 2) ** 2
    return 2 * EARTH * math.asin(math.sqrt(half))


def question_of(options: Options, points: Sequence[Cell], first: date, last: date) -> Question:
    """The request for days of some points; the service takes no time zone."""
    key = os.environ.get(KEY, "")
    return Question(
        NAME,
        host_for(options.url),
        f"{named([place for point in points for place in point.places])}, {first} to {last}",
        {
            "latitude": ",".join(f"{point.latitude:g}" for point in points),
            "longitude": ",".join(f"{point.longitude:g}" for point in points),
            "daily": DISCHARGE.parameter,
            "models": options.model,
            "start_date": first.isoformat(),
            "end_date": last.isoformat(),
        },
        secrets={"apikey": key} if key else {},
    )


def _history(region: Region, options: Options, block: Block, budget: Budget, kept: Path, manners: Manners) -> pd.DataFrame:
    """A block's days as observations; days at the end without a value are not published yet and are left out."""
    question = question_of(options, block.cells, block.first, block.last)
    if not is_kept(kept, question):
        calls = weight(len(block.cells), 1, block.days)
        if not budget.affords(calls):
            cure = "what was fetched is kept; run it again tomorrow, or raise `calls` under source_options if your plan allows it"
            raise question.unavailable("that this pull's weighted calls are used up", cure)
        budget.spend(calls)
    log.info("%s: history, %s", NAME, question.what)

    def read(body: Any) -> pd.DataFrame:
        found = [_days(region, section, block) for section in _sections(region, body, block.cells, question)]
        return pd.concat(found, ignore_index=True)

    return get_json(question, read, manners, kept, keep=block.final)


def _days(region: Region, section: Section, block: Block) -> pd.DataFrame:
    table = daily_table(section, [DISCHARGE], block.first, block.last)
    measured = table[DISCHARGE.variable].notna()
    if block.final and not measured.any():
        raise ConfigError(
            f"region file {region.path}: locations: {section.cell.places[0]!r}: river_point {_shown(section.cell)} lies in a cell "
            f"without a river, found no discharge from {block.first} to {block.last}; move it onto the river."
        )
    return per_place(table[measured[::-1].cummax()[::-1]], section.cell)


def _forecast(
    region: Region, options: Options, points: Sequence[Cell], today: date, budget: Budget, manners: Manners, remarks: list[str]
) -> pd.DataFrame:
    """Today's forecast; one that cannot be had now is remarked and not made up later, as the service does not keep it."""
    question = question_of(options, points, today, today + timedelta(days=LEADS - 1))
    budget.spend(weight(len(points), 1, LEADS))

    def read(body: Any) -> pd.DataFrame:
        found = [
            per_place(daily_table(section, [DISCHARGE], today, today + timedelta(days=LEADS - 1)).dropna(), section.cell)
            for section in _sections(region, body, points, question)
        ]
        return pd.concat(found, ignore_index=True)

    try:
        table = get_json(question, read, manners)
    except SourceUnavailable as error:
        remarks.append(str(error))
        return pd.DataFrame()
    leads = (table["time"] - pd.Timestamp(today)).dt.days.astype("int64")
    issued = pd.Timestamp(today).as_unit("ns")
    return table.assign(init_time=issued, lead_days=leads, member=-1).drop(columns="time")


def _sections(region: Region, body: Any, points: Sequence[Cell], question: Question) -> list[Section]:
    """A reply's sections, each of a cell near enough to its river point."""

    def check(one: Mapping[str, Any], point: Cell, asked: Question) -> None:
        found = coordinates(one, point, asked)
        apart = distance(found, (point.latitude, point.longitude))
        if not apart <= FURTHEST_SNAP:
            raise ConfigError(
                f"region file {region.path}: locations: {point.places[0]!r}: river_point {_shown(point)} snaps to the river cell "
                f"{found[0]:g}, {found[1]:g}, {apart:.1f} km away, expected at most {FURTHEST_SNAP:g} km; move it onto the river."
            )

    return sections(body, "daily", {DISCHARGE.parameter: DISCHARGE.unit}, points, question, 0, check)


def _shown(point: Cell) -> str:
    return f"[{point.latitude:g}, {point.longitude:g}]"


def _no_days() -> pd.DataFrame:
    return pd.DataFrame({"time": pd.Series(dtype="datetime64[ns]"), "location": pd.Series(dtype="str")})

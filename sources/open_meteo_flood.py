"""River discharge of GloFAS (Copernicus) by Open-Meteo's flood service: history from 1984 on and today's forecast, no key needed.

Only places whose region file names a ``river_point`` have any; the service takes the nearest cell of its grid of 0.05 degrees, and a
cell further than 5 km from the point is refused, and that place goes without. GloFAS is not made for basins under 250 km2 and the
service does not tell a cell's basin: name it in the option ``basins``, or no river_point on a wadi that small. Its days are UTC days.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from configs import ConfigError, Region
from data_contracts.batch import Batch, FetchRequest, Source
from sources import options_of
from sources.http import Address, Manners, Question, Refused, cache_folder, get_json, is_kept
from sources.open_meteo import held_by_store, host_for, locations_of, or_nothing
from sources.open_meteo.cells import Budget, Cell, in_parts, lacking, named, pay, weight
from sources.open_meteo.history import Block, blocks
from sources.open_meteo.reply import (
    KEY,
    MANNERS,
    Column,
    Section,
    coordinates,
    daily_table,
    per_place,
    sections,
)
from sources.open_meteo.runs import Newest

NAME = "open_meteo_flood"
START = date(1984, 1, 1)
DELAY_DAYS = 2  # the run of 00 UTC comes in the course of its day, so yesterday's first day is still a forecast in the morning
SETTLED = (
    730  # days after which the reanalysis no longer replaces what the forecasts' first days said
)
LEADS = 10
FURTHEST_SNAP = 5.0  # km
LEAST_BASIN = 250.0  # km2
EARTH = 6371.0  # km, mean radius
DISCHARGE = Column("river_discharge", "m³/s", "river_discharge")

log = logging.getLogger(__name__)


class Options(BaseModel):
    """What a region may choose: the address of the service, the one model version pinned, weighted calls that a pull may spend.

    ``about_url`` tells the newest run, which is usable ``run_delay_hours`` after its initialisation.
    ``basins``: place -> km2 that drain to its river point; a place of less than 250 has no discharge here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(default="seamless_v4", pattern=r"^[a-z0-9_]+$")
    url: Address = "https://flood-api.open-meteo.com/v1/flood"
    calls: float = Field(default=500, gt=0)  # with those of the weather no more than 5,000 an hour
    calls_a_minute: float = Field(default=550, gt=0)
    about_url: Address = "https://flood-api.open-meteo.com/data/glofas_forecast_v4/static/meta.json"
    run_delay_hours: int = Field(default=12, ge=0, le=48)
    basins: dict[str, float] = {}


def fetch(request: FetchRequest) -> Batch:
    """The days of discharge the store lacks, and today's forecast where it has none."""
    return fetch_at(request, datetime.now(UTC))


SOURCE = Source(
    name=NAME,
    delay_days=DELAY_DAYS,
    attribution="River discharge: GloFAS, Copernicus Emergency Management Service, by Open-Meteo.com",
    licence="CC BY 4.0; the free service is for non-commercial use",
    complete=False,
    fetch=fetch,
)


def fetch_at(request: FetchRequest, now: datetime, manners: Manners = MANNERS) -> Batch:
    """``fetch`` as it is at a moment. Raises SourceUnavailable. A river point that is on no river cell is told in a remark."""
    region = request.region
    options = options_of(region, NAME, Options)
    points = river_points(region, options.basins)
    held, budget = (
        held_by_store(request.stored),
        Budget(options.calls, options.calls_a_minute),
    )
    today, kept = now.astimezone(region.zone).date(), cache_folder(request.settings.data, NAME)
    start = max(START, region.history_start or START)
    wanted = list(
        blocks(
            points,
            held.days_of([DISCHARGE]),
            start,
            today - timedelta(days=DELAY_DAYS),
            today - timedelta(days=SETTLED),
            1,
        )
    )
    tables, strays, remarks = list[pd.DataFrame](), dict[str, str](), list[str]()
    for number, block in enumerate(wanted, 1):
        what = f"{named([place for point in block.cells for place in point.places])}, {block.first} to {block.last}"
        log.info(
            "%s: history %d of %d, %s",
            NAME,
            number,
            len(wanted),
            what,
            extra={"done": number, "of": len(wanted)},
        )
        tables.append(
            _without_strays(
                partial(_history, region, options, block, budget, kept, manners),
                block.cells,
                strays,
            )
        )
    ask = partial(in_parts, partial(_forecast, region, options, today, budget, manners))
    without = lacking(points, held.issued.get(today, frozenset()))
    issued = or_nothing(lambda: _without_strays(ask, without, strays), remarks)
    tables = [table for table in tables if len(table)]
    places = locations_of(region)
    measured = places[
        places["location"].isin([place for point in points for place in point.places])
    ].reset_index(drop=True)
    told = tuple(dict.fromkeys([*strays.values(), *remarks]))
    return Batch(
        pd.concat(tables, ignore_index=True) if tables else _no_days(), measured, issued, told
    )


def river_points(region: Region, basins: dict[str, float]) -> list[Cell]:
    """The places' river points, but for those with too small a basin. Raises ConfigError where the region names none."""
    named_points = {
        place.id: place.river_point for place in region.locations if place.river_point is not None
    }
    if not named_points:
        cure = (
            f"name a place's `river_point: [latitude, longitude]`, or take {NAME} out of `sources:`"
        )
        raise ConfigError(
            f"region file {region.path}: locations: found no river_point, {NAME} needs at least one; {cure}."
        )
    for place, area in basins.items():
        if place not in named_points:
            where, expected = (
                f"region file {region.path}: source_options: {NAME}: basins",
                ", ".join(named_points),
            )
            raise ConfigError(
                f"{where}: found {place!r}, expected a place with a river_point: {expected}."
            )
        if area < LEAST_BASIN:
            log.info(
                "%s: not applicable to %s, its basin of %g km2 is under %g km2",
                NAME,
                place,
                area,
                LEAST_BASIN,
            )
    inside: dict[tuple[float, float], list[str]] = {}
    for place, point in named_points.items():
        if basins.get(place, LEAST_BASIN) >= LEAST_BASIN:
            inside.setdefault(point, []).append(place)
    return [Cell(*point, tuple(places)) for point, places in inside.items()]


class _Stray(Refused):
    """A river point that is on no river cell."""

    def __init__(self, region: Region, point: Cell, found: str) -> None:
        shown = f"[{point.latitude:g}, {point.longitude:g}]"
        super().__init__(
            f"{NAME}: river_point {shown} of {named(point.places)} {found}; move it onto the river in {region.path}."
        )
        self.point = point


def _without_strays(
    ask: Callable[[Sequence[Cell]], pd.DataFrame], points: Sequence[Cell], strays: dict[str, str]
) -> pd.DataFrame:
    """What ``ask`` brings for the points but for those on no river cell: they are told in ``strays``, place by place, and left out."""
    while left := lacking(points, strays):
        try:
            return ask(left)
        except _Stray as error:
            strays |= dict.fromkeys(error.point.places, str(error))
    return pd.DataFrame()


def distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Kilometres between two points given in degrees north and east (haversine formula)."""
    (north, east), (north_2, east_2) = (
        (math.radians(degrees) for degrees in point) for point in (one, other)
    )
    half = (
        math.sin((north_2 - north) / 2) ** 2
        + math.cos(north) * math.cos(north_2) * math.sin((east_2 - east) / 2) ** 2
    )
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


def _history(
    region: Region,
    options: Options,
    block: Block,
    budget: Budget,
    kept: Path,
    manners: Manners,
    points: Sequence[Cell],
) -> pd.DataFrame:
    """A block's days of some of its points; days at the end without a value are not published yet and are left out."""
    block = replace(block, cells=tuple(points))
    question = question_of(options, block.cells, block.first, block.last)
    if not is_kept(kept, question):
        pay(question, weight(len(block.cells), 1, block.days), budget)

    def read(body: Any) -> pd.DataFrame:
        return pd.concat(
            [
                _days(region, section, block)
                for section in _sections(region, body, block.cells, question)
            ],
            ignore_index=True,
        )

    return get_json(question, read, manners, kept, keep=block.final)


def _days(region: Region, section: Section, block: Block) -> pd.DataFrame:
    table = daily_table(section, [DISCHARGE], block.first, block.last)
    measured = table[DISCHARGE.variable].notna()
    if block.final and not measured.any():
        raise _Stray(
            region,
            section.cell,
            f"lies in a cell without a river, found no discharge from {block.first} to {block.last}",
        )
    return per_place(table[measured[::-1].cummax()[::-1]], section.cell)


def _forecast(
    region: Region,
    options: Options,
    today: date,
    budget: Budget,
    manners: Manners,
    points: Sequence[Cell],
) -> pd.DataFrame:
    """Today's forecast as a Batch's forecasts, none where its run is too new for the issue time. Raises SourceUnavailable."""
    last = today + timedelta(days=LEADS - 1)
    latest = region.issue_time(today).astimezone(UTC) - timedelta(hours=options.run_delay_hours)
    newest = Newest(
        Question(NAME, host_for(options.about_url), f"the newest run of GloFAS on {today}"),
        latest,
        manners,
    )
    if not newest.is_usable():
        log.info("%s: the newest run of GloFAS is too new for the issue time of %s", NAME, today)
        return pd.DataFrame()
    question = question_of(options, points, today, last)
    pay(question, weight(len(points), 1, LEADS), budget)

    def read(body: Any) -> pd.DataFrame:
        found = _sections(region, body, points, question)
        return pd.concat(
            [
                per_place(daily_table(one, [DISCHARGE], today, last).dropna(), one.cell)
                for one in found
            ],
            ignore_index=True,
        )

    table = get_json(question, read, manners)
    newest.require_usable()
    leads = (table["time"] - pd.Timestamp(today)).dt.days.astype("int64")
    issued = pd.Timestamp(today).as_unit("ns")
    return table.assign(init_time=issued, lead_days=leads, member=-1).drop(columns="time")


def _sections(
    region: Region, body: Any, points: Sequence[Cell], question: Question
) -> list[Section]:
    """A reply's sections, each of a cell near enough to its river point. Raises _Stray for a point that is not."""

    def check(one: Mapping[str, Any], point: Cell, asked: Question) -> None:
        found = coordinates(one, point, asked)
        apart = distance(found, (point.latitude, point.longitude))
        if not apart <= FURTHEST_SNAP:
            expected = f"{apart:.1f} km away, expected at most {FURTHEST_SNAP:g} km"
            raise _Stray(
                region, point, f"snaps to the river cell {found[0]:g}, {found[1]:g}, {expected}"
            )

    return sections(
        body, "daily", {DISCHARGE.parameter: DISCHARGE.unit}, points, question, 0, check
    )


def _no_days() -> pd.DataFrame:
    return pd.DataFrame(
        {"time": pd.Series(dtype="datetime64[ns]"), "location": pd.Series(dtype="str")}
    )

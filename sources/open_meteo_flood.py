"""River discharge of GloFAS (Copernicus) by Open-Meteo's flood service, without a key.

History from 1984 on and today's forecast. Only locations whose region file names a ``river_point``
have any. The service takes the nearest cell of its grid of 0.05 degrees; a cell further than 5 km
from the point is refused, and that location goes without. GloFAS is not made for basins under 250
km2 and the service does not tell a cell's basin: name it in the option ``basins``, or no
river_point on a wadi that small. Its days are UTC days.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from configs import ConfigError, Region, clock
from configs.geodesy import distance
from configs.remarks import Remark
from data_contracts.batch import Batch, FetchRequest, Source
from sources.common.coverage import (
    Block,
    Period,
    coverage_of,
    final_part,
    missing_blocks,
    news,
    published,
)
from sources.common.gathering import joined, log_progress, no_days, or_nothing
from sources.common.grid import GridCell, cells_without, per_location, shortened, shortened_of
from sources.common.http import Address, get_json, is_kept
from sources.common.http_messages import BadResponse, Request, RetryPolicy
from sources.common.kept_answers import cache_folder
from sources.common.locations import locations_of
from sources.common.open_meteo.budget import Budget, cells_a_request, in_parts, pay, weight
from sources.common.open_meteo.responses import (
    CellSeries,
    ExpectedSeries,
    coordinates,
    daily_table,
    series_of_cells,
)
from sources.common.open_meteo.service import RETRY_POLICY, NewestRun, cells_request, host_for
from sources.common.options import options_of
from sources.common.series import DailySeries

NAME = "open_meteo_flood"
START = date(1984, 1, 1)
DELAY_DAYS = 2
"""The run of 00 UTC comes in the course of its day: in the morning yesterday's first day is still a
forecast."""
SETTLED_DAYS = 730
"""Days after which the reanalysis no longer replaces what the forecasts' first days said."""
MAX_LOCATIONS = 500
"""A day of a river point weighs 6 calls (two years asked for again 5, the forecast 1); with those
of the weather the free service takes 10,000 a day."""
LEADS = 10
MAX_SNAP = 5.0  # km
MIN_BASIN = 250.0  # km2
DISCHARGE = DailySeries("river_discharge", "m³/s", "river_discharge")

log = logging.getLogger(__name__)


class FloodOptions(BaseModel):
    """What a region may choose.

    ``model``: the one version pinned; ``url``: the service; ``calls``: weighted calls that a pull
    may spend. ``about_url`` tells the newest run, which is usable ``run_delay_hours`` after its
    initialisation. ``basins``: location -> km2 that drain to its river point; a location of less
    than 250 has no discharge here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(default="seamless_v4", pattern=r"^[a-z0-9_]+$")
    url: Address = "https://flood-api.open-meteo.com/v1/flood"
    calls: float = Field(default=500, gt=0)  # with those of the weather no more than 5,000 an hour
    calls_a_minute: float = Field(default=550, gt=0)
    about_url: Address = "https://flood-api.open-meteo.com/data/glofas_forecast_v4/static/meta.json"
    run_delay_hours: int = Field(default=12, ge=0, le=48)
    basins: dict[str, float] = {}


@dataclass(frozen=True)
class FloodService:
    """The service as a region's options describe it. ``kept``: the folder of kept answers."""

    region: Region
    options: FloodOptions
    budget: Budget
    kept: Path
    policy: RetryPolicy

    def request(self, points: Sequence[GridCell], first: date, last: date) -> Request:
        """The request for days of some points; the service takes no time zone."""
        params = {
            "daily": DISCHARGE.parameter,
            "models": self.options.model,
            "start_date": first.isoformat(),
            "end_date": last.isoformat(),
        }
        url = host_for(self.options.url)
        return cells_request(NAME, url, points, f"{first} to {last}", params)


def fetch(request: FetchRequest) -> Batch:
    """The days of discharge the store lacks, and today's forecast where it has none.

    With newer days come those that were preliminary, where they are other by now.

    Raises SourceUnavailable.
    """
    return fetch_at(request, clock.now())


SOURCE = Source(
    name=NAME,
    delay_days=DELAY_DAYS,
    attribution="River discharge: GloFAS, Copernicus Emergency Management Service, "
    "by Open-Meteo.com",
    licence="CC BY 4.0; the free service is for non-commercial use",
    complete=False,
    fetch=fetch,
    max_locations=MAX_LOCATIONS,
)


def fetch_at(request: FetchRequest, now: datetime, policy: RetryPolicy = RETRY_POLICY) -> Batch:
    """``fetch`` as it is at a moment. A river point that is on no river cell is a remark.

    Raises SourceUnavailable.
    """
    region, coverage = request.region, coverage_of(request.stored)
    options = options_of(region, NAME, FloodOptions)
    points = river_points(region, options.basins)
    budget = Budget(options.calls, options.calls_a_minute)
    kept = cache_folder(request.settings.data, NAME)
    service = FloodService(region, options, budget, kept, policy)
    today = now.astimezone(region.zone).date()
    period = Period(
        max(START, region.history_start or START),
        today - timedelta(days=DELAY_DAYS),
        today - timedelta(days=SETTLED_DAYS),
    )
    spans = final_part(coverage.span_of([DISCHARGE.variable]), period)
    blocks = list(missing_blocks(points, spans, period, partial(cells_a_request, 1)))
    off_river: dict[str, Remark] = {}
    tables = _history(service, blocks, off_river)
    without = cells_without(points, coverage.issued.get(today, frozenset()))
    ask = partial(in_parts, partial(_forecast, service, today))
    remarks: list[Remark] = []
    issued = or_nothing(lambda: _without_off_river(ask, without, off_river), remarks)
    observations = news(joined(tables), request.stored)
    return Batch(
        observations if len(observations) else no_days(),
        _locations(region, points),
        issued,
        tuple(dict.fromkeys([*off_river.values(), *remarks])),
    )


def _locations(region: Region, points: Sequence[GridCell]) -> pd.DataFrame:
    """The locations that have a river point, as a Batch's."""
    table = locations_of(region)
    with_point = [name for point in points for name in point.locations]
    return table[table["location"].isin(with_point)].reset_index(drop=True)


def river_points(region: Region, basins: dict[str, float]) -> list[GridCell]:
    """The locations' river points, but for those with too small a basin.

    Raises ConfigError where the region names none.
    """
    points = {
        location.id: location.river_point
        for location in region.locations
        if location.river_point is not None
    }
    if not points:
        raise ConfigError(
            f"region file {region.path}: locations: found no river_point, {NAME} needs at least "
            "one; name a place's `river_point: [latitude, longitude]`, or take "
            f"{NAME} out of `sources:`."
        )
    for name, area in basins.items():
        if name not in points:
            raise ConfigError(
                f"region file {region.path}: source_options: {NAME}: basins: found {name!r}, "
                f"expected a place with a river_point: {', '.join(points)}."
            )
        if area < MIN_BASIN:
            text = "%s: not applicable to %s, its basin of %g km2 is under %g km2"
            log.info(text, NAME, name, area, MIN_BASIN)
    inside: dict[tuple[float, float], list[str]] = {}
    for name, point in points.items():
        if basins.get(name, MIN_BASIN) >= MIN_BASIN:
            inside.setdefault(point, []).append(name)
    return [GridCell(*point, tuple(names)) for point, names in inside.items()]


class OffRiver(BadResponse):
    """A river point that is on no river cell."""

    def __init__(self, region: Region, point: GridCell, found: str) -> None:
        shown = f"[{point.latitude:g}, {point.longitude:g}]"
        super().__init__(
            f"{NAME}: river_point {shown} of {shortened(point.locations)} {found}; move it onto "
            f"the river in {region.path}."
        )
        self.point = point


def _without_off_river(
    ask: Callable[[Sequence[GridCell]], pd.DataFrame],
    points: Sequence[GridCell],
    off_river: dict[str, Remark],
) -> pd.DataFrame:
    """What ``ask`` brings for the points but for those on no river cell.

    Those are left out, and ``off_river`` gets a sentence for each of their locations.
    """
    while rest := cells_without(points, off_river):
        try:
            return ask(rest)
        except OffRiver as error:
            off_river |= dict.fromkeys(error.point.locations, error.remark)
    return pd.DataFrame()


def _history(
    service: FloodService, blocks: Sequence[Block], off_river: dict[str, Remark]
) -> list[pd.DataFrame]:
    """The blocks' days, a table each."""
    tables = []
    for number, block in enumerate(blocks, 1):
        what = f"{shortened_of(block.cells)}, {block.first} to {block.last}"
        log_progress(log, NAME, number, len(blocks), what, "history")
        ask = partial(_fetch_block, service, block)
        tables.append(_without_off_river(ask, block.cells, off_river))
    return tables


def _fetch_block(service: FloodService, block: Block, points: Sequence[GridCell]) -> pd.DataFrame:
    """A block's days of some of its points, without those at the end not published yet."""
    block = replace(block, cells=tuple(points))
    request = service.request(block.cells, block.first, block.last)
    if not is_kept(service.kept, request):
        pay(request, weight(len(block.cells), 1, block.days), service.budget)

    def read(body: Any) -> pd.DataFrame:
        series = _series(service.region, body, block.cells, request)
        days = [_days(service.region, each, block) for each in series]
        return pd.concat(days, ignore_index=True)

    return get_json(request, read, service.policy, service.kept, keep=block.final)


def _days(region: Region, series: CellSeries, block: Block) -> pd.DataFrame:
    table = daily_table(series, [DISCHARGE], block.first, block.last)
    if block.final and not table[DISCHARGE.variable].notna().any():
        raise OffRiver(
            region,
            series.cell,
            f"lies in a cell without a river, found no discharge from {block.first} to "
            f"{block.last}",
        )
    return per_location(published(table, [DISCHARGE.variable]), series.cell)


def _forecast(service: FloodService, today: date, points: Sequence[GridCell]) -> pd.DataFrame:
    """Today's forecast as a Batch's forecasts, none where its run is too new for the issue time.

    Raises SourceUnavailable.
    """
    options, last = service.options, today + timedelta(days=LEADS - 1)
    latest = service.region.issue_time(today).astimezone(UTC)
    about = Request(NAME, host_for(options.about_url), f"the newest run of GloFAS on {today}")
    delay = timedelta(hours=options.run_delay_hours)
    newest = NewestRun(about, latest - delay, service.policy)
    if not newest.is_usable():
        log.info("%s: the newest run of GloFAS is too new for the issue time of %s", NAME, today)
        return pd.DataFrame()
    request = service.request(points, today, last)
    pay(request, weight(len(points), 1, LEADS), service.budget)

    def read(body: Any) -> pd.DataFrame:
        series = _series(service.region, body, points, request)
        tables = [
            per_location(daily_table(each, [DISCHARGE], today, last).dropna(), each.cell)
            for each in series
        ]
        return pd.concat(tables, ignore_index=True)

    table = get_json(request, read, service.policy)
    newest.require_usable()
    leads = (table["time"] - pd.Timestamp(today)).dt.days.astype("int64")
    issued = pd.Timestamp(today).as_unit("ns")
    return table.assign(init_time=issued, lead_days=leads, member=-1).drop(columns="time")


def _series(
    region: Region, body: Any, points: Sequence[GridCell], request: Request
) -> list[CellSeries]:
    """A response's series, each of a cell near enough to its river point.

    Raises OffRiver for a point that is not.
    """

    def check(answer: Mapping[str, Any], point: GridCell, asked: Request) -> None:
        latitude, longitude = coordinates(answer, point, asked)
        apart = distance((latitude, longitude), (point.latitude, point.longitude))
        if not apart <= MAX_SNAP:
            snapped = f"snaps to the river cell {latitude:g}, {longitude:g}, {apart:.1f} km away"
            raise OffRiver(region, point, f"{snapped}, expected at most {MAX_SNAP:g} km")

    units = {DISCHARGE.parameter: DISCHARGE.unit}
    return series_of_cells(body, ExpectedSeries("daily", units, 0, check), points, request)

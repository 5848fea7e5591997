"""NASA POWER: daily weather of MERRA-2 and solar radiation of CERES for any place, without a key.

It is a second opinion on the history. Options, in the region file under ``source_options:
nasa_power:``, are those of ``NasaPowerOptions``. Days are UTC days where the region's standard time
is UTC, else days of local solar time, the only other ones the service has.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from configs import Region, clock
from configs.remarks import Remark, remark
from data_contracts.batch import Batch, FetchRequest, Source
from sources.common.coverage import (
    Period,
    coverage_of,
    final_part,
    missing_blocks,
    news,
    published,
)
from sources.common.gathering import log_progress, no_days
from sources.common.grid import GridCell, cells_of, per_location, shortened
from sources.common.http import DEFAULT_POLICY, Address, get_json
from sources.common.http_messages import Request, RetryPolicy
from sources.common.kept_answers import cache_folder
from sources.common.locations import locations_of
from sources.common.options import options_of
from sources.common.series import DailySeries, as_numbers

NAME = "nasa_power"
START, EARLIEST = date(1991, 1, 1), date(1981, 1, 1)
DELAY_DAYS = 5
"""Meteorology comes about 2 days late, radiation about 4, and in the course of the day."""
SETTLED_DAYS = 120
"""Near-real-time values are replaced by MERRA-2 within two to three months."""
MAX_LOCATIONS = 1_000
"""A request for each cell, one after the other: a thousand take half an hour a day."""
CELL_SIZE = 0.5  # degrees, MERRA-2's in latitude; in longitude it is 0.625
MAX_APART = 0.01  # degrees; the service repeats the point asked for

COLUMNS = (
    DailySeries("T2M_MAX", "C", "air_temperature_max"),
    DailySeries("T2M_MIN", "C", "air_temperature_min"),
    DailySeries("T2M", "C", "air_temperature_mean"),
    DailySeries("PRECTOTCORR", "mm/day", "precipitation"),
    DailySeries("RH2M", "%", "relative_humidity"),
    DailySeries("WS10M", "m/s", "wind_speed"),
    DailySeries("ALLSKY_SFC_SW_DWN", "MJ/m^2/day", "surface_downwelling_shortwave"),
    DailySeries("PS", "kPa", "air_pressure", 10.0),
)
VARIABLES = [column.variable for column in COLUMNS]

log = logging.getLogger(__name__)


class NasaPowerOptions(BaseModel):
    """What a region may choose: the address of the service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Address = "https://power.larc.nasa.gov/api/temporal/daily/point"


def fetch(request: FetchRequest) -> Batch:
    """The days the store lacks, and preliminary ones that are other by now.

    Raises SourceUnavailable.
    """
    return fetch_at(request, clock.now())


SOURCE = Source(
    name=NAME,
    delay_days=DELAY_DAYS,
    attribution=(
        "NASA Langley Research Center POWER Project, "
        "funded through the NASA Earth Science Directorate Applied Science Program"
    ),
    licence="free of restrictions, with credit to NASA POWER",
    complete=False,
    fetch=fetch,
    max_locations=MAX_LOCATIONS,
)


def fetch_at(request: FetchRequest, now: datetime, policy: RetryPolicy = DEFAULT_POLICY) -> Batch:
    """``fetch`` as it is at a moment. Raises SourceUnavailable."""
    region, spans = request.region, coverage_of(request.stored).span_of(VARIABLES)
    options = options_of(region, NAME, NasaPowerOptions)
    today, kept = now.astimezone(region.zone).date(), cache_folder(request.settings.data, NAME)
    period = Period(
        max(EARLIEST, region.history_start or START),
        today - timedelta(days=DELAY_DAYS),
        today - timedelta(days=SETTLED_DAYS),
    )
    cells, spans = cells_of(region, CELL_SIZE), final_part(spans, period)
    wanted = [
        (block, cell)
        for block in missing_blocks(cells, spans, period, lambda days: 1)
        for cell in block.cells
    ]
    tables = []
    for number, (block, cell) in enumerate(wanted, 1):
        http_request = cell_request(region, options, cell, block.first, block.last)
        log_progress(log, NAME, number, len(wanted), http_request.what, "history")
        read = partial(_read, request=http_request, cell=cell, first=block.first, last=block.last)
        tables.append(get_json(http_request, read, policy, kept, keep=block.final))
    observations = pd.concat(tables, ignore_index=True) if tables else no_days()
    return Batch(news(observations, request.stored), locations_of(region))


def cell_request(
    region: Region, options: NasaPowerOptions, cell: GridCell, first: date, last: date
) -> Request:
    """The request for days of a cell."""
    params = {
        "parameters": ",".join(column.parameter for column in COLUMNS),
        "community": "ag",
        "latitude": f"{cell.latitude:g}",
        "longitude": f"{cell.longitude:g}",
        "start": f"{first:%Y%m%d}",
        "end": f"{last:%Y%m%d}",
        "format": "json",
        "time-standard": "utc" if region.day_offset == 0 else "lst",
    }
    what = f"{shortened(cell.locations)}, {first} to {last}"
    return Request(NAME, options.url, what, params)


def _read(body: Any, request: Request, cell: GridCell, first: date, last: date) -> pd.DataFrame:
    """A response as observations, without days at the end that are not published yet."""
    series, fill = _series(body, request), _fill_value(body, request)
    _check_point(body, request, cell)
    days = pd.date_range(first, last, freq="D").as_unit("ns")
    table = pd.DataFrame(
        {column.variable: _values(series, column, days, fill, request) for column in COLUMNS},
        index=days,
    )
    table = published(table, VARIABLES).rename_axis("time").reset_index()
    return per_location(table, cell)


def _wrong(request: Request, found: Remark) -> Exception:
    return request.unavailable(found, remark("cure.tell"))


def _series(body: Any, request: Request) -> Mapping[str, Any]:
    """Parameter -> day -> value, each parameter in the unit expected."""
    try:
        series, described = body["properties"]["parameter"], body["parameters"]
        units = {column.parameter: described[column.parameter]["units"] for column in COLUMNS}
    except (KeyError, TypeError):
        raise _wrong(request, remark("answer.no_units")) from None
    if not isinstance(series, dict):
        raise _wrong(request, remark("answer.no_units"))
    for column in COLUMNS:
        unit = units[column.parameter]
        if unit != column.unit:
            units_told = {"given": repr(unit), "wanted": repr(column.unit)}
            raise _wrong(request, remark("answer.other_unit", name=column.parameter, **units_told))
    return series


def _fill_value(body: Any, request: Request) -> float:
    """The number that stands for missing, which the response must name."""
    try:
        return float(body["header"]["fill_value"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _wrong(request, remark("answer.without", name="fill_value in the header")) from None


def _check_point(body: Any, request: Request, cell: GridCell) -> None:
    try:
        longitude, latitude = (float(degrees) for degrees in body["geometry"]["coordinates"][:2])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _wrong(request, remark("answer.no_coordinates")) from None
    apart = max(abs(latitude - cell.latitude), abs(longitude - cell.longitude))
    if not apart <= MAX_APART:
        point = {"latitude": f"{latitude:g}", "longitude": f"{longitude:g}"}
        wanted = f"{cell.latitude:g}, {cell.longitude:g}"
        raise _wrong(request, remark("answer.point", **point, wanted=wanted))


def _values(
    series: Mapping[str, Any],
    column: DailySeries,
    days: pd.DatetimeIndex,
    fill: float,
    request: Request,
) -> np.ndarray:
    """A parameter's values of the days in our unit, the fill value as NaN."""
    by_day = series.get(column.parameter)
    wanted = days.strftime("%Y%m%d")
    if not isinstance(by_day, dict) or set(by_day) != set(wanted):
        missing = [day for day in wanted if not isinstance(by_day, dict) or day not in by_day]
        if missing:
            gap = remark("answer.series_no_day", name=column.parameter, day=missing[0])
            raise _wrong(request, gap)
        raise _wrong(request, remark("answer.series_more_days", name=column.parameter))
    values = as_numbers([by_day[day] for day in wanted])
    if values is None:
        raise _wrong(request, remark("answer.no_numbers", name=column.parameter))
    return np.where(values == fill, np.nan, values) * column.factor

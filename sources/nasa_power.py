"""NASA POWER: daily weather of MERRA-2 and solar radiation of CERES for any place, without a key.

It is a second opinion on the history. Options, in the region file under ``source_options:
nasa_power:``, are those of ``Options``. Days are UTC days where the region's standard time is UTC,
else days of local solar time, the only other ones the service has.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from configs import Region
from data_contracts.batch import Batch, FetchRequest, Source
from sources import options_of
from sources.http import Address, Manners, Question, cache_folder, get_json
from sources.open_meteo import held_by_store, locations_of
from sources.open_meteo.cells import Cell, cells_of, named
from sources.open_meteo.history import blocks
from sources.open_meteo.reply import as_numbers, per_place

NAME = "nasa_power"
START, EARLIEST = date(1991, 1, 1), date(1981, 1, 1)
DELAY_DAYS = (
    5  # meteorology comes about 2 days late, radiation about 4, and in the course of the day
)
SETTLED = 120  # days; near-real-time values are replaced by MERRA-2 within two to three months
GRID = 0.5  # degrees, MERRA-2's in latitude; in longitude it is 0.625
MANNERS = Manners()

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Column:
    """A parameter of the service, the unit it must come in, our name and the factor to our unit."""

    parameter: str
    unit: str
    variable: str
    factor: float = 1.0


COLUMNS = (
    Column("T2M_MAX", "C", "air_temperature_max"),
    Column("T2M_MIN", "C", "air_temperature_min"),
    Column("T2M", "C", "air_temperature_mean"),
    Column("PRECTOTCORR", "mm/day", "precipitation"),
    Column("RH2M", "%", "relative_humidity"),
    Column("WS10M", "m/s", "wind_speed"),
    Column("ALLSKY_SFC_SW_DWN", "MJ/m^2/day", "surface_downwelling_shortwave"),
    Column("PS", "kPa", "air_pressure", 10.0),
)


class Options(BaseModel):
    """What a region may choose: the address of the service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Address = "https://power.larc.nasa.gov/api/temporal/daily/point"


def fetch(request: FetchRequest) -> Batch:
    """The days the store lacks."""
    return fetch_at(request, datetime.now(UTC))


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
)


def fetch_at(request: FetchRequest, now: datetime, manners: Manners = MANNERS) -> Batch:
    """``fetch`` as it is at a moment. Raises SourceUnavailable."""
    region, held = request.region, held_by_store(request.stored)
    options = options_of(region, NAME, Options)
    today, kept = now.astimezone(region.zone).date(), cache_folder(request.settings.data, NAME)
    days = (
        max(EARLIEST, region.history_start or START),
        today - timedelta(days=DELAY_DAYS),
        today - timedelta(days=SETTLED),
    )
    tables = []
    wanted = [
        (block, cell)
        for block in blocks(cells_of(region, GRID), held.days_of(COLUMNS), *days, len(COLUMNS))
        for cell in block.cells
    ]
    for number, (block, cell) in enumerate(wanted, 1):
        question = question_of(region, options, cell, block.first, block.last)
        log.info(
            "%s: history %d of %d, %s",
            NAME,
            number,
            len(wanted),
            question.what,
            extra={"done": number, "of": len(wanted)},
        )
        read = partial(_read, question=question, cell=cell, first=block.first, last=block.last)
        tables.append(get_json(question, read, manners, kept, keep=block.final))
    empty = pd.DataFrame(
        {"time": pd.Series(dtype="datetime64[ns]"), "location": pd.Series(dtype="str")}
    )
    return Batch(pd.concat(tables, ignore_index=True) if tables else empty, locations_of(region))


def question_of(region: Region, options: Options, cell: Cell, first: date, last: date) -> Question:
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
    return Question(NAME, options.url, f"{named(cell.places)}, {first} to {last}", params)


def _read(body: Any, question: Question, cell: Cell, first: date, last: date) -> pd.DataFrame:
    """A reply as observations.

    Days at the end without any value are not published yet and are left out.
    """
    series, fill = _series(body, question), _fill_value(body, question)
    _check_place(body, question, cell)
    days = pd.date_range(first, last, freq="D").as_unit("ns")
    table = pd.DataFrame(
        {column.variable: _values(series, column, days, fill, question) for column in COLUMNS},
        index=days,
    )
    measured = table.notna().any(axis=1)
    table = table[measured[::-1].cummax()[::-1]]
    return per_place(table.rename_axis("time").reset_index(), cell)


def _wrong(question: Question, found: str) -> Exception:
    return question.unavailable(
        found, "nothing was stored; run it again later, and if it stays so tell the project"
    )


def _series(body: Any, question: Question) -> Mapping[str, Any]:
    """Parameter -> day -> value, each parameter in the unit expected."""
    try:
        series, described = body["properties"]["parameter"], body["parameters"]
        units = {column.parameter: described[column.parameter]["units"] for column in COLUMNS}
    except (KeyError, TypeError):
        raise _wrong(question, "no daily series with units") from None
    if not isinstance(series, dict):
        raise _wrong(question, "no daily series with units")
    for column in COLUMNS:
        if units[column.parameter] != column.unit:
            raise _wrong(
                question,
                f"{column.parameter} in {units[column.parameter]!r} where {column.unit!r} was "
                "expected",
            )
    return series


def _fill_value(body: Any, question: Question) -> float:
    """The number that stands for missing, which the reply must name."""
    try:
        return float(body["header"]["fill_value"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _wrong(question, "no fill_value in the header") from None


def _check_place(body: Any, question: Question, cell: Cell) -> None:
    try:
        longitude, latitude = (float(degrees) for degrees in body["geometry"]["coordinates"][:2])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _wrong(question, "no coordinates") from None
    if (
        not max(abs(latitude - cell.latitude), abs(longitude - cell.longitude)) <= 0.01
    ):  # degrees; the service repeats the point asked for
        raise _wrong(
            question,
            f"the point {latitude:g}, {longitude:g} where {cell.latitude:g}, {cell.longitude:g} "
            "was asked for",
        )


def _values(
    series: Mapping[str, Any],
    column: Column,
    days: pd.DatetimeIndex,
    fill: float,
    question: Question,
) -> np.ndarray:
    """A parameter's values of the days in our unit, the fill value as NaN."""
    found = series.get(column.parameter)
    wanted = days.strftime("%Y%m%d")
    if not isinstance(found, dict) or set(found) != set(wanted):
        missing = [day for day in wanted if not isinstance(found, dict) or day not in found]
        raise _wrong(
            question,
            f"{column.parameter} without {missing[0]}"
            if missing
            else f"{column.parameter} with days that were not asked for",
        )
    values = as_numbers([found[day] for day in wanted])
    if values is None:
        raise _wrong(question, f"{column.parameter} with values that are no numbers")
    return np.where(values == fill, np.nan, values) * column.factor

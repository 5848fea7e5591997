"""What Open-Meteo's responses must be: the right cells, zone, units and days, or none is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from configs.remarks import Remark, remark
from data_contracts.batch import EARLIEST_DAY, LATEST_DAY, SourceUnavailable
from sources.common.grid import GridCell, shortened
from sources.common.http_messages import BadResponse, Request
from sources.common.open_meteo.service import TELL_THEM
from sources.common.series import DailySeries, as_numbers

MAX_APART = 0.13  # degrees: half of a cell of 0.25 degrees, and rounding

CellCheck = Callable[[Mapping[str, Any], GridCell, Request], None]
"""Raises SourceUnavailable where a response is of another grid point than the cell asked for."""


@dataclass(frozen=True)
class CellSeries:
    """One cell's ``daily`` or ``hourly`` part of a response, checked for cell and zone.

    ``stamps``: its times; ``values``: the raw series by name; ``units``: by name.
    """

    cell: GridCell
    stamps: pd.DatetimeIndex
    values: Mapping[str, Any]
    units: Mapping[str, Any]
    request: Request

    def bad(self, found: Remark) -> SourceUnavailable:
        """The error for a response that cannot be believed for the cell's locations."""
        return bad_cell(self.request, self.cell, found)

    def require_unit(self, name: str, unit: str) -> None:
        """Raises SourceUnavailable where a series comes in another unit."""
        given = self.units.get(name)
        if given != unit and not _not_offered(given, self.values.get(name)):
            odd = remark("answer.asked_unit", name=name, given=repr(given), wanted=repr(unit))
            raise self.bad(odd)

    def column(self, name: str) -> np.ndarray:
        """A series as float64, null as NaN.

        Raises SourceUnavailable where it is missing, of another length or no numbers.
        """
        values = self.values.get(name)
        if not isinstance(values, list) or len(values) != len(self.stamps):
            raise self.bad(remark("answer.stamp_values", name=name))
        numbers = as_numbers(values)
        if numbers is None:
            raise self.bad(remark("answer.no_numbers", name=name))
        return numbers


@dataclass(frozen=True)
class ExpectedSeries:
    """What a response must hold.

    ``part``: ``daily`` or ``hourly``. ``units``: series -> the unit it must come in. ``offset``:
    hours of its days from UTC. ``check_cell``: default, half a cell of ERA5 apart at most.
    """

    part: str
    units: Mapping[str, str]
    offset: float
    check_cell: CellCheck | None = None


def bad_cell(request: Request, cell: GridCell, found: Remark) -> SourceUnavailable:
    """The error for a response that cannot be believed for a cell's locations."""
    about = remark("answer.about", found=found, places=shortened(cell.locations))
    return request.unavailable(about, TELL_THEM, BadResponse)


def series_of_cells(
    body: Any, expected: ExpectedSeries, cells: Sequence[GridCell], request: Request
) -> list[CellSeries]:
    """The expected part of a response for each cell asked for.

    Raises SourceUnavailable for a response of another shape, location, zone or unit.
    """
    answers = body if isinstance(body, list) else [body]
    if len(answers) != len(cells):
        other = remark("answer.places", n=len(answers), wanted=len(cells))
        raise request.unavailable(other, TELL_THEM, BadResponse)
    return [
        _series_of_cell(answer, expected, cell, request)
        for answer, cell in zip(answers, cells, strict=True)
    ]


def _series_of_cell(
    answer: Any, expected: ExpectedSeries, cell: GridCell, request: Request
) -> CellSeries:
    fields: dict[str, Any] = answer if isinstance(answer, dict) else {}
    values, units = fields.get(expected.part), fields.get(f"{expected.part}_units")
    if (
        not isinstance(values, dict)
        or not isinstance(units, dict)
        or not isinstance(values.get("time"), list)
    ):
        raise bad_cell(request, cell, remark("answer.no_series", part=expected.part))
    (expected.check_cell or _check_cell)(answer, cell, request)
    seconds = round(expected.offset * 3600)
    if answer.get("utc_offset_seconds") != seconds:
        given = answer.get("utc_offset_seconds")
        offset = remark("answer.offset", offset=str(given), wanted=seconds)
        raise bad_cell(request, cell, offset)
    series = CellSeries(cell, _stamps(values["time"], cell, request), values, units, request)
    for name, unit in expected.units.items():
        series.require_unit(name, unit)
    return series


def _not_offered(unit: Any, values: Any) -> bool:
    """A series the model does not have comes as nulls of an undefined unit."""
    return (
        unit == "undefined"
        and isinstance(values, list)
        and not any(value is not None for value in values)
    )


def _check_cell(answer: Mapping[str, Any], cell: GridCell, request: Request) -> None:
    """The cell answered for must be the one asked for: else one record would be of two cells."""
    latitude, longitude = coordinates(answer, cell, request)
    apart = max(abs(latitude - cell.latitude), abs(longitude - cell.longitude))
    if not apart <= MAX_APART:
        point = {"latitude": f"{latitude:g}", "longitude": f"{longitude:g}"}
        raise bad_cell(request, cell, remark("answer.far", **point, apart=f"{apart:.2f}"))


def coordinates(answer: Mapping[str, Any], cell: GridCell, request: Request) -> tuple[float, float]:
    """Degrees north and east that a response is for.

    Raises SourceUnavailable where it does not say.
    """
    try:
        north, east = float(answer["latitude"]), float(answer["longitude"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise bad_cell(request, cell, remark("answer.no_coordinates")) from None
    if not (abs(north) <= 90 and abs(east) <= 360):
        point = {"latitude": f"{north:g}", "longitude": f"{east:g}"}
        raise bad_cell(request, cell, remark("answer.coordinates", **point))
    return north, east


def _stamps(texts: Sequence[Any], cell: GridCell, request: Request) -> pd.DatetimeIndex:
    if not all(isinstance(text, str) for text in texts):
        raise bad_cell(request, cell, remark("answer.stamps"))
    try:
        stamps = pd.DatetimeIndex(pd.to_datetime(texts, format="ISO8601")).as_unit("ns")
    except (ValueError, TypeError, OverflowError):
        raise bad_cell(request, cell, remark("answer.stamps")) from None
    if ((stamps.year < EARLIEST_DAY.year) | (stamps.year > LATEST_DAY.year)).any():
        raise bad_cell(request, cell, remark("answer.stamp_years"))
    if stamps.tz is not None or stamps.hasnans:
        raise bad_cell(request, cell, remark("answer.stamp_zones"))
    if stamps.has_duplicates:
        twice = stamps[stamps.duplicated()][0].date()
        raise bad_cell(request, cell, remark("answer.day_twice", day=twice))
    return stamps


def daily_table(
    series: CellSeries, columns: Sequence[DailySeries], first: date, last: date
) -> pd.DataFrame:
    """The days from ``first`` to ``last``: time and the columns' variables.

    Raises SourceUnavailable where a day is missing.
    """
    days = pd.date_range(first, last, freq="D").as_unit("ns")
    missing = days.difference(series.stamps)
    if len(missing) or len(days) != len(series.stamps):
        gap = [remark("answer.no_day", day=day.date()) for day in missing[:1]]
        raise series.bad(gap[0] if gap else remark("answer.more_days"))
    table = pd.DataFrame(
        {column.variable: series.column(column.parameter) for column in columns},
        index=series.stamps,
    )
    return table.sort_index().rename_axis("time").reset_index()

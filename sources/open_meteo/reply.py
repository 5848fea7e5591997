"""What is asked of Open-Meteo and what its replies must be.

The right cells, zone, units and days, or nothing is believed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.batch import EARLIEST_DAY, LATEST_DAY, SourceUnavailable
from sources.http import Manners, Question, Refused
from sources.open_meteo.cells import Cell, named

KEY = "CLIMATE_RISK_OPEN_METEO_KEY"
MANNERS = Manners(
    wait=5.0,  # five tries span more than the minute after which a minute's limit is lifted
    hopeless=(
        "daily api",
        "hourly api",
        "modelRunUnavailable",
    ),  # the last comes as text, with status 200
)
NUMBERS = {int, float, type(None)}
TELL_THEM = "nothing was stored; run it again later, and if it stays so tell the project"


@dataclass(frozen=True)
class Column:
    """A daily series of the service: its parameter, the unit it must come in, our name."""

    parameter: str
    unit: str
    variable: str


CORE = (
    Column("temperature_2m_max", "°C", "air_temperature_max"),
    Column("temperature_2m_min", "°C", "air_temperature_min"),
    Column("temperature_2m_mean", "°C", "air_temperature_mean"),
    Column("precipitation_sum", "mm", "precipitation"),
    Column("et0_fao_evapotranspiration", "mm", "potential_evapotranspiration"),
    Column("relative_humidity_2m_mean", "%", "relative_humidity"),
    Column("wind_speed_10m_mean", "m/s", "wind_speed"),
)
LATER = (
    Column("shortwave_radiation_sum", "MJ/m²", "surface_downwelling_shortwave"),
    Column("soil_moisture_0_to_7cm_mean", "m³/m³", "soil_moisture"),
    Column("surface_pressure_mean", "hPa", "air_pressure"),
)

Check = Callable[[Mapping[str, Any], Cell, Question], None]
_Hours = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Hourly:
    """An hourly series and the daily values made of it.

    ``daily``: our name -> what becomes of an array (day, hour) along its hours.
    """

    parameter: str
    unit: str
    daily: Mapping[str, _Hours]


def _of_whole_days(function: Callable[..., np.ndarray]) -> _Hours:
    """The function of a day's hours, NaN where more than one is missing.

    A run holds no rain for the hour it begins.
    """

    def apply(hours: np.ndarray) -> np.ndarray:
        whole = np.isfinite(hours).sum(axis=1) >= 23
        return np.where(whole, function(np.where(whole[:, None], hours, 0.0), axis=1), np.nan)

    return apply


MEAN, HIGHEST, LOWEST, SUM = (
    _of_whole_days(function) for function in (np.nanmean, np.nanmax, np.nanmin, np.nansum)
)
TEMPERATURE = Hourly(
    "temperature_2m",
    "°C",
    {"air_temperature_max": HIGHEST, "air_temperature_mean": MEAN, "air_temperature_min": LOWEST},
)
RAIN = Hourly("precipitation", "mm", {"precipitation": SUM})
AHEAD = (
    TEMPERATURE,
    RAIN,
    Hourly("relative_humidity_2m", "%", {"relative_humidity": MEAN}),
    Hourly("wind_speed_10m", "m/s", {"wind_speed": MEAN}),
)


def zone_name(offset: int) -> str:
    """The zone of fixed offset that the service knows: in Etc names the sign is turned round."""
    return "GMT" if offset == 0 else f"Etc/GMT{-offset:+d}"


def ask_for(
    source: str, url: str, cells: Sequence[Cell], what: str, offset: int, params: Mapping[str, str]
) -> Question:
    """A question for cells on the model's own grid, at their own mean height, in standard days."""
    key = os.environ.get(KEY, "")
    return Question(
        source,
        url,
        f"{named([place for cell in cells for place in cell.places])}, {what}",
        {
            "latitude": ",".join(f"{cell.latitude:g}" for cell in cells),
            "longitude": ",".join(f"{cell.longitude:g}" for cell in cells),
            "elevation": ",".join("nan" for _ in cells),
            "cell_selection": "nearest",
            "timezone": zone_name(offset),
            "wind_speed_unit": "ms",
            **params,
        },
        secrets={"apikey": key} if key else {},
    )


@dataclass(frozen=True)
class Section:
    """One cell's ``daily`` or ``hourly`` part of a reply, checked for cell and zone.

    The stamps, the raw columns and their units.
    """

    cell: Cell
    stamps: pd.DatetimeIndex
    values: Mapping[str, Any]
    units: Mapping[str, Any]
    question: Question

    def refuse(self, found: str) -> SourceUnavailable:
        return refuse(self.question, self.cell, found)

    def expect(self, name: str, unit: str) -> None:
        """Raises SourceUnavailable where a series comes in another unit."""
        if self.units.get(name) != unit and not _not_offered(
            self.units.get(name), self.values.get(name)
        ):
            raise self.refuse(f"{name} in {self.units.get(name)!r} where {unit!r} was asked for")

    def column(self, name: str) -> np.ndarray:
        """A series as float64, null as NaN.

        Raises SourceUnavailable where it is missing, of another length or no numbers.
        """
        found = self.values.get(name)
        if not isinstance(found, list) or len(found) != len(self.stamps):
            raise self.refuse(f"{name} without a value for each stamp")
        numbers = as_numbers(found)
        if numbers is None:
            raise self.refuse(f"{name} with values that are no numbers")
        return numbers


def as_numbers(found: Sequence[Any]) -> np.ndarray | None:
    """Values as float64, null as NaN; None where one is no finite number."""
    if not set(map(type, found)) <= NUMBERS:
        return None
    try:
        numbers = np.array(found, dtype=float)
    except OverflowError:
        return None
    return None if np.isinf(numbers).any() else numbers


def refuse(question: Question, cell: Cell, found: str) -> SourceUnavailable:
    """The error for a reply that cannot be believed for a cell's places."""
    return question.unavailable(f"{found} (for {named(cell.places)})", TELL_THEM, Refused)


def sections(
    body: Any,
    part: str,
    units: Mapping[str, str],
    cells: Sequence[Cell],
    question: Question,
    offset: int,
    check: Check | None = None,
) -> list[Section]:
    """The ``part`` of a reply for each cell asked for. ``units``: what each column must come in.

    ``check(reply, cell, question)`` raises where the grid point answered for is not the one asked
    for (default: half a cell of ERA5). Raises SourceUnavailable for a reply of another shape,
    place, zone or unit.
    """
    found = body if isinstance(body, list) else [body]
    if len(found) != len(cells):
        raise question.unavailable(
            f"{len(found)} places where {len(cells)} were asked for", TELL_THEM, Refused
        )
    there = check or _check_cell
    return [
        _section(one, part, units, cell, question, offset, there)
        for one, cell in zip(found, cells, strict=True)
    ]


def _section(
    one: Any,
    part: str,
    units: Mapping[str, str],
    cell: Cell,
    question: Question,
    offset: int,
    check: Check,
) -> Section:
    values, given = (
        one.get(name) if isinstance(one, dict) else None for name in (part, f"{part}_units")
    )
    if (
        not isinstance(values, dict)
        or not isinstance(given, dict)
        or not isinstance(values.get("time"), list)
    ):
        raise refuse(question, cell, f"no {part} series")
    check(one, cell, question)
    if one.get("utc_offset_seconds") != offset * 3600:
        raise refuse(
            question,
            cell,
            f"days of the offset {one.get('utc_offset_seconds')} s where {offset * 3600} s was "
            "asked for",
        )
    section = Section(cell, _stamps(values["time"], cell, question), values, given, question)
    for name, unit in units.items():
        section.expect(name, unit)
    return section


def _not_offered(unit: Any, values: Any) -> bool:
    """A series the model does not have comes as nulls of an undefined unit."""
    return (
        unit == "undefined"
        and isinstance(values, list)
        and not any(value is not None for value in values)
    )


def _check_cell(one: Mapping[str, Any], cell: Cell, question: Question) -> None:
    """The cell answered for must be the one asked for: another would splice two places into one."""
    latitude, longitude = coordinates(one, cell, question)
    apart = max(abs(latitude - cell.latitude), abs(longitude - cell.longitude))
    if not apart <= 0.13:  # degrees: half of a cell of 0.25 degrees, and rounding
        raise refuse(
            question,
            cell,
            f"the grid point {latitude:g}, {longitude:g}, {apart:.2f} degrees from the one asked "
            "for",
        )


def coordinates(one: Mapping[str, Any], cell: Cell, question: Question) -> tuple[float, float]:
    """Degrees north and east that a reply is for.

    Raises SourceUnavailable where it does not say.
    """
    try:
        north, east = float(one["latitude"]), float(one["longitude"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise refuse(question, cell, "no coordinates") from None
    if not (abs(north) <= 90 and abs(east) <= 360):
        raise refuse(question, cell, f"the coordinates {north:g}, {east:g}")
    return north, east


def _stamps(texts: Sequence[Any], cell: Cell, question: Question) -> pd.DatetimeIndex:
    if not all(isinstance(text, str) for text in texts):
        raise refuse(question, cell, "stamps that are no dates")
    try:
        stamps = pd.DatetimeIndex(pd.to_datetime(texts, format="ISO8601")).as_unit("ns")
    except (ValueError, TypeError, OverflowError):
        raise refuse(question, cell, "stamps that are no dates") from None
    if ((stamps.year < EARLIEST_DAY.year) | (stamps.year > LATEST_DAY.year)).any():
        raise refuse(question, cell, "stamps of years that no record holds")
    if stamps.tz is not None or stamps.hasnans:
        raise refuse(question, cell, "stamps with a zone or without a date")
    if stamps.has_duplicates:
        raise refuse(question, cell, f"the day {stamps[stamps.duplicated()][0].date()} twice")
    return stamps


def daily_table(
    section: Section, columns: Sequence[Column], first: date, last: date
) -> pd.DataFrame:
    """The days from ``first`` to ``last``: time and the columns' variables.

    Raises SourceUnavailable where a day is missing.
    """
    days = pd.date_range(first, last, freq="D").as_unit("ns")
    missing = days.difference(section.stamps)
    if len(missing) or len(days) != len(section.stamps):
        what = f"no {missing[0].date()}" if len(missing) else "days that were not asked for"
        raise section.refuse(what)
    table = pd.DataFrame(
        {column.variable: section.column(column.parameter) for column in columns},
        index=section.stamps,
    )
    return table.sort_index().rename_axis("time").reset_index()


def daily_of_hours(section: Section, series: Mapping[str, Hourly]) -> pd.DataFrame:
    """Daily values of hourly series (the reply's name -> what it is): time and variables.

    Raises SourceUnavailable for a gap. A day's hours are those stamped 00:00 to 23:00, as in the
    service's own daily values; rain at a stamp fell in the hour before.
    """
    stamps = section.stamps
    if (
        not len(stamps)
        or len(stamps) % 24
        or not stamps.equals(pd.date_range(stamps[0].normalize(), periods=len(stamps), freq="h"))
    ):
        raise section.refuse("hours that are not those of whole days")
    table = pd.DataFrame({"time": stamps[::24]})
    for name, hourly in series.items():
        hours = section.column(name).reshape(-1, 24)
        for variable, daily in hourly.daily.items():
            table[variable] = daily(hours)
    return table


def per_place(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """A cell's table once for each of its places."""
    return pd.concat([table.assign(location=place) for place in cell.places], ignore_index=True)

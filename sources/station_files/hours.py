"""Times within the day -> the region's days, where a file has such times (UTC).

A mean temperature's hours give the day's highest, mean and lowest. Sums that add up through the day
are taken apart where the file says that they do. The rules for missing hours are
those of sensors' readings (``sources/common/daily.py``).
"""

from __future__ import annotations

import pandas as pd

from data_contracts.variables import VARIABLES
from sources.common.daily import daily
from sources.common.readings import PARTS, ReadingOptions
from sources.common.units import scaled_conversion
from sources.station_files.accumulations import adds_up, differences
from sources.station_files.header import NamedTable
from sources.station_files.options import NAME, FileFormat


def has_hours(times: pd.Series) -> bool:
    """Whether times are of several hours of the day."""
    known = times.dropna()
    return bool((known - known.dt.normalize()).nunique() > 1)


def days_of_hours(
    columns: pd.DataFrame,
    table: NamedTable,
    written: FileFormat,
    offset: float,
    problems: list[str],
) -> pd.DataFrame:
    """Columns time (UTC), location and variables as the same of days.

    ``offset``: hours of the region's days from UTC. What is wrong is added to ``problems``.
    """
    located = columns if "location" in columns else columns.assign(location="")
    names = [name for name in VARIABLES if name in columns]
    parts = [
        _readings(_own_amounts(located, name, table, written, problems), name, part, rate)
        for name in names
        for rate in [_is_rate(table, name)]
        for part in _parts(name, names)
    ]
    options = ReadingOptions(stamp=written.hours or "start")
    days = daily(pd.concat(parts, ignore_index=True), NAME, options, offset)
    about = [name for name in columns if name not in (*names, "time")]
    places = located.groupby("location")[[n for n in about if n != "location"]].last()
    days = days.join(places, on="location")
    return days if "location" in columns else days.drop(columns="location")


def _own_amounts(
    columns: pd.DataFrame,
    name: str,
    table: NamedTable,
    written: FileFormat,
    problems: list[str],
) -> pd.DataFrame:
    """The columns in which a variable's values are each time's own.

    A sum that adds up, of a file that does not say so, is added to ``problems``.
    """
    if VARIABLES[name].cell_methods != "time: sum":
        return columns
    theirs = table.theirs.get(name, name)
    declared = theirs in table.raw.accumulated
    if not adds_up(columns, name, written.hours == "end", declared):
        return columns
    if declared:
        return differences(columns, name)
    problems.append(
        f"{table.raw.path}: {theirs} adds up from hour to hour, expected what came in each hour; "
        "write the differences, take a daily product, or ERA5-Land as NetCDF, of which they are "
        "made."
    )
    return columns


def _parts(name: str, names: list[str]) -> list[str]:
    """The variables that hours of one give: of a mean temperature those that no column is."""
    if name != "air_temperature_mean":
        return [name]
    return [part for part in PARTS["air_temperature"] if part == name or part not in names]


def _is_rate(table: NamedTable, name: str) -> bool:
    unit = table.units.get(name)
    return unit is not None and scaled_conversion(unit, name).rate


def _readings(columns: pd.DataFrame, name: str, variable: str, rate: bool) -> pd.DataFrame:
    row = VARIABLES[variable]
    values = columns[name]
    return pd.DataFrame(
        {
            "time": columns["time"].dt.tz_localize("UTC"),
            "location": columns["location"],
            "variable": variable,
            "value": values,
            "impossible": ~values.between(row.low, row.high) & values.notna(),
            "rate": rate,
        }
    )

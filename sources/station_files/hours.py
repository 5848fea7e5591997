"""Times within the day -> the region's days, where a file has such times (UTC).

A mean temperature's hours give the day's highest, mean and lowest. The rules for missing hours are
those of sensors' readings (``sources/common/daily.py``).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_contracts.variables import VARIABLES
from sources.common.daily import daily
from sources.common.readings import PARTS, ReadingOptions
from sources.common.units import scaled_conversion
from sources.station_files.header import NamedTable
from sources.station_files.options import NAME, FileFormat

CUMULATIVE_SHARE = 0.9
"""Of days with rain or sun: as many never fall only where values add up from hour to hour."""


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
    problems += [
        f"{table.raw.path}: {table.theirs.get(name, name)} adds up from hour to hour, expected "
        "what came in each hour; write the differences, or take a daily product."
        for name in names
        if VARIABLES[name].cell_methods == "time: sum" and _adds_up(located, name, written)
    ]
    parts = [
        _readings(located, name, part, _is_rate(table, name))
        for name in names
        for part in _parts(name, names)
    ]
    options = ReadingOptions(stamp=written.hours or "start")
    days = daily(pd.concat(parts, ignore_index=True), NAME, options, offset)
    about = [name for name in columns if name not in (*names, "time")]
    places = located.groupby("location")[[n for n in about if n != "location"]].last()
    days = days.join(places, on="location")
    return days if "location" in columns else days.drop(columns="location")


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


def _adds_up(columns: pd.DataFrame, name: str, written: FileFormat) -> bool:
    """Whether a sum's values never fall within the UTC day, on nearly every day that has some."""
    shift = pd.Timedelta(seconds=1) if written.hours == "end" else pd.Timedelta(0)
    sorted_columns = columns.sort_values(["location", "time"])
    day = (sorted_columns["time"] - shift).dt.normalize()
    groups = sorted_columns.assign(day=day).groupby(["location", "day"])[name]
    rises = groups.last() > groups.first()
    falls = groups.agg(lambda values: bool((np.diff(values.to_numpy()) < -1e-9).any()))
    several = groups.size() > 2
    counted = (groups.max() > 0) & several
    return bool(counted.sum() >= 3 and (rises & ~falls)[counted].mean() >= CUMULATIVE_SHARE)

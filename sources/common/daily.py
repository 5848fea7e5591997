"""Readings within the day -> the region's days, for every source of sensors.

A day is the region's own (``Region.day_offset``), and today is none before it is over. A variable's
``cell_methods`` say what a day's value is. A day needs 80 % of the readings it should have, which
follow from the interval: the option ``interval_minutes``, else the median gap between the readings
of that location, variable and month. Below that the day is NaN. From 80 % on, means and extremes
are those of the readings there are, and a sum is divided by the share of readings there is, because
it would be too low by what is missing.

An impossible reading is not averaged away: its day gets that very value, so that the contract sees,
withholds and lists it.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from configs import RiskError, clock
from configs.remarks import Remark, remark
from data_contracts.variables import VARIABLES
from sources.common.gathering import no_days
from sources.common.readings import ReadingOptions, parts_of
from sources.common.streams import as_amounts

MIN_SHARE = 0.8
DAY = pd.Timedelta(days=1)
KEYS = ["location", "variable"]


def daily(
    readings: pd.DataFrame,
    source: str,
    options: ReadingOptions,
    offset: float,
    now: datetime | None = None,
    remarks: list[Remark] | None = None,
) -> pd.DataFrame:
    """Readings as a Batch's observations, of days that are over.

    Columns time (day, no zone), location, then variables. ``readings``: columns time (UTC),
    location, variable (canonical), value (canonical unit, NaN for one that is not to be used),
    impossible, rate. ``offset``: hours of the region's day from UTC. Equal duplicates are one
    reading. Where readings of one instant differ, none of them is used, and ``remarks`` gets a
    sentence. Raises RiskError where nothing else was read.
    """
    usable = readings.dropna(subset=["value"])
    if usable.empty:
        return no_days()
    remarks = [] if remarks is None else remarks
    usable = _distinct(usable, source, remarks)
    usable = as_amounts(usable, options, offset, source, remarks)
    if usable.empty:
        return no_days()
    usable = usable.sort_values([*KEYS, "time"], ignore_index=True)
    usable["day"] = region_days(usable["time"], options, offset)
    usable["gap"] = _gaps(usable, options)
    days = _day_values(usable[usable["day"] < today(offset, now)])
    table = days.unstack("variable").rename_axis(columns=None).reset_index()
    table = table.rename(columns={"day": "time"})
    order = ["time", "location", *(name for name in VARIABLES if name in table)]
    return (
        table[order]
        .sort_values(["time", "location"], ignore_index=True)
        .astype({"time": "datetime64[ns]"})
    )


def qualities(
    readings: pd.DataFrame, options: ReadingOptions, offset: float, now: datetime | None = None
) -> pd.DataFrame:
    """What is said of the readings of each day that is over, as a Batch's ``quality``.

    A reading of which nothing is said has no row. ``readings``: as ``daily`` takes them, and a
    column quality (text, or None).
    """
    judged = readings.dropna(subset=["quality"])
    judged = judged.drop_duplicates(["time", *KEYS, "value", "quality"])
    days = judged.assign(
        day=region_days(judged["time"], options, offset), used=judged["value"].notna()
    )
    groups = days[days["day"] < today(offset, now)].groupby(
        ["variable", "day", "location", "quality"]
    )["used"]
    return groups.agg(readings="size", used="sum").reset_index().rename(columns={"day": "time"})


def region_days(times: pd.Series, options: ReadingOptions, offset: float) -> pd.Series:
    """The region's day that each reading (UTC) is of."""
    moments = times - (pd.Timedelta(seconds=1) if options.stamp == "end" else pd.Timedelta(0))
    local = moments.dt.tz_convert("UTC").dt.tz_localize(None) + pd.Timedelta(hours=offset)
    return local.dt.normalize()


def today(offset: float, now: datetime | None) -> pd.Timestamp:
    """The region's day that is not over yet."""
    moment = pd.Timestamp(now or clock.now()).tz_convert("UTC").tz_localize(None)
    return (moment + pd.Timedelta(hours=offset)).normalize()


def _distinct(readings: pd.DataFrame, source: str, remarks: list[Remark]) -> pd.DataFrame:
    """Each reading once, and none of an instant for which there are several that differ."""
    readings = readings.drop_duplicates(["time", *KEYS, "value"])
    differ = readings.duplicated(["time", *KEYS], keep=False)
    if not differ.any():
        return readings
    rows = readings[differ]
    first = rows.iloc[0]
    values = rows[(rows[["time", *KEYS]] == first[["time", *KEYS]]).all(axis=1)]["value"]
    both = " and ".join(f"{value:g}" for value in values[:2])
    where = f"{first['variable']} of {first['location']} at {first['time']:%Y-%m-%dT%H:%MZ}"
    instants = len(rows.drop_duplicates(["time", "location"]))
    example = f"{where} is {both}"
    message = remark("readings.two_values", source=source, n=instants, example=example)
    if differ.all():
        raise RiskError(message)
    remarks.append(message)
    return readings[~differ]


def _gaps(readings: pd.DataFrame, options: ReadingOptions) -> pd.Series:
    """The time between readings that should be there, a day at most; NaT for a lone reading."""
    gap = readings.groupby(KEYS)["time"].diff()
    stream, month = [readings["location"], readings["variable"]], readings["time"].dt
    median = gap.groupby([*stream, month.strftime("%Y-%m")]).transform("median")
    median = median.fillna(gap.groupby(stream).transform("median"))
    configured = {
        part: pd.Timedelta(minutes=minutes)
        for name, minutes in options.interval_minutes.items()
        for part in parts_of(name)
    }
    expected = readings["variable"].map(configured).astype("timedelta64[ns]").fillna(median)
    return expected.mask(expected > DAY, DAY)


def _day_values(readings: pd.DataFrame) -> pd.Series:
    """The value of each day by day, location, variable; NaN where there are too few readings."""
    groups = readings.groupby(["day", *KEYS], sort=True)
    expected = (DAY / groups["gap"].median()).round().clip(lower=1)
    share = (groups.size() / expected).clip(upper=1.0).mask(groups["event"].any(), 1.0)
    values = pd.Series(np.nan, index=share.index)
    methods = {name: row.cell_methods.removeprefix("time: ") for name, row in VARIABLES.items()}
    variables = values.index.get_level_values("variable")
    method = np.where(groups["rate"].any(), "mean", variables.map(methods))
    statistics = {"maximum": "max", "minimum": "min", "mean": "mean", "sum": "sum"}
    for name, statistic in statistics.items():
        values = values.mask(method == name, groups["value"].agg(statistic))
    values = (values / share.where(method == "sum", 1.0)).where(share >= MIN_SHARE)
    worst = readings[readings["impossible"]].groupby(["day", *KEYS])["value"].first()
    return worst.reindex(values.index).where(values.notna()).fillna(values)

"""Readings within the day -> the region's days, for every source of sensors.

A day is the region's own (``Region.day_offset``), and today is none before it is over. A variable's
``cell_methods`` say what a day's value is; ``air_temperature`` stands for its highest, mean and
lowest. A day needs 80 % of the readings it should have, which follow from the interval: the option
``interval_minutes``, else the median gap between the readings of that place, variable and month.
Below that the day is NaN. From 80 % on, means and extremes are those of the readings there are, and
a sum is divided by the share of readings there is, because it would be too low by what is missing.

An impossible reading is not averaged away: its day gets that very value, so that the contract sees,
withholds and lists it.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator

from configs import Region, RiskError
from data_contracts.batch import EARLIEST_DAY, LATEST_DAY, SourceUnavailable
from data_contracts.variables import FILL_VALUES, VARIABLES
from sources.http import Closed, Refused
from sources.units import Conversion

if TYPE_CHECKING:  # xarray is slow to import, and only its name is needed here
    import xarray as xr

LEAST_SHARE = 0.8
DAY = pd.Timedelta(days=1)
PARTS = {"air_temperature": ("air_temperature_max", "air_temperature_mean", "air_temperature_min")}
KEYS = ["location", "variable"]
_METHODS = {name: row.cell_methods.removeprefix("time: ") for name, row in VARIABLES.items()}

DOWN_IN_A_ROW = 2  # failed asks, each already tried several times
LONGEST_OUTAGE = (
    31 * DAY
)  # of a sensor whose readings still come afterwards; one silent for longer is not waited for
log = logging.getLogger(__name__)

Found = TypeVar("Found")
Newest = dict[tuple[str, str], pd.Timestamp]


class StrayTime(ValueError):
    """A time outside of those that a record may hold, such as 9999-12-31 where none is known."""


class ReadingOptions(BaseModel):
    """What a region file may say of any source of readings.

    ``interval_minutes``: the time between readings by variable, where the median gap would mislead.
    ``stamp``: whether a reading's time is the ``start`` of the time it is for (or an instant), or
    its ``end``: then a reading of midnight is the day before's. ``missing``: numbers that mean "no
    value" there. ``since``: fetch everything from this day on, whatever is stored. ``late_days``:
    days before the newest stored one that are fetched again, because readings may arrive late.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    interval_minutes: dict[str, float] = {}
    stamp: Literal["start", "end"] = "start"
    missing: tuple[float, ...] = ()
    since: date | None = None
    late_days: int = Field(default=3, ge=0, le=366)

    @field_validator("interval_minutes")
    @classmethod
    def _known(cls, value: dict[str, float]) -> dict[str, float]:
        for name, minutes in value.items():
            known_variable(name)
            if not 0 < minutes <= 1440:
                raise ValueError(
                    f"found {minutes:g} for {name}, expected minutes from above 0 to 1440"
                )
        return value


def known_variable(name: str) -> str:
    """The name itself. Raises ValueError unless it is a variable's or ``air_temperature``."""
    known = [*PARTS, *VARIABLES]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        raise ValueError(
            f"found {name!r}, "
            + (f"did you mean {near[0]!r}" if near else f"expected one of {', '.join(known)}")
        )
    return name


def parts_of(variable: str) -> tuple[str, ...]:
    """The canonical variables that readings called ``variable`` give."""
    return PARTS.get(variable, (variable,))


def instant(text: Any) -> pd.Timestamp:
    """The time that a text with a zone names, in UTC.

    Raises StrayTime for one that no record may hold, ValueError for what is no such text.
    """
    try:
        if not isinstance(text, str) or not (year := re.match(r"[+-]?(\d{4,})", text)):
            raise ValueError("no text that begins with a year")
        if len(year[1]) > 4 and text[year.end() :].startswith("-"):
            raise StrayTime(text)
        moment = pd.Timestamp(text)
        if not isinstance(moment, pd.Timestamp) or moment.tzinfo is None:
            raise ValueError("no time with a zone")
        if not EARLIEST_DAY.year <= moment.year <= LATEST_DAY.year:
            raise StrayTime(text)
        return moment.tz_convert("UTC").as_unit("ns")
    except StrayTime:
        raise
    except pd.errors.OutOfBoundsDatetime:
        raise StrayTime(text) from None
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None


def number(value: Any) -> float:
    """A number as a float; one too large for any is infinite, which the contract withholds.

    Raises ValueError for what is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("no number")
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def are_stray(years: pd.Series) -> pd.Series:
    """Which years no record may hold."""
    return ~years.between(EARLIEST_DAY.year, LATEST_DAY.year)


def left_out(source: str, what: str, count: int, example: str, cure: str) -> str:
    """The remark on readings that are not used.

    ``what``: "readings left out for" and the reason.
    """
    return f"{source}: {what}: {count}, such as {example}; {cure}."


def at_stray_times(source: str, examples: Sequence[str]) -> list[str]:
    """The remark on readings at times that no record may hold; none where there is no reading."""
    what, cure = "readings left out for their time", "have them mended there"
    return [left_out(source, what, len(examples), examples[0], cure)] if examples else []


def gathered(
    asks: Mapping[str, Callable[[], list[Found]]], remarks: list[str], source: str
) -> list[Found]:
    """What each of ``asks``, by what is asked for, gives.

    One that fails goes to ``remarks``, as the others may still be had. Raises SourceUnavailable
    when none succeeds, when one finds the service closed, or when two in a row are down, since then
    it is.
    """
    found, errors, row, good = list[Found](), list[SourceUnavailable](), 0, 0
    for number, (what, ask) in enumerate(asks.items(), 1):
        log.info(
            "%s: %d of %d, %s",
            source,
            number,
            len(asks),
            what,
            extra={"done": number, "of": len(asks)},
        )
        try:
            found += ask()
            row, good = 0, good + 1
        except SourceUnavailable as error:
            errors.append(error)
            row = (
                0
                if isinstance(error, Refused)
                else DOWN_IN_A_ROW
                if isinstance(error, Closed)
                else row + 1
            )
        if row >= DOWN_IN_A_ROW:
            break
    if errors and (not good or row >= DOWN_IN_A_ROW):
        raise errors[0] if not good else errors[-1]
    remarks += [str(error) for error in errors]
    return found


def newest_days(stored: xr.Dataset | None) -> Newest:
    """The newest day with a value of stored observations, by location and variable."""
    if stored is None:
        return {}
    days, places = pd.DatetimeIndex(stored["time"].values), stored["location"].values.tolist()
    newest: Newest = {}
    for name in stored.data_vars:
        there = stored[name].notnull().transpose("time", "location").values
        last = len(days) - 1 - there[::-1].argmax(axis=0)
        newest |= {
            (place, str(name)): days[last[i]] for i, place in enumerate(places) if there[:, i].any()
        }
    return newest


def first_day(
    region: Region, options: ReadingOptions, newest: Newest, place: str, variable: str
) -> pd.Timestamp | None:
    """The first day to ask for of a place's variable; None where all there is."""
    start = options.since or region.history_start
    days = [newest.get((place, part)) for part in parts_of(variable)]
    known = [day for day in days if day is not None]
    if options.since is None and known and len(known) == len(days):
        return min(known) - options.late_days * DAY
    return pd.Timestamp(start) if start else None


def resumed(days: Iterable[pd.Timestamp], options: ReadingOptions) -> pd.Timestamp:
    """The first day to ask for of what is stored until ``days``: some before the earliest."""
    known = list(days)
    return min(day for day in known if max(known) - day <= LONGEST_OUTAGE) - options.late_days * DAY


def begins(day: pd.Timestamp, offset: int) -> pd.Timestamp:
    """The instant, in UTC, at which a day of the region begins."""
    return (day - pd.Timedelta(hours=offset)).tz_localize("UTC")


def converted(
    readings: pd.DataFrame,
    variable: str,
    conversions: dict[str, Conversion],
    missing: tuple[float, ...],
) -> pd.DataFrame:
    """One stream's readings as rows of ``daily``, once for each variable they give.

    ``readings``: columns time, location, value. ``conversions``: by canonical variable. A number
    that means "missing" everywhere is kept as it is, for the contract to see.
    """
    raw = readings["value"].astype("float64").mask(readings["value"].isin(list(missing)))
    parts = []
    for name in parts_of(variable):
        row, how = VARIABLES[name], conversions[name]
        fill = raw.isin(list(FILL_VALUES)) & ~raw.between(row.low, row.high)
        value = how.apply(raw).where(~fill, raw)
        impossible = fill | (raw.notna() & ~value.between(row.low, row.high) & (not how.rate))
        parts.append(
            readings.assign(variable=name, value=value, impossible=impossible, rate=how.rate)
        )
    return pd.concat(parts, ignore_index=True)


def daily(
    readings: pd.DataFrame,
    source: str,
    options: ReadingOptions,
    offset: int,
    now: datetime | None = None,
    remarks: list[str] | None = None,
) -> pd.DataFrame:
    """Readings as a Batch's observations, of days that are over.

    Columns time (day, no zone), location, then variables. ``readings``: columns time (UTC),
    location, variable (canonical), value (canonical unit, NaN for one that is not to be used),
    impossible, rate. Equal duplicates are one reading. Where readings of one instant differ, none
    of them is used, and ``remarks`` gets a sentence. Raises RiskError where nothing else was read.
    """
    found = readings.dropna(subset=["value"])
    if found.empty:
        return pd.DataFrame(
            {"time": pd.Series(dtype="datetime64[ns]"), "location": pd.Series(dtype="str")}
        )
    found = _distinct(found, source, [] if remarks is None else remarks)
    found = found.sort_values([*KEYS, "time"], ignore_index=True)
    found["day"] = _days(found["time"], options, offset)
    found["gap"] = _gaps(found, options)
    days = _day_values(found[found["day"] < _today(offset, now)])
    table = (
        days.unstack("variable")
        .rename_axis(columns=None)
        .reset_index()
        .rename(columns={"day": "time"})
    )
    order = [name for name in VARIABLES if name in table]
    return (
        table[["time", "location", *order]]
        .sort_values(["time", "location"], ignore_index=True)
        .astype({"time": "datetime64[ns]"})
    )


def qualities(
    readings: pd.DataFrame, options: ReadingOptions, offset: int, now: datetime | None = None
) -> pd.DataFrame:
    """What is said of the readings of each day that is over, as a Batch's ``quality``.

    A reading of which nothing is said has no row. ``readings``: as ``daily`` takes them, and a
    column quality (text, or None).
    """
    found = readings.dropna(subset=["quality"]).drop_duplicates(["time", *KEYS, "value", "quality"])
    days = found.assign(day=_days(found["time"], options, offset), used=found["value"].notna())
    groups = days[days["day"] < _today(offset, now)].groupby(
        ["variable", "day", "location", "quality"]
    )["used"]
    return groups.agg(readings="size", used="sum").reset_index().rename(columns={"day": "time"})


def _days(times: pd.Series, options: ReadingOptions, offset: int) -> pd.Series:
    """The region's day that each reading (UTC) is of."""
    moments = times - (pd.Timedelta(seconds=1) if options.stamp == "end" else pd.Timedelta(0))
    return (
        moments.dt.tz_convert("UTC").dt.tz_localize(None) + pd.Timedelta(hours=offset)
    ).dt.normalize()


def _today(offset: int, now: datetime | None) -> pd.Timestamp:
    return (
        pd.Timestamp(now or datetime.now(UTC)).tz_convert("UTC").tz_localize(None)
        + pd.Timedelta(hours=offset)
    ).normalize()


def _distinct(found: pd.DataFrame, source: str, remarks: list[str]) -> pd.DataFrame:
    """Each reading once, and none of an instant for which there are several that differ."""
    found = found.drop_duplicates(["time", *KEYS, "value"])
    differ = found.duplicated(["time", *KEYS], keep=False)
    if not differ.any():
        return found
    rows = found[differ]
    first = rows.iloc[0]
    values = rows[(rows[["time", *KEYS]] == first[["time", *KEYS]]).all(axis=1)]["value"]
    both = " and ".join(f"{value:g}" for value in values[:2])
    where = f"{first['variable']} of {first['location']} at {first['time']:%Y-%m-%dT%H:%MZ}"
    instants = len(rows.drop_duplicates(["time", "location"]))
    what = "readings left out for two values at one instant"
    cure = "take one out there, or choose one sensor a place"
    remark = left_out(source, what, instants, f"{where} is {both}", cure)
    if differ.all():
        raise RiskError(remark)
    remarks.append(remark)
    return found[~differ]


def _gaps(found: pd.DataFrame, options: ReadingOptions) -> pd.Series:
    """The time between readings that should be there, a day at most; NaT for a lone reading."""
    gap = found.groupby(KEYS)["time"].diff()
    month = found["time"].dt.strftime("%Y-%m")
    usual = gap.groupby([found["location"], found["variable"], month]).transform("median")
    usual = usual.fillna(gap.groupby([found["location"], found["variable"]]).transform("median"))
    told = {
        part: pd.Timedelta(minutes=value)
        for name, value in options.interval_minutes.items()
        for part in parts_of(name)
    }
    expected = found["variable"].map(told).astype("timedelta64[ns]").fillna(usual)
    return expected.mask(expected > DAY, DAY)


def _day_values(found: pd.DataFrame) -> pd.Series:
    """The value of each day by day, location, variable; NaN where there are too few readings."""
    groups = found.groupby(["day", *KEYS], sort=True)
    expected = (DAY / groups["gap"].median()).round().clip(lower=1)
    share = (groups.size() / expected).clip(upper=1.0)
    values = pd.Series(np.nan, index=share.index)
    method = np.where(
        groups["rate"].any(), "mean", values.index.get_level_values("variable").map(_METHODS)
    )
    for name, statistic in (
        ("maximum", "max"),
        ("minimum", "min"),
        ("mean", "mean"),
        ("sum", "sum"),
    ):
        values = values.mask(method == name, groups["value"].agg(statistic))
    values = (values / share.where(method == "sum", 1.0)).where(share >= LEAST_SHARE)
    worst = found[found["impossible"]].groupby(["day", *KEYS])["value"].first()
    return worst.reindex(values.index).where(values.notna()).fillna(values)


def locations_table(region: Region, found: list[str]) -> pd.DataFrame:
    """A Batch's locations: the region's places that were found, in its order, then others."""
    places = {place.id: place for place in region.locations}
    ids = [name for name in places if name in found] + sorted(set(found) - set(places))
    names = {
        name: place.names.get("en") or next(iter(place.names.values()), name)
        for name, place in places.items()
    }
    known = {
        name: (place.latitude, place.longitude, place.elevation) for name, place in places.items()
    }
    rows = [(name, names.get(name, name), *known.get(name, (None, None, None))) for name in ids]
    table = pd.DataFrame(rows, columns=["location", "name", "latitude", "longitude", "elevation"])
    return table.astype(
        {
            "location": "str",
            "name": "str",
            "latitude": "float64",
            "longitude": "float64",
            "elevation": "float64",
        }
    )


def known_places(region: Region, found: list[str], source: str, cure: str) -> None:
    """Raises RiskError where the region lists places and one that was found is not among them."""
    listed = [place.id for place in region.locations]
    for name in found if listed else ():
        if name not in listed:
            near = difflib.get_close_matches(name, listed, n=1, cutoff=0.5)
            hint = (
                f"did you mean {near[0]!r}"
                if near
                else f"expected one of {', '.join(listed[:5])}{', ...' if len(listed) > 5 else ''}"
            )
            raise RiskError(f"{source}: unknown location {name!r}, {hint}; {cure}.")

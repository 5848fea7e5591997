"""The skeleton of every source of sensors: what is asked for, and what becomes of the readings.

A source says how its service or database is asked. It hands readings, as ``daily`` takes them, to
``SensorPull.batch``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from configs import Region
from configs.remarks import Remark
from data_contracts.batch import Batch, FetchRequest, Source
from sources.common.daily import DAY, daily, qualities, region_days, today
from sources.common.locations import locations_table
from sources.common.readings import ReadingOptions, at_stray_times, parts_of
from sources.common.silence import (
    DRY_SEASON,
    dry_days,
    signs_of_life,
    silence_remark,
    with_silence,
)

if TYPE_CHECKING:  # xarray is slow to import, and only its name is needed here
    import xarray as xr

MAX_OUTAGE = 31 * DAY
"""Of a sensor whose readings still come afterwards; one silent for longer is not waited for."""

MAX_LOCATIONS = 1_000
"""Each place's sensors are asked for, all readings of a pull are in memory at once."""

NewestDays = dict[tuple[str, str], pd.Timestamp]
"""(location, variable) -> the newest stored day with a value."""


def sensor_source(name: str, whose: str, fetch: Callable[[FetchRequest], Batch]) -> Source:
    """The declaration of a source whose days are made of readings. ``whose``: for the credits."""
    return Source(
        name=name,
        delay_days=1,
        attribution=f"readings from the region's own {whose}",
        licence="as its owner says",
        complete=False,
        fetch=fetch,
        readings=True,
        max_locations=MAX_LOCATIONS,
        by_name=True,
    )


@dataclass(frozen=True)
class SensorPull:
    """One pull from a source of sensors.

    ``newest``: what is stored. ``now``: when it is, default the clock's. ``remarks``: a sentence
    for each thing that could not be had; the pull adds to them. ``answered``: (location, variable)
    of the streams that were asked for and answered, be it with nothing. ``stored``: the source's
    observations, which tell when a place was last heard of.
    """

    source: str
    region: Region
    options: ReadingOptions
    newest: NewestDays
    now: datetime | None = None
    remarks: list[Remark] = field(default_factory=list)
    answered: set[tuple[str, str]] = field(default_factory=set)
    stored: xr.Dataset | None = None

    def batch(self, parts: Sequence[pd.DataFrame], first: pd.Timestamp | None = None) -> Batch:
        """The days that readings give, from ``first`` on. ``parts``: as ``daily`` takes them.

        Raises RiskError, as ``daily`` does.
        """
        offset, options = self.region.day_offset, self.options
        filled = [part for part in parts if len(part)]
        readings = pd.concat(filled, ignore_index=True) if filled else no_readings()
        table = daily(readings, self.source, options, offset, self.now, self.remarks)
        table = table if first is None else table[table["time"] >= first]
        table = with_silence(table, self._dry_days(readings))
        locations = locations_table(self.region, table["location"].unique().tolist())
        if "quality" not in readings:
            return Batch(table, locations, remarks=tuple(self.remarks))
        quality = qualities(readings, options, offset, self.now)
        return Batch(table, locations, quality=quality, remarks=tuple(self.remarks))

    def _dry_days(self, readings: pd.DataFrame) -> dict[tuple[str, str], pd.DatetimeIndex]:
        """The days on which the silence of streams of events means that there was none.

        A remark tells of silent days that are missing.
        """
        offset = self.region.day_offset
        last = today(offset, self.now) - DAY
        heard = readings.assign(day=region_days(readings["time"], self.options, offset))
        dry = {}
        for stream, first in self._events(heard).items():
            recent = self._stored_since(min(first, last) - DRY_SEASON * DAY)
            signs = signs_of_life(*stream, heard, recent)
            tipped = bool((signs.own >= first).any())
            before = signs.own[signs.own < first][-1:] if tipped else signs.own[:0]
            silent = pd.date_range(min([first, *before]), last, freq="D").difference(signs.own)
            dry[stream] = dry_days(signs, silent)
            missing = silent.difference(dry[stream])
            missing = missing[missing >= first]
            if len(missing):
                self.remarks.append(silence_remark(self.source, stream, missing, signs))
        return dry

    def _stored_since(self, first: pd.Timestamp) -> xr.Dataset | None:
        return None if self.stored is None else self.stored.sel(time=slice(first, None)).load()

    def _events(self, heard: pd.DataFrame) -> dict[tuple[str, str], pd.Timestamp]:
        """The streams of events, and from when on their silence is looked at.

        That is from the first day asked for, at most MAX_OUTAGE before the first reading.
        """
        began = heard.groupby(["location", "variable"])["day"].min()
        sent = dict(zip(((str(a), str(b)) for a, b in began.index), began, strict=True))
        streams: dict[tuple[str, str], pd.Timestamp] = {}
        for location, variable in dict.fromkeys([*sent, *sorted(self.answered)]):
            if self.options.kind_of(location, variable) != "events":
                continue
            first = self.first_day(location, variable)
            if (location, variable) in sent:
                day = sent[location, variable]
                first = max(first or day, day - MAX_OUTAGE)
            if first is not None:
                streams[location, variable] = first
        return streams

    def first_day(self, location: str, variable: str) -> pd.Timestamp | None:
        """The first day to ask for of a location's variable; None where all there is."""
        return first_day(self.region, self.options, self.newest, location, variable)

    def leave_out(self, stray_readings: list[str]) -> None:
        """Remarks that readings were at times that no record may hold."""
        self.remarks.extend(at_stray_times(self.source, stray_readings))


def no_readings() -> pd.DataFrame:
    """No reading, as ``daily`` takes them."""
    texts = {name: pd.Series(dtype="str") for name in ("location", "variable")}
    times = pd.Series(dtype="datetime64[ns, UTC]")
    return pd.DataFrame({"time": times, **texts, "value": pd.Series(dtype="float64")})


def newest_days(stored: xr.Dataset | None) -> NewestDays:
    """The newest day with a value of stored observations, by location and variable."""
    if stored is None:
        return {}
    days, locations = pd.DatetimeIndex(stored["time"].values), stored["location"].values.tolist()
    newest: NewestDays = {}
    for name in stored.data_vars:
        has_value = stored[name].notnull().transpose("time", "location").values
        last = len(days) - 1 - has_value[::-1].argmax(axis=0)
        newest |= {
            (location, str(name)): days[last[i]]
            for i, location in enumerate(locations)
            if has_value[:, i].any()
        }
    return newest


def first_day(
    region: Region, options: ReadingOptions, newest: NewestDays, location: str, variable: str
) -> pd.Timestamp | None:
    """The first day to ask for of a location's variable; None where all there is."""
    start = options.since or region.history_start
    days = [newest.get((location, part)) for part in parts_of(variable)]
    known = [day for day in days if day is not None]
    if options.since is None and known and len(known) == len(days):
        return min(known) - options.late_days * DAY
    return pd.Timestamp(start) if start else None


def resumed(days: Iterable[pd.Timestamp], options: ReadingOptions) -> pd.Timestamp:
    """The first day to ask for of what is stored until ``days``: some before the earliest."""
    known = list(days)
    return min(day for day in known if max(known) - day <= MAX_OUTAGE) - options.late_days * DAY


def day_start(day: pd.Timestamp, offset: float) -> pd.Timestamp:
    """The instant, in UTC, at which a day of the region begins."""
    return (day - pd.Timedelta(hours=offset)).tz_localize("UTC")

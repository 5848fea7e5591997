"""Readings of sensors: what a region may say of them, and what their parts must be.

``air_temperature`` stands for the highest, mean and lowest temperature of the day.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator

from configs import RiskError
from configs.remarks import Remark, remark
from data_contracts.batch import EARLIEST_DAY, LATEST_DAY
from data_contracts.variables import FILL_VALUES, VARIABLES
from sources.common.units import Conversion

PARTS = {"air_temperature": ("air_temperature_max", "air_temperature_mean", "air_temperature_min")}


Kind = Literal["amounts", "counter", "cumulative", "events"]
"""What a stream's readings are, see ``sources.common.streams``."""


class StrayTime(ValueError):
    """A time outside of those that a record may hold, such as 9999-12-31 where none is known."""


class ReadingOptions(BaseModel):
    """What a region file may say of any source of readings.

    ``interval_minutes``: the time between readings by variable, where the median gap would mislead.
    ``stamp``: whether a reading's time is the ``start`` of the time it is for (or an instant), or
    its ``end``: then a reading of midnight is the day before's. ``missing``: numbers that mean "no
    value" there. ``since``: fetch everything from this day on, whatever is stored. ``late_days``:
    days before the newest stored one that are fetched again, because readings may arrive late.
    ``streams``: what the readings of a variable are, at all places or by place, such as
    ``{precipitation: counter}`` or ``{berkane: {precipitation: events}}``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    interval_minutes: dict[str, float] = {}
    stamp: Literal["start", "end"] = "start"
    missing: tuple[float, ...] = ()
    since: date | None = None
    late_days: int = Field(default=3, ge=0, le=366)
    streams: dict[str, Kind | dict[str, Kind]] = {}

    @field_validator("streams")
    @classmethod
    def _sums(cls, value: dict[str, Kind | dict[str, Kind]]) -> dict[str, Kind | dict[str, Kind]]:
        pairs = [
            (name, kind)
            for key, part in value.items()
            for name, kind in (part.items() if isinstance(part, dict) else [(key, part)])
        ]
        for name, kind in pairs:
            known_variable(name)
            row = VARIABLES[parts_of(name)[0]]
            if kind != "amounts" and row.cell_methods != "time: sum":
                raise ValueError(f"found {kind} for {name}, expected it of a variable of sums")
        return value

    def kind_of(self, location: str, variable: str) -> Kind | None:
        """What the region file says that a stream's readings are; None where it says nothing."""
        of_place = self.streams.get(location)
        if isinstance(of_place, dict) and variable in of_place:
            return of_place[variable]
        everywhere = self.streams.get(variable)
        return None if isinstance(everywhere, dict) else everywhere

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
        hint = f"did you mean {near[0]!r}" if near else f"expected one of {', '.join(known)}"
        raise ValueError(f"found {name!r}, {hint}")
    return name


def known_variables(ours_by_theirs: dict[str, str]) -> dict[str, str]:
    """A mapping to our variables, each of them known. Raises ValueError for one that is not."""
    return {theirs: known_variable(ours) for theirs, ours in ours_by_theirs.items()}


def parts_of(variable: str) -> tuple[str, ...]:
    """The canonical variables that readings called ``variable`` give."""
    return PARTS.get(variable, (variable,))


def instant(text: Any) -> pd.Timestamp:
    """The time that a text with a zone names, in UTC; a leap second is the second before it.

    Raises StrayTime for one that no record may hold, ValueError for what is no such text.
    """
    try:
        if not isinstance(text, str) or not (year := re.match(r"[+-]?(\d{4,})", text)):
            raise ValueError("no text that begins with a year")
        if len(year[1]) > 4 and text[year.end() :].startswith("-"):
            raise StrayTime(text)
        leap = re.search(r"T\d{2}:\d{2}:60(?=\D|$)", text)
        moment = pd.Timestamp(text.replace(":60", ":59", 1) if leap else text)
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


def unreadable(source: str, errors: Sequence[RiskError], of: str) -> list[Remark]:
    """The remark on readings that are none, of one stream; no remark where there is no error."""
    if not errors:
        return []
    what = errors[0].remark.values.get("found", errors[0].remark)
    return [remark("readings.unreadable", source=source, n=len(errors), of=of, example=what)]


def at_stray_times(source: str, examples: Sequence[str]) -> list[Remark]:
    """The remark on readings at times that no record may hold; none where there is no reading."""
    if not examples:
        return []
    return [remark("readings.stray", source=source, n=len(examples), example=examples[0])]


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
        value = how.apply(raw)
        # 999 W m-2, 99.9 degF and 99,999 Pa are values in their units; -999 is none in any.
        code = raw.isin(list(FILL_VALUES)) & ~raw.between(row.low, row.high)
        fill = code & ((raw < 0) | (~value.between(row.low, row.high) & (not how.rate)))
        value = value.where(~fill, raw)
        impossible = fill | (raw.notna() & ~value.between(row.low, row.high) & (not how.rate))
        parts.append(
            readings.assign(variable=name, value=value, impossible=impossible, rate=how.rate)
        )
    return pd.concat(parts, ignore_index=True)

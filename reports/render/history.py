"""The chart of the recent past at one location, and of what the coming days may bring."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from configs.remarks import from_json
from reports.render.charts import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Ticks,
    fitting,
    number,
    round_ticks,
    scale,
)
from reports.text.formatting import long_date, units
from reports.text.language import Language, isolate
from reports.view.drivers import Fan

MAX_POINTS = 366


@dataclass(frozen=True)
class HistoryChart:
    """The recent past at one location: SVG paths, and what they say in words.

    ``fan`` is the band that holds 9 in 10 of the coming days, ``median`` its middle; empty where
    nothing is foretold.
    """

    title: str
    description: str
    units: str
    value: str
    normal: str
    threshold: str
    beyond: str
    fan: str
    median: str
    location_name: str
    bars: bool
    x_ticks: Ticks
    y_ticks: Ticks


def history_chart(
    history: xr.Dataset,
    location: str,
    location_name: str,
    lang: Language,
    fan: Fan | None = None,
    most: int = MAX_POINTS,
) -> HistoryChart | None:
    """The chart of ``value``, ``normal`` and ``threshold`` (time, location) at a location.

    None where nothing was measured.

    Lines are thinned to ``most`` points. ``fan`` goes on where the past ends.
    """
    if location not in history["location"].values:
        return None
    here = history.sel(location=location)
    columns = {
        name: np.asarray(here[name].values, dtype=float)
        for name in ("value", "normal", "threshold")
    }
    if not np.isfinite(columns["value"]).any():
        return None
    unit = units(str(history.attrs.get("units", "")), lang)
    bars = str(history.attrs.get("units", "")) == "mm" and len(here.time) <= MAX_POINTS
    finite = np.concatenate(
        [array[np.isfinite(array)] for array in (*columns.values(), *_ends(fan))]
    )
    y = round_ticks(min(finite.min(), 0) if bars else finite.min(), finite.max())
    days = pd.DatetimeIndex(here.time.values)
    x_of = _time_axis(days, fan)
    xs = x_of(days.values.astype("datetime64[D]")).tolist()

    y_of = partial(_heights, y=y)
    ahead = x_of(np.array(fan.days, dtype="datetime64[D]")).tolist() if fan else []
    ys = {name: y_of(array) for name, array in columns.items()}
    beyond = _beyond(columns)
    past = [point if hit else None for point, hit in zip(ys["value"], beyond, strict=True)]
    what = title_of(history, lang)
    base = scale(max(0, y[0]), y[0], y[-1], BOTTOM, TOP)
    return HistoryChart(
        title=what,
        description=" ".join(
            _history_words(
                what, isolate(location_name, lang), days, columns, beyond, unit, fan, lang
            )
        ),
        units=unit,
        value=columns_path(xs, ys["value"], base) if bars else line_path(xs, ys["value"], most),
        normal=line_path(xs, ys["normal"], most),
        threshold=line_path(xs, ys["threshold"], most),
        beyond=columns_path(xs, past, base) if bars else line_path(xs, past, most),
        fan=_band(ahead, y_of(fan.low), y_of(fan.high)) if fan else "",
        median=line_path(ahead, y_of(fan.median)) if fan else "",
        location_name=location_name,
        bars=bars,
        x_ticks=_time_ticks(days, xs, lang),
        y_ticks=tuple((scale(tick, y[0], y[-1], BOTTOM, TOP), number(tick, lang)) for tick in y),
    )


def title_of(history: xr.Dataset, lang: Language) -> str:
    """What a hazard's history shows: its attributes ``title`` and, if any, ``remark`` (JSON)."""
    if "remark" in history.attrs:
        return lang.remark(from_json(json.loads(history.attrs["remark"])))
    return lang.word(str(history.attrs.get("title", "")))


def _heights(values: Sequence[float] | np.ndarray, y: Sequence[float]) -> list[float | None]:
    """Where values lie on the axis of the ticks ``y``; None for a missing one."""
    share = (np.asarray(values) - y[0]) / (y[-1] - y[0])
    placed = np.round(BOTTOM + share * (TOP - BOTTOM), 1) + 0.0
    return [value if math.isfinite(value) else None for value in placed.tolist()]


def _ends(fan: Fan | None) -> tuple[np.ndarray, ...]:
    return (np.array(fan.low), np.array(fan.high)) if fan else ()


def _time_axis(days: pd.DatetimeIndex, fan: Fan | None) -> Callable[[np.ndarray], np.ndarray]:
    """Where days lie on the axis, which goes from the first day measured to the last one shown."""
    first = days[0].date()
    last = max([days[-1].date(), *(fan.days if fan else ())])
    length = max((last - first).days, 1)
    return lambda shown: (
        np.round(
            LEFT + (shown - np.datetime64(first, "D")).astype(float) / length * (RIGHT - LEFT), 1
        )
        + 0.0
    )


def _band(xs: Sequence[float], low: Sequence[float | None], high: Sequence[float | None]) -> str:
    """An SVG path around what lies between two lines; a single day is a stroke of some width."""
    points = [
        (x, a, b) for x, a, b in zip(xs, low, high, strict=True) if a is not None and b is not None
    ]
    if len(points) == 1:
        points = [(points[0][0] - 1.5, *points[0][1:]), (points[0][0] + 1.5, *points[0][1:])]
    around = [*((x, b) for x, _, b in points), *((x, a) for x, a, _ in reversed(points))]
    return "M" + " ".join(f"{_n(x)} {_n(y)}" for x, y in around) + "Z" if around else ""


def _beyond(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Days on the far side of the level-1 threshold.

    The far side is below where the threshold is below normal.
    """
    value, normal, threshold = columns["value"], columns["normal"], columns["threshold"]
    both = np.isfinite(normal) & np.isfinite(threshold)
    below = bool(both.any() and np.median((threshold - normal)[both]) < 0)
    with np.errstate(invalid="ignore"):
        return value <= threshold if below else value > threshold


def _history_words(
    what: str,
    location_name: str,
    days: pd.DatetimeIndex,
    columns: dict[str, np.ndarray],
    beyond: np.ndarray,
    unit: str,
    fan: Fan | None,
    lang: Language,
) -> Iterator[str]:
    def quantity(value: float) -> str:
        return f"{number(value, lang)} {unit}".rstrip()

    last = int(np.flatnonzero(np.isfinite(columns["value"]))[-1])
    first, end = (lang.dated(day.date(), "d MMM y") for day in (days[0], days[-1]))
    yield lang.say(
        "{what} at {place} from {first} to {last}.",
        what=what,
        place=location_name,
        first=first,
        last=end,
    )
    newest = {
        "value": quantity(columns["value"][last]),
        "day": long_date(days[last].date(), lang, year=False),
    }
    normal = columns["normal"][last]
    if math.isfinite(normal):
        yield lang.say(
            "Newest value {value} on {day}, normal {normal}.", **newest, normal=quantity(normal)
        )
    else:
        yield lang.say("Newest value {value} on {day}.", **newest)
    if np.isfinite(columns["threshold"]).any():
        measured = lang.number(int(np.isfinite(columns["value"]).sum()))
        count = lang.number(int(beyond.sum()))
        yield lang.say(
            "Beyond the level-1 threshold on {n} of {measured} measured days.",
            n=count,
            measured=measured,
        )
    if fan:
        day = long_date(fan.days[-1], lang, year=False)
        yield lang.say(
            "On {day} between {low} and {high}, 9 times in 10.",
            day=day,
            low=quantity(fan.low[-1]),
            high=quantity(fan.high[-1]),
        )


def line_path(xs: Sequence[float], ys: Sequence[float | None], most: int = MAX_POINTS) -> str:
    """An SVG path through the points.

    It is broken where one is missing, and leaves out points on a flat stretch.
    """
    step = max(1, math.ceil(len(xs) / most))
    points = [(xs[i], ys[i]) for i in range(0, len(xs), step)]
    parts: list[str] = []
    for i, (x, y) in enumerate(points):
        before = points[i - 1][1] if i else None
        after = points[i + 1][1] if i + 1 < len(points) else None
        if y is None or (before == y == after):
            continue
        parts.append(f"{'M' if before is None else ' '}{_n(x)} {_n(y)}")
        if before is None and after is None:
            parts.append("h0")
    return "".join(parts)


def columns_path(xs: Sequence[float], ys: Sequence[float | None], base: float) -> str:
    """An SVG path of one vertical stroke per value from ``base``.

    Days without rain and missing days have none.
    """
    return "".join(
        f"M{_n(x)} {_n(base)}V{_n(y)}"
        for x, y in zip(xs, ys, strict=True)
        if y is not None and y != base
    )


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _time_ticks(days: pd.DatetimeIndex, xs: Sequence[float], lang: Language) -> Ticks:
    """First days of months; of years where the record shown is longer than a year and a half."""
    years = len(days) > 550
    first = (days.day == 1) & ((days.month == 1) if years else True)
    firsts = [(xs[i], days[i].date()) for i in np.flatnonzero(first).tolist()]
    names = [lang.dated(day, "y" if years else "MMM") for _, day in firsts]
    shown = fitting([x for x, _ in firsts], names, anchor=0.0)
    return tuple((x, name) for (x, _), name in zip(firsts, shown, strict=True))

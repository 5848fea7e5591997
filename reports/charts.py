"""Geometry of the report's charts: numbers become paths in a small coordinate system, the template draws them.

Coordinates are SVG user units with two decimals at most, so that the same data are the same bytes everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import xarray as xr

from reports.language import Language, isolate
from reports.outlook import Outlook, Slot
from reports.wording import brief, frequency, long_date, short_date, signed, units

WIDTH, HEIGHT = 400, 196
LEFT, RIGHT, TOP, BOTTOM = 52, 392, 14, 168
MOST_POINTS = 366

Ticks = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class HistoryChart:
    """The recent past at one place: SVG paths, and what they say in words.

    ``fan`` is the band that holds 9 in 10 of the coming days, ``median`` its middle; empty where nothing is foretold.
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
    place: str
    bars: bool
    x_ticks: Ticks
    y_ticks: Ticks


@dataclass(frozen=True)
class Bar:
    """One column of the outlook chart; heights are in user units, ``usual`` is the height of the calendar's chance."""

    x: float
    width: float
    height: float
    severe: float
    usual: float | None
    colour: str
    label: tuple[str, str]


@dataclass(frozen=True)
class OutlookChart:
    """The chance by day against the usual chance at one place."""

    title: str
    description: str
    bars: tuple[Bar, ...]
    y_ticks: Ticks


@dataclass(frozen=True)
class SkillPoint:
    """Skill against the calendar at one lead: of the published number, and the model's with its interval (user units)."""

    x: float
    published: float | None
    model: float | None
    low: float
    high: float
    label: tuple[str, str]


@dataclass(frozen=True)
class SkillChart:
    """Skill by lead."""

    title: str
    description: str
    points: tuple[SkillPoint, ...]
    y_ticks: Ticks
    zero: float


def scale(value: float, low: float, high: float, start: float, end: float) -> float:
    """Map low..high to start..end, to one decimal."""
    return round(start + (value - low) / (high - low) * (end - start), 1) + 0.0


def round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Up to ``most`` round numbers (1, 2 or 5 times a power of ten apart) that enclose low..high."""
    width = max(high - low, 1e-6)
    power = 10.0 ** math.floor(math.log10(width / most))
    step = next(
        power * k
        for k in (1, 2, 5, 10, 20)
        if math.ceil(high / (power * k)) - math.floor(low / (power * k)) < most
    )
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 10) + 0.0 for i in range(first, max(last, first + 1) + 1)]


@dataclass(frozen=True)
class Fan:
    """What the coming days may bring at one place: quantiles on the valid days, in the units of the history."""

    days: tuple[date, ...]
    low: tuple[float, ...]
    median: tuple[float, ...]
    high: tuple[float, ...]


def number(value: float, lang: Language) -> str:
    """A number for an axis or a sentence: at most one decimal, a true minus sign."""
    return lang.number(round(value, 1) + 0.0, 1, trim=True)


def history_chart(
    history: xr.Dataset,
    location: str,
    place: str,
    lang: Language,
    fan: Fan | None = None,
    most: int = MOST_POINTS,
) -> HistoryChart | None:
    """The chart of ``value``, ``normal`` and ``threshold`` (time, location) at a place; None where nothing was measured.

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
    bars = str(history.attrs.get("units", "")) == "mm" and len(here.time) <= MOST_POINTS
    finite = np.concatenate(
        [array[np.isfinite(array)] for array in (*columns.values(), *_ends(fan))]
    )
    y = round_ticks(min(finite.min(), 0) if bars else finite.min(), finite.max())
    days = pd.DatetimeIndex(here.time.values)
    place_x = _time_axis(days, fan)
    xs = place_x(days.values.astype("datetime64[D]")).tolist()

    def place_y(values: Sequence[float] | np.ndarray) -> list[float | None]:
        placed = (
            np.round(BOTTOM + (np.asarray(values) - y[0]) / (y[-1] - y[0]) * (TOP - BOTTOM), 1)
            + 0.0
        )
        return [v if math.isfinite(v) else None for v in placed.tolist()]

    ahead = place_x(np.array(fan.days, dtype="datetime64[D]")).tolist() if fan else []
    ys = {name: place_y(array) for name, array in columns.items()}
    beyond = _beyond(columns)
    past = [point if hit else None for point, hit in zip(ys["value"], beyond, strict=True)]
    what = told(str(history.attrs.get("title", "")), lang)
    base = scale(max(0, y[0]), y[0], y[-1], BOTTOM, TOP)
    return HistoryChart(
        title=what,
        description=" ".join(
            _history_words(what, isolate(place, lang), days, columns, beyond, unit, fan, lang)
        ),
        units=unit,
        value=columns_path(xs, ys["value"], base) if bars else line_path(xs, ys["value"], most),
        normal=line_path(xs, ys["normal"], most),
        threshold=line_path(xs, ys["threshold"], most),
        beyond=columns_path(xs, past, base) if bars else line_path(xs, past, most),
        fan=_band(ahead, place_y(fan.low), place_y(fan.high)) if fan else "",
        median=line_path(ahead, place_y(fan.median)) if fan else "",
        place=place,
        bars=bars,
        x_ticks=_time_ticks(days, xs, lang),
        y_ticks=tuple((scale(tick, y[0], y[-1], BOTTOM, TOP), number(tick, lang)) for tick in y),
    )


def told(text: str, lang: Language) -> str:
    """A text declared elsewhere in the language: as it stands in the catalogue, or by the pattern it follows, or itself."""
    said = lang.say(text)
    return said if said != text else lang.sentence(text) or text


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
    """Days on the far side of the level-1 threshold; the far side is below where the threshold is below normal."""
    value, normal, threshold = columns["value"], columns["normal"], columns["threshold"]
    both = np.isfinite(normal) & np.isfinite(threshold)
    below = bool(both.any() and np.median((threshold - normal)[both]) < 0)
    with np.errstate(invalid="ignore"):
        return value <= threshold if below else value > threshold


def _history_words(
    what: str,
    place: str,
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
        "{what} at {place} from {first} to {last}.", what=what, place=place, first=first, last=end
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


def line_path(xs: Sequence[float], ys: Sequence[float | None], most: int = MOST_POINTS) -> str:
    """An SVG path through the points, broken where one is missing, without points that lie on a flat stretch."""
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
    """An SVG path of one vertical stroke per value from ``base``; days without rain and missing days have none."""
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
    return tuple(
        (x, lang.dated(day, "y" if years else "MMM")) for x, day in firsts if x < RIGHT - 16
    )


def outlook_chart(
    title: str, place: str, slots: Sequence[Slot], row: Sequence[Outlook | None], lang: Language
) -> OutlookChart | None:
    """Bars of the level-1 chance (its severe part darker) and marks of the usual chance; None without any number."""
    shown = [
        (i, slot, cell)
        for i, (slot, cell) in enumerate(zip(slots, row, strict=True))
        if cell and cell.state == "number"
    ]
    if not shown:
        return None
    top = _top([p for _, _, cell in shown for p in (cell.chance[1], cell.usual[1])])
    first_window = next((i for i, slot in enumerate(slots) if slot.kind == "any"), len(slots))
    gap = 0.5 if 0 < first_window < len(slots) else 0.0
    step = min((RIGHT - LEFT) / (len(slots) + gap), 90)
    bars = tuple(
        _bar(LEFT + (i + (gap if i >= first_window else 0)) * step, step, slot, cell, top, lang)
        for i, slot, cell in shown
    )
    where = isolate(place, lang)
    return OutlookChart(
        lang.say("{hazard}: chance by day, {place}", hazard=title, place=where),
        lang.say(
            "Chance of at least unusual at {place}: {chances}.",
            place=where,
            chances="; ".join(_bar_words(shown, lang)),
        ),
        bars,
        _chance_ticks(top, lang),
    )


def _bar_words(shown: Sequence[tuple[int, Slot, Outlook]], lang: Language) -> list[str]:
    said = [
        (slot_words(slot, lang), frequency(cell.chance[1], lang), frequency(cell.usual[1], lang))
        for _, slot, cell in shown
    ]
    return [
        lang.say("{day} {chance} (usual {usual})", day=day, chance=chance, usual=usual)
        for day, chance, usual in said
    ]


def _top(chances: Sequence[float]) -> float:
    highest = max((p for p in chances if math.isfinite(p)), default=0.0)
    return next(top for top in (0.1, 0.2, 0.5, 1.0) if highest <= top * 0.96 or top == 1.0)


def _chance_ticks(top: float, lang: Language) -> Ticks:
    marks = {0.1: (0.05, 0.1), 0.2: (0.1, 0.2), 0.5: (0.1, 0.3, 0.5), 1.0: (0.2, 0.5, 0.8)}[top]
    return (
        (float(BOTTOM), lang.number(0)),
        *((scale(p, 0, top, BOTTOM, TOP), brief(p, lang)) for p in marks),
    )


def _bar(x: float, step: float, slot: Slot, cell: Outlook, top: float, lang: Language) -> Bar:
    def height(p: float) -> float:
        return scale(p, 0, top, 0, BOTTOM - TOP) if math.isfinite(p) else 0.0

    usual = cell.usual[1]
    return Bar(
        x=round(x + step * 0.12, 1),
        width=round(step * 0.76, 1),
        height=height(cell.chance[1]),
        severe=height(cell.chance.get(2, math.nan)),
        usual=height(usual) if math.isfinite(usual) else None,
        colour=cell.colour or "none",
        label=slot_label(slot, lang),
    )


def slot_label(slot: Slot, lang: Language) -> tuple[str, str]:
    """Two short lines under a column: weekday and day; the window's length; or the lead of an index."""
    if slot.kind == "day":
        return lang.dated(slot.valid, "EEEEEE"), lang.dated(slot.valid, "d")
    if slot.kind == "any":
        return lang.say("next"), lang.say("{n} d", n=lang.number(slot.window_days or 0))
    return lang.say_many("{n} day", "{n} days", slot.lead_days), short_date(slot.valid, lang)


def slot_words(slot: Slot, lang: Language) -> str:
    """A column in words."""
    if slot.kind == "any":
        return lang.say_many(
            "any of the next {n} day", "any of the next {n} days", slot.window_days or 0
        )
    return long_date(slot.valid, lang, year=False)


def skill_chart(
    title: str, cells: Sequence[tuple[tuple[str, str], float, float, float, float]], lang: Language
) -> SkillChart | None:
    """Skill against the calendar by lead from (label, published, model, low, high) tuples; None where none is known."""
    known = [v for cell in cells for v in cell[1:] if math.isfinite(v)]
    if not known:
        return None
    y = round_ticks(max(min(known + [0.0]), -0.5), min(max(known + [0.1]), 1.0))
    step = min((RIGHT - LEFT) / len(cells), 90)
    points = tuple(_skill_point(LEFT + (i + 0.5) * step, cell, y) for i, cell in enumerate(cells))
    ticks = tuple(
        (scale(tick, y[0], y[-1], BOTTOM, TOP), lang.number(tick, 2, trim=True)) for tick in y
    )
    zero = scale(0, y[0], y[-1], BOTTOM, TOP)
    return SkillChart(
        lang.say("{hazard}: skill by lead", hazard=title),
        _skill_words(cells, lang),
        points,
        ticks,
        zero,
    )


def _skill_words(
    cells: Sequence[tuple[tuple[str, str], float, float, float, float]], lang: Language
) -> str:
    said = [
        (" ".join(cell[0]).strip(), signed(cell[1], lang), signed(cell[2], lang)) for cell in cells
    ]
    leads = [
        lang.say(
            "{lead}: published {published}, model {model}", lead=lead, published=ours, model=model
        )
        for lead, ours, model in said
    ]
    return lang.say(
        "Skill against the calendar (0 is no better, 1 is perfect). {leads}.",
        leads="; ".join(leads),
    )


def _skill_point(
    x: float, cell: tuple[tuple[str, str], float, float, float, float], y: list[float]
) -> SkillPoint:
    def place(value: float) -> float | None:
        return (
            scale(min(max(value, y[0]), y[-1]), y[0], y[-1], BOTTOM, TOP)
            if math.isfinite(value)
            else None
        )

    label, published, model, low, high = cell
    at = place(model)
    return SkillPoint(
        round(x, 1), place(published), at, place(low) or at or 0.0, place(high) or at or 0.0, label
    )

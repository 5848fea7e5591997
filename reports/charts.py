"""Geometry of the report's charts: numbers become paths in a small coordinate system, the template draws them.

Coordinates are SVG user units with two decimals at most, so that the same data are the same bytes everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from reports.outlook import Outlook, Slot
from reports.wording import DAYS, brief, frequency, long_date, short_date, units

WIDTH, HEIGHT = 400, 196
LEFT, RIGHT, TOP, BOTTOM = 52, 392, 14, 168
MOST_POINTS = 366

Ticks = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class HistoryChart:
    """The recent past at one place: SVG paths, and what they say in words."""

    title: str
    description: str
    units: str
    value: str
    normal: str
    threshold: str
    beyond: str
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
    step = next(power * k for k in (1, 2, 5, 10, 20) if math.ceil(high / (power * k)) - math.floor(low / (power * k)) < most)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 10) + 0.0 for i in range(first, max(last, first + 1) + 1)]


def number(value: float) -> str:
    """A number for an axis or a sentence: at most one decimal, a true minus sign."""
    text = f"{value:.1f}".removesuffix(".0")
    return text.replace("-", "−") if text != "-0" else "0"


def history_chart(history: xr.Dataset, location: str, place: str, most: int = MOST_POINTS) -> HistoryChart | None:
    """The chart of ``value``, ``normal`` and ``threshold`` (time, location) at a place; None where nothing was measured.

    Lines are thinned to ``most`` points.
    """
    if location not in history["location"].values:
        return None
    here = history.sel(location=location)
    columns = {name: np.asarray(here[name].values, dtype=float) for name in ("value", "normal", "threshold")}
    if not np.isfinite(columns["value"]).any():
        return None
    unit = units(str(history.attrs.get("units", "")))
    bars = unit == "mm" and len(here.time) <= MOST_POINTS
    finite = np.concatenate([array[np.isfinite(array)] for array in columns.values()])
    y = round_ticks(min(finite.min(), 0) if bars else finite.min(), finite.max())
    days = pd.DatetimeIndex(here.time.values)
    xs = [scale(i, 0, max(len(days) - 1, 1), LEFT, RIGHT) for i in range(len(days))]
    ys = {name: [scale(v, y[0], y[-1], BOTTOM, TOP) if math.isfinite(v) else None for v in array] for name, array in columns.items()}
    beyond = _beyond(columns)
    past = [point if hit else None for point, hit in zip(ys["value"], beyond, strict=True)]
    what = str(history.attrs.get("title", "Recent past"))
    return HistoryChart(
        title=what,
        description=_history_words(what, place, days, columns, beyond, unit),
        units=unit,
        value=columns_path(xs, ys["value"], scale(max(0, y[0]), y[0], y[-1], BOTTOM, TOP)) if bars else line_path(xs, ys["value"], most),
        normal=line_path(xs, ys["normal"], most),
        threshold=line_path(xs, ys["threshold"], most),
        beyond=columns_path(xs, past, scale(max(0, y[0]), y[0], y[-1], BOTTOM, TOP)) if bars else line_path(xs, past, most),
        place=place,
        bars=bars,
        x_ticks=_time_ticks(days, xs),
        y_ticks=tuple((scale(tick, y[0], y[-1], BOTTOM, TOP), number(tick)) for tick in y),
    )


def _beyond(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Days on the far side of the level-1 threshold; the far side is below where the threshold is below normal."""
    value, normal, threshold = columns["value"], columns["normal"], columns["threshold"]
    both = np.isfinite(normal) & np.isfinite(threshold)
    below = bool(both.any() and np.median((threshold - normal)[both]) < 0)
    with np.errstate(invalid="ignore"):
        return value <= threshold if below else value > threshold


def _history_words(what: str, place: str, days: pd.DatetimeIndex, columns: dict[str, np.ndarray], beyond: np.ndarray, unit: str) -> str:
    last = int(np.flatnonzero(np.isfinite(columns["value"]))[-1])
    text = f"{what} at {place} from {short_date(days[0].date())} {days[0].year} to {short_date(days[-1].date())} {days[-1].year}."
    text += f" Newest value {number(columns['value'][last])} {unit}".rstrip() + f" on {long_date(days[last].date(), year=False)}"
    normal = columns["normal"][last]
    text += f", normal {number(normal)} {unit}".rstrip() + "." if math.isfinite(normal) else "."
    if np.isfinite(columns["threshold"]).any():
        count = int(beyond.sum())
        text += f" Beyond the level-1 threshold on {count} of {int(np.isfinite(columns['value']).sum())} measured days."
    return text


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
    return "".join(f"M{_n(x)} {_n(base)}V{_n(y)}" for x, y in zip(xs, ys, strict=True) if y is not None and y != base)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _time_ticks(days: pd.DatetimeIndex, xs: Sequence[float]) -> Ticks:
    """First days of months; of years where the record shown is longer than a year and a half."""
    years = len(days) > 550
    firsts = [(x, day.date()) for x, day in zip(xs, days, strict=True) if day.day == 1 and (not years or day.month == 1)]
    return tuple((x, str(day.year) if years else short_date(day)[2:]) for x, day in firsts if x < RIGHT - 16)


def outlook_chart(title: str, place: str, slots: Sequence[Slot], row: Sequence[Outlook | None]) -> OutlookChart | None:
    """Bars of the level-1 chance (its severe part darker) and marks of the usual chance; None without any number."""
    shown = [(i, slot, cell) for i, (slot, cell) in enumerate(zip(slots, row, strict=True)) if cell and cell.state == "number"]
    if not shown:
        return None
    top = _top([p for _, _, cell in shown for p in (cell.chance[1], cell.usual[1])])
    first_window = next((i for i, slot in enumerate(slots) if slot.kind == "any"), len(slots))
    gap = 0.5 if 0 < first_window < len(slots) else 0.0
    step = min((RIGHT - LEFT) / (len(slots) + gap), 90)
    bars = tuple(_bar(LEFT + (i + (gap if i >= first_window else 0)) * step, step, slot, cell, top) for i, slot, cell in shown)
    words = [f"{slot_words(slot)} {frequency(cell.chance[1])} (usual {frequency(cell.usual[1])})" for _, slot, cell in shown]
    description = f"Chance of at least unusual at {place}: {'; '.join(words)}."
    return OutlookChart(f"{title}: chance by day, {place}", description, bars, _chance_ticks(top))


def _top(chances: Sequence[float]) -> float:
    highest = max((p for p in chances if math.isfinite(p)), default=0.0)
    return next(top for top in (0.1, 0.2, 0.5, 1.0) if highest <= top * 0.96 or top == 1.0)


def _chance_ticks(top: float) -> Ticks:
    marks = {0.1: (0.05, 0.1), 0.2: (0.1, 0.2), 0.5: (0.1, 0.3, 0.5), 1.0: (0.2, 0.5, 0.8)}[top]
    return ((float(BOTTOM), "0"), *((scale(p, 0, top, BOTTOM, TOP), brief(p)) for p in marks))


def _bar(x: float, step: float, slot: Slot, cell: Outlook, top: float) -> Bar:
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
        label=slot_label(slot),
    )


def slot_label(slot: Slot) -> tuple[str, str]:
    """Two short lines under a column: weekday and day; the window's length; or the lead of an index."""
    if slot.kind == "day":
        return DAYS[slot.valid.weekday()][:2], str(slot.valid.day)
    if slot.kind == "any":
        return "next", f"{slot.window_days} d"
    return f"{slot.lead_days} days", short_date(slot.valid)


def slot_words(slot: Slot) -> str:
    """A column in words."""
    if slot.kind == "any":
        return f"any of the next {slot.window_days} days"
    return long_date(slot.valid, year=False)


def skill_chart(title: str, cells: Sequence[tuple[tuple[str, str], float, float, float, float]]) -> SkillChart | None:
    """Skill against the calendar by lead from (label, published, model, low, high) tuples; None where none is known."""
    known = [v for cell in cells for v in cell[1:] if math.isfinite(v)]
    if not known:
        return None
    y = round_ticks(max(min(known + [0.0]), -0.5), min(max(known + [0.1]), 1.0))
    step = min((RIGHT - LEFT) / len(cells), 90)
    points = tuple(_skill_point(LEFT + (i + 0.5) * step, cell, y) for i, cell in enumerate(cells))
    words = [f"{' '.join(cell[0]).strip()}: published {signed(cell[1])}, model {signed(cell[2])}" for cell in cells]
    description = f"Skill against the calendar (0 is no better, 1 is perfect). {'; '.join(words)}."
    ticks = tuple((scale(tick, y[0], y[-1], BOTTOM, TOP), number_short(tick)) for tick in y)
    return SkillChart(f"{title}: skill by lead", description, points, ticks, scale(0, y[0], y[-1], BOTTOM, TOP))


def _skill_point(x: float, cell: tuple[tuple[str, str], float, float, float, float], y: list[float]) -> SkillPoint:
    def place(value: float) -> float | None:
        return scale(min(max(value, y[0]), y[-1]), y[0], y[-1], BOTTOM, TOP) if math.isfinite(value) else None

    label, published, model, low, high = cell
    at = place(model)
    return SkillPoint(round(x, 1), place(published), at, place(low) or at or 0.0, place(high) or at or 0.0, label)


def signed(value: float) -> str:
    """A skill with its sign and two decimals; a dash for NaN."""
    text = "–" if math.isnan(value) else f"{value:+.2f}".replace("-", "−")
    return "0.00" if text in ("+0.00", "−0.00") else text


def number_short(value: float) -> str:
    """A skill axis label with as many decimals as it needs."""
    return f"{value:g}".replace("-", "−")

"""How good is this, for those who act: how often each colour came and what came of it, and whether chances mean what they say."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from reports.charts import BOTTOM, LEFT, RIGHT, TOP, Ticks, scale
from reports.language import Language, mark
from reports.outlook import Slot
from reports.wording import brief, frequency

SHOWN_LEADS = (0, 1, 3, 6)
"""Of single days; every window and every lead of an index is shown."""

OR_WORSE = {
    "yellow": mark("Yellow or worse"),
    "orange": mark("Orange or worse"),
    "red": mark("Red"),
}
SIDE = BOTTOM - TOP


@dataclass(frozen=True)
class ColourMark:
    """A colour (or worse) at a lead, days a year at a place, as text: ``shown``, ``hits``, ``false`` alarms, ``missed``."""

    colour: str
    title: str
    shown: str
    hits: str
    false: str
    missed: str


@dataclass(frozen=True)
class MarkRow:
    """A lead or window; ``grey``: no colour is shown there since the calendar knows as much."""

    slot: Slot
    grey: bool
    marks: tuple[ColourMark, ...]


@dataclass(frozen=True)
class Bin:
    """A point of the reliability diagram and the bar of its count, in user units, and what it says."""

    x: float
    y: float
    low: float
    high: float
    bar: float
    words: str


@dataclass(frozen=True)
class ReliabilityChart:
    """Chance given against share that happened; ``least`` and ``most`` cases of a bin."""

    title: str
    description: str
    bins: tuple[Bin, ...]
    least: str
    most: str
    x_ticks: Ticks
    y_ticks: Ticks


@dataclass(frozen=True)
class Marks:
    """A hazard's panel: sentences first, then the table, then the diagram."""

    sentences: tuple[str, ...]
    rows: tuple[MarkRow, ...]
    reliability: ReliabilityChart | None


def marks_of(
    hazard: str,
    title: str,
    colours: pd.DataFrame,
    reliability: pd.DataFrame,
    slots: tuple[Slot, ...],
    lang: Language,
) -> Marks | None:
    """The panel of a hazard; None where nothing was counted. ``slots``: the columns of its verdicts, in reading order."""
    mine = colours[colours["hazard"] == hazard] if len(colours) else colours
    if not len(mine):
        return None
    rows = tuple(row for slot in slots if _wanted(slot) and (row := _row(slot, mine, lang)))
    bins = reliability[reliability["hazard"] == hazard] if len(reliability) else reliability
    return Marks(_sentences(mine, slots, lang), rows, _chart(title, bins, lang)) if rows else None


def _wanted(slot: Slot) -> bool:
    return slot.kind != "day" or slot.lead_days in SHOWN_LEADS


def _of(slot: Slot, colours: pd.DataFrame) -> pd.DataFrame:
    same_window = (colours["window_days"] == slot.window_days) | (slot.kind == "index")
    return colours[(colours["lead_days"] == slot.lead_days) & same_window]


def _row(slot: Slot, colours: pd.DataFrame, lang: Language) -> MarkRow | None:
    mine = _of(slot, colours).to_dict("records")
    if not mine:
        return None
    marks = tuple(_mark(one, lang) for one in mine)
    return MarkRow(slot, bool(mine[0]["grey"]), marks)


def _mark(one: dict, lang: Language) -> ColourMark:
    title = OR_WORSE[one["colour"]]
    numbers = [days(float(one[name]), lang) for name in ("shown", "hits", "false", "missed")]
    return ColourMark(str(one["colour"]), lang.say(title), *numbers)


def days(value: float, lang: Language) -> str:
    """Days a year as people say them: 12, 3.5, 0.2, "under 0.1"."""
    if value == 0:
        return lang.number(0)
    if value < 0.05:
        return lang.say("under {n}", n=lang.number(0.1, 1))
    return lang.number(value, 0 if value >= 9.95 else 1)


def _sentences(colours: pd.DataFrame, slots: tuple[Slot, ...], lang: Language) -> tuple[str, ...]:
    """In words, of the first lead that shows a colour: tomorrow's, else the shortest."""
    order = sorted(
        (slot for slot in slots if slot.kind != "any"),
        key=lambda slot: (slot.lead_days != 1, slot.lead_days),
    )
    slot = next(
        (slot for slot in order if len(found := _of(slot, colours)) and not found["grey"].all()),
        None,
    )
    years = lang.say_many(
        "Counted on {n} past year.", "Counted on {n} past years.", int(colours["years"].max())
    )
    if slot is None:
        return (
            lang.say("No colour would have been shown on single days: the calendar knows as much."),
            years,
        )
    ahead = (
        lang.say_many("{n} day ahead", "{n} days ahead", slot.lead_days)
        if slot.lead_days
        else lang.say("on the day itself")
    )
    return (*(_sentence(one, ahead, lang) for one in _of(slot, colours).to_dict("records")), years)


def _sentence(one: dict, ahead: str, lang: Language) -> str:
    numbers = {name: days(one[name], lang) for name in ("shown", "hits", "false", "missed")}
    title = OR_WORSE[one["colour"]]
    values = {"colour": lang.say(title), "ahead": ahead, **numbers}
    if one["shown"] == 0:
        return lang.say(
            "{colour}, {ahead}: never reached; {missed} event days a year at a place came without it.",
            **values,
        )
    return lang.say(
        "{colour}, {ahead}: {shown} days a year at a place. It came true on {hits} of them, {false} were false alarms; "
        "{missed} event days came without it.",
        **values,
    )


def _chart(title: str, bins: pd.DataFrame, lang: Language) -> ReliabilityChart | None:
    if len(bins) < 2:
        return None
    top = next(
        top
        for top in (0.1, 0.2, 0.5, 1.0)
        if bins[["forecast", "observed", "high"]].max().max() <= top or top == 1.0
    )
    most = math.log(bins["n"].max() + 1)
    points = tuple(_bin(one, top, most, lang) for one in bins.to_dict("records"))
    ticks = [top * part for part in (0.0, 0.5, 1.0)]
    return ReliabilityChart(
        lang.say("{hazard}: chance given and share that happened", hazard=title),
        " ".join(point.words for point in points),
        points,
        lang.number(bins["n"].min()),
        lang.number(bins["n"].max()),
        tuple((_x(tick, top), _axis(tick, lang)) for tick in ticks),
        tuple((_y(tick, top), _axis(tick, lang)) for tick in ticks),
    )


def _axis(chance: float, lang: Language) -> str:
    """A round chance on an axis: 0, 1 in 20, 5 in 10, 10 in 10."""
    if chance == 1.0:
        return lang.say("{n} in {many}", n=lang.number(10), many=lang.number(10))
    return brief(chance, lang) if chance else lang.number(0)


def _x(chance: float, top: float) -> float:
    return scale(chance, 0, top, LEFT, RIGHT)


def _y(share: float, top: float) -> float:
    return scale(share, 0, top, BOTTOM, TOP)


def _bin(one: dict, top: float, most: float, lang: Language) -> Bin:
    words = lang.say(
        "Given {chance}: happened {share}, in {n} cases.",
        chance=frequency(one["forecast"], lang),
        share=frequency(one["observed"], lang),
        n=lang.number(one["n"]),
    )
    height = round(math.log(one["n"] + 1) / most * SIDE * 0.22, 1)
    low, high = (_y(min(one[end], top), top) for end in ("low", "high"))
    return Bin(
        _x(one["forecast"], top), _y(min(one["observed"], top), top), low, high, height, words
    )

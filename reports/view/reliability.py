"""The track record: how often each colour came, what came of it, what chances were worth."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.text.language import Language, mark
from reports.view.slots import Slot

SHOWN_LEADS = (0, 1, 3, 6)
"""Of single days; every window and every lead of an index is shown."""

OR_WORSE = {
    "yellow": mark("Yellow or worse"),
    "orange": mark("Orange or worse"),
    "red": mark("Red"),
}


@dataclass(frozen=True)
class ColourCounts:
    """A colour (or worse) at a lead, days a year at a location, as text.

    ``shown``, ``hits``, ``false`` alarms, ``missed``.
    """

    colour: str
    title: str
    shown: str
    hits: str
    false: str
    missed: str


@dataclass(frozen=True)
class ColourCountsRow:
    """A lead or window; ``grey``: no colour is shown there since the calendar knows as much."""

    slot: Slot
    grey: bool
    counts: tuple[ColourCounts, ...]


@dataclass(frozen=True)
class ReliabilityBin:
    """Cases of about one probability: its mean, the share that happened, its range, how many."""

    forecast: float
    observed: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class TrackRecord:
    """A hazard's panel: sentences first, then the table, then the diagram."""

    sentences: tuple[str, ...]
    rows: tuple[ColourCountsRow, ...]
    bins: tuple[ReliabilityBin, ...]


def track_record_of(
    hazard: str,
    colours: pd.DataFrame,
    reliability: pd.DataFrame,
    slots: tuple[Slot, ...],
    lang: Language,
) -> TrackRecord | None:
    """The panel of a hazard.

    None where nothing was counted. ``slots``: the columns of its verdicts, in reading order.
    """
    mine = colours[colours["hazard"] == hazard] if len(colours) else colours
    if not len(mine):
        return None
    rows = tuple(row for slot in slots if _wanted(slot) and (row := _row(slot, mine, lang)))
    bins = reliability[reliability["hazard"] == hazard] if len(reliability) else reliability
    return TrackRecord(_sentences(mine, slots, lang), rows, _bins(bins)) if rows else None


def _bins(table: pd.DataFrame) -> tuple[ReliabilityBin, ...]:
    names = ("forecast", "observed", "low", "high", "n")
    return tuple(ReliabilityBin(*(row[name] for name in names)) for row in table.to_dict("records"))


def _wanted(slot: Slot) -> bool:
    return slot.kind != "day" or slot.lead_days in SHOWN_LEADS


def _of(slot: Slot, colours: pd.DataFrame) -> pd.DataFrame:
    same_window = (colours["window_days"] == slot.window_days) | (slot.kind == "index")
    return colours[(colours["lead_days"] == slot.lead_days) & same_window]


def _row(slot: Slot, colours: pd.DataFrame, lang: Language) -> ColourCountsRow | None:
    mine = _of(slot, colours).to_dict("records")
    if not mine:
        return None
    counts = tuple(_counts(row, lang) for row in mine)
    return ColourCountsRow(slot, bool(mine[0]["grey"]), counts)


def _counts(row: Mapping[Hashable, Any], lang: Language) -> ColourCounts:
    title = OR_WORSE[row["colour"]]
    numbers = [days(float(row[name]), lang) for name in ("shown", "hits", "false", "missed")]
    return ColourCounts(str(row["colour"]), lang.say(title), *numbers)


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
        (slot for slot in order if len(rows := _of(slot, colours)) and not rows["grey"].all()),
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
    return (*(_sentence(row, ahead, lang) for row in _of(slot, colours).to_dict("records")), years)


def _sentence(row: Mapping[Hashable, Any], ahead: str, lang: Language) -> str:
    numbers = {name: days(row[name], lang) for name in ("shown", "hits", "false", "missed")}
    title = OR_WORSE[row["colour"]]
    values = {"colour": lang.say(title), "ahead": ahead, **numbers}
    if row["shown"] == 0:
        return lang.say(
            "{colour}, {ahead}: never reached; {missed} event days a year at a place came "
            "without it.",
            **values,
        )
    return lang.say(
        "{colour}, {ahead}: {shown} days a year at a place. It came true on {hits} of them, "
        "{false} were false alarms; "
        "{missed} event days came without it.",
        **values,
    )

"""The words of the report: dates, chances as natural frequencies, verdicts. Every sentence a reader sees starts here or in a template."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
GREY = "no more than the calendar knows"
COLOUR_WORDS = {"green": "Green", "yellow": "Yellow", "orange": "Orange", "red": "Red", "grey": "Grey"}
COLOUR_MEANINGS = {
    "green": "nothing unusual expected",
    "yellow": "likely enough to be unusual that it pays to prepare",
    "orange": "likely enough to be severe",
    "red": "likely enough to be extreme",
    "grey": GREY,
}
VERDICT_WORDS = {
    "skilful": "better than the calendar and than what is already known.",
    "known": "from what is already known: what has been measured so far gives the number; the model adds nothing proven to it.",
    "no better than usual": "no better than usual: the calendar’s own chance is shown.",
    "not assessed": "not assessed: fewer than 10 event days, or fewer than 5 years that have one.",
    "provisional": "provisional: weather forecasts have been archived for too short a time to be sure.",
}
UNITS = {"degC": "°C", "m3 s-1": "m³/s", "1": "", "m3 m-3": "m³/m³"}

_FEW = (100, 50, 30, 20, 15, 10)


def frequency(chance: float) -> str:
    """A chance as a natural frequency: "7 in 10", "1 in 50", "less than 1 in 100"; "no number" for NaN."""
    if math.isnan(chance):
        return "no number"
    if chance < 0.01:
        return "less than 1 in 100"
    if chance > 0.99:
        return "more than 99 in 100"
    if chance < 0.095:
        return f"1 in {min(_FEW, key=lambda n: abs(math.log(chance * n)))}"
    if chance >= 0.945:
        return "19 in 20" if chance < 0.965 else "49 in 50"
    return f"{(round(chance * 10_000) + 500) // 1000} in 10"


def brief(chance: float) -> str:
    """``frequency`` in the fewest characters, for table cells."""
    return frequency(chance).replace("less than ", "<").replace("more than ", ">")


def long_date(day: date, year: bool = True) -> str:
    """ "Thursday 12 June 2003"; without the year "Thursday 12 June"."""
    return f"{DAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}" + (f" {day.year}" if year else "")


def short_date(day: date) -> str:
    """ "12 Jun"."""
    return f"{day.day} {MONTHS[day.month - 1][:3]}"


def span(first: date, last: date) -> str:
    """ "12 to 18 June", "30 June to 6 July"."""
    start = f"{first.day}" if first.month == last.month else f"{first.day} {MONTHS[first.month - 1]}"
    return f"{start} to {last.day} {MONTHS[last.month - 1]}"


def season(months: tuple[int, int]) -> str:
    """ "May to October"."""
    return f"{MONTHS[months[0] - 1]} to {MONTHS[months[1] - 1]}"


def listing(names: Sequence[str], most: int = 3) -> str:
    """ "A", "A and B", "A, B and C", "A, B, C and 4 more places"; names over 60 characters are cut."""
    shown = [name if len(name) <= 60 else name[:59].rstrip() + "…" for name in names[:most]]
    rest = len(names) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest} more place{'s' if rest > 1 else ''}"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def ahead(lead_days: int) -> str:
    """ "today", "tomorrow", "in 2 days"."""
    return {0: "today", 1: "tomorrow"}.get(lead_days, f"in {lead_days} days")


def ahead_range(first: int, last: int) -> str:
    """Days ahead from first to last: "today", "today and tomorrow", "3 to 9 days ahead"."""
    if first == last:
        return {0: "today", 1: "tomorrow"}.get(first, f"{first} days ahead")
    if (first, last) == (0, 1):
        return "today and tomorrow"
    start = {0: "today", 1: "tomorrow"}.get(first, str(first))
    return f"{start} to {last} days ahead"


def following(issued: date, window_days: int) -> str:
    """The days a window speaks of, "12 to 18 June"."""
    return span(issued, issued + timedelta(days=window_days - 1))


def units(name: str) -> str:
    """A unit as people write it: degC is °C."""
    return UNITS.get(name, name)

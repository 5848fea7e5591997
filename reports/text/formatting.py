"""Formatting: dates, chances as natural frequencies, skills and verdicts as readers see them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from functools import partial, reduce
from types import SimpleNamespace

from reports.text.language import UNITS, Language, isolate, mark

COLOUR_WORDS = {
    "green": mark("Green"),
    "yellow": mark("Yellow"),
    "orange": mark("Orange"),
    "red": mark("Red"),
    "grey": mark("Grey"),
}
COLOUR_MEANINGS = {
    "green": mark("nothing unusual expected"),
    "yellow": mark("likely enough to be unusual that it pays to prepare"),
    "orange": mark("likely enough to be severe"),
    "red": mark("likely enough to be extreme"),
    "grey": mark("no more than the calendar knows"),
}
LEVEL_WORDS = {1: mark("unusual"), 2: mark("severe"), 3: mark("extreme")}
VERDICT_NAMES = {
    "skilful": mark("skilful"),
    "known": mark("from what is known"),
    "no better than usual": mark("no better than usual"),
    "not assessed": mark("not assessed"),
    "provisional": mark("provisional"),
}
VERDICT_WORDS = {
    "skilful": mark("better than the calendar and than what is already known."),
    "known": mark(
        "better than the calendar, from what has been measured so far; "
        "more than that is not proven."
    ),
    "no better than usual": mark(
        "no better than usual: the number is not proven better than the calendar’s."
    ),
    "not assessed": mark(
        "not assessed: fewer than 10 event days, or fewer than 5 years that have one."
    ),
    "provisional": mark(
        "provisional: weather forecasts have been archived for too short a time to be sure."
    ),
}
MAX_NAME_LENGTH = 60

_FEW = (100, 50, 30, 20, 15, 10)


def natural(chance: float) -> tuple[int, int]:
    """A chance from 0.01 to 0.99 as a natural frequency: 7 in 10, 1 in 50."""
    if chance < 0.095:
        return 1, min(_FEW, key=lambda n: abs(math.log(chance * n)))
    if chance >= 0.945:
        return (19, 20) if chance < 0.965 else (49, 50)
    return (round(chance * 10_000) + 500) // 1000, 10


def frequency(chance: float, lang: Language) -> str:
    """A chance as a natural frequency.

    "7 in 10", "1 in 50", "less than 1 in 100"; "no number" for NaN.
    """
    if chance < 0.01:
        return lang.say("less than {n} in {many}", n=lang.number(1), many=lang.number(100))
    if chance > 0.99:
        return lang.say("more than {n} in {many}", n=lang.number(99), many=lang.number(100))
    return _between(chance, lang)


def brief(chance: float, lang: Language) -> str:
    """``frequency`` in the fewest characters, for table cells."""
    if chance < 0.01:
        return lang.say("<{n} in {many}", n=lang.number(1), many=lang.number(100))
    if chance > 0.99:
        return lang.say(">{n} in {many}", n=lang.number(99), many=lang.number(100))
    return _between(chance, lang)


def _between(chance: float, lang: Language) -> str:
    if math.isnan(chance):
        return lang.say("no number")
    n, many = natural(chance)
    return lang.say("{n} in {many}", n=lang.number(n), many=lang.number(many))


def long_date(day: date, lang: Language, year: bool = True) -> str:
    """ "Thursday 12 June 2003"; without the year "Thursday 12 June"."""
    return lang.dated(day, "EEEE d MMMM y" if year else "EEEE d MMMM")


def short_date(day: date, lang: Language) -> str:
    """ "12 Jun"."""
    return lang.dated(day, "d MMM")


def weekday(day: date, lang: Language) -> str:
    """ "Thu"."""
    return lang.dated(day, "EEE")


def ends(first: date, last: date, lang: Language) -> dict[str, str]:
    """The two ends of a span of days, as "12" and "18 June", or "30 June" and "6 July"."""
    return {
        "first": lang.dated(first, "d" if first.month == last.month else "d MMMM"),
        "last": lang.dated(last, "d MMMM"),
    }


def month(number: int, lang: Language) -> str:
    """The name of a month, "May", as it stands in dates.

    Some countries' Arabic names stand in CLDR nowhere else.
    """
    return lang.dated(date(2000, number, 1), "MMMM")


def join(parts: Sequence[str], lang: Language) -> str:
    """ "A, B, C"."""
    return reduce(lambda names, name: lang.say("{names}, {name}", names=names, name=name), parts)


def listing(names: Sequence[str], lang: Language) -> str:
    """ "A", "A and B", "A, B and C"."""
    return (
        names[0]
        if len(names) == 1
        else lang.say("{names} and {name}", names=join(names[:-1], lang), name=names[-1])
    )


def location_listing(names: Sequence[str], lang: Language, most: int = 3) -> str:
    """``listing`` of place names, "A, B, C and 4 more places"; those over 60 characters are cut."""
    shown, rest = [isolate(shortened(name), lang) for name in names[:most]], len(names[most:])
    if not rest:
        return listing(shown, lang)
    return lang.say_many(
        "{names} and {n} more place", "{names} and {n} more places", rest, names=join(shown, lang)
    )


def day_listing(days: Sequence[str], lang: Language, most: int = 3) -> str:
    """``listing`` of days, "12 June, 13 June, 14 June and 2 more days"."""
    rest = len(days[most:])
    if not rest:
        return listing(days, lang)
    return lang.say_many(
        "{days} and {n} more day", "{days} and {n} more days", rest, days=join(days[:most], lang)
    )


def shortened(name: str) -> str:
    """A name of at most 60 characters."""
    return name if len(name) <= MAX_NAME_LENGTH else name[: MAX_NAME_LENGTH - 1].rstrip() + "…"


def ahead(lead_days: int, lang: Language) -> str:
    """ "today", "tomorrow", "in 2 days"."""
    if lead_days < 2:
        return lang.say("tomorrow") if lead_days else lang.say("today")
    return lang.say_many("in {n} day", "in {n} days", lead_days)


def ahead_range(first: int, last: int, lang: Language) -> str:
    """Days ahead from first to last: "today", "today and tomorrow", "3 to 9 days ahead"."""
    if first == last:
        return (
            ahead(first, lang)
            if first < 2
            else lang.say_many("{n} day ahead", "{n} days ahead", first)
        )
    if (first, last) == (0, 1):
        return lang.say("today and tomorrow")
    if first == 0:
        return lang.say_many("today to {n} day ahead", "today to {n} days ahead", last)
    if first == 1:
        return lang.say_many("tomorrow to {n} day ahead", "tomorrow to {n} days ahead", last)
    return lang.say_many(
        "{first} to {n} day ahead", "{first} to {n} days ahead", last, first=lang.number(first)
    )


def units(name: str, lang: Language) -> str:
    """A unit as people write it: degC is °C."""
    unit = UNITS.get(name, name)
    return lang.say(unit) if unit else ""


def amount(value: float, name: str, lang: Language) -> str:
    """A measured value with its unit, no finer than people ask for: "38 °C", "0.4 m³/s"."""
    digits = 0 if abs(value) >= 10 else 1 if abs(value) >= 1 or name == "1" else 2
    shown = lang.number(round(value, digits) + 0.0, digits, trim=name != "1")
    return f"{shown}\u00a0{units(name, lang)}" if units(name, lang) else shown


def amounts(low: float, high: float, name: str, lang: Language) -> str:
    """A span of measured values with its unit: "41 to 44 °C"."""
    if amount(low, name, lang) == amount(high, name, lang):
        return amount(low, name, lang)
    start = amount(low, name, lang).removesuffix(f"\u00a0{units(name, lang)}")
    return lang.say("{low} to {high}", low=start, high=amount(high, name, lang))


def ordinal(n: int, lang: Language) -> str:
    """ "2nd", in French "2e"; where ordinals are words, as in Arabic, the number alone."""
    if lang.tag == "en":
        ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
        return f"{lang.number(n)}{ending}"
    return f"{lang.number(n)}{'er' if n == 1 else 'e'}" if lang.tag == "fr" else lang.number(n)


def months(days: int, lang: Language) -> str:
    """A window of so many days in months: "12 months"."""
    return lang.say_many("{n} month", "{n} months", round(days / 30.4))


def signed(value: float, lang: Language) -> str:
    """A skill with its sign and two decimals; a dash for NaN."""
    if math.isnan(value):
        return "–"
    text = lang.number(abs(value), 2)
    if text == lang.number(0, 2):
        return text
    mark_before = "\u200e" if lang.direction == "rtl" else ""  # keeps the sign before the number
    return f"{mark_before}{'+' if value > 0 else '−'}{text}"


def capital(text: str) -> str:
    """The text with a capital first letter; a program's name, as open_meteo, stays as it is."""
    return text if "_" in text.split(" ", 1)[0] else text[:1].upper() + text[1:]


def words_of(lang: Language) -> SimpleNamespace:
    """These functions as templates call them, without naming the language."""
    spoken = (frequency, brief, long_date, short_date, weekday, ahead, units)
    functions = {function.__name__: partial(function, lang=lang) for function in spoken}
    constants = {
        "COLOUR_WORDS": COLOUR_WORDS,
        "COLOUR_MEANINGS": COLOUR_MEANINGS,
        "LEVEL_WORDS": LEVEL_WORDS,
        "VERDICT_NAMES": VERDICT_NAMES,
    }
    return SimpleNamespace(**functions, **constants, capital=capital)
